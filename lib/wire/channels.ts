/**
 * The channels protocol (CEG 4188's bonus question): every message, both ways, is a frame of exactly 200
 * bytes, UTF-8 text padded on the right with spaces. The first frame of a client is its name.
 *
 * The texts are those of the `utils.py` that the document refers to.
 *
 * @module
 */

/** Bytes of every frame. */
export const FRAME_BYTES = 200;
/** Bytes of a name: it stands before every text of its member, and most of the frame is for the text. */
const NAME_BYTES = 64;

const SPACE = 0x20;
const SLASH = 0x2f;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const SPACES: Uint8Array = new Uint8Array(FRAME_BYTES).fill(SPACE);

/** The document's texts; `{0}` and `{1}` of `utils.py` are the arguments. */
export const TEXTS = {
  cannotConnect: (host: string, port: number): string => `Unable to connect to ${host}:${port}`,
  disconnected: (host: string, port: number): string =>
    `Server at ${host}:${port} has disconnected`,
  prefix: "[Me] ",
  wipe: "\r    ",
  invalidControl: (message: string): string =>
    `${message} is not a valid control message. Valid messages are /create, /list, and /join.`,
  noChannel: (channel: string): string =>
    `No channel named ${channel} exists. Try '/create ${channel}'?`,
  joinWhat: "/join command must be followed by the name of a channel to join.",
  joined: (name: string): string => `${name} has joined`,
  left: (name: string): string => `${name} has left`,
  tooManyChannels: (channel: string): string =>
    `Too many channels, so ${channel} cannot be created.`,
  channelExists: (channel: string): string =>
    `Room ${channel} already exists, so cannot be created.`,
  createWhat: "/create command must be followed by the name of a channel to create",
  notInChannel: "Not currently in any channel. Must join a channel before sending messages.",
} as const;

/** What a frame asks of the server; `text` is a view of the frame. */
export type Request =
  | { readonly type: "text"; readonly text: Uint8Array }
  | { readonly type: "list" }
  | { readonly type: "create" | "join"; readonly channel: string | undefined }
  | { readonly type: "invalid"; readonly message: string };

/** The message of a frame: what stands before the white space and NUL at its end. */
export function strip(frame: Uint8Array): Uint8Array {
  let end = frame.length;
  while (end > 0 && isPadding(frame[end - 1]!)) end--;
  return frame.subarray(0, end);
}

/**
 * Decodes a frame as a name, cut to 64 bytes between characters; undefined when it is empty, not UTF-8, or
 * holds control characters.
 */
export function parseName(frame: Uint8Array): string | undefined {
  const name = decode(strip(cut(strip(frame), NAME_BYTES)));
  return name && !/\p{Cc}/u.test(name) ? name : undefined;
}

/** Takes a frame apart. Commands match a whole word, and channel names are one word. */
export function parseRequest(frame: Uint8Array): Request {
  const text = strip(frame);
  if (text[0] !== SLASH) return { type: "text", text };
  const message = decode(text);
  const [command, channel] = message?.split(/[ \t\n\v\f\r]+/) ?? [];
  if (command === "/list") return { type: "list" };
  if (command === "/create" || command === "/join") {
    return { type: command === "/create" ? "create" : "join", channel };
  }
  return { type: "invalid", message: message ?? new TextDecoder().decode(text) };
}

/** The frame for a text; what does not fit is cut off, never inside a character. */
export function frame(text: string): Uint8Array {
  return padded(cut(encoder.encode(text), FRAME_BYTES));
}

function padded(text: Uint8Array): Uint8Array {
  const bytes = SPACES.slice();
  bytes.set(text);
  return bytes;
}

/** `[name] ` in bytes: what stands before the texts of a member on their way to others. */
export function prefix(name: string): Uint8Array {
  return encoder.encode(`[${name}] `);
}

/**
 * The text of a member behind its `[name] `, in parts to be sent one after the other, 200 bytes a frame. A
 * text that does not fit goes on in a further frame behind the same prefix.
 */
export function parts(prefix: Uint8Array, text: Uint8Array): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (const piece of pieces(text, FRAME_BYTES - prefix.length)) {
    all.push(prefix, piece, SPACES.subarray(prefix.length + piece.length));
  }
  return all;
}

/**
 * A text in pieces of at most `room` bytes, cut between words where that is possible and never inside a
 * character. Of the blanks between two words that are parted, one is left out.
 */
function pieces(text: Uint8Array, room: number): Uint8Array[] {
  const all: Uint8Array[] = [];
  let rest = text;
  while (rest.length > room) {
    const fitting = cut(rest, room);
    // A blank right behind the piece is a good place, too.
    let end = rest[fitting.length] === SPACE ? fitting.length : fitting.lastIndexOf(SPACE);
    // Blanks at the end of a frame are padding to its reader: they begin the next piece.
    while (end > 0 && rest[end - 1] === SPACE) end--;
    const between = end > 0;
    all.push(between ? rest.subarray(0, end) : fitting);
    rest = rest.subarray(between ? end + 1 : fitting.length);
  }
  all.push(rest);
  return all;
}

/** Frames of a page: so much of a list is sent at once. */
const PAGE_FRAMES = 80;

/**
 * The list of channels as it is sent: a line a name, in as many frames as it takes, and a name is never
 * cut. It is kept in frames, so that one more channel costs no more with thousands of them, and all who
 * ask share the same bytes.
 */
export class Listing {
  readonly #full: Uint8Array[] = [];
  /** The texts of the frames of the last page. */
  #texts: string[] = [];
  #last: Uint8Array | undefined;
  #room = 0;

  /** Begins with these names, in their order. */
  constructor(names: Iterable<string> = []) {
    for (const name of names) this.add(name);
  }

  /** Puts a name at the end. */
  add(name: string): void {
    const size = encoder.encode(name).length;
    // One byte more for the line feed between two names.
    if (size < this.#room) {
      this.#texts[this.#texts.length - 1] += `\n${name}`;
      this.#room -= size + 1;
    } else {
      if (this.#texts.length === PAGE_FRAMES) {
        this.#full.push(concat(this.#texts.splice(0).map(frame)));
      }
      this.#texts.push(name);
      this.#room = FRAME_BYTES - size;
    }
    this.#last = undefined;
  }

  /** The frames, in pages of at most 16,000 bytes. None for no names. */
  pages(): Uint8Array[] {
    if (this.#texts.length === 0) return [];
    return [...this.#full, this.#last ??= concat(this.#texts.map(frame))];
  }
}

/**
 * The frames for a line that the member `name` types: one while it fits; a longer line goes in pieces that
 * fit behind `[name] `, so that no server cuts their ends off.
 */
export function typedFrames(line: string, name?: string): Uint8Array[] {
  const text = encoder.encode(line);
  if (text.length <= FRAME_BYTES) return [padded(text)];
  // However long the name is, half of a frame is for the text.
  const taken = name === undefined ? 0 : Math.min(prefix(name).length, FRAME_BYTES / 2);
  return pieces(text, FRAME_BYTES - taken).map(padded);
}

/** Where a member is named in the text of a frame, as [start, end). */
export function named(text: string): [start: number, end: number][] {
  const match = /^\[([^\]]+)\](?: |$)/d.exec(text) ?? /^(.+) has (?:joined|left)$/d.exec(text);
  return match ? [match.indices![1]!] : [];
}

/** The first bytes of UTF-8 text, at most `length`, and no half character at the end. */
function cut(text: Uint8Array, length: number): Uint8Array {
  if (text.length <= length) return text;
  let end = length;
  // A character has at most three continuation bytes; more of them are no text, and are cut anywhere.
  while (end > length - 4 && end > 0 && (text[end]! & 0xc0) === 0x80) end--;
  return text.subarray(0, (text[end]! & 0xc0) === 0x80 ? length : end);
}

function isPadding(byte: number): boolean {
  return byte === SPACE || byte === 0 || (byte >= 0x09 && byte <= 0x0d);
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
