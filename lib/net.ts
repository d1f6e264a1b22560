/**
 * TCP connections: reading frames, one session loop for all servers, accepting, connecting, and hanging up
 * so that what was sent arrives.
 *
 * @module
 */

import { hostPort, openOperator, type Operator, traced } from "./operator.ts";
import { Flow, Outbound } from "./outbound.ts";
import {
  connectReason,
  type Limits,
  listenReason,
  type Shutdown,
  shutdownOnSignals,
  StartError,
} from "./program.ts";
import type { Splitter } from "./wire/framing.ts";

export { FixedSplitter, FrameTooLongError, LineSplitter, type Splitter } from "./wire/framing.ts";

// ---- frames ----

/** The least that a link carries at once, an MSS: a shorter read is not the first part of a longer write. */
export const SEGMENT_BYTES = 536;
/** Longest read, and most frames handed on at once: what a flooding connection may hold in memory. */
const READ_BYTES = 16 * 1024;
const BATCH_FRAMES = 128;
/** After so many reads below a segment the read buffer is a small one again. */
const SHORT_READS = 16;

/** What {@linkcode frames} reads from: how many bytes were read, or null at the end of the stream. */
export type Source = { read(buffer: Uint8Array): Promise<number | null> };

/**
 * Reads `source` through `splitter` and yields the frames of each read, at most 128 at a time. A frame's
 * bytes are valid until the next batch is asked for. Ends at the end of the stream; rejects with the
 * read's own error, or with the splitter's.
 */
export async function* frames<Frame>(
  source: Source,
  splitter: Splitter<Frame>,
): AsyncGenerator<Frame[], void, void> {
  let buffer = new Uint8Array(SEGMENT_BYTES);
  for (let short = 0;;) {
    const reading = source.read(buffer);
    const { patienceMs } = splitter;
    if (patienceMs !== undefined && await isSilent(reading, patienceMs)) {
      const batch = splitter.silence();
      if (batch.length > 0) yield batch;
    }
    const count = await reading;
    if (count === null) break;
    for (let at = 0; at < count && !splitter.error; at += splitter.taken ?? count) {
      const batch = splitter.push(buffer.subarray(at, count), BATCH_FRAMES);
      if (batch.length > 0) yield batch;
    }
    if (splitter.error) throw splitter.error;
    short = count < SEGMENT_BYTES ? short + 1 : 0;
    const longer = count === buffer.length && count < READ_BYTES;
    const size = longer ? Math.min(count * 4, READ_BYTES) : SEGMENT_BYTES;
    if (longer || (short >= SHORT_READS && buffer.length > size)) buffer = new Uint8Array(size);
  }
  const batch = splitter.end();
  if (batch.length > 0) yield batch;
}

/** Whether a read does not settle within `ms`. */
async function isSilent(reading: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, ms, true);
  const heard = () => resolve(false);
  reading.then(heard, heard);
  const silent = await promise;
  clearTimeout(timer);
  return silent;
}

// ---- sessions ----

/** One connection of a server, as its protocol sees it. */
export interface Peer {
  /** Counts from 1 in the order of arrival. */
  readonly id: number;
  /** The peer's end of the connection. */
  readonly address: Deno.NetAddr;
  /** Takes what the peer is sent. */
  readonly outbound: Outbound;
  /** Closes the connection at once and drops what is queued; the session ends by that. */
  close(): void;
}

/** What a protocol does with one connection. */
export interface Session<Frame> {
  /** Cuts the peer's bytes into frames. */
  readonly splitter: Splitter<Frame>;
  /** Handles a frame. False ends the session, with what was sent still delivered; a promise is waited for. */
  take(frame: Frame): Taken;
  /** Called before `left` when the splitter cannot follow the peer's bytes any further. */
  broken?(error: Error): void;
  /** Called before `left` when the queue gives the peer up: why, without a subject. */
  cut?(reason: string): void;
  /** Called once, when the session is over, whoever has ended it. What it sends is still delivered. */
  left(): void;
}

/** What handling a frame comes to, see {@linkcode Session}. */
export type Taken = boolean | void | Promise<void>;

/** A protocol as {@linkcode serveSessions} runs it. */
export interface Service<Frame> {
  /** Begins a session; it may send at once. */
  open(peer: Peer): Session<Frame>;
  /** What a connection is told that is one too many; it is closed right after. */
  full?: Uint8Array;
}

/**
 * Serves the connections that come through `listener` until `serving.signal` is aborted, each as a
 * session of its own. Resolves when the last one has ended.
 */
export async function serveSessions<Frame>(
  listener: Deno.TcpListener,
  serving: Serving,
  service: Service<Frame>,
): Promise<void> {
  const { signal, limits: { drainMs, connections }, flow, operator } = serving;
  const { full } = service;
  // One object for all sessions: what each of thousands has of its own adds up.
  const shared = { ...serving, service };
  const session = (conn: Deno.TcpConn, id: number) =>
    serveSession(new Connection(traced(conn), id, flow), shared);
  await acceptSessions(listener, session, {
    ...{ signal, flow, drainMs, connections },
    log: (sentence) => operator.note(sentence),
    refuse: full && ((conn) => conn.write(full)),
  });
}

/** A peer with the connection behind it, which is closed when the queue gives the peer up. */
class Connection implements Peer {
  readonly outbound: Outbound;
  session: Pick<Session<never>, "cut"> | undefined;

  constructor(readonly conn: Deno.TcpConn, readonly id: number, flow: Flow) {
    this.outbound = new Outbound(conn, flow, this);
  }

  get address(): Deno.NetAddr {
    return this.conn.remoteAddr;
  }

  close(): void {
    tryClose(this.conn);
  }

  onCut(reason: string | undefined): void {
    if (reason !== undefined) this.session?.cut?.(reason);
    this.close();
  }
}

async function serveSession<Frame>(
  peer: Connection,
  { service, signal, limits, flow }: Serving & { service: Service<Frame> },
): Promise<void> {
  const { conn, outbound } = peer;
  const session = service.open(peer);
  peer.session = session;
  const { splitter } = session;
  try {
    const take = (frame: Frame) => session.take(frame);
    await takeFrames(frames(conn, splitter), take, { signal, flow, outbound, rate: limits.rate });
  } catch (error) {
    if (error === splitter.error) session.broken?.(splitter.error!);
    else if (!isDisconnect(error)) throw error;
  } finally {
    session.left();
    await hangUp(conn, outbound, limits.drainMs);
  }
}

/** A reader of a large room that stops taking holds its senders up no longer than that. */
const ROUND_MS = 20;
/** A peer whose frames have taken so long waits for a turn of its own, and the others come first. */
const TURN_MS = 5;
/** Asking for the time takes a third of what a frame does (row: 10 clients). */
const CLOCK_FRAMES = 16;

/** How {@linkcode takeFrames} goes about it. */
export interface TakeOptions {
  /** Aborted: no further frame is taken. */
  signal: AbortSignal;
  /** The queues that `take` sends into. */
  flow: Flow;
  /** The peer's own queue, so that what its frames cause counts as its own. */
  outbound?: Outbound;
  /** Most frames per second, 0 for no limit. */
  rate: number;
}

/**
 * The loop of one connection: hands frames to `take` until it returns false, the stream ends, or `signal`
 * is aborted. Between them it gives way to readers that are behind and to other peers, and keeps to the
 * rate. Rejects as the stream does.
 */
export async function takeFrames<Frame>(
  batches: AsyncIterable<Iterable<Frame>> | Iterable<Iterable<Frame>>,
  take: (frame: Frame) => Taken,
  { signal, flow, outbound, rate }: TakeOptions,
): Promise<void> {
  const { clock } = flow;
  let next = -Infinity;
  let count = 0;
  let spent = false;
  let turned = clock.now();
  for await (const batch of batches) {
    // One that used up a turn gets no other for the asking: many of them must not hold up a newcomer.
    if (spent) await flow.turn();
    if (signal.aborted) return;
    spent = false;
    let began = clock.now();
    for (const frame of batch) {
      flow.sender = outbound;
      const taken = take(frame);
      // Awaited only when there is something to wait for: frames of one read share their writes.
      let pause: Promise<unknown> | undefined = flow.hold();
      if (taken === false) return;
      if (typeof taken === "object") await taken;
      if (pause || rate > 0 || ++count % CLOCK_FRAMES === 0) {
        const now = clock.now();
        // A second's worth may come at once: people paste.
        if (rate > 0) next = Math.max(next, now - 1000) + 1000 / rate;
        if (next > now) pause ??= sleep(next - now, signal);
        // A reader that takes all at once ends a wait for it within the same turn of the event loop.
        spent = now - (pause ? turned : began) > TURN_MS;
        if (spent) [pause, turned] = [Promise.all([pause, flow.turn()]), now];
      }
      if (!pause) continue;
      await pause;
      if (signal.aborted) return;
      began = clock.now();
    }
    const round = flow.round();
    if (round) await within(ROUND_MS, round);
  }
}

// ---- accept ----

/** How {@linkcode acceptSessions} runs. */
export interface AcceptOptions {
  /** Ends the loop: the listener is closed, the sessions are told, drained and closed. */
  signal: AbortSignal;
  /** The queues of this server's connections. */
  flow: Flow;
  /** Time in ms that the sessions get to deliver what is queued once `signal` is aborted. */
  drainMs: number;
  /** Most connections at once; 0: learned from the descriptor limit whenever that is hit. */
  connections: number;
  /** Takes a sentence for the operator. */
  log: (sentence: string) => void;
  /** Says "full" in the protocol's words to a connection that is closed right after. */
  refuse?: ((conn: Deno.TcpConn) => Promise<unknown>) | undefined;
  /** Tells the sessions that the server ends; what it returns is waited for, then what it queued. */
  farewell?: (() => Promise<void> | void) | undefined;
}

const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 1000;
/** How long a peer gets to close after the server has said that it ends. */
const LINGER_MS = 300;

/**
 * Accepts connections and runs a session for each until `signal` is aborted and all have ended.
 * Errors of `accept` never end it. `session` owns its connection until it returns and MUST NOT reject
 * for anything a peer does: what it rejects with is reported as a bug of ours.
 */
export async function acceptSessions(
  listener: Pick<Deno.TcpListener, "accept" | "close">,
  session: (conn: Deno.TcpConn, id: number) => Promise<void>,
  options: AcceptOptions,
): Promise<void> {
  const { signal, flow, drainMs } = options;
  const open = new Map<Deno.TcpConn, Promise<void>>();
  const capacity = new Capacity(options);
  let backoffMs = BACKOFF_MIN_MS;
  const close = () => tryClose(listener);
  signal.addEventListener("abort", close);
  if (signal.aborted) close();
  for (let accepted = 0; !signal.aborted;) {
    try {
      const conn = await listener.accept();
      backoffMs = BACKOFF_MIN_MS;
      const ended = capacity.admits(open.size)
        ? begin(conn, options, () => session(conn, ++accepted))
        : turnAway(conn, options).then(() => capacity.keepSpare());
      // Neither of them rejects.
      open.set(conn, ended.then(() => void open.delete(conn)));
    } catch (error) {
      if (signal.aborted) break;
      if (isExhausted(error) && capacity.learn(open.size)) continue;
      await sleep(backoffMs, signal);
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
      capacity.keepSpare();
    }
  }
  capacity.giveSpare();
  const told = Promise.resolve(options.farewell?.());
  await within(drainMs, told.then(() => flow.drained()));
  // A peer takes all of it in when our FIN comes first; closing over unread bytes would send a RST.
  for (const conn of open.keys()) conn.closeWrite().catch(() => {});
  await within(LINGER_MS, Promise.all(open.values()));
  for (const conn of open.keys()) tryClose(conn);
  await Promise.all(open.values());
  signal.removeEventListener("abort", close);
}

/** Descriptors kept free for files, refusals and the runtime itself. */
const RESERVE = 64;
/** A learned limit doubles so often: the shortage may have been another program's, and is over. */
const RISE_MS = 2000;

/** How many connections there may be, and a descriptor for telling one too many that it is. */
class Capacity {
  readonly #options: AcceptOptions;
  #learned = Infinity;
  #since = 0;
  #spare: Deno.Listener | undefined;

  constructor(options: AcceptOptions) {
    this.#options = options;
    this.keepSpare();
  }

  get #limit(): number {
    const risen = Math.floor((this.#options.flow.clock.now() - this.#since) / RISE_MS);
    return this.#options.connections || this.#learned * 2 ** risen;
  }

  /** Whether there is room beside so many; if not, the operator hears of it. */
  admits(open: number): boolean {
    const limit = this.#limit;
    if (open >= limit) {
      this.#options.log(`refused a connection: server full (${limit} connections)`);
    }
    return open < limit;
  }

  /** There are no descriptors for more than so many; true when one connection can be told so. */
  learn(open: number): boolean {
    const most = Math.max(1, open - Math.min(RESERVE, open >> 2));
    if (most < this.#limit) {
      this.#learned = most;
      this.#options.log(
        `out of descriptors at ${open} connections, from now on at most ${most}`,
      );
    }
    this.#since = this.#options.flow.clock.now();
    return this.giveSpare();
  }

  giveSpare(): boolean {
    const spare = this.#spare;
    if (spare) tryClose(spare);
    this.#spare = undefined;
    return spare !== undefined;
  }

  /** The spare is a socket that nobody is told of, where the permissions allow one without a question. */
  keepSpare(): void {
    const hostname = "127.0.0.1";
    try {
      const { state } = Deno.permissions.querySync({ name: "net", host: `${hostname}:0` });
      if (state === "granted") this.#spare ??= Deno.listen({ hostname, port: 0 });
    } catch {
      // There is none to spare.
    }
  }
}

async function begin(
  conn: Deno.TcpConn,
  { log }: AcceptOptions,
  session: () => Promise<void>,
): Promise<void> {
  try {
    // Chat is small messages that somebody waits for, between peers that may vanish silently.
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    await session();
  } catch (error) {
    // Nothing a peer does gets here: it is a bug of ours, and must be seen without ending the server.
    if (!isDisconnect(error)) log(`internal error, please report it: ${error}`);
  } finally {
    tryClose(conn);
  }
}

async function turnAway(conn: Deno.TcpConn, { refuse }: AcceptOptions): Promise<void> {
  try {
    if (refuse) await within(BACKOFF_MAX_MS, refuse(conn));
  } catch {
    // It left by itself.
  } finally {
    tryClose(conn);
  }
}

// ---- connect and hang up ----

/**
 * Connects; undefined when `signal` was aborted before that was done. Rejects with a
 * {@linkcode StartError} that says why it could not and what to try.
 */
export async function connect(
  hostname: string,
  { port, signal }: { port: number; signal: AbortSignal },
): Promise<Deno.TcpConn | undefined> {
  // A signal of its own: the caller's is for the whole session, and leaving has its own words.
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    const conn = await Deno.connect({ hostname, port, signal: attempt.signal });
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    return traced(conn);
  } catch (error) {
    if (signal.aborted) return undefined;
    const reason = connectReason(error);
    throw new StartError(`cannot connect to ${hostname}:${port}: ${reason}`, { cause: error });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** What is read only to be thrown away; all connections share it. */
const UNREAD = new Uint8Array(4096);

/**
 * Ends a connection so that what was queued arrives: drains the queue, sends our FIN, and reads on until
 * the peer's, because closing over unread bytes resets the connection and takes with it what is still on
 * its way. All within `ms`.
 */
export async function hangUp(conn: Deno.TcpConn, outbound: Outbound, ms: number): Promise<void> {
  const finish = async () => {
    await outbound.drained();
    await conn.closeWrite();
    while (await conn.read(UNREAD) !== null);
  };
  try {
    await within(ms, finish());
  } catch {
    // A peer that is gone already needs no farewell.
  } finally {
    outbound.discard();
    tryClose(conn);
  }
}

const DISCONNECTS =
  /^(ConnectionReset|ConnectionAborted|BrokenPipe|BadResource|Interrupted|NotConnected|TimedOut|UnexpectedEof)$/;

/** Whether `error` only says that a connection is over. */
export function isDisconnect(error: unknown): boolean {
  // "No route to host" and "Network is unreachable" have no class of their own everywhere.
  return error instanceof Error &&
    (DISCONNECTS.test(error.name) || /os error (110|113|101)\b/.test(error.message));
}

/** Whether `error` says that the process or the machine is out of descriptors. */
export function isExhausted(error: unknown): boolean {
  return error instanceof Error && /os error (23|24)\b|too many open files/i.test(error.message);
}

/** Waits for `promise`, but at most `ms`; rejects as it does. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const { promise: deadline, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => {});
  }
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = () => resolve();
  signal.addEventListener("abort", wake);
  await promise;
  signal.removeEventListener("abort", wake);
  clearTimeout(timer);
}

/** Closes what may be closed already. */
export function tryClose(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // Closed twice is closed.
  }
}

// ---- serving ----

/** What a running server stands on; it ends when `signal` is aborted. */
export interface Serving {
  /** Aborted when the server shall end. */
  readonly signal: AbortSignal;
  /** The limits in force. */
  readonly limits: Limits;
  /** The outbound queues of all its connections. */
  readonly flow: Flow;
  /** Its terminal. */
  readonly operator: Operator;
}

/** Where to listen, in the words of the command line. */
export interface Endpoint {
  /** The address; `0.0.0.0` is every one of this machine. */
  hostname: string;
  /** 0 picks a free one. */
  port: number;
}

/**
 * Runs a server from its command line to its end: registers the signals, listens, calls `serve`, and
 * waits until stdout has taken everything. Rejects with a {@linkcode StartError} when it cannot listen.
 */
export async function runServer(
  endpoint: Endpoint & { limits: Limits },
  serve: (listener: Deno.TcpListener, serving: Serving) => Promise<void>,
): Promise<void> {
  const { limits } = endpoint;
  // Signals first: from here on an end is an orderly end.
  using shutdown: Shutdown = shutdownOnSignals();
  using listener = listen(endpoint);
  const flow = new Flow(limits);
  const operator = openOperator(flow);
  try {
    const served = serve(listener, { signal: shutdown.signal, limits, flow, operator });
    // Behind the server's own first line.
    const outside = fromOutside(listener.addr);
    if (outside) operator.note(outside);
    await served;
    await operator.end();
  } finally {
    operator.close();
  }
}

/** A class that connects at once must not be made to wait a second for its next try; the system may cap it. */
const BACKLOG = 4096;

/** Listens for TCP connections, or throws a {@linkcode StartError} that says what to try. */
export function listen({ hostname, port }: Endpoint): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port, tcpBacklog: BACKLOG });
  } catch (error) {
    throw new StartError(`cannot listen on ${hostname}:${port}: ${listenReason(error)}`);
  }
}

/** The address that a client on this machine can use for a listener. */
export function reachable({ hostname, port }: Deno.NetAddr): string {
  const usable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[hostname] ?? hostname;
  return hostPort({ hostname: usable, port });
}

/** How other machines reach a socket that listens on all addresses; undefined for any other. */
export function fromOutside({ hostname, port }: Deno.NetAddr): string | undefined {
  if (hostname !== "0.0.0.0" && hostname !== "::") return undefined;
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" });
  const addresses = state === "granted" ? Deno.networkInterfaces() : [];
  const own = addresses.find(({ family, address }) => family === "IPv4" && !/^127\./.test(address));
  return `from other machines: ${own?.address ?? "this machine's address"}, port ${port}`;
}
