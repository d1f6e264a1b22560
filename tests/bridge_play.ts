/**
 * Bridge programs for tests: real processes, and the servers that tests play for them.
 *
 * @module
 */

import { deadline, Peer, Program } from "./helpers.ts";

const RUNNING = /running on 127\.0\.0\.1:(\d+)\n/;
/** BRIDGEACK when nobody else is there. */
export const NOBODY = "BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\n\r\n";

/** A real client, and the port that it waits on. */
export class Client extends Program {
  /** Where it waits for chats. */
  waits = 0;
}

/** Starts a server; returns it and its port. */
export async function startServer(...args: string[]): Promise<[Program, number]> {
  const server = new Program("server.ts", ["bridge", "--port=0", ...args]);
  return [server, await server.port("stdout")];
}

/** Starts a client on a free port, for the server at this port. */
export async function startClient(id: string, server: number, ...args: string[]): Promise<Client> {
  const client = new Client(
    "client.ts",
    ["bridge", `--id=${id}`, "--port=0", `--server=127.0.0.1:${server}`, ...args],
  );
  const [, port] = await client.until(RUNNING);
  client.waits = Number(port);
  return client;
}

/** Lets clients register and bridge, the first before the second; the last knows the one before. */
export async function meet(
  server: Program,
  ...clients: [id: string, client: Client][]
): Promise<void> {
  for (const [id, client] of clients) {
    await client.type("/register");
    await server.until(`REGISTER: ${id} from 127.0.0.1:${client.waits} received\n`);
    await client.type("/bridge");
    await server.until(`BRIDGE: ${id} 127.0.0.1:${client.waits}`);
  }
}

/** Two real clients of ours in a chat, Bob to write. */
export async function chat(...args: string[]): Promise<{
  alice: Client;
  bob: Client;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const [server, port] = await startServer();
  const alice = await startClient("Alice", port, ...args);
  const bob = await startClient("Bob", port, ...args);
  await meet(server, ["Alice", alice], ["Bob", bob]);
  await bob.type("/chat");
  await alice.until(`Incoming chat request from Bob 127.0.0.1:${bob.waits}\n`);
  return {
    alice,
    bob,
    async [Symbol.asyncDispose]() {
      for (const each of [alice, bob, server]) await each[Symbol.asyncDispose]();
    },
  };
}

/** A server that the test plays: answers the requests of one client after the other. */
export class FakeServer implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  /** Where it listens. */
  readonly port = this.#listener.addr.port;

  /** Takes one request, which must be `request`, and answers it. */
  async answer(request: string, answer: string): Promise<void> {
    using peer = await this.accept();
    await peer.expect(request);
    await peer.send(answer);
    // The client closes.
    await peer.expectEnd();
  }

  /** Takes a connection without a word. */
  async accept(): Promise<Peer> {
    return new Peer(await deadline(this.#listener.accept(), "a connection"));
  }

  /** Ends it; twice is once. */
  [Symbol.dispose](): void {
    try {
      this.#listener.close();
    } catch {
      // Closed already.
    }
  }
}

/** REGISTER as it is sent. */
export function register(id: string, port: number): string {
  return `REGISTER\r\nclientID: ${id}\r\nIP: 127.0.0.1\r\nPort: ${port}\r\n\r\n`;
}

/** REGACK for it. */
export function registered(id: string, port: number): string {
  return register(id, port).replace("REGISTER", "REGACK").replace(
    /\r\n$/,
    "Status: registered\r\n\r\n",
  );
}

/** BRIDGEACK with this contact. */
export function bridged(id: string, port: number): string {
  return register(id, port).replace("REGISTER", "BRIDGEACK");
}

/** CHAT from this contact. */
export function call(id: string, port: number): string {
  return register(id, port).replace("REGISTER", "CHAT");
}

/** A client in WAIT, between a server and a caller that the test plays. */
export async function waiting(id: string, ...args: string[]): Promise<Client> {
  using server = new FakeServer();
  const client = await startClient(id, server.port, ...args);
  await client.write("/register\n/bridge\n");
  await server.answer(register(id, client.waits), registered(id, client.waits));
  await server.answer(`BRIDGE\r\nclientID: ${id}\r\n\r\n`, NOBODY);
  return client;
}

/** A client that knows of a peer, which the test plays at the listener. */
export async function bridgedTo(id: string, peer: { id: string; port: number }): Promise<Client> {
  using server = new FakeServer();
  const client = await startClient(id, server.port);
  await client.write("/register\n/bridge\n");
  await server.answer(register(id, client.waits), registered(id, client.waits));
  await server.answer(`BRIDGE\r\nclientID: ${id}\r\n\r\n`, bridged(peer.id, peer.port));
  return client;
}
