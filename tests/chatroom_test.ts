import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertThrows } from "@std/assert/throws";
import { ClientTCP, ClientUDP, ServerTCP, ServerUDP } from "../chatroom.ts";
import { bytes, deadline, Peer, text } from "./helpers.ts";

/** Lets a client in that has sent its name; `Welcome` is read. */
async function admit(server: ServerTCP, name: string): Promise<[peer: Peer, socket: Deno.TcpConn]> {
  const peer = await Peer.connect(server.server_port);
  await peer.send(name);
  assertEquals(await server.accept_client(), true);
  await peer.expect(name.endsWith("\n") ? "Welcome\n" : "Welcome");
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
  await bare.send(" Bare ");
  await bare.expect("Welcome");
  using lines = await Peer.connect(server.server_port);
  await lines.send("Lines\r\none\ntwo\r\n\nhal");
  await lines.expect("Welcome\n");
  await bare.expect("User Lines joinedLines: oneLines: two");
  await lines.send("f\n");
  await bare.expect("Lines: half");
  await bare.send("x".repeat(300));
  await lines.expect(`Bare: ${"x".repeat(300)}\n`);
  // A line end inside a bare text ends a text: no text can pass for those of two people.
  await bare.send("one\r\n\nKay: two\n");
  await lines.expect("Bare: one\nBare: Kay: two\n");
  await lines.send(Uint8Array.of(0xff, 0x1b, 0x0a));
  await bare.expect(Uint8Array.of(...bytes("Lines: "), 0xff, 0x1b));
  // Vanishing is leaving.
  lines.close();
  await bare.expect("User Lines left");
  silent.close();
  bare.close();
  await stop();
});

Deno.test("run() takes a long bare text that comes in pieces for one message, and one past the limit in parts", async () => {
  const { server, stop } = running(new ServerTCP(0));
  using bare = await Peer.connect(server.server_port);
  await bare.send("Bare");
  await bare.expect("Welcome");
  using lines = await Peer.connect(server.server_port);
  await lines.send("Lines\n");
  await lines.expect("Welcome\n");
  await bare.expect("User Lines joined");
  await bare.send("x".repeat(2000) + "y".repeat(500));
  await lines.expect(`Bare: ${"x".repeat(2000)}${"y".repeat(500)}\n`);
  await bare.send("é".repeat(2500));
  await lines.expect(`Bare: ${"é".repeat(2048)}\nBare: ${"é".repeat(452)}\n`);
  await lines.send("x".repeat(5000) + "\n");
  await lines.expect("Message too long. The limit is 4096 bytes.\n");
  bare.close();
  await lines.expect("User Bare left\n");
  lines.close();
  await stop();
});

Deno.test("in lines, a client never merges, loses or cuts messages", async () => {
  const { server, stop } = running(new ServerTCP(0));
  const alice = new ClientTCP("Alice", server.server_port, { lines: true });
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
  const { client_socket } = client;
  assertEquals(await client.connect_server(), true);
  assertEquals([client.client_socket, server.get_clients_number()], [client_socket, 1]);
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

/** A server that the test plays, and a client of ours that it has let in. */
async function played(
  welcome: string,
  lines = false,
): Promise<{ server: Peer; client: ClientTCP; shown: string[]; more: () => Promise<void> }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const shown: string[] = [];
  let changed = Promise.withResolvers<void>();
  const show = (text: string) => {
    shown.push(text);
    changed.resolve();
  };
  const client = new ClientTCP("Alice", listener.addr.port, { show, lines });
  const connected = client.connect_server();
  const server = new Peer(await listener.accept());
  await server.expect(lines ? "Alice\n" : "Alice");
  await server.send(welcome);
  assertEquals(await connected, true);
  const more = async () => {
    await deadline(changed.promise, "a message that is shown");
    changed = Promise.withResolvers();
  };
  return { server, client, shown, more };
}

Deno.test("ClientTCP takes each read for a message, and writes the text alone whatever a server sends", async () => {
  for (const welcome of ["Welcome", "\nWelcome", "Welcome\n", "Welcome!", "Welcome, Alice\n"]) {
    const { server, client, shown, more } = await played(welcome);
    const received = client.receive();
    for (
      const [said, heard] of [
        ["Bob: bare", "Bob: bare"],
        ["\nBob: before", "Bob: before"],
        ["Bob: behind\r\n", "Bob: behind"],
        ["Bob: one\nBob: two\n", "Bob: one\nBob: two"],
        ["server-shutdown is at 5", "server-shutdown is at 5"],
      ] as const
    ) {
      await server.send(said);
      await more();
      assertEquals(shown.splice(0), [heard]);
      await client.send("to you");
      await server.expect("to you");
    }
    // A character that is cut waits for its rest.
    await server.send(Uint8Array.of(...bytes("Bob: h"), 0xc3));
    await more();
    await server.send(Uint8Array.of(0xa4, ...bytes("llo")));
    await more();
    assertEquals(shown, ["Bob: h", "ällo"]);
    await server.send("server-shutdown");
    await deadline(received, "the end of receive()");
    assertEquals([client.exit_run.is_set(), client.exit_receive.is_set()], [true, true]);
    client.client_socket!.close();
    server.close();
  }
});

Deno.test("ClientTCP shows what follows Welcome in one read", async () => {
  for (
    const [welcome, shown] of [
      ["WelcomeUser Bob joined", ["User Bob joined"]],
      ["Welcome\nUser Bob joined\n", ["User Bob joined"]],
      ["Welcome to the chat, Alice!\r\nBob: hi", ["Bob: hi"]],
      ["Welcome to the chat, Alice!", []],
    ] as const
  ) {
    const played_ = await played(welcome);
    const received = played_.client.receive();
    await played_.server.send("server-shutdown");
    await deadline(received, "the end of receive()");
    assertEquals(played_.shown, [...shown]);
    played_.client.client_socket!.close();
    played_.server.close();
  }
});

Deno.test("ClientTCP writes each text by itself, 25 ms after the one before", async () => {
  const { server, client } = await played("Welcome\n");
  const texts = Array.from({ length: 20 }, (_, i) => `text ${i}`);
  const started = performance.now();
  const sent = Promise.all(texts.map((each) => client.send(each)));
  const buffer = new Uint8Array(1024);
  for (const each of texts) {
    const count = await deadline(server.conn.read(buffer), each);
    assertEquals(text(buffer.subarray(0, count!)), each);
  }
  await sent;
  const took = performance.now() - started;
  assert(took >= 19 * 25, `20 texts in ${took} ms`);
  client.client_socket!.close();
  server.close();
});

Deno.test("ClientTCP with lines reads lines at every split, and writes lines", async () => {
  const all = "Bob: hällo\n\nBob: two\r\nserver-shutdown\n";
  const { length } = bytes(all);
  for (let at = 1; at < length; at += 3) {
    const { server, client, shown } = await played("Welcome\n", true);
    const received = client.receive();
    client.send("to you");
    client.send("and you");
    await server.expect("to you\nand you\n");
    await server.send(bytes(all).subarray(0, at));
    await server.send(bytes(all).subarray(at));
    await deadline(received, "the end of receive()");
    assertEquals(shown, ["Bob: hällo", "Bob: two"]);
    client.client_socket!.close();
    server.close();
  }
});

Deno.test("receive() ends when exit_receive is set, and leaves the main loop alone", async () => {
  const { server, client } = await played("Welcome\n");
  const received = client.receive();
  client.exit_receive.set();
  await deadline(received, "the end of receive()");
  assertEquals(client.exit_run.is_set(), false);
  client.client_socket!.close();
  server.close();
});

Deno.test("connect_server() is false for a name that is none, and after another answer", async () => {
  for (const name of ["", " ", "a\nb"]) {
    assertEquals(await new ClientTCP(name, 1).connect_server(), false);
  }
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = new ClientTCP("Alice", listener.addr.port);
  const connected = client.connect_server();
  using server = new Peer(await listener.accept());
  await server.send("go away");
  server.close();
  assertEquals(await connected, false);
});

Deno.test("shutdown() ends a connection that has not said its name, and run()", async () => {
  const { server, stop } = running(new ServerTCP(0));
  using silent = await Peer.connect(server.server_port);
  using alice = await Peer.connect(server.server_port);
  await alice.send("Alice\n");
  await alice.expect("Welcome\n");
  const down = server.shutdown();
  await alice.expect("server-shutdown\n");
  await alice.expectEnd();
  alice.close();
  await silent.expectEnd();
  silent.close();
  await down;
  await stop();
});

Deno.test("shutdown() ends an accept_client() that waits for a name", async () => {
  const server = new ServerTCP(0);
  using silent = await Peer.connect(server.server_port);
  const accepted = server.accept_client();
  // A second one that is let in shows that the first was accepted.
  const [alice] = await admit(server, "Alice\n");
  const down = server.shutdown();
  await alice.expect("server-shutdown\n");
  alice.close();
  await down;
  assertEquals(await deadline(accepted, "the end of accept_client()"), false);
  await silent.expectEnd();
});

Deno.test("shutdown() says so even when both events are set already", async () => {
  const server = new ServerTCP(0);
  const [alice] = await admit(server, "Alice");
  server.run_event.set();
  server.handle_event.set();
  const down = server.shutdown();
  await alice.expect("server-shutdown");
  alice.close();
  await down;
});

Deno.test("names and texts of ill repute are taken as they are", async () => {
  const { server, stop } = running(new ServerTCP(0));
  using alice = await Peer.connect(server.server_port);
  await alice.send("__proto__\n");
  await alice.expect("Welcome\n");
  using bob = await Peer.connect(server.server_port);
  await bob.send("exit: join\n");
  await bob.expect("Welcome\n");
  await alice.expect("User exit: join joined\n");
  await bob.send("server-shutdown\njoin\nexit now\n\x1b[2J\n");
  const said = ["server-shutdown", "join", "exit now", "\x1b[2J"];
  await alice.expect(said.map((each) => `exit: join: ${each}\n`).join(""));
  using invalid = await Peer.connect(server.server_port);
  await invalid.send(Uint8Array.of(0xff, 0x0a));
  await invalid.expectEnd();
  await bob.send(" exit \n");
  await alice.expect("User exit: join left\n");
  await bob.expectEnd();
  alice.close();
  await stop();
});

/** What one of many clients heard of the others: counts messages, and those that are out of order. */
class Hearing {
  count = 0;
  wrong = 0;
  readonly #next = new Map<string, number>();
  readonly #name: string;
  readonly #done: () => void;

  constructor(name: string, done: () => void) {
    this.#name = name;
    this.#done = done;
  }

  /** `u1: 1 0` is what `u1` says first; others join and leave meanwhile. */
  readonly show = (text: string): void => {
    if (/^User u\d+ joined$/.test(text)) return;
    const [, name, n] = /^(u\d+): ?(\d+)$/.exec(text) ?? [];
    const next = this.#next.get(name!) ?? 0;
    if (name === undefined || name === this.#name || Number(n) !== next) this.wrong++;
    this.#next.set(name!, next + 1);
    this.count++;
    this.#done();
  };
}

/** Lets `many` clients of a kind say `messages` each, and checks what each of them hears. */
async function crowd(
  kind: typeof ClientTCP | typeof ClientUDP,
  { port, many, messages, lines = false }: {
    port: number;
    many: number;
    messages: number;
    lines?: boolean;
  },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const total = many * (many - 1) * messages;
  let heard = 0;
  const all = Array.from({ length: many }, (_, i) => {
    const hearing = new Hearing(`u${i}`, () => ++heard === total && resolve());
    return { hearing, client: new kind(`u${i}`, port, { show: hearing.show, lines }) };
  });
  const joined = await Promise.all(all.map(({ client }) => client.connect_server()));
  assertEquals(joined.every((each) => each), true);
  const receiving = all.map(({ client }) => client.receive());
  const sending = all.map(async ({ client }) => {
    for (let n = 0; n < messages; n++) await client.send(String(n));
  });
  await deadline(Promise.all(sending), "all to be sent");
  await deadline(promise, `all to be heard`).catch((error) => {
    throw new Error(`${error.message}: ${heard} of ${total}`);
  });
  for (const { hearing } of all) {
    assertEquals([hearing.count, hearing.wrong], [(many - 1) * messages, 0]);
  }
  for (const { client } of all) client.exit_receive.set();
  await Promise.all(receiving);
  for (const { client } of all) client.client_socket!.close();
}

Deno.test("100 clients over TCP with lines hear each message of the others once, in order", async () => {
  const { server, stop } = running(new ServerTCP(0));
  await crowd(ClientTCP, { port: server.server_port, many: 100, messages: 100, lines: true });
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

  async expect(expected: string | Uint8Array): Promise<void> {
    const [data] = await deadline(this.socket.receive(), `the datagram ${expected}`);
    if (typeof expected === "string") assertEquals(text(data), expected);
    else assertEquals(data, expected);
  }

  /** As `expect`, whoever has joined meanwhile. */
  async hear(expected: string): Promise<void> {
    let said = "";
    while (said === "" || /^(User u\d+ joined\n?)+$/.test(said)) {
      said = text((await deadline(this.socket.receive(), `the datagram ${expected}`))[0]);
    }
    assertEquals(said, expected);
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
  await alice.send(Uint8Array.of(...bytes("Alice:"), 0xff));
  await alice.send("");
  await stranger.send("Alice:join");
  await stranger.expect("Name already taken");
  // What is not UTF-8 is relayed as it came.
  await bob.expect(Uint8Array.of(...bytes("Alice:"), 0xff, 0xfe));
  await bob.expect(Uint8Array.of(...bytes("Alice:"), 0xff));
  await alice.send("join:Alice");
  await alice.expect("Welcome");
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

Deno.test("10 clients over UDP that speak at once hear each message of the others once, in order", async () => {
  const { server, stop } = running(new ServerUDP(0));
  await crowd(ClientUDP, { port: server.server_port, many: 10, messages: 30 });
  await stop();
});

Deno.test("100 clients over UDP hear each message of the others once", async () => {
  const { server, stop } = running(new ServerUDP(0));
  const peers = Array.from({ length: 100 }, () => new Datagrams(server.server_port));
  for (const [i, peer] of peers.entries()) {
    await peer.send(`u${i}:join`);
    await peer.hear("Welcome");
  }
  // One message is on its way at a time: UDP itself loses what a socket's buffer does not hold.
  for (let n = 0; n < 100; n++) {
    for (const [i, peer] of peers.entries()) {
      if ((i + n) % 10 !== 0) continue;
      await peer.send(`u${i}:${n}`);
      await Promise.all(
        peers.filter((other) => other !== peer).map((other) => other.hear(`u${i}:${n}`)),
      );
    }
  }
  peers.forEach((peer) => peer.socket.close());
  await stop();
});
