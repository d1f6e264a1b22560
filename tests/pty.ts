/**
 * A real process in a real pseudo-terminal, whose screen is interpreted. util-linux `script` gives the
 * pseudo-terminal; without it the tests that want one are ignored, and say so.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { bytes, deadline } from "./helpers.ts";
import { Vt } from "./vt.ts";

/** A process in a pseudo-terminal, seen on a screen, and a peer that sends it lines. */
export class Pty {
  /** The screen. */
  readonly vt: Vt;
  /** The device of the pseudo-terminal, for changing its size from outside. */
  device = "";
  #output = "";
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;

  /**
   * Starts the runtime with these arguments on a screen of this size, with variables that `env` sets
   * as its arguments: colours are on unless they say otherwise. `command` runs something else instead.
   */
  constructor(
    args: readonly string[],
    { columns, rows, env = "", command: shell }: {
      columns: number;
      rows: number;
      env?: string;
      command?: string;
    },
  ) {
    this.vt = new Vt(columns, rows);
    const client = shell ?? ["env -u NO_COLOR", env, Deno.execPath(), ...args].join(" ");
    // The state of the terminal is looked at after the client, while it still exists.
    const command = `tty; stty cols ${columns} rows ${rows}; ${client}; echo code=$?; stty -a`;
    this.#child = new Deno.Command("script", {
      args: ["-qfec", command, "/dev/null"],
      stdin: "piped",
      stdout: "piped",
      env: { SHELL: "/bin/sh" },
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Presses keys. */
  async type(keys: string): Promise<void> {
    await this.#keys.write(bytes(keys));
  }

  /** Reads until the screen is as it should be; `look` sees its lines. */
  async until(look: (lines: string[]) => boolean): Promise<void> {
    const reading = async () => {
      while (!look(this.vt.lines)) if (!await this.#read()) throw new Error("the process ended");
    };
    await deadline(reading(), "the screen").catch((error) => {
      throw new Error(`${error.message}: it was ${JSON.stringify(this.vt.lines)}`);
    });
  }

  /** The first line names the device. The runtime may draw a progress bar before the console opens. */
  async begin(): Promise<void> {
    const opened = "\x1b[?2004h";
    while (!this.#output.includes(opened)) {
      const { value, done } = await deadline(this.#reader.read(), "the console");
      if (done) throw new Error(`no console: ${this.#output}`);
      this.#output += value;
    }
    this.device = this.#output.slice(0, this.#output.indexOf("\n")).trim();
    this.vt.write(this.#output.slice(this.#output.indexOf(opened)));
  }

  /** Gives the terminal another width. */
  async resize(columns: number): Promise<void> {
    this.vt.resize(columns);
    const args = ["-F", this.device, "cols", `${columns}`];
    assert((await new Deno.Command("stty", { args }).output()).success);
  }

  /** Everything to the end, the modes of the terminal included. */
  async end(): Promise<string> {
    const reading = async () => {
      while (await this.#read());
    };
    await deadline(reading(), "the end of the process");
    await this.#keys.close().catch(() => {});
    await this.#child.status;
    return this.vt.lines.join("\n");
  }

  async #read(): Promise<boolean> {
    const { value, done } = await this.#reader.read();
    if (value !== undefined) this.vt.write(value);
    return !done;
  }
}

/** Whether there is a pseudo-terminal to be had on this machine. */
export const hasScript: boolean = await new Deno.Command("script", {
  args: ["--version"],
  stdout: "piped",
})
  .output().then(({ stdout }) => new TextDecoder().decode(stdout).includes("util-linux"))
  .catch(() => false);
if (!hasScript) {
  // deno-lint-ignore no-console
  console.error("no util-linux script, nothing is tested in a pseudo-terminal");
}
