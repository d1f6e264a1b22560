/**
 * Time that passes when a test says so.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Resolves once all that was started has come to wait for something from outside. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Replaces properties until it is disposed of. */
export function replaced<T extends object>(target: T, changes: Partial<T>): Disposable {
  const before = Object.keys(changes).map((name) =>
    [name, Object.getOwnPropertyDescriptor(target, name)] as const
  );
  for (const [name, value] of Object.entries(changes)) {
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  }
  return {
    [Symbol.dispose]() {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(target, name, descriptor);
        else delete target[name as keyof T];
      }
    },
  };
}

interface Timer {
  /** When it is due. */
  at: number;
  /** In ms, for those that are due again and again. */
  every?: number | undefined;
  run: () => void;
}

/** The clock and the timers of this process, turned by hand until it is disposed of. */
export class HandTime implements Disposable {
  #now = 0;
  #numbers = 0;
  readonly #timers = new Map<number, Timer>();
  readonly #replaced: Disposable[];

  /** From here on no timer runs by itself. */
  constructor() {
    const start = (run: () => void, ms = 0, every?: number) => {
      this.#timers.set(++this.#numbers, { at: this.#now + ms, every, run });
      return this.#numbers;
    };
    const clear = (number?: number) => void this.#timers.delete(number!);
    const timers = {
      setTimeout: <Args extends unknown[]>(
        run: (...args: Args) => void,
        ms?: number,
        ...args: Args
      ) => start(() => run(...args), ms),
      setInterval: (run: () => void, ms?: number) => start(run, ms, ms),
      clearTimeout: clear,
      clearInterval: clear,
    };
    this.#replaced = [
      replaced(globalThis, timers as unknown as Partial<typeof globalThis>),
      replaced(performance, { now: () => this.#now }),
    ];
  }

  /** Begins anew, at 0 and without timers. */
  reset(): void {
    this.#now = 0;
    this.#timers.clear();
  }

  /** Lets so many ms pass, each timer in its turn. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      let due: [number, Timer] | undefined;
      for (const entry of this.#timers) {
        if (entry[1].at <= until && (!due || entry[1].at < due[1].at)) due = entry;
      }
      if (!due) break;
      const [number, timer] = due;
      this.#now = timer.at;
      if (timer.every === undefined) this.#timers.delete(number);
      else timer.at += timer.every;
      timer.run();
      await settled();
    }
    this.#now = until;
  }

  [Symbol.dispose](): void {
    for (const each of this.#replaced) each[Symbol.dispose]();
  }
}
