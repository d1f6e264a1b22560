/**
 * Writing to standard output or standard error without waiting for it: in order, joined into few
 * writes, and quiet when whoever was reading has gone.
 *
 * @module
 */

/** The part of `Deno.stdout` that is written to. */
export interface Sink {
  /** Writes some of the bytes; resolves to how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Takes text from `produce` whenever it is idle and there may be some, until there is none. While
 * one write is under way everything new gathers behind it and leaves in the next.
 */
export class Output {
  readonly #encoder = new TextEncoder();
  readonly #sink: Sink;
  readonly #produce: () => string;
  readonly #onClosed: () => void;
  #pump: Promise<void> | undefined;
  #closed = false;

  /** `onClosed` is called once, when the first write fails. */
  constructor(sink: Sink, produce: () => string, options: { onClosed?: () => void } = {}) {
    this.#sink = sink;
    this.#produce = produce;
    this.#onClosed = options.onClosed ?? (() => {});
  }

  /** Whether writing has failed: nothing that follows is written. */
  get closed(): boolean {
    return this.#closed;
  }

  /** There may be text to write. Never throws and never waits. */
  wake(): void {
    if (!this.#closed) this.#pump ??= this.#run();
  }

  /** Resolves once everything is written, or nothing can be written any more. Never rejects. */
  async flushed(): Promise<void> {
    await this.#pump;
  }

  async #run(): Promise<void> {
    try {
      // What this turn of the event loop still has to say goes into the same write.
      await Promise.resolve();
      for (let text = this.#produce(); text !== ""; text = this.#produce()) await this.#write(text);
    } catch {
      // A pager that quit, a terminal that hung up: there is nobody left to tell why.
      this.#closed = true;
      this.#onClosed();
    } finally {
      this.#pump = undefined;
    }
  }

  async #write(text: string): Promise<void> {
    let bytes = this.#encoder.encode(text);
    while (bytes.length > 0) {
      const written = await this.#sink.write(bytes);
      if (written === 0) throw new Deno.errors.WriteZero("nothing can be written");
      bytes = bytes.subarray(written);
    }
  }
}
