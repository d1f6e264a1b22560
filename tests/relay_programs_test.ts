import { assertEquals } from "@std/assert/equals";
import { Peer, Program } from "./helpers.ts";

const PROMPT = "Enter JOIN followed by your username: ";

function startServer(...args: string[]): Program {
  return new Program("server.ts", ["relay", "0", ...args]);
}

function startClient(port: number): Program {
  return new Program("client.ts", ["relay", "127.0.0.1", String(port)]);
}

/** Starts a client and lets it register. */
async function join(port: number, name: string): Promise<Program> {
  const client = startClient(port);
  await client.until(PROMPT);
  await client.type(`JOIN ${name}`);
  await client.until(`${name} joined!Connected to server!\n`);
  return client;
}

Deno.test("the document's sample windows are shown whole by real processes", async () => {
  await using server = startServer();
  const port = await server.port();
  await using alice = await join(port, "Alice");
  await using bob = await join(port, "Bob");
  await using alex = await join(port, "Alex");
  await using mike = await join(port, "Mike");
  await using trudy = await join(port, "Trudy");
  for (const each of [alice, bob, alex, mike]) await each.until("Trudy joined!\n");

  await alice.type("BCST Hello");
  for (const each of [alice, bob, alex, mike, trudy]) await each.until("Alice: Hello\n");
  await mike.type("MESG Bob How are you?");
  await bob.until("Mike: How are you?\n");
  await trudy.type("LIST");
  await trudy.until("Alice,Bob,Alex,Mike,Trudy\n");
  await alex.type("QUIT");
  assertEquals(await alex.code(), 0);
  for (const each of [alice, bob, mike, trudy]) await each.until("Alex left\n");

  assertEquals(
    alice.stdout,
    PROMPT + "Alice joined!Connected to server!\nBob joined!\nAlex joined!\nMike joined!\n" +
      "Trudy joined!\nAlice is sending a broadcast\nAlice: Hello\nAlex left\n",
  );
  assertEquals(
    bob.stdout,
    PROMPT + "Bob joined!Connected to server!\nAlex joined!\nMike joined!\nTrudy joined!\n" +
      "Alice: Hello\nMike: How are you?\nAlex left\n",
  );
  assertEquals(
    alex.stdout,
    PROMPT + "Alex joined!Connected to server!\nMike joined!\nTrudy joined!\nAlice: Hello\n" +
      "Alex is quitting the chat server\n",
  );
  assertEquals(
    mike.stdout,
    PROMPT + "Mike joined!Connected to server!\nTrudy joined!\nAlice: Hello\nAlex left\n",
  );
  assertEquals(
    trudy.stdout,
    PROMPT + "Trudy joined!Connected to server!\nAlice: Hello\nAlice,Bob,Alex,Mike,Trudy\n" +
      "Alex left\n",
  );
  assertEquals(await server.stop(), 0);
  const connected = "Connected with ('127.0.0.1', PORT)\n";
  const events = server.stdout.replaceAll(/', \d+\)/g, "', PORT)").split(/(?<=\n)/);
  assertEquals(
    events.slice(0, 16).join(""),
    `The Chat Server Started\n${connected}Alice Joined the Chatroom\n${connected}` +
      `Bob Joined the Chatroom\n${connected}Alex Joined the Chatroom\n${connected}` +
      `Mike Joined the Chatroom\n${connected}Trudy Joined the Chatroom\n` +
      "[1] Alice: BCST\n[4] Mike: MESG to Bob\n[5] Trudy: LIST\n[3] Alex: QUIT\n" +
      "[3] Alex: disconnected\n",
  );
  // The four that are left hear of the end at the same moment.
  assertEquals(
    events.slice(16).toSorted().join(""),
    [
      "[1] Alice: disconnected\n[2] Bob: disconnected\n",
      "[4] Mike: disconnected\n[5] Trudy: disconnected\n",
    ].join(""),
  );
  for (const each of [alice, bob, mike, trudy]) {
    assertEquals(await each.code(), 1);
    assertEquals(each.stderr, `the server at 127.0.0.1:${port} has ended the connection\n`);
  }
});

Deno.test("client.ts relay leaves with QUIT when its input ends or Control-C comes", async () => {
  await using server = startServer();
  const port = await server.port();
  await using alice = await join(port, "Alice");
  await using bob = await join(port, "Bob");
  await bob.endInput();
  assertEquals(await bob.code(), 0);
  assertEquals(bob.stdout.split("\n").at(-2), "Bob is quitting the chat server");
  await alice.until("Bob left\n");
  assertEquals(await alice.stop(), 0);
  assertEquals(alice.stdout.split("\n").at(-2), "Alice is quitting the chat server");
  await using early = startClient(port);
  await early.until(PROMPT);
  assertEquals(await early.stop("SIGTERM"), 0);
  assertEquals(early.stdout, PROMPT);
});

Deno.test("client.ts relay sends each line as it is, and no empty one", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient(listener.addr.port);
  using server = new Peer(await listener.accept());
  await client.write("JOIN  Alice \r\n\n \nBCST häłlo 👋\n  what\nlast");
  await client.endInput();
  await server.expect("JOIN  Alice \nBCST häłlo 👋\n  what\nlast\nQUIT\n");
  server.close();
  assertEquals(await client.code(), 0);
});

Deno.test("client.ts relay shows what servers send in other ways than ours", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient(listener.addr.port);
  using server = new Peer(await listener.accept());
  await server.send("Welcome!");
  await client.until(PROMPT + "Welcome!\n");
  await client.type("JOIN Alice");
  await server.expect("JOIN Alice\n");
  await server.send("Alice joined!\r\nno end");
  await client.until("Alice joined!\nno end\n");
  await client.type("BCST one");
  await server.expect("BCST one\n");
  // A server that sends the broadcast to its sender, too: before, or after.
  await server.send("Alice: one\nAlice is sending a broadcast\n");
  await client.until("Alice: one\nAlice is sending a broadcast\n");
  await client.type("BCST two");
  await server.expect("BCST two\n");
  await server.send("Alice is sending a broadcast\nAlice: two\nover\n");
  await client.until("Alice: two\nover\n");
  await client.type("QUIT");
  await server.expect("QUIT\n");
  // It never closes: the client does.
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout,
    PROMPT + "Welcome!\nAlice joined!\nno end\nAlice: one\nAlice is sending a broadcast\n" +
      "Alice is sending a broadcast\nAlice: two\nover\nAlice is quitting the chat server\n",
  );
});

Deno.test("client.ts relay cuts replies apart that come glued, at notices of its own name", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient(listener.addr.port);
  using server = new Peer(await listener.accept());
  await client.until(PROMPT);
  await client.type("JOIN Alice");
  await server.expect("JOIN Alice\n");
  await server.send("Alice joined!Connected to server!Bob joined!");
  await client.until("Connected to server!\nBob joined!\n");
  await client.type("BCST Hello");
  await server.expect("BCST Hello\n");
  await server.send("Alice is sending a broadcastAlice: Hello");
  await client.until("Alice is sending a broadcast\nAlice: Hello\n");
  await client.type("BCST two");
  await server.expect("BCST two\n");
  await server.send("Alice: twoBob is sending a broadcast");
  await client.until("Alice: twoBob is sending a broadcast\n");
  await server.send("Eve: Alice is sending a broadcastAlice: two\nBob is sending a broadcast\n");
  await client.until("Bob is sending a broadcast\n");
  await server.send("Alice is sending a broadcast");
  await client.until("\nAlice is sending a broadcast\nAlice: two\n");
  await client.type("QUIT");
  await server.expect("QUIT\n");
  await server.send("Alice is quitting the chat server");
  server.close();
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout.slice(client.stdout.indexOf("Eve")),
    "Eve: Alice is sending a broadcastAlice: two\nBob is sending a broadcast\n" +
      "Alice is sending a broadcast\nAlice: two\nAlice is quitting the chat server\n",
  );
});

Deno.test("client.ts relay leaves the prompt to a server that has one", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient(listener.addr.port);
  using server = new Peer(await listener.accept());
  await server.send("Welcome to the chat\nYour name: ");
  await client.until("Your name: ");
  await client.type("JOIN Alice");
  await server.expect("JOIN Alice\n");
  await server.send("Alice joined!Connected to server!\nSay something: ");
  await client.until("Say something: \n");
  await client.type("QUIT");
  await server.expect("QUIT\n");
  server.close();
  assertEquals(await client.code(), 0);
  // The notice that this server does not send is shown all the same.
  assertEquals(
    client.stdout,
    "Welcome to the chat\nYour name: Alice joined!Connected to server!\nSay something: \n" +
      "Alice is quitting the chat server\n",
  );
});

Deno.test("server.ts relay ends with 0 on SIGTERM and delivers what was said before", async () => {
  await using server = startServer();
  const port = await server.port();
  using alice = await Peer.connect(port);
  using bob = await Peer.connect(port);
  await alice.send("JOIN Alice\n");
  await alice.expect("Alice joined!Connected to server!\n");
  await bob.send("JOIN Bob\n");
  await bob.expect("Bob joined!Connected to server!\n");
  await alice.send("BCST last\n".repeat(1000));
  await server.until("[1] Alice: BCST\n");
  assertEquals(await server.stop("SIGTERM"), 0);
  const said = server.stdout.split("\n").filter((line) => line === "[1] Alice: BCST").length;
  const heard = new TextDecoder().decode(await bob.rest());
  assertEquals(heard.replace(/Alice left\n$/, ""), "Alice: last\n".repeat(said));
});

const nc = await hasNetcat();
// deno-lint-ignore no-console -- a test that is left out must be seen
if (!nc) console.error("skipped: no nc on this machine to chat with");

Deno.test({
  name: "two nc users, one of our clients and one that writes no line ends chat together",
  ignore: !nc,
  async fn() {
    await using server = startServer();
    const port = await server.port();
    await using ours = await join(port, "Ours");
    await using one = new Program("nc", ["127.0.0.1", String(port)], { command: true });
    await one.type("JOIN One");
    await one.until("One joined!Connected to server!\n");
    await using two = new Program("nc", ["127.0.0.1", String(port)], { command: true });
    await two.type("JOIN Two");
    await two.until("Two joined!Connected to server!\n");
    using bare = await Peer.connect(port);
    await bare.send("JOIN Bare");
    await bare.expect("Bare joined!Connected to server!\n");

    await one.type("BCST from one");
    await two.until("One: from one\n");
    await ours.until("One: from one\n");
    await bare.expect("One: from one\n");
    await bare.send("MESG Two from bare");
    await two.until("Bare: from bare\n");
    await ours.type("BCST from ours");
    await bare.expect("Ours: from ours\n");
    await two.type("QUIT");
    await one.until("Two left\n");
    one.signal("SIGKILL");
    await ours.until("One left\n");
    await bare.expect("Two left\nOne left\n");
    assertEquals(
      ours.stdout,
      PROMPT + "Ours joined!Connected to server!\nOne joined!\nTwo joined!\nBare joined!\n" +
        "One: from one\nOurs is sending a broadcast\nOurs: from ours\nTwo left\nOne left\n",
    );
  },
});

async function hasNetcat(): Promise<boolean> {
  try {
    await new Deno.Command("nc", { args: ["-h"], stdout: "null", stderr: "null" }).output();
    return true;
  } catch {
    return false;
  }
}
