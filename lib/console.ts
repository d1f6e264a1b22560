/**
 * The person's end of a client, one interface for a terminal and for a pipe. A terminal gets a line
 * editor that incoming lines never disturb; a pipe gets and gives plain lines, byte for byte.
 *
 * @module
 */

import { createInterface, emitKeypressEvents, type Key } from "node:readline";
import { PassThrough, Writable } from "node:stream";
import * as drawing from "./draw.ts";
import { within } from "./net.ts";
import { escapeControl, type EscapeOptions } from "./operator.ts";
import { Flow, Outbound } from "./outbound.ts";

// ---- console ----

/** The part of `Deno.stdin` that a console reads; it is cancelled when the console is closed. */
export type ConsoleInput =
  & Pick<typeof Deno.stdin, "isTerminal" | "setRaw">
  & Readonly<Record<"readable", ReadableStream<Uint8Array>>>;

/** The part of `Deno.stdout` and `Deno.stderr` that a console writes to. */
export type ConsoleOutput = Pick<typeof Deno.stdout, "write" | "isTerminal">;

/** What a console stands on: the process's streams, the size of its terminal now, and the clock. */
export type ConsoleEnds = {
  stdin: ConsoleInput;
  stdout: ConsoleOutput;
  stderr: ConsoleOutput;
  size: () => drawing.Size;
  now: () => Date;
};

/** What {@linkcode openConsole} is told; its ends are those of the process by default. */
export interface ConsoleOptions extends Partial<ConsoleEnds> {
  /** Takes piped input apart into lines, and bounds how long one of them gets. */
  split: (input: ReadableStream<Uint8Array>) => ReadableStream<string>;
  /** Stands before the typed text on a terminal. Default: nothing. */
  prompt?: string;
  /** Tab completes them at the start of a line, and everywhere else the names below. */
  commands?: readonly string[];
  /** Finds the names in what is shown, which a terminal then completes and colours. */
  named?: drawing.FindNames;
  /** Finds a name in a typed line, as its first group. */
  typed?: RegExp;
  /** Control-C on a terminal; on a pipe it is SIGINT as ever. Default: the end of the input. */
  onInterrupt?: () => void;
  /** Puts the local time as `HH:MM:SS ` before each shown text, on a terminal only. */
  timestamps?: boolean;
}

/** How a text is shown: `hint` is help behind it, dim, on a terminal only. */
export type ShowOptions = EscapeOptions & { hint?: string | undefined };

/** A person at a terminal, or a program at a pipe. */
export interface Console {
  /** Whether there is a line editor: both ends are a terminal that can move its cursor. */
  readonly interactive: boolean;
  /**
   * The next line without its end; null at the end of the input, once standard output is closed, and
   * after {@linkcode close}. A call waits for the calls before it.
   */
  readLine(): Promise<string | null>;
  /**
   * Shows text from a peer and ends the line. A terminal gets it above the typed text with its control
   * characters escaped; a pipe gets exactly `text` and `\n`. `keepLines` is for texts that are lists:
   * a message of several lines could pass for the messages of others.
   */
  show(text: string, options?: ShowOptions): void;
  /** Writes exactly these characters to standard output, for a protocol that has its own prompt. */
  write(text: string): void;
  /** Changes what stands before the typed text on a terminal. */
  setPrompt(prompt: string): void;
  /** Help for the person: on standard error, or above the typed text. Ends the line. */
  note(text: string): void;
  /** Resolves when all that was shown is written or cannot be. */
  drained(): Promise<void>;
  /**
   * Gives the terminal back, ends a waiting {@linkcode readLine} with null, and resolves when all
   * that was shown is written. Further calls do the same. What is shown later is still written.
   */
  close(): Promise<void>;
}

type Settled = ConsoleOptions & ConsoleEnds;

/** Opens standard input and output for a person or a pipe, whichever is there. Asks for no permission. */
export function openConsole(options: ConsoleOptions): Console {
  const { stdin, stdout, stderr, consoleSize: size } = Deno;
  const settled = { stdin, stdout, stderr, size, now: () => new Date(), ...options };
  // TERM is looked at only where that is allowed: a terminal that cannot move its cursor is rare.
  const { state } = Deno.permissions.querySync({ name: "env", variable: "TERM" });
  const dumb = state === "granted" && Deno.env.get("TERM") === "dumb";
  const interactive = settled.stdin.isTerminal() && settled.stdout.isTerminal() && !dumb;
  return interactive ? new Screen(settled) : openPipe(settled);
}

/** Text for an output, which is waited for as long as the person waits. */
function queue(sink: ConsoleOutput, onCut?: () => void): (text: string) => Promise<void> {
  const flow = new Flow({ softBytes: Infinity, hardBytes: Infinity, stuckMs: Infinity });
  const outbound = new Outbound(sink, flow, onCut && { onCut });
  const encoder = new TextEncoder();
  return (text) => {
    outbound.send(encoder.encode(text));
    return outbound.drained();
  };
}

/** Plain lines in and out, for a pipe, a file, or a terminal at one end only. */
function openPipe({ stdin, stdout, stderr, split }: Settled): Console {
  const lines = split(stdin.readable).getReader();
  // A read that is under way answers "done" when it is cancelled, so a waiting caller gets its null.
  const endInput = () => void lines.cancel().catch(() => {});
  const out = queue(stdout, endInput);
  const err = queue(stderr);
  // Lines piped in, answers on the screen: it is a person's terminal that must be safe.
  const safe = (output: ConsoleOutput, text: string, options: EscapeOptions = {}) =>
    output.isTerminal() ? escapeControl(text, options) : text;
  return {
    interactive: false,
    // Standard input that cannot be read (a terminal that hung up) has ended.
    readLine: () => lines.read().then(({ value }) => value ?? null, () => null),
    show: (text, options) => void out(safe(stdout, text, options) + "\n"),
    write: (text) => void out(text),
    setPrompt: () => {},
    note: (text) => void err(safe(stderr, text, { keepLines: true }) + "\n"),
    drained: () => out(""),
    async close() {
      endInput();
      await Promise.all([out(""), err("")]);
    },
  };
}

// ---- screen ----

/** A room that people come and go in for days must not fill the memory. */
const MOST_NAMES = 1000;

/** A terminal sends the bytes of one key at once; after this long a lone ESC was the Escape key. */
const ESCAPE_KEY_MS = 50;
/** An edge being dragged changes the size many times: the line is drawn when it has been left alone. */
const RESIZE_QUIET_MS = 50;
const PASTE_BRACKETS_ON = "\x1b[?2004h";
const PASTE_BRACKETS_OFF = "\x1b[?2004l";
/** What a terminal puts before and behind a paste; readline takes the last `~` for a character. */
const PASTE_BRACKET = /^\p{Cc}+\[20([01])(~?)$/u;
/** A paste of more lines is sent only when the person says so. */
const PASTE_LINES = 20;

/** A terminal until `close()`: readline edits the line, and what is shown goes above it. */
class Screen implements Console {
  readonly interactive = true;
  readonly #options: Settled;
  readonly #keys = new PassThrough();
  readonly #editor = createInterface({
    input: new PassThrough(),
    // readline draws into nothing, in rows without an end: where the text breaks is not its business.
    output: Object.assign(new Writable({ write: (_, __, done) => done() }), { columns: 2 ** 30 }),
    terminal: true,
    historySize: 1000,
    crlfDelay: Infinity,
  });
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #typed = new TransformStream<string, string>();
  readonly #lines = this.#typed.readable.getReader();
  readonly #submitted = this.#typed.writable.getWriter();
  readonly #stdout: (text: string) => Promise<void>;
  readonly #stderr: (text: string) => Promise<void>;
  readonly #interrupt: () => void;
  readonly #signals: [Deno.Signal, () => void][] = [
    ["SIGWINCH", () => this.#later(RESIZE_QUIET_MS)],
    ["SIGCONT", () => this.#resume()],
    ["SIGHUP", () => this.#interrupt()],
    ["SIGQUIT", () => void within(200, this.close()).finally(() => Deno.exit(131))],
  ];
  #prompt: string;
  /** What goes above the line with the next write. */
  #above = PASTE_BRACKETS_ON;
  #drawn = drawing.NOTHING;
  #drawing: Promise<void> | undefined;
  #stale = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Typed characters that readline has not been given yet: one by one, each would cost the whole line. */
  #text = "";
  #state: "typing" | "pasting" | "asking" | "suspended" | "closed" = "typing";
  /** Whole lines that are not submitted yet; those of a paste wait for its end. */
  #entered: string[] = [];
  #bracketOpen = false;
  /** The names that were shown and typed, the latest last. */
  readonly #names = new Set<string>();
  /** The last key was a Tab that left several candidates: the next one lists them. */
  #tabbed = false;

  constructor(options: Settled) {
    const { stdin, stdout, stderr, prompt = "", onInterrupt = () => this.#end() } = options;
    this.#options = options;
    this.#prompt = prompt;
    this.#interrupt = onInterrupt;
    this.#stdout = queue(stdout, () => void this.#lines.cancel());
    this.#stderr = queue(stderr);
    this.#editor.on("line", (line) => this.#entered.push(line));
    emitKeypressEvents(this.#keys, { escapeCodeTimeout: ESCAPE_KEY_MS } as never);
    this.#keys.on("keypress", (text, key) => this.#press(text, key));
    this.#reader = stdin.readable.getReader();
    stdin.setRaw(true);
    // Windows has none of these; there the next key draws the line in the new size.
    if (Deno.build.os === "windows") this.#signals = [];
    for (const [name, handler] of this.#signals) Deno.addSignalListener(name, handler);
    this.#draw();
    this.#listen();
  }

  readLine(): Promise<string | null> {
    return this.#lines.read().then(({ value }) => value ?? null);
  }

  show(text: string, options: ShowOptions = {}): void {
    const { named, timestamps, now } = this.#options;
    const time = timestamps ? `${now().toTimeString().slice(0, 8)} ` : "";
    const lines = escapeControl(text, options).split("\n").map((line) => {
      for (const [start, end] of named?.(line) ?? []) this.#learn(line.slice(start, end));
      return named && !Deno.noColor ? drawing.paint(line, named) : line;
    });
    const hint = options.hint && (Deno.noColor ? options.hint : `\x1b[2m${options.hint}\x1b[22m`);
    this.write(time + lines.join("\r\n") + (hint ? `  ${hint}` : "") + "\r\n");
  }

  write(text: string): void {
    this.#above += text;
    this.#draw();
  }

  setPrompt(prompt: string): void {
    this.#prompt = prompt;
    this.#draw();
  }

  note(text: string): void {
    // Standard error sent elsewhere was sent there on purpose.
    if (!this.#options.stderr.isTerminal()) return void this.#stderr(text + "\n");
    this.write(escapeControl(text, { keepLines: true }).replaceAll("\n", "\r\n") + "\r\n");
  }

  async drained(): Promise<void> {
    await this.#drawing;
  }

  async close(): Promise<void> {
    if (this.#state !== "closed") {
      this.#state = "closed";
      clearTimeout(this.#timer);
      for (const [name, handler] of this.#signals) Deno.removeSignalListener(name, handler);
      this.#lines.cancel();
      this.#reader.cancel().catch(() => {});
      // Any character ends readline's wait for the rest of a key; it may be in the middle of one now.
      queueMicrotask(() => this.#keys.emit("data", Uint8Array.of(0x20)));
      this.#setRaw(false);
      // A line that was being typed stays to be read; an empty prompt goes.
      const { line } = this.#editor;
      this.write((line && `${this.#prompt}${line}\r\n`) + PASTE_BRACKETS_OFF);
      this.#editor.close();
    }
    await Promise.all([this.#drawing, this.#stderr("")]);
  }

  #setRaw(raw: boolean): void {
    try {
      this.#options.stdin.setRaw(raw);
    } catch {
      // The terminal hung up: there is nothing to give back.
    }
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#state === "suspended" ? this.#resume() : this.#draw(), ms);
  }

  #draw(): void {
    this.#stale = true;
    this.#drawing ??= this.#write();
  }

  /** Each write whole, and all that is new in it: the old line erased, what goes above, the line again. */
  async #write(): Promise<void> {
    // What this turn of the event loop still has to say goes into the same write.
    await Promise.resolve();
    while (this.#stale) {
      this.#stale = false;
      const size = this.#size();
      const erased = drawing.erase(this.#drawn, size.columns);
      const { line: text, cursor } = this.#editor;
      const line = { prompt: this.#prompt, text, cursor };
      const hidden = this.#state === "closed" || this.#state === "suspended";
      this.#drawn = hidden ? drawing.NOTHING : drawing.draw(line, size);
      const above = this.#above;
      this.#above = "";
      await this.#stdout(erased + above + this.#drawn.bytes);
    }
    this.#drawing = undefined;
  }

  /** A terminal does not know its size where it was not set up, or has gone. */
  #size(): drawing.Size {
    try {
      const size = this.#options.size();
      if (size.columns > 0 && size.rows > 0) return size;
    } catch {
      // The next write finds out that the terminal has gone.
    }
    return { columns: 80, rows: 24 };
  }

  /** Keys are taken at once, whether or not the program waits for a line. */
  async #listen(): Promise<void> {
    for (;;) {
      // A terminal that hung up is the end of what is typed.
      const { value } = await this.#reader.read().catch(() => ({ value: undefined }));
      if (value === undefined || this.#state === "closed") break;
      this.#keys.emit("data", value);
      this.#insert();
      this.#draw();
    }
    this.#end();
  }

  #press(text: string | undefined, key: Key): void {
    if (this.#state === "closed") return;
    const enter = key.name === "return" || key.name === "enter";
    const bracket = PASTE_BRACKET.exec(key.sequence ?? "");
    const rest = this.#bracketOpen && text === "~";
    this.#bracketOpen = bracket?.[2] === "";
    if (rest) return;
    if (bracket) this.#paste(bracket[1] === "0");
    else if (this.#state === "asking") this.#answer(enter);
    else if (this.#state === "pasting" && !enter) this.#text += typable(text ?? key.sequence ?? "");
    else if (text !== undefined && text >= " " && text !== "\x7f") this.#text += typable(text);
    else this.#command(key);
    this.#tabbed &&= key.name === "tab";
  }

  #insert(): void {
    if (this.#state === "closed") return;
    if (this.#text !== "") this.#editor.write(this.#text);
    this.#text = "";
    // What joins two characters, a mark typed before another, may leave the cursor inside the new one.
    const { line, cursor } = this.#editor;
    const end = cursor === 0 ? 0 : drawing.nextGrapheme(line, cursor - 1);
    if (end > cursor) this.#repeat({ name: "right" }, line.slice(cursor, end));
  }

  #command(key: Key): void {
    this.#insert();
    const { line, cursor } = this.#editor;
    const name = (key.ctrl ? "^" : "") + (key.meta ? "alt-" : "") + key.name;
    if (name === "^c") return this.#interrupt();
    if (name === "^z") return void this.#suspend();
    if (name === "^l") return void (this.#above += "\x1b[H\x1b[2J");
    if (name === "tab") return this.#complete();
    if (name === "^d" && line === "") return this.#end();
    if (/^(\^d|\^f|delete|right)$/.test(name)) {
      this.#repeat(key, line.slice(cursor, drawing.nextGrapheme(line, cursor)));
    } else if (/^(\^b|\^h|backspace|left)$/.test(name)) {
      this.#repeat(key, line.slice(drawing.previousGrapheme(line, cursor), cursor));
    } else if (/^alt-(left|right)$/.test(name)) {
      // They mean on macOS what Control and an arrow mean elsewhere.
      this.#repeat({ name: key.name!, ctrl: true }, "1");
    } else this.#repeat(key, "1");
    if (this.#state !== "pasting") this.#submit();
  }

  /** Presses a key once for each character that it passes: what a person sees as one may be several. */
  #repeat(key: Key, passed: string): void {
    for (const _ of passed) this.#editor.write(null as never, key);
  }

  #learn(name: string): void {
    this.#names.delete(name);
    if (name !== "") this.#names.add(name);
    if (this.#names.size > MOST_NAMES) this.#names.delete(this.#names.values().next().value!);
  }

  /** Lines that are here already are still given. */
  #end(): void {
    this.#submitted.close().catch(() => {});
  }

  #submit(): void {
    for (const line of this.#entered.splice(0)) {
      // What was typed stays above as it was, broken by the terminal so that it copies as one line.
      this.#above += `${this.#prompt}${line}\r\n`;
      this.#learn(this.#options.typed?.exec(line)?.[1] ?? "");
      this.#submitted.write(line).catch(() => {});
    }
  }

  #paste(begins: boolean): void {
    this.#insert();
    const { length } = this.#entered;
    this.#state = begins ? "pasting" : length > PASTE_LINES ? "asking" : "typing";
    if (this.#state === "typing") this.#submit();
    if (this.#state !== "asking") return;
    this.note(`${length} lines are pasted: Enter sends them, any other key drops them`);
  }

  #answer(yes: boolean): void {
    this.#state = "typing";
    if (!yes) this.note("nothing of it is sent");
    if (!yes) this.#entered = [];
    this.#submit();
  }

  /** The shell gets its terminal as it was; the line is drawn again when the person comes back. */
  async #suspend(): Promise<void> {
    if (Deno.build.os === "windows") return;
    this.#state = "suspended";
    this.write(PASTE_BRACKETS_OFF);
    await this.#drawing;
    this.#setRaw(false);
    // Where no shell could bring the process back, the system does not stop it: then the timer does.
    this.#later(100);
    Deno.kill(Deno.pid, "SIGTSTP");
  }

  #resume(): void {
    if (this.#state === "suspended") this.#state = "typing";
    if (this.#state === "closed") return;
    this.#setRaw(true);
    this.write(PASTE_BRACKETS_ON);
  }

  #complete(): void {
    const { line, cursor } = this.#editor;
    const before = line.slice(0, cursor);
    const word = before.slice(before.lastIndexOf(" ") + 1);
    const fitting = (words: Iterable<string>) => [...words].filter((each) => each.startsWith(word));
    const commands = before === word ? fitting(this.#options.commands ?? []) : [];
    const names = before === "" ? [] : fitting(this.#names).sort();
    // Names are what peers chose: what cannot be typed does not get in this way.
    const candidates = (commands.length > 0 ? commands : names).map(typable);
    if (this.#tabbed && candidates.length > 1) this.write(candidates.join("  ") + "\r\n");
    this.#tabbed = candidates.length > 1;
    const blank = candidates.length === 1 && line[cursor] !== " " ? " " : "";
    let prefix = candidates[0] ?? "";
    while (!candidates.every((each) => each.startsWith(prefix))) prefix = prefix.slice(0, -1);
    // Half of a character is none that can be typed.
    this.#text = typable(prefix.slice(word.length)) + blank;
    this.#insert();
  }
}

/** The text as it may stand in a line being typed: no tab, and nothing that a terminal would obey. */
export function typable(text: string): string {
  const characters = Array.from(text.replaceAll("\t", " "));
  return characters.filter((each) => escapeControl(each) === each).join("");
}
