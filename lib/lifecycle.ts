/**
 * How a program lives and ends: signals, the accept loop, and hanging up without losing what was sent.
 *
 * @module
 */

import type { Flow, Outbound } from "./outbound.ts";
import { traced } from "./trace.ts";

/** The first SIGINT or SIGTERM aborts the signal; a second one ends the process at once. */
export interface Shutdown extends Disposable {
  /** Aborted when the program shall end. */
  readonly signal: AbortSignal;
  /** Ends the program as a signal would. */
  readonly request: () => void;
}

/** Listens for SIGINT and SIGTERM. Call it before anything can run out of descriptors. */
export function shutdownOnSignals(): Shutdown {
  const controller = new AbortController();
  const handlers = (["SIGINT", "SIGTERM"] as const).map((name, index) => {
    const handler = () => {
      // 128 + the signal's number is what a shell reports for a program that a signal ended.
      if (controller.signal.aborted) Deno.exit(index === 0 ? 130 : 143);
      controller.abort();
    };
    Deno.addSignalListener(name, handler);
    return () => Deno.removeSignalListener(name, handler);
  });
  return {
    signal: controller.signal,
    request: () => controller.abort(),
    [Symbol.dispose]: () => handlers.forEach((remove) => remove()),
  };
}

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
  /** Tells the sessions that the server ends; what it queues is still delivered. */
  farewell?: () => void;
}

/** One connection's life, `id` counting from 1 in the order of arrival. */
export type Session = (conn: Deno.TcpConn, id: number) => Promise<void>;

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
  listener: Deno.TcpListener,
  session: Session,
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

  options.farewell?.();
  await within(options.drainMs, flow.drained());
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
  { session, log }: { session: Session; log: (sentence: string) => void },
): Promise<void> {
  try {
    // Chat is small messages that somebody waits for, between peers that may vanish silently.
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    await session(traced(conn), id);
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
