/**
 * Waiting for a large room: its members' writes as one thing that ends.
 *
 * @module
 */

import type { Clock } from "./outbound.ts";

/** A reader that just now takes nothing more keeps nobody longer than that. */
const ROUND_MS = 20;

/** Writes to a large room that began together. */
export class Round {
  /** Resolves when nearly all of them are done: a few slow readers are not worth the others' time. */
  readonly done: Promise<void>;
  #left = 0;
  #most = 0;
  #over: () => void;

  /** Begins without writes; its time runs from here on. */
  constructor(clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    const stop = clock.every(ROUND_MS, () => this.#over());
    this.#over = () => {
      this.#over = () => {};
      stop();
      resolve();
    };
  }

  /** One more write belongs to it. */
  began(): void {
    this.#left++;
  }

  /** No more writes will belong to it. */
  started(): void {
    this.#most = this.#left / 16;
    this.#look();
  }

  /** One of its writes has ended, well or not. */
  ended(): void {
    this.#left--;
    this.#look();
  }

  #look(): void {
    if (this.#left <= this.#most) this.#over();
  }
}
