import { assertEquals } from "@std/assert/equals";
import { assertThrows } from "@std/assert/throws";
import { ClientTCP, ClientUDP, ServerTCP, ServerUDP } from "../chatroom.ts";
import { bytes, deadline, Peer, text } from "./helpers.ts";

/** Lets a client in that has sent its name; `Welcome` is read. */
async function admit(server: ServerTCP, name: string): Promise<[peer: Peer, socket: Deno.TcpConn]> {
  const peer = await Peer.connect(server.server_port);
  await peer.send(name);
  assertEquals(await server.accept_client(), true);
  await peer.expect("Welcome\n");
  return [peer, [...server.clients.keys()].at(-1)!];
}

Deno.test("ServerTCP has the document's instance variables", async () => {
  const server = new ServerTCP(0);
  assertEquals(typeof server.server_port, "number");
  assertEquals(server.server_socket.addr.port, server.server_port);
  assertEquals(server.clients.size, 0);
  assertEquals([server.run_event.is_set(), server.handle_event.is_set()], [false, false]);
  await server.shutdown();
  assertEquals([server.run_event.is_set(), server.handle_event.is_set()], [true, true]);
});

Deno.test("ServerTCP throws the runtime's own error when its port is taken", async () => {
  const server = new ServerTCP(0);
  assertThrows(() => new ServerTCP(server.server_port), Deno.errors.AddrInUse);
  await server.shutdown();
});

Deno.test("accept_client() welcomes a new name and refuses a taken one", async () => {
  const server = new ServerTCP(0);
  const [alice, aliceSocket] = await admit(server, "Alice");
  assertEquals(server.clients.get(aliceSocket), "Alice");
  using second = await Peer.connect(server.server_port);
  await second.send("Alice");
  const refused = server.accept_client();
  await second.expect("Name already taken");
  await second.expectEnd();
  second.close();
  assertEquals(await refused, false);
  assertEquals(server.get_clients_number(), 1);
  const [bob] = await admit(server, "Bob:2\n");
  await alice.expect("User Bob:2 joined");
  assertEquals(server.get_clients_number(), 2);
  alice.close();
  bob.close();
  await server.shutdown();
});

Deno.test("broadcast() tells all others of joining, leaving and text", async () => {
  const server = new ServerTCP(0);
  const [alice, aliceSocket] = await admit(server, "Alice");
  const [bob, bobSocket] = await admit(server, "Bob\n");
  await alice.expect("User Bob joined");
  server.broadcast(aliceSocket, "join");
  server.broadcast(aliceSocket, "exit");
  server.broadcast(aliceSocket, "hello: there");
  await bob.expect("User Alice joined\nUser Alice left\nAlice: hello: there\n");
  server.broadcast(bobSocket, "to a bare one");
  await alice.expect("Bob: to a bare one");
  assertEquals(server.get_clients_number(), 2);
  alice.close();
  bob.close();
  await server.shutdown();
});

Deno.test("close_client() removes a client once, and no stranger", async () => {
  const server = new ServerTCP(0);
  const [alice, socket] = await admit(server, "Alice");
  assertEquals(server.close_client(socket), true);
  assertEquals(server.close_client(socket), false);
  assertEquals(server.get_clients_number(), 0);
  await alice.expectEnd();
  alice.close();
  const stranger = await Deno.connect({ port: server.server_port });
  assertEquals(server.close_client(stranger), false);
  stranger.close();
  await server.shutdown();
});

Deno.test("shutdown() says so to all, closes them, and is once when called twice", async () => {
  const server = new ServerTCP(0);
  const [bare] = await admit(server, "Bare");
  const [lines] = await admit(server, "Lines\n");
  await bare.expect("User Lines joined");
  const down = server.shutdown();
  await bare.expect("server-shutdown");
  await lines.expect("server-shutdown\n");
  bare.close();
  lines.close();
  await down;
  await server.shutdown();
  assertEquals(server.get_clients_number(), 0);
});

Deno.test("handle_client() passes messages on until exit, and says so once", async () => {
  const server = new ServerTCP(0);
  const [alice, aliceSocket] = await admit(server, "Alice");
  const [bob] = await admit(server, "Bob\n");
  await alice.expect("User Bob joined");
  const handled = server.handle_client(aliceSocket);
  await alice.send("hi");
  await bob.expect("Alice: hi\n");
  await alice.send("join");
  await bob.expect("Alice: join\n");
  await alice.send("exit");
  await bob.expect("User Alice left\n");
  await deadline(handled, "the end of handle_client()");
  await alice.expectEnd();
  assertEquals(server.get_clients_number(), 1);
  alice.close();
  bob.close();
  await server.shutdown();
});

Deno.test("handle_client() ends when handle_event is set", async () => {
  const server = new ServerTCP(0);
  const [alice, socket] = await admit(server, "Alice");
  const handled = server.handle_client(socket);
  server.handle_event.set();
  await deadline(handled, "the end of handle_client()");
  assertEquals(server.get_clients_number(), 1);
  alice.close();
  await server.shutdown();
});

/** A server that runs until `stop`. */
function running<Server extends ServerTCP | ServerUDP>(
  server: Server,
): { server: Server; stop: () => Promise<void> } {
  const ended = server.run();
  return {
    server,
    async stop() {
      if (server instanceof ServerTCP) server.run_event.set();
      else await server.shutdown();
      await deadline(ended, "the end of run()");
    },
  };
}

Deno.test("run() serves bare peers and line peers, each in its own way", async () => {
  const { server, stop } = running(new ServerTCP(0));
  using silent = await Peer.connect(server.server_port);
  using bare = await Peer.connect(server.server_port);
  await bare.send("Bare");
  await bare.expect("Welcome\n");
  using lines = await Peer.connect(server.server_port);
  await lines.send("Lines\r\none\ntwo\r\n\nhal");
  await lines.expect("Welcome\n");
  const heard = "User Lines joinedLines: oneLines: two";
  await bare.expect(heard);
  await lines.send("f\n");
  await bare.expect("Lines: half");
  await bare.send("x".repeat(300));
  await lines.expect(`Bare: ${"x".repeat(300)}\n`);
  await lines.send(Uint8Array.of(0xff, 0x1b, 0x0a));
  await bare.expect(Uint8Array.of(...bytes("Lines: "), 0xff, 0x1b));
  // Vanishing is leaving.
  lines.close();
  await bare.expect("User Lines left");
  silent.close();
  bare.close();
  await stop();
});

Deno.test("run() takes a long bare text that comes in pieces for one message", async () => {
  const { server, stop } = running(new ServerTCP(0));
  using bare = await Peer.connect(server.server_port);
  await bare.send("Bare");
  await bare.expect("Welcome\n");
  using lines = await Peer.connect(server.server_port);
  await lines.send("Lines\n");
  await lines.expect("Welcome\n");
  await bare.expect("User Lines joined");
  await bare.send("x".repeat(2000));
  await bare.send("y".repeat(500));
  await lines.expect(`Bare: ${"x".repeat(2000)}${"y".repeat(500)}\n`);
  await bare.send("x".repeat(5000));
  await bare.expect("Message too long. The limit is 4096 bytes.");
  bare.close();
  await lines.expect("User Bare left\n");
  lines.close();
  await stop();
});

Deno.test("two of our own never merge, lose or cut messages", async () => {
  const { server, stop } = running(new ServerTCP(0));
  const alice = new ClientTCP("Alice", server.server_port);
  assertEquals(await alice.connect_server(), true);
  using lines = await Peer.connect(server.server_port);
  await lines.send("Lines\n");
  await lines.expect("Welcome\n");
  const texts = Array.from({ length: 1000 }, (_, i) => `message ${i} ${"x".repeat(i)}`);
  texts.forEach((each) => alice.send(each));
  await lines.expect(texts.map((each) => `Alice: ${each}\n`).join(""));
  alice.client_socket!.close();
  await lines.expect("User Alice left\n");
  lines.close();
  await stop();
});

Deno.test("ClientTCP has the document's instance variables, and connect_server() its answers", async () => {
  const { server, stop } = running(new ServerTCP(0));
  const client = new ClientTCP("Alice", server.server_port);
  assertEquals(
    [client.server_addr, client.server_port, client.client_name, client.client_socket],
    ["127.0.0.1", server.server_port, "Alice", undefined],
  );
  assertEquals([client.exit_run.is_set(), client.exit_receive.is_set()], [false, false]);
  assertEquals(await client.connect_server(), true);
  const second = new ClientTCP("Alice", server.server_port);
  assertEquals(await second.connect_server(), false);
  client.client_socket!.close();
  await stop();
  const late = new ClientTCP("Late", server.server_port);
  assertEquals(await late.connect_server(), false);
});

Deno.test("ClientTCP sends bare text to a server that writes no line end, one write a message", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = new ClientTCP("Alice", listener.addr.port);
  const connected = client.connect_server();
  using server = new Peer(await listener.accept());
  await server.expect("Alice");
  await server.send("Welcome to the chat");
  assertEquals(await connected, true);
  client.send("hello");
  await server.expect("hello");
  const received = client.receive();
  await server.send("server-shutdown");
  await deadline(received, "the end of receive()");
  assertEquals([client.exit_run.is_set(), client.exit_receive.is_set()], [true, true]);
  client.client_socket!.close();
});

Deno.test("100 clients over TCP hear each message of the others once, in order", async () => {
  const { server, stop } = running(new ServerTCP(0));
  const clients: ClientTCP[] = [];
  for (let i = 0; i < 100; i++) {
    const client = new ClientTCP(`u${i}`, server.server_port);
    assertEquals(await client.connect_server(), true);
    clients.push(client);
  }
  using witness = await Peer.connect(server.server_port);
  await witness.send("witness\n");
  await witness.expect("Welcome\n");
  // The clients read nothing here: what they get stays in their sockets.
  for (let n = 0; n < 100; n++) clients.forEach((client, i) => client.send(`${i} ${n}`));
  const next = new Map<string, number>();
  for (let heard = 0; heard < 10_000; heard++) {
    const [, name, i, n] = /^u(\d+): (\d+) (\d+)$/.exec(await witness.line())!;
    assertEquals([i, Number(n)], [name, next.get(name!) ?? 0]);
    next.set(name!, Number(n) + 1);
  }
  assertEquals([...next.values()].every((count) => count === 100), true);
  clients.forEach((client) => client.client_socket!.close());
  witness.close();
  await stop();
});

/** A UDP peer that sends and expects literal datagrams. */
class Datagrams implements Disposable {
  readonly socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });

  constructor(readonly to: number) {}

  get address(): Deno.NetAddr {
    return this.socket.addr as Deno.NetAddr;
  }

  async send(data: string | Uint8Array): Promise<void> {
    await this.socket.send(bytes(data), { transport: "udp", hostname: "127.0.0.1", port: this.to });
  }

  async expect(...expected: string[]): Promise<void> {
    for (const each of expected) {
      const [data] = await deadline(this.socket.receive(), `the datagram ${each}`);
      assertEquals(text(data), each);
    }
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

Deno.test("ServerUDP's methods do what the document says, each alone", async () => {
  const server = new ServerUDP(0);
  using alice = new Datagrams(server.server_port);
  using bob = new Datagrams(server.server_port);
  assertEquals(await server.accept_client(alice.address, "Alice:join"), true);
  await alice.expect("Welcome");
  assertEquals(await server.accept_client(bob.address, "Alice:join"), false);
  await bob.expect("Name already taken");
  assertEquals(await server.accept_client(bob.address, "join:Bob"), true);
  await bob.expect("Welcome");
  await alice.expect("User Bob joined");
  // Again from the same address: welcomed, and nobody hears of it.
  assertEquals(await server.accept_client({ ...alice.address }, "Alice:join"), true);
  await alice.expect("Welcome");
  assertEquals(server.get_clients_number(), 2);
  assertEquals(server.clients.get({ ...alice.address }), "Alice");
  assertEquals(server.messages, [
    [alice.address, "User Alice joined"],
    [bob.address, "User Bob joined"],
  ]);
  server.messages.push([bob.address, "Bob:hi"]);
  await server.broadcast();
  await alice.expect("Bob:hi");
  assertEquals(await server.close_client({ ...alice.address, port: 1 }), false);
  assertEquals(await server.close_client(alice.address), true);
  await bob.expect("User Alice left");
  await server.shutdown();
  await bob.expect("server-shutdown");
  await server.shutdown();
  assertEquals(server.get_clients_number(), 0);
});

Deno.test("ServerUDP takes what clients send, and nothing from strangers", async () => {
  const { server, stop } = running(new ServerUDP(0));
  using alice = new Datagrams(server.server_port);
  using bob = new Datagrams(server.server_port);
  using stranger = new Datagrams(server.server_port);
  await alice.send("Alice:join");
  await alice.expect("Welcome");
  await bob.send("Bob:join");
  await bob.expect("Welcome");
  await alice.expect("User Bob joined");
  for (const datagram of ["hello", "Eve:hello", "Alice:hello", "exit", "Alice:exit", "join", ""]) {
    await stranger.send(datagram);
  }
  await stranger.send(Uint8Array.of(0xff, 0xfe));
  await alice.send(Uint8Array.of(0xff, 0xfe));
  await alice.send("");
  await stranger.send("Alice:join");
  await stranger.expect("Name already taken");
  await alice.send("Alice:text: with a colon");
  await bob.expect("Alice:text: with a colon");
  await alice.send("bare text");
  await bob.expect("Alice:bare text");
  await alice.send("note: bare with a colon");
  await bob.expect("Alice:note: bare with a colon");
  await alice.send("Alice:exit");
  await bob.expect("User Alice left");
  await bob.send("exit");
  await alice.send("Alice:join");
  await alice.expect("Welcome");
  assertEquals(server.get_clients_number(), 1);
  await stop();
});

Deno.test("ServerUDP keeps the last 1,000 messages", async () => {
  const { server, stop } = running(new ServerUDP(0));
  using alice = new Datagrams(server.server_port);
  using bob = new Datagrams(server.server_port);
  await alice.send("Alice:join");
  await alice.expect("Welcome");
  await bob.send("Bob:join");
  await bob.expect("Welcome");
  for (let i = 0; i < 1200; i++) {
    await alice.send(`Alice:${i}`);
    await bob.expect(`Alice:${i}`);
  }
  assertEquals(server.messages.length, 1000);
  assertEquals(server.messages.at(-1), [alice.address, "Alice:1199"]);
  await stop();
});

Deno.test("ClientUDP joins, is refused a taken name, sends and hears of the shutdown", async () => {
  const { server, stop } = running(new ServerUDP(0));
  using alice = new Datagrams(server.server_port);
  await alice.send("Alice:join");
  await alice.expect("Welcome");
  const bob = new ClientUDP("Bob", server.server_port);
  assertEquals([bob.server_addr, bob.server_port, bob.client_name], [
    "127.0.0.1",
    server.server_port,
    "Bob",
  ]);
  assertEquals(await bob.connect_server(), true);
  await alice.expect("User Bob joined");
  bob.send("hi: there");
  await alice.expect("Bob:hi: there");
  for (
    const [name, joined] of [["Alice", false], ["a:b", false], ["", false], [
      "Carol",
      true,
    ]] as const
  ) {
    const client = new ClientUDP(name, server.server_port);
    assertEquals(await client.connect_server(), joined);
    client.client_socket.close();
  }
  await alice.expect("User Carol joined");
  const received = bob.receive();
  await stop();
  await deadline(received, "the end of receive()");
  assertEquals([bob.exit_run.is_set(), bob.exit_receive.is_set()], [true, true]);
  bob.client_socket.close();
});

Deno.test("100 clients over UDP hear each message of the others once", async () => {
  const { server, stop } = running(new ServerUDP(0));
  const peers = Array.from({ length: 100 }, () => new Datagrams(server.server_port));
  for (const [i, peer] of peers.entries()) {
    await peer.send(`u${i}:join`);
    await peer.expect("Welcome");
    for (const earlier of peers.slice(0, i)) await earlier.expect(`User u${i} joined`);
  }
  // One message is on its way at a time: UDP itself loses what a socket's buffer does not hold.
  for (let n = 0; n < 100; n++) {
    for (const [i, peer] of peers.entries()) {
      if ((i + n) % 10 !== 0) continue;
      await peer.send(`u${i}:${n}`);
      await Promise.all(
        peers.filter((other) => other !== peer).map((other) => other.expect(`u${i}:${n}`)),
      );
    }
  }
  peers.forEach((peer) => peer.socket.close());
  await stop();
});
