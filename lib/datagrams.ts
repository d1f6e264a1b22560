/**
 * Datagrams in crowds: one receive loop and one throttle for all that speak UDP. A kernel keeps some 200
 * small datagrams for a socket and drops what comes beyond. So a server takes in all it can while it
 * sends, and sends no faster than the kernel takes; a client pauses between two.
 *
 * @module
 */

import { sleep } from "./net.ts";

const RECEIVES = 64; // At once: each gets its turn between the sends, which are many more.
const RECEIVE_BYTES = 65_536; // Larger than any datagram, so that none is cut short.
const RETRY_MS = 100; // A socket that cannot receive just now must not keep the processor busy.
const INBOX_BYTES = 16 * 1024 * 1024; // A flood beyond that is lost, as the kernel would lose it.
const ENTRY_BYTES = 2048; // What keeping a datagram takes besides its bytes, garbage included.
const OUTSTANDING = 64; // On their way into the kernel before the next request is handled.
const PAUSE_MS = 25; // Between two texts of one client: nobody types so fast, a paste is no burst.
const CLOSED = [Deno.errors.BadResource, Deno.errors.Interrupted];

/** Sends datagrams through a socket that the caller goes on owning. No send rejects. */
export class Throttle {
  readonly #socket: Pick<Deno.DatagramConn, "send">;
  readonly #to: Deno.NetAddr | undefined;
  readonly #onError: (error: unknown) => void;
  readonly #hurry = new AbortController();
  #outstanding = 0;
  #settled: PromiseWithResolvers<void> | undefined;
  #last: Promise<void> = Promise.resolve();
  #sentAt = -Infinity;

  /** To `to`, a client's server, datagrams go in order and 25 ms apart; UDP itself promises nothing. */
  constructor(
    socket: Pick<Deno.DatagramConn, "send">,
    { to, onError = () => {} }: { to?: Deno.NetAddr; onError?: (error: unknown) => void } = {},
  ) {
    this.#socket = socket;
    this.#to = to;
    this.#onError = onError;
  }

  /** Sends a datagram; resolves when the kernel has taken it or will not. */
  send(bytes: Uint8Array, to?: Deno.NetAddr): Promise<void> {
    this.#outstanding++;
    if (to) return this.#socket.send(bytes, to).catch(this.#onError).then(this.#sent);
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
    await this.#socket.send(bytes, this.#to!).catch(this.#onError).then(this.#sent);
  }

  readonly #sent = (): void => {
    if (--this.#outstanding > 0) return;
    this.#settled?.resolve();
    this.#settled = undefined;
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

/** Calls `handle` for each datagram in order, then waits for `room` if there is something to wait for. */
export async function receiveAll(
  socket: Deno.DatagramConn,
  { handle, room, failed }: {
    handle: (bytes: Uint8Array, from: Deno.NetAddr) => void;
    room: () => Promise<void> | undefined;
    failed?: (error: unknown) => void;
  },
): Promise<void> {
  const waiting: Datagram[] = [];
  let waitingBytes = 0;
  let handling: Promise<void> | undefined;

  async function handleAll(): Promise<void> {
    while (waiting.length > 0) {
      for (const [bytes, from] of waiting.splice(0)) {
        handle(bytes, from);
        waitingBytes -= bytes.length + ENTRY_BYTES;
        await room();
      }
    }
    handling = undefined;
  }

  async function fill(): Promise<void> {
    for await (const [bytes, from] of datagrams(socket, failed)) {
      if (waitingBytes + bytes.length + ENTRY_BYTES > INBOX_BYTES) continue;
      waitingBytes += bytes.length + ENTRY_BYTES;
      // Copied: a small datagram must not keep a buffer for the largest.
      waiting.push([bytes.slice(), from]);
      handling ??= handleAll();
    }
  }

  await Promise.all(Array.from({ length: RECEIVES }, fill));
  await handling;
}
