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
  listen,
  type Serving,
  sleep,
  tryClose,
  within,
} from "./lib/net.ts";
import { Flow } from "./lib/outbound.ts";
import {
  connectReason,
  limitHelp,
  type Limits,
  listenReason,
  openOperator,
  parseOptions,
  port,
  runProtocol,
  shutdownOnSignals,
  StartError,
  tracedDatagrams,
  UsageError,
} from "./lib/program.ts";
import { SERVER } from "./lib/wire/overlay.ts";
import { Exchange } from "./overlay/exchange.ts";
import { type Junction, keepLinked, linkSession, ownLinkSession } from "./overlay/links.ts";

/** The next receive is not asked for while so many datagrams wait to be sent. */
const UNSENT_DATAGRAMS = 64;
/** Larger than any datagram, so that none is cut short. */
const RECEIVE_BYTES = 65_536;
/** A socket that cannot receive just now must not keep the processor busy. */
const RECEIVE_RETRY_MS = 100;

/** Sends datagrams without waiting for each, but never more than the kernel nearly keeps up with. */
class Outbox {
  readonly #socket: Deno.DatagramConn;
  readonly #note: (sentence: string, kind: string) => void;
  #unsent = 0;
  #waiting: (() => void) | undefined;

  constructor(socket: Deno.DatagramConn, note: (sentence: string, kind: string) => void) {
    this.#socket = socket;
    this.#note = note;
  }

  send(datagram: Uint8Array, to: Deno.NetAddr): void {
    this.#unsent++;
    this.#socket.send(datagram, to).then(this.#sent, this.#failed);
  }

  /** Resolves when there is room for more; undefined when there is. */
  room(): Promise<void> | undefined {
    if (this.#unsent < UNSENT_DATAGRAMS) return undefined;
    return new Promise((resolve) => this.#waiting = resolve);
  }

  readonly #sent = (): void => {
    this.#unsent--;
    this.#waiting?.();
    this.#waiting = undefined;
  };

  readonly #failed = (error: unknown): void => {
    this.#note(`a datagram was not sent: ${connectReason(error)}`, "send");
    this.#sent();
  };
}

/** Takes datagrams in until `signal` is aborted. */
async function receive(
  socket: Deno.DatagramConn,
  { exchange, outbox, signal, flow, operator }: Serving & { exchange: Exchange; outbox: Outbox },
): Promise<void> {
  const buffer = new Uint8Array(RECEIVE_BYTES);
  while (!signal.aborted) {
    let received: [Uint8Array, Deno.Addr];
    try {
      received = await socket.receive(buffer);
    } catch (error) {
      if (signal.aborted) return;
      // Some systems report here that a client they sent to is gone; that is no reason to end.
      operator.note(`receiving failed: ${listenReason(error)}`, "receive");
      await sleep(RECEIVE_RETRY_MS, signal);
      continue;
    }
    exchange.datagram(received[0], received[1] as Deno.NetAddr);
    const pause = outbox.room() ?? flow.hold();
    if (pause) await pause;
  }
}

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
  const { signal, limits, flow, operator, listener, neighbour, wait } = serving;
  const outbox = new Outbox(socket, (sentence, kind) => operator.note(sentence, kind));
  const now = () => flow.clock.now();
  const exchange = new Exchange({ operator, deliver: outbox.send.bind(outbox), limits, now });
  const joined = { ...serving, junction: exchange };
  const end = () => {
    operator.print(SERVER.terminating);
    tryClose(socket);
  };
  const { hostname, port } = socket.addr as Deno.NetAddr;
  operator.print(SERVER.started(usable(hostname), port));
  if (listener) operator.print(SERVER.overlayStarted(listener.addr.port));
  if (signal.aborted) end();
  signal.addEventListener("abort", end, { once: true });
  await Promise.all([
    receive(socket, { ...serving, exchange, outbox }),
    listener && acceptNeighbours(listener, joined),
    neighbour && keepLinked({
      dial: () => connect(neighbour.hostname, { port: neighbour.port, signal }),
      session: (conn: Deno.TcpConn) => {
        operator.print(SERVER.connected(neighbour.hostname, neighbour.port));
        return ownLinkSession(conn, joined);
      },
      note: operator.note,
      signal,
      now,
      wait,
    }),
  ]);
}

function acceptNeighbours(
  listener: Deno.TcpListener,
  serving: Serving & { junction: Junction },
): Promise<void> {
  const { signal, limits, flow, operator } = serving;
  const session = (conn: Deno.TcpConn) => {
    operator.print(SERVER.overlayConnection(conn.remoteAddr.hostname, conn.remoteAddr.port));
    return linkSession(conn, serving);
  };
  const { drainMs, connections } = limits;
  const log = (sentence: string) => operator.note(sentence);
  return acceptSessions(listener, session, { signal, flow, drainMs, connections, log });
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
${limitHelp(LIMIT_FLAGS)}`;

/** Runs the server from its command line, until a signal ends it. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | void> {
  const options = await parseOptions(args, {
    strings: ["p", "s", "t", "o", "host"],
    limits: LIMIT_FLAGS,
  });
  if (options.help) return "help";
  const { p, s, t, o, host: hostname = "0.0.0.0" } = options.strings;
  if (p === undefined) throw new UsageError("missing -p PORT");
  if ((s === undefined) !== (t === undefined)) throw new UsageError("-s and -t go together");
  const udp = { hostname, port: port(p) };
  const tcp = o === undefined ? undefined : { hostname, port: port(o) };
  const neighbour = s && t ? { hostname: s, port: port(t, 1) } : undefined;
  const { limits } = options;
  // Signals first: from here on an end is an orderly end.
  using shutdown = shutdownOnSignals();
  const socket = listenDatagrams(udp);
  const flow = new Flow(limits);
  const operator = openOperator(flow);
  try {
    using listener = tcp && listen(tcp);
    const { signal } = shutdown;
    await serve(socket, { signal, limits, flow, operator, listener, neighbour });
    await within(limits.drainMs, operator.flush());
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
