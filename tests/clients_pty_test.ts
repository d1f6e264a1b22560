/**
 * The terminal clients as people see them: colours, times, completion and help in a pseudo-terminal, and
 * nothing of it on a pipe.
 */

import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { Program } from "./helpers.ts";
import { hasScript, Pty } from "./pty.ts";

const SIZE = { columns: 70, rows: 20 };
const PROMPT = "Enter JOIN followed by your username: ";

/** Runs `test` against a real relay server in which Bob is, as a pipe. */
function relayTest(
  name: string,
  test: (context: { port: number; bob: Program }) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: !hasScript,
    async fn() {
      await using server = new Program("server.ts", ["relay", "0"]);
      const port = await server.port();
      await using bob = new Program("client.ts", ["relay", "127.0.0.1", String(port)]);
      await bob.type("JOIN Bob");
      await bob.until("Bob joined!Connected to server!");
      await test({ port, bob });
    },
  });
}

/** A relay client in a pseudo-terminal, joined as Alice. */
async function alice(
  port: number,
  { args = [], env = "TERM=xterm", permissions = ["--allow-net"] }: {
    args?: string[];
    env?: string;
    permissions?: string[];
  } = {},
): Promise<Pty> {
  const pty = new Pty(
    ["run", "--quiet", ...permissions, "client.ts", "relay", "127.0.0.1", String(port), ...args],
    { ...SIZE, env },
  );
  await pty.begin();
  await pty.type("JOIN Alice\r");
  await pty.until((lines) =>
    lines.some((line) => line.endsWith("Alice joined!Connected to server!"))
  );
  return pty;
}

async function leave(pty: Pty): Promise<void> {
  await pty.type("\x15\x04");
  assertMatch(await pty.end(), /code=0/);
}

relayTest(
  "a terminal shows names in colours and the time, and completes them",
  async ({ port, bob }) => {
    const pty = await alice(port, { args: ["--timestamps"] });
    await bob.type("BCST hello, Alice");
    await pty.until((lines) => lines.some((line) => line.endsWith("Bob: hello, Alice")));
    const shown = pty.vt.coloured.find((line) => line.includes("hello"))!;
    // deno-lint-ignore no-control-regex
    assertMatch(shown, /^\d\d:\d\d:\d\d (\x1b\[\d\dm)B\1o\1b: hello, Alice$/);
    await pty.type("ME\tB\tHi\r");
    await bob.until("Alice: Hi\n");
    await leave(pty);
    await bob.endInput();
    assertEquals(await bob.code(), 0);
    // The same words on a pipe: no time, no colour.
    const heard = ["Alice joined!", "Bob is sending a broadcast", "Bob: hello, Alice", "Alice: Hi"];
    assertEquals(
      bob.stdout.replace("Alice left\n", ""),
      [
        `${PROMPT}Bob joined!Connected to server!`,
        ...heard,
        "Bob is quitting the chat server\n",
      ].join("\n"),
    );
  },
);

relayTest("a terminal with NO_COLOR shows no colour", async ({ port }) => {
  const pty = await alice(port, { env: "TERM=xterm NO_COLOR=1" });
  assertEquals(pty.vt.coloured, pty.vt.lines);
  await leave(pty);
});

relayTest("a terminal that says it is dumb gets plain lines", async ({ port, bob }) => {
  const pty = new Pty(
    ["run", "--quiet", "--allow-net", "--allow-env=TERM", "client.ts", "relay", "127.0.0.1"]
      .concat(String(port), "--timestamps"),
    { ...SIZE, env: "TERM=dumb" },
  );
  await pty.type("JOIN Alice\n");
  await bob.until("Alice joined!\n");
  await bob.type("BCST hello");
  await bob.until("Bob: hello\n");
  await pty.type("QUIT\n");
  // The screen throws at each sequence that it does not know, and knows colours: none is in a row.
  const end = await pty.end();
  assertEquals(pty.vt.coloured, pty.vt.lines);
  assertMatch(end, /\nBob: hello\n/);
});

Deno.test({
  name: "help is a word of the overlay and bridge clients on a terminal, and of no other",
  ignore: !hasScript,
  async fn() {
    await using server = new Program("overlay.ts", ["-p", "0"]);
    const [, port] = await server.until(/at port (\d+)/);
    const overlay = new Pty(
      ["run", "--quiet", "--allow-net", "client.ts overlay -s 127.0.0.1 -n Alice -p", port!],
      SIZE,
    );
    await overlay.begin();
    await overlay.until((lines) => lines.includes("connected to server and registered Alice"));
    await overlay.type("help\r");
    await overlay.until((lines) =>
      lines.some((line) => line.startsWith("sendto <name> <message> "))
    );
    await overlay.type("exit\r");
    assertMatch(await overlay.end(), /terminating client\.\.\.\ncode=0/);

    const bridge = new Pty(
      [
        "run",
        "--quiet",
        "--allow-net",
        "client.ts bridge --id=Alice --port=0 --server=127.0.0.1:1",
      ],
      SIZE,
    );
    await bridge.begin();
    await bridge.type("/he\t\r");
    await bridge.until((lines) => lines.some((line) => line.startsWith("/register  tells")));
    await bridge.type("/quit\r");
    assertMatch(await bridge.end(), /code=0/);

    await using piped = new Program("client.ts", [
      "overlay",
      "-s",
      "127.0.0.1",
      "-p",
      port!,
      "-n",
      "B",
    ]);
    await piped.until("registered B\n");
    await piped.type("help");
    await piped.until("not sent, type sendto <name> <message> or exit\n", "stderr");
    await piped.type("exit");
    assertEquals(await piped.code(), 0);
  },
});
