/**
 * A world for a server without a kernel: its connections are memory. Whatever it does happens within a
 * few turns of the event loop, thousands of times a second, and the same way each time.
 *
 * Bytes are kept as strings of one character for each byte: they compare and print easily.
 *
 * @module
 */

import type { Serving } from "../lib/net.ts";
import { Flow } from "../lib/outbound.ts";
import { openOperator } from "../lib/operator.ts";
import { type Limits, limits } from "../lib/program.ts";

const decoder = new TextDecoder("latin1");

/** The bytes that a string of bytes stands for. */
export function fromBinary(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// Made once: a stack trace for each would take more time than all the rest.
const CLOSED = new Deno.errors.BadResource("closed");
const RESET = new Deno.errors.ConnectionReset("reset by the client");

/** How much at most one read or one write of a {@linkcode Line} takes; asked anew for each. */
export interface Portions {
  /** Bytes of a read. */
  read(): number;
  /** Bytes of a write. */
  write(): number;
}

/** A connection in memory, with the part of `Deno.TcpConn` that servers use, and its client's end. */
export class Line {
  readonly localAddr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 9000 };
  readonly remoteAddr: Deno.NetAddr;
  /** What the client has got. */
  heard = "";
  /** Whether the server has ended its side. */
  over = false;
  readonly #portions: Portions;
  #said: Uint8Array = new Uint8Array();
  #read = 0;
  #whole = false;
  #end: "fin" | "reset" | undefined;
  #closed = false;
  /** A server may begin to hang up while a read is under way: both wait. */
  #readers: (() => void)[] = [];

  constructor(port: number, portions: Portions) {
    this.remoteAddr = { transport: "tcp", hostname: "127.0.0.1", port };
    this.#portions = portions;
  }

  /**
   * The client sends; what it sent before and nobody has read yet is glued to it. `whole`: one read takes
   * all of it, whatever the portions.
   */
  say(bytes: Uint8Array, whole = false): void {
    this.#whole = whole;
    const rest = this.#said.subarray(this.#read);
    this.#said = new Uint8Array(rest.length + bytes.length);
    this.#said.set(rest);
    this.#said.set(bytes, rest.length);
    this.#read = 0;
    this.#wake();
  }

  /** The client ends its side, or breaks the connection. */
  end(how: "fin" | "reset"): void {
    this.#end ??= how;
    this.#wake();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#closed) return Promise.reject(CLOSED);
    const left = this.#said.length - this.#read;
    if (left > 0) {
      const portion = this.#whole ? Infinity : this.#portions.read();
      const count = Math.min(left, buffer.length, portion);
      // Not `set`: most portions are single bytes.
      for (let i = 0; i < count; i++) buffer[i] = this.#said[this.#read++]!;
      return Promise.resolve(count);
    }
    if (this.#end === "fin") return Promise.resolve(null);
    if (this.#end === "reset") return Promise.reject(RESET);
    return new Promise<void>((wake) => this.#readers.push(wake)).then(() => this.read(buffer));
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.over) return Promise.reject(CLOSED);
    if (this.#end === "reset") return Promise.reject(RESET);
    const count = Math.min(bytes.length, this.#portions.write());
    this.heard += decoder.decode(bytes.subarray(0, count));
    return Promise.resolve(count);
  }

  closeWrite(): Promise<void> {
    this.over = true;
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) throw CLOSED;
    this.over = this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#readers.splice(0)) wake();
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}
}

/** A queue whose readers wait; the part that a listener and a datagram socket have in common. */
class Inlet<T> {
  readonly addr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 9000 };
  readonly #queue: T[] = [];
  #readers: (() => void)[] = [];
  #closed = false;

  put(item: T): void {
    this.#queue.push(item);
    this.#readers.shift()?.();
  }

  async take(): Promise<T> {
    while (this.#queue.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
    if (this.#closed) throw CLOSED;
    return this.#queue.shift()!;
  }

  close(): void {
    this.#closed = true;
    for (const wake of this.#readers.splice(0)) wake();
  }
}

/** What a server is started with, and all that it says. */
export class Stage {
  /** Brings the clients' connections. */
  readonly listener: Deno.TcpListener;
  /** Brings datagrams. */
  readonly socket: Deno.DatagramConn;
  /** What `serve` of a server takes. */
  readonly serving: Serving;
  /** What the server has printed, and told on stderr. */
  said = { stdout: "", stderr: "" };
  /** The datagrams it has sent, a line for each. */
  datagrams = "";
  readonly #lines = new Inlet<Line>();
  readonly #datagrams = new Inlet<[Uint8Array, Deno.Addr]>();
  readonly #controller = new AbortController();

  /** A world in which nobody has connected. */
  constructor(changes: Partial<Limits>) {
    const [lines, datagrams] = [this.#lines, this.#datagrams];
    const listener = {
      addr: lines.addr,
      accept: () => lines.take(),
      close: () => lines.close(),
    };
    const socket = {
      addr: datagrams.addr,
      receive: () => datagrams.take(),
      send: (bytes: Uint8Array, to: Deno.NetAddr) => {
        this.datagrams += `to ${to.port}: ${decoder.decode(bytes)}\n`;
        return Promise.resolve(bytes.length);
      },
      close: () => datagrams.close(),
    };
    this.listener = listener as unknown as Deno.TcpListener;
    this.socket = socket as unknown as Deno.DatagramConn;
    const inForce = limits(changes);
    const flow = new Flow(inForce);
    const operator = openOperator(flow, {
      stdout: { write: (bytes) => Promise.resolve(this.take("stdout", bytes)) },
      stderr: { write: (bytes) => Promise.resolve(this.take("stderr", bytes)) },
    });
    this.serving = { signal: this.#controller.signal, limits: inForce, flow, operator };
  }

  /** A client connects, from a port of its own. */
  connect(port: number, portions: Portions): Line {
    const line = new Line(port, portions);
    this.#lines.put(line);
    return line;
  }

  /** A datagram arrives. */
  send(datagram: Uint8Array, port: number): void {
    this.#datagrams.put([datagram, { transport: "udp", hostname: "127.0.0.1", port }]);
  }

  /** Tells the server to end. */
  stop(): void {
    // Any reason will do; the default one would be an error with a stack trace.
    this.#controller.abort("stopped");
  }

  /** Takes what a server writes to its terminal. */
  take(stream: "stdout" | "stderr", bytes: Uint8Array): number {
    this.said[stream] += decoder.decode(bytes);
    return bytes.length;
  }
}
