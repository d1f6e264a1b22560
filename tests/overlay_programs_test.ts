import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { resident } from "./crowd.ts";
import { deadline, Peer, Program, type ProgramOptions } from "./helpers.ts";
import { Client, Server } from "./overlay_net.ts";

function startServer(...args: string[]): Program {
  return new Program("overlay.ts", [...args, "--host", "127.0.0.1"]);
}

function startClient(port: number, name: string, options?: ProgramOptions): Program {
  return new Program(
    "client.ts",
    ["overlay", "-s", "127.0.0.1", "-p", `${port}`, "-n", name],
    options,
  );
}

/** The port in one of the server's first lines. */
async function port(server: Program, line = "server started on 127.0.0.1"): Promise<number> {
  const [, port] = await server.until(new RegExp(`^${line} at port (\\d+)\n`, "m"));
  return Number(port);
}

/** Starts a client, waits until it is registered, and finds out its port. */
async function join(
  server: Program,
  name: string,
): Promise<{ client: Program; at: string }> {
  const client = startClient(await port(server), name);
  await client.until(`connected to server and registered ${name}\n`);
  const [, at] = await server.until(
    new RegExp(`${name} registered from host (127.0.0.1 port \\d+)\n`),
  );
  return { client, at: at! };
}

Deno.test("part 1 of the document: its sample is shown whole by real processes", async () => {
  await using server = startServer("-p", "0");
  const { client, at } = await join(server, "Tommy");
  await using tommy = client;
  await tommy.type("exit");
  assertEquals(await tommy.code(), 0);
  assertEquals(await server.stop("SIGINT"), 0);
  assertEquals(
    server.stdout,
    `server started on 127.0.0.1 at port ${await port(server)}\n` +
      `Tommy registered from host ${at}\nterminating server...\n`,
  );
  assertEquals(
    tommy.stdout,
    "connected to server and registered Tommy\nterminating client...\n",
  );
  assertEquals([server.stderr, tommy.stderr], ["", ""]);
});

Deno.test("part 2 of the document: its sample is shown whole by real processes", async () => {
  await using server = startServer("-p0");
  const first = await join(server, "client1");
  await using one = first.client;
  const second = await join(server, "client2");
  await using two = second.client;
  await one.type("sendto client2 Hello  there: häłlo 👋");
  await one.type("sendto unknown message2");
  await server.until("unknown is not registered with server\n");
  await two.until("client1: Hello");
  await one.type("exit");
  await two.type("exit");
  assertEquals([await one.code(), await two.code()], [0, 0]);
  assertEquals(await server.stop("SIGINT"), 0);
  assertEquals(
    server.stdout,
    `server started on 127.0.0.1 at port ${await port(server)}\n` +
      `client1 registered from host ${first.at}\nclient2 registered from host ${second.at}\n` +
      "client1 to client2: Hello  there: häłlo 👋\nclient1 to unknown: message2\n" +
      "unknown is not registered with server\nterminating server...\n",
  );
  assertEquals(one.stdout, "connected to server and registered client1\nterminating client...\n");
  assertEquals(
    two.stdout,
    "connected to server and registered client2\nclient1: Hello  there: häłlo 👋\n" +
      "terminating client...\n",
  );
  assertEquals([server.stderr, one.stderr, two.stderr], ["", "", ""]);
});

Deno.test("part 3 of the document: its sample is shown whole by real processes", async () => {
  await using server1 = startServer("-p", "0", "-o", "0");
  const overlay1 = await port(server1, "server overlay started");
  await using server2 = startServer("-p", "0", "-s", "127.0.0.1", "-t", `${overlay1}`, "-o", "0");
  const overlay2 = await port(server2, "server overlay started");
  const [, link] = await server1.until(/connection from host (127\.0\.0\.1 port \d+)\n/);
  await server2.until("connected to overlay server");
  const first = await join(server1, "client1");
  await using one = first.client;
  const second = await join(server2, "client2");
  await using two = second.client;
  await one.type("sendto client2 message1");
  await two.until("client1: message1\n");
  await two.type("sendto client1 message2");
  await one.until("client2: message2\n");
  await one.type("exit");
  assertEquals(await one.code(), 0);
  assertEquals(await two.stop("SIGINT"), 0);
  // Ended before its neighbour, who would say on stderr that it has gone.
  assertEquals(await server2.stop("SIGINT"), 0);
  assertEquals(await server1.stop("SIGINT"), 0);
  assertEquals(
    server1.stdout,
    `server started on 127.0.0.1 at port ${await port(server1)}\n` +
      `server overlay started at port ${overlay1}\n` +
      `server overlay connection from host ${link}\nclient1 registered from host ${first.at}\n` +
      "client1 to client2: message1\nclient2 is not registered with server\n" +
      "Sending message to overlay server: client1 to client2: message1\n" +
      "Received from overlay server: client2 to client1: message2\nterminating server...\n",
  );
  assertEquals(
    server2.stdout,
    `server started on 127.0.0.1 at port ${await port(server2)}\n` +
      `server overlay started at port ${overlay2}\n` +
      `connected to overlay server at 127.0.0.1 port ${overlay1}\n` +
      `client2 registered from host ${second.at}\n` +
      "Received from overlay server: client1 to client2: message1\nclient2 to client1: message2\n" +
      "client1 is not registered with server\n" +
      "Sending message to overlay server: client2 to client1: message2\nterminating server...\n",
  );
  assertEquals(
    one.stdout,
    "connected to server and registered client1\nclient2: message2\nterminating client...\n",
  );
  assertEquals(
    two.stdout,
    "connected to server and registered client2\nclient1: message1\nterminating client...\n",
  );
  assertEquals([server2.stderr, one.stderr, two.stderr], ["", "", ""]);
});

/** What the course's own script checks: five tests, 20 points each, nothing for a part of one. */
async function grade([client1, client2]: [string, string]): Promise<number> {
  const tests: [servers: number, ...steps: [who: 0 | 1, line: string, seen?: RegExp][]][] = [
    [1],
    [1, [0, `sendto ${client2} hello`, /hello/], [1, `sendto ${client1} hi`, /hi/]],
    [1, [0, `sendto ${client2} hello`, /hello/], [0, "sendto nobody-1 x"]],
    [2, [0, `sendto ${client2} one way`, /one way/]],
    [2, [0, `sendto ${client2} there`, /there/], [1, `sendto ${client1} back`, /back/]],
  ];
  let points = 0;
  for (const [count, ...steps] of tests) {
    await using server1 = startServer("-p", "0", "-o", "0");
    const overlay1 = String(await port(server1, "server overlay started"));
    await using other = count === 2
      ? startServer("-p", "0", "-s", "127.0.0.1", "-t", overlay1, "-o", "0")
      : undefined;
    const server2 = other ?? server1;
    if (other) {
      await server1.until(/server overlay connection from host/);
      await server2.until(/connected to overlay server/);
    }
    const { client: one } = await join(server1, client1);
    await using _one = one;
    const { client: two } = steps.length > 0 ? await join(server2, client2) : { client: one };
    await using _two = two;
    const names = [client1, client2] as const;
    const clients = [one, two] as const;
    // Each process's lines, in order: each must be contained in the line in its place.
    const lines = new Map<Program, string[]>([
      [server1, ["server started on 127.0.0.1 at port", "server overlay started at port"]],
    ]);
    const add = (program: Program, ...more: string[]) =>
      lines.set(program, [...lines.get(program) ?? [], ...more]);
    if (other) {
      add(other, "server started on 127.0.0.1 at port", "server overlay started at port");
      add(other, `connected to overlay server at 127.0.0.1 port ${overlay1}`);
      add(server1, "server overlay connection from host 127.0.0.1 port");
    }
    add(server1, `${client1} registered from host 127.0.0.1 port`);
    add(one, `connected to server and registered ${client1}`);
    if (two !== one) {
      add(server2, `${client2} registered from host 127.0.0.1 port`);
      add(two, `connected to server and registered ${client2}`);
    }
    for (const [who, line, seen] of steps) {
      const [home, away] = who === 0 ? [server1, server2] : [server2, server1];
      await clients[who].type(line);
      const [, to, text] = /^sendto (\S+) (.*)$/.exec(line)!;
      const message = `${names[who]} to ${to}: ${text}`;
      add(home, message);
      if (other || !seen) add(home, `${to} is not registered with server`);
      if (other) {
        add(home, `Sending message to overlay server: ${message}`);
        add(away, `Received from overlay server: ${message}`);
      }
      if (seen) {
        add(clients[1 - who]!, `${names[who]}: ${text}`);
        await clients[1 - who]!.until(seen);
      } else await home.until(`${to} is not registered with server\n`);
    }
    for (const client of new Set(clients)) {
      await client.type("exit");
      await client.code();
      add(client, "terminating client...");
    }
    for (const server of new Set([server2, server1])) {
      await server.stop("SIGINT");
      add(server, "terminating server...");
    }
    const passed = [...lines].every(([{ stdout }, expected]) => {
      const shown = stdout.split("\n").slice(0, -1);
      return shown.length === expected.length &&
        shown.every((line, i) => line.includes(expected[i]!));
    });
    if (passed) points += 20;
  }
  return points;
}

for (const names of [["client1-48213", "client2-48213"], ["client1", "client2"]] as const) {
  Deno.test(`the course's own script gives 100 of 100 points to ${names[0]} and ${names[1]}`, async () => {
    assertEquals(await grade([...names]), 100);
  });
}

Deno.test("client.ts overlay leaves with the document's line when it is ended in any way", async () => {
  await using server = new Server();
  const shown = (name: string) =>
    `connected to server and registered ${name}\nterminating client...\n`;
  for (const way of ["exit", "end", "SIGINT", "SIGTERM"] as const) {
    await using client = startClient(server.port, way);
    await client.until("registered");
    if (way === "exit") await client.type("exit");
    else if (way === "end") await client.endInput();
    else client.signal(way);
    assertEquals(await client.code(), 0);
    assertEquals([client.stdout, client.stderr], [shown(way), ""]);
  }
});

Deno.test("client.ts overlay sends what is a message, and says so when it is none", async () => {
  await using server = new Server();
  using bob = await Client.register(server.port, "Bob");
  await using client = startClient(server.port, "Alice");
  await client.write("hello\r\n\nsendto Bob\nsendto Bob  spaced \r\nsendto Bob last");
  await client.endInput();
  await bob.expect("recvfrom Alice  spaced ");
  await bob.expect("recvfrom Alice last");
  assertEquals(await client.code(), 0);
  assertEquals(
    [client.stdout, client.stderr],
    [
      "connected to server and registered Alice\nterminating client...\n",
      "not sent, type sendto <name> <message> or exit\n".repeat(2),
    ],
  );
});

Deno.test("client.ts overlay registers again when a datagram is lost, and shows what servers send", async () => {
  using socket = datagrams();
  const client = new Program("client.ts", [
    ...["overlay", "-s", "127.0.0.1", "-p", String(socket.port), "-n", "Alice"],
    ...["--retry-ms", "50"],
  ]);
  await using _ = client;
  const from = await socket.expect("register Alice");
  await socket.expect("register Alice");
  using stranger = datagrams();
  await stranger.send("recvfrom Mallory gotcha", from);
  for (
    const each of ["WELCOME Alice!\n", "Welcome Alice", "recvfrom Bob hi\n", "no such user", ""]
  ) {
    await socket.send(each, from);
  }
  await client.until("no such user\n\n");
  await client.type("exit");
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout,
    "connected to server and registered Alice\nBob: hi\nno such user\n\nterminating client...\n",
  );
});

/** A client of a server that the test plays, registered unless `welcome` says otherwise. */
async function played(
  name: string,
  { address = "127.0.0.1", welcome = `welcome ${name}` }: { address?: string; welcome?: string },
): Promise<{ client: Program; server: Datagrams; from: Deno.Addr }> {
  const server = datagrams();
  const at = ["-s", address, "-p", String(server.port)];
  const client = new Program("client.ts", ["overlay", ...at, "-n", name, "--retry-ms", "60"]);
  const from = await server.expect(`register ${name}`);
  await server.send(welcome, from);
  return { client, server, from };
}

Deno.test("client.ts overlay takes any one word for a name", async () => {
  const { client, server } = await played("client1-48213", {});
  using _server = server;
  await using _client = client;
  await client.until("connected to server and registered client1-48213\n");
  await client.type("sendto kl\u00e9ber_2 hi");
  await server.expect("sendto kl\u00e9ber_2 hi");
  await client.type("exit");
  assertEquals(await client.code(), 0);
});

Deno.test("client.ts overlay hears only the address that welcomed it", async () => {
  const { client, server, from } = await played("Kay", { welcome: "recvfrom Eve early" });
  using _server = server;
  await using _client = client;
  // Another program of this machine has the same port at another address.
  const { port } = server;
  using stranger = datagrams("127.0.0.2", port);
  await stranger.send("recvfrom Mallory before", from);
  await server.send("welcome Kay", from);
  await client.until("registered Kay\n");
  await stranger.send("recvfrom Mallory after", from);
  await server.send("recvfrom Bob hi", from);
  await client.until("Bob: hi\n");
  await client.type("exit");
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout,
    "connected to server and registered Kay\nBob: hi\nterminating client...\n",
  );
});

Deno.test("client.ts overlay hears a server that answers from another address", async () => {
  const { port } = closed(datagrams());
  using server = datagrams("127.0.0.2", port);
  const at = ["-s", "127.0.0.2", "-p", String(port)];
  await using client = new Program("client.ts", ["overlay", ...at, "-n", "Kay"]);
  const from = await server.expect("register Kay");
  using other = datagrams("127.0.0.1", port);
  await other.send("Welcome Kay", from);
  await client.until("registered Kay\n");
  await server.send("recvfrom Mallory gotcha", from);
  await other.send("recvfrom Bob hi", from);
  await client.until("Bob: hi\n");
  assertEquals(client.stdout, "connected to server and registered Kay\nBob: hi\n");
  await client.stop();
});

type Datagrams = ReturnType<typeof datagrams>;

/** A free port: the socket that had it is closed. */
function closed(socket: Datagrams): Datagrams {
  socket[Symbol.dispose]();
  return socket;
}

Deno.test("client.ts overlay shows a datagram as one line, on a pipe too", async () => {
  const { client, server, from } = await played("Kay", {});
  using _server = server;
  await using _client = client;
  await server.send("recvfrom Eve hi\nBob: forged\r\x1b[2J", from);
  await server.send("a\nBob: forged", from);
  await client.until("forged\n");
  await client.until("a\\x0aBob: forged\n");
  await client.type("exit");
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout,
    "connected to server and registered Kay\nEve: hi\\x0aBob: forged\\x0d\\x1b[2J\n" +
      "a\\x0aBob: forged\nterminating client...\n",
  );
});

Deno.test("client.ts overlay registers again before it sends after a long silence", async () => {
  const { client, server, from } = await played("Kay", {});
  using _server = server;
  await using _client = client;
  await client.until("registered Kay\n");
  await client.type("sendto Bob at once");
  await server.expect("sendto Bob at once");
  // Thirty times the time between two tries: here 1.8 s.
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await client.type("sendto Bob again");
  await server.expect("register Kay");
  await server.send("welcome Kay", from);
  await server.expect("sendto Bob again");
  await client.type("sendto Bob more");
  await server.expect("sendto Bob more");
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await client.type("sendto Bob to nobody");
  await server.expect("register Kay");
  await server.expect("sendto Bob to nobody");
  await client.until("the server does not answer: what is sent may be lost\n", "stderr");
  // It has just been asked: the next text does not wait for it.
  await client.type("sendto Bob to nobody again");
  await server.expect("sendto Bob to nobody again");
  await client.type("exit");
  assertEquals(await client.code(), 0);
  assertEquals(client.stdout, "connected to server and registered Kay\nterminating client...\n");
});

Deno.test("client.ts overlay gives up with one sentence when no server answers", async () => {
  using silent = datagrams();
  const args = ["overlay", "-s", "127.0.0.1", "-p", String(silent.port), "-n", "Alice"];
  await using client = new Program("client.ts", [...args, "--retry-ms", "20"]);
  for (let i = 0; i < 5; i++) await silent.expect("register Alice");
  assertEquals(await client.code(), 1);
  assertEquals([client.stdout, client.stderr], [
    "",
    `cannot register with 127.0.0.1 port ${silent.port}: ` +
    "no answer, is the server running and the port right?\n",
  ]);
  await using left = new Program("client.ts", args);
  await silent.expect("register Alice");
  assertEquals(await left.stop("SIGINT"), 0);
  assertEquals([left.stdout, left.stderr], ["terminating client...\n", ""]);
});

Deno.test("overlay.ts says on stderr that its neighbour is not there, and serves all the same", async () => {
  const place = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = place.addr.port;
  place.close();
  await using server = startServer("-p", "0", "-s127.0.0.1", `-t=${at}`, "--host=127.0.0.1");
  using alice = await Client.register(await port(server), "Alice");
  await alice.send("sendto Alice hello");
  await alice.expect("recvfrom Alice hello");
  await server.until("(trying again in 1 s)\n", "stderr");
  assertEquals(await server.stop("SIGTERM"), 0);
  assertEquals(server.stdout.split("\n").slice(-3), [
    "Alice to Alice: hello",
    "terminating server...",
    "",
  ]);
  assertEquals(
    server.stderr.split("\n")[0],
    `cannot connect to 127.0.0.1:${at}: nothing listens there, is the server running and the ` +
      "port right? (trying again in 1 s)",
  );
});

Deno.test("overlay.ts serves as before, in bounded memory, while strangers' links come and go", async () => {
  await using server = startServer("-p", "0", "-o", "0");
  const overlay = await port(server, "server overlay started");
  using alice = await Client.register(await port(server), "Alice");
  /** The 99th percentile of so many round trips, in ms, with something done before each. */
  const p99 = async (count: number, before: () => Promise<void>) => {
    const ms: number[] = [];
    for (let i = 0; i < count; i++) {
      await before();
      const sent = performance.now();
      await alice.send("sendto Alice x");
      await alice.expect("recvfrom Alice x");
      ms.push(performance.now() - sent);
    }
    return ms.toSorted((a, b) => a - b)[Math.floor(count * 0.99) - 1]!;
  };
  const control = await p99(100, () => Promise.resolve());
  using neighbour = await Peer.connect(overlay);
  for (let i = 0; i < 70_000; i += 1000) {
    const lines = Array.from({ length: 1000 }, (_, j) => `Bob to Nobody: ${i + j}\n`);
    await neighbour.send(lines.join(""));
  }
  await neighbour.send("Bob to Alice: that was all\n");
  await alice.expect("recvfrom Bob that was all");
  const before = resident(server.pid);
  const strangers: Peer[] = [];
  const opening = await p99(300, async () => void strangers.push(await Peer.connect(overlay)));
  const closing = await p99(300, () => Promise.resolve(strangers.pop()!.close()));
  const grown = resident(server.pid) - before;
  const bound = Math.max(50, 10 * control);
  assert(opening < bound && closing < bound, `${opening} and ${closing}, else ${control} ms`);
  assert(grown < 64 * 1024 * 1024, `${grown} bytes more`);
  assertEquals(await server.stop(), 0);
});

/** A socket that stands for a server. */
function datagrams(hostname = "127.0.0.1", port = 0) {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port });
  return {
    port: (socket.addr as Deno.NetAddr).port,
    send: (text: string, to: Deno.Addr) => socket.send(new TextEncoder().encode(text), to),
    async expect(text: string): Promise<Deno.Addr> {
      const [data, from] = await deadline(socket.receive(), text);
      assertEquals(new TextDecoder().decode(data), text);
      return from;
    },
    [Symbol.dispose]: () => socket.close(),
  };
}
