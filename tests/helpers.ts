/**
 * What tests speak with: raw peers on loopback sockets, and real processes. Every wait is a read under
 * one deadline that a passing run never reaches.
 *
 * @module
 */

import { assertEquals } from "@std/assert/equals";

/** Far beyond anything that passes, even on a busy machine. */
export const DEADLINE_MS = 20_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Rejects with `what` when `promise` takes longer than the deadline. */
export async function deadline<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Bytes of a text; bytes stay as they are. */
export function bytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** Text of bytes, each that is not UTF-8 as U+FFFD. */
export function text(data: Uint8Array): string {
  return decoder.decode(data);
}

/** A peer that writes and reads literal bytes. */
export class Peer implements Disposable {
  /** The connection, for what this class has no word for. */
  readonly conn: Deno.TcpConn;
  #unread: Uint8Array = new Uint8Array();

  /** Takes a connection over. */
  constructor(conn: Deno.TcpConn) {
    this.conn = conn;
  }

  /** Connects to a port on loopback. */
  static async connect(port: number): Promise<Peer> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new Peer(conn);
  }

  /** Writes all of it at once. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = bytes(data);
    while (rest.length > 0) rest = rest.subarray(await this.conn.write(rest));
  }

  /** Writes it a byte at a time, each on its way before the next. */
  async drip(data: string | Uint8Array): Promise<void> {
    for (const byte of bytes(data)) await this.send(Uint8Array.of(byte));
  }

  /** Reads exactly `length` bytes. */
  async read(length: number): Promise<Uint8Array> {
    while (this.#unread.length < length) {
      if (!await this.#more(`${length} bytes after ${JSON.stringify(text(this.#unread))}`)) {
        throw new Error(`stream ended after ${JSON.stringify(text(this.#unread))}`);
      }
    }
    const data = this.#unread.slice(0, length);
    this.#unread = this.#unread.slice(length);
    return data;
  }

  /** Reads as many bytes as `expected` has, and asserts that they are these. */
  async expect(expected: string | Uint8Array): Promise<void> {
    const wanted = bytes(expected);
    while (this.#unread.length < wanted.length) {
      if (!await this.#more(JSON.stringify(expected))) break;
    }
    const got = this.#unread.slice(0, wanted.length);
    this.#unread = this.#unread.slice(wanted.length);
    if (typeof expected === "string") assertEquals(text(got), expected);
    else assertEquals(got, wanted);
  }

  /** Reads a line, without its LF. */
  async line(): Promise<string> {
    let end: number;
    while ((end = this.#unread.indexOf(0x0a)) === -1) {
      if (!await this.#more(`a line after ${JSON.stringify(text(this.#unread))}`)) {
        throw new Error(`stream ended inside ${JSON.stringify(text(this.#unread))}`);
      }
    }
    return text((await this.read(end + 1)).subarray(0, -1));
  }

  /** Asserts that the stream ends here, with nothing before it. A reset counts as an end. */
  async expectEnd(): Promise<void> {
    assertEquals(text(await this.rest()), "");
  }

  /** Reads all up to the end of the stream. */
  async rest(): Promise<Uint8Array> {
    while (await this.#more(`the end after ${JSON.stringify(text(this.#unread))}`));
    const data = this.#unread;
    this.#unread = new Uint8Array();
    return data;
  }

  /** Ends our side only. */
  async halfClose(): Promise<void> {
    await this.conn.closeWrite();
  }

  /** Closes the connection; twice is once. */
  close(): void {
    try {
      this.conn.close();
    } catch {
      // Closed already.
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #more(what: string): Promise<boolean> {
    const buffer = new Uint8Array(65536);
    let count: number | null;
    try {
      count = await deadline(this.conn.read(buffer), what);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      count = null;
    }
    if (count === null) return false;
    const joined = new Uint8Array(this.#unread.length + count);
    joined.set(this.#unread);
    joined.set(buffer.subarray(0, count), this.#unread.length);
    this.#unread = joined;
    return true;
  }
}

/**
 * Whether the machine has this command; a test that needs it is ignored without it. CI must have it: there
 * it is an error.
 */
export async function installed(command: string): Promise<boolean> {
  const { success } = await new Deno.Command("sh", {
    args: ["-c", 'command -v "$1"', "sh", command],
    stdout: "null",
  }).output();
  if (!success && Deno.env.has("CI")) throw new Error(`CI has no ${command}`);
  return success;
}

/** How a program is started. */
export interface ProgramOptions {
  /** Permissions; by default what the documents' programs get: the network. */
  permissions?: string[];
  /** Variables besides the inherited ones. */
  env?: Record<string, string>;
  /** True: the script is a command of the machine, not a script of ours. */
  command?: boolean;
  /** Where it runs. Default: the project's own folder. */
  cwd?: string;
  /** Runs before it in a shell, such as `ulimit -Hn 128`. */
  before?: string;
}

/** A real process of ours, its input typed by the test and its output kept whole. */
export class Program implements AsyncDisposable {
  /** All of stdout so far. */
  stdout = "";
  /** All of stderr so far. */
  stderr = "";
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pumps: Promise<unknown>;
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #name: string;

  /** Starts `script` (a path in the project) with `args`. */
  constructor(script: string, args: string[], options: ProgramOptions = {}) {
    this.#name = `${script} ${args.join(" ")}`;
    const root = new URL("../", import.meta.url);
    const permissions = options.permissions ?? ["--allow-net"];
    const command = options.command
      ? [script, ...args]
      : [Deno.execPath(), "run", "--no-prompt", ...permissions, script, ...args];
    const [file, ...rest] = options.before
      ? ["sh", "-c", `${options.before}; exec "$@"`, "sh", ...command]
      : command;
    this.#child = new Deno.Command(file!, {
      args: rest,
      cwd: options.cwd ?? root,
      env: options.env ?? {},
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#pumps = Promise.all([
      this.#pump(this.#child.stdout, (more) => this.stdout += more),
      this.#pump(this.#child.stderr, (more) => this.stderr += more),
    ]).then(() => {
      this.#ended = true;
      this.#changed.resolve();
    });
  }

  /** The process's number. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.write(line + "\n");
  }

  /** Writes to stdin as it is. */
  async write(data: string | Uint8Array): Promise<void> {
    await this.#stdin.write(bytes(data));
  }

  /** Ends stdin. */
  async endInput(): Promise<void> {
    await this.#stdin.close();
  }

  /** Waits until stdout (or stderr) holds `wanted`; returns what a pattern matched. */
  async until(
    wanted: string | RegExp,
    stream: "stdout" | "stderr" = "stdout",
  ): Promise<string[]> {
    for (;;) {
      const all = this[stream];
      const match = typeof wanted === "string"
        ? (all.includes(wanted) ? [wanted] : null)
        : wanted.exec(all);
      if (match) return [...match];
      const seen = () => JSON.stringify({ stdout: this.stdout, stderr: this.stderr });
      if (this.#ended) throw new Error(`${this.#name} ended without ${wanted}: ${seen()}`);
      const changed = this.#changed.promise;
      await deadline(changed, `${wanted} from ${this.#name}`).catch((error) => {
        throw new Error(`${error.message}: ${seen()}`);
      });
    }
  }

  /** Waits for the port in `listening on ADDR:PORT`, wherever the program says it. */
  async port(stream: "stdout" | "stderr" = "stderr"): Promise<number> {
    const [, port] = await this.until(/listening on \S+:(\d+)/, stream);
    return Number(port);
  }

  /** Sends a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for the end; returns the exit code. */
  async code(): Promise<number> {
    const status = await deadline(this.#child.status, `the end of ${this.#name}`);
    await deadline(this.#pumps, `the output of ${this.#name}`);
    return status.code;
  }

  /** Sends a signal and waits for the end; returns the exit code. */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<number> {
    this.signal(signal);
    return await this.code();
  }

  /** Ends it however it stands. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // Ended already.
    }
    await this.#child.status;
    await this.#pumps;
    await this.#stdin.abort().catch(() => {});
  }

  async #pump(stream: ReadableStream<Uint8Array>, add: (more: string) => void): Promise<void> {
    for await (const more of stream.pipeThrough(new TextDecoderStream())) {
      add(more);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
