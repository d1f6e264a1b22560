/**
 * A flag that can be waited for, as Python's `threading.Event`.
 *
 * @module
 */

/** Clear until it is set; whoever waits goes on then. */
export class Event {
  #set = false;
  #waiting = Promise.withResolvers<void>();

  /** Sets the flag and lets all go on who wait for it. */
  set(): void {
    this.#set = true;
    this.#waiting.resolve();
  }

  /** Clears the flag: those who wait from now on wait for the next `set`. */
  clear(): void {
    if (!this.#set) return;
    this.#set = false;
    this.#waiting = Promise.withResolvers();
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
    await Promise.race([this.#waiting.promise, late]);
    clearTimeout(timer);
    return this.#set;
  }
}
