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

import { completer, type Console, converse, Names, openConsole } from "./lib/console.ts";
import {
  connect,
  FixedSplitter,
  frames,
  FrameTooLongError,
  isDisconnect,
  LineSplitter,
  sleep,
  tryClose,
  within,
} from "./lib/net.ts";
import { Flow, Outbound } from "./lib/outbound.ts";
import {
  connectReason,
  escapeControl,
  limits,
  parseOptions,
  port,
  type Protocol,
  runRole,
  shutdownOnSignals,
  StartError,
  TIMESTAMPS_HELP,
  tracedDatagrams,
  UsageError,
  wholeNumber,
} from "./lib/program.ts";
import * as channels from "./lib/wire/channels.ts";
import * as overlay from "./lib/wire/overlay.ts";
import * as relay from "./lib/wire/relay.ts";

// ---- main ----

const PROTOCOLS: Record<string, () => Promise<Protocol>> = {
  bridge: () => import("./client/bridge.ts"),
  channels: () => Promise.resolve({ USAGE: CHANNELS_USAGE, run: runChannels }),
  overlay: () => Promise.resolve({ USAGE: OVERLAY_USAGE, run: runOverlay }),
  relay: () => Promise.resolve({ USAGE: RELAY_USAGE, run: runRelay }),
};

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
  return runRole(args, { protocols: PROTOCOLS, usage: USAGE });
}

// ---- relay (CSC/CPE 138) ----

/** Some servers write no line ends: what they sent is shown after this silence. */
const BARE_MS = 100;
/** Some servers do not close after QUIT. */
const QUIT_MS = 2000;
/** No list of users is that long; a stream without line ends must not fill the memory. */
const LINE_BYTES = 1024 * 1024;

/**
 * A broadcast as its sender sees it. The document says that it does not go to its sender, and shows it
 * in the sender's window: the client shows it there itself, next to the server's notice, and not again
 * where a server sends it, too.
 */
export class OwnBroadcasts {
  #waiting: string[] = [];
  #seen = new Set<string>();
  #shown = new Set<string>();

  /** Takes note of a typed line. */
  typed(text: string): void {
    const request = relay.parseRequest(new TextEncoder().encode(text));
    // What waits from before a JOIN was refused: a server broadcasts for registered users only.
    if (request.type === "JOIN") this.#waiting = [];
    if (request.type !== "BCST") return;
    this.#waiting.push(text.slice("BCST ".length));
    this.#seen.clear();
    this.#shown.clear();
  }

  /** What is to be shown for a received line. */
  received(text: string): string[] {
    if (this.#shown.delete(text)) return [];
    const name = relay.broadcaster(text);
    if (name === undefined) {
      if (this.#waiting.length > 0) this.#seen.add(text);
      return [text];
    }
    const own = this.#waiting.shift();
    if (own === undefined) return [text];
    const echo = `${name}: ${own}`;
    if (this.#seen.delete(echo)) return [text];
    this.#shown.add(echo);
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
  { flow, own }: { flow: Flow; own: OwnBroadcasts },
): Promise<void> {
  for (;;) {
    const typed = await console.readLine();
    console.setPrompt("");
    // An empty line ends the session on some servers.
    if (typed?.trim() === "") continue;
    const request = typed ?? "QUIT";
    own.typed(request);
    outbound.send(relay.line(request));
    const pause = flow.hold();
    if (pause) await pause;
    if (/^QUIT(\s|$)/.test(request)) return await outbound.drained();
  }
}

/** Shows what the server sends until it ends. */
async function listenRelay(
  conn: Deno.TcpConn,
  console: Console,
  own: OwnBroadcasts,
): Promise<void> {
  const lines = new LineSplitter({ maxBytes: LINE_BYTES, bareMs: BARE_MS, strict: false });
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  try {
    for await (const batch of frames(conn, lines)) {
      for (const each of batch) {
        for (const shown of own.received(decoder.decode(each))) console.show(shown);
      }
      await console.drained();
    }
  } catch (error) {
    if (error instanceof FrameTooLongError) {
      console.note(`the server sent nonsense: ${error.message}`);
    } else if (!isDisconnect(error)) throw error;
  }
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
  const own = new OwnBroadcasts();
  console.setPrompt(relay.PROMPT);
  if (!console.interactive) console.write(relay.PROMPT);
  const typing = typeRelay(console, outbound, { flow, own });
  const listening = listenRelay(conn, console, own);
  // A signal is an end of the input: QUIT is sent, and what the server still says is shown.
  signal.addEventListener("abort", () => {
    console.close();
    within(QUIT_MS, listening).then(() => outbound.discard());
  });
  const first = await converse(conn, { console, outbound, typing, listening, leaveMs: QUIT_MS });
  if (first === "gone") console.note(`the server at ${where} has ended the connection`);
  return first === "left" ? 0 : 1;
}

const RELAY_USAGE = `usage: client.ts relay HOST PORT

example: client.ts relay 127.0.0.1 8001

  HOST                    the server's name or address
  PORT                    the server's port
${TIMESTAMPS_HELP}
Then type: ${relay.COMMANDS.join(", ")}.
`;

async function runRelay(args: readonly string[]): Promise<"help" | number> {
  const options = await parseOptions(args, { words: ["HOST", "PORT"], booleans: ["timestamps"] });
  if (options.help) return "help";
  const [hostname, portText] = options.words as [string, string];
  const number = port(portText, 1);
  using shutdown = shutdownOnSignals();
  const conn = await connect(hostname, { port: number, signal: shutdown.signal });
  if (!conn) return 0;
  const names = new Names(relay.named);
  const console = openConsole({
    names,
    complete: completer(relay.COMMANDS.map((command) => command.split(" ")[0]!), names),
    timestamps: options.booleans["timestamps"] === true,
    onInterrupt: shutdown.request,
  });
  return await chatRelay(conn, console, {
    where: `${hostname}:${number}`,
    signal: shutdown.signal,
  });
}

// ---- channels (CEG 4188) ----

const CHANNELS_COMMANDS = ["/create", "/join", "/list"];
/** How long a server gets to take in the end of our stream. */
const LEAVE_MS = 2000;
/** So much waits for the server before more is read: a short typed line is a frame of 200 bytes. */
const WAITING_BYTES = 32 * 1024;

/** Shows frames and prompts: the document's bytes on a pipe, a line editor's lines on a terminal. */
interface Screen {
  prompt(): void;
  frame(text: string): void;
  gone(text: string): void;
}

function screen(console: Console): Screen {
  if (console.interactive) {
    return {
      prompt: () => {},
      // An empty frame writes over the prompt only, and that is redrawn anyway.
      frame: (text) => {
        if (text !== "") console.show(text, { keepLines: isListing(text) });
      },
      gone: (text) => console.show(text),
    };
  }
  // Lines piped in, answers on the screen: it is a person's terminal that must be safe.
  const safe = Deno.stdout.isTerminal() ? escapeControl : (text: string) => text;
  const wipe = `${channels.TEXTS.wipe}\r`;
  return {
    prompt: () => console.write(channels.TEXTS.prefix),
    frame: (text) => {
      const shown = safe(text, { keepLines: isListing(text) });
      console.write(`${wipe}${shown}${text && "\n"}${channels.TEXTS.prefix}`);
    },
    gone: (text) => console.write(`${wipe}${text}\n`),
  };
}

/** Members in notices and messages, and channels in lists: whatever can be typed again. */
function namesIn(line: string): readonly (readonly [number, number])[] {
  return isListing(line) ? [[0, line.length]] : channels.named(line);
}

/** Whether a frame is a list of channels: words only. Lines in any other would be forged messages. */
function isListing(text: string): boolean {
  return /^\S+(\n\S+)*$/.test(text);
}

/** Sends what is typed until the input ends, a piped file at the pace of the server. */
async function typeChannels(console: Console, outbound: Outbound, shown: Screen): Promise<void> {
  shown.prompt();
  for (let typed; (typed = await console.readLine()) !== null;) {
    for (const each of channels.typedFrames(typed)) {
      outbound.send(each);
      if (outbound.backlog >= WAITING_BYTES) await outbound.drained();
    }
    shown.prompt();
  }
  await outbound.drained();
}

/** Shows what the server sends until it ends. */
async function listenChannels(conn: Deno.TcpConn, console: Console, shown: Screen): Promise<void> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  try {
    for await (const batch of frames(conn, new FixedSplitter(channels.FRAME_BYTES))) {
      for (const each of batch) shown.frame(decoder.decode(channels.strip(each)));
      await console.drained();
    }
  } catch (error) {
    if (!isDisconnect(error)) throw error;
  }
}

/** Chats over `conn` until the person leaves, or the server does, which `gone` says. */
async function chatChannels(
  conn: Deno.TcpConn,
  console: Console,
  { hello, gone, signal }: { hello: Uint8Array; gone: string; signal: AbortSignal },
): Promise<void> {
  const outbound = new Outbound(conn, new Flow(limits()), {
    onCut: (reason) => {
      if (reason) console.note(`the server ${reason}`);
      tryClose(conn);
    },
  });
  const shown = screen(console);
  let leaving = false;
  signal.addEventListener("abort", () => {
    console.close();
    // The end of a file waits until all of it is sent; a person who interrupts does not.
    within(LEAVE_MS, outbound.drained()).then(() => {
      if (outbound.backlog > 0) outbound.cut();
    });
  });
  outbound.send(hello);
  const typing = typeChannels(console, outbound, shown).then(() => {
    leaving = true;
    // Not awaited: behind a write that is stuck it would wait, too.
    conn.closeWrite().catch(() => {});
  });
  const listening = listenChannels(conn, console, shown).then(() => {
    if (!leaving) shown.gone(gone);
  });
  await converse(conn, { console, outbound, typing, listening, leaveMs: LEAVE_MS });
}

const CHANNELS_USAGE = `usage: client.ts channels NAME HOST PORT

example: client.ts channels Scott 127.0.0.1 55555

  NAME                    the name that the others see
  HOST                    the server's name or address
  PORT                    the server's port
${TIMESTAMPS_HELP}
Then type messages, or: /create CHANNEL, /join CHANNEL, /list.
`;

async function runChannels(args: readonly string[]): Promise<"help" | number> {
  const options = await parseOptions(args, {
    words: ["NAME", "HOST", "PORT"],
    booleans: ["timestamps"],
  });
  if (options.help) return "help";
  const [name, hostname, portText] = options.words as [string, string, string];
  const number = port(portText, 1);
  const hello = channels.frame(name);
  // A server would close on it without a word.
  if (channels.parseName(hello) === undefined) throw new UsageError("NAME must not be empty");
  using shutdown = shutdownOnSignals();
  const { signal } = shutdown;
  const conn = await connect(hostname, { port: number, signal }).catch(async (error) => {
    if (!(error instanceof StartError)) throw error;
    // The document's own sentence on stdout; ours, on stderr, says why.
    const console = openConsole();
    console.write(`${channels.TEXTS.cannotConnect(hostname, number)}\n`);
    await console.close();
    throw error;
  });
  if (!conn) return 0;
  const names = new Names(namesIn);
  const console = openConsole({
    prompt: channels.TEXTS.prefix,
    names,
    complete: completer(CHANNELS_COMMANDS, names),
    timestamps: options.booleans["timestamps"] === true,
    onInterrupt: shutdown.request,
  });
  await chatChannels(conn, console, {
    hello,
    gone: channels.TEXTS.disconnected(hostname, number),
    signal,
  });
  return 0;
}

// ---- overlay (CSCI 353) ----

/** Datagrams get lost: the first one, and the answer to it. */
const REGISTER_TRIES = 5;
const RETRY_MS = 1000;
const RECEIVE_BYTES = 65_536;

/** A registration under way. */
export interface Registration {
  /** Sends `register`. */
  send: () => Promise<unknown>;
  /** Aborted once the server has answered, or the person has left. */
  signal: AbortSignal;
  /** Resolves after so many ms, or when the signal is aborted. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Between two tries, in ms. Default: 1000. */
  retryMs?: number;
}

/** Sends `register` until `signal` is aborted, five times at most; false when nothing came of it. */
export async function introduce(registration: Registration): Promise<boolean> {
  const { send, signal, wait = sleep, retryMs = RETRY_MS } = registration;
  for (let tries = 0; tries < REGISTER_TRIES && !signal.aborted; tries++) {
    await send();
    await wait(retryMs, signal);
  }
  return signal.aborted;
}

/** Shows what the server sends until the socket is closed; `welcomed` is called for each welcome. */
async function listenOverlay(
  socket: Deno.DatagramConn,
  { console, server, welcomed }: { console: Console; server: Deno.NetAddr; welcomed: () => void },
): Promise<void> {
  const buffer = new Uint8Array(RECEIVE_BYTES);
  let host: string | undefined;
  for (;;) {
    let received: [Uint8Array, Deno.Addr];
    try {
      received = await socket.receive(buffer);
    } catch {
      return;
    }
    const from = received[1] as Deno.NetAddr;
    // Anybody can send a datagram here. The server's name may have been typed, so its address is
    // learned from its first answer.
    if (from.port !== server.port || (host !== undefined && from.hostname !== host)) continue;
    host = from.hostname;
    const notice = overlay.parseNotice(received[0]);
    if (notice.type === "welcome") welcomed();
    else console.show(notice.line);
    await console.drained();
  }
}

/** The document has no such word: it is ours, for a person at a terminal. */
const HELP = `sendto <name> <message>   sends a message to somebody anywhere on the overlay
exit                      leaves
Tab completes, and the arrow keys bring back what was typed`;

/** Sends what is typed until the person leaves. */
async function typeOverlay(
  console: Console,
  send: (datagram: Uint8Array) => Promise<unknown>,
): Promise<void> {
  for (;;) {
    const line = await console.readLine();
    if (line === null || line.trim() === "exit") return;
    const datagram = overlay.typed(line);
    if (console.interactive && /^\/?help\s*$/.test(line)) console.note(HELP);
    else if (!datagram) {
      if (line.trim() !== "") console.note(`not sent, type ${overlay.COMMANDS.join(" or ")}`);
    } else if (datagram.length > overlay.DATAGRAM_BYTES) {
      console.note(
        `not sent: longer than the ${overlay.DATAGRAM_BYTES} bytes that a datagram holds`,
      );
    } else {
      await send(datagram).catch((error) => console.note(`not sent: ${connectReason(error)}`));
    }
  }
}

/** How the client is called, taken apart. */
export interface ClientOptions {
  /** The server; its host as it was typed. */
  server: Deno.NetAddr;
  /** What to register as. */
  name: string;
  /** Between two tries to register, in ms. */
  retryMs: number;
}

/** Registers and chats through `socket` until the person leaves; returns the exit code. */
async function chatOverlay(
  socket: Deno.DatagramConn,
  { server, name, retryMs, console, left }: ClientOptions & { console: Console; left: AbortSignal },
): Promise<number> {
  const welcome = new AbortController();
  const send = (datagram: Uint8Array) => socket.send(datagram, server);
  const first = () =>
    send(overlay.register(name)).catch((error) => {
      throw new StartError(cannot(server, connectReason(error)));
    });
  const listening = listenOverlay(socket, {
    console,
    server,
    welcomed: () => {
      // The answer to a try that was not lost after all.
      if (welcome.signal.aborted) return;
      console.show(overlay.CLIENT.registered(name));
      welcome.abort();
    },
  });
  const signal = AbortSignal.any([welcome.signal, left]);
  try {
    if (!await introduce({ send: first, signal, retryMs })) {
      throw new StartError(cannot(server, "no answer, is the server running and the port right?"));
    }
    if (!left.aborted) await typeOverlay(console, send);
  } finally {
    tryClose(socket);
    await listening;
  }
  console.show(overlay.CLIENT.terminating);
  return 0;
}

function cannot({ hostname, port }: Deno.NetAddr, reason: string): string {
  return `cannot register with ${hostname} port ${port}: ${reason}`;
}

const OVERLAY_USAGE = `usage: client.ts overlay -s ADDR -p PORT -n NAME

example: client.ts overlay -s 127.0.0.1 -p 9000 -n Alice

  -s ADDR                 the server's address
  -p PORT                 the server's UDP port
  -n NAME                 your name, one word of letters and digits
  --retry-ms N            time between two of ${REGISTER_TRIES} tries to register (${RETRY_MS} ms)
${TIMESTAMPS_HELP}
Then type: ${overlay.COMMANDS.join(", ")}.
`;

async function runOverlay(args: readonly string[]): Promise<"help" | number> {
  const parsed = await parseOptions(args, {
    strings: ["s", "p", "n", "retry-ms"],
    booleans: ["timestamps"],
  });
  if (parsed.help) return "help";
  const options = clientOptions(parsed.strings);
  using shutdown = shutdownOnSignals();
  const hostname = options.server.hostname.includes(":") ? "::" : "0.0.0.0";
  const socket = tracedDatagrams(Deno.listenDatagram({ transport: "udp", hostname, port: 0 }));
  const names = new Names(overlay.named);
  const console = openConsole({
    names,
    complete: completer(["sendto", "exit", "help"], names),
    timestamps: parsed.booleans["timestamps"] === true,
    onInterrupt: shutdown.request,
  });
  const { signal: left } = shutdown;
  // A signal is an end of the input: the words for it are the same.
  left.addEventListener("abort", () => console.close());
  try {
    return await chatOverlay(socket, { ...options, console, left });
  } finally {
    tryClose(socket);
    await console.close();
  }
}

function clientOptions({ s, p, n, ...rest }: Record<string, string | undefined>): ClientOptions {
  const missing = Object.entries({ "-s ADDR": s, "-p PORT": p, "-n NAME": n })
    .filter(([, value]) => value === undefined).map(([name]) => name);
  if (s === undefined || p === undefined || n === undefined) {
    throw new UsageError(`missing ${missing.join(" and ")}`);
  }
  if (!overlay.isName(n)) {
    throw new UsageError(
      `the name must be one word of letters and digits, not ${JSON.stringify(n)}`,
    );
  }
  return {
    server: { transport: "udp", hostname: s, port: port(p, 1) },
    name: n,
    retryMs: wholeNumber(rest["retry-ms"] ?? String(RETRY_MS), { name: "--retry-ms", min: 1 }),
  };
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
