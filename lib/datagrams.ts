/**
 * Datagrams in crowds: one receive loop and one throttle for all that speak UDP. A kernel keeps some 200
 * small datagrams for a socket and drops what comes beyond. So a server takes in all it can while it
 * sends, and sends no faster than the kernel takes; a client pauses between two.
 *
 * @module
 */

import { sleep } from "./net.ts";

// So many receives wait at once: each gets its turn between the sends, which are many more.
const RECEIVES = 64;
// Larger than any datagram, so that none is cut short.
const RECEIVE_BYTES = 65_536;
// What is received and not handled yet, with what keeping a datagram takes besides its bytes, garbage
// included. A flood beyond that is lost, as the kernel would lose it.
const INBOX_BYTES = 16 * 1024 * 1024;
const ENTRY_BYTES = 2048;
// A socket that cannot receive just now must not keep the processor busy.
const RETRY_MS = 100;
// So many datagrams may be on their way into the kernel before the next request is handled.
const OUTSTANDING = 64;
// Between two texts of one client: nobody types so fast, and a paste is no burst.
const PAUSE_MS = 25;
const CLOSED = [Deno.errors.BadResource, Deno.errors.Interrupted];

/** How a {@linkcode Throttle} sends. */
export interface ThrottleOptions {
  /** The one address that a client sends to: its datagrams go out in order, 25 ms apart. */
  to?: Deno.NetAddr;
  /** Takes the error of a datagram that was not sent. Default: nothing, UDP promises nothing. */
  onError?: (error: unknown) => void;
}

/** Sends datagrams through a socket that the caller goes on owning. No send rejects. */
export class Throttle {
  readonly #socket: Pick<Deno.DatagramConn, "send">;
  readonly #options: ThrottleOptions;
  readonly #hurry = new AbortController();
  #outstanding = 0;
  #settled: PromiseWithResolvers<void> | undefined;
  #last: Promise<void> = Promise.resolve();
  #sentAt = -Infinity;

  /** A throttle with nothing on its way. */
  constructor(socket: Pick<Deno.DatagramConn, "send">, options: ThrottleOptions = {}) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Sends a datagram; resolves when the kernel has taken it or will not. */
  send(bytes: Uint8Array, to?: Deno.NetAddr): Promise<void> {
    this.#outstanding++;
    if (to) return this.#socket.send(bytes, to).then(this.#sent, this.#failed);
    return this.#last = this.#last.then(() => this.#paced(bytes));
  }

  /** What to wait for before more is handled, or undefined when the kernel keeps up. */
  room(): Promise<void> | undefined {
    return this.#outstanding < OUTSTANDING ? undefined : this.drained();
  }

  /** Resolves when nothing is on its way. */
  drained(): Promise<void> {
    if (this.#outstanding === 0) return Promise.resolve();
    return (this.#settled ??= Promise.withResolvers()).promise;
  }

  /** From here on there are no pauses any more: the person leaves. */
  hurry(): void {
    this.#hurry.abort();
  }

  async #paced(bytes: Uint8Array): Promise<void> {
    const pause = this.#sentAt + PAUSE_MS - performance.now();
    if (pause > 0) await sleep(pause, this.#hurry.signal);
    this.#sentAt = performance.now();
    await this.#socket.send(bytes, this.#options.to!).then(this.#sent, this.#failed);
  }

  readonly #sent = (): void => {
    if (--this.#outstanding > 0) return;
    this.#settled?.resolve();
    this.#settled = undefined;
  };

  readonly #failed = (error: unknown): void => {
    this.#options.onError?.(error);
    this.#sent();
  };
}

/** What a socket receives, and from where. */
export type Datagram = [bytes: Uint8Array, from: Deno.NetAddr];

/**
 * Receives until the socket is closed; what is yielded is a view of one buffer. `failed` takes what a
 * receive failed with; it is tried again 100 ms later.
 */
export async function* datagrams(
  socket: Deno.DatagramConn,
  failed?: (error: unknown) => void,
): AsyncGenerator<Datagram, void, void> {
  const buffer = new Uint8Array(RECEIVE_BYTES);
  for (;;) {
    try {
      yield await socket.receive(buffer) as Datagram;
    } catch (error) {
      if (CLOSED.some((each) => error instanceof each)) return;
      // Some systems report here that a peer they sent to is gone, which is no reason to end.
      failed?.(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/**
 * Receives from `socket` until it is closed, and calls `handle` for each datagram in order, and `room`
 * right after it: what to wait for before the next one, if anything. `failed` as for `datagrams`.
 */
export async function receiveAll(
  socket: Deno.DatagramConn,
  { handle, room, failed }: {
    handle: (bytes: Uint8Array, from: Deno.NetAddr) => void;
    room: () => Promise<void> | undefined;
    failed?: (error: unknown) => void;
  },
): Promise<void> {
  let waiting: Datagram[] = [];
  let waitingBytes = 0;
  let busy = false;
  let handling = Promise.resolve();

  async function handleAll(): Promise<void> {
    busy = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      for (const [bytes, from] of batch) {
        handle(bytes, from);
        waitingBytes -= bytes.length + ENTRY_BYTES;
        const pause = room();
        if (pause) await pause;
      }
    }
    busy = false;
  }

  async function fill(): Promise<void> {
    for await (const [bytes, from] of datagrams(socket, failed)) {
      if (waitingBytes + bytes.length + ENTRY_BYTES > INBOX_BYTES) continue;
      waitingBytes += bytes.length + ENTRY_BYTES;
      // Copied: a small datagram must not keep a buffer for the largest.
      waiting.push([bytes.slice(), from]);
      if (!busy) handling = handleAll();
    }
  }

  await Promise.all(Array.from({ length: RECEIVES }, fill));
  await handling;
}
