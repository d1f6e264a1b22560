/**
 * The limit that `--rate` asks for.
 *
 * @module
 */

import { sleep } from "./lifecycle.ts";

const NOW = () => performance.now();

/** Lets at most so many messages per second of one connection pass, by reading it more slowly. */
export class Pace {
  readonly #everyMs: number;
  readonly #now: () => number;
  #next = 0;

  /** `rate` is in messages per second; 0 is no limit. */
  constructor(rate: number, now: () => number = NOW) {
    this.#everyMs = rate > 0 ? 1000 / rate : 0;
    this.#now = now;
  }

  /** Counts a message; what is returned resolves when the next one may be taken. */
  pass(signal: AbortSignal): Promise<void> | undefined {
    if (this.#everyMs === 0) return undefined;
    const now = this.#now();
    // A second's worth may come at once: people paste.
    this.#next = Math.max(this.#next, now - 1000) + this.#everyMs;
    return this.#next > now ? sleep(this.#next - now, signal) : undefined;
  }
}
