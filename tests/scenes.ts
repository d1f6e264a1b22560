/**
 * Servers of all kinds at work, each with a witness, and the clients that come to them.
 *
 * @module
 */

import { assertEquals } from "@std/assert/equals";
import { DIALECTS, enter, readUntil, startRoom } from "./crowd.ts";
import { Program } from "./helpers.ts";
import { Client } from "./overlay_net.ts";

/** A script of ours, and its arguments. */
export type Command = [script: string, ...args: string[]];

/** The clients by their kinds, for a server on this port. The name is Kay. */
export const CLIENTS = {
  relay: (port: number): Command => ["client.ts", "relay", "127.0.0.1", `${port}`],
  channels: (port: number): Command => ["client.ts", "channels", "Kay", "127.0.0.1", `${port}`],
  chatroom: (port: number): Command => ["chatroom.ts", "client", "-n", "Kay", "--port", `${port}`],
  "chatroom over UDP": (port: number): Command => [...CLIENTS.chatroom(port), "--udp"],
  overlay: (
    port: number,
  ): Command => ["client.ts", "overlay", "-s", "127.0.0.1", "-p", `${port}`, "-n", "Kay"],
  bridge: (
    port: number,
  ): Command => ["client.ts", "bridge", "--id=Kay", "-p0", `--server=127.0.0.1:${port}`],
};

/** A server at work, and somebody who hears what becomes of the others. */
export interface Scene extends AsyncDisposable {
  /** The server. */
  readonly server: Program;
  /** Where clients come to. */
  readonly port: number;
  /** Asserts that the witness hears this next; a server whose witness is its own output, at last. */
  hears(text: string): Promise<unknown>;
  /** The same, whatever comes before it. */
  hearsAtLast(text: string): Promise<unknown>;
  /** Says something to all others, or to Kay. */
  say(text: string): Promise<void>;
  /** Takes the witness away. */
  leave(): void;
}

/** A room protocol's server; the witness is its member 0. */
export function room(name: string): () => Promise<Scene> {
  return async () => {
    const dialect = DIALECTS[name]!;
    const { server, port } = await startRoom(dialect);
    const witness = await enter(dialect, port, 0);
    return {
      server,
      port,
      hears: (text) => witness.expect(text),
      hearsAtLast: (text) => readUntil(witness, text),
      say: (text) => witness.send(dialect.message(text)),
      leave: () => witness.close(),
      [Symbol.asyncDispose]: () => (witness.close(), server[Symbol.asyncDispose]()),
    };
  };
}

/** A chatroom over UDP. */
export async function udpRoom(): Promise<Scene> {
  const server = new Program("chatroom.ts", ["server", "--udp", "--port", "0"]);
  const port = await server.port();
  const witness = new Client(port);
  await witness.send("Witness:join");
  await witness.expect("Welcome");
  return {
    server,
    port,
    hears: (text) => witness.expect(text),
    hearsAtLast: (text) => witness.expect(text),
    say: (text) => witness.send(`Witness:${text}`),
    leave: () => {},
    [Symbol.asyncDispose]: () => (witness[Symbol.dispose](), server[Symbol.asyncDispose]()),
  };
}

/** An overlay server without neighbours. */
export async function overlay(): Promise<Scene> {
  const server = new Program("overlay.ts", ["-p", "0"]);
  const [, at] = await server.until(/at port (\d+)\n/);
  const port = Number(at);
  const witness = await Client.register(port, "Witness");
  return {
    server,
    port,
    hears: (text) => server.until(text),
    hearsAtLast: (text) => server.until(text),
    say: (text) => witness.send(`sendto Kay ${text}`),
    leave: () => {},
    [Symbol.asyncDispose]: () => (witness[Symbol.dispose](), server[Symbol.asyncDispose]()),
  };
}

/** A bridge server. */
export async function bridge(): Promise<Scene> {
  const server = new Program("server.ts", ["bridge", "--port=0"]);
  return {
    server,
    port: await server.port("stdout"),
    hears: (text) => server.until(text),
    hearsAtLast: (text) => server.until(text),
    say: () => Promise.resolve(),
    leave: () => {},
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Ends a scene in order. */
export async function ends({ server, leave }: Scene): Promise<void> {
  // Who stays gets a moment to end the connection.
  leave();
  assertEquals(await server.stop(), 0);
  assertEquals(server.stderr.match(/error|^ {4}at /m), null);
}
