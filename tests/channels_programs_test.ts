import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { Peer, Program } from "./helpers.ts";

const frame = (message: string) => message.padEnd(200);
const WIPE = "\r    \r";

function startServer(): Program {
  return new Program("server.ts", ["channels", "0"]);
}

function startClient(name: string, port: number): Program {
  return new Program("client.ts", ["channels", name, "127.0.0.1", String(port)]);
}

/** The bytes of a client's stdout one at a time, as the course's own check reads its lines. */
function lines(stdout: string): string[] {
  const found: string[] = [];
  let line = "";
  for (const character of stdout) {
    if (character !== "\n") line += character;
    else {
      found.push(line.replaceAll("[Me]", "").trim());
      line = "";
    }
  }
  return found;
}

Deno.test("the course's own check: Alice and Kay hear each other", async () => {
  await using server = startServer();
  const port = await server.port();
  await using alice = startClient("Alice", port);
  await alice.until("[Me] ");
  await alice.type("/create tas");
  await using kay = startClient("Kay", port);
  await kay.until("[Me] ");
  // Alice's channel exists before Kay joins it: the server answers in the order it reads.
  await alice.type("/list");
  await alice.until("tas\n");
  await kay.type("/join tas");
  await alice.until("Kay has joined\n");
  await kay.type("Hi!");
  await alice.until("[Kay] Hi!\n[Me] ");
  await alice.type("Hello!");
  // The runtime writes what follows a line end by itself: the prompts are waited for.
  await kay.until("[Alice] Hello!\n[Me] ");
  await alice.until("Hi!\n[Me] [Me] ");
  assertEquals(lines(alice.stdout), ["tas", "Kay has joined", "[Kay] Hi!"]);
  assertEquals(lines(kay.stdout), ["[Alice] Hello!"]);
  assertEquals(
    alice.stdout,
    `[Me] [Me] [Me] ${WIPE}tas\n[Me] ${WIPE}Kay has joined\n[Me] ${WIPE}[Kay] Hi!\n[Me] [Me] `,
  );
  assertEquals(kay.stdout, `[Me] [Me] [Me] ${WIPE}[Alice] Hello!\n[Me] `);
  await alice.endInput();
  assertEquals(await alice.code(), 0);
  await kay.until("Alice has left\n");
  assertEquals(await kay.stop(), 0);
  assertEquals(await server.stop(), 0);
  assertEquals(server.stdout, "");
});

Deno.test("the document's sample sessions are shown whole by real processes", async () => {
  await using server = startServer();
  const port = await server.port();
  await using panda = startClient("Panda", port);
  await panda.type("Hello world!");
  await panda.until("sending messages.\n");
  await panda.type("/list");
  await panda.type("/create 168_tas");
  await panda.type("/list");
  await panda.until("168_tas\n");
  await panda.type("Hello world!");
  await using alice = startClient("Alice", port);
  await alice.type("/list");
  await alice.until("168_tas\n");
  await alice.type("/join 168_tas");
  await panda.until("Alice has joined\n");
  await alice.type("Hi everyone! Does anyone know what we're doing on the first day of lecture?");
  await panda.until("lecture?\n");
  assertEquals(await panda.stop(), 0);
  await alice.until("Panda has left\n");
  // Prompts stand where lines were typed; typed text itself is the terminal's to show.
  assertEquals(
    panda.stdout.replaceAll("[Me] ", "").replaceAll(WIPE, ""),
    [
      "Not currently in any channel. Must join a channel before sending messages.\n",
      "168_tas\nAlice has joined\n",
      "[Alice] Hi everyone! Does anyone know what we're doing on the first day of lecture?\n",
    ].join(""),
  );
  assertEquals(
    alice.stdout.replaceAll("[Me] ", "").replaceAll(WIPE, ""),
    "168_tas\nPanda has left\n",
  );
  await alice.endInput();
  assertEquals(await alice.code(), 0);
});

Deno.test("client.ts channels sends its name and padded lines, long ones in several frames", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient("Scott", listener.addr.port);
  using server = new Peer(await listener.accept());
  await server.expect(frame("Scott"));
  await client.write(`hi\r\n  lead\n\n \t\n${"word ".repeat(50)}\nlast`);
  await client.endInput();
  // Behind `[Scott] ` there is room for 192 bytes; what is white space only says nothing.
  const long = ["word ".repeat(38), "word ".repeat(12)];
  await server.expect(["hi", "  lead", ...long, "last"].map(frame).join(""));
  await server.expectEnd();
  server.close();
  assertEquals(await client.code(), 0);
  assertEquals(client.stdout, "[Me] ".repeat(7));
});

Deno.test("client.ts channels loses nothing of a long text behind a long name", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient("Alexander", listener.addr.port);
  using server = new Peer(await listener.accept());
  await server.expect(frame("Alexander"));
  const words = Array.from({ length: 100 }, (_, i) => `w${`${i}`.padStart(3, "0")}`);
  await client.write(words.join(" ") + "\n" + "x".repeat(200) + "\n");
  await client.endInput();
  const frames = new TextDecoder().decode(await server.rest()).match(/.{200}/gs)!;
  assertEquals(frames.pop(), "x".repeat(200));
  for (const each of frames) assert(`[Alexander] ${each.trimEnd()}`.length <= 200, each);
  assertEquals(frames.map((each) => each.trimEnd()).join(" "), words.join(" "));
  server.close();
  assertEquals(await client.code(), 0);
});

Deno.test("client.ts channels takes a server's own wipe for what it is", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient("Scott", listener.addr.port);
  using server = new Peer(await listener.accept());
  await server.expect(frame("Scott"));
  await client.until("[Me] ");
  const wiped = ["\r    \r[A] four", "\r[B] none", "\r        \r[C] eight", "\r     \r", "a\rb"];
  await server.send(wiped.map(frame).join("") + frame("\r         \r[D] nine"));
  await client.until("nine\n[Me] ");
  await client.endInput();
  await server.expectEnd();
  server.close();
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout,
    `[Me] ${WIPE}[A] four\n[Me] ${WIPE}[B] none\n[Me] ${WIPE}[C] eight\n[Me] ${WIPE}[Me] ` +
      `${WIPE}a\rb\n[Me] ${WIPE}         \r[D] nine\n[Me] `,
  );
});

Deno.test("client.ts channels sends a piped file whole to a server that reads late", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient("Scott", listener.addr.port);
  using server = new Peer(await listener.accept());
  // As frames, 4 MB: more than the kernel takes at once, and than may wait in memory.
  const typed = Array.from({ length: 20_000 }, (_, i) => `${i}`);
  await client.write(typed.join("\n"));
  await client.endInput();
  await server.expect(["Scott", ...typed].map(frame).join(""));
  await server.expectEnd();
  server.close();
  assertEquals(await client.code(), 0);
});

Deno.test("client.ts channels cuts an over-long name, and takes no empty one", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  await using long = startClient("x" + "é".repeat(150), port);
  using server = new Peer(await listener.accept());
  await server.expect(`x${"é".repeat(99)} `);
  server.close();
  assertEquals(await long.code(), 0);
  for (const name of ["", "  "]) {
    await using empty = startClient(name, port);
    assertEquals(await empty.code(), 2);
    assertEquals(empty.stdout, "");
    assertMatch(empty.stderr, /NAME must not be empty\n$/);
  }
});

Deno.test("client.ts channels ends on a signal while a file is piped to a server that reads nothing", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient("Scott", listener.addr.port);
  using _server = await listener.accept();
  // As frames, 20 MB: far more than the kernel takes for a server that never reads.
  const typing = client.write("x\n".repeat(100_000)).catch(() => {});
  await client.until("[Me] ".repeat(5_000));
  const asked = performance.now();
  assertEquals(await client.stop("SIGTERM"), 0);
  // Unasked, it would give the server 10 s.
  assert(performance.now() - asked < 8000);
  await typing;
});

Deno.test("client.ts channels shows frames only when they are whole", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient("Scott", listener.addr.port);
  using server = new Peer(await listener.accept());
  await server.read(200);
  await client.until("[Me] ");
  await server.send(frame("first").slice(0, 150));
  await server.send(
    frame("first").slice(150) + frame("second\n") + frame("") + frame(" é  x") + "half",
  );
  await client.until("x\n[Me] ");
  const { port } = listener.addr;
  server.close();
  assertEquals(await client.code(), 0);
  assertEquals(
    client.stdout,
    `[Me] ${WIPE}first\n[Me] ${WIPE}second\n[Me] ${WIPE}[Me] ${WIPE} é  x\n[Me] ` +
      `${WIPE}Server at 127.0.0.1:${port} has disconnected\n`,
  );
});
