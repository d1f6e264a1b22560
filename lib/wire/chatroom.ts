/**
 * The chatroom protocol (Assignment 02): names, texts and a few words, over TCP without framing, and as
 * datagrams of `NAME:TEXT` over UDP.
 *
 * @module
 */

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

const LF = 0x0a;
const CR = 0x0d;
/** The least that a link carries at once: shorter reads are not the first part of a longer write. */
const SEGMENT_BYTES = 536;
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

/** Encodes what stands before a text and the text, which may be bytes that are relayed as they came. */
export function message(head: string, text: Uint8Array = new Uint8Array()): Message {
  const line = new Uint8Array([...encoder.encode(head), ...text, LF]);
  return { bare: line.subarray(0, -1), line };
}

/**
 * Messages of a TCP peer. A peer that has never sent LF writes bare text: each read is a message. From
 * its first LF on it is held to lines. Blank lines are no messages.
 */
export class MessageSplitter {
  readonly #maxBytes: number;
  readonly #bareMs: number;
  #rest: Uint8Array = new Uint8Array();
  #lines = false;
  #error: Error | undefined;

  /**
   * `maxBytes` without LF end the stream. A read as long as a network segment may be the first part of
   * a write: it is a message only after a silence of `bareMs`.
   */
  constructor({ maxBytes, bareMs }: { maxBytes: number; bareMs: number }) {
    this.#maxBytes = maxBytes;
    this.#bareMs = bareMs;
  }

  /** Whether the peer has sent LF. */
  get lines(): boolean {
    return this.#lines;
  }

  /** Set once the peer has sent too much without LF. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** See the constructor. */
  get patienceMs(): number | undefined {
    return !this.#lines && this.#rest.length > 0 ? this.#bareMs : undefined;
  }

  /** Returns the messages that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    if (this.#error) return [];
    const messages: Uint8Array[] = [];
    let from = 0;
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      const end = bytes.subarray(from, at);
      const line = this.#rest.length > 0 ? this.#take(end) : end;
      const text = line.at(-1) === CR ? line.subarray(0, -1) : line;
      if (text.length > 0) messages.push(text);
      this.#lines = true;
      from = at + 1;
    }
    const rest = bytes.subarray(from);
    const whole = !this.#lines && this.#rest.length === 0 && rest.length < SEGMENT_BYTES;
    if (whole && rest.length > 0) messages.push(rest);
    else if (rest.length > 0) this.#rest = this.#take(rest);
    if (this.#rest.length > this.#maxBytes) {
      this.#error = new Error(`no line end within ${this.#maxBytes} bytes`);
    }
    return messages;
  }

  /** Returns the long bare text that waits, if any. */
  silence(): Uint8Array[] {
    return this.#lines || this.#rest.length === 0 ? [] : [this.#take(new Uint8Array())];
  }

  /** As `silence`: the unfinished line of a peer that writes lines is dropped. */
  end(): Uint8Array[] {
    return this.silence();
  }

  #take(end: Uint8Array): Uint8Array {
    const all = new Uint8Array(this.#rest.length + end.length);
    all.set(this.#rest);
    all.set(end, this.#rest.length);
    this.#rest = new Uint8Array();
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
  if (colon !== -1 && before === WORDS.join && after && name === undefined) {
    return { type: "join", name: after };
  }
  if (name === undefined) return undefined;
  if (colon === -1 && after === WORDS.join) return { type: "join", name };
  if (after === WORDS.exit && (colon === -1 || before === name)) return { type: "exit" };
  if (text.trim() === "") return undefined;
  // Only the client's own name in front is a name: `note: hi` is a text.
  return { type: "text", text: colon !== -1 && before === name ? text : `${name}:${text}` };
}
