/**
 * A flag that can be waited for, as Python's `threading.Event`.
 *
 * @module
 */

/** Clear until it is set; whoever waits goes on then. */
export class Event {
  #set = false;
  readonly #waiting = new Set<() => void>();

  /** Sets the flag and lets all go on who wait for it. */
  set(): void {
    this.#set = true;
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }

  /** Clears the flag: those who wait from now on wait for the next `set`. */
  clear(): void {
    this.#set = false;
  }

  /** Whether the flag is set. */
  is_set(): boolean {
    return this.#set;
  }

  /**
   * Resolves to true once the flag is set, or to whether it is set after `timeout` seconds, where one
   * is given.
   */
  async wait(timeout?: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      if (timeout !== undefined) timer = setTimeout(resolve, timeout * 1000);
    });
    await this.unless(late);
    clearTimeout(timer);
    return this.#set;
  }

  /**
   * Settles as `promise` does, or resolves to undefined once the flag is set. A race with `wait()` would
   * keep what it has lost for as long as the flag is clear, and a session races for each read.
   */
  unless<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const go = () => resolve(undefined);
      if (this.#set) go();
      else this.#waiting.add(go);
      const settle = <V>(how: (value: V) => void) => (value: V) => {
        this.#waiting.delete(go);
        how(value);
      };
      promise.then(settle(resolve), settle(reject));
    });
  }
}
