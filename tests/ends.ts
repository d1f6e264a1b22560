/**
 * A console whose standard input, output and error are in the hands of a test.
 *
 * @module
 */

import type { ConsoleOptions } from "../lib/console.ts";
import { typedLines } from "../client.ts";
import { bytes as bytesOf, deadline, text as textOf } from "./helpers.ts";
import { Vt } from "./vt.ts";

/** Standard input, output and error of a console, each end in the test's hands. */
export class Ends {
  input!: ReadableStreamDefaultController<Uint8Array>;
  output = "";
  error = "";
  raw: boolean[] = [];
  /** Writes wait here while it is set, as for a reader that does not read. */
  stuck: Promise<void> | undefined;
  failure: Error | undefined;
  /** The most bytes that one write takes. */
  capacity = Infinity;
  writes = 0;
  readonly #decoder = new TextDecoder();
  readonly #watchers = new Set<() => void>();

  options(terminal: boolean, options: Partial<ConsoleOptions> = {}): ConsoleOptions {
    const readable = new ReadableStream<Uint8Array>({ start: (c) => void (this.input = c) });
    const setRaw = (mode: boolean) => void this.raw.push(mode);
    return {
      split: typedLines,
      stdin: { readable, setRaw, isTerminal: () => terminal },
      stdout: { write: (bytes) => this.#write(bytes), isTerminal: () => terminal },
      stderr: {
        write: (bytes) => {
          this.error += textOf(bytes);
          return Promise.resolve(bytes.length);
        },
        isTerminal: () => terminal,
      },
      size: () => ({ columns: 20, rows: 10 }),
      ...options,
    };
  }

  type(text: string): void {
    this.input.enqueue(bytesOf(text));
  }

  /** What a terminal of 20 by 10 shows now. */
  get screen(): string[] {
    const vt = new Vt(20, 10);
    vt.write(this.output);
    return vt.lines;
  }

  /** Waits until the screen is exactly these lines. */
  async shows(...lines: string[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => void (this.screen.join("\n") === lines.join("\n") && resolve());
    this.#watchers.add(look);
    look();
    await deadline(promise, `${JSON.stringify(lines)} on the screen`).catch((error) => {
      throw new Error(`${error.message}: it was ${JSON.stringify(this.screen)}`);
    });
    this.#watchers.delete(look);
  }

  async #write(bytes: Uint8Array): Promise<number> {
    await this.stuck;
    if (this.failure) throw this.failure;
    this.writes++;
    const taken = bytes.subarray(0, this.capacity);
    this.output += this.#decoder.decode(taken, { stream: true });
    for (const look of this.#watchers) look();
    return taken.length;
  }
}
