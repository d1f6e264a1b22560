/**
 * TCP connections: from bytes to whole frames, accepting, connecting, and hanging up so that what was sent
 * arrives. Text is decoded above this layer.
 *
 * @module
 */

import { Flow, Outbound } from "./outbound.ts";
import {
  connectReason,
  type Limits,
  listenReason,
  openOperator,
  type Operator,
  type Shutdown,
  shutdownOnSignals,
  StartError,
  traced,
} from "./program.ts";

// ---- framing ----

const LF = 0x0a;
const CR = 0x0d;
const EMPTY: Uint8Array = new Uint8Array();

/** The least that a link carries at once: shorter reads are not the first part of a longer write. */
export const SEGMENT_BYTES = 536;

/** What {@linkcode frames} reads from. */
export interface Source {
  /** Reads into the buffer: how many bytes, or null at the end of the stream. */
  read(buffer: Uint8Array): Promise<number | null>;
}

/** Splits a stream of bytes into frames, and holds the incomplete rest. */
export interface Splitter<Frame> {
  /** Takes the next bytes and returns the frames they complete; these may be views of the bytes. */
  push(bytes: Uint8Array): Frame[];
  /** For how many ms of silence to wait before `silence` is called, or undefined: not at all. */
  readonly patienceMs: number | undefined;
  /** Returns what counts as a frame because nothing has followed for `patienceMs`. */
  silence(): Frame[];
  /** Returns what counts as a frame because the stream has ended. */
  end(): Frame[];
  /** Set once the stream cannot be followed further; `push` returns no frame from there on. */
  readonly error: Error | undefined;
}

/** The peer sent more than the limit without ending its frame; the stream cannot be followed further. */
export class FrameTooLongError extends Error {
  /** The class, for messages. */
  override readonly name = "FrameTooLongError";
  /** A refusal that names `limit`, in bytes. */
  constructor(readonly limit: number) {
    super(`no line end within ${limit} bytes`);
  }
}

/** How a {@linkcode LineSplitter} reads lines. */
export interface LineOptions {
  /** Bytes without a line end after which `push` throws a {@linkcode FrameTooLongError}. */
  maxBytes: number;
  /**
   * Silence in ms after which bytes without a line end count as a line, for peers that write none.
   * Undefined: never.
   */
  bareMs?: number | undefined;
  /** False: bare lines are taken even from a peer that has sent a line end. Default true. */
  strict?: boolean;
}

/**
 * Lines that end in LF or CRLF, returned without their end. A peer that has once sent a line end is
 * held to lines. An unfinished line at the end of the stream is returned only to such as send none.
 */
export class LineSplitter implements Splitter<Uint8Array> {
  readonly #options: LineOptions;
  readonly #rest: Accumulator = new Accumulator();
  #terminated = false;
  #error: FrameTooLongError | undefined;

  /** A splitter for one stream. */
  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Whether the peer has sent a line end so far. */
  get terminated(): boolean {
    return this.#terminated;
  }

  /** What waits without a line end; a view until the next `push`. */
  get waiting(): Uint8Array {
    return this.#rest.bytes;
  }

  /** A {@linkcode FrameTooLongError} once the peer has sent too much without a line end. */
  get error(): FrameTooLongError | undefined {
    return this.#error;
  }

  /** See {@linkcode LineOptions.bareMs}: counts while bare bytes wait. */
  get patienceMs(): number | undefined {
    return this.#rest.length > 0 && this.#bare ? this.#options.bareMs : undefined;
  }

  get #bare(): boolean {
    return !this.#terminated || this.#options.strict === false;
  }

  /** Returns the lines that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let from = 0;
    // Only the new bytes are searched, so that a long line costs no more for arriving in pieces.
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      if (this.#tooLong(at - from)) return lines;
      const line = this.#rest.take(bytes.subarray(from, at));
      lines.push(line.at(-1) === CR ? line.subarray(0, -1) : line);
      this.#terminated = true;
      from = at + 1;
    }
    if (from < bytes.length && !this.#tooLong(bytes.length - from)) {
      this.#rest.add(bytes.subarray(from));
    }
    return lines;
  }

  /** Returns the bare line that waits, if any. */
  silence(): Uint8Array[] {
    return this.#rest.length > 0 && this.#bare ? [this.#rest.take()] : [];
  }

  /** As `silence`: the unfinished line of a peer that writes line ends is dropped. */
  end(): Uint8Array[] {
    return this.#options.bareMs === undefined ? [] : this.silence();
  }

  #tooLong(more: number): boolean {
    const { maxBytes } = this.#options;
    if (this.#error === undefined && this.#rest.length + more > maxBytes) {
      this.#error = new FrameTooLongError(maxBytes);
      this.#rest.take();
    }
    return this.#error !== undefined;
  }
}

/** How a {@linkcode FixedSplitter} tells of a peer that sends a part of a frame and falls silent. */
export interface Unfinished {
  /** The silence in ms. */
  afterMs: number;
  /** Called with the bytes of the frame so far. */
  tell(bytes: number): void;
}

/** Frames of always the same size in bytes. What is left of one at the end of the stream is dropped. */
export class FixedSplitter implements Splitter<Uint8Array> {
  /** Any bytes make frames. */
  readonly error: undefined = undefined;
  readonly #size: number;
  readonly #unfinished: Unfinished | undefined;
  // Made when a frame first comes in pieces: most never do.
  #rest: Uint8Array = EMPTY;
  #filled = 0;

  /** A splitter for frames of `size` bytes. */
  constructor(size: number, unfinished?: Unfinished) {
    this.#size = size;
    this.#unfinished = unfinished;
  }

  /** Silence completes no frame: it is only told of. */
  get patienceMs(): number | undefined {
    return this.#filled > 0 ? this.#unfinished?.afterMs : undefined;
  }

  /** Bytes of the frame that is not complete yet. */
  get pending(): number {
    return this.#filled;
  }

  /** Returns the frames that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let from = 0;
    if (this.#filled > 0) {
      from = Math.min(this.#size - this.#filled, bytes.length);
      this.#rest.set(bytes.subarray(0, from), this.#filled);
      this.#filled += from;
      if (this.#filled < this.#size) return frames;
      frames.push(this.#rest.slice());
      this.#filled = 0;
    }
    for (; bytes.length - from >= this.#size; from += this.#size) {
      frames.push(bytes.subarray(from, from + this.#size));
    }
    this.#filled = bytes.length - from;
    if (this.#filled > 0) {
      if (this.#rest.length === 0) this.#rest = new Uint8Array(this.#size);
      this.#rest.set(bytes.subarray(from));
    }
    return frames;
  }

  /** A half frame is none. */
  silence(): Uint8Array[] {
    this.#unfinished?.tell(this.#filled);
    return [];
  }

  /** A half frame is none. */
  end(): Uint8Array[] {
    return [];
  }
}

// An idle member is read with so little; who fills it is given more until it has long needed less.
const MIN_READ = SEGMENT_BYTES;
const SMALL_READS = 256;
const MAX_READ = 65536;

/**
 * Reads `source` through `splitter` and yields the frames of each read together. A frame's bytes are
 * valid until the next batch is asked for. Ends at the end of the stream; rejects with the read's own
 * error, or with the splitter's.
 */
export async function* frames<Frame>(
  source: Source,
  splitter: Splitter<Frame>,
): AsyncGenerator<Frame[], void, void> {
  let buffer = new Uint8Array(MIN_READ);
  let small = 0;
  for (;;) {
    const reading = source.read(buffer);
    const patience = splitter.patienceMs;
    if (patience !== undefined && !await settles(reading, patience)) {
      const batch = splitter.silence();
      if (batch.length > 0) yield batch;
    }
    const count = await reading;
    if (count === null) break;
    const batch = splitter.push(buffer.subarray(0, count));
    if (batch.length > 0) yield batch;
    if (splitter.error) throw splitter.error;
    if (count === buffer.length && count < MAX_READ) buffer = new Uint8Array(count * 4);
    small = count < MIN_READ ? small + 1 : 0;
    if (small === SMALL_READS && buffer.length > MIN_READ) buffer = new Uint8Array(MIN_READ);
  }
  const batch = splitter.end();
  if (batch.length > 0) yield batch;
}

/** Whether `promise` settles within `ms`. */
async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true, () => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Bytes put together from pieces, in a buffer that grows by doubling. */
class Accumulator {
  #buffer: Uint8Array = EMPTY;
  length = 0;

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(64, length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.length);
    this.length = length;
  }

  /** Returns all of it with `end` behind, and starts anew. */
  take(end: Uint8Array = EMPTY): Uint8Array {
    if (this.length === 0) return end;
    this.add(end);
    const all = this.bytes;
    this.#buffer = EMPTY;
    this.length = 0;
    return all;
  }
}

// ---- sessions ----

/** One connection of a server, as its protocol sees it. */
export interface Peer {
  /** Counts from 1 in the order of arrival. */
  readonly id: number;
  /** Where the peer is. */
  readonly address: Deno.NetAddr;
  /** Takes what the peer is sent. */
  readonly outbound: Outbound;
  /** Closes the connection at once and drops what is queued; the session ends by that. */
  close(): void;
}

/** What handling a frame comes to: false ends the session, a promise is waited for. */
export type Taken = boolean | void | Promise<void>;

/** What a protocol does with one connection. */
export interface Session<Frame> {
  /** Cuts the peer's bytes into frames. */
  readonly splitter: Splitter<Frame>;
  /**
   * Handles one frame; the next one is taken when a promise that it returns has been fulfilled. False ends
   * the session: what was sent by then is still delivered.
   */
  take(frame: Frame): Taken;
  /** Called before `left` when the splitter cannot follow the peer's bytes any further. */
  broken?(error: Error): void;
  /** Called before `left` when the queue gives the peer up: why, without a subject. */
  cut?(reason: string): void;
  /** Called once, when the session is over, whoever has ended it. What it sends is still delivered. */
  left(): void;
}

/** A protocol as {@linkcode serveSessions} runs it. */
export interface Service<Frame> {
  /** Begins a session; it may send at once. */
  open(peer: Peer): Session<Frame>;
  /** What a connection is told that is one too many; it is closed right after. */
  full?: Uint8Array;
  /** Tells the sessions that the server ends; what it queues is still delivered. */
  farewell?(): void;
}

/**
 * Serves the connections that come through `listener` until `serving.signal` is aborted, each as a
 * session of its own: accepts, reads frames at the pace that readers, `--rate` and the other sessions
 * allow, and hangs up so that what was sent arrives. Resolves when the last session has ended.
 */
export async function serveSessions<Frame>(
  listener: Deno.TcpListener,
  serving: Serving,
  service: Service<Frame>,
): Promise<void> {
  const { signal, limits, flow, operator } = serving;
  const { full, farewell } = service;
  await acceptSessions(
    listener,
    (conn, id) => serveSession(new Connection(traced(conn), id, flow), { ...serving, service }),
    {
      signal,
      flow,
      drainMs: limits.drainMs,
      connections: limits.connections,
      log: (sentence) => operator.note(sentence),
      refuse: full && ((conn) => conn.write(full)),
      farewell: farewell && (() => farewell.call(service)),
    },
  );
}

/** A peer with the connection behind it, which is closed when the queue gives the peer up. */
class Connection implements Peer {
  readonly outbound: Outbound;
  onCut: (reason: string | undefined) => void;

  constructor(readonly conn: Deno.TcpConn, readonly id: number, flow: Flow) {
    this.onCut = () => this.close();
    this.outbound = new Outbound(conn, flow, { onCut: (reason) => this.onCut(reason) });
  }

  get address(): Deno.NetAddr {
    return this.conn.remoteAddr;
  }

  close(): void {
    tryClose(this.conn);
  }
}

async function serveSession<Frame>(
  peer: Connection,
  { service, signal, limits, flow }: Serving & { service: Service<Frame> },
): Promise<void> {
  const session = service.open(peer);
  const { splitter } = session;
  peer.onCut = (reason) => {
    if (reason !== undefined) session.cut?.(reason);
    peer.close();
  };
  try {
    const batches = frames(peer.conn, splitter);
    await takeFrames(batches, (frame) => session.take(frame), { signal, flow, rate: limits.rate });
  } catch (error) {
    if (error === splitter.error) session.broken?.(splitter.error!);
    else if (!isDisconnect(error)) throw error;
  } finally {
    session.left();
    await hangUp(peer.conn, peer.outbound, limits.drainMs);
  }
}

/** How {@linkcode takeFrames} goes about it. */
export interface TakeOptions {
  /** Aborted: no further frame is taken. */
  signal: AbortSignal;
  /** The queues that `take` sends into. */
  flow: Flow;
  /** Most frames per second, 0 for no limit. */
  rate: number;
}

/**
 * Hands frames to `take` until it returns false, the stream ends, or `signal` is aborted; gives way to
 * readers that are behind, and keeps to the rate. Rejects as the stream does.
 */
export async function takeFrames<Frame>(
  batches: AsyncIterable<Iterable<Frame>>,
  take: (frame: Frame) => Taken,
  { signal, flow, rate }: TakeOptions,
): Promise<void> {
  const pace = new Pace(rate);
  for await (const batch of batches) {
    for (const frame of batch) {
      if (signal.aborted) return;
      const taken = take(frame);
      if (taken === false) return;
      if (taken instanceof Promise) await taken;
      // Awaited only when there is something to wait for: frames of one read share their writes.
      const pause = flow.hold() ?? pace.pass(signal);
      if (pause) await pause;
    }
    const round = flow.round();
    if (round) await round;
  }
}

// ---- lifecycle ----

/** How {@linkcode acceptSessions} runs. */
export interface AcceptOptions {
  /** Ends the loop: the listener is closed, the sessions are told, drained and closed. */
  signal: AbortSignal;
  /** The queues of this server's connections. */
  flow: Flow;
  /** Time in ms that the sessions get to deliver what is queued once `signal` is aborted. */
  drainMs: number;
  /** Most connections at once; 0: learned from the descriptor limit when it is first hit. */
  connections: number;
  /** Takes a sentence for the operator. */
  log: (sentence: string) => void;
  /** Says "full" in the protocol's words to a connection that is closed right after. */
  refuse?: (conn: Deno.TcpConn) => Promise<unknown>;
  /**
   * Tells the sessions that the server ends; what it queues is still delivered. What it returns is waited
   * for first, within the same time.
   */
  farewell?: () => Promise<void> | void;
}

const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 1000;
/** How long a peer gets to close after the server has said that it ends. */
const LINGER_MS = 300;
/** Descriptors kept free for files, refusals and the runtime itself. */
const RESERVE = 64;

/**
 * Accepts connections and runs a session for each until `signal` is aborted and all have ended.
 * Errors of `accept` never end it. `session` owns its connection until it returns and must not reject
 * for anything a peer does: what it rejects with is reported as a bug of ours.
 */
export async function acceptSessions(
  listener: Pick<Deno.TcpListener, "accept" | "close">,
  session: (conn: Deno.TcpConn, id: number) => Promise<void>,
  options: AcceptOptions,
): Promise<void> {
  const { signal, flow, log } = options;
  const open = new Map<Deno.TcpConn, Promise<void>>();
  const shared = { session, log };
  let limit = options.connections || Infinity;
  let backoffMs = BACKOFF_MIN_MS;
  let accepted = 0;
  const close = () => tryClose(listener);
  if (signal.aborted) close();
  signal.addEventListener("abort", close);

  while (!signal.aborted) {
    let conn: Deno.TcpConn;
    try {
      conn = await listener.accept();
      backoffMs = BACKOFF_MIN_MS;
    } catch (error) {
      if (signal.aborted) break;
      // Out of descriptors: what is open goes on, and from now on a reserve stays free.
      if (options.connections === 0 && limit === Infinity && isExhausted(error)) {
        limit = Math.max(1, open.size - Math.min(RESERVE, open.size >> 2));
        log(`out of descriptors at ${open.size} connections, from now on at most ${limit}`);
      }
      await sleep(backoffMs, signal);
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
      continue;
    }
    const full = open.size >= limit;
    const ended = full ? turnAway(conn, options) : begin(conn, ++accepted, shared);
    if (full) log(`refused a connection: server full (${limit} connections)`);
    // Neither of them rejects.
    open.set(conn, ended.then(() => void open.delete(conn)));
  }

  const told = Promise.resolve(options.farewell?.());
  await within(options.drainMs, told.then(() => flow.drained()));
  // Ending our side first lets a peer take all of it in; closing at once over unread bytes would not.
  for (const conn of open.keys()) conn.closeWrite().catch(() => {});
  await within(LINGER_MS, Promise.all(open.values()));
  for (const conn of open.keys()) tryClose(conn);
  await Promise.all(open.values());
  signal.removeEventListener("abort", close);
}

async function begin(
  conn: Deno.TcpConn,
  id: number,
  { session, log }: {
    session: (conn: Deno.TcpConn, id: number) => Promise<void>;
    log: (sentence: string) => void;
  },
): Promise<void> {
  try {
    // Chat is small messages that somebody waits for, between peers that may vanish silently.
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    await session(conn, id);
  } catch (error) {
    // Nothing a peer does gets here: it is a bug of ours, and must be seen without ending the server.
    if (!isDisconnect(error)) log(`internal error, please report it: ${error}`);
  } finally {
    tryClose(conn);
  }
}

async function turnAway(conn: Deno.TcpConn, options: AcceptOptions): Promise<void> {
  try {
    await within(BACKOFF_MAX_MS, options.refuse?.(conn) ?? Promise.resolve());
  } catch {
    // It left by itself.
  } finally {
    tryClose(conn);
  }
}

/**
 * Ends a connection so that what was queued arrives: drains the queue, ends our side, and reads on
 * until the peer ends its side, because closing over unread bytes resets the connection and takes
 * what is still on its way with it. All within `ms`.
 */
export async function hangUp(conn: Deno.TcpConn, outbound: Outbound, ms: number): Promise<void> {
  try {
    await within(ms, finish(conn, outbound));
  } catch {
    // A peer that is gone already needs no farewell.
  } finally {
    outbound.discard();
    tryClose(conn);
  }
}

async function finish(conn: Deno.TcpConn, outbound: Outbound): Promise<void> {
  await outbound.drained();
  await conn.closeWrite();
  const unread = new Uint8Array(4096);
  while (await conn.read(unread) !== null);
}

/** Whether `error` only says that a connection is over. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.UnexpectedEof ||
    // "No route to host" and "Network is unreachable" have no class of their own everywhere.
    (error instanceof Error && /os error (110|113|101)\b/.test(error.message));
}

/** Whether `error` says that the process or the machine is out of descriptors. */
export function isExhausted(error: unknown): boolean {
  return error instanceof Error && /os error (23|24)\b|too many open files/i.test(error.message);
}

/** Waits for `promise`, but at most `ms`; rejects as it does. */
export async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
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

// ---- connect ----

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

// ---- pace ----

const NOW = () => performance.now();

/** Lets at most so many messages per second of one connection pass, by reading it more slowly. */
export class Pace {
  readonly #everyMs: number;
  readonly #now: () => number;
  #next = 0;

  /** `rate` is in messages per second; 0 is no limit. */
  constructor(rate: number, now: () => number = NOW) {
    this.#everyMs = rate > 0 ? 1000 / rate : 0;
    this.#now = now;
  }

  /** Counts a message; what is returned resolves when the next one may be taken. */
  pass(signal: AbortSignal): Promise<void> | undefined {
    if (this.#everyMs === 0) return undefined;
    const now = this.#now();
    // A second's worth may come at once: people paste.
    this.#next = Math.max(this.#next, now - 1000) + this.#everyMs;
    return this.#next > now ? sleep(this.#next - now, signal) : undefined;
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
    await serve(listener, { signal: shutdown.signal, limits, flow, operator });
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
export function reachable(addr: Deno.NetAddr): string {
  if (addr.hostname === "0.0.0.0") return `127.0.0.1:${addr.port}`;
  if (addr.hostname === "::") return `[::1]:${addr.port}`;
  return addr.hostname.includes(":")
    ? `[${addr.hostname}]:${addr.port}`
    : `${addr.hostname}:${addr.port}`;
}
