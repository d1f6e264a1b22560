/**
 * The connections of a bridge client: one to the server for each question, and one for a chat.
 *
 * @module
 */

import { connect, frames, isDisconnect, tryClose, within } from "../lib/net.ts";
import { type Flow, Outbound } from "../lib/outbound.ts";
import { connectReason, LIMITS, StartError, traced } from "../lib/program.ts";
import {
  address,
  type Answer,
  BlockError,
  BlockSplitter,
  type Contact,
  MESSAGES,
  parseAnswer,
} from "../lib/wire/bridge.ts";
import { formatLine, PeerSplitter } from "./bridge_peer.ts";

/** Where the server is, in the words of the command line. */
export interface ServerAddress {
  /** Its name or address. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}

/**
 * Asks the server one thing over a connection of its own, which is closed after the answer: what is
 * asked may depend on the address that the server is reached from. Undefined when `signal` was aborted.
 * Rejects with a {@linkcode StartError} when there is no answer.
 */
export async function ask(
  { hostname, port }: ServerAddress,
  { question, signal }: { question: (localIp: string) => Uint8Array; signal: AbortSignal },
): Promise<Answer | undefined> {
  const conn = await connect(hostname, { port, signal });
  if (!conn) return undefined;
  const close = () => tryClose(conn);
  signal.addEventListener("abort", close);
  if (signal.aborted) close();
  const server = `the server at ${address(hostname, port)}`;
  try {
    const local = (conn.localAddr as Deno.NetAddr).hostname;
    await writeAll(conn, question(local.replace(/^::ffff:(?=\d+\.)/, "")));
    const limits = {
      lineBytes: LIMITS.lineBytes[0],
      blockBytes: LIMITS.unterminatedBytes[0],
    };
    for await (const [block] of frames(conn, new BlockSplitter(limits))) return parseAnswer(block!);
    throw new StartError(`${server} has closed the connection without an answer`);
  } catch (error) {
    if (signal.aborted) return undefined;
    if (error instanceof BlockError) throw new StartError(`${server} sent ${error.message}`);
    if (!isDisconnect(error)) throw error;
    throw new StartError(`${server} has broken the connection off without an answer`);
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
}

/**
 * Connects to a peer; undefined when `signal` was aborted. Rejects with a {@linkcode StartError} that
 * says what has become of the peer.
 */
export async function connectPeer(
  { id, ip, port }: Contact,
  signal: AbortSignal,
): Promise<Deno.TcpConn | undefined> {
  try {
    const conn = await Deno.connect({ hostname: ip, port, signal });
    // Aborted and connected at the same moment.
    if (signal.aborted) tryClose(conn);
    return signal.aborted ? undefined : conn;
  } catch (error) {
    if (signal.aborted) return undefined;
    const where = `${id} at ${address(ip, port)}`;
    throw new StartError(
      error instanceof Deno.errors.ConnectionRefused
        ? `${where} is gone: nothing listens there, /bridge asks the server again`
        : `cannot reach ${where}: ${connectReason(error)}`,
    );
  }
}

/**
 * Time in ms between two writes to a peer that is not known to be one of ours: many take what one read
 * brings for one message.
 */
const GAP_MS = 50;
/** How long in ms a peer gets to end the connection after QUIT. */
const QUIT_MS = 1000;
/** Far more than a person types ahead; reading on is held up long before. */
const CALL_BYTES = 64 * 1024 * 1024;

/** A connection to a peer, from its first byte on. */
export class Call {
  /** The connection, which the call owns. */
  readonly conn: Deno.TcpConn;
  /** What the peer says. */
  readonly splitter: PeerSplitter;
  /** Whether we have called; then the peer may be calling us at the same time. */
  readonly outgoing: boolean;
  /** Whether the peer has said anything. */
  heard = false;
  /** The lines that the peer has shown no sign of having got. */
  unheard: string[] = [];
  /** The peer is on our call, or will be: this one is left alone until it ends. */
  ignored = false;
  /** Resolves when the connection has been read to its end. Set by who reads it. */
  ended: Promise<void> = Promise.resolve();
  readonly #outbound: Outbound;
  readonly #waiting: Uint8Array[] = [];
  #pacing: Promise<void> | undefined;

  /** A call over `conn`; `onCut` is told why when the peer takes nothing any more. */
  constructor(
    conn: Deno.TcpConn,
    flow: Flow,
    { outgoing, onCut }: { outgoing: boolean; onCut: (reason: string | undefined) => void },
  ) {
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    this.conn = traced(conn);
    this.outgoing = outgoing;
    this.splitter = new PeerSplitter({ called: !outgoing });
    this.#outbound = new Outbound(this.conn, flow, {
      join: false,
      hardBytes: CALL_BYTES,
      onCut: (reason) => {
        onCut(reason);
        this.close();
      },
    });
  }

  /** Asks for a chat, or answers that this client, too, wants no turns. */
  chat(own: Contact, duplex: boolean): void {
    this.#send(MESSAGES.chat(own, duplex));
  }

  /** Says a line in the way the peer says its own. */
  say(text: string, own: Contact): void {
    if (this.outgoing && !this.heard) this.unheard.push(text);
    this.splitter.answered();
    this.#send(formatLine(text, this.splitter.style, own));
  }

  /** Says QUIT, and closes once the peer has had the time to hear it. */
  async quit(): Promise<void> {
    if (this.splitter.style.form === "bare") {
      // Its reader compares what one read brings with the word; the rest makes the message complete.
      this.#send(new TextEncoder().encode("QUIT"));
      this.#send(new TextEncoder().encode("\r\n\r\n"));
    } else this.#send(MESSAGES.quit);
    await within(QUIT_MS, this.#delivered()).catch(() => {});
    this.close();
  }

  /** Closes the connection at once; what is not sent is dropped. */
  close(): void {
    this.#waiting.length = 0;
    this.#outbound.discard();
    tryClose(this.conn);
  }

  async #delivered(): Promise<void> {
    await this.#pacing;
    await this.#outbound.drained();
    await this.conn.closeWrite();
    await this.ended;
  }

  #send(bytes: Uint8Array): void {
    if (this.splitter.ours && !this.#pacing) return this.#outbound.send(bytes);
    this.#waiting.push(bytes);
    this.#pacing ??= this.#pace().finally(() => this.#pacing = undefined);
  }

  async #pace(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      this.#outbound.send(next);
      await this.#outbound.drained();
      await new Promise((resolve) => setTimeout(resolve, GAP_MS));
    }
  }
}
