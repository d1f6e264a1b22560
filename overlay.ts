#!/usr/bin/env -S deno run --allow-net
/**
 * The overlay chat server (CSCI 353, programming assignment 1): clients talk to it in datagrams, and
 * servers are joined by TCP, so that a message finds its reader on any of them.
 *
 * ```
 * client: register Alice       server: welcome Alice
 * client: sendto Bob Hello     server to Bob: recvfrom Alice Hello
 * server to server: Alice to Bob: Hello
 * ```
 *
 * Run it with `deno run --allow-net overlay.ts -p 9000`, and try it with `nc -u 127.0.0.1 9000`. A
 * second one joins with `overlay.ts -p 9001 -s 127.0.0.1 -t 9100` when the first has `-o 9100`.
 *
 * @module
 */

import {
  acceptSessions,
  connect,
  type Endpoint,
  frames,
  FrameTooLongError,
  fromOutside,
  hangUp,
  isDisconnect,
  LineSplitter,
  listen,
  SEGMENT_BYTES,
  type Serving,
  sleep,
  type Splitter,
  takeFrames,
  tryClose,
  within,
} from "./lib/net.ts";
import { receiveAll, Throttle } from "./lib/datagrams.ts";
import { Flow, Outbound } from "./lib/outbound.ts";
import { escapeControl, openOperator, tracedDatagrams } from "./lib/operator.ts";
import {
  connectReason,
  limitHelp,
  type Limits,
  listenReason,
  parseOptions,
  port,
  runProtocol,
  shutdownOnSignals,
  StartError,
  TRACE_HELP,
  UsageError,
} from "./lib/program.ts";
import * as wire from "./lib/wire/overlay.ts";

// ---- guard against rings ----

/** For so long a line is known again; a copy needs milliseconds for its way round, an echo no more. */
export const MEMORY_MS = 5000;
/** What the known lines may take, in characters, before the older half of them is forgotten. */
const BUDGET_CHARS = 8 * 1024 * 1024;
/** What an entry takes beside its text, and for each link that has brought its line, roughly. */
const ENTRY_CHARS = 300;
const ARRIVAL_CHARS = 30;

/** What is known of one line. */
interface Entry {
  /** How many messages of these words there were. */
  messages: number;
  /** How many times each link has brought them, by the link's number. */
  readonly arrivals: Map<number, number>;
  /** The latest link that was open when this was looked at last. */
  latest: number;
  seenAt: number;
}

type Brought = Map<number, Set<string>>;

/**
 * How servers that are joined in a ring keep from passing a message on for ever, when a line between two
 * servers is no more than `<a> to <b>: <message>` and carries no number.
 *
 * A message is told from a copy of one that was here before by counting: people say the same thing
 * twice, but a link keeps order and brings each message once. So the second arrival *on one link* is a
 * second message, and the first arrival on another link is a copy of the first. What this server sent
 * out itself counts likewise, which covers servers that send back what they cannot deliver.
 *
 * In a tree of servers every message comes by one link, and nothing is ever taken for a copy. A link
 * opens and closes at the same cost however many lines are known.
 */
export class LoopGuard {
  readonly #now: () => number;
  readonly #links = new Set<number>();
  #latest = 0;
  // Two generations: the older one is dropped whole, which costs nothing for each line.
  #recent = new Map<string, Entry>();
  #older = new Map<string, Entry>();
  /** The lines that each link has brought, of the same two generations. */
  #brought: [Brought, Brought] = [new Map(), new Map()];
  #recentSince: number;
  #chars = 0;

  /** A guard that knows no line yet; `now` is in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#recentSince = now();
  }

  /** Takes note of a link, by a number of its own that is larger than those before. */
  opened(link: number): void {
    this.#links.add(link);
    this.#latest = link;
  }

  /** Takes note of the end of a link. */
  closed(link: number): void {
    this.#links.delete(link);
    // What it has brought may come by links that were behind it from here on: no more copies are
    // expected on any of them, which is to know nothing of these lines.
    for (const generation of this.#brought) {
      for (const line of generation.get(link) ?? []) {
        this.#recent.delete(line);
        this.#older.delete(line);
      }
      generation.delete(link);
    }
  }

  /** Takes note of a line that this server sends out for one of its own clients. */
  originated(line: string): void {
    this.#entry(line).messages++;
  }

  /** Whether a line that `link` has brought is a message; if not, it is a copy, to be dropped. */
  arrived(line: string, link: number): boolean {
    const entry = this.#entry(line);
    const count = (entry.arrivals.get(link) ?? 0) + 1;
    entry.arrivals.set(link, count);
    this.#note(line, link);
    if (count <= entry.messages) return false;
    entry.messages = count;
    return true;
  }

  #note(line: string, link: number): void {
    const [recent] = this.#brought;
    let lines = recent.get(link);
    if (!lines) recent.set(link, lines = new Set());
    if (lines.has(line)) return;
    lines.add(line);
    this.#chars += ARRIVAL_CHARS;
  }

  #entry(line: string): Entry {
    const now = this.#now();
    if (now - this.#recentSince > MEMORY_MS || this.#chars > BUDGET_CHARS) {
      [this.#recent, this.#older] = [new Map(), this.#recent];
      this.#brought = [new Map(), this.#brought[0]];
      this.#recentSince = now;
      this.#chars = 0;
    }
    let entry = this.#recent.get(line) ?? this.#older.get(line);
    if (!entry || now - entry.seenAt > MEMORY_MS) {
      entry = { messages: 0, arrivals: new Map(), latest: this.#latest, seenAt: now };
    }
    if (this.#recent.get(line) !== entry) {
      this.#recent.set(line, entry);
      this.#chars += line.length + ENTRY_CHARS;
    }
    entry.seenAt = now;
    if (entry.latest === this.#latest) return entry;
    // What was said before a link was opened is not expected on it: whatever it brings is new.
    for (const link of this.#links) {
      if (link > entry.latest) entry.arrivals.set(link, entry.messages);
    }
    this.#chars += ARRIVAL_CHARS * entry.arrivals.size;
    entry.latest = this.#latest;
    return entry;
  }
}

// ---- exchange ----

/** A link as the exchange sees it; its number counts from 1 and is never used again. */
interface Link {
  readonly id: number;
  readonly outbound: Outbound;
}

/** For so long a name that has said nothing but `register` keeps its place from a newcomer, in ms. */
const QUIET_MS = 10_000;

/** A registered name. */
interface Client {
  readonly name: string;
  readonly address: Deno.NetAddr;
  /** `recvfrom Alice ` in bytes, for what it sends. */
  readonly prefix: Uint8Array;
  /** When it has registered last. */
  registeredAt: number;
}

/** The registered names, the links, and what each message does to them. */
class Exchange {
  readonly #options: Serving & { throttle: Throttle };
  readonly #guard: LoopGuard;
  readonly #clients = new Map<string, Client>();
  /** The latest name of each address. */
  readonly #senders = new Map<string, Client>();
  /** The names that have said nothing but `register`, the longest silent first. */
  readonly #quiet = new Set<Client>();
  readonly #links = new Set<Link>();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** An exchange without clients and links. */
  constructor(options: Serving & { throttle: Throttle }) {
    this.#options = options;
    this.#guard = new LoopGuard(this.#now);
  }

  readonly #now = (): number => this.#options.flow.clock.now();

  /** Handles a client's datagram. */
  datagram(bytes: Uint8Array, from: Deno.NetAddr): void {
    const request = wire.parseDatagram(bytes);
    if (request.type === "register") return this.#register(request.name, from);
    if (request.type === "sendto") return this.#sendto(request, from);
    this.#note(`ignored ${bytes.length} bytes that are no request`, from);
  }

  /** Sends messages for unknown names on `link`, too. */
  opened(link: Link): void {
    this.#links.add(link);
    this.#guard.opened(link.id);
  }

  /** Forgets the link. */
  closed(link: Link): void {
    this.#links.delete(link);
    this.#guard.closed(link.id);
  }

  /** Handles a line that `link` has brought; false when it is no message: then nothing is done. */
  passed(line: Uint8Array, link: Link): boolean {
    const message = wire.parsePassage(line);
    if (!message) return false;
    const { from, to, text } = message;
    const shown = this.#shown(from, to, text);
    if (!this.#guard.arrived(shown, link.id)) return true;
    this.#options.operator.print(wire.SERVER.received(shown));
    const client = this.#clients.get(to);
    if (client) {
      this.#deliver(wire.recvfrom(wire.recvfromPrefix(from), text), client);
      return true;
    }
    this.#options.operator.print(wire.SERVER.notRegistered(to));
    // Never back to where it came from.
    if (this.#links.size > 1) this.#send(shown, wire.passage(from, to, text), link);
    return true;
  }

  #register(name: string, from: Deno.NetAddr): void {
    const { operator, throttle, limits } = this.#options;
    const known = this.#clients.get(name);
    if (!known && this.#clients.size >= limits.clients && !this.#makeRoom(name, from)) {
      return this.#note(`refused to register ${name}: ${limits.clients} names are the limit`, from);
    }
    const quiet = !known || this.#quiet.delete(known);
    // Registered twice from one address is a welcome that was lost: there is nothing new to say.
    const same = known && place(known.address) === place(from);
    const prefix = wire.recvfromPrefix(name);
    const client = same ? known : { name, address: from, prefix, registeredAt: 0 };
    client.registeredAt = this.#now();
    if (quiet) this.#quiet.add(client);
    if (known) this.#forget(known);
    this.#clients.set(name, client);
    this.#senders.set(place(from), client);
    if (!same) operator.print(wire.SERVER.registered(name, from.hostname, from.port));
    if (known && !same) operator.note(`${name} moved from ${place(known.address)}`, "moved");
    throttle.send(wire.welcome(name), from);
  }

  /** Whether a name that never said anything has left its place to `name`. */
  #makeRoom(name: string, from: Deno.NetAddr): boolean {
    const { limits } = this.#options;
    const [oldest] = this.#quiet;
    if (!oldest || this.#now() - oldest.registeredAt < QUIET_MS) return false;
    this.#quiet.delete(oldest);
    this.#clients.delete(oldest.name);
    this.#forget(oldest);
    const why = `${limits.clients} names are the limit, and it has said nothing`;
    this.#note(`${name} takes the place of ${oldest.name}: ${why}`, from);
    return true;
  }

  #sendto({ to, text }: { to: string; text: Uint8Array }, address: Deno.NetAddr): void {
    const { operator } = this.#options;
    const sender = this.#senders.get(place(address));
    if (!sender) return this.#note("dropped a message from an address without a name", address);
    this.#quiet.delete(sender);
    const shown = this.#shown(sender.name, to, text);
    operator.print(shown);
    const client = this.#clients.get(to);
    if (client) return this.#deliver(wire.recvfrom(sender.prefix, text), client);
    operator.print(wire.SERVER.notRegistered(to));
    if (this.#links.size > 0) this.#forward(sender, to, wire.oneLine(text));
  }

  #forward(sender: Client, to: string, text: Uint8Array): void {
    const line = wire.passage(sender.name, to, text);
    const { lineBytes } = this.#options.limits;
    // A longer line would end the link at a neighbour who keeps the same limit.
    if (line.length - 1 > lineBytes) {
      const what = `a message of ${text.length} bytes for ${to} is too long for the overlay`;
      return this.#note(`${what}, whose lines hold ${lineBytes}`, sender.address);
    }
    const shown = this.#shown(sender.name, to, text);
    this.#guard.originated(shown);
    this.#send(shown, line);
  }

  /** Sends a line on every link but `except`. */
  #send(shown: string, line: Uint8Array, except?: Link): void {
    this.#options.operator.print(wire.SERVER.sending(shown));
    for (const link of this.#links) if (link !== except) link.outbound.send(line);
  }

  #deliver(datagram: Uint8Array, { name, address }: Client): void {
    // `recvfrom` takes more room than `sendto` when the sender's name is longer.
    if (datagram.length <= wire.DATAGRAM_BYTES) {
      return void this.#options.throttle.send(datagram, address);
    }
    this.#note(`a message for ${name} is too long for one datagram: dropped`, address);
  }

  /** Takes a client's address away from it, so that nobody else writes in its name. */
  #forget(client: Client): void {
    const at = place(client.address);
    if (this.#senders.get(at) === client) this.#senders.delete(at);
  }

  /** A message as it is printed: one line, whatever is in it. */
  #shown(from: string, to: string, text: Uint8Array): string {
    return wire.SERVER.message(from, to, escapeControl(this.#decoder.decode(text)));
  }

  #note(what: string, from: Deno.NetAddr): void {
    // One kind for all: a flood of them must not become a flood of sentences.
    this.#options.operator.note(`${place(from)}: ${what}`, "datagram");
  }
}

function place({ hostname, port }: Deno.NetAddr): string {
  return `${hostname} port ${port}`;
}

// ---- links ----

/** Many servers write no line ends: what they sent is a message after this silence, in ms. */
const BARE_MS = 100;
/**
 * Some pass on other servers' line ends and write none themselves. From one that has sent a line end it
 * is more likely that the rest of a line is late.
 */
const MIXED_MS = 1000;
/** The wait before the first try to connect again; it doubles with each try that fails. */
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** A link that lasted for so long was a good one: the next wait is the first one again. */
const STEADY_MS = 1000;
/** How long a neighbour gets to close after this server has ended its side. */
const LINGER_MS = 300;
/** As much of what is no message as a person needs to see what it was. */
const SHOWN_BYTES = 60;

/** The lines of a link, with or without line ends; what is no message is among them. */
export class LinkSplitter implements Splitter<Uint8Array> {
  readonly #lines: LineSplitter;
  /** What waits has come in reads of its own, and not behind a line end. */
  #apart = true;

  /** A splitter for one link; `maxBytes` is the longest line. */
  constructor(maxBytes: number) {
    this.#lines = new LineSplitter({ maxBytes, bareMs: BARE_MS, strict: false });
  }

  /** A refusal, once a line is too long. */
  get error(): Error | undefined {
    return this.#lines.error;
  }

  /** In ms; undefined while nothing waits. */
  get patienceMs(): number | undefined {
    const { patienceMs, terminated } = this.#lines;
    return patienceMs !== undefined && terminated ? MIXED_MS : patienceMs;
  }

  /** Returns the lines that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const { waiting } = this.#lines;
    this.#apart ||= waiting.length === 0;
    // Two messages without line ends were a write each, and so a read each. What fills a segment may be
    // the first part of a longer write, which must not be cut where its text looks like a message; and
    // both may be one message, cut inside its first name.
    const start = bytes.subarray(0, SEGMENT_BYTES);
    const next = this.#apart && waiting.length > 0 && waiting.length < SEGMENT_BYTES &&
      wire.startsPassage(start) &&
      (wire.parsePassage(waiting) || !wire.parsePassage(Uint8Array.of(...waiting, ...start)));
    const before = next ? this.silence() : [];
    const lines = this.#lines.push(bytes);
    if (lines.length > 0) this.#apart = false;
    return [...before, ...lines];
  }

  /** Returns what waits, whatever it is: more of it is not to be expected. */
  silence(): Uint8Array[] {
    return this.#lines.silence();
  }

  /** A message without a line end counts, but not from a neighbour that died in the middle of a line. */
  end(): Uint8Array[] {
    return this.#lines.terminated ? [] : this.silence();
  }
}

let links = 0;

/** Serves one link until it ends, whoever ends it, and closes the connection. */
async function linkSession(
  conn: Deno.TcpConn,
  { exchange, signal, limits, flow, operator }: Serving & { exchange: Exchange },
): Promise<void> {
  const { hostname, port } = conn.remoteAddr;
  const neighbour = `overlay server ${hostname} port ${port}`;
  let reason = "has gone";
  const outbound = new Outbound(conn, flow, {
    hardBytes: limits.linkBytes,
    onCut: (why) => {
      reason = why ?? reason;
      tryClose(conn);
    },
  });
  const link: Link = { id: ++links, outbound };
  const take = (line: Uint8Array) => {
    if (line.length === 0 || exchange.passed(line, link)) return;
    operator.note(`${neighbour} sent no message: ${quote(line)}`, "piece");
  };
  // What is queued arrives before the server ends.
  const end = () =>
    within(limits.drainMs, outbound.drained()).then(() => hangUp(conn, outbound, LINGER_MS));
  signal.addEventListener("abort", end);
  exchange.opened(link);
  try {
    const lines = frames(conn, new LinkSplitter(limits.lineBytes));
    await takeFrames(lines, take, { signal, flow, outbound, rate: limits.rate });
  } catch (error) {
    if (error instanceof FrameTooLongError) reason = `sent ${error.message}`;
    else if (!isDisconnect(error)) throw error;
  } finally {
    exchange.closed(link);
    // One kind for all: strangers who come and go must not become a flood of sentences.
    if (!signal.aborted) operator.note(`${neighbour} ${reason}: link ended`, "link");
    await (signal.aborted ? end() : hangUp(conn, outbound, limits.drainMs));
    signal.removeEventListener("abort", end);
  }
}

/**
 * Keeps one link up until `signal` is aborted: whenever it ends or cannot be made, tries again. `dial`
 * connects, undefined when `signal` was aborted, or rejects with a {@linkcode StartError}; `session`
 * lives as long as the link. Tests turn the clock, which is in milliseconds, by hand.
 */
export async function keepLinked<Conn>({ dial, session, note, signal, now, wait = sleep }: {
  dial: () => Promise<Conn | undefined>;
  session: (conn: Conn) => Promise<void>;
  note: (sentence: string) => void;
  signal: AbortSignal;
  now: () => number;
  wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}): Promise<void> {
  let retryMs = RETRY_MIN_MS;
  while (!signal.aborted) {
    let failure: string | undefined;
    try {
      const conn = await dial();
      if (conn === undefined) return;
      const since = now();
      await session(conn);
      if (now() - since >= STEADY_MS) retryMs = RETRY_MIN_MS;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      failure = error.message;
    }
    if (signal.aborted) return;
    const again = `in ${retryMs / 1000} s`;
    note(
      failure ? `${failure} (trying again ${again})` : `connecting to the overlay again ${again}`,
    );
    await wait(retryMs, signal);
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  }
}

function quote(line: Uint8Array): string {
  const text = new TextDecoder().decode(line.subarray(0, SHOWN_BYTES));
  return `"${escapeControl(text)}"${line.length > SHOWN_BYTES ? "..." : ""}`;
}

// ---- serve ----

/** What a server is joined to. */
export interface OverlayOptions {
  /** Takes other servers' connections. Default: none are taken. */
  listener?: Deno.TcpListener | undefined;
  /** The overlay server to connect to. Default: none. */
  neighbour?: Endpoint | undefined;
  /** Waits before the next try to connect, in ms, or until the signal. Default: a timer. */
  wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** Serves clients through `socket`, and the overlay, until `serving.signal` is aborted. */
export async function serve(
  socket: Deno.DatagramConn,
  serving: Serving & OverlayOptions,
): Promise<void> {
  const { signal, flow, operator, listener } = serving;
  const throttle = new Throttle(socket, {
    onError: (error) => operator.note(`a datagram was not sent: ${connectReason(error)}`, "send"),
  });
  const exchange = new Exchange({ ...serving, throttle });
  const end = () => {
    operator.print(wire.SERVER.terminating);
    tryClose(socket);
  };
  const { hostname, port } = socket.addr as Deno.NetAddr;
  operator.print(wire.SERVER.started(usable(hostname), port));
  if (listener) operator.print(wire.SERVER.overlayStarted(listener.addr.port));
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  await Promise.all([
    receiveAll(socket, {
      handle: (bytes, from) => {
        if (!signal.aborted) exchange.datagram(bytes, from);
      },
      room: () => throttle.room() ?? flow.hold(),
      failed: (error) => operator.note(`receiving failed: ${listenReason(error)}`, "receive"),
    }),
    serveLinks({ ...serving, exchange }),
  ]);
}

/** Takes other servers' links, and keeps the one that this server makes itself. */
async function serveLinks(serving: Serving & OverlayOptions & { exchange: Exchange }) {
  const { signal, limits, flow, operator, listener, neighbour, wait } = serving;
  const { drainMs, connections } = limits;
  const { note } = operator;
  await Promise.all([
    listener && acceptSessions(listener, (conn) => {
      operator.print(wire.SERVER.overlayConnection(conn.remoteAddr.hostname, conn.remoteAddr.port));
      return linkSession(conn, serving);
    }, { signal, flow, drainMs, connections, log: note }),
    neighbour && keepLinked({
      dial: () => connect(neighbour.hostname, { port: neighbour.port, signal }),
      session: (conn: Deno.TcpConn) => {
        operator.print(wire.SERVER.connected(neighbour.hostname, neighbour.port));
        return linkSession(conn, serving);
      },
      note,
      signal,
      now: () => flow.clock.now(),
      wait,
    }),
  ]);
}

/** The address that a client on this machine can use, as the document prints it. */
function usable(hostname: string): string {
  return { "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname] ?? hostname;
}

function listenDatagrams({ hostname, port }: Endpoint): Deno.DatagramConn {
  try {
    return tracedDatagrams(Deno.listenDatagram({ transport: "udp", hostname, port }));
  } catch (error) {
    throw new StartError(`cannot listen on ${hostname}:${port} (UDP): ${listenReason(error)}`);
  }
}

const LIMIT_FLAGS: readonly (keyof Limits)[] = [
  "clients",
  "lineBytes",
  "connections",
  "softBytes",
  "linkBytes",
  "stuckMs",
  "drainMs",
];

/** How the server is called. */
export const USAGE: string = `usage: overlay.ts -p PORT [-s ADDR -t PORT] [-o PORT] [options]

example: overlay.ts -p 9000 -o 9100
         overlay.ts -p 9001 -s 127.0.0.1 -t 9100

  -p PORT                 UDP port for clients, 0 for a free one
  -s ADDR                 address of the overlay server to connect to
  -t PORT                 port of the overlay server to connect to
  -o PORT                 TCP port for other overlay servers, 0 for a free one
  --host ADDR             address to listen on (0.0.0.0)
${limitHelp(LIMIT_FLAGS)}${TRACE_HELP}`;

/** Runs the server from its command line, until a signal ends it. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | void> {
  const options = await parseOptions(args, {
    strings: ["p", "s", "t", "o", "host"],
    limits: LIMIT_FLAGS,
  });
  if (options.help) return "help";
  const { limits, strings: { p, s, t, o, host: hostname = "0.0.0.0" } } = options;
  if (p === undefined) throw new UsageError("missing -p PORT");
  if ((s === undefined) !== (t === undefined)) throw new UsageError("-s and -t go together");
  const udp = { hostname, port: port(p) };
  const tcp = o === undefined ? undefined : { hostname, port: port(o) };
  const neighbour = s && t ? { hostname: s, port: port(t, 1) } : undefined;
  // Signals first: from here on an end is an orderly end.
  using shutdown = shutdownOnSignals();
  const socket = listenDatagrams(udp);
  const flow = new Flow(limits);
  const operator = openOperator(flow);
  try {
    using listener = tcp && listen(tcp);
    const { signal } = shutdown;
    const served = serve(socket, { signal, limits, flow, operator, listener, neighbour });
    const outside = fromOutside(socket.addr as Deno.NetAddr);
    if (outside) operator.note(outside);
    await served;
    await operator.end();
  } finally {
    operator.close();
    tryClose(socket);
  }
}

/** Runs the server; returns the exit code: 0 for an orderly end, 1 for a failure, 2 for bad usage. */
export function main(args: readonly string[]): Promise<number> {
  return runProtocol({ USAGE, run }, args);
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
