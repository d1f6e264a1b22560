/**
 * The relay protocol (CSC/CPE 138): requests, replies and notices, each one line of text.
 *
 * A request is parsed as bytes, because the text in it is relayed as it came, whatever it is.
 *
 * @module
 */

/** A request of a client; `text` is a view of the line that was parsed. */
export type Request =
  | { readonly type: "JOIN"; readonly name: string }
  | { readonly type: "JOIN"; readonly name: undefined; readonly refusal: string }
  | { readonly type: "LIST" | "QUIT" }
  | { readonly type: "MESG"; readonly to: string; readonly text: Uint8Array }
  | { readonly type: "BCST"; readonly text: Uint8Array }
  | { readonly type: "unknown" };

const UNKNOWN: Request = { type: "unknown" };
const SPACE = 0x20;
const LF = 0x0a;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const KEYWORD_BYTES = 4;
const [JOIN, LIST, MESG, BCST, QUIT] = ["JOIN", "LIST", "MESG", "BCST", "QUIT"].map((word) =>
  keyword(encoder.encode(word))
);

/** The keyword that `line` begins with, as one number: its four bytes, if a blank or nothing follows. */
function keyword(line: Uint8Array): number {
  const after = line[KEYWORD_BYTES];
  if (line.length < KEYWORD_BYTES || (after !== undefined && after !== SPACE)) return 0;
  return line[0]! << 24 | line[1]! << 16 | line[2]! << 8 | line[3]!;
}

/** The document promises letters and digits and asks for no validation: clients register `al-ice`. */
const NAME = /^[^\s,\p{Cc}\u202a-\u202e\u2066-\u2069]+$/u;
/** A name is in every line that others get. */
const NAME_BYTES = 64;

/** The name that the bytes begin with, which end at a blank or with the bytes. */
function parseName(bytes: Uint8Array): string | undefined {
  const end = bytes.findIndex(isBlankByte);
  const word = end === -1 ? bytes : bytes.subarray(0, end);
  if (word.length > NAME_BYTES) return undefined;
  try {
    return NAME.exec(decoder.decode(word))?.[0];
  } catch {
    return undefined;
  }
}

function parseJoin(rest: Uint8Array): Request {
  const start = rest.findIndex((byte) => !isBlankByte(byte));
  if (start === -1) return { type: "JOIN", name: undefined, refusal: TEXTS.unregistered };
  const name = parseName(rest.subarray(start));
  if (name === undefined) return { type: "JOIN", name, refusal: TEXTS.badName(NAME_BYTES) };
  return { type: "JOIN", name };
}

/**
 * Takes one line without its end apart. Keywords are case-sensitive; a request with a part missing is
 * unknown, but for JOIN, which says why it cannot be carried out. Words behind a name to JOIN with, LIST
 * and QUIT mean nothing: one client writes its name behind everything.
 */
export function parseRequest(line: Uint8Array): Request {
  const rest = line.subarray(KEYWORD_BYTES + 1);
  switch (keyword(line)) {
    case BCST:
      return isBlank(rest) ? UNKNOWN : { type: "BCST", text: rest };
    case MESG: {
      const end = rest.indexOf(SPACE);
      const to = end === -1 ? undefined : parseName(rest.subarray(0, end));
      const text = rest.subarray(end + 1);
      return to === undefined || isBlank(text) ? UNKNOWN : { type: "MESG", to, text };
    }
    case JOIN:
      return parseJoin(rest);
    case LIST:
      return { type: "LIST" };
    case QUIT:
      return { type: "QUIT" };
    default:
      return UNKNOWN;
  }
}

/** Whether a line, or a part of one, holds nothing but blanks. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every(isBlankByte);
}

function isBlankByte(byte: number): boolean {
  return byte === SPACE || byte === 0x09 || byte === 0x0d;
}

/** What ends every line that is sent. */
export const LINE_END: Uint8Array = Uint8Array.of(LF);

/** The line for a text, as it is sent. */
export function line(text: string): Uint8Array {
  return encoder.encode(text + "\n");
}

/** `Alice: ` in bytes: what stands before a text on its way to others. */
export function prefix(name: string): Uint8Array {
  return encoder.encode(`${name}: `);
}

/** `Alice: Hello` as a line, the bytes of the text as they came. */
export function message(prefix: Uint8Array, text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(prefix.length + text.length + 1);
  bytes.set(prefix);
  bytes.set(text, prefix.length);
  bytes[bytes.length - 1] = LF;
  return bytes;
}

/** What the server says, without line ends. */
export const TEXTS = {
  joined: (name: string): string => `${name} joined!`,
  welcome: (name: string): string => `${name} joined!Connected to server!`,
  alreadyRegistered: (name: string): string => `Already registered as ${name}`,
  taken: (name: string): string => `Username ${name} is already taken`,
  badName: (limit: number): string =>
    `Username must be one word of printable characters without a comma, at most ${limit} bytes.`,
  tooManyUsers: "Too Many Users",
  unregistered: 'Unregistered User. Use "JOIN <username>" to Register.',
  unknownRecipient: "Unknown Recipient",
  unknownMessage: "Unknown Message",
  broadcasting: (name: string): string => `${name} is sending a broadcast`,
  quitting: (name: string): string => `${name} is quitting the chat server`,
  left: (name: string): string => `${name} left`,
  tooLong: (limit: number): string => `Message too long. The limit is ${limit} bytes.`,
} as const;

/** What the server prints on its own terminal. */
export const CONSOLE = {
  started: "The Chat Server Started",
  connected: (host: string, port: number): string => `Connected with ('${host}', ${port})`,
  joined: (name: string): string => `${name} Joined the Chatroom`,
} as const;

/** What the client prints before the first line is typed; no line end follows. */
export const PROMPT = "Enter JOIN followed by your username: ";

const NAMED =
  /^([^\s,]+?)(?:: | joined!| left$| is (?:sending a broadcast|quitting the chat server)$)/d;
const LISTED = /^[^\s,]+(?:,[^\s,]+)+$/;

/** Where users are named in a line that a client shows, a list of them included, as [start, end). */
export function named(line: string): [start: number, end: number][] {
  if (LISTED.test(line)) return [...line.matchAll(/[^,]+/dg)].map((name) => name.indices![0]!);
  const match = NAMED.exec(line);
  return match ? [match.indices![1]!] : [];
}

/** The requests as people type them. */
export const COMMANDS = [
  "JOIN <username>",
  "LIST",
  "MESG <username> <text>",
  "BCST <text>",
  "QUIT",
] as const;
