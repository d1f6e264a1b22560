/**
 * The clients of the load generator: one that speaks over a connection, and one over datagrams.
 *
 * @module
 */

import type { Dialect } from "./dialects.ts";
import { MARK, numberAt, STAMP_BYTES } from "./tally.ts";

/** A client that has introduced itself. */
export interface Client {
  /** Sends messages, without waiting for it. */
  say(messages: readonly string[]): void;
  /** Closes it. */
  close(): void;
}

/** Who a client is: its hello, and what it does with the number of each message that it gets. */
export interface Role {
  /** What it sends first. */
  hello: string;
  /** Called with each message's number. */
  onMessage: (message: number) => void;
}

/** Loopback is faster by far: a datagram that is not answered by then was lost. */
const ANSWER_MS = 100;
const READ_BYTES = 65_536;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Connects a client to the server at `port` of this machine, and waits until it is in. */
export async function enter(port: number, dialect: Dialect, role: Role): Promise<Client> {
  return await (dialect.transport === "udp" ? enterUdp : enterTcp)(port, dialect, role);
}

async function enterTcp(port: number, dialect: Dialect, role: Role): Promise<Client> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const write = async (text: string) => {
    let rest: Uint8Array = encoder.encode(text);
    while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
  };
  await write(role.hello);
  const buffer = new Uint8Array(4096);
  let heard = "";
  while (dialect.welcome && !heard.includes(dialect.welcome)) {
    const n = await conn.read(buffer);
    if (n === null) throw new Error(`turned away: ${heard}`);
    heard += decoder.decode(buffer.subarray(0, n));
  }
  listen(conn, role.onMessage);
  return { say: (messages) => void write(messages.join("")), close: () => conn.close() };
}

async function listen(conn: Deno.TcpConn, onMessage: (message: number) => void): Promise<void> {
  const buffer = new Uint8Array(READ_BYTES);
  let kept = 0;
  try {
    for (let n; (n = await conn.read(buffer.subarray(kept))) !== null;) {
      kept = take(buffer.subarray(0, kept + n), onMessage);
    }
  } catch {
    // Closed at the end of the measurement.
  }
}

/** Finds the messages; what a read has cut in two is moved to the front. Returns its length. */
function take(bytes: Uint8Array, onMessage: (message: number) => void): number {
  let at = 0;
  while ((at = bytes.indexOf(MARK, at)) !== -1) {
    if (bytes.length - at < STAMP_BYTES) {
      bytes.copyWithin(0, at);
      return bytes.length - at;
    }
    onMessage(numberAt(bytes, at));
    at += STAMP_BYTES;
  }
  return 0;
}

async function enterUdp(port: number, dialect: Dialect, role: Role): Promise<Client> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const server: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const hello = encoder.encode(role.hello);
  await socket.send(hello, server);
  // It also asks again when the server was not listening yet.
  const again = setInterval(() => socket.send(hello, server), ANSWER_MS);
  while (!decoder.decode((await socket.receive())[0]).includes(dialect.welcome!));
  clearInterval(again);
  receive(socket, role.onMessage);
  const say = (messages: readonly string[]) => {
    for (const message of messages) socket.send(encoder.encode(message), server);
  };
  return { say, close: () => socket.close() };
}

async function receive(socket: Deno.DatagramConn, onMessage: (message: number) => void) {
  const buffer = new Uint8Array(READ_BYTES);
  try {
    for (;;) take((await socket.receive(buffer))[0], onMessage);
  } catch {
    // Closed at the end of the measurement.
  }
}
