/**
 * The console in a real process in a real pseudo-terminal, whose screen is interpreted and compared.
 * util-linux `script` gives the pseudo-terminal; without it these tests are ignored, and say so.
 */

import { assertEquals } from "@std/assert/equals";
import { bytes, deadline } from "./helpers.ts";
import { hasScript, Pty } from "./pty.ts";

const CHILD = ["run", "--quiet", "--allow-net", new URL("console_child.ts", import.meta.url).href];

/** Runs `test` with a client in a pseudo-terminal that is connected and shows its prompt. */
function ptyTest(name: string, test: (pty: Pty, peer: Deno.Conn) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !hasScript,
    async fn() {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const pty = new Pty([...CHILD, String(listener.addr.port)], { columns: 30, rows: 12 });
      using peer = await deadline(listener.accept(), "the client's connection");
      await pty.begin();
      await pty.until((lines) => lines.at(-1) === "[Me]");
      await test(pty, peer);
    },
  });
}

/** Whole texts: `#` begins each message, and rows are joined again. */
function texts(lines: readonly string[]): string[] {
  return lines.join("").split(/(?=#|\[Me\]|typed)/);
}

/** The rows that a text takes, the cursor's own row after a full one included. */
function rowsOf(text: string, columns: number): string[] {
  const count = Math.floor(text.length / columns) + 1;
  return Array.from({ length: count }, (_, row) => text.slice(row * columns, (row + 1) * columns));
}

ptyTest("a terminal gets every line whole while a text is typed", async (pty, peer) => {
  const typed = "日本語👍🏽e\u0301-".repeat(8) + "-0123456789-end";
  const messages = Array.from({ length: 1000 }, (_, n) => `#${n} `.padEnd(10 + n % 40, "x"));
  const characters = Array.from(typed);
  for (const [index, character] of characters.entries()) {
    const batch = messages.slice(
      index * 1000 / characters.length,
      (index + 1) * 1000 / characters.length,
    );
    await peer.write(bytes(batch.map((message) => `${message}\n`).join("")));
    await pty.type(character);
  }
  const expected = ["on a terminal", ...messages, `[Me] ${typed}`];
  await pty.until((lines) => texts(lines).join("\n") === expected.join("\n"));
  await pty.type("\r\x04");
  const end = await pty.end();
  assertEquals(
    end.replaceAll("\n", "").includes(`[Me] ${typed}typed ${JSON.stringify(typed)}`),
    true,
  );
});

ptyTest("a terminal that changes its size keeps messages and typed text", async (pty, peer) => {
  const typed = "a text of sixty characters that goes over rows of any width.".replaceAll(" ", "_");
  await peer.write(bytes("#one\n#two\n"));
  await pty.type(typed);
  const expected = ["on a terminal", "#one", "#two", `[Me] ${typed}`];
  const whole = (lines: string[]) => texts(lines).join("\n") === expected.join("\n");
  await pty.until(whole);
  for (const columns of [20, 61, 13, 65, 66, 30]) {
    await pty.resize(columns);
    const rows = rowsOf(`[Me] ${typed}`, columns);
    await pty.until((lines) => whole(lines) && lines.slice(-rows.length).join() === rows.join());
  }
  await pty.type("\x15\x04");
  await pty.end();
});

ptyTest("a terminal has its modes back after ^D", async (pty) => {
  await pty.type("\x04");
  const end = await pty.end();
  assertEquals(/code=0/.test(end) && / icanon/.test(end) && / echo /.test(end), true, end);
});

ptyTest("a terminal has its modes back after ^C", async (pty) => {
  await pty.type("half\x03");
  const end = await pty.end();
  assertEquals(/\[Me\] half\ninterrupted|interrupted\n\[Me\] half/.test(end), true, end);
  assertEquals(/code=0/.test(end) && / icanon/.test(end) && / echo /.test(end), true, end);
});

ptyTest("a key whose bytes come in parts is one key", async (pty) => {
  await pty.type("\x1b");
  await pty.type("[Aab\x1b[1");
  await pty.type(";5Dc");
  await pty.until((lines) => lines.at(-1) === "[Me] cab");
  await pty.type("\x05\x15\x04");
  await pty.end();
});

ptyTest("a paste of several lines is submitted line by line", async (pty) => {
  await pty.type("\x1b[200~one\r\ntwo\tb\nthr\x1b[201~ee");
  const expected = ["[Me] one", "[Me] two b", 'typed "one"', 'typed "two b"', "[Me] three"];
  await pty.until((lines) =>
    [...lines.slice(1, -1)].sort().join("|") === expected.slice(0, -1).join("|") &&
    lines.at(-1) === expected.at(-1)
  );
  await pty.type("\x15\x04");
  await pty.end();
});
