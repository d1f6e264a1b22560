/**
 * The bridge client (CSE 150, "Let's Chat!"): registers with a server where it waits for chats, asks it
 * for a peer, and chats with that peer directly, a line in turn.
 *
 * ```
 * to the server:  REGISTER -> REGACK, BRIDGE -> BRIDGEACK       a connection for each
 * to the peer:    CHAT, then line by line, then QUIT            one connection for all of it
 * ```
 *
 * Run it with `deno run --allow-net client.ts bridge --id=student1 --port=3000 --server=127.0.0.1:5555`;
 * `nc -l 5555` shows what it sends. What it does when is the table in `bridge_states.ts`.
 *
 * @module
 */

import { completer, Names, openConsole } from "../lib/console.ts";
import { listen } from "../lib/net.ts";
import {
  parseOptions,
  port,
  shutdownOnSignals,
  TIMESTAMPS_HELP,
  UsageError,
} from "../lib/program.ts";
import { COMMANDS, isId, named } from "../lib/wire/bridge.ts";
import type { ServerAddress } from "./bridge_call.ts";
import { Client } from "./bridge_client.ts";

/** How the client is called. */
export const USAGE = `usage: client.ts bridge --id=NAME --port=PORT --server=ADDRESS:PORT [options]

example: client.ts bridge --id=student1 --port=3000 --server=127.0.0.1:5555
then type ${COMMANDS.join(", ")}

  --id NAME               your name, of letters and digits
  --port N, -p N          port to wait for chats on, 0 for a free one
  --server ADDRESS:PORT   the server
  --host ADDR             address to wait on and to register (the one the server is reached from)
  --duplex                no turns, with a peer that was started with --duplex, too
${TIMESTAMPS_HELP}`;

/** Runs the client from its command line; returns the exit code. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | number> {
  const options = await parseOptions(args, {
    strings: ["id", "port", "server", "host"],
    booleans: ["duplex", "timestamps"],
    alias: { port: "p" },
  });
  if (options.help) return "help";
  const { id, port: portText, server, host } = options.strings;
  if (id === undefined || portText === undefined || server === undefined) {
    const missing = ["id", "port", "server"].filter((name) => options.strings[name] === undefined);
    throw new UsageError(`missing ${missing.map((name) => `--${name}`).join(" and ")}`);
  }
  if (!isId(id)) throw new UsageError(`--id must be letters and digits, not ${JSON.stringify(id)}`);
  const endpoint = { hostname: host ?? "0.0.0.0", port: port(portText) };
  const client = {
    id,
    server: serverAddress(server),
    host: host === "0.0.0.0" || host === "::" ? undefined : host,
    duplex: options.booleans["duplex"] === true,
  };
  using shutdown = shutdownOnSignals();
  using listener = listen(endpoint);
  const names = new Names(named);
  const console = openConsole({
    names,
    complete: completer([...COMMANDS, "/help"], names),
    timestamps: options.booleans["timestamps"] === true,
    onInterrupt: shutdown.request,
  });
  await new Client(client, { console, listener }).run(shutdown.signal);
  return 0;
}

function serverAddress(text: string): ServerAddress {
  const [, v6, plain, number] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text) ?? [];
  const hostname = v6 ?? plain;
  if (hostname === undefined) {
    throw new UsageError(`--server must be ADDRESS:PORT, not ${JSON.stringify(text)}`);
  }
  return { hostname, port: port(number!, 1) };
}
