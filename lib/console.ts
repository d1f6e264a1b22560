/**
 * The person's end of a client, one interface for a terminal and for a pipe. A terminal gets a line
 * editor that incoming lines never disturb; a pipe gets and gives plain lines, byte for byte.
 *
 * @module
 */

import {
  draw,
  erase,
  graphemes,
  nextGrapheme,
  NOTHING,
  previousGrapheme,
  type Size,
} from "./draw.ts";
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

  /** Keeps the names in a line; returns how many there are. */
  see(line: string): number {
    const found = this.#find(line);
    for (const [start, end] of found) this.add(line.slice(start, end));
    return found.length;
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

// ---- output ----

/** The part of `Deno.stdout` that is written to. */
export interface Sink {
  /** Writes some of the bytes; resolves to how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Takes text from `produce` whenever it is idle and there may be some, until there is none. While
 * one write is under way everything new gathers behind it and leaves in the next.
 */
export class Output {
  readonly #encoder = new TextEncoder();
  readonly #sink: Sink;
  readonly #produce: () => string;
  readonly #onClosed: () => void;
  #pump: Promise<void> | undefined;
  #closed = false;

  /** `onClosed` is called once, when the first write fails. */
  constructor(sink: Sink, produce: () => string, options: { onClosed?: () => void } = {}) {
    this.#sink = sink;
    this.#produce = produce;
    this.#onClosed = options.onClosed ?? (() => {});
  }

  /** Whether writing has failed: nothing that follows is written. */
  get closed(): boolean {
    return this.#closed;
  }

  /** There may be text to write. Never throws and never waits. */
  wake(): void {
    if (!this.#closed) this.#pump ??= this.#run();
  }

  /** Resolves once everything is written, or nothing can be written any more. Never rejects. */
  async flushed(): Promise<void> {
    await this.#pump;
  }

  async #run(): Promise<void> {
    try {
      // What this turn of the event loop still has to say goes into the same write.
      await Promise.resolve();
      for (let text = this.#produce(); text !== ""; text = this.#produce()) await this.#write(text);
    } catch {
      // A pager that quit, a terminal that hung up: there is nobody left to tell why.
      this.#closed = true;
      this.#onClosed();
    } finally {
      this.#pump = undefined;
    }
  }

  async #write(text: string): Promise<void> {
    let bytes = this.#encoder.encode(text);
    while (bytes.length > 0) {
      const written = await this.#sink.write(bytes);
      if (written === 0) throw new Deno.errors.WriteZero("nothing can be written");
      bytes = bytes.subarray(written);
    }
  }
}

// ---- keys ----

/** What a key asks for; several keys may ask for the same. */
export type Key =
  | "left"
  | "right"
  | "word-left"
  | "word-right"
  | "home"
  | "end"
  | "up"
  | "down"
  | "backspace"
  | "delete"
  | "delete-or-end"
  | "delete-word-left"
  | "delete-word-right"
  | "delete-to-start"
  | "delete-to-end"
  | "delete-argument"
  | "yank"
  | "tab"
  | "enter"
  | "clear"
  | "interrupt";

/** One thing that a person did: text typed or pasted (never with a control character), or a key. */
export type Input = { readonly text: string } | { readonly key: Key };

const CONTROL: Record<string, Key> = {
  "\x01": "home",
  "\x02": "left",
  "\x03": "interrupt",
  "\x04": "delete-or-end",
  "\x05": "end",
  "\x06": "right",
  "\x08": "backspace",
  "\t": "tab",
  "\n": "enter",
  "\x0b": "delete-to-end",
  "\x0c": "clear",
  "\r": "enter",
  "\x0e": "down",
  "\x10": "up",
  "\x15": "delete-to-start",
  "\x17": "delete-argument",
  "\x19": "yank",
  "\x7f": "backspace",
};

/** What follows ESC directly: the Alt key. */
const ALT: Record<string, Key> = {
  b: "word-left",
  f: "word-right",
  d: "delete-word-right",
  "\x7f": "delete-word-left",
  "\x08": "delete-word-left",
};

/** What follows `ESC [` or `ESC O`: parameters without their leading 1, then the final byte. */
const SEQUENCE: Record<string, Key> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  "1~": "home",
  "7~": "home",
  "4~": "end",
  "8~": "end",
  "3~": "delete",
  "3;5~": "delete-word-right",
  // 5 is Control, 3 is Alt; macOS terminals send the second for the same wish.
  "1;5C": "word-right",
  "1;5D": "word-left",
  "1;3C": "word-right",
  "1;3D": "word-left",
  // rxvt, after ESC O and after ESC [.
  c: "word-right",
  d: "word-left",
};

const PASTE_START = "200~";
const PASTE_END = "\x1b[201~";
/** A sequence longer than this is none; what follows is text again. */
const SEQUENCE_MAX_CHARACTERS = 32;

/** Splits a terminal's bytes into keys and text, however the reads cut them. */
export class KeyDecoder {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The sequence begun and not yet ended: "" or ESC and what followed it. */
  #sequence = "";
  #pasting = false;
  #text = "";
  #afterReturn = false;
  #inputs: Input[] = [];

  /** The keys and texts that these bytes complete, in order. Invalid UTF-8 becomes U+FFFD. */
  decode(bytes: Uint8Array): Input[] {
    for (const character of this.#decoder.decode(bytes, { stream: true })) this.#take(character);
    this.#flushText();
    const inputs = this.#inputs;
    this.#inputs = [];
    return inputs;
  }

  /** Whether an escape sequence has begun and not ended. */
  get waiting(): boolean {
    return this.#sequence !== "" && !this.#pasting;
  }

  /**
   * Nothing more came for a moment, so a lone ESC was a key of its own and means nothing. Without
   * this the next letter would be taken for an Alt key.
   */
  idle(): void {
    if (!this.#pasting) this.#sequence = "";
  }

  #take(character: string): void {
    if (this.#pasting) return this.#paste(character);
    if (this.#sequence !== "") return this.#continue(character);
    if (character === "\x1b") this.#sequence = character;
    else this.#plain(character);
  }

  #plain(character: string): void {
    const second = character === "\n" && this.#afterReturn;
    this.#afterReturn = character === "\r";
    // CR LF is one Enter: a terminal without bracketed paste may send a file's lines so.
    if (second) return;
    const key = CONTROL[character];
    if (key !== undefined) this.#press(key);
    else this.#text += typable(character);
  }

  #continue(character: string): void {
    const sequence = this.#sequence + character;
    this.#sequence = "";
    if (character === "\x1b") {
      this.#sequence = character; // what was begun is given up; a new one starts here
    } else if (sequence.length === 2) {
      if (character === "[" || character === "O") this.#sequence = sequence;
      else if (Object.hasOwn(ALT, character)) this.#press(ALT[character]!);
      else this.#plain(character); // Escape, then something typed: only the ESC is dropped
    } else if (character < " ") {
      this.#plain(character); // a control key inside a sequence ends it and counts
    } else if (sequence === "\x1b[[") {
      this.#sequence = sequence; // F1 to F5 of the Linux console: one letter follows
    } else if (character >= "@" && character <= "~") {
      this.#finish(sequence.slice(2));
    } else if (character < "@" && sequence.length < SEQUENCE_MAX_CHARACTERS) {
      this.#sequence = sequence;
    } else {
      this.#plain(character);
    }
  }

  #finish(sequence: string): void {
    this.#afterReturn = false;
    if (sequence === PASTE_START) {
      this.#flushText();
      this.#pasting = true;
    } else if (Object.hasOwn(SEQUENCE, sequence)) {
      this.#press(SEQUENCE[sequence]!);
    }
  }

  /** In a paste only its end is a sequence, line ends are Enter, and a tab completes nothing. */
  #paste(character: string): void {
    if (PASTE_END.startsWith(this.#sequence + character)) {
      this.#sequence += character;
      if (this.#sequence !== PASTE_END) return;
      this.#sequence = "";
      this.#pasting = false;
      this.#afterReturn = false;
      return;
    }
    if (this.#sequence !== "") {
      // Not the end after all: what was held back is pasted text, its ESC left out.
      this.#text += this.#sequence.slice(1);
      this.#sequence = "";
      return this.#paste(character);
    }
    if (character === "\r" || character === "\n") this.#plain(character);
    else {
      this.#afterReturn = false;
      this.#text += typable(character);
    }
  }

  #press(key: Key): void {
    this.#flushText();
    this.#inputs.push({ key });
  }

  #flushText(): void {
    if (this.#text !== "") this.#inputs.push({ text: this.#text });
    this.#text = "";
  }
}

// ---- editor ----

/** A line being typed, and what the keys remember between lines. */
export interface Editor {
  /** What is typed so far. */
  readonly text: string;
  /** Where typed text goes: an index into `text`, always between two grapheme clusters. */
  readonly cursor: number;
  /** The lines submitted so far, oldest first. */
  readonly history: readonly string[];
  /** Which line of the history is shown; `history.length` is the one being written. */
  readonly at: number;
  /** The line being written, kept while the history is looked through. */
  readonly draft: string;
  /** What the last deletion of more than a character took: the yank key gives it back. */
  readonly killed: string;
  /** The last key was a Tab that left several candidates: the next one lists them. */
  readonly tabbed: boolean;
}

/** What a key meant to the program, where it meant more than a change of the line. */
export type EditorEvent =
  | { readonly type: "line"; readonly text: string }
  | { readonly type: "candidates"; readonly candidates: readonly string[] }
  | { readonly type: "clear" }
  | { readonly type: "interrupt" }
  | { readonly type: "end" };

/** The state after an input, and the event that it was, if it was one. */
export interface Edited {
  /** The state to go on with. */
  readonly editor: Editor;
  /** What the program must act on; most keys have none. */
  readonly event?: EditorEvent;
}

/** The candidates for the word before the cursor; `line` is all the text before the cursor. */
export type Completer = (word: string, line: string) => readonly string[];

/** An empty line without a history. */
export const EMPTY_EDITOR: Editor = {
  text: "",
  cursor: 0,
  history: [],
  at: 0,
  draft: "",
  killed: "",
  tabbed: false,
};

/** Nobody looks further back, and the memory of a program left open must not grow for ever. */
const HISTORY_LINES = 1000;

/** The editor after one input. Completion does nothing without a completer. */
export function edit(editor: Editor, input: Input, complete: Completer = () => []): Edited {
  if ("text" in input) return { editor: insert(editor, input.text) };
  switch (input.key) {
    case "enter":
      return submit(editor);
    case "tab":
      return completed(editor, complete);
    case "interrupt":
    case "clear":
      return { editor: calm(editor), event: { type: input.key } };
    case "delete-or-end":
      if (editor.text === "") return { editor: calm(editor), event: { type: "end" } };
      return { editor: cut(editor, editor.cursor, right(editor)) };
    default:
      return { editor: MOVES[input.key](editor) };
  }
}

type Move = Exclude<Key, "enter" | "tab" | "interrupt" | "clear" | "delete-or-end">;

const MOVES: Record<Move, (editor: Editor) => Editor> = {
  left: (editor) => moved(editor, left(editor)),
  right: (editor) => moved(editor, right(editor)),
  "word-left": (editor) => moved(editor, wordLeft(editor)),
  "word-right": (editor) => moved(editor, wordRight(editor)),
  home: (editor) => moved(editor, 0),
  end: (editor) => moved(editor, editor.text.length),
  up: (editor) => recalled(editor, editor.at - 1),
  down: (editor) => recalled(editor, editor.at + 1),
  backspace: (editor) => cut(editor, left(editor), editor.cursor),
  delete: (editor) => cut(editor, editor.cursor, right(editor)),
  "delete-word-left": (editor) => kill(editor, wordLeft(editor), editor.cursor),
  "delete-word-right": (editor) => kill(editor, editor.cursor, wordRight(editor)),
  "delete-argument": (editor) => kill(editor, argumentStart(editor), editor.cursor),
  "delete-to-start": (editor) => kill(editor, 0, editor.cursor),
  "delete-to-end": (editor) => kill(editor, editor.cursor, editor.text.length),
  yank: (editor) => insert(editor, editor.killed),
};

function calm(editor: Editor): Editor {
  return editor.tabbed ? { ...editor, tabbed: false } : editor;
}

function moved(editor: Editor, cursor: number): Editor {
  return { ...editor, cursor, tabbed: false };
}

function left({ text, cursor }: Editor): number {
  return previousGrapheme(text, cursor);
}

function right({ text, cursor }: Editor): number {
  return nextGrapheme(text, cursor);
}

/** Letters and digits make a word; its marks and joiners come with their cluster. */
function isWord(cluster: string): boolean {
  return /[\p{L}\p{N}_]/u.test(String.fromCodePoint(cluster.codePointAt(0)!));
}

// Both go through the clusters once: to ask for each one's neighbour takes quadratic time.
function wordLeft({ text, cursor }: Editor): number {
  let [start, end] = [0, 0];
  let inWord = false;
  for (const cluster of graphemes(text.slice(0, cursor))) {
    const word = isWord(cluster);
    if (word && !inWord) start = end;
    inWord = word;
    end += cluster.length;
  }
  return start;
}

function wordRight({ text, cursor }: Editor): number {
  let end = cursor;
  let inWord = false;
  for (const cluster of graphemes(text.slice(cursor))) {
    if (isWord(cluster)) inWord = true;
    else if (inWord) break;
    end += cluster.length;
  }
  return end;
}

/** Where the blank-separated word before the cursor begins, blanks after it included. */
function argumentStart({ text, cursor }: Editor): number {
  let start = cursor;
  while (start > 0 && text[start - 1] === " ") start--;
  while (start > 0 && text[start - 1] !== " ") start--;
  return start;
}

function insert(editor: Editor, text: string): Editor {
  const before = editor.text.slice(0, editor.cursor) + text;
  const whole = before + editor.text.slice(editor.cursor);
  return { ...editor, text: whole, cursor: onBoundary(whole, before.length), tabbed: false };
}

/** What joins two clusters (a mark typed before another) may leave the cursor inside the new one. */
function onBoundary(text: string, cursor: number): number {
  if (cursor === 0 || cursor === text.length) return cursor;
  const end = nextGrapheme(text, cursor - 1);
  return end > cursor ? end : cursor;
}

function cut(editor: Editor, start: number, end: number): Editor {
  const text = editor.text.slice(0, start) + editor.text.slice(end);
  return { ...editor, text, cursor: onBoundary(text, start), tabbed: false };
}

function kill(editor: Editor, start: number, end: number): Editor {
  const killed = start === end ? editor.killed : editor.text.slice(start, end);
  return { ...cut(editor, start, end), killed };
}

function submit(editor: Editor): Edited {
  const { text } = editor;
  // A line sent twice in a row is found again with one key, not two.
  const again = text === "" || text === editor.history.at(-1);
  const history = again ? editor.history : [...editor.history, text].slice(-HISTORY_LINES);
  const { killed } = editor;
  return {
    editor: { ...EMPTY_EDITOR, history, at: history.length, killed },
    event: { type: "line", text },
  };
}

function recalled(editor: Editor, at: number): Editor {
  const { history } = editor;
  if (at < 0 || at > history.length) return calm(editor);
  const draft = editor.at === history.length ? editor.text : editor.draft;
  const text = at === history.length ? draft : history[at]!;
  return { ...editor, text, cursor: text.length, at, draft, tabbed: false };
}

function completed(editor: Editor, complete: Completer): Edited {
  const line = editor.text.slice(0, editor.cursor);
  const word = line.slice(line.lastIndexOf(" ") + 1);
  // Candidates are often names that peers chose: what cannot be typed does not get in this way.
  const candidates = complete(word, line).map(typable);
  if (candidates.length === 0) return { editor: calm(editor) };
  if (candidates.length === 1) {
    const blank = editor.text[editor.cursor] === " " ? "" : " ";
    return { editor: replaceWord(editor, word, candidates[0]! + blank) };
  }
  if (editor.tabbed) return { editor, event: { type: "candidates", candidates } };
  const prefix = commonPrefix(candidates);
  const grown = prefix.length > word.length ? replaceWord(editor, word, prefix) : editor;
  return { editor: { ...grown, tabbed: true } };
}

function replaceWord(editor: Editor, word: string, by: string): Editor {
  return insert(cut(editor, editor.cursor - word.length, editor.cursor), by);
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

// ---- terminal ----

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
