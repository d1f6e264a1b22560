/**
 * What every terminal client does around its protocol: a person types while a server is listened to, and
 * whichever ends first ends the other.
 *
 * @module
 */

import { tryClose, within } from "./lifecycle.ts";
import type { Outbound } from "./outbound.ts";
import type { Console } from "./terminal.ts";

/** The parts of a conversation. */
export interface Conversation {
  /** The person's end. Closed at the end. */
  console: Console;
  /** The queue to the server. Discarded at the end. */
  outbound: Outbound;
  /** Resolves when the person has left; what is queued by then is still sent. */
  typing: Promise<void>;
  /** Resolves when the server has ended the connection. */
  listening: Promise<void>;
  /** How long, in ms, a server gets to end the connection once the person has left. */
  leaveMs: number;
}

/** Waits for the end of a conversation over `conn`, and says who ended it. */
export async function converse(
  conn: Deno.TcpConn,
  { console, outbound, typing, listening, leaveMs }: Conversation,
): Promise<"left" | "gone"> {
  const first = await Promise.race([
    typing.then(() => "left" as const),
    listening.then(() => "gone" as const),
  ]);
  if (first === "left") await within(leaveMs, outbound.drained().then(() => listening));
  outbound.discard();
  tryClose(conn);
  await Promise.all([listening, console.close(), typing]);
  return first;
}
