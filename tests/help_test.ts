/**
 * What every program answers to `--help`, `--version`, and words that are meant for another program.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { Program } from "./helpers.ts";

const root = new URL("../", import.meta.url);

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net", ...args],
    cwd: root,
  }).output();
  const text = (data: Uint8Array) => new TextDecoder().decode(data);
  return { code, out: text(stdout), err: text(stderr) };
}

const PROGRAMS = [
  "server.ts relay",
  "server.ts channels",
  "server.ts bridge",
  "client.ts relay",
  "client.ts channels",
  "client.ts overlay",
  "client.ts bridge",
  "overlay.ts",
  "chatroom.ts server",
  "chatroom.ts client",
];

for (const program of PROGRAMS) {
  Deno.test(`${program} --help shows all its options among the options`, async () => {
    const { code, out, err } = await run(...program.split(" "), "--help");
    assertEquals([code, err], [0, ""]);
    assertMatch(out, new RegExp(`^usage: ${program} .*\\[options\\]`));
    assertMatch(out, /^ {2}--trace FILE {2,}\S.*$/m);
    assert(out.split("\n").every((line) => line.length <= 110), "a line is too long to read");
  });
}

Deno.test("each role tells its version, the one of deno.json", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  for (const role of ["server.ts", "client.ts", "overlay.ts", "chatroom.ts", "server.ts relay"]) {
    const { code, out, err } = await run(...role.split(" "), "--version");
    assertEquals([role, code, out, err], [role, 0, `parley ${version}\n`, ""]);
  }
});

Deno.test("a protocol that another script has is named with the command that runs it", async () => {
  for (
    const [role, word, command] of [
      ["server.ts", "overlay", "overlay.ts -p 9000"],
      ["server.ts", "chatroom", "chatroom.ts server"],
      ["client.ts", "chatroom", "chatroom.ts server"],
    ] as const
  ) {
    const { code, out, err } = await run(role, word);
    assertEquals([code, out], [2, ""]);
    assert(err.trimEnd().endsWith(`deno run --allow-net ${command}`), err);
  }
});

Deno.test("a wrong number of users is told why it is wrong, a minus sign or not", async () => {
  for (const users of ["-1", "0", "many"]) {
    const { code, err } = await run("server.ts", "relay", "0", "--users", users);
    assertEquals(code, 2);
    const reason = `--users must be a whole number of at least 1, not "${users}"`;
    assertEquals(err.trimEnd().split("\n").at(-1), reason);
  }
});

Deno.test("a server on all addresses says how other machines reach it, one on loopback does not", async () => {
  for (
    const [script, ...args] of [
      ["server.ts", "relay", "0"],
      ["server.ts", "bridge", "--port=0"],
      ["overlay.ts", "-p", "0"],
      ["chatroom.ts", "server", "--port", "0"],
    ] as const
  ) {
    const here = { permissions: ["--allow-net"] };
    await using everywhere = new Program(script, [...args], here);
    const said = /from other machines: this machine's address, port (\d+)\n/;
    const [, port] = await everywhere.until(said, "stderr");
    assert(Number(port) > 0);
    await using loopback = new Program(script, [...args, "--host", "127.0.0.1"], here);
    await loopback.until(
      /(listening on|started on) /,
      script === "server.ts" && args[0] === "bridge" || script === "overlay.ts"
        ? "stdout"
        : "stderr",
    );
    await loopback.stop();
    assertEquals(loopback.stderr.includes("from other machines"), false);
  }
});
