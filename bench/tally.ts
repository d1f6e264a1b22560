/**
 * What a load has come to: which message reached whom, and when. Each message carries a mark and its
 * number, so what is counted is whole messages, and each of them once for each receiver.
 *
 * @module
 */

/** What a load has come to. Latencies in microseconds from before the write to after the read. */
export interface Result {
  /** Messages received, by clients other than the sender. */
  deliveries: number;
  /** Deliveries that are missing. */
  lost: number;
  /** Deliveries that came a second time. */
  repeated: number;
  /** From the first write to the last read. */
  seconds: number;
  /** Percentiles of the latency. */
  p50: number;
  /** Percentiles of the latency. */
  p99: number;
  /** Percentiles of the latency. */
  p999: number;
}

/** Stands in front of a message's number. Nothing else that goes over the wire has it: `^`. */
export const MARK = 0x5e;
/** The length in bytes of a mark with its number. */
export const STAMP_BYTES = 16;
/** What has not come after so long is lost: longer than a server holds a sender back. */
const SILENCE_MS = 5000;
/** Messages are 64 bytes long. */
const FILLER = "x".repeat(64 - STAMP_BYTES);

/** Counts. */
export class Tally {
  /** Called after each delivery. */
  onDelivery: () => void = () => {};
  /** Messages that were sent. */
  sent = 0;
  /** Of them, those that have reached all their receivers. */
  complete = 0;
  readonly #receivers: number;
  readonly #members: number;
  readonly #sentAt: Float64Array;
  readonly #missing: Uint16Array;
  readonly #seen: Uint8Array;
  readonly #latencies: Float64Array;
  readonly #done = Promise.withResolvers<void>();
  #deliveries = 0;
  #repeated = 0;
  #startedAt = 0;
  #lastAt = 0;

  /** For so many messages with so many receivers each, in rooms of `members` clients. */
  constructor(
    { messages, receivers, members }: { messages: number; receivers: number; members: number },
  ) {
    this.#receivers = receivers;
    this.#members = members;
    this.#sentAt = new Float64Array(messages);
    this.#missing = new Uint16Array(messages).fill(receivers);
    this.#seen = new Uint8Array(messages * members);
    this.#latencies = new Float64Array(messages * receivers);
  }

  /** The text of the next message, which is sent right away. */
  next(): string {
    const now = performance.now();
    if (this.sent === 0) this.#startedAt = this.#lastAt = now;
    this.#sentAt[this.sent] = now;
    return `^${String(this.sent++).padStart(STAMP_BYTES - 1, "0")}${FILLER}`;
  }

  /** A message has reached a receiver, the `member`th one of its room. */
  delivered(message: number, member: number): void {
    const at = message * this.#members + member;
    if (this.#seen[at]) {
      this.#repeated++;
      return;
    }
    this.#seen[at] = 1;
    this.#lastAt = performance.now();
    this.#latencies[this.#deliveries++] = this.#lastAt - this.#sentAt[message]!;
    if (--this.#missing[message]! === 0) this.complete++;
    if (this.#deliveries === this.#latencies.length) this.#done.resolve();
    this.onDelivery();
  }

  /** Resolves when all has arrived, or nothing has for seconds. */
  async finished(): Promise<void> {
    if (this.#latencies.length === 0) return;
    const watch = setInterval(() => {
      if (performance.now() - this.#lastAt > SILENCE_MS) this.#done.resolve();
    }, SILENCE_MS / 10);
    await this.#done.promise;
    clearInterval(watch);
  }

  /** What it has come to. */
  result(): Result {
    const sorted = this.#latencies.subarray(0, this.#deliveries).toSorted();
    const at = (share: number) =>
      Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 1000);
    return {
      deliveries: this.#deliveries,
      lost: this.sent * this.#receivers - this.#deliveries,
      repeated: this.#repeated,
      seconds: (this.#lastAt - this.#startedAt) / 1000,
      p50: at(0.5),
      p99: at(0.99),
      p999: at(0.999),
    };
  }
}

/** The number behind the mark that stands at `at`. */
export function numberAt(bytes: Uint8Array, at: number): number {
  let number = 0;
  for (let i = at + 1; i < at + STAMP_BYTES; i++) number = number * 10 + bytes[i]! - 0x30;
  return number;
}
