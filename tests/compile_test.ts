/**
 * What can be told about the executables without the runtime that is downloaded for them: that nothing
 * is missing from them, and that each program starts from anywhere with just its permissions.
 *
 * @module
 */

import { assertEquals } from "@std/assert/equals";
import { PROGRAMS } from "../tools/programs.ts";

const root = new URL("..", import.meta.url);

async function deno(
  args: string[],
  cwd: URL | string,
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd }).output();
  const text = (data: Uint8Array) => new TextDecoder().decode(data);
  return { code, out: text(stdout), err: text(stderr) };
}

for (const script of new Set(PROGRAMS.map((program) => program.script))) {
  Deno.test(`${script}: its module graph is complete without any registry`, async () => {
    const { code, out } = await deno(["info", "--json", "--no-remote", script], root);
    assertEquals(code, 0);
    const { modules } = JSON.parse(out) as { modules: { specifier: string; error?: string }[] };
    assertEquals(modules.filter((module) => module.error), []);
    const elsewhere = modules.map(({ specifier }) => specifier)
      .filter((specifier) => !specifier.startsWith("file:") && !specifier.startsWith("node:"));
    assertEquals(elsewhere, []);
  });
}

for (const { name, script, args, permissions } of PROGRAMS) {
  Deno.test(`${name} starts from another folder with the permissions it gets`, async () => {
    const dir = await Deno.makeTempDir();
    const path = new URL(script, root).pathname;
    const run = ["run", "--no-remote", "--no-prompt", ...permissions, path, ...args];
    const help = await deno([...run, "--help"], dir);
    assertEquals([help.code, help.err, help.out.startsWith("usage: ")], [0, "", true]);
    // The chatroom server needs no arguments: told nothing, it would serve.
    const told = name === "chatroom-server" ? [...run, "--port"] : run;
    const nothing = await deno(told, dir);
    assertEquals(nothing.out, "");
    assertEquals(nothing.code, 2);
    await Deno.remove(dir, { recursive: true });
  });
}
