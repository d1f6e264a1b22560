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
  /** UDP only: over TCP the descriptors are the limit, and nothing is said. */
  full: "Room is full",
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

/** The notices of joins and leaves in a datagram, where a server has gathered several; else the text alone. */
export function noticesIn(text: string): string[] {
  const lines = text.split("\n");
  return lines.every((line) => /^User .+ (joined|left)$/.test(line)) ? lines : [text];
}

// ---- bytes ----

const LF = 0x0a;
const CR = 0x0d;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Encodes a text. */
export function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Decodes UTF-8; undefined for other bytes. */
export function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What stands behind a text to or from a client that ended its name with a line end. */
export const LINE_END: Uint8Array = Uint8Array.of(LF);

/** The bytes of `parts`, one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The first of a character's bytes that `bytes` ends inside of, or the length of `bytes`. */
function characterEnd(bytes: Uint8Array): number {
  const { length } = bytes;
  for (let at = length - 1; at >= 0 && at >= length - 3; at--) {
    const byte = bytes[at]!;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const whole = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return at + whole > length ? at : length;
  }
  return length;
}

/** The first `limit` bytes of `bytes` or a few less: a cut never falls inside a character. */
function cut(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.length <= limit) return bytes;
  const head = bytes.subarray(0, limit);
  // Bytes that are no UTF-8 have no characters to be kept whole.
  return head.subarray(0, characterEnd(head) || limit);
}

// ---- names ----

const NAME_BYTES = 64;

/**
 * The name that a client asks for: without the white space around it, and at most 64 bytes of it.
 * Undefined when nothing is left of it, or when it contains control characters.
 */
export function nameIn(text: string): string | undefined {
  const name = decode(cut(encode(text.trim()), NAME_BYTES))!;
  return name === "" || /\p{Cc}/u.test(name) ? undefined : name;
}

// ---- texts ----

/**
 * The texts in what a bare client has sent: without their line ends, blank ones left out, and what is
 * longer than `limit` bytes in parts.
 */
function textsIn(bytes: Uint8Array, limit: number): Uint8Array[] {
  const texts: Uint8Array[] = [];
  for (let from = 0; from < bytes.length;) {
    const at = bytes.indexOf(LF, from);
    const end = at === -1 ? bytes.length : at;
    let text = bytes.subarray(from, bytes[end - 1] === CR ? end - 1 : end);
    while (text.length > limit) {
      const part = cut(text, limit);
      texts.push(part);
      text = text.subarray(part.length);
    }
    if (text.length > 0) texts.push(text);
    from = end + 1;
  }
  return texts;
}

/**
 * The least MSS of a TCP connection: a shorter read ends where a write ended, and a longer one may be the
 * first segments of a text whose rest follows at once.
 */
const SEGMENT_BYTES = 536;

/**
 * What a client without framing sends: each read is a text, and a line end inside it ends a text, too. A
 * text longer than the limit is taken in parts and not refused: a flood of short ones looks the same, and
 * must not be lost.
 */
export class TextSplitter {
  /** Any bytes are texts. */
  readonly error: undefined = undefined;
  readonly #limit: number;
  #rest: Uint8Array = new Uint8Array();

  /** `limit` is the longest text in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** After so many ms of silence a text has no rest. */
  get patienceMs(): number | undefined {
    if (this.#rest.length === 0) return undefined;
    return characterEnd(this.#rest) < this.#rest.length ? 250 : 20;
  }

  /** Returns the texts that `bytes` complete; none is empty. */
  push(bytes: Uint8Array): Uint8Array[] {
    const all = this.#rest.length > 0 ? concat(this.#rest, bytes) : bytes;
    // A long text waits for its end, and one that ends inside a character for that.
    const goesOn = bytes.length >= SEGMENT_BYTES || characterEnd(all) < all.length;
    const end = goesOn ? all.lastIndexOf(LF) + 1 : all.length;
    return this.#take(all, all.length - end > this.#limit ? characterEnd(all) : end);
  }

  /** Returns the text that waits for its rest, if any. */
  silence(): Uint8Array[] {
    return this.#take(this.#rest, this.#rest.length);
  }

  /** As `silence`. */
  end(): Uint8Array[] {
    return this.silence();
  }

  #take(all: Uint8Array, end: number): Uint8Array[] {
    this.#rest = all.slice(end);
    return textsIn(all.subarray(0, end), this.#limit);
  }
}

/** Whether a client says that it leaves. */
export function isExit(bytes: Uint8Array): boolean {
  // Every text is asked: one that neither is short nor begins like it is not worth decoding.
  const first = bytes[0]!;
  if (bytes.length > 64 || (first !== 0x65 && first > 0x20)) return false;
  return decode(bytes)?.trim() === WORDS.exit;
}

// ---- datagrams ----

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
