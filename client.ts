#!/usr/bin/env -S deno run --allow-net --allow-env=TERM
/**
 * The terminal clients: one role, a protocol each.
 *
 * - `bridge`: finds a peer through a server and chats with it directly, in turns.
 * - `channels`: channels in fixed frames of 200 bytes.
 * - `overlay`: datagrams to a server that is joined to others.
 * - `relay`: lines of JOIN, LIST, MESG, BCST and QUIT.
 *
 * Run `deno run --allow-net client.ts relay 127.0.0.1 8001`; `nc -l 8001` shows what it sends.
 *
 * @module
 */

import { type Protocol, runRole } from "./lib/program.ts";

const PROTOCOLS: Record<string, () => Promise<Protocol>> = {
  bridge: () => import("./client/bridge.ts"),
  channels: () => import("./client/channels.ts"),
  overlay: () => import("./client/overlay.ts"),
  relay: () => import("./client/relay.ts"),
};

/** How the role is called when no protocol is named. */
const USAGE = `usage: client.ts PROTOCOL ...

example: client.ts relay 127.0.0.1 8001

  bridge --id=NAME --port=PORT --server=ADDRESS:PORT
                          a chat in turns with a peer that a server finds
  channels NAME HOST PORT channels in fixed frames of 200 bytes
  overlay -s ADDR -p PORT -n NAME
                          datagrams to a server that is joined to others
  relay HOST PORT         lines of JOIN, LIST, MESG, BCST and QUIT

client.ts PROTOCOL --help shows the options of one.
`;

/** Runs a client; returns the exit code: 0 for an orderly end, 1 for a failure, 2 for bad usage. */
export function main(args: readonly string[]): Promise<number> {
  return runRole(args, { protocols: PROTOCOLS, usage: USAGE });
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
