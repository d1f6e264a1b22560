/**
 * What a person sees, in real processes in a real pseudo-terminal whose screen is interpreted and compared:
 * the console alone, and the clients. util-linux `script` gives the pseudo-terminal; without it these tests
 * are ignored, and say so.
 */

import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { bytes, deadline, Peer, Program } from "./helpers.ts";
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

for (const signal of ["HUP", "QUIT"]) {
  ptyTest(`a terminal has its modes back after SIG${signal}`, async (pty) => {
    await pty.type("pid\r");
    let pid = "";
    await pty.until((lines) => {
      pid = /^pid (\d+)$/m.exec(lines.join("\n"))?.[1] ?? "";
      return pid !== "";
    });
    await pty.type("half");
    await pty.until((lines) => lines.at(-1) === "[Me] half");
    await new Deno.Command("kill", { args: [`-${signal}`, pid] }).output();
    const end = await pty.end();
    assertMatch(end, signal === "QUIT" ? /code=131/ : /code=0/);
    assertMatch(end, / icanon/);
    assertMatch(end, / echo /);
  });
}

Deno.test({
  name: "a terminal is the shell's while a client is suspended, and draws the line again after fg",
  ignore: !hasScript,
  async fn() {
    const child = CHILD.slice(1).join(" ");
    const shell = "bash --norc --noprofile --noediting -i";
    const pty = new Pty([], { columns: 60, rows: 20, command: `PS1='sh:' ${shell}` });
    await pty.until((lines) => lines.at(-1) === "sh:");
    await pty.type(`${Deno.execPath()} run ${child}\r`);
    await pty.until((lines) => lines.at(-1) === "[Me]");
    await pty.type("half");
    await pty.until((lines) => lines.at(-1) === "[Me] half");
    await pty.type("\x1a");
    await pty.until((lines) => lines.at(-1) === "sh:" && /Stopped/.test(lines.join("\n")));
    await pty.type("stty -a; echo here\r");
    await pty.until((lines) => lines.includes("here") && lines.at(-1) === "sh:");
    assertMatch(pty.vt.lines.join("\n"), / icanon(.|\n)* echo /);
    await pty.type("fg\r");
    await pty.until((lines) => lines.at(-1) === "[Me] half");
    await pty.type(" and more\r\x04");
    await pty.until((lines) => lines.includes('typed "half and more"') && lines.at(-1) === "sh:");
    await pty.type("exit\r");
    assertMatch(await pty.end(), /code=0/);
  },
});

// ---- the relay and overlay clients ----

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

relayTest(
  "a terminal gets a hint behind a reply that says what was wrong",
  async ({ port, bob }) => {
    const pty = await alice(port, { env: "TERM=xterm NO_COLOR=1" });
    await pty.type("hello\r");
    await pty.until((lines) => lines.includes("Unknown Message  try: BCST Hello all"));
    await leave(pty);
    const other = new Pty(
      ["run", "--quiet", "--allow-net", "client.ts", "relay", "127.0.0.1", String(port)],
      SIZE,
    );
    await other.begin();
    await other.type("LIST\r");
    await other.until((lines) =>
      lines.some((line) => line.endsWith('"JOIN <username>" to Register.  JOIN NAME first'))
    );
    const dim = other.vt.coloured.find((line) => line.includes("Register."))!;
    // deno-lint-ignore no-control-regex
    assertMatch(dim, /Register\. {2}\x1b\[2mJ/);
    await leave(other);
    // On a pipe the reply is the document's and nothing else.
    await bob.type("hello");
    await bob.until("\nUnknown Message\n");
  },
);

relayTest("a terminal completes a name that was typed before", async ({ port }) => {
  const pty = await alice(port);
  await pty.type("MESG Zacharias hi\r");
  await pty.until((lines) => lines.includes("Unknown Recipient"));
  await pty.type("MESG Za\tagain");
  await pty.until((lines) => lines.at(-1) === "MESG Zacharias again");
  await leave(pty);
});

// ---- the channels client ----

const frame = (message: string) => message.padEnd(200);
const CLIENT = new URL("../client.ts", import.meta.url).href;

Deno.test({
  name: "client.ts channels writes what comes in over [Me], and what is typed reappears below",
  ignore: !hasScript,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const args = [
      "run",
      "--quiet",
      "--allow-net",
      CLIENT,
      "channels",
      "Kay",
      "127.0.0.1",
      `${port}`,
    ];
    const pty = new Pty(args, { columns: 30, rows: 12 });
    using server = new Peer(await deadline(listener.accept(), "the client's connection"));
    await server.expect(frame("Kay"));
    await pty.begin();
    const shows = (...lines: string[]) =>
      pty.until((seen) =>
        JSON.stringify(seen.filter((line) => line !== "")) === JSON.stringify(lines)
      );
    await shows("[Me]");
    await server.send(frame("Alice has joined"));
    await shows("Alice has joined", "[Me]");

    await pty.type("Hel");
    await shows("Alice has joined", "[Me] Hel");
    await server.send(frame("[Alice] Hi \x1b[2J!"));
    await shows("Alice has joined", "[Alice] Hi \\x1b[2J!", "[Me] Hel");
    await pty.type("lo\r");
    await server.expect(frame("Hello"));
    await shows("Alice has joined", "[Alice] Hi \\x1b[2J!", "[Me] Hello", "[Me]");

    // Typed text over two rows of thirty columns.
    await pty.type("one two three four five six seven");
    await shows(
      "Alice has joined",
      "[Alice] Hi \\x1b[2J!",
      "[Me] Hello",
      "[Me] one two three four five s",
      "ix seven",
    );
    await server.send(frame("[Alice] between") + frame("a\nb"));
    const above = [
      "Alice has joined",
      "[Alice] Hi \\x1b[2J!",
      "[Me] Hello",
      "[Alice] between",
      "a",
      "b",
    ];
    await shows(...above, "[Me] one two three four five s", "ix seven");
    await pty.type("\r");
    await server.expect(frame("one two three four five six seven"));
    server.close();
    const end = await pty.end();
    assertEquals(end.includes(`Server at 127.0.0.1:${port} has`), true, end);
    assertEquals(end.includes("code=0"), true, end);
  },
});

Deno.test({
  name: "client.ts channels shows the answer to /list in lines, and no other frame",
  ignore: !hasScript,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const args = ["run", "--quiet", "--allow-net", CLIENT, "channels", "Kay", "127.0.0.1"];
    const pty = new Pty([...args, `${listener.addr.port}`], { columns: 40, rows: 20 });
    using server = new Peer(await deadline(listener.accept(), "the client's connection"));
    await server.expect(frame("Kay"));
    await pty.begin();
    await server.send(frame("my room\r\nother"));
    await pty.until((lines) => lines.includes("my room\\x0d\\x0aother"));
    await pty.type("/list\r");
    await server.expect(frame("/list"));
    await server.send(frame("[Eve] a\n[Bob] forged") + frame("\r    \rmy room\r\nother one"));
    await pty.until((lines) =>
      lines.slice(-4).join("|") === "[Eve] a\\x0a[Bob] forged|my room|other one|[Me]"
    );
    await pty.type("\x04");
    await pty.end();
  },
});
