/**
 * The overlay's links: TCP connections between servers, one line for each message.
 *
 * @module
 */

import {
  frames,
  FrameTooLongError,
  isDisconnect,
  LineSplitter,
  type Serving,
  sleep,
  type Splitter,
  tryClose,
  within,
} from "../lib/net.ts";
import { Outbound } from "../lib/outbound.ts";
import { escapeControl, StartError } from "../lib/program.ts";
import { parsePassage } from "../lib/wire/overlay.ts";

/** Many servers write no line ends: what they sent is a line after this silence. */
const BARE_MS = 100;
/**
 * Some pass on other servers' line ends and write none themselves. From one that has sent a line end it
 * is more likely that the rest of a line is late.
 */
const MIXED_MS = 1000;
/** The wait before the first try to connect again; it doubles with each try that fails. */
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** A link that lasted for so long was a good one: the next wait is the first one again. */
const STEADY_MS = 5000;
/** How long a neighbour gets to close after this server has ended its side. */
const LINGER_MS = 300;
/** As much of a line that is none as a person needs to see what it was. */
const SHOWN_BYTES = 60;

/** A link as the exchange sees it. */
export interface Link {
  /** Counts from 1, never used again. */
  readonly id: number;
  /** Takes the lines for the neighbour. */
  readonly outbound: Outbound;
}

/** Where the links lead: what the exchange does with them. */
export interface Junction {
  /** From here on messages go out on the link. */
  opened(link: Link): void;
  /** Takes a line that the link has brought, without its end; false when it is no message. */
  passed(line: Uint8Array, link: Link): boolean;
  /** The link is gone. */
  closed(link: Link): void;
}

/** The lines of a link, with or without line ends. */
export class LinkSplitter implements Splitter<Uint8Array> {
  readonly #lines: LineSplitter;

  /** A splitter for one link; `maxBytes` is the longest line. */
  constructor(maxBytes: number) {
    this.#lines = new LineSplitter({ maxBytes, bareMs: BARE_MS, strict: false });
  }

  /** A refusal, once a line is too long. */
  get error(): Error | undefined {
    return this.#lines.error;
  }

  /** In ms; undefined while nothing waits. */
  get patienceMs(): number | undefined {
    const { patienceMs, terminated } = this.#lines;
    return patienceMs !== undefined && terminated ? MIXED_MS : patienceMs;
  }

  /** Returns the lines that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    return this.#lines.push(bytes);
  }

  /** Returns what waits if it is a message; what is only the beginning of one waits on. */
  silence(): Uint8Array[] {
    const lines = this.#lines.silence();
    return lines.every(parsePassage) ? lines : lines.flatMap((line) => this.#lines.push(line));
  }

  /** A message without a line end counts, but not from a neighbour that died in the middle of a line. */
  end(): Uint8Array[] {
    return this.#lines.terminated ? [] : this.silence();
  }
}

let links = 0;

/** Serves one link until it ends, whoever ends it, and closes the connection. */
export async function linkSession(
  conn: Deno.TcpConn,
  { junction, signal, limits, flow, operator }: Serving & { junction: Junction },
): Promise<void> {
  const { hostname, port } = conn.remoteAddr;
  let reason: string | undefined;
  const outbound = new Outbound(conn, flow, {
    hardBytes: limits.linkBytes,
    onCut: (why) => {
      reason = why;
      tryClose(conn);
    },
  });
  const link: Link = { id: ++links, outbound };
  const lines = new LinkSplitter(limits.lineBytes);
  junction.opened(link);
  try {
    for await (const batch of frames(conn, lines)) {
      for (const line of batch) {
        // The last word is said; what still comes is read so that the neighbour can end in order.
        if (signal.aborted || line.length === 0) continue;
        if (!junction.passed(line, link)) return void (reason = `sent no message: ${quote(line)}`);
        const pause = flow.hold();
        if (pause) await pause;
      }
    }
  } catch (error) {
    if (error instanceof FrameTooLongError) reason = `sent ${error.message}`;
    else if (!isDisconnect(error)) throw error;
  } finally {
    junction.closed(link);
    outbound.discard();
    tryClose(conn);
    if (!signal.aborted) {
      const what = `overlay server ${hostname} port ${port} ${reason ?? "has gone"}`;
      // One kind for all: strangers who come and go must not become a flood of sentences.
      operator.note(`${what}: link ended`, "link");
    }
  }
}

/**
 * Serves the link that this server has made itself, until it ends or `signal` is aborted; then it is
 * ended as the links are that others have made: what is queued arrives, and our side ends first.
 */
export async function ownLinkSession(
  conn: Deno.TcpConn,
  serving: Serving & { junction: Junction },
): Promise<void> {
  const { signal, limits, flow } = serving;
  const session = linkSession(conn, serving);
  const end = async () => {
    await within(limits.drainMs, flow.drained());
    conn.closeWrite().catch(() => {});
    await within(LINGER_MS, session);
    tryClose(conn);
  };
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  await session;
  signal.removeEventListener("abort", end);
}

/** What {@linkcode keepLinked} works with; tests turn its clock by hand. */
export interface KeepOptions<Conn> {
  /** Connects; undefined when `signal` was aborted. Rejects with a {@linkcode StartError} otherwise. */
  dial: () => Promise<Conn | undefined>;
  /** Lives as long as the link does. */
  session: (conn: Conn) => Promise<void>;
  /** Takes a sentence for the operator. */
  note: (sentence: string) => void;
  /** Ends it. */
  signal: AbortSignal;
  /** Milliseconds since a fixed moment. */
  now: () => number;
  /** Resolves after so many ms, or when the signal is aborted. */
  wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** Keeps one link up until `signal` is aborted: whenever it ends or cannot be made, tries again. */
export async function keepLinked<Conn>(options: KeepOptions<Conn>): Promise<void> {
  const { dial, session, note, signal, now, wait = sleep } = options;
  let retryMs = RETRY_MIN_MS;
  while (!signal.aborted) {
    let failure: string | undefined;
    try {
      const conn = await dial();
      if (conn === undefined) return;
      const since = now();
      await session(conn);
      if (now() - since >= STEADY_MS) retryMs = RETRY_MIN_MS;
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      failure = error.message;
    }
    if (signal.aborted) return;
    const again = `in ${retryMs / 1000} s`;
    note(
      failure ? `${failure} (trying again ${again})` : `connecting to the overlay again ${again}`,
    );
    await wait(retryMs, signal);
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  }
}

function quote(line: Uint8Array): string {
  const text = new TextDecoder().decode(line.subarray(0, SHOWN_BYTES));
  return `"${escapeControl(text)}"${line.length > SHOWN_BYTES ? "..." : ""}`;
}
