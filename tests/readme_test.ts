/**
 * README.md says nothing that is not so: its generated parts are generated again, its commands, flags,
 * tasks and paths are tried.
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { fill, generate, pages } from "../tools/readme.ts";
import { hasScript } from "./pty.ts";

const root = new URL("../", import.meta.url);
const readme = await Deno.readTextFile(new URL("README.md", root));

async function help(args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args: [...args, "--help"], cwd: root });
  const { code, stdout, stderr } = await command.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""], args.join(" "));
  return new TextDecoder().decode(stdout);
}

/** All command lines of ours that the page shows, without their `deno`. */
function commands(): string[][] {
  const lines = [...readme.matchAll(/^(?:\$ )?deno (run .*)$/gm)].map(([, line]) =>
    line!.split(" ")
  );
  assert(lines.length >= 10, "there are not that few commands");
  return lines;
}

Deno.test({
  name: "README.md shows its screens, limits, figures and picture as they are now",
  ignore: !hasScript,
  async fn() {
    const performance = await Deno.readTextFile(new URL("docs/performance.md", root));
    const { texts, picture } = await generate(performance);
    assertEquals(fill(readme, texts), readme);
    assertEquals(await Deno.readTextFile(new URL("docs/session.svg", root)), picture);
  },
});

Deno.test("the pages show the limits that their servers have", async () => {
  for (const { url, text } of await pages()) assertEquals(await Deno.readTextFile(url), text);
});

Deno.test("README.md names commands and flags that the programs know", async () => {
  // An unknown flag is refused, with --help behind it, too.
  const known = (await Promise.all(commands().map(help))).join("\n");
  const flags = new Set([...readme.matchAll(/--[a-z][a-z-]+/g)].map(([flag]) => flag));
  const others = ["--allow-net", "--allow-env", "--broker", "--help", "--version"];
  for (const other of [...others, "--no-config", "--unstable-net"]) flags.delete(other);
  const tasks = await Deno.readTextFile(new URL("deno.json", root));
  const missing = [...flags].filter((flag) => !known.includes(flag) && !tasks.includes(flag));
  assertEquals(missing, []);
});

Deno.test("README.md names tasks, paths and links that exist", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const named = [...readme.matchAll(/\b(?:deno|deno@\S+) task (\w+)/g)].map(([, task]) => task!);
  assertEquals(named.filter((task) => !(task in tasks)), []);
  const layout = /## Layout\n\n```\n(.*?)```/s.exec(readme)![1]!.trimEnd().split("\n");
  const paths = layout.map((line) => line.split(" ")[0]!);
  const links = [...readme.matchAll(/\]\((?!https:)([^)]+)\)/g)].map(([, link]) => link!);
  for (const path of [...paths, ...links]) await Deno.stat(new URL(path, root));
  const folders = (await Array.fromAsync(Deno.readDir(root))).filter(({ name }) =>
    !name.startsWith(".")
  )
    .map(({ name, isDirectory }) => isDirectory ? `${name}/` : name)
    .filter((name) => name.endsWith("/") || name.endsWith(".ts"));
  const made = ["node_modules/", "dist/"];
  assertEquals(folders.filter((name) => !paths.includes(name) && !made.includes(name)), []);
});
