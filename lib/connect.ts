/**
 * How a client reaches its server.
 *
 * @module
 */

import { connectReason, StartError } from "./serving.ts";
import { traced } from "./trace.ts";

/**
 * Connects; undefined when `signal` was aborted before that was done. Rejects with a
 * {@linkcode StartError} that says why it could not and what to try.
 */
export async function connect(
  hostname: string,
  { port, signal }: { port: number; signal: AbortSignal },
): Promise<Deno.TcpConn | undefined> {
  // A signal of its own: the caller's is for the whole session, and leaving has its own words.
  const attempt = new AbortController();
  const abort = () => attempt.abort();
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    const conn = await Deno.connect({ hostname, port, signal: attempt.signal });
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    return traced(conn);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw new StartError(`cannot connect to ${hostname}:${port}: ${connectReason(error)}`);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
