/**
 * Random choices that a seed makes again: a test that fails names its seed.
 *
 * @module
 */

/** A stream of random numbers (mulberry32), the same for the same seed on every machine. */
export class Random {
  #state: number;

  /** Any number is a seed; its lower 32 bits count. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number of 32 bits, from 0 on. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number from 0 to `n` - 1. */
  below(n: number): number {
    return Math.floor(this.next() / 2 ** 32 * n);
  }

  /** One of a list that has at least one. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** So many bytes of any value. */
  bytes(n: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: n }, () => this.next() & 0xff);
  }
}
