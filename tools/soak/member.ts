/**
 * A member in a long test: it knows what it must hear, and counts what it does.
 *
 * @module
 */

import { within } from "../../lib/net.ts";
import type { Line } from "./lines.ts";

/** What was counted of one server. */
export interface Tally {
  /** Members that came. */
  joins: number;
  /** Messages that they sent. */
  messages: number;
  /** Messages that were heard by those who had to. */
  deliveries: number;
  /** Those that were not, or not in order, or with other words. */
  missing: number;
  /** Messages that were heard again. */
  doubled: number;
  /** What else went wrong, in words. */
  readonly problems: string[];
}

/** A tally of nothing yet. */
export function newTally(): Tally {
  return { joins: 0, messages: 0, deliveries: 0, missing: 0, doubled: 0, problems: [] };
}

/** Far beyond what anything takes, on a busy machine too. */
export const PATIENCE_MS = 15_000;

/** One who hears everything that it must, as long as it is in. */
export class Member {
  /** Where in the room it is; -1 while it is on the way. */
  place: number = -1;
  /** Its way to the server; set once it is open. */
  line!: Line;
  readonly #tally: Tally;
  readonly #expected = new Map<number, { n: number; frame: string }[]>();
  readonly #heard = new Map<number, number>();
  #signal = Promise.withResolvers<void>();
  #answer: string | undefined;

  /** Nobody has spoken to it yet. */
  constructor(readonly id: number, tally: Tally) {
    this.#tally = tally;
  }

  /** How many messages it has still to hear, of one member or of all. */
  waiting(from?: number): number {
    if (from !== undefined) return this.#expected.get(from)?.length ?? 0;
    let count = 0;
    for (const queue of this.#expected.values()) count += queue.length;
    return count;
  }

  /** From now on it must hear this, and before it what it was told to hear before. */
  expect(from: number, message: { n: number; frame: string }): void {
    const queue = this.#expected.get(from);
    if (queue) queue.push(message);
    else this.#expected.set(from, [message]);
  }

  /** Takes a frame of the server. */
  hear(frame: string): void {
    const mark = /#(\d+)\.(\d+)#/.exec(frame);
    if (mark) this.#count(Number(mark[1]), Number(mark[2]), frame);
    else if (frame === this.#answer) this.#answer = undefined;
    this.#signal.resolve();
    this.#signal = Promise.withResolvers();
  }

  /** Says something, and waits for the frame that answers it. */
  async ask(question: string, answer: string): Promise<void> {
    this.#answer = answer;
    await this.line.send(question);
    await this.#until(() => this.#answer === undefined, `an answer to ${question.trim()}`);
  }

  /** Waits until it has heard all; what has not come by then is missing. */
  async drained(): Promise<void> {
    await this.#until(() => this.waiting() === 0, "its messages");
    this.#tally.missing += this.waiting();
    this.#expected.clear();
  }

  #count(from: number, n: number, frame: string): void {
    if (n <= (this.#heard.get(from) ?? -1)) return void this.#tally.doubled++;
    this.#heard.set(from, n);
    const queue = this.#expected.get(from) ?? [];
    for (; queue.length > 0 && queue[0]!.n < n; queue.shift()) this.#tally.missing++;
    // Sent while it was on its way: it may hear it, and need not.
    if (queue[0]?.n !== n) return;
    if (queue.shift()!.frame === frame) this.#tally.deliveries++;
    else this.#tally.missing++;
  }

  async #until(done: () => boolean, what: string): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (!done()) {
      const left = until - performance.now();
      if (left <= 0) return void this.#tally.problems.push(`member ${this.id} waited for ${what}`);
      await within(left, this.#signal.promise);
    }
  }
}
