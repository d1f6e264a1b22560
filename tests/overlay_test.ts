import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertStringIncludes } from "@std/assert/string-includes";
import { NAME_BYTES } from "../lib/wire/overlay.ts";
import { bytes, Peer } from "./helpers.ts";
import { Client, network, Server } from "./overlay_net.ts";

/** Ends all servers at once, as their operators would. */
async function end(servers: Server[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}

/** A neighbour of other people's make, joined to the server's overlay port. */
async function join(server: Server, links = 1): Promise<Peer> {
  const peer = await Peer.connect(server.overlay);
  await server.until("server overlay connection from host", links);
  return peer;
}

/** Parents of servers that are joined in these shapes. */
const TREES: Record<string, (number | undefined)[]> = {
  "a pair": [undefined, 0],
  "a chain of three": [undefined, 0, 1],
  "a tree of three": [undefined, 0, 0],
  "a chain of seven": [undefined, 0, 1, 2, 3, 4, 5],
  "a tree of seven": [undefined, 0, 0, 1, 1, 2, 2],
};

for (const [shape, parents] of Object.entries(TREES)) {
  Deno.test(`serve() delivers each message once when servers form ${shape}`, async () => {
    const servers = await network(parents);
    const clients: Client[] = [];
    for (const [i, { port }] of servers.entries()) {
      clients.push(await Client.register(port, `c${i}`));
    }
    for (const [i, client] of clients.entries()) {
      for (const j of clients.keys()) await client.send(`sendto c${j} ${i} for ${j}`);
    }
    for (const [j, client] of clients.entries()) {
      const received = [];
      for (const _ of clients) received.push(new TextDecoder().decode(await client.receive()));
      const expected = clients.map((_, i) => `recvfrom c${i} ${i} for ${j}`);
      assertEquals(received.toSorted(), expected);
    }
    await end(servers);
    for (const client of clients) {
      await client.expectNothing();
      client[Symbol.dispose]();
    }
    for (const { stdout } of servers) {
      const heard = stdout.split("\n").filter((line) => line.startsWith("Received"));
      assertEquals(new Set(heard).size, heard.length);
    }
  });
}

Deno.test("serve() delivers once and falls silent when three servers form a ring", async () => {
  // Each connects to the next: the first one's neighbour is there before it is.
  const place = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = place.addr.port;
  place.close();
  const first = new Server({ to: at, wait: () => Promise.resolve() });
  const second = new Server({ to: first.overlay });
  const third = new Server({ to: second.overlay, at });
  const ring = [first, second, third];
  for (const server of ring) {
    await server.until("connected to overlay server");
    await server.until("server overlay connection");
  }
  using observer = await join(second, 2);
  using alice = await Client.register(first.port, "Alice");
  using bob = await Client.register(third.port, "Bob");
  // Were any line to go round, a later one would find it at the observer, or at Bob.
  for (let i = 0; i < 20; i++) {
    await alice.send(`sendto Bob known ${i}`);
    await bob.expect(`recvfrom Alice known ${i}`);
    await alice.send(`sendto Nobody unknown ${i}`);
    await observer.expect(`Alice to Bob: known ${i}\nAlice to Nobody: unknown ${i}\n`);
    await bob.send("sendto Alice same again");
    await alice.expect("recvfrom Bob same again");
    await observer.expect("Bob to Alice: same again\n");
  }
  await end(ring);
  assertEquals(new TextDecoder().decode(await observer.rest()), "");
  await alice.expectNothing();
  await bob.expectNothing();
  for (let i = 0; i < 20; i++) {
    for (const server of [second, third]) {
      assertEquals(server.count(`Received from overlay server: Alice to Nobody: unknown ${i}`), 1);
    }
    assertEquals(first.count(`Alice to Nobody: unknown ${i}`), 1);
    assertEquals(first.count(`Received from overlay server: Alice to Nobody: unknown ${i}`), 0);
  }
  for (const server of [first, second]) {
    assertEquals(server.count("Received from overlay server: Bob to Alice: same again"), 20);
  }
});

Deno.test("serve() hears nothing of itself when it is joined to itself", async () => {
  const place = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = place.addr.port;
  place.close();
  const server = new Server({ to: at, at });
  await server.until("connected to overlay server");
  await server.until("server overlay connection");
  using alice = await Client.register(server.port, "Alice");
  await alice.send("sendto Nobody x");
  await alice.send("sendto Alice y");
  await alice.expect("recvfrom Alice y");
  await end([server]);
  assertEquals(server.count("Received from overlay server: Alice to Nobody: x"), 0);
});

Deno.test("serve() drops the echo when a neighbour sends back what it does not know", async () => {
  const server = new Server();
  using one = await join(server, 1);
  using two = await join(server, 2);
  using alice = await Client.register(server.port, "Alice");
  for (let i = 0; i < 3; i++) {
    await alice.send("sendto Nobody x");
    for (const each of [one, two]) {
      await each.expect("Alice to Nobody: x\n");
      await each.send("Alice to Nobody: x\n");
    }
  }
  await one.send("Bob to Carol: y\n");
  await two.expect("Bob to Carol: y\n");
  await two.send("Bob to Carol: y\nBob to Alice: over\n");
  await alice.expect("recvfrom Bob over");
  await end([server]);
  for (const each of [one, two]) await each.expectEnd();
  assertEquals(server.count("Received from overlay server: Alice to Nobody: x"), 0);
  assertEquals(server.count("Received from overlay server: Bob to Carol: y"), 1);
  assertEquals(server.count("Sending message to overlay server: Alice to Nobody: x"), 3);
});

Deno.test("serve() prints and forwards as the document has it when a message comes by a link", async () => {
  const server = new Server();
  using one = await join(server, 1);
  using alice = await Client.register(server.port, "Alice");
  await one.send("Bob to Nobody: alone\nBob to Alice: a: b\nBob to Alice: a: b\n");
  await alice.expect("recvfrom Bob a: b");
  await alice.expect("recvfrom Bob a: b");
  using two = await join(server, 2);
  await one.send("Bob to Nobody: on\nBob to Alice: x\n");
  await two.expect("Bob to Nobody: on\n");
  await alice.expect("recvfrom Bob x");
  await end([server]);
  await one.expectEnd();
  await two.expectEnd();
  const link = (peer: Peer) =>
    `server overlay connection from host 127.0.0.1 port ${
      (peer.conn.localAddr as Deno.NetAddr).port
    }\n`;
  assertEquals(
    server.stdout,
    `server started on 127.0.0.1 at port ${server.port}\n` +
      `server overlay started at port ${server.overlay}\n${link(one)}` +
      `Alice registered from host 127.0.0.1 port ${alice.port}\n` +
      "Received from overlay server: Bob to Nobody: alone\nNobody is not registered with server\n" +
      "Received from overlay server: Bob to Alice: a: b\n".repeat(2) + link(two) +
      "Received from overlay server: Bob to Nobody: on\nNobody is not registered with server\n" +
      "Sending message to overlay server: Bob to Nobody: on\n" +
      "Received from overlay server: Bob to Alice: x\nterminating server...\n",
  );
});

Deno.test("serve() takes lines however they are cut, with CRLF, and bare when a link is silent", async () => {
  await using server = new Server();
  using alice = await Client.register(server.port, "Alice");
  using lines = await join(server, 1);
  await lines.send("Bob to Alice: LF\n\n");
  await alice.expect("recvfrom Bob LF");
  await lines.drip("Bob to Alice: häł\r\nBob to Alice: lo\n");
  await alice.expect("recvfrom Bob häł");
  await alice.expect("recvfrom Bob lo");
  await lines.send(Uint8Array.of(...bytes("Bob to Alice: "), 0xff, 0x0a));
  assertEquals(await alice.receive(), Uint8Array.of(...bytes("recvfrom Bob "), 0xff));
  using bare = await join(server, 2);
  await bare.send("Carol to Alice: one");
  await alice.expect("recvfrom Carol one");
  await bare.send("Carol to Alice: two");
  await alice.expect("recvfrom Carol two");
});

/** What a neighbour may send that is no message, with and without a line end. */
const PIECES: [sent: string, told: string][] = [
  ["GET / HTTP/1.1\r\n", '"GET / HTTP/1.1"'],
  ["\x1b[2J\x00\n", '"\\x1b[2J\\x00"'],
  [`${"x".repeat(100)}\n`, `"${"x".repeat(60)}"...`],
  ["Alice to Bob\n", '"Alice to Bob"'],
  [" to Alice: no sender\n", '" to Alice: no sender"'],
  ["Bob to : no reader\n", '"Bob to : no reader"'],
  ["hello there", '"hello there"'],
  ["Bob to Alice", '"Bob to Alice"'],
];

for (const [sent, told] of PIECES) {
  Deno.test(`serve() drops what is no message, and hears the link's next one: ${told.slice(0, 20)}`, async () => {
    await using server = new Server();
    using alice = await Client.register(server.port, "Alice");
    using good = await join(server, 1);
    using bad = await join(server, 2);
    await bad.send(sent);
    await server.untilNoted(` sent no message: ${told}\n`);
    // Both ways, and as the piece was sent: with a line end or without one.
    await bad.send(`Carol to Alice: next${sent.endsWith("\n") ? "\n" : ""}`);
    await alice.expect("recvfrom Carol next");
    await alice.send("sendto Nobody x");
    for (const each of [good, bad]) await each.expect("Alice to Nobody: x\n");
    assert(!server.stderr.includes("link ended"), server.stderr);
  });
}

Deno.test("serve() cuts messages without line ends apart where a new read begins with one", async () => {
  await using server = new Server();
  using alice = await Client.register(server.port, "Alice");
  using bare = await join(server, 1);
  for (let i = 0; i < 3; i++) {
    // Two pasted lines: each a write, the second well within the silence that would end the first.
    await bare.send(`client1-48213 to Alice: first ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await bare.send(`client2-48214 to Alice: second ${i}`);
    await alice.expect(`recvfrom client1-48213 first ${i}`);
    await alice.expect(`recvfrom client2-48214 second ${i}`);
  }
});

/** What a neighbour may send that ends its link, and what the operator is told. */
const NONSENSE: [sent: string, told: string][] = [
  [`Bob to Alice: ${"x".repeat(4083)}\n`, "sent no line end within 4096 bytes"],
  ["x".repeat(5000), "sent no line end within 4096 bytes"],
];

for (const [sent, told] of NONSENSE) {
  Deno.test(`serve() ends a link, and goes on, when it gets ${JSON.stringify(sent).slice(0, 30)}`, async () => {
    const server = new Server();
    using alice = await Client.register(server.port, "Alice");
    using good = await join(server, 1);
    using bad = await join(server, 2);
    await bad.send("Bob to Alice: before\n");
    await alice.expect("recvfrom Bob before");
    await bad.send(sent);
    await bad.expectEnd();
    await server.untilNoted(`${told}: link ended\n`);
    // Still a link, which the longest line passes.
    const longest = `Bob to Alice: ${"x".repeat(4096 - "Bob to Alice: ".length)}`;
    await good.send(`${longest}\n`);
    await alice.expect(`recvfrom Bob ${longest.slice("Bob to Alice: ".length)}`);
    await alice.send("sendto Nobody x");
    await good.expect("Alice to Nobody: x\n");
    await end([server]);
    await alice.expectNothing();
  });
}

Deno.test("serve() goes on when a neighbour dies in the middle of a line", async () => {
  await using server = new Server();
  using alice = await Client.register(server.port, "Alice");
  const dying = await join(server, 1);
  await dying.send("Bob to Alice: whole\nBob to Alice: ha");
  await alice.expect("recvfrom Bob whole");
  dying.close();
  await server.untilNoted("has gone: link ended\n");
  await alice.send("sendto Nobody x");
  await alice.send("sendto Alice y");
  await alice.expect("recvfrom Alice y");
  await server.until("Nobody is not registered with server\nAlice to Alice: y\n");
});

Deno.test("serve() connects again when its neighbour is not there yet, and when it comes back", async () => {
  const place = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const at = place.addr.port;
  place.close();
  const waits: number[] = [];
  let go = Promise.withResolvers<void>();
  const wait = (ms: number, signal: AbortSignal) => {
    waits.push(ms);
    signal.addEventListener("abort", () => go.resolve());
    return go.promise;
  };
  const again = () => {
    const last = go;
    go = Promise.withResolvers();
    last.resolve();
  };
  await using server = new Server({ to: at, wait });
  using alice = await Client.register(server.port, "Alice");
  await server.untilNoted("(trying again in 1 s)\n");
  for (let life = 1; life <= 2; life++) {
    const neighbour = new Server({ at });
    again();
    await server.until(`connected to overlay server at 127.0.0.1 port ${at}\n`, life);
    await neighbour.until("server overlay connection from host");
    using bob = await Client.register(neighbour.port, "Bob");
    await alice.send("sendto Bob same words");
    await bob.expect("recvfrom Alice same words");
    await bob.send("sendto Alice same words");
    await alice.expect("recvfrom Bob same words");
    await end([neighbour]);
    await server.untilNoted(`connecting to the overlay again in ${2 ** life} s\n`);
  }
  assertEquals(waits, [1000, 2000, 4000]);
});

Deno.test("serve() ignores datagrams that are no request, and goes on", async () => {
  const server = new Server();
  using alice = await Client.register(server.port, "Alice");
  using stranger = new Client(server.port);
  const ignored = [
    "",
    "\n",
    "hello",
    "register",
    "register Al:ice",
    "register Al\x1b[2Jice",
    `register ${"a".repeat(NAME_BYTES + 1)}`,
    "sendto Alice",
    new Uint8Array(65_507),
    Uint8Array.of(0xff, 0xfe, 0x00),
    Uint8Array.of(...bytes("register "), 0xff),
    "sendto Alice from a stranger",
  ];
  for (const each of ignored) {
    await stranger.send(each);
    if (each !== ignored.at(-1)) await alice.send(each);
  }
  await alice.send("sendto Alice end");
  await alice.expect("recvfrom Alice end");
  await stranger.send("register Stranger");
  await stranger.expect("welcome Stranger");
  await end([server]);
  await alice.expectNothing();
  await stranger.expectNothing();
  assertEquals(
    server.stdout.split("\n").slice(2),
    [
      `Alice registered from host 127.0.0.1 port ${alice.port}`,
      "Alice to Alice: end",
      `Stranger registered from host 127.0.0.1 port ${stranger.port}`,
      "terminating server...",
      "",
    ],
  );
  assertStringIncludes(server.stderr, `127.0.0.1 port ${stranger.port}: ignored 0 bytes`);
});

Deno.test("serve() tells its operator of a message when its sender never registered", async () => {
  await using server = new Server();
  using stranger = new Client(server.port);
  await stranger.send("sendto Alice x");
  await server.untilNoted(
    `127.0.0.1 port ${stranger.port}: dropped a message from an address without a name\n`,
  );
});

Deno.test("serve() delivers the largest datagram whole, and drops what would not fit", async () => {
  const server = new Server();
  using alice = await Client.register(server.port, "Alice");
  using al = await Client.register(server.port, "Al");
  const text = (name: string, length: number) => "x".repeat(length - `sendto ${name} `.length);
  await al.send(`sendto Alice ${text("Alice", 65_507)}`);
  await alice.expect(`recvfrom Al ${text("Alice", 65_507)}`);
  await alice.send(`sendto Al ${text("Al", 65_507)}`);
  await server.untilNoted("a message for Al is too long for one datagram: dropped");
  await alice.send(`sendto Al ${"x".repeat(65_507 - "recvfrom Alice ".length)}`);
  await al.expect(`recvfrom Alice ${"x".repeat(65_507 - "recvfrom Alice ".length)}`);
  await end([server]);
  await al.expectNothing();
});

Deno.test("serve() relays what is not UTF-8 byte for byte, and prints one safe line", async () => {
  const [a, b] = await network([undefined, 0]) as [Server, Server];
  using alice = await Client.register(a.port, "Alice");
  using bob = await Client.register(b.port, "Bob");
  const odd = [0x00, 0xff, 0x1b, 0x5b, 0x32, 0x4a, 0x0d, 0x0a, 0x80];
  await alice.send(Uint8Array.of(...bytes("sendto Alice "), ...odd));
  assertEquals(await alice.receive(), Uint8Array.of(...bytes("recvfrom Alice "), ...odd));
  await alice.send(Uint8Array.of(...bytes("sendto Bob "), ...odd));
  const blanks = odd.map((byte) => byte === 0x0d || byte === 0x0a ? 0x20 : byte);
  assertEquals(await bob.receive(), Uint8Array.of(...bytes("recvfrom Alice "), ...blanks));
  await end([a, b]);
  assertEquals(a.count("Alice to Alice: \\x00\ufffd\\x1b[2J\\x0d\\x0a\ufffd"), 1);
  assertEquals(
    b.count("Received from overlay server: Alice to Bob: \\x00\ufffd\\x1b[2J  \ufffd"),
    1,
  );
});

Deno.test("serve() keeps a message off the links when its line would be over the limit", async () => {
  await using server = new Server();
  using peer = await join(server, 1);
  using alice = await Client.register(server.port, "Alice");
  const room = 4096 - "Alice to Bob: ".length;
  await alice.send(`sendto Bob ${"x".repeat(room + 1)}`);
  await alice.send(`sendto Bob ${"x".repeat(room)}`);
  await peer.expect(`Alice to Bob: ${"x".repeat(room)}\n`);
  await server.untilNoted(`a message of ${room + 1} bytes for Bob is too long for the overlay`);
});

Deno.test("serve() moves a name when it is registered from another address", async () => {
  const server = new Server();
  using old = await Client.register(server.port, "Alice");
  using bob = await Client.register(server.port, "Bob");
  using moved = await Client.register(server.port, "Alice");
  await bob.send("sendto Alice hello");
  await moved.expect("recvfrom Bob hello");
  // The old address has no name any more, and gets none by chance.
  await old.send("sendto Bob as Alice");
  await moved.send("sendto Bob as myself");
  await bob.expect("recvfrom Alice as myself");
  // The answer was lost: welcomed again, with nothing new to print.
  await moved.send("register Alice");
  await moved.expect("welcome Alice");
  await end([server]);
  await old.expectNothing();
  const line = (client: Client) => `Alice registered from host 127.0.0.1 port ${client.port}`;
  assertEquals([server.count(line(old)), server.count(line(moved))], [1, 1]);
  assertEquals(server.stderr.split("\n")[0], `Alice moved from 127.0.0.1 port ${old.port}`);
});

Deno.test("serve() takes any one word without a colon for a name, over a link too", async () => {
  const [a, b] = await network([undefined, 0]) as [Server, Server];
  using one = await Client.register(a.port, "client1-48213");
  using two = await Client.register(b.port, "Zoë_2.🚀");
  await one.send("sendto Zoë_2.🚀 to: you");
  await two.expect("recvfrom client1-48213 to: you");
  await two.send("sendto client1-48213 and back");
  await one.expect("recvfrom Zoë_2.🚀 and back");
  await end([a, b]);
  assertEquals(a.count("Received from overlay server: Zoë_2.🚀 to client1-48213: and back"), 1);
});

Deno.test("serve() lets nobody forge a line of the operator's or of another server's", async () => {
  const [a, b] = await network([undefined, 0]) as [Server, Server];
  using alice = await Client.register(a.port, "Alice");
  using bob = await Client.register(b.port, "Bob");
  const forged = "Carol to Bob: forged";
  for (const end of ["\n", "\r\n", "\r", "\x0b", "\x85", "\u2028"]) {
    await alice.send(`sendto Bob hi${end}${forged}`);
    assertStringIncludes(new TextDecoder().decode(await bob.receive()), "recvfrom Alice hi");
    await alice.send(`register Eve${end}Mallory registered from host 1.2.3.4 port 5`);
  }
  await end([a, b]);
  await bob.expectNothing();
  for (const server of [a, b]) {
    const lines = server.stdout.split(/[\n\r\v\u0085]/);
    assertEquals(
      lines.filter((line) => line.startsWith("Carol") || line.startsWith("Mallory")),
      [],
    );
  }
  const received = b.stdout.split("\n").filter((line) => line.startsWith("Received"));
  assertEquals(received.length, 6);
  for (const line of received) {
    assertStringIncludes(line, "Received from overlay server: Alice to Bob: hi");
  }
});

Deno.test("serve() gives an address its latest name when it registers twice", async () => {
  await using server = new Server();
  using alice = await Client.register(server.port, "Alice");
  await alice.send("register Alicia");
  await alice.expect("welcome Alicia");
  await alice.send("sendto Alice still here");
  await alice.expect("recvfrom Alicia still here");
});

Deno.test("serve() answers no further name when there are as many as it may keep", async () => {
  await using server = new Server({ limits: { clients: 2 } });
  using alice = await Client.register(server.port, "Alice");
  using bob = await Client.register(server.port, "__proto__".replaceAll("_", "X"));
  using carol = new Client(server.port);
  await carol.send("register Carol");
  await server.untilNoted("refused to register Carol: 2 names are the limit\n");
  await alice.send("register Alice");
  await alice.expect("welcome Alice");
  using moved = await Client.register(server.port, "Alice");
  await moved.send("sendto Carol x");
  await server.until("Carol is not registered with server\n");
  await carol.expectNothing();
  await bob.expectNothing();
});

Deno.test("serve() gives a newcomer the place of the name that has been silent longest, never of one that spoke", async () => {
  let now = 0;
  await using server = new Server({ limits: { clients: 3 }, now: () => now });
  using alice = await Client.register(server.port, "Alice");
  await alice.send("sendto Alice I speak");
  await alice.expect("recvfrom Alice I speak");
  using ghosts = await Client.register(server.port, "Ghost1");
  now = 1000;
  await ghosts.send("register Ghost2");
  await ghosts.expect("welcome Ghost2");
  const arrives = async (name: string) => {
    using _client = await Client.register(server.port, name);
  };
  const refuses = async (name: string) => {
    using client = new Client(server.port);
    await client.send(`register ${name}`);
    // Handled when what was sent behind it is.
    await alice.send("sendto Alice x");
    await alice.expect("recvfrom Alice x");
    await client.expectNothing();
  };
  now = 9999;
  await refuses("Carol");
  assertStringIncludes(server.stderr, "refused to register Carol: 3 names are the limit\n");
  now = 10_000;
  await arrives("Carol");
  await ghosts.send("sendto Ghost1 are you there?");
  await server.until("Ghost1 is not registered with server\n");
  // Ghost2 has spoken by that, and Alice long since: Carol alone may give her place.
  now = 19_999;
  await refuses("Dave");
  now = 20_000;
  await arrives("Dave");
  now = 25_000;
  // Again, from another address: it is the time of its last word that counts.
  await arrives("Dave");
  now = 34_999;
  await refuses("Eve");
  now = 35_000;
  await arrives("Eve");
  await alice.send("sendto Ghost2 and you?");
  await ghosts.expect("recvfrom Alice and you?");
  await server.untilNoted("takes the place of");
});

Deno.test("serve() goes on when a client is gone and its port unreachable", async () => {
  await using server = new Server();
  using alice = await Client.register(server.port, "Alice");
  const bob = await Client.register(server.port, "Bob");
  bob[Symbol.dispose]();
  for (let i = 0; i < 100; i++) await alice.send("sendto Bob are you there?");
  await alice.send("sendto Alice I am");
  await alice.expect("recvfrom Alice I am");
  using back = await Client.register(server.port, "Bob");
  await alice.send("sendto Bob hello again");
  await back.expect("recvfrom Alice hello again");
});

for (
  const [where, parents] of [["on one server", [undefined]], ["over a link", [
    undefined,
    0,
  ]]] as const
) {
  Deno.test(`serve() loses nothing ${where} when sixteen messages are on their way at a time`, async () => {
    const servers = await network([...parents]);
    const clients: Client[] = [];
    for (let i = 0; i < 4; i++) {
      clients.push(await Client.register(servers[i % servers.length]!.port, `c${i}`));
    }
    // In a circle: what a client gets tells the one before it to send on.
    await Promise.all(clients.map(async (client, i) => {
      const before = (i + 3) % 4;
      const send = (n: number) => clients[before]!.send(`sendto c${i} ${n}`);
      for (let sent = 0; sent < 16; sent++) await send(sent);
      for (let got = 0; got < 2000; got++) {
        await client.expect(`recvfrom c${before} ${got}`);
        if (got + 16 < 2000) await send(got + 16);
      }
    }));
    await end(servers);
    for (const client of clients) {
      await client.expectNothing();
      client[Symbol.dispose]();
    }
    assertEquals(servers[0]!.count("c0 to c1: 1999"), 1);
  });
}

Deno.test("serve() cuts a neighbour that takes nothing, and the clients lose nothing else", async () => {
  await using server = new Server({ limits: { linkBytes: 100_000, softBytes: 2_000_000 } });
  using stuck = await join(server, 1);
  using alice = await Client.register(server.port, "Alice");
  const line = `sendto Nobody ${"x".repeat(4000)}`;
  for (let i = 0; !server.stderr.includes("behind, over 100000: link ended"); i++) {
    assert(i < 10_000, "the link is never cut");
    await alice.send(line);
    // A message of its own to Alice says that the one before was handled.
    await alice.send("sendto Alice x");
    await alice.expect("recvfrom Alice x");
  }
  assert((await stuck.rest()).length > 0);
});
