#!/usr/bin/env -S deno run --allow-net --allow-env=TERM
/**
 * The terminal clients: one role, a protocol each.
 *
 * - `bridge`: finds a peer through a server and chats with it directly, in turns.
 * - `channels`: channels in fixed frames of 200 bytes.
 * - `overlay`: datagrams to a server that is joined to others.
 * - `relay`: lines of JOIN, LIST, MESG, BCST and QUIT.
 *
 * Run `deno run --allow-net client.ts relay 127.0.0.1 8001`; `nc -l 8001` shows what it sends.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";
import type { Console, ConsoleOptions } from "./lib/console.ts";
import {
  acceptSessions,
  connect,
  type Endpoint,
  FixedSplitter,
  frames,
  FrameTooLongError,
  isDisconnect,
  LineSplitter,
  listen,
  reachable,
  sleep,
  type Source,
  type Splitter,
  tryClose,
  within,
} from "./lib/net.ts";
import { escapeControl, tracedDatagrams } from "./lib/operator.ts";
import { Flow, Outbound } from "./lib/outbound.ts";
import {
  CLIENT_HELP,
  connectReason,
  limits,
  type OptionSpec,
  parseOptions,
  port,
  runRole,
  shutdownOnSignals,
  StartError,
  UsageError,
  wholeNumber,
} from "./lib/program.ts";
import * as bridge from "./lib/wire/bridge.ts";
import {
  formatLine,
  PeerError,
  type PeerFrame,
  PeerSplitter,
  quitParts,
} from "./lib/wire/bridge_peer.ts";
import * as channels from "./lib/wire/channels.ts";
import * as overlay from "./lib/wire/overlay.ts";
import * as relay from "./lib/wire/relay.ts";

// ---- main ----

/** How the role is called when no protocol is named. */
const USAGE = `usage: client.ts PROTOCOL ...

example: client.ts relay 127.0.0.1 8001

  bridge --id=NAME --port=PORT --server=ADDRESS:PORT
                          a chat in turns with a peer that a server finds
  channels NAME HOST PORT channels in fixed frames of 200 bytes
  overlay -s ADDR -p PORT -n NAME
                          datagrams to a server that is joined to others
  relay HOST PORT         lines of JOIN, LIST, MESG, BCST and QUIT

client.ts PROTOCOL --help shows the options of one.
`;

/** Runs a client; returns the exit code: 0 for an orderly end, 1 for a failure, 2 for bad usage. */
export function main(args: readonly string[]): Promise<number> {
  const protocols = {
    bridge: { USAGE: BRIDGE_USAGE, run: runBridge },
    channels: { USAGE: CHANNELS_USAGE, run: runChannels },
    overlay: { USAGE: OVERLAY_USAGE, run: runOverlay },
    relay: { USAGE: RELAY_USAGE, run: runRelay },
  };
  return runRole(args, { protocols, usage: USAGE });
}

/** No line is so long, in characters or bytes: one without an end must not fill the memory. */
const LINE_MOST = 1024 * 1024;

/** Takes what is piped in apart into lines, one of endless length into parts. */
export function typedLines(input: ReadableStream<Uint8Array>): ReadableStream<string> {
  let length = 0;
  const bounded = new TransformStream<string, string>({
    transform(text, controller) {
      const end = text.lastIndexOf("\n");
      length = (end === -1 ? length : -end - 1) + text.length;
      controller.enqueue(length > LINE_MOST ? text + "\n" : text);
      if (length > LINE_MOST) length = 0;
    },
  });
  return input.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(bounded).pipeThrough(new TextLineStream());
}

/** What a client is told: `needed` are options that must be given, as its usage shows them. */
type ClientSpec = OptionSpec & { needed?: Record<string, string> };

/**
 * Takes a client's command line apart and listens for signals; undefined for `--help`. `open` opens the
 * console, where Control-C aborts `signal` as they do.
 */
async function begin(args: readonly string[], { needed = {}, ...spec }: ClientSpec) {
  const strings = [...Object.keys(needed), ...spec.strings ?? []];
  const options = await parseOptions(args, { ...spec, strings, booleans: ["timestamps"] });
  if (options.help) return undefined;
  const missing = Object.keys(needed).filter((key) => options.strings[key] === undefined);
  if (missing.length > 0) {
    throw new UsageError(`missing ${missing.map((key) => needed[key]).join(" and ")}`);
  }
  const { openConsole } = await import("./lib/console.ts");
  const shutdown = shutdownOnSignals();
  const { request: onInterrupt } = shutdown;
  const { timestamps } = options.booleans;
  const open = (more?: Omit<ConsoleOptions, "split">) =>
    openConsole({ split: typedLines, timestamps, onInterrupt, ...more });
  return { ...options, ...shutdown, open };
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Hands on what the server sends, frame by frame and at the screen's pace, until it ends. */
async function receive(
  source: Source,
  splitter: Splitter<Uint8Array>,
  { console, take }: { console: Console; take: (frame: Uint8Array) => void },
): Promise<void> {
  try {
    for await (const batch of frames(source, splitter)) {
      batch.forEach(take);
      await console.drained();
    }
  } catch (error) {
    if (error instanceof FrameTooLongError) {
      console.note(`the server sent nonsense: ${error.message}`);
    } else if (!isDisconnect(error)) throw error;
  }
}

/** How long a server gets to see a person off: some do not close. */
const LEAVE_MS = 2000;

/** A chat over one connection: `typing` resolves when the person has left, `listening` at its end. */
interface Chat {
  console: Console;
  outbound: Outbound;
  typing: Promise<void>;
  listening: Promise<void>;
  /** A signal is an end of the input: what was typed is sent, and what the server still says is shown. */
  signal: AbortSignal;
}

/** Waits for the end of a chat, and says who ended it. */
async function converse(
  conn: Deno.TcpConn,
  { console, outbound, typing, listening, signal }: Chat,
): Promise<"left" | "gone"> {
  signal.addEventListener("abort", () => {
    console.close();
    // The end of a file waits until all of it is sent; a person who interrupts does not.
    within(LEAVE_MS, listening).then(() => outbound.backlog > 0 && outbound.cut());
  });
  const first = await Promise.race([
    typing.then(() => "left" as const),
    listening.then(() => "gone" as const),
  ]);
  if (first === "left") await within(LEAVE_MS, outbound.drained().then(() => listening));
  outbound.discard();
  tryClose(conn);
  await Promise.all([listening, console.close(), typing]);
  return first;
}

// ---- relay (CSC/CPE 138) ----

/** Some servers write no line ends: what they sent is shown after this silence. */
const BARE_MS = 100;
/** A server that asks for the name itself does so as soon as it has the connection. */
const GREETING_MS = 100;
/** What helps behind a reply of these words, on a terminal. */
const RELAY_HINTS: Record<string, string | undefined> = {
  [relay.TEXTS.unknownMessage]: "try: BCST Hello all",
  [relay.TEXTS.unregistered]: "JOIN NAME first",
};

/**
 * What the server says of the person, whose name was typed behind JOIN and stands at the start of a
 * line. The document says that a broadcast does not go to its sender, and shows it in the sender's
 * window: the client shows it there itself, behind the server's notice, and not again where a server
 * sends it, too. A server without line ends glues a notice to what follows: it is cut apart there.
 */
class OwnNotices {
  /** The name that the server has let in; before that, each that was asked for. */
  #names = new Set<string>();
  #joined = false;
  #quit = false;
  #waiting: string[] = [];
  #seen = new Set<string>();
  #echoed = new Set<string>();

  /** Takes note of a typed line. */
  typed(text: string): void {
    const [, request, rest = ""] = /^(JOIN|BCST) (.+)$/.exec(text) ?? [];
    // What waits from before a JOIN was refused: a server broadcasts for registered users only.
    if (request === "JOIN") this.#waiting = [];
    if (request === "JOIN" && !this.#joined) this.#names.add(rest.trim().split(/\s/)[0]!);
    if (request !== "BCST" || rest.trim() === "") return;
    this.#waiting.push(rest);
    this.#seen.clear();
    this.#echoed.clear();
  }

  /** What is to be shown for a received line. */
  received(line: string): string[] {
    const shown: string[] = [];
    let rest = line;
    do {
      const [name, text = rest] = this.#begins(rest);
      shown.push(...this.#shown(text, name));
      rest = rest.slice(text.length);
    } while (rest !== "");
    return shown;
  }

  /** The notice that the server owed for QUIT and did not send. */
  get farewell(): string | undefined {
    const [name = ""] = this.#names;
    return this.#joined && !this.#quit ? relay.TEXTS.quitting(name) : undefined;
  }

  /** The notice that a line begins with, and whom it names. */
  #begins(line: string): [name?: string, notice?: string] {
    const { joined, welcome, broadcasting, quitting } = relay.TEXTS;
    for (const name of this.#names) {
      if (line.startsWith(joined(name))) [this.#joined, this.#names] = [true, new Set([name])];
      const notices = [welcome(name), broadcasting(name), quitting(name)];
      const notice = notices.find((notice) => line.startsWith(notice));
      if (notice !== undefined) return [name, notice];
    }
    return [];
  }

  #shown(text: string, name: string | undefined): string[] {
    if (this.#echoed.delete(text)) return [];
    if (name === undefined || text !== relay.TEXTS.broadcasting(name)) {
      if (name !== undefined) this.#quit ||= text === relay.TEXTS.quitting(name);
      if (this.#waiting.length > 0) this.#seen.add(text);
      return [text];
    }
    const own = this.#waiting.shift();
    const echo = `${name}: ${own}`;
    if (own === undefined || this.#seen.delete(echo)) return [text];
    this.#echoed.add(echo);
    return [text, echo];
  }
}

/**
 * Sends what is typed until the person leaves, a piped file at the pace of the server; then says QUIT,
 * unless that was typed.
 */
async function typeRelay(
  console: Console,
  outbound: Outbound,
  { flow, own }: { flow: Flow; own: OwnNotices },
): Promise<void> {
  for (;;) {
    const typed = await console.readLine();
    console.setPrompt("");
    // An empty line ends the session on some servers.
    if (typed?.trim() === "") continue;
    const request = typed ?? "QUIT";
    own.typed(request);
    outbound.send(relay.line(request));
    await flow.hold();
    if (/^QUIT(\s|$)/.test(request)) return await outbound.drained();
  }
}

/** Shows what the server sends until it ends, and asks for the name unless its first bytes do. */
async function listenRelay(conn: Deno.TcpConn, console: Console, own: OwnNotices): Promise<void> {
  const ask = (prompt: string) => {
    console.setPrompt(escapeControl(prompt));
    if (!console.interactive) console.write(escapeControl(prompt));
  };
  let theirs: string | undefined;
  let silent = true;
  const timer = setTimeout(() => (silent = false, ask(relay.PROMPT)), GREETING_MS);
  const read = async (buffer: Uint8Array) => {
    const count = await conn.read(buffer).finally(() => clearTimeout(timer));
    if (silent) theirs = /[^\n]*: $/.exec(decoder.decode(buffer.subarray(0, count ?? 0)))?.[0];
    if (silent && theirs === undefined) ask(relay.PROMPT);
    silent = false;
    return count;
  };
  const take = (frame: Uint8Array) => {
    const line = decoder.decode(frame);
    if (line === theirs) {
      theirs = undefined;
      return ask(line);
    }
    for (const text of own.received(line)) console.show(text, { hint: RELAY_HINTS[text] });
  };
  const lines = new LineSplitter({ maxBytes: LINE_MOST, bareMs: BARE_MS, strict: false });
  await receive({ read }, lines, { console, take });
}

/** Chats over `conn` until the person leaves (exit code 0) or the server does (1). */
async function chatRelay(
  conn: Deno.TcpConn,
  console: Console,
  { where, signal }: { where: string; signal: AbortSignal },
): Promise<number> {
  const flow = new Flow(limits());
  // One write a line: some servers take what one read brings for one request.
  const outbound = new Outbound(conn, flow, { join: false, onCut: () => tryClose(conn) });
  const own = new OwnNotices();
  const typing = typeRelay(console, outbound, { flow, own });
  const listening = listenRelay(conn, console, own);
  const first = await converse(conn, { console, outbound, typing, listening, signal });
  if (first === "gone") console.note(`the server at ${where} has ended the connection`);
  else if (own.farewell !== undefined) console.show(own.farewell);
  await console.close();
  return first === "left" ? 0 : 1;
}

const RELAY_USAGE = `usage: client.ts relay HOST PORT [options]

example: client.ts relay 127.0.0.1 8001

  HOST                    the server's name or address
  PORT                    the server's port
${CLIENT_HELP}
Then type: ${relay.COMMANDS.join(", ")}.
`;

async function runRelay(args: readonly string[]): Promise<"help" | number> {
  using client = await begin(args, { words: ["HOST", "PORT"] });
  if (!client) return "help";
  const { words: [hostname = "", portText = ""], signal } = client;
  const number = port(portText, 1);
  const conn = await connect(hostname, { port: number, signal });
  if (!conn) return 0;
  const console = client.open({
    commands: relay.COMMANDS.map((command) => command.split(" ")[0]!),
    named: relay.named,
    typed: /^(?:JOIN|MESG) (\S+)/,
  });
  return await chatRelay(conn, console, { where: `${hostname}:${number}`, signal });
}

// ---- channels (CEG 4188) ----

/** So much waits for the server before more is read: a short typed line is a frame of 200 bytes. */
const WAITING_BYTES = 32 * 1024;
/** For so long after a typed `/list` a frame of several lines is its answer. */
const LISTING_MS = 2000;
/** How some servers begin a frame, to make room for it in a terminal; the client makes its own. */
const THEIR_WIPE = /^\r(?: {0,8}\r)?/;

/** Frames and prompts: the document's bytes on a pipe, a line editor's lines on a terminal. */
class ChannelsView {
  #listUntil = 0;

  constructor(readonly console: Console) {}

  prompt(): void {
    if (!this.console.interactive) this.console.write(channels.TEXTS.prefix);
  }

  typed(line: string): void {
    if (/^\/list(\s|$)/.test(line)) this.#listUntil = performance.now() + LISTING_MS;
  }

  frame(bytes: string): void {
    const frame = bytes.replace(THEIR_WIPE, "");
    // Line ends anywhere but in a list of channels would pass for messages of others.
    const asked = performance.now() < this.#listUntil && !frame.startsWith("[");
    const keepLines = asked || isListing(frame);
    this.line(keepLines ? frame.replaceAll("\r\n", "\n") : frame, keepLines);
    this.prompt();
  }

  /** Shows a line over the prompt; an empty one is nothing but that. */
  line(text: string, keepLines = false): void {
    if (!this.console.interactive) this.console.write(`${channels.TEXTS.wipe}\r`);
    if (text !== "") this.console.show(text, { keepLines });
  }
}

/** Whether a frame is a list of channels: words only. */
function isListing(text: string): boolean {
  return /^\S+(\n\S+)*$/.test(text);
}

/** Sends what is typed until the input ends, a piped file at the pace of the server. */
async function typeChannels(
  console: Console,
  outbound: Outbound,
  { view, name }: { view: ChannelsView; name: string },
): Promise<void> {
  view.prompt();
  for (let typed; (typed = await console.readLine()) !== null; view.prompt()) {
    if (typed.trim() === "") continue;
    view.typed(typed);
    for (const each of channels.typedFrames(typed, name)) {
      outbound.send(each);
      if (outbound.backlog >= WAITING_BYTES) await outbound.drained();
    }
  }
  await outbound.drained();
}

/** Chats over `conn` until the person leaves, or the server does, which `gone` says. */
async function chatChannels(
  conn: Deno.TcpConn,
  console: Console,
  { name, gone, signal }: { name: string; gone: string; signal: AbortSignal },
): Promise<void> {
  const outbound = new Outbound(conn, new Flow(limits()), {
    onCut: (reason) => {
      if (reason) console.note(`the server ${reason}`);
      tryClose(conn);
    },
  });
  const view = new ChannelsView(console);
  let leaving = false;
  outbound.send(channels.frame(name));
  const typing = typeChannels(console, outbound, { view, name }).then(() => {
    leaving = true;
    // Not awaited: behind a write that is stuck it would wait, too.
    conn.closeWrite().catch(() => {});
  });
  const take = (frame: Uint8Array) => view.frame(decoder.decode(channels.strip(frame)));
  const splitter = new FixedSplitter(channels.FRAME_BYTES);
  const listening = receive(conn, splitter, { console, take }).then(() => {
    if (!leaving) view.line(gone);
  });
  await converse(conn, { console, outbound, typing, listening, signal });
}

const CHANNELS_USAGE = `usage: client.ts channels NAME HOST PORT [options]

example: client.ts channels Scott 127.0.0.1 55555

  NAME                    the name that the others see
  HOST                    the server's name or address
  PORT                    the server's port
${CLIENT_HELP}
Then type messages, or: /create CHANNEL, /join CHANNEL, /list.
`;

async function runChannels(args: readonly string[]): Promise<"help" | number> {
  using client = await begin(args, { words: ["NAME", "HOST", "PORT"] });
  if (!client) return "help";
  const { words: [name = "", hostname = "", portText = ""], signal } = client;
  const number = port(portText, 1);
  // A server would close on it without a word.
  if (name.trim() === "") throw new UsageError("NAME must not be empty");
  const conn = await connect(hostname, { port: number, signal }).catch(async (error) => {
    if (!(error instanceof StartError)) throw error;
    // The document's own sentence on stdout; ours, on stderr, says why.
    const console = client.open();
    console.write(`${channels.TEXTS.cannotConnect(hostname, number)}\n`);
    await console.close();
    throw error;
  });
  if (!conn) return 0;
  const console = client.open({
    commands: ["/create", "/join", "/list"],
    prompt: channels.TEXTS.prefix,
    // Members in notices and messages, and channels in lists: whatever can be typed again.
    named: (line) => isListing(line) ? [[0, line.length]] : channels.named(line),
    typed: /^\/(?:create|join) (\S+)/,
  });
  const gone = channels.TEXTS.disconnected(hostname, number);
  await chatChannels(conn, console, { name, gone, signal });
  return 0;
}

// ---- overlay (CSCI 353) ----

/** Datagrams get lost: the first one, and the answer to it. */
const REGISTER_TRIES = 5;
const RETRY_MS = 1000;
/** After so many times RETRY_MS without a word the server may have been started anew, without us. */
const SILENT_TRIES = 30;
/** So many times RETRY_MS it gets to welcome the client again. */
const AGAIN_TRIES = 2;
const RECEIVE_BYTES = 65_536;

/** How the overlay client is called, taken apart, and what it talks through. */
interface OverlayOptions {
  /** The server; its host as it was typed. */
  server: Deno.NetAddr;
  name: string;
  /** Between two tries to register, in ms. */
  retryMs: number;
  socket: Deno.DatagramConn;
  console: Console;
  /** Aborted when the person shall leave. */
  left: AbortSignal;
}

/** A client of one server of the overlay. */
class OverlayClient {
  /** Aborted by the next welcome. */
  #welcome = new AbortController();
  /** When the server was last heard, or asked whether it is there. */
  #heard = performance.now();

  constructor(readonly options: OverlayOptions) {}

  /** Registers and chats until the person leaves; returns the exit code. */
  async run(): Promise<number> {
    const { server, name, retryMs, socket, console, left } = this.options;
    const cannot = `cannot register with ${server.hostname} port ${server.port}: `;
    const listening = this.#listen();
    const signal = AbortSignal.any([this.#welcome.signal, left]);
    try {
      for (let tries = 0; tries < REGISTER_TRIES && !signal.aborted; tries++) {
        await this.#send(overlay.register(name)).catch((error) => {
          throw new StartError(cannot + connectReason(error));
        });
        await sleep(retryMs, signal);
      }
      if (!signal.aborted) {
        throw new StartError(cannot + "no answer, is the server running and the port right?");
      }
      if (!left.aborted) await this.#type();
    } finally {
      tryClose(socket);
      await listening;
    }
    console.show(overlay.CLIENT.terminating);
    return 0;
  }

  #send(datagram: Uint8Array): Promise<unknown> {
    return this.options.socket.send(datagram, this.options.server);
  }

  /** Shows what the server sends until the socket is closed. */
  async #listen(): Promise<void> {
    const { server, name, socket, console } = this.options;
    const buffer = new Uint8Array(RECEIVE_BYTES);
    let host: string | undefined;
    for (;;) {
      const received = await socket.receive(buffer).catch(() => undefined);
      if (!received) return;
      const from = received[1] as Deno.NetAddr;
      const notice = overlay.parseNotice(received[0]);
      // Anybody can send a datagram here. The server's name may have been typed, and a server may answer
      // from another of its addresses: the first welcome from the asked port says which is its own.
      if (from.port !== server.port || (host ?? from.hostname) !== from.hostname) continue;
      if (notice.type !== "welcome" && host === undefined) continue;
      this.#heard = performance.now();
      if (notice.type === "shown") console.show(escapeControl(notice.line));
      else if (host === undefined) console.show(overlay.CLIENT.registered(name));
      if (notice.type === "welcome") this.#welcome.abort();
      host = from.hostname;
      await console.drained();
    }
  }

  /** Sends what is typed until the person leaves. */
  async #type(): Promise<void> {
    const { console } = this.options;
    const most = overlay.DATAGRAM_BYTES;
    for (;;) {
      const line = await console.readLine();
      if (line === null || line.trim() === "exit") return;
      if (line.trim() === "") continue;
      const datagram = overlay.typed(line);
      if (console.interactive && /^\/?help\s*$/.test(line)) console.note(OVERLAY_HELP);
      else if (!datagram) console.note(`not sent, type ${overlay.COMMANDS.join(" or ")}`);
      else if (datagram.length > most) {
        console.note(`not sent: longer than the ${most} bytes that a datagram holds`);
      } else {
        await this.#say(datagram).catch((error) =>
          console.note(`not sent: ${connectReason(error)}`)
        );
      }
    }
  }

  /** A server that was started anew knows nobody: after a long silence the client registers first. */
  async #say(datagram: Uint8Array): Promise<void> {
    const { name, retryMs, left, console } = this.options;
    if (performance.now() - this.#heard >= SILENT_TRIES * retryMs) {
      this.#heard = performance.now();
      this.#welcome = new AbortController();
      await this.#send(overlay.register(name));
      const { signal } = this.#welcome;
      await sleep(AGAIN_TRIES * retryMs, AbortSignal.any([signal, left]));
      if (!signal.aborted) console.note("the server does not answer: what is sent may be lost");
    }
    await this.#send(datagram);
  }
}

/** The document has no such word: it is ours, for a person at a terminal. */
const OVERLAY_HELP = `sendto <name> <message>   sends a message to somebody anywhere on the overlay
exit                      leaves
Tab completes, and the arrow keys bring back what was typed`;

const OVERLAY_USAGE = `usage: client.ts overlay -s ADDR -p PORT -n NAME [options]

example: client.ts overlay -s 127.0.0.1 -p 9000 -n Alice

  -s ADDR                 the server's address
  -p PORT                 the server's UDP port
  -n NAME                 your name, one word without ":"
  --retry-ms N            time between two of ${REGISTER_TRIES} tries to register (${RETRY_MS} ms)
${CLIENT_HELP}
Then type: ${overlay.COMMANDS.join(", ")}.
`;

async function runOverlay(args: readonly string[]): Promise<"help" | number> {
  const needed = { s: "-s ADDR", p: "-p PORT", n: "-n NAME" };
  using client = await begin(args, { needed, strings: ["retry-ms"] });
  if (!client) return "help";
  const { strings, signal: left } = client;
  const { s: hostname = "", p = "", n: name = "", "retry-ms": retry = `${RETRY_MS}` } = strings;
  if (!overlay.isName(name)) {
    const shape = `one word of at most ${overlay.NAME_BYTES} bytes without ":"`;
    throw new UsageError(`the name must be ${shape}, not ${JSON.stringify(name)}`);
  }
  const server: Deno.NetAddr = { transport: "udp", hostname, port: port(p, 1) };
  const retryMs = wholeNumber(retry, { name: "--retry-ms", min: 1 });
  const anywhere = hostname.includes(":") ? "::" : "0.0.0.0";
  const listening = { transport: "udp", hostname: anywhere, port: 0 } as const;
  const socket = tracedDatagrams(Deno.listenDatagram(listening));
  const console = client.open({
    commands: ["sendto", "exit", "help"],
    named: overlay.named,
    typed: /^sendto (\S+)/,
  });
  // A signal is an end of the input: the words for it are the same.
  left.addEventListener("abort", () => console.close());
  try {
    return await new OverlayClient({ server, name, retryMs, socket, console, left }).run();
  } finally {
    await console.close();
  }
}

// ---- bridge, its states (CSE 150) ----

/** Where a client stands. */
export type State =
  | ("IDLE" | "REGISTERING" | "REGISTERED" | "BRIDGING" | "WAIT" | "BRIDGED" | "CALLING")
  | ("CHAT writing" | "CHAT reading" | "END");
/** What happens to a client. `/quit` stands for Control-C and the end of the input, too. */
export type Trigger =
  | ("/register" | "/bridge" | "/chat" | "/quit" | "line typed")
  | ("REGACK" | "BRIDGEACK, empty" | "BRIDGEACK, a peer" | "connected" | "no answer")
  | ("CHAT comes" | "CHAT crosses" | "second CHAT" | "line received" | "busy" | "QUIT or FIN");
/** What a client does about it. */
export type Action =
  | ("send REGISTER" | "send BRIDGE" | "connect to the peer" | "say why" | "go on")
  | ("take calls" | "keep the contact" | "send CHAT" | "show the request" | "turn it away")
  | ("take that call instead" | "send the line" | "keep it for our turn" | "show the line")
  | ("send QUIT, close" | "close");
/** One arrow of the diagram; `back` is the state in which what is under way had begun. */
export type Transition = readonly [action: Action, to: State | "back"];
/** The arrows that leave one state, by what sets them off. */
export type Row = { readonly [trigger in Trigger]?: Transition };

const LEAVE: Row = { "/quit": ["close", "END"] };
const UNANSWERED: Row = { "no answer": ["say why", "back"] };
const CALLED: Row = { "CHAT comes": ["show the request", "CHAT reading"] };
const TALK: Row = {
  // Two have called each other: both keep the call of the one whose id sorts first.
  "CHAT crosses": ["take that call instead", "CHAT reading"],
  busy: ["say why", "BRIDGED"],
  "/quit": ["send QUIT, close", "END"],
  "QUIT or FIN": ["close", "END"],
};

/**
 * The machine that the client runs on, and that `docs/bridge-states.svg` is drawn from. What is not in a
 * state's row changes nothing there.
 */
export const TABLE: Readonly<Record<State, Row>> = {
  IDLE: { "/register": ["send REGISTER", "REGISTERING"], ...LEAVE },
  REGISTERING: { REGACK: ["go on", "REGISTERED"], ...UNANSWERED, ...LEAVE },
  REGISTERED: { "/bridge": ["send BRIDGE", "BRIDGING"], ...LEAVE },
  BRIDGING: {
    "BRIDGEACK, empty": ["take calls", "WAIT"],
    "BRIDGEACK, a peer": ["keep the contact", "BRIDGED"],
    ...UNANSWERED,
    ...CALLED,
    ...LEAVE,
  },
  WAIT: { "/bridge": ["send BRIDGE", "BRIDGING"], ...CALLED, ...LEAVE },
  BRIDGED: {
    "/chat": ["connect to the peer", "CALLING"],
    // The peer may be gone, and somebody else there.
    "/bridge": ["send BRIDGE", "BRIDGING"],
    ...CALLED,
    ...LEAVE,
  },
  CALLING: { connected: ["send CHAT", "CHAT writing"], ...UNANSWERED, ...CALLED, ...LEAVE },
  "CHAT writing": {
    "line typed": ["send the line", "CHAT reading"],
    // Out of turn, or the peer's last word before it leaves: messages are shown as they arrive.
    "line received": ["show the line", "CHAT writing"],
    "second CHAT": ["turn it away", "CHAT writing"],
    ...TALK,
  },
  "CHAT reading": {
    "line received": ["show the line", "CHAT writing"],
    "line typed": ["keep it for our turn", "CHAT reading"],
    "second CHAT": ["turn it away", "CHAT reading"],
    ...TALK,
  },
  END: {},
};

// ---- bridge, its connections (CSE 150) ----

/** How long in ms a server or a peer gets to answer. */
const ANSWER_MS = 5000;
/** How long in ms `/quit` waits for an answer to what was typed before it, and QUIT for the peer. */
const TYPED_MS = 500;
const HANG_UP_MS = 1000;
/** Between two writes, in ms: many peers take what one read brings for one message. */
const GAP_MS = 50;
/** So many connections may be silent for so long, in ms, before they say what they want. */
const MOST_RINGING = 16;
const RING_MS = 60_000;
/** Lines that wait for an answer or their turn; from here on no more are read. */
const MOST_WAITING = 1000;
const LEFT = { text: "the peer has ended the chat" };
const REQUEST = /^\/(register|bridge|chat)\s*$/;

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** A connection to a peer, from its first byte on. */
class Call {
  /** What the peer says. */
  readonly splitter: PeerSplitter;
  /** Who has called, as far as the first word says; undefined before that. */
  from: Partial<bridge.Contact> | undefined;
  /** On a call of ours: what was said before the peer's first word. Undefined from then on. */
  unheard: string[] | undefined;
  /** Resolves when the connection has been read to its end. */
  ended: Promise<void> = Promise.resolve();
  /** Resolves when the kernel has taken what was written, or the connection is closed. */
  written: Promise<unknown> = Promise.resolve();

  constructor(readonly conn: Deno.TcpConn, outgoing: boolean) {
    this.splitter = new PeerSplitter({ called: !outgoing });
    if (outgoing) this.unheard = [];
  }

  close(): void {
    tryClose(this.conn);
  }

  /** Writes behind what was written before, and apart from it unless the peer is one of ours. */
  write(bytes: Uint8Array): void {
    this.written = this.written.then(async () => {
      await writeAll(this.conn, bytes);
      if (!this.splitter.ours) await within(GAP_MS, this.ended);
    }).catch(() => {}); // What reads the connection hears that the peer is gone.
  }

  /** Says a line in the way in which the peer says its own. */
  say(text: string, own: bridge.Contact): void {
    this.unheard?.push(text);
    this.splitter.answered();
    this.write(formatLine(text, this.splitter.style, own));
  }

  /** Says QUIT in these parts, and closes once the peer has had the time to hear it. */
  async quit(parts: Uint8Array[] = quitParts(this.splitter.style)): Promise<void> {
    this.from ??= {};
    for (const part of parts) this.write(part);
    const heard = this.written.then(() => this.conn.closeWrite()).then(() => this.ended);
    await within(HANG_UP_MS, heard).catch(() => {});
    this.close();
  }
}

/** Who the client is, whom it asks, and what it lives on. The caller owns the listener. */
interface BridgeOptions {
  /** Its `ip` is empty where the one to register is the one that the server is reached from. */
  own: bridge.Contact;
  server: Endpoint;
  console: Console;
  listener: Deno.TcpListener;
}

/** What comes with a trigger. */
type Detail = { text?: string; call?: Call; peer?: bridge.Contact };

/** What comes of asking the server or calling a peer; undefined when the asking was given up. */
type Outcome = [trigger: Trigger, detail?: Detail] | undefined;

/**
 * Asks the server one thing over a connection of its own, which is closed after the answer. Rejects with
 * a {@linkcode StartError} when there is none.
 */
async function askServer(
  { own, server: { hostname, port } }: BridgeOptions,
  { question, signal }: { question: (localIp: string) => Uint8Array; signal: AbortSignal },
): Promise<Outcome> {
  using conn = await connect(hostname, { port, signal });
  if (!conn) return undefined;
  signal.addEventListener("abort", () => tryClose(conn));
  const { lineBytes, unterminatedBytes: blockBytes } = limits();
  let failure = "has closed the connection without an answer";
  try {
    const local = (conn.localAddr as Deno.NetAddr).hostname;
    await writeAll(conn, question(local.replace(/^::ffff:(?=\d+\.)/, "")));
    const blocks = frames(conn, new bridge.BlockSplitter({ lineBytes, blockBytes }));
    for await (const [block] of blocks) return outcome(bridge.parseAnswer(block!), own.id);
  } catch (error) {
    if (error instanceof bridge.BlockError) failure = `sent ${error.message}`;
    else if (isDisconnect(error)) failure = "has broken the connection off without an answer";
    else throw error;
  }
  throw new StartError(`the server at ${bridge.address(hostname, port)} ${failure}`);
}

function outcome(answer: bridge.Answer, id: string): Outcome {
  if (answer.type === "refused") throw new StartError(`the server refused: ${answer.reason}`);
  if (answer.type === "REGACK") return ["REGACK"];
  const { peer } = answer;
  return !peer || peer.id === id ? ["BRIDGEACK, empty"] : ["BRIDGEACK, a peer", { peer }];
}

/** Calls a peer; undefined when it was given up. Rejects with a {@linkcode StartError}. */
async function callPeer(peer: bridge.Contact, signal: AbortSignal): Promise<Call | undefined> {
  const conn = await connect(peer.ip, { port: peer.port, signal }).catch(({ cause }) => {
    const where = `${peer.id} at ${bridge.address(peer.ip, peer.port)}`;
    throw new StartError(
      cause instanceof Deno.errors.ConnectionRefused
        ? `${where} is gone: nothing listens there, /bridge asks the server again`
        : `cannot reach ${where}: ${connectReason(cause)}`,
    );
  });
  return conn && new Call(conn, true);
}

// ---- bridge (CSE 150) ----

/** A client between its terminal, its listener, the server and a peer. */
class BridgeClient {
  readonly #console: Console;
  #state: State = "IDLE";
  /** Where it stood before what is under way, and what ends that early. */
  #before: State = "IDLE";
  #work = new AbortController();
  #own: bridge.Contact;
  #peer: bridge.Contact | undefined;
  #call: Call | undefined;
  readonly #ringing = new Set<Call>();
  #accepting: Promise<void> | undefined;
  /** What was typed and waits for an answer or its turn. */
  #typed: string[] = [];
  #toldToWait = false;
  #changed = Promise.withResolvers<void>();
  readonly #end = new AbortController();
  readonly #done = Promise.withResolvers<void>();

  constructor(readonly options: BridgeOptions) {
    this.#console = options.console;
    this.#own = options.own;
  }

  /** Lives until the person or the peer ends it. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#dispatch("/quit"));
    const where = reachable(this.options.listener.addr);
    this.#console.show(bridge.CONSOLE.running(this.#own.id, where));
    this.#console.setPrompt(">");
    Promise.all([this.#type(), this.#obeyAll()]).catch(this.#done.reject);
    try {
      await this.#done.promise;
    } finally {
      this.#end.abort();
      for (const call of this.#ringing) call.close();
      await this.#console.close();
      await this.#accepting;
    }
  }

  get #chatting(): boolean {
    return this.#state.startsWith("CHAT ");
  }

  /** Takes a step of the table; false when the trigger means nothing now. */
  #dispatch(trigger: Trigger, detail: Detail = {}): boolean {
    const transition = TABLE[this.#state][trigger];
    if (!transition) return false;
    const [action, to] = transition;
    const before = this.#state;
    this.#state = to === "back" ? this.#before : to;
    this.#before = before;
    this.#actions[action](detail);
    this.#wake();
    return true;
  }

  readonly #actions: Record<Action, (detail: Detail) => void> = {
    "send REGISTER": () =>
      this.#ask((localIp) => {
        this.#own = { ...this.#own, ip: this.options.own.ip || localIp };
        return bridge.MESSAGES.register(this.#own);
      }),
    "send BRIDGE": () => this.#ask(() => bridge.MESSAGES.bridge(this.#own.id)),
    "connect to the peer": () => this.#dial(this.#peer!),
    "say why": ({ text }) => this.#console.note(text!),
    "go on": () => {},
    "take calls": () => this.#accept(),
    "keep the contact": ({ peer }) => {
      this.#peer = peer;
      this.#accept();
    },
    "send CHAT": ({ call }) => {
      this.#call = call!;
      call!.write(bridge.MESSAGES.chat(this.#own));
    },
    "show the request": ({ call }) => this.#take(call!),
    "turn it away": ({ call }) => call!.quit([bridge.MESSAGES.busy]),
    "take that call instead": ({ call }) => {
      // The peer has not looked at our call: what was said on it is said again.
      this.#typed.unshift(...this.#call!.unheard!);
      this.#call!.close();
      this.#take(call!);
    },
    "send the line": ({ text }) => {
      this.#toldToWait = false;
      this.#call!.say(text!, this.#own);
    },
    "keep it for our turn": ({ text }) => {
      this.#typed.unshift(text!);
      this.#toldToWait = true;
      this.#console.note("it is the peer's turn: your line is sent after it");
    },
    "show the line": ({ text }) => this.#console.show(text!),
    "send QUIT, close": () => {
      const call = this.#call!;
      // A client of ours shows lines out of turn; another would take them and QUIT for one.
      if (call.splitter.ours) { for (const text of this.#unsent()) call.say(text, this.#own); }
      this.#admitUnsent();
      call.quit().then(this.#done.resolve, this.#done.reject);
    },
    close: ({ text }) => {
      if (text) this.#console.note(text);
      this.#admitUnsent();
      this.#work.abort();
      this.#call?.close();
      this.#done.resolve();
    },
  };

  /** The chat lines that were typed and not sent; they are no longer kept. */
  #unsent(): string[] {
    return this.#typed.splice(0).filter((line) => !REQUEST.test(line));
  }

  #admitUnsent(): void {
    const { length } = this.#unsent();
    if (length > 0) {
      this.#console.note(`${length} ${length === 1 ? "line was" : "lines were"} not sent`);
    }
  }

  #ask(question: (localIp: string) => Uint8Array): void {
    const { hostname, port } = this.options.server;
    this.#start(
      `the server at ${bridge.address(hostname, port)}`,
      (signal) => askServer(this.options, { question, signal }),
    );
  }

  #dial(peer: bridge.Contact): void {
    this.#start(bridge.CONSOLE.contact(peer), async (signal) => {
      const call = await callPeer(peer, signal);
      if (!call) return undefined;
      call.ended = this.#hear(call);
      return ["connected", { call }];
    });
  }

  /** Starts what needs an answer of `whom`; it ends with a trigger, within {@linkcode ANSWER_MS}. */
  async #start(whom: string, work: (signal: AbortSignal) => Promise<Outcome>): Promise<void> {
    const controller = this.#work = new AbortController();
    const late = `${whom} did not answer within ${ANSWER_MS / 1000} s`;
    const timer = setTimeout(() => controller.abort(late), ANSWER_MS);
    const { signal } = controller;
    try {
      const came = await work(signal);
      if (came && !this.#dispatch(...came)) came[1]?.call?.close();
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StartError)) return this.#done.reject(error);
      this.#dispatch("no answer", { text: error.message });
    } finally {
      clearTimeout(timer);
      if (signal.reason === late) this.#dispatch("no answer", { text: late });
    }
  }

  /** From here on calls are taken; before the first time, callers wait in the backlog. */
  #accept(): void {
    const flow = new Flow(limits());
    const log = (sentence: string) => this.#console.note(sentence);
    this.#accepting ??= acceptSessions(this.options.listener, (conn) => {
      const call = new Call(conn, false);
      const [oldest] = this.#ringing;
      // A crowd of the silent must not keep a caller out.
      if (oldest && this.#ringing.size >= MOST_RINGING) {
        this.#ringing.delete(oldest);
        oldest.close();
      }
      this.#ringing.add(call);
      // A call can be news only while ours may not have been heard.
      if (this.#chatting && !this.#call!.unheard) this.#dispatch("second CHAT", { call });
      return call.ended = this.#hear(call);
    }, { ...limits(), signal: this.#end.signal, flow, log });
  }

  /** Reads a connection to its end, whether it is the chat or not. */
  async #hear(call: Call): Promise<void> {
    const silent = setTimeout(() => call !== this.#call && call.close(), RING_MS);
    try {
      for await (const batch of frames(call.conn, call.splitter)) {
        for (const frame of batch) this.#receive(call, frame);
        await this.#console.drained();
      }
    } catch (error) {
      if (error instanceof PeerError) this.#console.note(`the peer sent ${error.message}`);
      else if (!isDisconnect(error)) throw error;
    } finally {
      clearTimeout(silent);
      this.#ringing.delete(call);
      call.close();
      if (call === this.#call) this.#dispatch("QUIT or FIN", LEFT);
    }
  }

  #receive(call: Call, frame: PeerFrame): void {
    if (call !== this.#call) this.#ring(call, frame);
    if (call !== this.#call) return;
    if (frame.type === "QUIT" && frame.busy && call.unheard) return this.#busy(call);
    // What has not spoken by now is most likely the peer's own call, which it has dropped.
    if (call.unheard) { for (const other of this.#ringing) other.close(); }
    call.unheard = undefined;
    if (frame.type === "line") this.#dispatch("line received", { text: frame.text });
    else if (frame.type === "QUIT") this.#dispatch("QUIT or FIN", LEFT);
  }

  /** The first word of a connection that is not the chat. */
  #ring(call: Call, frame: PeerFrame): void {
    if (call.from) return;
    if (frame.type === "QUIT") return call.close();
    call.from = frame.type === "CHAT" ? frame.from : {};
    const { id } = call.from;
    if (!this.#chatting) {
      if (!this.#dispatch("CHAT comes", { call })) call.close();
    } else if (!this.#call!.unheard || !id || id !== this.#peer?.id) {
      this.#dispatch("second CHAT", { call });
    } else if (id < this.#own.id) this.#dispatch("CHAT crosses", { call });
    // Otherwise it stays open: the peer must see our call before it sees the end of its own.
  }

  #take(call: Call): void {
    this.#work.abort();
    this.#call = call;
    this.#ringing.delete(call);
    // Who has not spoken yet is too late.
    for (const other of this.#ringing) other.quit([bridge.MESSAGES.busy]);
    const { hostname, port } = call.conn.remoteAddr;
    const where = bridge.address(call.from?.ip ?? hostname, call.from?.port ?? port);
    this.#console.show(bridge.CONSOLE.incoming(call.from?.id ? `${call.from.id} ${where}` : where));
  }

  #busy(call: Call): void {
    this.#call = undefined;
    call.close();
    // What was said to nobody waits again, and the person is told.
    this.#typed.unshift(...call.unheard!);
    this.#dispatch("busy", { text: `${this.#peer!.id} is in another chat` });
  }

  /** Reads what is typed until the person leaves. */
  async #type(): Promise<void> {
    for (;;) {
      const line = await this.#console.readLine();
      const command = line?.trimEnd();
      if (command === undefined || command === "/quit") break;
      if (command === "/id") this.#console.show(this.#own.id);
      else this.#typed.push(line!);
      this.#wake();
      await this.#until(() => this.#typed.length < MOST_WAITING);
    }
    // What was typed before is done first, but a server that does not answer keeps nobody.
    const done = () =>
      !TABLE[this.#state]["no answer"] && (this.#typed.length === 0 || this.#toldToWait);
    await within(TYPED_MS, this.#until(done));
    this.#dispatch("/quit");
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && this.#state !== "END") await this.#changed.promise;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Does what was typed, each line once it can be done. */
  async #obeyAll(): Promise<void> {
    while (this.#state !== "END") {
      const line = this.#typed.shift();
      if (line !== undefined) this.#obey(line);
      // A peer that takes nothing must not fill the memory.
      await this.#call?.written;
      const turn = () => !this.#toldToWait || this.#state !== "CHAT reading";
      await this.#until(() => this.#typed.length > 0 && !TABLE[this.#state]["no answer"] && turn());
    }
  }

  #obey(line: string): void {
    const command = line.trimEnd();
    if (command === "/register" || command === "/bridge" || command === "/chat") {
      const stand = { id: this.#own.id, state: this.#state };
      if (!this.#dispatch(command)) this.#console.note(bridge.CONSOLE.misfit(command, stand));
    } else if (this.#chatting) {
      if (line === "" && this.#call!.splitter.style.form === "bare") return;
      this.#dispatch("line typed", { text: line });
    } else if (command === "/help" && this.#console.interactive) {
      this.#console.note(bridge.HELP);
    } else if (command !== "" && !command.startsWith("/")) {
      this.#console.note("nothing was sent: there is no chat yet");
    }
  }
}

// ---- bridge, its command (CSE 150) ----

const BRIDGE_USAGE = `usage: client.ts bridge --id=NAME --port=PORT --server=ADDRESS:PORT [options]

example: client.ts bridge --id=student1 --port=3000 --server=127.0.0.1:5555
then type ${bridge.COMMANDS.join(", ")}

  --id NAME               your name, one word
  --port N, -p N          port to wait for chats on, 0 for a free one
  --server ADDRESS:PORT   the server
  --host ADDR             address to wait on and to register (the one the server is reached from)
${CLIENT_HELP}`;

async function runBridge(args: readonly string[]): Promise<"help" | number> {
  const needed = { id: "--id", port: "--port", server: "--server" };
  using client = await begin(args, { needed, strings: ["host"], alias: { port: "p" } });
  if (!client) return "help";
  const { id = "", port: own = "", server = "", host } = client.strings;
  if (!bridge.isId(id)) {
    throw new UsageError(`--id must be one word of at most 64 bytes, not ${JSON.stringify(id)}`);
  }
  const [, v6, plain, number] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(server) ?? [];
  const hostname = v6 ?? plain;
  if (hostname === undefined) {
    throw new UsageError(`--server must be ADDRESS:PORT, not ${JSON.stringify(server)}`);
  }
  const to = { hostname, port: port(number!, 1) };
  using listener = listen({ hostname: host ?? "0.0.0.0", port: port(own) });
  const console = client.open({ commands: [...bridge.COMMANDS, "/help"], named: bridge.named });
  const ip = host === undefined || host === "0.0.0.0" || host === "::" ? "" : host;
  const contact = { id, ip, port: listener.addr.port };
  await new BridgeClient({ own: contact, server: to, console, listener }).run(client.signal);
  return 0;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
