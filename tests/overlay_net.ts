/**
 * Overlay servers in the test's own process, and clients that speak in literal datagrams.
 *
 * @module
 */

import { assertEquals } from "@std/assert/equals";
import { Flow } from "../lib/outbound.ts";
import { openOperator } from "../lib/operator.ts";
import { type Limits, limits } from "../lib/program.ts";
import { serve } from "../overlay.ts";
import { bytes, deadline, text } from "./helpers.ts";

/** How a server is started. */
export interface ServerOptions {
  /** The overlay port to connect to. */
  to?: number;
  /** The overlay port to listen on; 0 by default. */
  at?: number;
  /** Changes to the limits. */
  limits?: Partial<Limits>;
  /** What the time is, in ms; the real one by default. */
  now?: () => number;
  /** Replaces the wait before the next try to connect. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A server that is running; disposing of it ends it in order. */
export class Server implements AsyncDisposable {
  /** Its UDP port. */
  readonly port: number;
  /** Its overlay port. */
  readonly overlay: number;
  /** What it has printed; complete once it is disposed of. */
  stdout = "";
  /** What it has told its operator. */
  stderr = "";
  readonly #controller = new AbortController();
  readonly #ended: Promise<void>;
  #changed = Promise.withResolvers<void>();

  /** Starts it on free ports of loopback. */
  constructor(options: ServerOptions = {}) {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const listener = Deno.listen({ hostname: "127.0.0.1", port: options.at ?? 0 });
    const inForce = limits(options.limits);
    const flow = new Flow(inForce, {
      now: options.now ?? (() => performance.now()),
      every: (ms, tick) => {
        const timer = setInterval(tick, ms);
        return () => clearInterval(timer);
      },
    });
    const operator = openOperator(flow, {
      stdout: { write: (data) => Promise.resolve(this.#add("stdout", data)) },
      stderr: { write: (data) => Promise.resolve(this.#add("stderr", data)) },
    });
    this.port = (socket.addr as Deno.NetAddr).port;
    this.overlay = listener.addr.port;
    const { signal } = this.#controller;
    const neighbour = options.to === undefined
      ? undefined
      : { hostname: "127.0.0.1", port: options.to };
    const serving = { signal, limits: inForce, flow, operator };
    this.#ended = serve(socket, { ...serving, listener, neighbour, wait: options.wait })
      .then(() => operator.flush())
      .finally(() => operator.close());
  }

  /** Waits until it has printed `wanted` so many times, once by default. */
  async until(wanted: string, times = 1): Promise<void> {
    await this.#wait(wanted, () => this.stdout.split(wanted).length > times);
  }

  /** Waits until it has told its operator `wanted`. */
  async untilNoted(wanted: string): Promise<void> {
    await this.#wait(wanted, () => this.stderr.includes(wanted));
  }

  /** How many of the printed lines are `line`. */
  count(line: string): number {
    return this.stdout.split("\n").filter((each) => each === line).length;
  }

  /** Ends it; twice is once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await this.#ended;
  }

  async #wait(wanted: string, done: () => boolean): Promise<void> {
    while (!done()) {
      const seen = JSON.stringify([this.stdout, this.stderr]);
      await deadline(this.#changed.promise, `${JSON.stringify(wanted)} in ${seen}`);
    }
  }

  #add(stream: "stdout" | "stderr", data: Uint8Array): number {
    this[stream] += text(data);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    return data.length;
  }
}

/** Starts a server for each entry, joined to the one with that index, and waits for the links. */
export async function network(parents: (number | undefined)[]): Promise<Server[]> {
  const servers: Server[] = [];
  for (const parent of parents) {
    const to = parent === undefined ? undefined : servers[parent]!.overlay;
    const server = new Server({ to });
    servers.push(server);
    if (to === undefined) continue;
    await server.until(`connected to overlay server at 127.0.0.1 port ${to}\n`);
    const links = servers.filter((_, each) => parents[each] === parent).length;
    await servers[parent!]!.until("server overlay connection from host", links);
  }
  return servers;
}

/** A client that sends and reads literal datagrams. */
export class Client implements Disposable {
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #server: Deno.NetAddr;

  /** A client of the server on `port`. */
  constructor(port: number) {
    this.#server = { transport: "udp", hostname: "127.0.0.1", port };
  }

  /** Registers and takes the welcome. */
  static async register(port: number, name: string): Promise<Client> {
    const client = new Client(port);
    await client.send(`register ${name}`);
    await client.expect(`welcome ${name}`);
    return client;
  }

  /** Its own port. */
  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  /** Sends one datagram. */
  async send(data: string | Uint8Array): Promise<void> {
    await this.#socket.send(bytes(data), this.#server);
  }

  /** Reads one datagram. */
  async receive(): Promise<Uint8Array> {
    const [data] = await deadline(this.#socket.receive(new Uint8Array(65_536)), "a datagram");
    return data;
  }

  /** Reads one datagram, and asserts what it is. */
  async expect(expected: string): Promise<void> {
    assertEquals(text(await this.receive()), expected);
  }

  /** Asserts that nothing waits to be read: what a datagram of its own brings is the next. */
  async expectNothing(): Promise<void> {
    await this.#socket.send(bytes("nothing"), this.#socket.addr);
    await this.expect("nothing");
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
