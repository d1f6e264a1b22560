/**
 * Servers under fault: how each TCP server is started, entered and talked to, so that one fault is one
 * test for all of them.
 *
 * @module
 */

import { bytes, deadline, Peer, Program, type ProgramOptions, text } from "./helpers.ts";

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

/** A text as a frame of the channels protocol: 200 bytes. */
export function frame(text: string): string {
  return text + " ".repeat(200 - bytes(text).length);
}

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

/** How a server is started: as any program, with more arguments. */
export type RoomOptions = ProgramOptions & { args?: string[] };

/** Starts the server of a dialect and waits for its port. */
export async function startRoom(
  dialect: Dialect,
  { args = [], ...options }: RoomOptions = {},
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

/** Reads until the text has come, whatever comes before it. */
export async function readUntil(peer: Peer, wanted: string): Promise<void> {
  let heard = "";
  while (!heard.endsWith(wanted)) heard += text(await peer.read(1));
}

/** Resolves once connections to the port are refused. */
export async function refused(port: number): Promise<void> {
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
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

/** A process that has nothing to do uses less than that much of a processor. */
const IDLE = 0.05;
const WINDOW_MS = 200;

/** CPU time in ms that a process uses from now on until it is idle; fails if it never is. */
export async function cpuUntilIdle(pid: number): Promise<number> {
  const start = cpuMs(pid);
  const waiting = (async () => {
    for (let before = start;;) {
      await new Promise((resolve) => setTimeout(resolve, WINDOW_MS));
      const now = cpuMs(pid);
      if (now - before <= IDLE * WINDOW_MS) return before - start;
      before = now;
    }
  })();
  return await deadline(waiting, "the processor to be idle");
}
