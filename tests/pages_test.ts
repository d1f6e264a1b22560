/**
 * What the pages of docs/ show as commands and as Python is what happens: each is run as it stands there,
 * with the port of a server of this test in place of the page's.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { installed, Program } from "./helpers.ts";

const docs = new URL("../docs/", import.meta.url);

/** A page, the server that its examples talk to, and what they print: Python's, then nc's. */
interface Page {
  readonly name: string;
  /** The port that stands on the page. */
  readonly port: number;
  readonly server: readonly [script: string, ...args: string[]];
  /** Where the server says its own port. */
  readonly listening: readonly [pattern: RegExp, stream: "stdout" | "stderr"];
  /** What Python prints, the first time and every other time. */
  readonly prints: readonly string[];
  /** What the command with nc prints after that, where the page has one to paste. */
  readonly nc?: string;
}

const LISTENING = [/listening on \S+:(\d+)/, "stderr"] as const;

const PAGES: readonly Page[] = [
  {
    name: "relay",
    port: 8001,
    server: ["server.ts", "relay", "0"],
    listening: LISTENING,
    prints: [
      "Alice joined!Connected to server!\nAlice is sending a broadcast\nAlice\n" +
      "Alice is quitting the chat server\n",
    ],
  },
  {
    name: "channels",
    port: 55555,
    server: ["server.ts", "channels", "0"],
    listening: LISTENING,
    prints: ["tas\n", "Room tas already exists, so cannot be created.\ntas\n"],
    nc: "Room tas already exists, so cannot be created.".padEnd(200) + "tas".padEnd(200),
  },
  {
    name: "bridge",
    port: 5555,
    server: ["server.ts", "bridge", "--port=0"],
    listening: [/listening on \S+:(\d+)/, "stdout"],
    prints: [
      "REGACK\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 2500\r\nStatus: registered\r\n\r\n\n",
    ],
    nc: "BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\n\r\n",
  },
  {
    name: "overlay",
    port: 5000,
    server: ["overlay.ts", "-p", "0"],
    listening: [/at port (\d+)/, "stdout"],
    prints: ["welcome Alice\nrecvfrom Alice hello\n"],
  },
  {
    name: "chatroom",
    port: 12345,
    server: ["chatroom.ts", "server", "--port", "0"],
    listening: LISTENING,
    prints: ["Welcome\n"],
  },
];

async function output(command: string, args: string[]): Promise<string> {
  const child = new Deno.Command(command, { args, stderr: "piped" });
  const { stdout, stderr } = await child.output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout);
}

for (const { name, port, server: [script, ...args], listening, prints, nc } of PAGES) {
  Deno.test({
    name: `docs/${name}.md: its Python works, twice in a row, and so does its nc`,
    ignore: !await installed("python3") || !await installed("nc"),
    async fn() {
      const page = await Deno.readTextFile(new URL(`${name}.md`, docs));
      await using server = new Program(script, args);
      const [, real] = await server.until(...listening);
      const here = (text: string) => text.replaceAll(String(port), real!);
      const python = /```python\n(.*?)```/s.exec(page)![1]!;
      for (const wanted of [prints[0], prints.at(-1)]) {
        assertEquals(await output("python3", ["-c", here(python)]), wanted);
      }
      if (nc === undefined) return;
      const command = /`(printf [^`]*\| nc [^`]*)`/.exec(page)![1]!;
      assertEquals(await output("sh", ["-c", here(command)]), nc);
    },
  });
}

Deno.test("docs/trust.md names tests that exist, for each promise", async () => {
  const page = await Deno.readTextFile(new URL("trust.md", docs));
  const [, listed] = /^## Promises\n(.*)^What is not/ms.exec(page)!;
  const promises = listed!.split(/^\d\. /m).slice(1);
  assertEquals(promises.length, 6);
  for (const promise of promises) {
    const text = promise.replaceAll(/\s+/g, " ");
    const tests = text.slice(text.indexOf("Tests: ")).split("`").slice(1);
    assert(tests.length >= 2, text);
    let source = "";
    for (const [i, part] of tests.entries()) {
      if (i % 2 === 0) source = await Deno.readTextFile(new URL(part, import.meta.url));
      for (const [, name] of part.matchAll(/"([^"]+)"/g)) assert(source.includes(name!), name);
    }
  }
});
