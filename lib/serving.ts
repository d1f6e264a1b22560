/**
 * What every TCP server does around its protocol: listen, say so, live until a signal, end in order.
 *
 * @module
 */

import { type Shutdown, shutdownOnSignals, within } from "./lifecycle.ts";
import type { Limits } from "./limits.ts";
import { openOperator, type Operator } from "./operator.ts";
import { Flow } from "./outbound.ts";
import { restWhenQuiet } from "./rest.ts";

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

/** A failure outside the program that a person can do something about; the message is for them. */
export class StartError extends Error {
  /** The class, for messages. */
  override readonly name = "StartError";
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
  using _rest = restWhenQuiet();
  const flow = new Flow(limits);
  const operator = openOperator(flow);
  try {
    await serve(listener, { signal: shutdown.signal, limits, flow, operator });
    await within(limits.drainMs, operator.flush());
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

/** Why an address could not be had, and what to try, in words. */
export function listenReason(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return "the port is taken, try another one or 0 for a free one";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "this machine has no such address, try 0.0.0.0 for all that it has";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "ports below 1024 need the administrator, try a higher one";
  }
  return reason(error);
}

/** Why a connection could not be made, and what to try, in words. */
export function connectReason(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) {
    return "nothing listens there, is the server running and the port right?";
  }
  const text = reason(error);
  if (/lookup|resolve|name or service|nodename/i.test(text)) {
    return "the host name cannot be resolved, check its spelling or use an IP address";
  }
  return `${text}, check the address and that the machine can be reached`;
}

/** The address that a client on this machine can use for a listener. */
export function reachable(addr: Deno.NetAddr): string {
  if (addr.hostname === "0.0.0.0") return `127.0.0.1:${addr.port}`;
  if (addr.hostname === "::") return `[::1]:${addr.port}`;
  return addr.hostname.includes(":")
    ? `[${addr.hostname}]:${addr.port}`
    : `${addr.hostname}:${addr.port}`;
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "run it with --allow-net";
  // The runtime puts the system's own number behind the words; people need the words.
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\(os error \d+\).*$/s, "").replace(/^./, (first) => first.toLowerCase());
}
