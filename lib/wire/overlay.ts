/**
 * The overlay protocol (CSCI 353, programming assignment 1): datagrams between a client and its server,
 * lines between servers, and every text that the document has printed.
 *
 * Messages are taken apart as bytes, because the text in them is passed on as it came, whatever it is.
 *
 * @module
 */

/** What a client asks of its server; `text` is a view of the datagram that was parsed. */
export type Request =
  | { readonly type: "register"; readonly name: string }
  | { readonly type: "sendto"; readonly to: string; readonly text: Uint8Array }
  | { readonly type: "unknown" };

/** A message on its way between two servers; `text` is a view of the line that was parsed. */
export interface Passage {
  /** The name of the client who wrote it. */
  readonly from: string;
  /** The name of the client it is for. */
  readonly to: string;
  /** The message. */
  readonly text: Uint8Array;
}

/** A datagram of UDP over IPv4 carries no more bytes. */
export const DATAGRAM_BYTES = 65_507;
/** The document bounds no name; each one is kept as long as the server runs. */
export const NAME_BYTES = 64;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const DEL = 0x7f;
// Of other letters than those of ASCII, too, but nothing that a terminal would obey or not show. What
// is not UTF-8 is decoded to U+FFFD.
const NAME = /^[^\s:\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\ufffd]+$/u;
const UNKNOWN: Request = { type: "unknown" };
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const REGISTER = encoder.encode("register ");
const SENDTO = encoder.encode("sendto ");
const TO = encoder.encode(" to ");

/** Whether a text is a name: one word of printable characters without `:`, at most 64 bytes of UTF-8. */
export function isName(text: string): boolean {
  return NAME.test(text) && encoder.encode(text).length <= NAME_BYTES;
}

/** Takes a client's datagram apart. What has a part missing, or a name that is none, is unknown. */
export function parseDatagram(bytes: Uint8Array): Request {
  const datagram = withoutLineEnd(bytes);
  if (begins(datagram, SENDTO)) {
    const [to, end] = name(datagram, SENDTO.length);
    // A message has at least one byte behind the name and the blank.
    if (to === undefined || datagram[end] !== SPACE || end + 1 === datagram.length) return UNKNOWN;
    return { type: "sendto", to, text: datagram.subarray(end + 1) };
  }
  if (begins(datagram, REGISTER)) {
    const [word, end] = name(datagram, REGISTER.length);
    if (word === undefined || end !== datagram.length) return UNKNOWN;
    return { type: "register", name: word };
  }
  return UNKNOWN;
}

/** Takes a line from another server apart, without its end; undefined when it is none. */
export function parsePassage(line: Uint8Array): Passage | undefined {
  const [from, fromEnd] = name(line, 0);
  if (from === undefined || !begins(line, TO, fromEnd)) return undefined;
  const [to, toEnd] = name(line, fromEnd + TO.length);
  if (to === undefined || line[toEnd] !== COLON) return undefined;
  // The first colon ends the name, so a message may hold as many as it likes.
  return { from, to, text: line.subarray(line[toEnd + 1] === SPACE ? toEnd + 2 : toEnd + 1) };
}

/** Whether bytes begin with `<from> to <to>: `, as the first part of a message does. */
export function startsPassage(bytes: Uint8Array): boolean {
  const text = parsePassage(bytes)?.text;
  return text !== undefined && bytes[bytes.length - text.length - 1] === SPACE;
}

/** `<a> to <b>: ` and the text as it came, with a line end: a message for another server. */
export function passage(from: string, to: string, text: Uint8Array): Uint8Array {
  const head = encoder.encode(`${from} to ${to}: `);
  const line = carve(head.length + text.length + 1);
  line.set(head);
  line.set(text, head.length);
  line[line.length - 1] = LF;
  return line;
}

/** The text in one line: a datagram may hold line ends, which would break a line between servers. */
export function oneLine(text: Uint8Array): Uint8Array {
  if (!text.includes(LF) && !text.includes(CR)) return text;
  return text.map((byte) => byte === LF || byte === CR ? SPACE : byte);
}

/** `recvfrom <name> ` in bytes: what stands before a message on its way to a client. */
export function recvfromPrefix(name: string): Uint8Array {
  return encoder.encode(`recvfrom ${name} `);
}

/** `recvfrom <name> <message>`, from its prefix and the text as it came. */
export function recvfrom(prefix: Uint8Array, text: Uint8Array): Uint8Array {
  const datagram = carve(prefix.length + text.length);
  datagram.set(prefix);
  datagram.set(text, prefix.length);
  return datagram;
}

/** `welcome <name>`. */
export function welcome(name: string): Uint8Array {
  return encoder.encode(`welcome ${name}`);
}

/** `register <name>`. */
export function register(name: string): Uint8Array {
  return encoder.encode(`register ${name}`);
}

/** The datagram for a typed line, or undefined when it is no `sendto <name> <message>`. */
export function typed(line: string): Uint8Array | undefined {
  const datagram = encoder.encode(line);
  return parseDatagram(datagram).type === "sendto" ? datagram : undefined;
}

/** What a client is told by a datagram of its server. */
export type Notice =
  | { readonly type: "welcome" }
  | { readonly type: "shown"; readonly line: string };

/**
 * What a datagram of the server says to the client `name`. Other people's servers write `Welcome`,
 * too, and with other words behind it. A datagram of another form is shown as it is.
 */
export function parseNotice(bytes: Uint8Array): Notice {
  const text = decoder.decode(withoutLineEnd(bytes));
  if (/^welcome(?!\w)/i.test(text)) return { type: "welcome" };
  const match = /^recvfrom (\S+) (.*)$/s.exec(text);
  return { type: "shown", line: match ? `${match[1]}: ${match[2]}` : text };
}

/** What the server prints. */
export const SERVER = {
  started: (host: string, port: number): string => `server started on ${host} at port ${port}`,
  overlayStarted: (port: number): string => `server overlay started at port ${port}`,
  overlayConnection: (host: string, port: number): string =>
    `server overlay connection from host ${host} port ${port}`,
  connected: (host: string, port: number): string =>
    `connected to overlay server at ${host} port ${port}`,
  registered: (name: string, host: string, port: number): string =>
    `${name} registered from host ${host} port ${port}`,
  message: (from: string, to: string, text: string): string => `${from} to ${to}: ${text}`,
  notRegistered: (name: string): string => `${name} is not registered with server`,
  sending: (message: string): string => `Sending message to overlay server: ${message}`,
  received: (message: string): string => `Received from overlay server: ${message}`,
  terminating: "terminating server...",
} as const;

/** What the client prints, beside the messages. */
export const CLIENT = {
  registered: (name: string): string => `connected to server and registered ${name}`,
  terminating: "terminating client...",
} as const;

/** Where the sender is named in a line that a client shows, as [start, end). */
export function named(line: string): [start: number, end: number][] {
  const match = /^([^\s:]+): /d.exec(line);
  return match ? [match.indices![1]!] : [];
}

/** What a person types. */
export const COMMANDS = ["sendto <name> <message>", "exit"] as const;

// A buffer of its own for each message costs more than all the rest that is done with it: messages are
// cut from a large one. No part of it is used twice, so they stay what they are as long as they live.
const SLAB_BYTES = 64 * 1024;
let slab: Uint8Array = new Uint8Array();
let carved = 0;

function carve(length: number): Uint8Array {
  if (length > SLAB_BYTES / 16) return new Uint8Array(length);
  if (carved + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    carved = 0;
  }
  carved += length;
  return slab.subarray(carved - length, carved);
}

/** Datagrams have no terminator, but some programs write one. */
function withoutLineEnd(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  if (bytes[end - 1] !== LF) return bytes;
  if (bytes[--end - 1] === CR) end--;
  return bytes.subarray(0, end);
}

function begins(bytes: Uint8Array, word: Uint8Array, at = 0): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}

/** The name that starts at `from`, undefined when it is none, and where it ends. */
function name(bytes: Uint8Array, from: number): [name: string | undefined, end: number] {
  let text = "";
  let end = from;
  let ascii = true;
  for (; end < bytes.length && end - from <= NAME_BYTES; end++) {
    const byte = bytes[end]!;
    if (byte === SPACE || byte === COLON) break;
    ascii &&= byte > SPACE && byte < DEL;
    // Nearly all names are of ASCII: this is several times faster than a decoder.
    if (ascii) text += String.fromCharCode(byte);
  }
  if (!ascii) text = decoder.decode(bytes.subarray(from, end));
  const valid = end > from && end - from <= NAME_BYTES && (ascii || NAME.test(text));
  return [valid ? text : undefined, end];
}
