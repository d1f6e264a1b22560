import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { bridged, meet, register, registered, startClient, startServer } from "./bridge_play.ts";
import { bytes, deadline, Peer, Program } from "./helpers.ts";

Deno.test("the document's Example 1 is shown whole by three real processes", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  await using alice = await startClient("Alice", port);
  await alice.type("/id");
  await alice.until("\nAlice\n");
  await meet(server, ["Alice", alice]);
  await using bob = await startClient("Bob", port);
  await bob.type("/id");
  await bob.until("\nBob\n");
  await meet(server, ["Bob", bob]);
  await bob.type("/chat");
  const request = `Incoming chat request from Bob 127.0.0.1:${bob.waits}\n`;
  await alice.until(request);
  for (
    const [from, to, line] of [
      [bob, alice, "Hello Alice"],
      [alice, bob, "How are you doing, Bob?"],
      [bob, alice, "Doing well, Alice. Time for coffee?"],
      [alice, bob, "Sorry Bob, I'm too busy."],
      [bob, alice, "Okay Alice, another time."],
    ] as const
  ) {
    await from.type(line);
    await to.until(line + "\n");
  }
  await alice.type("/quit");
  assertEquals(await alice.code(), 0);
  assertEquals(await bob.code(), 0);
  await server.type("/info");
  await server.until(`\nBob 127.0.0.1:${bob.waits}\n`);
  assertEquals(await server.stop(), 0);
  const [a, b] = [`Alice 127.0.0.1:${alice.waits}`, `Bob 127.0.0.1:${bob.waits}`];
  assertEquals(
    alice.stdout,
    `Alice running on 127.0.0.1:${alice.waits}\nAlice\n${request}` +
      "Hello Alice\nDoing well, Alice. Time for coffee?\nOkay Alice, another time.\n",
  );
  assertEquals(
    bob.stdout,
    `Bob running on 127.0.0.1:${bob.waits}\nBob\n` +
      "How are you doing, Bob?\nSorry Bob, I'm too busy.\n",
  );
  assertEquals(
    server.stdout,
    `Server listening on 127.0.0.1:${port}\n` +
      `REGISTER: Alice from 127.0.0.1:${alice.waits} received\nBRIDGE: ${a}\n` +
      `REGISTER: Bob from 127.0.0.1:${bob.waits} received\nBRIDGE: ${b} ${a}\n${a}\n${b}\n`,
  );
});

Deno.test("the document's Example 2: Control-C ends a client that has shown its id", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using client = await startClient("student1", port);
    await client.type("/id");
    await client.until("\nstudent1\n");
    assertEquals(await client.stop(signal), 0);
    assertEquals(client.stdout, `student1 running on 127.0.0.1:${client.waits}\nstudent1\n`);
    assertEquals(client.stderr, "");
  }
  assertEquals(await server.stop("SIGTERM"), 0);
  assertEquals(server.stdout, `Server listening on 127.0.0.1:${port}\n`);
});

Deno.test("server.ts bridge keeps what it has acknowledged when it is killed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/contacts.db`;
    const permissions = ["--allow-net", `--allow-read=${folder}`, `--allow-write=${folder}`];
    const args = ["bridge", "--port=0", `--contacts=${file}`];
    let acknowledged = 0;
    {
      await using server = new Program("server.ts", args, { permissions });
      using peer = await Peer.connect(await server.port("stdout"));
      const ids = Array.from({ length: 2000 }, (_, i) => register(`c${i}`, i + 1));
      const sending = peer.send(ids.join("")).catch(() => {});
      while (acknowledged < 300) {
        await peer.expect(registered(`c${acknowledged}`, acknowledged + 1));
        acknowledged++;
      }
      // In the middle of the others.
      server.signal("SIGKILL");
      await sending;
      const rest = new TextDecoder().decode(await peer.rest());
      acknowledged += rest.split("Status: registered\r\n\r\n").length - 1;
    }
    await using server = new Program("server.ts", args, { permissions });
    await server.port("stdout");
    await server.type("/info");
    await server.until(`\nc${acknowledged - 1} 127.0.0.1:${acknowledged}\n`);
    assertEquals(await server.stop(), 0);
    const kept = server.stdout.split("\n").slice(1, acknowledged + 1);
    assertEquals(kept, Array.from(kept, (_, i) => `c${i} 127.0.0.1:${i + 1}`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("server.ts bridge answers a thousand clients that register and bridge at once", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  const started = performance.now();
  await Promise.all(Array.from({ length: 1000 }, async (_, i) => {
    const id = `c${i}`;
    using registering = await Peer.connect(port);
    await registering.send(register(id, i + 1));
    await registering.expect(registered(id, i + 1));
    registering.close();
    using bridging = await Peer.connect(port);
    await bridging.send(`BRIDGE\r\nclientID: ${id}\r\n\r\n`);
    assertEquals(await bridging.line(), "BRIDGEACK\r");
    const other = await bridging.line();
    assert(/^clientID: c\d+\r$/.test(other) && other !== `clientID: ${id}\r`, other);
  }));
  const ms = performance.now() - started;
  assertEquals(await server.stop(), 0);
  assertEquals(server.stdout.split("\n").length, 2002);
  // A quarter of that on an idle machine of two cores, clients included.
  assert(ms < 2000, `${ms} ms`);
});

Deno.test("server.ts bridge says once that it keeps contacts in memory without permission", async () => {
  const [starting, port] = await startServer("--contacts=contacts.db", "--host=127.0.0.1");
  await using server = starting;
  using peer = await Peer.connect(port);
  await peer.send(register("a", 1));
  await peer.expect(registered("a", 1));
  assertEquals(await server.stop(), 0);
  assertEquals(
    server.stderr,
    "the contacts are kept in memory: contacts.db needs --allow-read and --allow-write\n",
  );
});

Deno.test("server.ts bridge takes /info and nothing else, and outlives its input", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  using peer = await Peer.connect(port);
  await peer.send(register("Bob", 9000) + register("Alice", 8000));
  await peer.expect(registered("Bob", 9000) + registered("Alice", 8000));
  await server.write("\n/in\nfo\n /info\n/info \r\n/quit\n/info");
  await server.endInput();
  const once = "Bob 127.0.0.1:9000\nAlice 127.0.0.1:8000\n";
  await server.until(once + once);
  await peer.send(register("Zoë", 1));
  await peer.expect(registered("Zoë", 1));
  assertEquals(await server.stop(), 0);
  assertEquals(
    server.stdout,
    `Server listening on 127.0.0.1:${port}\n` +
      "REGISTER: Bob from 127.0.0.1:9000 received\nREGISTER: Alice from 127.0.0.1:8000 received\n" +
      `${once}${once}REGISTER: Zoë from 127.0.0.1:1 received\n`,
  );
});

Deno.test("server.ts bridge takes /info after a typed line without measure", async () => {
  const [starting, port] = await startServer();
  await using server = starting;
  using peer = await Peer.connect(port);
  await peer.send(register("Bob", 9000));
  await peer.expect(registered("Bob", 9000));
  await server.write(`/info${"x".repeat(5000)}\n${"y".repeat(100_000)}/info\n/info\n`);
  await server.until("\nBob 127.0.0.1:9000\n");
  assertEquals(await server.stop(), 0);
  assertEquals(server.stdout.split("\nBob 127.0.0.1:9000\n").length, 2);
});

for (
  const { flooded, read } of [
    { flooded: false, read: true },
    { flooded: true, read: true },
    { flooded: true, read: false },
  ]
) {
  const what = `${flooded ? "a flood of" : "one"} /info${read ? "" : " that nobody reads"}`;
  Deno.test(`server.ts bridge ends within 5 s of SIGTERM during ${what}`, async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "server.ts", "bridge", "--port=0"],
      cwd: new URL("../", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = child.stdout.getReader();
    const typing = child.stdin.getWriter();
    try {
      const started = new TextDecoder().decode((await output.read()).value);
      using peer = await Peer.connect(Number(/:(\d+)\n/.exec(started)![1]));
      const clients = Array.from({ length: 2000 }, (_, i) => i + 1);
      const registering = peer.send(clients.map((i) => register(`client${i}`, i)).join(""));
      await peer.expect(clients.map((i) => registered(`client${i}`, i)).join(""));
      await registering;
      typing.write(bytes("/info\n".repeat(flooded ? 20_000 : 1))).catch(() => {});
      // More than the kernel holds of it: the flood is under way.
      for (let heard = 0; read && heard < (flooded ? 1_000_000 : 10_000);) {
        heard += (await deadline(output.read(), "/info")).value!.length;
      }
      if (!read) await new Promise((resolve) => setTimeout(resolve, 500));
      const start = performance.now();
      child.kill("SIGTERM");
      const reading = (async () => {
        while (read && !(await output.read()).done);
      })();
      assertEquals((await deadline(child.status, "the end of the server")).code, 0);
      await reading;
      const ms = performance.now() - start;
      assert(ms < 5000, `it took ${ms} ms`);
    } finally {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
      await typing.abort().catch(() => {});
      await output.cancel();
    }
  });
}

/** Whether `nc` is here; the tests that need it say that they were skipped. */
const ignore = !await new Deno.Command("sh", { args: ["-c", "command -v nc"], stdout: "null" })
  .output().then(({ success }) => success);

Deno.test({
  name: "nc can play the client against the server",
  ignore,
  async fn() {
    const [starting, port] = await startServer();
    await using _server = starting;
    for (
      const [typed, answer] of [
        [register("Alice", 2500), registered("Alice", 2500)],
        // As a person types it.
        ["REGISTER\nclientID: Bob\nIP: 127.0.0.1\nPort: 2000\n\n", registered("Bob", 2000)],
        ["BRIDGE\nclientID: Bob\n\n", bridged("Alice", 2500)],
      ] as const
    ) {
      const nc = new Deno.Command("nc", {
        args: ["-N", "127.0.0.1", String(port)],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const stdin = nc.stdin.getWriter();
      await stdin.write(new TextEncoder().encode(typed));
      await stdin.close();
      const { stdout } = await deadline(nc.output(), "nc");
      assertEquals(new TextDecoder().decode(stdout), answer);
    }
  },
});

Deno.test({
  name: "nc can play the server against the client",
  ignore,
  async fn() {
    // nc has no port 0 that it would tell: one that was free a moment ago.
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = free.addr;
    free.close();
    const nc = new Deno.Command("nc", {
      args: ["-v", "-l", "127.0.0.1", String(port)],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const said = nc.stderr.getReader();
    const stdin = nc.stdin.getWriter();
    await using client = await startClient("Bob", port);
    await deadline(said.read(), "nc to listen");
    await client.type("/register");
    await stdin.write(new TextEncoder().encode("REGACK\nclientID: Bob\nStatus: registered\n\n"));
    await deadline(nc.status, "nc to end with the client's connection");
    await client.type("/chat");
    await client.until("no peer known yet: /bridge asks the server for one\n", "stderr");
    assertEquals(client.stderr, "no peer known yet: /bridge asks the server for one\n");
    const heard = await new Response(nc.stdout).text();
    assertEquals(heard, register("Bob", client.waits));
    await stdin.close().catch(() => {});
    await said.cancel();
  },
});
