/**
 * The bridge protocol (CSE 150, "Let's Chat!"): messages of a type, headers and an empty line, between
 * client and server and, for CHAT and QUIT, between two clients.
 *
 * The document's Figure 1 is this: each line ends in CRLF, each header is `Name: value`.
 *
 * @module
 */

import { Bytes } from "./framing.ts";

/** Where a client waits for chats: what REGISTER announces and BRIDGE asks for. */
export interface Contact {
  /** The user's name, one word. */
  readonly id: string;
  /** An IP address. */
  readonly ip: string;
  /** A TCP port, 1 to 65535. */
  readonly port: number;
}

/** One header as it came, without the blanks around its parts. */
export interface Header {
  /** The name in the sender's own spelling; names are compared without case. */
  readonly name: string;
  /** The value, which may be empty. */
  readonly value: string;
}

/** A message taken apart. */
export interface Block {
  /** `REGISTER`, `CHAT` and so on; whatever the first line holds. */
  readonly type: string;
  /** Its headers in their order. */
  readonly headers: readonly Header[];
  /** What is wrong with its form, in words, or undefined. */
  readonly malformed?: string | undefined;
}

/** No message of the document has more than four headers; one with many more is noise or an attack. */
export const MAX_HEADERS = 64;
/** A request without its final empty line counts after this silence, if all its headers are there. */
const SILENCE_MS = 1000;
/** The headers without which a message is not yet whole. */
const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map([
  ["REGISTER", ["clientID", "IP", "Port"]],
  ["BRIDGE", ["clientID"]],
  ["REGACK", ["clientID", "IP", "Port"]],
  ["BRIDGEACK", ["clientID", "IP", "Port"]],
]);

const LF = 0x0a;
const CR = 0x0d;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossyDecoder = new TextDecoder();

/** Takes a message apart, whatever its line ends are; `text` is all of it but the final empty line. */
export function parseBlock(text: string): Block {
  const [first = "", ...rest] = text.replace(/\r?\n$/, "").split(/\r?\n/);
  const headers: Header[] = [];
  for (const line of rest) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim();
    if (name === "") return { type: first.trim(), headers, malformed: "malformed header line" };
    headers.push({ name, value: line.slice(colon + 1).trim() });
  }
  return { type: first.trim(), headers };
}

/** The values of a header, which should be one; `name` in any case. */
export function values(block: Block, name: string): string[] {
  const wanted = name.toLowerCase();
  return block.headers.filter((header) => header.name.toLowerCase() === wanted)
    .map((header) => header.value);
}

function decode(bytes: Uint8Array): Block {
  try {
    return parseBlock(decoder.decode(bytes));
  } catch {
    const block = parseBlock(lossyDecoder.decode(bytes));
    return { ...block, malformed: "the message is not UTF-8" };
  }
}

/** A message passed a limit; the stream cannot be followed further. The text names the limit. */
export class BlockError extends Error {
  /** The class, for messages. */
  override readonly name = "BlockError";
  /** `type` is what the message began with, so that it can be refused in its own words. */
  constructor(message: string, readonly type: string) {
    super(message);
  }
}

/** The bounds that a {@linkcode BlockSplitter} keeps, in bytes. */
export interface BlockLimits {
  /** Longest line. */
  lineBytes: number;
  /** Longest message. */
  blockBytes: number;
}

/** Splits a stream into messages; empty lines between them mean nothing. */
export class BlockSplitter {
  readonly #limits: BlockLimits;
  readonly #rest = new Bytes();
  /** Where the line that is not complete begins in the rest, and how many lines are before it. */
  #lineStart = 0;
  #lines = 0;
  #error: BlockError | undefined;

  /** A splitter for one stream. */
  constructor(limits: BlockLimits) {
    this.#limits = limits;
  }

  /** Set once a message has passed a limit. */
  get error(): BlockError | undefined {
    return this.#error;
  }

  /** A message may be missing its empty line only. */
  get patienceMs(): number | undefined {
    return this.#rest.length > 0 ? SILENCE_MS : undefined;
  }

  /** Returns the messages that `bytes` complete. */
  push(bytes: Uint8Array): Block[] {
    const blocks: Block[] = [];
    if (this.#error) return blocks;
    const searched = this.#rest.length;
    this.#rest.add(bytes);
    const all = this.#rest.view();
    let start = 0;
    for (let at = all.indexOf(LF, searched); at !== -1; at = all.indexOf(LF, at + 1)) {
      const length = at - this.#lineStart;
      if (this.#tooLong(all.subarray(start, at), this.#lineStart - start)) return blocks;
      if (length === 0 || (length === 1 && all[at - 1] === CR)) {
        if (this.#lines > 0) blocks.push(decode(all.subarray(start, this.#lineStart)));
        start = at + 1;
        this.#lines = 0;
      } else if (++this.#lines > MAX_HEADERS + 1) {
        this.#fail(`more than ${MAX_HEADERS} headers`, all.subarray(start));
        return blocks;
      }
      this.#lineStart = at + 1;
    }
    this.#rest.drop(start);
    this.#lineStart -= start;
    this.#tooLong(this.#rest.view(), this.#lineStart);
    return blocks;
  }

  /** Returns what waits, if nothing but its final empty line is missing. */
  silence(): Block[] {
    const block = decode(this.#rest.view());
    const required = REQUIRED.get(block.type);
    if (!required?.every((name) => values(block, name).length > 0)) return [];
    this.#reset();
    return [block];
  }

  /** Returns what waits: more of it will never come, so it is answered as it is. */
  end(): Block[] {
    const block = decode(this.#rest.view());
    this.#reset();
    return block.type === "" ? [] : [block];
  }

  /** Fails at the limit that comes first in a message so far, as it would if each byte came alone. */
  #tooLong(message: Uint8Array, lineStart: number): boolean {
    const { lineBytes, blockBytes } = this.#limits;
    if (message.length <= Math.min(lineStart + lineBytes, blockBytes)) return false;
    const isLine = lineStart + lineBytes <= blockBytes;
    this.#fail(isLine ? tooLong("line", lineBytes) : tooLong("message", blockBytes), message);
    return true;
  }

  #fail(reason: string, rest: Uint8Array): void {
    const end = rest.indexOf(LF);
    const first = rest.subarray(0, Math.min(end === -1 ? Infinity : end, 64));
    this.#error = new BlockError(reason, decode(first).type);
    this.#reset();
  }

  #reset(): void {
    this.#rest.take();
    this.#lineStart = this.#lines = 0;
  }
}

function tooLong(what: string, limit: number): string {
  return `a ${what} longer than ${limit} bytes`;
}

/** What a client asks of the server, or why it cannot be carried out. */
export type Request =
  | { readonly type: "REGISTER"; readonly contact: Contact }
  | { readonly type: "BRIDGE"; readonly id: string }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "unknown"; readonly name: string };

/** Reads a request of a client; what it lacks or has twice makes it a refusal. */
export function parseRequest(block: Block): Request {
  const { type } = block;
  if (type !== "REGISTER" && type !== "BRIDGE") return { type: "unknown", name: type };
  const reason = block.malformed ?? flaw(block);
  if (reason !== undefined) return { type: "refused", reason };
  const id = values(block, "clientID")[0]!;
  if (type === "BRIDGE") return { type, id };
  const ip = values(block, "IP")[0]!;
  return { type, contact: { id, ip, port: Number(values(block, "Port")[0]) } };
}

/** The answer that says why a request is not carried out; undefined for a type that has no answer. */
export function refusal(request: Block, reason: string): Uint8Array | undefined {
  if (!REQUIRED.has(request.type)) return undefined;
  const type = request.type === "BRIDGE" ? "BRIDGEACK" : "REGACK";
  const echo = REQUIRED.get(type)!.map((name): [string, string] => {
    const value = values(request, name)[0] ?? "";
    // A BRIDGEACK's values are the peer's; and a CR inside a value would end the line for some readers.
    return [name, type === "REGACK" && /^[^\p{Cc}]*$/u.test(value) ? value : ""];
  });
  return encoder.encode(block(type, [...echo, ["Status", `error ${reason}`]]));
}

/** An id is in every answer about its client. */
const ID_BYTES = 64;
const RULES: Record<string, [valid: (value: string) => boolean, rule: string]> = {
  clientID: [isId, `must be one word of printable characters, at most ${ID_BYTES} bytes`],
  IP: [isIp, "must be an IP address"],
  Port: [isPort, "must be from 1 to 65535"],
};

function flaw(block: Block): string | undefined {
  for (const name of REQUIRED.get(block.type)!) {
    const [value, twice] = values(block, name);
    const [valid, rule] = RULES[name]!;
    if (value === undefined) return `${name} is missing`;
    if (twice !== undefined) return `${name} is given twice`;
    if (!valid(value)) return `${name} ${rule}`;
  }
  return undefined;
}

/** Whether a text can be a client's id: one word of printable characters, at most 64 bytes of UTF-8. */
export function isId(text: string): boolean {
  return /^[^\s\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]+$/u.test(text) &&
    encoder.encode(text).length <= ID_BYTES;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;
}

/** An address, or the one name that people write for one. */
function isIp(text: string): boolean {
  if (text === "localhost") return true;
  const parts = text.split(".");
  if (parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) {
    return true;
  }
  return /^[0-9a-f]*:[0-9a-f:.]*(%\w+)?$/i.test(text) &&
    URL.canParse(`http://[${text.replace(/%.*/, "")}]/`);
}

/** What a server answers a client. */
export type Answer =
  | { readonly type: "REGACK" }
  | { readonly type: "BRIDGEACK"; readonly peer: Contact | undefined }
  | { readonly type: "refused"; readonly reason: string };

/** Reads a server's answer; another's may leave the Status out. */
export function parseAnswer(block: Block): Answer {
  const [status = ""] = values(block, "Status");
  if (/^error/i.test(status)) {
    return { type: "refused", reason: status.replace(/^error\s*/i, "") || "no reason given" };
  }
  if (block.type === "REGACK") return { type: "REGACK" };
  if (block.type !== "BRIDGEACK") return { type: "refused", reason: `it answered ${block.type}` };
  const [id = "", ip = "", port = ""] = REQUIRED.get("BRIDGEACK")!.map((name) =>
    values(block, name)[0]
  );
  if (id === "" && ip === "" && port === "") return { type: "BRIDGEACK", peer: undefined };
  if (ip === "" || !isPort(port)) return { type: "refused", reason: "its contact is incomplete" };
  return { type: "BRIDGEACK", peer: { id, ip, port: Number(port) } };
}

function block(
  type: string,
  headers: readonly (readonly [name: string, value: unknown])[],
): string {
  return [type, ...headers.map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n");
}

function contactHeaders({ id, ip, port }: Contact): [string, unknown][] {
  return [["clientID", id], ["IP", ip], ["Port", port]];
}

/** The text of a CHAT message. */
export function chatText(contact: Contact): string {
  return block("CHAT", contactHeaders(contact));
}

/** The messages as they are sent. */
export const MESSAGES = {
  register: (contact: Contact): Uint8Array =>
    encoder.encode(block("REGISTER", contactHeaders(contact))),
  regack: (contact: Contact): Uint8Array =>
    encoder.encode(block("REGACK", [...contactHeaders(contact), ["Status", "registered"]])),
  bridge: (id: string): Uint8Array => encoder.encode(block("BRIDGE", [["clientID", id]])),
  bridgeack: (peer: Contact | undefined): Uint8Array =>
    encoder.encode(
      block(
        "BRIDGEACK",
        peer ? contactHeaders(peer) : [["clientID", ""], ["IP", ""], ["Port", ""]],
      ),
    ),
  chat: (contact: Contact): Uint8Array => encoder.encode(chatText(contact)),
  quit: encoder.encode("QUIT\r\n\r\n"),
  /** To a second caller: the document's QUIT, with a header that says why. */
  busy: encoder.encode("QUIT\r\nStatus: busy\r\n\r\n"),
} as const;

/** `127.0.0.1:5555`, and `[::1]:5555` where the address has colons itself. */
export function address(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function show({ id, ip, port }: Contact): string {
  return `${id} ${address(ip, port)}`;
}

/** What server and client print; the `>` in the document's samples is the terminal's own mark. */
export const CONSOLE = {
  listening: (where: string): string => `Server listening on ${where}`,
  registered: ({ id, ip, port }: Contact): string =>
    `REGISTER: ${id} from ${address(ip, port)} received`,
  bridged: (asker: Contact, peer: Contact | undefined): string =>
    `BRIDGE: ${show(asker)}${peer ? ` ${show(peer)}` : ""}`,
  contact: show,
  running: (id: string, where: string): string => `${id} running on ${where}`,
  incoming: (from: string): string => `Incoming chat request from ${from}`,
  /** Why a command does nothing for the client `id` in the `state` in which it stands. */
  misfit(command: string, { id, state }: { id: string; state: string }): string {
    if (state.startsWith("CHAT")) return `${command} is not for a chat: nothing was sent`;
    if (command === "/register") return `already registered as ${id}`;
    if (state === "IDLE") return `not registered yet: /register comes before ${command}`;
    return state === "WAIT"
      ? "nobody to call yet: wait for a call, or ask again by /bridge"
      : "no peer known yet: /bridge asks the server for one";
  },
} as const;

/** Where a peer is named in a line that a client shows, as [start, end). */
export function named(line: string): [start: number, end: number][] {
  const match = /^Incoming chat request from (\S+) /d.exec(line);
  return match ? [match.indices![1]!] : [];
}

/** The client's commands as they are typed. */
export const COMMANDS = ["/id", "/register", "/bridge", "/chat", "/quit"] as const;

/** The document has no such word: outside a chat, where it means nothing, it is ours at a terminal. */
export const HELP = `/register  tells the server where you wait for chats
/bridge    asks it for a peer
/chat      calls that peer; then write in turns
/id        shows your name
/quit      ends the chat, and the program`;
