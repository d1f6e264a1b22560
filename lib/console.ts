/**
 * The person's end of a client, one interface for a terminal and for a pipe. A terminal gets a line
 * editor that incoming lines never disturb; a pipe gets and gives plain lines, byte for byte.
 *
 * @module
 */

import { createInterface, emitKeypressEvents, type Key } from "node:readline";
import { PassThrough, Writable } from "node:stream";
import { draw, erase, nextGrapheme, NOTHING, previousGrapheme, type Size } from "./draw.ts";
import { tryClose, within } from "./net.ts";
import type { Outbound } from "./outbound.ts";
import { escapeControl, type EscapeOptions, typable } from "./program.ts";

// ---- names ----

/** Where names stand in a line, as indices [start, end) in their order. */
export type FindNames = (line: string) => readonly (readonly [start: number, end: number])[];

/** A room that people come and go in for days must not fill the memory. */
const MOST_NAMES = 1000;

/** Colours that can be read on dark and on light ground: no black, white, yellow or dark blue. */
const COLOURS = [31, 32, 33, 35, 36, 91, 92, 94, 95, 96];
const PLAIN = "\x1b[39m";

/** The names in the lines that were shown, the latest last. */
export class Names {
  readonly #find: FindNames;
  readonly #seen = new Set<string>();

  /** `find` knows how the protocol names people. */
  constructor(find: FindNames) {
    this.#find = find;
  }

  /** Keeps a name; of too many the one that was not seen for longest is forgotten. */
  add(name: string): void {
    this.#seen.delete(name);
    this.#seen.add(name);
    if (this.#seen.size <= MOST_NAMES) return;
    for (const oldest of this.#seen) return void this.#seen.delete(oldest);
  }

  /** Keeps the names in a line. */
  see(line: string): void {
    for (const [start, end] of this.#find(line)) this.add(line.slice(start, end));
  }

  /** The names that begin so, by the alphabet. */
  startingWith(word: string): string[] {
    return [...this.#seen].filter((name) => name.startsWith(word)).sort();
  }

  /** The line with each name in its colour, as SGR sequences. Its controls must be escaped before. */
  paint(line: string): string {
    let painted = "";
    let at = 0;
    for (const [start, end] of this.#find(line)) {
      const name = line.slice(start, end);
      painted += `${line.slice(at, start)}\x1b[${colour(name)}m${name}${PLAIN}`;
      at = end;
    }
    return painted + line.slice(at);
  }
}

/** The candidates for the word before the cursor; `line` is all the text before the cursor. */
export type Completer = (word: string, line: string) => readonly string[];

/** Completes a command at the start of a line, and names everywhere else. */
export function completer(commands: readonly string[], names: Names): Completer {
  return (word, line) => {
    const matching = line === word ? commands.filter((command) => command.startsWith(word)) : [];
    return matching.length > 0 || line === "" ? matching : names.startingWith(word);
  };
}

/** The same name has the same colour in every session. */
function colour(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return COLOURS[hash % COLOURS.length]!;
}

// ---- console ----

/** The part of `Deno.stdin` that a console reads. */
export interface ConsoleInput extends Pick<typeof Deno.stdin, "isTerminal" | "setRaw"> {
  /** The bytes as they are typed or piped. Cancelled when the console is closed. */
  readonly readable: ReadableStream<Uint8Array>;
}

/** The part of `Deno.stdout` and `Deno.stderr` that a console writes to. */
export type ConsoleOutput = Pick<typeof Deno.stdout, "write" | "isTerminal">;

/** What {@linkcode openConsole} is told. */
export interface ConsoleOptions {
  /** Takes piped input apart into lines, and bounds how long one of them gets. */
  split: (input: ReadableStream<Uint8Array>) => ReadableStream<string>;
  /** Stands before the typed text on a terminal. A pipe never sees it. Default: nothing. */
  prompt?: string;
  /** Completes words on Tab. */
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
}

/** How a text is shown. */
export interface ShowOptions extends EscapeOptions {
  /** Help behind the text, dim, on a terminal only. */
  hint?: string | undefined;
}

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
export function openConsole(options: ConsoleOptions): Console {
  const { stdin = Deno.stdin, stdout = Deno.stdout } = options;
  const interactive = stdin.isTerminal() && stdout.isTerminal() && !isDumb();
  return interactive ? new Screen(options) : openPipe(options);
}

/**
 * A terminal that can neither move its cursor nor show colours gets plain lines, as a pipe does. TERM is
 * looked at only where that is allowed already; such terminals are rare.
 */
function isDumb(): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "TERM" });
  return state === "granted" && Deno.env.get("TERM") === "dumb";
}

/** Text on its way to an output: what is added while one write is under way leaves in the next. */
class Output {
  readonly #encoder = new TextEncoder();
  readonly #sink: Pick<ConsoleOutput, "write">;
  readonly #frame: (text: string) => string;
  readonly #onClosed: () => void;
  #text = "";
  #waiting = false;
  #pump: Promise<void> | undefined;
  /** Whether writing has failed: nothing that follows is written. */
  closed = false;

  /** `frame` is given the text of each write, and may put around it what belongs there. */
  constructor(
    sink: Pick<ConsoleOutput, "write">,
    { frame = (text) => text, onClosed = () => {} }: {
      frame?: (text: string) => string;
      onClosed?: () => void;
    } = {},
  ) {
    this.#sink = sink;
    this.#frame = frame;
    this.#onClosed = onClosed;
  }

  /** Never throws and never waits; an empty text makes a write of what `frame` has to say. */
  add(text: string): void {
    if (this.closed) return;
    this.#text += text;
    this.#waiting = true;
    this.#pump ??= this.#run();
  }

  /** Resolves once everything is written, or nothing can be written any more. Never rejects. */
  async flushed(): Promise<void> {
    await this.#pump;
  }

  async #run(): Promise<void> {
    try {
      // What this turn of the event loop still has to say goes into the same write.
      await Promise.resolve();
      while (this.#waiting) {
        this.#waiting = false;
        const text = this.#frame(this.#text);
        this.#text = "";
        await this.#write(this.#encoder.encode(text));
      }
    } catch {
      // A pager that quit, a terminal that hung up: nobody is left to be told why.
      this.closed = true;
      this.#onClosed();
    } finally {
      this.#pump = undefined;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const written = await this.#sink.write(bytes.subarray(at));
      if (written === 0) throw new Deno.errors.WriteZero("nothing can be written");
      at += written;
    }
  }
}

/** Plain lines in and out, for a pipe, a file, or a terminal at one end only. */
function openPipe(options: ConsoleOptions): Console {
  const { stdin = Deno.stdin, stdout = Deno.stdout, stderr = Deno.stderr } = options;
  const lines = options.split(stdin.readable).getReader();
  // A read that is under way answers "done" when it is cancelled, so a waiting caller gets its null.
  const endInput = () => void lines.cancel().catch(() => {});
  const onClosed = () => {
    endInput();
    options.onOutputClosed?.();
  };
  const out = new Output(stdout, { onClosed });
  const err = new Output(stderr);
  // Lines piped in, answers on the screen: it is a person's terminal that must be safe.
  const asIs = (text: string) => text;
  const safe = stdout.isTerminal() ? escapeControl : asIs;
  const safeNote = stderr.isTerminal() ? escapeControl : asIs;
  return {
    interactive: false,
    // Standard input that cannot be read (a terminal that hung up) has ended.
    readLine: () => lines.read().then(({ value }) => value ?? null, () => null),
    show: (text, options) => out.add(safe(text, options) + "\n"),
    write: (text) => out.add(text),
    setPrompt: () => {},
    note: (text) => err.add(safeNote(text, { keepLines: true }) + "\n"),
    drained: () => out.flushed(),
    async close() {
      endInput();
      await Promise.all([out.flushed(), err.flushed()]);
    },
  };
}

// ---- screen ----

/** A terminal sends the bytes of one key at once; after this long a lone ESC was the Escape key. */
const ESCAPE_KEY_MS = 50;

/**
 * An edge being dragged changes the size many times. A redraw for one size that reaches the terminal
 * at the next would erase too much, so the line is drawn again once it is left alone for this long.
 */
const RESIZE_QUIET_MS = 50;

/** Where the terminal does not know its size (a pseudo-terminal nobody set up). */
const USUAL_SIZE: Size = { columns: 80, rows: 24 };

const PASTE_BRACKETS_ON = "\x1b[?2004h";
const PASTE_BRACKETS_OFF = "\x1b[?2004l";
/** What a terminal puts before and behind a paste; readline takes the last `~` for a character. */
const PASTE_BRACKET = /^\p{Cc}+\[20([01])(~?)$/u;
const CLEAR_SCREEN = "\x1b[H\x1b[2J";
/** A paste of more lines is sent only when the person says so. */
const PASTE_LINES = 20;

/** readline draws for a terminal of endless rows, and into nothing: its counts of columns are not asked. */
function nowhere(): Writable {
  const output = new Writable({ write: (_bytes, _encoding, done) => done() });
  return Object.assign(output, { columns: 2 ** 30 });
}

/** A terminal until `close()`: readline edits the line, and what is shown goes above it. */
class Screen implements Console {
  readonly interactive = true;
  readonly #options: ConsoleOptions;
  readonly #stdin: ConsoleInput;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #keys = new PassThrough();
  readonly #editor = createInterface({
    input: new PassThrough(),
    output: nowhere(),
    terminal: true,
    historySize: 1000,
    crlfDelay: Infinity,
  });
  readonly #lines: ReadableStreamDefaultReader<string>;
  #typed!: ReadableStreamDefaultController<string>;
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #signals: [Deno.Signal, () => void][];
  #prompt: string;
  #drawn = NOTHING;
  /** Typed characters that readline has not been given yet: one by one, each would cost the whole line. */
  #text = "";
  /** The last key was a Tab that left several candidates: the next one lists them. */
  #tabbed = false;
  #pasting = false;
  #bracketOpen = false;
  /** The whole lines of a paste, until it has ended and, where there are many, the person agrees. */
  #pasted: string[] = [];
  #asking = false;
  #ended = false;
  #closed = false;
  #resizing: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConsoleOptions) {
    const { stdin = Deno.stdin, stdout = Deno.stdout, stderr = Deno.stderr } = options;
    this.#options = options;
    this.#prompt = options.prompt ?? "";
    this.#stdin = stdin;
    this.#lines = new ReadableStream<string>({
      start: (typed) => void (this.#typed = typed),
      cancel: () => void (this.#ended = true),
    }).getReader();
    this.#stdout = new Output(stdout, {
      frame: (above) => this.#frame(above),
      onClosed: () => {
        this.#lines.cancel();
        options.onOutputClosed?.();
      },
    });
    this.#stderr = new Output(stderr);
    this.#editor.on("line", (line) => this.#pasted.push(line));
    emitKeypressEvents(this.#keys, { escapeCodeTimeout: ESCAPE_KEY_MS } as never);
    this.#keys.on("keypress", (text, key) => this.#press(text, key));
    this.#reader = stdin.readable.getReader();
    stdin.setRaw(true);
    // Windows has none of these; there the next key draws the line in the new size.
    this.#signals = Deno.build.os === "windows" ? [] : [["SIGWINCH", () => this.#resized()]];
    for (const [name, handler] of this.#signals) Deno.addSignalListener(name, handler);
    this.#stdout.add(PASTE_BRACKETS_ON);
    this.#listen();
  }

  readLine(): Promise<string | null> {
    return this.#lines.read().then(({ value }) => value ?? null);
  }

  show(text: string, options?: ShowOptions): void {
    const { timestamps, now = () => new Date() } = this.#options;
    const time = timestamps ? `${now().toTimeString().slice(0, 8)} ` : "";
    const hint = options?.hint ? `  ${Deno.noColor ? options.hint : dim(options.hint)}` : "";
    this.#print(time + this.#named(escapeControl(text, options)) + hint);
  }

  write(text: string): void {
    this.#stdout.add(text);
  }

  setPrompt(prompt: string): void {
    this.#prompt = prompt;
    this.#stdout.add("");
  }

  note(text: string): void {
    const { stderr = Deno.stderr } = this.#options;
    // Standard error sent elsewhere was sent there on purpose.
    if (stderr.isTerminal()) this.#print(escapeControl(text, { keepLines: true }));
    else this.#stderr.add(text + "\n");
  }

  drained(): Promise<void> {
    return this.#stdout.flushed();
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      clearTimeout(this.#resizing);
      for (const [name, handler] of this.#signals) Deno.removeSignalListener(name, handler);
      this.#lines.cancel();
      this.#reader.cancel().catch(() => {});
      // Any character ends readline's wait for the rest of a key; not while it is within one.
      queueMicrotask(() => this.#keys.emit("data", Uint8Array.of(0x20)));
      this.#restore();
      // A line that was being typed stays to be read; an empty prompt goes.
      const { line } = this.#editor;
      this.#stdout.add((line && `${this.#prompt}${line}\r\n`) + PASTE_BRACKETS_OFF);
      this.#editor.close();
    }
    await Promise.all([this.#stdout.flushed(), this.#stderr.flushed()]);
  }

  #named(text: string): string {
    const { names } = this.#options;
    if (!names) return text;
    return text.split("\n").map((line) => {
      names.see(line);
      return Deno.noColor ? line : names.paint(line);
    }).join("\n");
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

  #resized(): void {
    clearTimeout(this.#resizing);
    this.#resizing = setTimeout(() => this.#stdout.add(""), RESIZE_QUIET_MS);
  }

  /** Whole rows above the typed line end in CR LF: raw mode translates nothing. */
  #print(text: string): void {
    this.#stdout.add(text.replaceAll("\n", "\r\n") + "\r\n");
  }

  /** Each write whole: the old line erased, what is new, the line again. */
  #frame(above: string): string {
    const size = this.#size();
    const erased = erase(this.#drawn, size.columns);
    const { line, cursor } = this.#editor;
    this.#drawn = this.#closed ? NOTHING : draw({ prompt: this.#prompt, text: line, cursor }, size);
    return erased + above + this.#drawn.bytes;
  }

  /** Keys are taken at once, whether or not the program waits for a line. */
  async #listen(): Promise<void> {
    for (;;) {
      // A terminal that hung up is the end of what is typed.
      const { value } = await this.#reader.read().catch(() => ({ value: undefined }));
      if (value === undefined || this.#closed) break;
      this.#keys.emit("data", value);
      this.#insert();
      this.#stdout.add("");
    }
    this.#end();
  }

  #press(text: string | undefined, key: Key): void {
    if (this.#closed) return;
    const bracket = PASTE_BRACKET.exec(key.sequence ?? "");
    const rest = this.#bracketOpen && text === "~";
    this.#bracketOpen = bracket?.[2] === "";
    if (bracket) this.#paste(bracket[1] === "0");
    else if (rest) return;
    else if (this.#asking) this.#answer(key);
    else if (this.#pasting && key.name !== "return" && key.name !== "enter") {
      this.#text += typable(text ?? key.sequence ?? "");
    } else if (text !== undefined && text >= " " && text !== "\x7f") this.#text += typable(text);
    else this.#command(key);
    this.#tabbed &&= key.name === "tab";
  }

  #insert(): void {
    if (this.#closed) return;
    if (this.#text !== "") this.#editor.write(this.#text);
    this.#text = "";
    // What joins two characters, a mark typed before another, may leave the cursor inside the new one.
    const { line, cursor } = this.#editor;
    const end = cursor === 0 ? 0 : nextGrapheme(line, cursor - 1);
    if (end > cursor) this.#repeat({ name: "right" }, line.slice(cursor, end));
  }

  #command(key: Key): void {
    this.#insert();
    switch ((key.ctrl ? "^" : "") + (key.meta ? "alt-" : "") + key.name) {
      case "^c":
        return this.#options.onInterrupt ? this.#options.onInterrupt() : this.#end();
      case "^l":
        return this.#stdout.add(CLEAR_SCREEN);
      case "tab":
        return this.#complete();
      case "^d":
        return this.#editor.line === "" ? this.#end() : this.#repeat(key, this.#ahead());
      case "delete":
      case "right":
      case "^f":
        return this.#repeat(key, this.#ahead());
      case "backspace":
      case "left":
      case "^b":
      case "^h":
        return this.#repeat(key, this.#behind());
    }
    // Alt and an arrow mean on macOS what Control and an arrow mean elsewhere.
    const byWord = key.meta && (key.name === "left" || key.name === "right");
    this.#editor.write(null as never, byWord ? { name: key.name, ctrl: true } : key);
    if (!this.#pasting) this.#submit();
  }

  /** What readline took for whole lines: at once, or together when a paste has ended. */
  #submit(): void {
    for (const line of this.#pasted.splice(0)) {
      // What was typed stays above as it was, broken by the terminal so that it copies as one line.
      this.#stdout.add(`${this.#prompt}${line}\r\n`);
      if (!this.#ended) this.#typed.enqueue(line);
    }
  }

  /** Lines that are here already are still given. */
  #end(): void {
    if (!this.#ended) this.#typed.close();
    this.#ended = true;
  }

  #paste(begins: boolean): void {
    this.#insert();
    this.#pasting = begins;
    if (begins || this.#pasted.length === 0) return;
    this.#asking = this.#pasted.length > PASTE_LINES;
    const count = this.#pasted.length;
    if (this.#asking) {
      this.note(`${count} lines are pasted: Enter sends them, any other key drops them`);
    } else this.#submit();
  }

  #answer(key: Key): void {
    this.#asking = false;
    if (key.name !== "return" && key.name !== "enter") {
      this.#pasted = [];
      this.note("nothing of it is sent");
    }
    this.#submit();
  }

  /** Presses a key once for each character of what it passes over: a family of four is one for a person. */
  #repeat(key: Key, passed: string): void {
    for (const _ of passed) this.#editor.write(null as never, key);
  }

  #ahead(): string {
    const { line, cursor } = this.#editor;
    return line.slice(cursor, nextGrapheme(line, cursor));
  }

  #behind(): string {
    const { line, cursor } = this.#editor;
    return line.slice(previousGrapheme(line, cursor), cursor);
  }

  #complete(): void {
    const { line, cursor } = this.#editor;
    const before = line.slice(0, cursor);
    const word = before.slice(before.lastIndexOf(" ") + 1);
    // Candidates are often names that peers chose: what cannot be typed does not get in this way.
    const candidates = this.#options.complete?.(word, before).map(typable) ?? [];
    const more = commonPrefix(candidates).slice(word.length);
    const blank = candidates.length === 1 && line[cursor] !== " " ? " " : "";
    if (this.#tabbed && candidates.length > 1) this.#print(candidates.join("  "));
    this.#text = more + blank;
    this.#insert();
    this.#tabbed = candidates.length > 1;
  }
}

function dim(text: string): string {
  return `\x1b[2m${text}\x1b[22m`;
}

function commonPrefix(candidates: readonly string[]): string {
  const [first = "", ...others] = candidates;
  let prefix = "";
  // By code point: half of a surrogate pair is not a prefix.
  for (const character of first) {
    if (!others.every((other) => other.startsWith(prefix + character))) break;
    prefix += character;
  }
  return prefix;
}

// ---- converse ----

/** The parts of a conversation. */
export interface Conversation {
  /** The person's end. Closed at the end. */
  console: Console;
  /** The queue to the server. Discarded at the end. */
  outbound: Outbound;
  /** Resolves when the person has left; what is queued by then is still sent. */
  typing: Promise<void>;
  /** Resolves when the server has ended the connection. */
  listening: Promise<void>;
  /** How long, in ms, a server gets to end the connection once the person has left. */
  leaveMs: number;
}

/** Waits for the end of a conversation over `conn`, and says who ended it. */
export async function converse(
  conn: Deno.TcpConn,
  { console, outbound, typing, listening, leaveMs }: Conversation,
): Promise<"left" | "gone"> {
  const first = await Promise.race([
    typing.then(() => "left" as const),
    listening.then(() => "gone" as const),
  ]);
  if (first === "left") await within(leaveMs, outbound.drained().then(() => listening));
  outbound.discard();
  tryClose(conn);
  await Promise.all([listening, console.close(), typing]);
  return first;
}
