#!/usr/bin/env -S deno run --allow-net
/**
 * The TCP chat servers: one role, three protocols.
 *
 * - `bridge`: registers where clients wait, and tells them of one another.
 * - `channels`: channels in fixed frames of 200 bytes.
 * - `relay`: lines of JOIN, LIST, MESG, BCST and QUIT.
 *
 * Run `deno run --allow-net server.ts relay 8001`, and talk to it with `nc 127.0.0.1 8001`.
 *
 * @module
 */

import { type Protocol, runRole } from "./lib/program.ts";

const PROTOCOLS: Record<string, () => Promise<Protocol>> = {
  bridge: () => import("./server/bridge.ts"),
  channels: () => import("./server/channels.ts"),
  relay: () => import("./server/relay.ts"),
};

/** How the role is called when no protocol is named. */
const USAGE = `usage: server.ts PROTOCOL ...

example: server.ts relay 8001

  bridge --port=PORT      registers where clients wait, and tells them of one another
  channels PORT           channels in fixed frames of 200 bytes
  relay PORT              lines of JOIN, LIST, MESG, BCST and QUIT

server.ts PROTOCOL --help shows the options of one.
`;

/** Runs a server; returns the exit code: 0 for an orderly end, 1 for a failure, 2 for bad usage. */
export function main(args: readonly string[]): Promise<number> {
  return runRole(args, { protocols: PROTOCOLS, usage: USAGE });
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
