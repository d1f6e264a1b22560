/**
 * The chatroom protocol (Assignment 02): names, texts and a few words, over TCP without framing, and as
 * datagrams of `NAME:TEXT` over UDP.
 *
 * @module
 */

const SEGMENT_BYTES = 536;

/** What the server says. */
export const TEXTS = {
  welcome: "Welcome",
  taken: "Name already taken",
  joined: (name: string): string => `User ${name} joined`,
  left: (name: string): string => `User ${name} left`,
  said: (name: string, text: string): string => `${name}: ${text}`,
  shutdown: "server-shutdown",
  tooLong: (limit: number): string => `Message too long. The limit is ${limit} bytes.`,
} as const;

/** Words that are not text when a client sends them. */
export const WORDS = { join: "join", exit: "exit" } as const;

/** Where a user is named in a text that a client shows, as [start, end). Over UDP no blank is behind it. */
export function named(text: string): [start: number, end: number][] {
  const match = /^User (.+) (?:joined|left)$/d.exec(text) ?? /^([^:]+):/d.exec(text);
  return match ? [match.indices![1]!] : [];
}

const EMPTY: Uint8Array = new Uint8Array();
const LF = 0x0a;
const CR = 0x0d;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes UTF-8; undefined for other bytes. */
export function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A text as bytes: bare, and as a line. */
export interface Message {
  /** Without an end, for peers that take each read for a message. */
  readonly bare: Uint8Array;
  /** With LF, for peers that have sent one. */
  readonly line: Uint8Array;
}

/** LF alone: ends the bare text before it, and says that its sender reads lines. */
export const LINE_END: Uint8Array = Uint8Array.of(LF);

/** `Alice: ` in bytes: what stands before a text on its way to others. */
export function prefix(name: string): Uint8Array {
  return encoder.encode(TEXTS.said(name, ""));
}

/** Encodes a text; given as parts, some may be bytes that are relayed as they came. */
export function message(...parts: (string | Uint8Array)[]): Message {
  const pieces = parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
  const line = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 1));
  let at = 0;
  for (const piece of pieces) {
    line.set(piece, at);
    at += piece.length;
  }
  line[at] = LF;
  return { bare: line.subarray(0, -1), line };
}

/** Whether a client says that it leaves. */
export function isExit(bytes: Uint8Array): boolean {
  // Every message is asked: a long one is not worth decoding for it.
  return bytes.length < 64 && decode(bytes)?.trim() === WORDS.exit;
}

/**
 * Messages of a TCP peer. As long as it has not sent LF it writes bare text: each read is a message.
 * Once it has ended `strictAfter` lines it is held to lines. In between, text without an end may be
 * either: it is a message after a silence. Blank lines are no messages.
 */
export class MessageSplitter {
  readonly #maxBytes: number;
  readonly #bareMs: number;
  readonly #strictAfter: number;
  /** What waits, at the beginning of a buffer that grows by doubling. */
  #rest: Uint8Array = EMPTY;
  #waiting = 0;
  #ends = 0;
  #blanks = 0;
  #error: Error | undefined;

  /**
   * `maxBytes` without LF end the stream. A bare read as long as a network segment may be the first part
   * of a write: it is a message only after a silence of `bareMs`, too.
   */
  constructor(
    { maxBytes, bareMs, strictAfter = 1 }: {
      maxBytes: number;
      bareMs: number;
      strictAfter?: number;
    },
  ) {
    this.#maxBytes = maxBytes;
    this.#bareMs = bareMs;
    this.#strictAfter = strictAfter;
  }

  /** Whether the peer has sent LF. */
  get lines(): boolean {
    return this.#ends > 0;
  }

  /** How many blank lines the peer has sent. */
  get blanks(): number {
    return this.#blanks;
  }

  /** Whether text waits of which nobody knows yet whether it is bare or an unfinished line. */
  get unsure(): boolean {
    return this.#waiting > 0 && this.#ends > 0 && this.#ends < this.#strictAfter;
  }

  /** Set once the peer has sent too much without LF. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** See the constructor. */
  get patienceMs(): number | undefined {
    return this.#waiting > 0 && this.#ends < this.#strictAfter ? this.#bareMs : undefined;
  }

  /** Returns the messages that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    if (this.#error) return [];
    const messages: Uint8Array[] = [];
    let from = 0;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      // A line that is whole in one read is no shorter for it.
      if (this.#tooLong(at - from)) return messages;
      const line = this.#take(bytes.subarray(from, at));
      const text = line.at(-1) === CR ? line.subarray(0, -1) : line;
      if (text.length > 0) messages.push(text);
      else this.#blanks++;
      this.#ends++;
      from = at + 1;
    }
    const rest = bytes.subarray(from);
    const whole = this.#ends === 0 && this.#waiting === 0 && rest.length < SEGMENT_BYTES;
    if (whole && rest.length > 0) messages.push(rest);
    else if (rest.length > 0) this.#keep(rest);
    return messages;
  }

  /** Returns the bare text that waits, if any. */
  silence(): Uint8Array[] {
    return this.#waiting > 0 && this.#ends < this.#strictAfter ? [this.#take()] : [];
  }

  /** As `silence`: the unfinished line of a peer that writes lines is dropped. */
  end(): Uint8Array[] {
    return this.silence();
  }

  /** Copied, because the next read comes into the same buffer. */
  #keep(bytes: Uint8Array): void {
    if (this.#tooLong(bytes.length)) return;
    const length = this.#waiting + bytes.length;
    if (length > this.#rest.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(this.#rest.subarray(0, this.#waiting));
      this.#rest = larger;
    }
    this.#rest.set(bytes, this.#waiting);
    this.#waiting = length;
  }

  #tooLong(more: number): boolean {
    if (this.#waiting + more <= this.#maxBytes) return false;
    this.#error = new Error(`no line end within ${this.#maxBytes} bytes`);
    return true;
  }

  /** Returns all that waits with `end` behind; the limit has been looked at. */
  #take(end: Uint8Array = EMPTY): Uint8Array {
    if (this.#waiting === 0) return end;
    this.#keep(end);
    const all = this.#rest.subarray(0, this.#waiting);
    this.#rest = EMPTY;
    this.#waiting = 0;
    return all;
  }
}

/** What a datagram says, seen from the server. */
export type Datagram =
  | { readonly type: "join"; readonly name: string }
  | { readonly type: "exit" }
  | { readonly type: "text"; readonly text: string };

/**
 * Takes a datagram apart that came from the address of the client `name`, or of nobody (undefined).
 * The canonical form is `NAME:TEXT`, the name up to the first colon. Clients that are in may leave their
 * name out; `join:NAME` joins, too. Undefined for what nobody has a right to say.
 */
export function parseDatagram(text: string, name?: string): Datagram | undefined {
  const colon = text.indexOf(":");
  const before = colon === -1 ? "" : text.slice(0, colon).trim();
  const after = (colon === -1 ? text : text.slice(colon + 1)).trim();
  if (colon !== -1 && after === WORDS.join && before) return { type: "join", name: before };
  if (colon !== -1 && before === WORDS.join && after) {
    // A client that is in asks again until it is answered; `join: me, too` of one is a text.
    if (name === undefined || name === after) return { type: "join", name: after };
  }
  if (name === undefined) return undefined;
  if (colon === -1 && after === WORDS.join) return { type: "join", name };
  if (after === WORDS.exit && (colon === -1 || before === name)) return { type: "exit" };
  if (text.trim() === "") return undefined;
  // Only the client's own name in front is a name: `note: hi` is a text.
  return { type: "text", text: colon !== -1 && before === name ? text : `${name}:${text}` };
}
