/**
 * The console on a terminal: the editor of `editor.ts` in raw mode, drawn by `render.ts`, with what
 * is shown going above it.
 *
 * @module
 */

import { edit, EMPTY_EDITOR } from "./editor.ts";
import { escapeControl, type EscapeOptions } from "./escape.ts";
import { type Input, KeyDecoder } from "./keys.ts";
import { Output } from "./output.ts";
import { draw, erase, NOTHING, type Size } from "./render.ts";
import type { Console, ConsoleInput, ConsoleOptions, Delay } from "./terminal.ts";

/** A terminal sends the bytes of one key at once; after this long a lone ESC was the Escape key. */
const ESCAPE_KEY_MS = 50;

/**
 * An edge being dragged changes the size many times. A redraw for one size that reaches the terminal
 * at the next would erase too much, so the line is drawn again once it is left alone for this long.
 */
const RESIZE_QUIET_MS = 50;

/** Where the terminal does not know its size (a pseudo-terminal nobody set up). */
const USUAL_SIZE: Size = { columns: 80, rows: 24 };

/** Windows has no such signal; there the next key draws the line in the new size. */
const RESIZE_SIGNAL = Deno.build.os === "windows" ? undefined : "SIGWINCH";

const PASTE_BRACKETS_ON = "\x1b[?2004h";
const PASTE_BRACKETS_OFF = "\x1b[?2004l";
const CLEAR_SCREEN = "\x1b[H\x1b[2J";

/** Takes over the terminal until `close()`. Both ends must be terminals. */
export function openScreen(options: ConsoleOptions): Console {
  return new Screen(options);
}

class Screen implements Console {
  readonly interactive = true;
  readonly #options: ConsoleOptions;
  readonly #after: Delay;
  readonly #stdin: ConsoleInput;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #keys = new KeyDecoder();
  readonly #lines = new LineQueue();
  readonly #stdout: Output;
  readonly #stderr: Output;
  #editor = EMPTY_EDITOR;
  #prompt: string;
  /** Whole rows to write above the typed line, each ended by CR LF: raw mode translates nothing. */
  #above = PASTE_BRACKETS_ON;
  #notes = "";
  #drawn = NOTHING;
  #stale = true;
  #closed = false;
  #stopEscape = () => {};
  #stopResize = () => {};

  constructor(options: ConsoleOptions) {
    const { stdin = Deno.stdin, stdout = Deno.stdout, stderr = Deno.stderr } = options;
    this.#options = options;
    this.#after = options.after ?? afterTimeout;
    this.#prompt = options.prompt ?? "";
    this.#stdin = stdin;
    this.#stdout = new Output(stdout, () => this.#render(), {
      onClosed: () => {
        this.#lines.drop();
        options.onOutputClosed?.();
      },
    });
    this.#stderr = new Output(stderr, () => {
      const text = this.#notes;
      this.#notes = "";
      return text;
    });
    this.#reader = stdin.readable.getReader();
    stdin.setRaw(true);
    if (RESIZE_SIGNAL) Deno.addSignalListener(RESIZE_SIGNAL, this.#resized);
    this.#redraw();
    this.#listen();
  }

  readLine(): Promise<string | null> {
    return this.#lines.next();
  }

  show(text: string, options?: EscapeOptions): void {
    const time = this.#options.timestamps ? `${timeOfDay(this.#now())} ` : "";
    this.#print(time + this.#named(escapeControl(text, options)));
  }

  write(text: string): void {
    this.#above += text;
    this.#redraw();
  }

  setPrompt(prompt: string): void {
    this.#prompt = prompt;
    this.#redraw();
  }

  note(text: string): void {
    const { stderr = Deno.stderr } = this.#options;
    // Standard error sent elsewhere was sent there on purpose.
    if (stderr.isTerminal()) return this.#print(escapeControl(text, { keepLines: true }));
    this.#notes += text + "\n";
    this.#stderr.wake();
  }

  drained(): Promise<void> {
    return this.#stdout.flushed();
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#stopEscape();
      this.#stopResize();
      if (RESIZE_SIGNAL) Deno.removeSignalListener(RESIZE_SIGNAL, this.#resized);
      this.#lines.drop();
      this.#reader.cancel().catch(() => {});
      this.#restore();
      // A line that was being typed stays to be read; an empty prompt goes.
      if (this.#editor.text !== "") this.#above += this.#prompt + this.#editor.text + "\r\n";
      this.#above += PASTE_BRACKETS_OFF;
      this.#redraw();
    }
    await Promise.all([this.#stdout.flushed(), this.#stderr.flushed()]);
  }

  #named(text: string): string {
    const { names, colours = !Deno.noColor } = this.#options;
    if (!names) return text;
    return text.split("\n").map((line) => {
      names.see(line);
      return colours ? names.paint(line) : line;
    }).join("\n");
  }

  #now(): Date {
    return this.#options.now?.() ?? new Date();
  }

  #size(): Size {
    const { size = Deno.consoleSize } = this.#options;
    try {
      const { columns, rows } = size();
      return columns > 0 && rows > 0 ? { columns, rows } : USUAL_SIZE;
    } catch {
      return USUAL_SIZE; // the terminal has gone; the next write finds that out
    }
  }

  /** A program that exits without this gets its terminal back from the runtime. */
  #restore(): void {
    try {
      this.#stdin.setRaw(false);
    } catch {
      // The terminal hung up: there is nothing to give back.
    }
  }

  readonly #redraw = (): void => {
    this.#stale = true;
    this.#stdout.wake();
  };

  readonly #resized = (): void => {
    this.#stopResize();
    this.#stopResize = this.#after(RESIZE_QUIET_MS, this.#redraw);
  };

  #print(text: string): void {
    if (this.#stdout.closed) return;
    this.#above += text.replaceAll("\n", "\r\n") + "\r\n";
    this.#redraw();
  }

  /** Everything since the last write as one: the old line erased, what is new, the line again. */
  #render(): string {
    if (!this.#stale) return "";
    this.#stale = false;
    const size = this.#size();
    const erased = erase(this.#drawn, size.columns);
    const above = this.#above;
    this.#above = "";
    this.#drawn = this.#closed
      ? NOTHING
      : draw({ prompt: this.#prompt, text: this.#editor.text, cursor: this.#editor.cursor }, size);
    return erased + above + this.#drawn.bytes;
  }

  /** Keys are taken at once, whether or not the program waits for a line. */
  async #listen(): Promise<void> {
    try {
      for (;;) {
        const { value } = await this.#reader.read();
        if (value === undefined || this.#closed) break;
        this.#stopEscape();
        for (const input of this.#keys.decode(value)) this.#take(input);
        if (this.#keys.waiting) {
          this.#stopEscape = this.#after(ESCAPE_KEY_MS, () => this.#keys.idle());
        }
      }
    } catch {
      // A terminal that hung up is the end of what is typed.
    }
    this.#lines.end();
  }

  #take(input: Input): void {
    const { editor, event } = edit(this.#editor, input, this.#options.complete);
    this.#editor = editor;
    this.#redraw();
    switch (event?.type) {
      case "line":
        // What was typed stays above as it was, broken by the terminal so that it copies as one line.
        this.#above += `${this.#prompt}${event.text}\r\n`;
        return this.#lines.push(event.text);
      case "candidates":
        return this.#print(event.candidates.join("  "));
      case "clear":
        this.#above += CLEAR_SCREEN;
        return;
      case "interrupt":
        return this.#options.onInterrupt ? this.#options.onInterrupt() : this.#lines.end();
      case "end":
        return this.#lines.end();
    }
  }
}

/** Lines typed before they are asked for, or askers who wait for a line. */
class LineQueue {
  #lines: string[] = [];
  /** How many of the lines are given out: a long paste must not be moved up for each. */
  #given = 0;
  readonly #askers: ((line: string | null) => void)[] = [];
  #ended = false;

  push(line: string): void {
    if (this.#ended) return;
    const asker = this.#askers.shift();
    if (asker) asker(line);
    else this.#lines.push(line);
  }

  /** Lines that are here already are still given. */
  end(): void {
    this.#ended = true;
    for (const asker of this.#askers.splice(0)) asker(null);
  }

  /** The end, and nobody is left for the lines that are here. */
  drop(): void {
    this.#lines = [];
    this.#given = 0;
    this.end();
  }

  next(): Promise<string | null> {
    if (this.#given < this.#lines.length) return Promise.resolve(this.#lines[this.#given++]!);
    this.#lines = [];
    this.#given = 0;
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve) => this.#askers.push(resolve));
  }
}

function afterTimeout(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}

function timeOfDay(date: Date): string {
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
