/**
 * Datagrams in crowds: received before the kernel loses them, and sent no faster than that.
 *
 * A system keeps some 200 small datagrams for a socket and drops what comes beyond. So a server takes in
 * all it can while it sends, and a client leaves a pause between two of its own.
 *
 * @module
 */

import { sleep } from "./net.ts";

/** How many receives wait at once: each gets its turn between the sends, which are many more. */
const RECEIVES = 64;
/** What is received and not handled yet. A flood beyond that is lost, as the kernel would lose it. */
const INBOX_BYTES = 16 * 1024 * 1024;
/** What keeping a datagram takes besides its bytes, the runtime's garbage included. */
const ENTRY_BYTES = 2048;
/** Larger than any datagram, so that none is cut short. */
const RECEIVE_BYTES = 65_536;
/** How many datagrams may be on their way into the kernel before the next is handled. */
const OUTSTANDING = 256;
/** A socket that fails so often in a row will not recover. */
const FAILURES = 100;
/** Between two datagrams of one client: nobody types so fast, and a paste is no burst. */
const PASTE_MS = 20;

/** Sends datagrams to many without waiting for each. Never rejects: UDP promises nothing. */
export class Spread {
  readonly #socket: Deno.DatagramConn;
  #outstanding = 0;
  #settled = Promise.withResolvers<void>();

  /** The caller keeps owning the socket. */
  constructor(socket: Deno.DatagramConn) {
    this.#socket = socket;
  }

  /** Resolves when the kernel has taken the datagram or will not. */
  async send(bytes: Uint8Array, to: Deno.NetAddr): Promise<void> {
    this.#outstanding++;
    try {
      await this.#socket.send(bytes, to);
    } catch {
      // It may come back, or leave; nothing tells.
    }
    this.#outstanding--;
    if (this.#outstanding > 0) return;
    this.#settled.resolve();
    this.#settled = Promise.withResolvers();
  }

  /** What to wait for before more is sent, if anything. */
  room(): Promise<void> | undefined {
    return this.#outstanding > OUTSTANDING ? this.#settled.promise : undefined;
  }
}

/**
 * Receives from `socket` until it is closed or fails for good, and calls `handle` for each datagram in
 * order, once `room` lets it.
 */
export async function receiveAll(
  socket: Deno.DatagramConn,
  { handle, room }: {
    handle: (bytes: Uint8Array, from: Deno.NetAddr) => void;
    room: () => Promise<void> | undefined;
  },
): Promise<void> {
  let inbox: [bytes: Uint8Array, from: Deno.NetAddr][] = [];
  let inboxBytes = 0;
  let busy = false;
  let handling = Promise.resolve();

  async function handleAll(): Promise<void> {
    busy = true;
    while (inbox.length > 0) {
      const batch = inbox;
      inbox = [];
      for (const [bytes, from] of batch) {
        handle(bytes, from);
        inboxBytes -= bytes.length + ENTRY_BYTES;
        const pause = room();
        if (pause) await pause;
      }
    }
    busy = false;
  }

  async function receive(): Promise<void> {
    const buffer = new Uint8Array(RECEIVE_BYTES);
    for (let failures = 0; failures < FAILURES;) {
      try {
        const [bytes, from] = await socket.receive(buffer);
        failures = 0;
        if (inboxBytes + bytes.length + ENTRY_BYTES > INBOX_BYTES) continue;
        inboxBytes += bytes.length + ENTRY_BYTES;
        // Copied: a small datagram must not keep a buffer for the largest.
        inbox.push([bytes.slice(), from as Deno.NetAddr]);
        if (!busy) handling = handleAll();
      } catch (error) {
        if (isClosed(error)) break;
        // An unreachable peer is no reason to end.
        failures++;
      }
    }
  }

  await Promise.all(Array.from({ length: RECEIVES }, receive));
  await handling;
}

/** Receives one datagram of a server on `port`; undefined once the socket is closed or fails for good. */
export async function receiveFrom(
  socket: Deno.DatagramConn,
  port: number,
): Promise<Uint8Array | undefined> {
  for (let failures = 0; failures < FAILURES;) {
    try {
      const [bytes, from] = await socket.receive();
      failures = 0;
      if ((from as Deno.NetAddr).port === port) return bytes;
    } catch (error) {
      if (isClosed(error)) break;
      failures++;
    }
  }
  return undefined;
}

/** Sends one client's datagrams in order, with a pause between them. */
export class PacedSender {
  readonly #socket: Deno.DatagramConn;
  readonly #to: Deno.NetAddr;
  readonly #onError: (error: unknown) => void;
  #last: Promise<void> = Promise.resolve();
  #sentAt = -Infinity;
  readonly #hurry = new AbortController();

  /** The caller keeps owning the socket. */
  constructor(
    socket: Deno.DatagramConn,
    { to, onError }: { to: Deno.NetAddr; onError: (error: unknown) => void },
  ) {
    this.#socket = socket;
    this.#to = to;
    this.#onError = onError;
  }

  /** Sends a datagram after those before it; resolves when the kernel has taken it or will not. */
  send(bytes: Uint8Array): Promise<void> {
    this.#last = this.#last.then(() => this.#send(bytes));
    return this.#last;
  }

  /** From here on there are no pauses any more: somebody wants to leave. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Resolves when all is sent. */
  drained(): Promise<void> {
    return this.#last;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const pause = this.#sentAt + PASTE_MS - performance.now();
    if (pause > 0) await sleep(pause, this.#hurry.signal);
    await this.#socket.send(bytes, this.#to).catch(this.#onError);
    this.#sentAt = performance.now();
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted;
}
