/**
 * The chatroom over UDP, whose addresses may be forged: crowds that do nothing but join, and strangers
 * who speak in the server's name.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { ClientUDP, ServerUDP } from "../chatroom.ts";
import { cpuMs, resident } from "./crowd.ts";
import { replaced } from "./hand_time.ts";
import { bytes, deadline, Program, text } from "./helpers.ts";

/** A UDP peer that sends literal datagrams, and keeps all that it is sent with the time. */
class Peer implements Disposable {
  readonly socket: Deno.DatagramConn;
  readonly heard: [text: string, at: number][] = [];
  readonly #to: number;
  #changed = Promise.withResolvers<void>();

  constructor(to: number, { hostname = "127.0.0.1", port = 0, deaf = false } = {}) {
    this.socket = Deno.listenDatagram({ transport: "udp", hostname, port });
    this.#to = to;
    if (!deaf) this.#listen();
  }

  get port(): number {
    return (this.socket.addr as Deno.NetAddr).port;
  }

  async send(data: string, to = this.#to): Promise<void> {
    await this.socket.send(bytes(data), { transport: "udp", hostname: "127.0.0.1", port: to });
  }

  /** Waits until a datagram matches; forgets it and all before it. */
  async hear(wanted: RegExp | string): Promise<string> {
    for (let from = 0;;) {
      for (; from < this.heard.length; from++) {
        const [said] = this.heard[from]!;
        if (typeof wanted === "string" ? said !== wanted : !wanted.test(said)) continue;
        this.heard.splice(0, from + 1);
        return said;
      }
      await deadline(this.#changed.promise, `${wanted} after ${JSON.stringify(this.heard)}`);
    }
  }

  async join(name: string): Promise<this> {
    await this.send(`${name}:join`);
    await this.hear("Welcome");
    return this;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }

  async #listen(): Promise<void> {
    for await (const [data] of this.socket) {
      this.heard.push([text(data), performance.now()]);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}

/** A server in this process. */
class Running extends ServerUDP implements AsyncDisposable {
  readonly ended: Promise<void> = this.run();

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
    await deadline(this.ended, "the end of run()");
  }
}

/** How long a text takes from one to the other, in ms; it is said again where a full kernel has lost it. */
async function talk(from: Peer, to: Peer, said: string): Promise<number> {
  const started = performance.now();
  await from.send(said);
  const again = setInterval(() => from.send(said), 300);
  await to.hear(said);
  clearInterval(again);
  return performance.now() - started;
}

Deno.test("chatroom over UDP: 1,000 joins in a moment hold up nobody who talks, and the end comes", async () => {
  await using server = new Program("chatroom.ts", ["server", "--udp", "--port", "0"]);
  const port = await server.port();
  using alice = await new Peer(port).join("Alice");
  using bob = await new Peer(port).join("Bob");
  await talk(bob, alice, "Bob:I am here, too");
  const control = await talk(alice, bob, "Alice:before");
  const before = { cpu: cpuMs(server.pid), memory: resident(server.pid) };
  const crowd = Array.from({ length: 1000 }, () => new Peer(port, { deaf: true }));
  for (const [i, ghost] of crowd.entries()) {
    await ghost.send(`u${i}:join`);
    // All within half a second, and not faster than a kernel takes them.
    if (i % 20 === 19) await new Promise((go) => setTimeout(go, 10));
  }
  const during = await talk(alice, bob, "Alice:during");
  await talk(alice, bob, "Alice:after");
  assert(during < 5000, `a text took ${during} ms, and ${control} ms before`);
  const cpu = cpuMs(server.pid) - before.cpu;
  assert(cpu < 5000, `${cpu} ms of CPU for 1,000 joins`);
  const grown = (resident(server.pid) - before.memory) / 1024 / 1024;
  assert(grown < 100, `${grown} MiB for 1,000 joins`);
  const started = performance.now();
  assertEquals(await server.stop("SIGTERM"), 0);
  assert(performance.now() - started < 5000, "it does not end");
  await bob.hear("server-shutdown");
  for (const ghost of crowd) ghost[Symbol.dispose]();
});

Deno.test("chatroom over UDP: joins reach a client that has only joined at most 20 times a second, and all of them", async () => {
  await using server = new Running(0);
  const port = server.server_port;
  using ghost = await new Peer(port).join("Ghost");
  using alice = await new Peer(port).join("Alice");
  // The control: without a crowd each join is told by itself.
  await ghost.hear("User Alice joined");
  await alice.send("Alice:I speak");
  await ghost.hear("Alice:I speak");
  using crowd = new Peer(port, { deaf: true });
  const names = Array.from({ length: 200 }, (_, i) => `u${i}`);
  // Each name leaves before the next: an address has one name at a time.
  for (const name of names) await crowd.send(`${name}:join`);
  await alice.send("Alice:a text");
  const told = async (peer: Peer) => {
    const all = () => peer.heard.map(([said]) => said).join("\n").split("\n");
    while (!all().includes("User u199 joined")) await new Promise((go) => setTimeout(go, 10));
    return all().filter((line) => / joined$/.test(line));
  };
  assertEquals(
    await deadline(told(ghost), "u199"),
    names.map((name) => `User ${name} joined`),
  );
  assertEquals(await deadline(told(alice), "u199"), names.map((name) => `User ${name} joined`));
  const notices = ghost.heard.filter(([said]) => !said.startsWith("Alice:"));
  for (const [, at] of notices) {
    const second = notices.filter(([, other]) => other >= at && other < at + 1000);
    assert(second.length <= 20, `${second.length} datagrams in a second`);
  }
  await ghost.hear("Alice:a text");
});

/** Lets the server's clock run ahead by `ms`. */
function later(ms: number): Disposable {
  const now = performance.now.bind(performance);
  return replaced(performance, { now: () => now() + ms });
}

Deno.test("chatroom over UDP: a full room lets a newcomer take the place of the longest silent, and of nobody that spoke", async () => {
  await using server = new Running(0, { limits: { clients: 3 } });
  const port = server.server_port;
  using alice = await new Peer(port).join("Alice");
  await alice.send("Alice:I speak");
  using one = await new Peer(port).join("One");
  using two = await new Peer(port).join("Two");
  using late = new Peer(port);
  await late.send("Late:join");
  await late.hear("Room is full");
  {
    using _ = later(9_000);
    await one.send("One:join");
    await one.hear("Welcome");
  }
  {
    using _ = later(10_500);
    await late.join("Late");
    await alice.hear("User Two left");
    await alice.hear("User Late joined");
    await two.send("Two:join");
    await two.hear("Room is full");
  }
  assertEquals([...server.clients.values()], ["Alice", "One", "Late"]);
});

Deno.test("chatroom over UDP: --per-host and --expire-s, each with its control", async () => {
  await using server = new Running(0, { limits: { perHost: 2, expireS: 30 } });
  const port = server.server_port;
  using alice = await new Peer(port).join("Alice");
  using bob = await new Peer(port).join("Bob");
  using third = new Peer(port);
  await third.send("Third:join");
  await third.hear("Room is full");
  using _other = await new Peer(port, { hostname: "127.0.0.2" }).join("Other");
  await bob.send("Bob:renamed:join");
  await bob.send("Bobby:join");
  await bob.hear("Welcome");
  {
    using _ = later(20_000);
    await talk(alice, bob, "Alice:still here");
  }
  using _ = later(31_000);
  while (server.get_clients_number() > 1) await new Promise((go) => setTimeout(go, 10));
  assertEquals([...server.clients.values()], ["Alice"]);
  await third.join("Third");
});

Deno.test("chatroom over UDP: names with control characters are refused, long ones are cut", async () => {
  await using server = new Running(0);
  using alice = new Peer(server.server_port);
  await alice.send("Al\nUser Bob left:join");
  await alice.send("Al\x1bice:join");
  await alice.join("é".repeat(40));
  assertEquals([...server.clients.values()], ["é".repeat(32)]);
});

Deno.test("ClientUDP hears the address of its welcome alone, and no datagram forges a line", async () => {
  using server = new Peer(0);
  const shown: string[] = [];
  const client = new ClientUDP("Kay", server.port, { show: (text) => shown.push(text) });
  const to = (client.client_socket.addr as Deno.NetAddr).port;
  const connected = client.connect_server();
  await server.hear("Kay:join");
  // The same port of another address: a server that listens on all of them may answer from there.
  using other = new Peer(0, { hostname: "127.0.0.2", port: server.port });
  using stranger = new Peer(0);
  await stranger.send("Welcome", to);
  await other.send("Welcome", to);
  assertEquals(await deadline(connected, "the welcome"), true);
  const received = client.receive();
  await stranger.send("Bob:from another port", to);
  await server.send("Bob:from another address", to);
  await other.send("Bob:hi\nUser Max left\r\x1b[2J", to);
  await other.send("User Max joined\nUser Eve left", to);
  await server.send("server-shutdown", to);
  await other.send("server-shutdown", to);
  await deadline(received, "the end of receive()");
  assertEquals(shown, [
    "Bob:hi\\x0aUser Max left\\x0d\\x1b[2J",
    "User Max joined",
    "User Eve left",
  ]);
  client.client_socket.close();
});

for (const udp of [true, false]) {
  Deno.test(`chatroom${udp ? " over UDP" : ""}: each join that was answered before SIGTERM reaches every member`, async () => {
    await using server = new Program("chatroom.ts", [
      "server",
      "--port",
      "0",
      ...udp ? ["--udp"] : [],
    ]);
    const port = await server.port();
    assertMatch(server.stderr, /listening/);
    if (udp) return await answeredDatagrams(server, port);
    await answeredTexts(server, port);
  });
}

async function answeredDatagrams(server: Program, port: number): Promise<void> {
  using silent = await new Peer(port).join("Silent");
  using alice = await new Peer(port).join("Alice");
  await alice.send("Alice:I speak");
  await silent.hear("Alice:I speak");
  const crowd = Array.from({ length: 60 }, () => new Peer(port));
  for (const [i, peer] of crowd.entries()) await peer.send(`u${i}:join`);
  await crowd[30]!.hear("Welcome");
  server.signal("SIGTERM");
  assertEquals(await server.code(), 0);
  await Promise.all([silent, alice].map(async (member) => {
    const all = () => member.heard.map(([said]) => said).join("\n").split("\n");
    while (!all().includes("server-shutdown")) await new Promise((go) => setTimeout(go, 10));
    for (const [i, peer] of crowd.entries()) {
      if (i !== 30 && !peer.heard.some(([said]) => said === "Welcome")) continue;
      assert(all().includes(`User u${i} joined`), `u${i} is in, and nobody was told`);
    }
    assertEquals(all().at(-1), "server-shutdown");
  }));
  for (const peer of crowd) peer[Symbol.dispose]();
}

async function answeredTexts(server: Program, port: number): Promise<void> {
  const connect = async (name: string) => {
    const conn = await Deno.connect({ port });
    await conn.write(bytes(name));
    return { conn, rest: new Response(conn.readable).text() };
  };
  const bare = await connect("Bare");
  const lines = await connect("Lines\n");
  const crowd = await Promise.all(Array.from({ length: 60 }, (_, i) => connect(`u${i}`)));
  await server.until("u30 joined\n", "stderr");
  assertEquals(await server.stop("SIGTERM"), 0);
  const heard = await Promise.all([bare, lines].map(({ rest }) => deadline(rest, "the end")));
  for (const [i, { rest }] of crowd.entries()) {
    if (!(await deadline(rest, "the end")).startsWith("Welcome")) continue;
    for (const all of heard) {
      assert(all.includes(`User u${i} joined`), `u${i} is in, and nobody was told`);
    }
  }
  assertMatch(heard[0]!, /User u30 joined[^]*server-shutdown$/);
  assertMatch(heard[1]!, /\nUser u30 joined\n[^]*\nserver-shutdown\n$/);
}
