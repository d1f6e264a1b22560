import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import {
  bridgedTo,
  call,
  chat,
  type Client,
  FakeServer,
  meet,
  NOBODY,
  register,
  registered,
  startClient,
  startServer,
  waiting,
} from "./bridge_play.ts";
import { deadline, Peer, Program, text } from "./helpers.ts";

Deno.test("client.ts bridge says in one sentence why a command does nothing, and goes on", async () => {
  using server = new FakeServer();
  await using client = await startClient("Bob", server.port);
  await client.write("/bridge\n/chat\n/nonsense\n\nhello?\n/register\n");
  await server.answer(register("Bob", client.waits), registered("Bob", client.waits));
  await client.write("/register\n/chat\n/bridge\n");
  await server.answer("BRIDGE\r\nclientID: Bob\r\n\r\n", NOBODY);
  await client.write("/chat\n/register\n/id\n/quit\n");
  assertEquals(await client.code(), 0);
  assertEquals(client.stdout, `Bob running on 127.0.0.1:${client.waits}\nBob\n`);
  assertEquals(
    client.stderr,
    "not registered yet: /register comes before /bridge\n" +
      "not registered yet: /register comes before /chat\n" +
      "nothing was sent: there is no chat yet\n" +
      "already registered as Bob\n" +
      "no peer known yet: /bridge asks the server for one\n" +
      "nobody to call yet: wait for a call, or ask again by /bridge\n" +
      "already registered as Bob\n",
  );
});

Deno.test("client.ts bridge says why there is no answer, and can ask again", async () => {
  using server = new FakeServer();
  await using client = await startClient("Bob", server.port);
  const where = `the server at 127.0.0.1:${server.port}`;
  const request = register("Bob", client.waits);
  for (
    const [answer, sentence] of [
      ["", `${where} has closed the connection without an answer\n`],
      ["REGACK\r\nStatus: error server full\r\n\r\n", "the server refused: server full\n"],
      ["HTTP/1.1 400\n\n", "the server refused: it answered HTTP/1.1 400\n"],
      ["x".repeat(5000), `${where} sent a line longer than 4096 bytes\n`],
    ] as const
  ) {
    await client.type("/register");
    using peer = await server.accept();
    await peer.expect(request);
    await peer.send(answer);
    await peer.halfClose();
    await client.until(sentence, "stderr");
  }
  // Other servers' way of answering: LF, another order, no Status, and not whole at once.
  await client.type("/register");
  using peer = await server.accept();
  await peer.expect(request);
  await peer.drip(`REGACK\nport:${client.waits}\nip:127.0.0.1\nclientid:Bob\n\n`);
  await peer.expectEnd();
  await client.type("/bridge");
  await server.answer("BRIDGE\r\nclientID: Bob\r\n\r\n", NOBODY);
  server[Symbol.dispose]();
  await client.type("/bridge");
  await client.until(`cannot connect to 127.0.0.1:${server.port}: nothing listens there`, "stderr");
  await client.type("/quit");
  assertEquals(await client.code(), 0);
});

Deno.test("client.ts bridge leaves by /quit, Control-C or the end of its input in every state", async () => {
  const leave = {
    "/quit": (client: Client) => client.type("/quit"),
    "Control-C": (client: Client) => Promise.resolve(client.signal("SIGINT")),
    "end of input": (client: Client) => client.endInput(),
  };
  await Promise.all(
    Object.values(leave).map(async (end) => {
      using server = new FakeServer();
      using callee = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const peer = { id: "Alice", port: callee.addr.port };
      await using idle = await startClient("Bob", server.port);
      await end(idle);
      assertEquals(await idle.code(), 0);
      await using registering = await startClient("Bob", server.port);
      await registering.type("/register");
      // A server that never answers keeps nobody.
      using _silent = await server.accept();
      await end(registering);
      assertEquals(await registering.code(), 0);
      await using wait = await waiting("Bob");
      await end(wait);
      assertEquals(await wait.code(), 0);
      await using bridged = await bridgedTo("Bob", peer);
      await end(bridged);
      assertEquals(await bridged.code(), 0);
      await using writing = await bridgedTo("Bob", peer);
      await writing.type("/chat");
      using heard = new Peer(await callee.accept());
      await heard.expect(call("Bob", writing.waits));
      await end(writing);
      await heard.expect("QUIT\r\n\r\n");
      await heard.expectEnd();
      heard.close();
      assertEquals(await writing.code(), 0);
      await using reading = await waiting("Bob");
      using caller = await Peer.connect(reading.waits);
      await caller.send(call("Alice", peer.port));
      await reading.until("Incoming chat request from Alice");
      await end(reading);
      await caller.expect("QUIT\r\n\r\n");
      await caller.expectEnd();
      caller.close();
      assertEquals(await reading.code(), 0);
      for (const each of [idle, registering, wait, bridged, writing]) {
        assertEquals(each.stdout, `Bob running on 127.0.0.1:${each.waits}\n`);
        assertEquals(each.stderr, "");
      }
    }),
  );
});

Deno.test("client.ts bridge ends when its peer ends, however it does", async () => {
  for (
    const end of [
      (peer: Peer) => peer.send("QUIT\r\n\r\n"),
      (peer: Peer) => peer.halfClose(),
      (peer: Peer) => Promise.resolve(peer.close()),
    ]
  ) {
    await using client = await waiting("Bob");
    using peer = await Peer.connect(client.waits);
    await peer.send(call("Alice", 1));
    await client.until("Incoming chat request from Alice 127.0.0.1:1\n");
    await peer.send("last words\n");
    await client.until("last words\n");
    // The answer is there unread: closing now resets.
    await client.type("unread");
    await peer.read(1);
    await end(peer);
    assertEquals(await client.code(), 0);
    assertEquals(client.stderr, "the peer has ended the chat\n");
  }
  await using both = await chat();
  both.bob.signal("SIGKILL");
  assertEquals(await both.alice.code(), 0);
});

Deno.test("client.ts bridge says that a peer is gone, and can go on", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  await using alice = await startClient("Alice", port);
  await using bob = await startClient("Bob", port);
  await meet(server, ["Alice", alice], ["Bob", bob]);
  await alice.type("/quit");
  assertEquals(await alice.code(), 0);
  await bob.type("/chat");
  await bob.until(
    `Alice at 127.0.0.1:${alice.waits} is gone: nothing listens there, ` +
      "/bridge asks the server again\n",
    "stderr",
  );
  await using carol = await startClient("Carol", port);
  await meet(server, ["Carol", carol]);
  await bob.type("/bridge");
  await server.until(`BRIDGE: Bob 127.0.0.1:${bob.waits} Carol 127.0.0.1:${carol.waits}\n`);
  // Carol knows Bob, too: either may call.
  await bob.type("/chat");
  await carol.until(`Incoming chat request from Bob 127.0.0.1:${bob.waits}\n`);
  await bob.type("Hello Carol");
  await carol.until("Hello Carol\n");
});

Deno.test("client.ts bridge keeps what is typed out of turn for its turn", async () => {
  await using both = await chat();
  const { alice, bob } = both;
  await alice.type("too early");
  await alice.until("it is the peer's turn: your line is sent after it\n", "stderr");
  await alice.write("again\n/id\n");
  await alice.until("\nAlice\n");
  await bob.type("one");
  await bob.until("too early\n");
  await bob.type("two");
  await bob.until("again\n");
  await bob.write("three\n/register\n/chat\n/shrug\n");
  await alice.until("three\n");
  await bob.until("/chat is not for a chat: nothing was sent\n", "stderr");
  await alice.type("four");
  await alice.until("/shrug\n");
  // Alice has lines left when she leaves: they come before the end.
  await alice.write("five\n");
  await bob.until("five\n");
  await alice.write("six\n/quit\n");
  assertEquals(await alice.code(), 0);
  assertEquals(await bob.code(), 0);
  assertEquals(alice.stdout.split("\n").slice(2), ["Alice", "one", "two", "three", "/shrug", ""]);
  assertEquals(bob.stdout.split("\n").slice(1), ["too early", "again", "four", "five", "six", ""]);
});

Deno.test("client.ts bridge loses, joins and cuts no line of any script", async () => {
  const lines = [
    "",
    " blank before and after ",
    "QUIT",
    "CHAT",
    "žluťoučký kůň",
    "👩‍👩‍👧 שלום مرحبا 你好",
    "a\tb\u0001c",
    "x".repeat(100_000),
    "/Quit",
    "\ufeffbyte order mark",
  ];
  await using both = await chat();
  const { alice, bob } = both;
  // All at once: each waits for its turn.
  await bob.write(lines.map((line) => line + "\n").join(""));
  await alice.write(lines.map((line) => line + "\r\n").join(""));
  await alice.until(lines.at(-1)! + "\n");
  await bob.until(lines.at(-1)! + "\n");
  await alice.type("/quit");
  assertEquals(await alice.code(), 0);
  assertEquals(await bob.code(), 0);
  assertEquals(alice.stdout.split("\n").slice(2), [...lines, ""]);
  assertEquals(bob.stdout.split("\n").slice(1), [...lines, ""]);
});

/** Peers that others have written: what they send, what is shown, and how they are answered. */
const OTHERS: [name: string, chat: string, lines: string[], answers: string[], quit: string][] = [
  ["bare text", call("Alice", 1), ["Hello Bob"], ["Hi"], "QUIT\r\n\r\n"],
  ["CRLF lines", call("Alice", 1), ["Hello Bob\r\n"], ["Hi\r\n"], "QUIT\r\n\r\n"],
  [
    "messages as lines",
    call("Alice", 1),
    ["CHAT\r\nMESSAGE: Hello Bob\r\n\r\n"],
    ["CHAT\r\nMESSAGE: Hi\r\n\r\n"],
    "QUIT\r\n\r\n",
  ],
  ["no CHAT", "", ["Hello Bob\n"], ["Hi\n"], "QUIT\r\n\r\n"],
  ["LF messages", "CHAT\nclientID: Alice\n\n", ["Hello Bob\n"], ["Hi\n"], "QUIT\r\n\r\n"],
];

for (const [name, hello, lines, answers, quit] of OTHERS) {
  Deno.test(`client.ts bridge chats with a caller that has another way of writing: ${name}`, async () => {
    await using client = await waiting("Bob");
    using peer = await Peer.connect(client.waits);
    await peer.send(hello);
    if (hello !== "") await client.until("Incoming chat request from Alice 127.0.0.1:");
    for (const [i, line] of lines.entries()) {
      await peer.send(line);
      await client.until("Hello Bob\n");
      await client.type("Hi");
      await peer.expect(answers[i]!);
    }
    await client.type("/quit");
    await peer.expect(quit);
    peer.close();
    assertEquals(await client.code(), 0);
    assertEquals(client.stderr, "");
  });
}

Deno.test("client.ts bridge writes CHAT and a first line apart, for those who read a message at once", async () => {
  using callee = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = await bridgedTo("Bob", { id: "Alice", port: callee.addr.port });
  await client.write("/chat\nHello\n");
  using conn = await deadline(callee.accept(), "the call");
  const buffer = new Uint8Array(1000);
  for (const expected of [call("Bob", client.waits), "Hello\n"]) {
    const count = await deadline(conn.read(buffer), expected) ?? 0;
    assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), expected);
  }
});

Deno.test("client.ts bridge turns a second caller away while it chats", async () => {
  await using both = await chat();
  using second = await Peer.connect(both.alice.waits);
  await second.send(call("Carol", 1) + "Hello Alice\n");
  await second.expect("QUIT\r\nStatus: busy\r\n\r\n");
  await second.expectEnd();
  await both.bob.type("still here");
  await both.alice.until("still here\n");
  assert(!both.alice.stdout.includes("Carol"));
});

Deno.test("client.ts bridge stays where it was when the peer that it calls is in another chat", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  await using alice = await startClient("Alice", port);
  await using bob = await startClient("Bob", port);
  await meet(server, ["Alice", alice], ["Bob", bob]);
  await bob.type("/chat");
  await alice.until("Incoming chat request from Bob");
  // Carol is bridged to the one that registered last before her; here that is Alice again.
  await using carol = await bridgedTo("Carol", { id: "Alice", port: alice.waits });
  for (let call = 0; call < 2; call++) {
    await carol.write("/chat\nHello\n");
    const once = "Alice is in another chat\nnothing was sent: there is no chat yet\n";
    await carol.until(once.repeat(call + 1), "stderr");
  }
  await bob.type("still here");
  await alice.until("still here\n");
  await alice.type("/quit");
  assertEquals([await alice.code(), await bob.code()], [0, 0]);
  await carol.type("/chat");
  await carol.until(`Alice at 127.0.0.1:${alice.waits} is gone`, "stderr");
  await carol.type("/quit");
  assertEquals(await carol.code(), 0);
  assertEquals(carol.stdout, `Carol running on 127.0.0.1:${carol.waits}\n`);
});

Deno.test("client.ts bridge ends as the document says when a peer answers a call with a plain QUIT", async () => {
  using callee = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = await bridgedTo("Bob", { id: "Alice", port: callee.addr.port });
  await client.type("/chat");
  using peer = new Peer(await callee.accept());
  await peer.expect(call("Bob", client.waits));
  await peer.send("QUIT\r\n\r\n");
  assertEquals(await client.code(), 0);
  assertEquals(client.stderr, "the peer has ended the chat\n");
});

Deno.test("client.ts bridge shows a text without a line end, and hears a bare QUIT, after lines", async () => {
  await using client = await waiting("Bob");
  using peer = await Peer.connect(client.waits);
  await peer.send("CHATREQ\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 7\r\n\r\n");
  await client.until("Incoming chat request from Alice 127.0.0.1:7\n");
  await peer.send("Hello Bob\n");
  await client.until("Hello Bob\n");
  await client.type("one");
  await peer.expect("one\n");
  await peer.send("no end");
  await client.until("no end\n");
  await client.type("two");
  await peer.expect("two\n");
  await peer.send("QUIT");
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout,
    `Bob running on 127.0.0.1:${client.waits}\n` +
      "Incoming chat request from Alice 127.0.0.1:7\nHello Bob\nno end\n",
  );
});

Deno.test("client.ts bridge shows a text before any CHAT, with one request", async () => {
  await using client = await waiting("Bob");
  using peer = await Peer.connect(client.waits);
  await peer.send("Hello Bob\n");
  const at = (peer.conn.localAddr as Deno.NetAddr).port;
  await client.until("Hello Bob\n");
  await peer.send(call("Alice", 7));
  await peer.send("again\n");
  await client.until("again\n");
  assertEquals(
    client.stdout,
    `Bob running on 127.0.0.1:${client.waits}\n` +
      `Incoming chat request from 127.0.0.1:${at}\nHello Bob\nagain\n`,
  );
});

Deno.test("client.ts bridge writes QUIT alone to a peer of bare texts, the rest 50 ms later", async () => {
  await using client = await waiting("Bob");
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: client.waits });
  await conn.write(new TextEncoder().encode(call("Alice", 7)));
  await client.until("Incoming chat request");
  await conn.write(new TextEncoder().encode("hi"));
  await client.until("hi\n");
  await client.type("/quit");
  const buffer = new Uint8Array(100);
  const reads: [text: string, at: number][] = [];
  for (let count; (count = await deadline(conn.read(buffer), "QUIT")) !== null;) {
    reads.push([new TextDecoder().decode(buffer.subarray(0, count)), performance.now()]);
  }
  assertEquals(reads.map(([text]) => text), ["QUIT", "\r\n\r\n"]);
  assert(reads[1]![1] - reads[0]![1] >= 40, `${reads[1]![1] - reads[0]![1]} ms`);
});

Deno.test("client.ts bridge is not held up by callers that say nothing", async () => {
  await using client = await waiting("Bob");
  const silent = await Promise.all(Array.from({ length: 20 }, () => Peer.connect(client.waits)));
  using left = await Peer.connect(client.waits);
  left.close();
  using caller = await Peer.connect(client.waits);
  await caller.send(call("Alice", 1));
  await client.until("Incoming chat request from Alice 127.0.0.1:1\n");
  // The oldest have made room, and the others hear why the call that they may have meant is too late.
  const heard = await Promise.all(silent.map(async (peer) => text(await peer.rest())));
  const busy = heard.filter((rest) => rest === "QUIT\r\nStatus: busy\r\n\r\n").length;
  assertEquals(heard.filter((rest) => rest === "").length, 20 - busy);
  assert(busy === 14 || busy === 15, `${busy} heard it`);
  silent.forEach((peer) => peer.close());
});

Deno.test("client.ts bridge lets a caller wait until it takes calls", async () => {
  using server = new FakeServer();
  await using client = await startClient("Bob", server.port);
  using caller = await Peer.connect(client.waits);
  await caller.send(call("Alice", 1) + "early\n");
  await client.write("/register\n/bridge\n");
  await server.answer(register("Bob", client.waits), registered("Bob", client.waits));
  await server.answer("BRIDGE\r\nclientID: Bob\r\n\r\n", NOBODY);
  await client.until("Incoming chat request from Alice 127.0.0.1:1\nearly\n");
});

Deno.test("client.ts bridge keeps one call of two that cross, and loses no line", async () => {
  using callee = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  // The call of the client that sorts first is kept by both.
  for (const [other, ours] of [["Alice", false], ["Carol", true]] as const) {
    await using client = await bridgedTo("Bob", { id: other, port: callee.addr.port });
    await client.write("/chat\nfrom Bob\n");
    using called = new Peer(await callee.accept());
    await called.expect(call("Bob", client.waits) + "from Bob\n");
    using caller = await Peer.connect(client.waits);
    await caller.send(call(other, callee.addr.port));
    if (ours) {
      await called.send(`from ${other}\n`);
      await client.until(`127.0.0.1:${client.waits}\nfrom ${other}\n`);
      await caller.expectEnd();
    } else {
      await called.expectEnd();
      await caller.send(`from ${other}\n`);
      await client.until(`Incoming chat request from ${other} 127.0.0.1:${callee.addr.port}\n`);
      await caller.expect("from Bob\n");
    }
    await client.type("/quit");
    await (ours ? called : caller).expect("QUIT\r\n\r\n");
  }
});

Deno.test("two clients that call each other at once chat", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  await using alice = await startClient("Alice", port);
  await using bob = await startClient("Bob", port);
  await meet(server, ["Alice", alice], ["Bob", bob]);
  await alice.type("/bridge");
  await server.until(
    `BRIDGE: Alice 127.0.0.1:${alice.waits} Bob 127.0.0.1:${bob.waits}\n`,
  );
  await Promise.all([alice.write("/chat\nfrom Alice\n"), bob.write("/chat\nfrom Bob\n")]);
  await alice.until("from Bob\n");
  await bob.until("from Alice\n");
  await alice.type("/quit");
  assertEquals(await alice.code(), 0);
  assertEquals(await bob.code(), 0);
});

Deno.test("client.ts bridge registers the address that --host says", async () => {
  using server = new FakeServer();
  await using client = new Program("client.ts", [
    ..."bridge --id Bob -p 0 --host 127.0.0.2 --server".split(" "),
    `127.0.0.1:${server.port}`,
  ]);
  const [, port] = await client.until(/^Bob running on 127\.0\.0\.2:(\d+)\n/);
  await client.type("/register");
  using peer = await server.accept();
  await peer.expect(`REGISTER\r\nclientID: Bob\r\nIP: 127.0.0.2\r\nPort: ${port}\r\n\r\n`);
});
