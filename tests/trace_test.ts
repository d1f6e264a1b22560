import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { line } from "../lib/operator.ts";
import { bytes, Program } from "./helpers.ts";

const NOON = new Date("2024-11-24T12:00:00.123Z");

Deno.test("line() shows time, peer, way, length, text and bytes", { permissions: "none" }, () => {
  for (
    const [what, shown] of [
      [bytes("JOIN A\n"), '7 "JOIN A\\n" 4a 4f 49 4e 20 41 0a'],
      [bytes('say "\\n"\r\n'), '10 "say \\"\\\\n\\"\\r\\n" 73 61 79 20 22 5c 6e 22 0d 0a'],
      [Uint8Array.of(0x1b, 0x5b, 0xff), '3 "\\x1b[\ufffd" 1b 5b ff'],
      [bytes("é"), '2 "é" c3 a9'],
      [new Uint8Array(), '0 ""'],
      ["end of stream", "end of stream"],
    ] as const
  ) {
    assertEquals(
      line(NOON, { peer: "127.0.0.1:50692", way: "<-", what }),
      `12:00:00.123 127.0.0.1:50692 <- ${shown}\n`,
    );
  }
});

Deno.test("--trace writes both directions of every connection, of servers and of clients", async () => {
  const dir = await Deno.makeTempDir();
  const permissions = ["--allow-net", `--allow-write=${dir}`];
  const start = (script: string, args: string[], name: string) =>
    new Program(script, [...args, "--trace", `${dir}/${name}`], { permissions });
  {
    await using server = start("server.ts", ["relay", "0"], "server");
    const port = await server.port();
    await using client = start("client.ts", ["relay", "127.0.0.1", String(port)], "client");
    await client.type("JOIN Al");
    await client.until("Al joined!Connected to server!\n");
    await client.type("QUIT");
    await client.code();
    await server.stop();
    const time = /^\d\d:\d\d:\d\d\.\d{3} /gm;
    const local = /'127\.0\.0\.1', (\d+)/.exec(server.stdout)![1];
    assertEquals(
      (await Deno.readTextFile(`${dir}/server`)).replaceAll(time, "").replaceAll(
        /" [0-9a-f ]+$/gm,
        '"',
      ),
      `127.0.0.1:${local} <- 8 "JOIN Al\\n"\n127.0.0.1:${local} -> 31 "Al joined!Connected to server!\\n"\n` +
        `127.0.0.1:${local} <- 5 "QUIT\\n"\n127.0.0.1:${local} -> 31 "Al is quitting the chat server\\n"\n` +
        `127.0.0.1:${local} -> end of stream\n127.0.0.1:${local} <- end of stream\n`,
    );
    assertMatch(
      await Deno.readTextFile(`${dir}/client`),
      new RegExp(
        `^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} 127\\.0\\.0\\.1:${port} -> 8 "JOIN Al\\\\n" 4a 4f 49 4e 20 41 6c 0a\n`,
      ),
    );
  }
  await Deno.remove(dir, { recursive: true });
});

Deno.test("--trace says in one sentence what it needs", async () => {
  await using without = new Program("server.ts", ["relay", "0", "--trace", "nowhere/x"]);
  assertEquals(await without.code(), 1);
  assertEquals(
    without.stderr,
    "cannot write the trace nowhere/x: run it with --allow-write=nowhere/x\n",
  );
  await using missing = new Program("server.ts", ["relay", "0", "--trace"]);
  assertEquals(await missing.code(), 2);
});
