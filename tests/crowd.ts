/**
 * Servers under fault: how each TCP server is started, entered and talked to, so that one fault is one
 * test for all of them.
 *
 * @module
 */

import { deadline, Peer, Program, type ProgramOptions } from "./helpers.ts";

/** How a room of one protocol is used. */
export interface Dialect {
  /** The script and its arguments, on a free port. */
  readonly command: [script: string, ...args: string[]];
  /** Which stream says the port. */
  readonly says: "stdout" | "stderr";
  /** What client `i` sends to be in the room. */
  hello(i: number): string;
  /** What comes back once it is in. */
  welcome(i: number): string;
  /** A message to all others. */
  message(text: string): string;
  /** The same as each of them gets it from client `i`. */
  delivered(text: string, i: number): string;
}

const frame = (text: string) => text.padEnd(200);

/** The room protocols by their names. */
export const DIALECTS: Readonly<Record<string, Dialect>> = {
  relay: {
    command: ["server.ts", "relay", "0", "--users", "5000"],
    says: "stderr",
    hello: (i) => `JOIN u${i}\n`,
    welcome: (i) => `u${i} joined!Connected to server!\n`,
    message: (text) => `BCST ${text}\n`,
    delivered: (text, i) => `u${i}: ${text}\n`,
  },
  channels: {
    command: ["server.ts", "channels", "0"],
    says: "stderr",
    // Nothing is answered to a name or a join: a question that is answered stands behind them.
    hello: (i) => [`u${i}`, i === 0 ? "/create x" : "/join x", "/?"].map(frame).join(""),
    welcome: () =>
      frame("/? is not a valid control message. Valid messages are /create, /list, and /join."),
    message: frame,
    delivered: (text, i) => frame(`[u${i}] ${text}`),
  },
  chatroom: {
    command: ["chatroom.ts", "server", "--port", "0"],
    says: "stderr",
    hello: (i) => `u${i}\n`,
    welcome: () => "Welcome\n",
    message: (text) => `${text}\n`,
    delivered: (text, i) => `u${i}: ${text}\n`,
  },
};

/** Starts the server of a dialect and waits for its port. */
export async function startRoom(
  dialect: Dialect,
  { args = [], ...options }: ProgramOptions & { args?: string[] } = {},
): Promise<{ server: Program; port: number }> {
  const [script, ...rest] = dialect.command;
  const server = new Program(script, [...rest, ...args], options);
  return { server, port: await server.port(dialect.says) };
}

/** A member that counts what it hears, and can be asked to wait for something. */
export class Listener implements Disposable {
  /** The connection. */
  readonly peer: Peer;
  /** Whether the stream has ended. */
  ended = false;
  /** Called with each read. */
  onBytes: (bytes: Uint8Array) => void = () => {};
  #pump: Promise<void>;

  /** Takes over the reading of a peer. */
  constructor(peer: Peer) {
    this.peer = peer;
    this.#pump = this.#read();
  }

  /** Waits for the end of the stream. */
  async end(): Promise<void> {
    await deadline(this.#pump, "the end of a member's stream");
  }

  [Symbol.dispose](): void {
    this.peer.close();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(262144);
    try {
      for (let n; (n = await this.peer.conn.read(buffer)) !== null;) {
        this.onBytes(buffer.subarray(0, n));
      }
    } catch {
      // Reset or closed: the stream has ended, which is what is asked for.
    }
    this.ended = true;
  }
}

/** Connects client `i` and waits until it is in the room. */
export async function enter(dialect: Dialect, port: number, i: number): Promise<Peer> {
  const peer = await Peer.connect(port);
  try {
    await peer.send(dialect.hello(i));
    await peer.expect(dialect.welcome(i));
  } catch (error) {
    peer.close();
    throw error;
  }
  return peer;
}

/** Resident memory of a process in bytes, as Linux counts it. */
export function resident(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))!;
  return Number(kibibytes) * 1024;
}

/** CPU time of a process so far, in ms. */
export function cpuMs(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
