/**
 * The person's end of a client, one interface for a terminal and for a pipe. A terminal gets a line
 * editor that incoming lines never disturb; a pipe gets and gives plain lines, byte for byte.
 *
 * @module
 */

import { escapeControl, type EscapeOptions } from "./escape.ts";
import type { Completer } from "./editor.ts";
import type { Names } from "./names.ts";
import { Output, type Sink } from "./output.ts";
import type { Size } from "./render.ts";
import { openScreen } from "./screen.ts";

/** The part of `Deno.stdin` that a console reads. */
export interface ConsoleInput {
  /** The bytes as they are typed or piped. Cancelled when the console is closed. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Whether a person's terminal is at the other end. */
  isTerminal(): boolean;
  /** Takes each key as it is pressed (true), or whole lines (false). */
  setRaw(mode: boolean): void;
}

/** The part of `Deno.stdout` and `Deno.stderr` that a console writes to. */
export interface ConsoleOutput extends Sink {
  /** Whether a person's terminal is at the other end. */
  isTerminal(): boolean;
}

/** Runs something later, unless the function it returns is called before. */
export type Delay = (delayMs: number, run: () => void) => () => void;

/** What {@linkcode openConsole} can be told. */
export interface ConsoleOptions {
  /** Stands before the typed text on a terminal. A pipe never sees it. Default: nothing. */
  prompt?: string;
  /** Completes words on Tab: the candidates for `word`, where `line` is the text up to the cursor. */
  complete?: Completer;
  /**
   * Control-C on a terminal, whose raw mode keeps it from becoming a signal; without a terminal it
   * is SIGINT as ever. Default: the end of the input.
   */
  onInterrupt?: () => void;
  /** Standard output can no longer be written. {@linkcode Console.readLine} gives null then, too. */
  onOutputClosed?: () => void;
  /** Puts the local time as `HH:MM:SS ` before each shown text, on a terminal only. Default: no. */
  timestamps?: boolean;
  /** Learns the names in what is shown, and colours them, on a terminal only. Default: nothing. */
  names?: Names;
  /** Whether names are coloured. Default: unless `NO_COLOR` is set. */
  colours?: boolean;
  /** Default: `Deno.stdin`. */
  stdin?: ConsoleInput;
  /** Default: `Deno.stdout`. */
  stdout?: ConsoleOutput;
  /** Default: `Deno.stderr`. */
  stderr?: ConsoleOutput;
  /** The terminal's size now. Default: `Deno.consoleSize`. */
  size?: () => Size;
  /** The time for `timestamps`. Default: the clock. */
  now?: () => Date;
  /** Waits for the pause after an Escape key and after a resize. Default: a timer. */
  after?: Delay;
}

/** A person at a terminal, or a program at a pipe. */
export interface Console {
  /** Whether there is a line editor: both ends are a terminal that can move its cursor. */
  readonly interactive: boolean;
  /**
   * The next line without its end (LF or CRLF); null at the end of the input, once standard output
   * is closed, and after {@linkcode close}. A last line without an end counts; invalid UTF-8 is
   * replaced. A call waits for the calls before it.
   */
  readLine(): Promise<string | null>;
  /**
   * Shows text from a peer and ends the line. A terminal gets it above the typed text with its control
   * characters escaped; a pipe gets exactly `text` and `\n`. `keepLines` is for texts that are lists:
   * a message of several lines could pass for the messages of others.
   */
  show(text: string, options?: EscapeOptions): void;
  /** Writes exactly these characters to standard output, for a protocol that has its own prompt. */
  write(text: string): void;
  /** Changes what stands before the typed text on a terminal. */
  setPrompt(prompt: string): void;
  /** Help for the person: on standard error, or above the typed text. Ends the line. */
  note(text: string): void;
  /**
   * Resolves when what was shown so far is written or cannot be: a client that waits for it before
   * it reads more from its server is read at the pace of a slow pipe instead of filling memory.
   */
  drained(): Promise<void>;
  /**
   * Gives the terminal back, ends a waiting {@linkcode readLine} with null, and resolves when all
   * that was shown is written. Further calls do the same. What is shown later is still written.
   */
  close(): Promise<void>;
}

/** Opens standard input and output for a person or a pipe, whichever is there. Asks for no permission. */
export function openConsole(options: ConsoleOptions = {}): Console {
  const { stdin = Deno.stdin, stdout = Deno.stdout } = options;
  const interactive = stdin.isTerminal() && stdout.isTerminal() && !isDumb();
  return interactive ? openScreen(options) : new PipeConsole(options);
}

/**
 * A terminal that can neither move its cursor nor show colours gets plain lines, as a pipe does. TERM is
 * looked at only where that is allowed already; such terminals are rare.
 */
function isDumb(): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "TERM" });
  return state === "granted" && Deno.env.get("TERM") === "dumb";
}

/** A line longer than this is given in parts: an endless one must not fill the memory. */
const LINE_MAX_CHARACTERS = 1024 * 1024;

class PipeConsole implements Console {
  readonly interactive = false;
  readonly #input: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #safe: typeof escapeControl;
  readonly #safeNote: typeof escapeControl;
  readonly #stdout: Output;
  readonly #stderr: Output;
  #out = "";
  #err = "";
  /** The lines of the last read, and how many of them are given out. */
  #lines: string[] = [];
  #given = 0;
  #partial = "";
  #ended = false;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(options: ConsoleOptions) {
    const { stdin = Deno.stdin, stdout = Deno.stdout, stderr = Deno.stderr } = options;
    this.#input = stdin.readable.getReader();
    // Lines piped in, answers on the screen: it is a person's terminal that must be safe.
    this.#safe = stdout.isTerminal() ? escapeControl : (text) => text;
    this.#safeNote = stderr.isTerminal() ? escapeControl : (text) => text;
    this.#stdout = new Output(stdout, () => {
      const text = this.#out;
      this.#out = "";
      return text;
    }, {
      onClosed: () => {
        this.#endInput();
        options.onOutputClosed?.();
      },
    });
    this.#stderr = new Output(stderr, () => {
      const text = this.#err;
      this.#err = "";
      return text;
    });
  }

  readLine(): Promise<string | null> {
    const line = this.#reading.then(() => this.#nextLine());
    this.#reading = line;
    return line;
  }

  show(text: string, options?: EscapeOptions): void {
    this.write(this.#safe(text, options) + "\n");
  }

  write(text: string): void {
    if (this.#stdout.closed) return;
    this.#out += text;
    this.#stdout.wake();
  }

  setPrompt(_prompt: string): void {}

  note(text: string): void {
    if (this.#stderr.closed) return;
    this.#err += this.#safeNote(text, { keepLines: true }) + "\n";
    this.#stderr.wake();
  }

  drained(): Promise<void> {
    return this.#stdout.flushed();
  }

  async close(): Promise<void> {
    this.#endInput();
    await Promise.all([this.#stdout.flushed(), this.#stderr.flushed()]);
  }

  /** A read that is under way answers "done" when it is cancelled, so a waiting caller gets its null. */
  #endInput(): void {
    this.#ended = true;
    this.#lines = [];
    this.#partial = "";
    this.#input.cancel().catch(() => {});
  }

  async #nextLine(): Promise<string | null> {
    while (this.#given === this.#lines.length && !this.#ended) {
      // Standard input that cannot be read (a terminal that hung up) has ended.
      const { value } = await this.#input.read().catch(() => ({ value: undefined }));
      if (this.#ended) return null;
      this.#take(value);
    }
    return this.#lines[this.#given++] ?? null;
  }

  #take(chunk: Uint8Array | undefined): void {
    this.#ended = chunk === undefined;
    const pieces = this.#decoder.decode(chunk, { stream: !this.#ended }).split("\n");
    pieces[0] = this.#partial + pieces[0];
    this.#partial = pieces.pop()!;
    this.#given = 0;
    this.#lines = pieces.map((line) => line.endsWith("\r") ? line.slice(0, -1) : line);
    const enough = this.#partial.length > LINE_MAX_CHARACTERS;
    if (enough || (this.#ended && this.#partial !== "")) {
      this.#lines.push(this.#partial);
      this.#partial = "";
    }
  }
}
