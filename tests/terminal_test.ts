/** The console: on streams that the tests hold in their hands, and in real processes on pipes. */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { openConsole } from "../lib/console.ts";
import { Ends } from "./ends.ts";
import { bytes as bytesOf, deadline, text as textOf } from "./helpers.ts";

const CHILD = ["run", "--quiet", "--allow-net", new URL("console_child.ts", import.meta.url).href];

Deno.test("readLine() gives lines without their ends however the input is split", async () => {
  const bytes = bytesOf("Hi\r\n\n日本\nré \r\r\nlast");
  for (let at = 0; at <= bytes.length; at++) {
    const ends = new Ends();
    const terminal = openConsole(ends.options(false));
    ends.input.enqueue(bytes.subarray(0, at));
    ends.input.enqueue(bytes.subarray(at));
    ends.input.close();
    const lines = [];
    for (let line = await terminal.readLine(); line !== null; line = await terminal.readLine()) {
      lines.push(line);
    }
    assertEquals(lines, ["Hi", "", "日本", "ré \r", "last"]);
    assertEquals(await terminal.readLine(), null);
    await terminal.close();
    assertEquals(ends.output, "");
  }
});

Deno.test("readLine() gives null at once when there is no input", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(false));
  ends.input.close();
  assertEquals(await terminal.readLine(), null);
  await terminal.close();
});

Deno.test("readLine() replaces invalid UTF-8", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(false));
  ends.input.enqueue(Uint8Array.of(0x61, 0xff, 0x0a, 0xe6));
  ends.input.close();
  assertEquals([await terminal.readLine(), await terminal.readLine()], ["a\ufffd", "\ufffd"]);
  await terminal.close();
});

Deno.test("readLine() gives a line without an end in parts, and loses nothing of it", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(false));
  const part = "x".repeat(100_000);
  for (let i = 0; i < 25; i++) ends.type(part);
  ends.type("\nnext");
  ends.input.close();
  const lines: string[] = [];
  for (let line; (line = await terminal.readLine()) !== null;) lines.push(line);
  assertEquals(lines.pop(), "next");
  assertEquals(lines.join("").length, 25 * part.length);
  assert(lines.every((line) => line.length <= 1024 * 1024 + part.length), "a part is too long");
  await terminal.close();
});

Deno.test("readLine() answers in order when it is called before there are lines", async () => {
  for (const interactive of [false, true]) {
    const ends = new Ends();
    const terminal = openConsole(ends.options(interactive));
    const lines = Promise.all([terminal.readLine(), terminal.readLine(), terminal.readLine()]);
    ends.type("a\nb\n");
    ends.input.close();
    assertEquals(await lines, ["a", "b", null]);
    await terminal.close();
  }
});

Deno.test("close() ends a waiting readLine() and keeps ending them", async () => {
  for (const interactive of [false, true]) {
    const ends = new Ends();
    const terminal = openConsole(ends.options(interactive));
    const line = terminal.readLine();
    await terminal.close();
    assertEquals(await line, null);
    assertEquals(await terminal.readLine(), null);
    await terminal.close();
    assertEquals(ends.raw, interactive ? [true, false] : []);
  }
});

Deno.test("close() leaves no line for later when more were typed than asked for", async () => {
  for (const interactive of [false, true]) {
    const ends = new Ends();
    const terminal = openConsole(ends.options(interactive));
    ends.type("a\nb\nc\n");
    assertEquals(await terminal.readLine(), "a");
    await terminal.close();
    assertEquals(await terminal.readLine(), null);
  }
});

Deno.test("show() and write() give a pipe exactly their text", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(false, { prompt: "[Me] ", timestamps: true }));
  terminal.setPrompt("> ");
  terminal.write("[Me] ");
  terminal.show("\x1b[31mred\n\x07");
  terminal.write("\r    \r[Kay] Hi!\n[Me] ");
  terminal.note("help");
  await terminal.close();
  assertEquals(ends.output, "[Me] \x1b[31mred\n\x07\n\r    \r[Kay] Hi!\n[Me] ");
  assertEquals(ends.error, "help\n");
});

Deno.test("show() escapes control characters when only the output is a terminal", async () => {
  const ends = new Ends();
  const options = ends.options(false);
  options.stdout!.isTerminal = () => true;
  const terminal = openConsole(options);
  terminal.show("a\x1b[2J\nb");
  terminal.show("a\nb\r", { keepLines: true });
  terminal.note("he\x1blp");
  await terminal.close();
  assertEquals([terminal.interactive, ends.output], [false, "a\\x1b[2J\\x0ab\na\nb\\x0d\n"]);
  assertEquals(ends.error, "he\x1blp\n");
});

Deno.test("show() joins what waits for a slow reader, whole and in order", async () => {
  const ends = new Ends();
  const { promise, resolve } = Promise.withResolvers<void>();
  ends.stuck = promise;
  ends.capacity = 7;
  const terminal = openConsole(ends.options(false));
  const lines = Array.from({ length: 1000 }, (_, number) => `line ${number} é`);
  terminal.show(lines[0]!);
  await Promise.resolve(); // the first line is being written now
  await Promise.resolve();
  for (const line of lines.slice(1)) terminal.show(line);
  let drained = false;
  const draining = terminal.drained().then(() => drained = true);
  assertEquals([ends.output, drained], ["", false]);
  resolve();
  await draining;
  assertEquals(ends.output, lines.join("\n") + "\n");
  await terminal.close();
});

Deno.test("show() makes one write of what one turn shows", async () => {
  for (const interactive of [false, true]) {
    const ends = new Ends();
    const terminal = openConsole(ends.options(interactive));
    for (let number = 0; number < 1000; number++) terminal.show(`line ${number}`);
    await terminal.drained();
    assertEquals(ends.writes, 1);
    await terminal.close();
  }
});

Deno.test("readLine() gives null and nothing throws when the output is closed", async () => {
  for (const interactive of [false, true]) {
    const ends = new Ends();
    const terminal = openConsole(ends.options(interactive));
    ends.failure = new Deno.errors.BrokenPipe("Broken pipe (os error 32)");
    const line = terminal.readLine();
    terminal.show("one");
    assertEquals(await line, null);
    terminal.show("two");
    terminal.write("three");
    await terminal.close();
    assertEquals(await terminal.readLine(), null);
  }
});

Deno.test("show() on a terminal puts lines above what is typed", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(true, { prompt: "[Me] " }));
  ends.type("typing a text of 31 characters.");
  await ends.shows("[Me] typing a text o", "f 31 characters.");
  terminal.show("[Kay] a message as long as that, too");
  await ends.shows(
    "[Kay] a message as l",
    "ong as that, too",
    "[Me] typing a text o",
    "f 31 characters.",
  );
  ends.type("\x1b[D!\r");
  assertEquals(await terminal.readLine(), "typing a text of 31 characters!.");
  terminal.setPrompt("> ");
  terminal.show("one\ntwo\x1b[2J", { keepLines: true });
  terminal.note("help");
  await ends.shows(
    "[Kay] a message as l",
    "ong as that, too",
    "[Me] typing a text o",
    "f 31 characters!.",
    "one",
    "two\\x1b[2J",
    "help",
    ">",
  );
  await terminal.close();
  assertEquals(ends.screen.at(-2), "help");
  assertEquals([ends.screen.at(-1), ends.error], ["", ""]);
});

Deno.test("show() puts the local time before a line when asked", async () => {
  const ends = new Ends();
  const now = () => new Date(2024, 0, 31, 9, 5, 7);
  const terminal = openConsole(ends.options(true, { timestamps: true, now }));
  terminal.show("Hi");
  await ends.shows("09:05:07 Hi", "");
  await terminal.close();
});

Deno.test("note() goes to standard error when that is not the terminal", async () => {
  const ends = new Ends();
  const options = ends.options(true);
  options.stderr!.isTerminal = () => false;
  const terminal = openConsole(options);
  terminal.note("help");
  await terminal.close();
  assertEquals([ends.error, ends.screen], ["help\n", [""]]);
});

Deno.test("close() leaves what was being typed to be read, and shows what comes later", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(true, { prompt: "> " }));
  ends.type("half");
  await ends.shows("> half");
  await terminal.close();
  terminal.show("gone");
  await terminal.drained();
  await ends.shows("> half", "gone", "");
  assert(
    ends.output.startsWith("\r\x1b[K\x1b[J\x1b[?2004h") && ends.output.includes("\x1b[?2004l"),
  );
});

Deno.test("readLine() gives null after ^D, and ^C calls onInterrupt", async () => {
  const ends = new Ends();
  let interrupts = 0;
  const terminal = openConsole(ends.options(true, { onInterrupt: () => void interrupts++ }));
  ends.type("a\r\x03b\x03\x15\x04");
  assertEquals([await terminal.readLine(), await terminal.readLine()], ["a", null]);
  assertEquals(interrupts, 2);
  await terminal.close();
});

Deno.test("readLine() gives null after ^C when nothing else is asked for", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(true));
  ends.type("a\r\x03");
  assertEquals([await terminal.readLine(), await terminal.readLine()], ["a", null]);
  await terminal.close();
});

Deno.test("Tab lists candidates above the line, escaped", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(true, { commands: ["a\x1b[2J", "ab"] }));
  ends.type("a\t\t");
  await ends.shows("a[2J  ab", "a");
  await terminal.close();
});

Deno.test("Tab completes the names that were shown or typed, the latest thousand", async () => {
  const ends = new Ends();
  const named = (line: string): [number, number][] => line.endsWith(" left") ? [[0, -5]] : [];
  const options = { commands: ["LIST", "MESG"], named, typed: /^MESG (\S+)/, prompt: ">" };
  const terminal = openConsole(ends.options(true, options));
  terminal.show("Mallory left");
  terminal.show("Mia");
  ends.type("MESG Zoe hi\rM\tM\tZ\t");
  await terminal.readLine();
  // The commands at the start of a line, and everywhere else the names.
  await ends.shows("Mallory left", "Mia", ">MESG Zoe hi", ">MESG Mallory Zoe");
  for (let n = 0; n < 999; n++) terminal.show(`u${n} left`);
  ends.type("\x15MESG Z\t\rMESG M\t.\r");
  assertEquals([await terminal.readLine(), await terminal.readLine()], ["MESG Zoe ", "MESG M."]);
  await terminal.close();
});

Deno.test("^L clears the screen and keeps the line", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(true));
  terminal.show("old");
  await ends.shows("old", "");
  ends.type("abc\x0c");
  await ends.shows("abc");
  await terminal.close();
});

Deno.test("a lone Escape key swallows nothing that is typed after a pause", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(true));
  ends.type("one two\x1b");
  await ends.shows("one two");
  // The pause is what this is about: 50 ms make an Escape key of its own.
  await new Promise((resolve) => setTimeout(resolve, 100));
  ends.type("before");
  await ends.shows("one twobefore");
  await terminal.close();
});

Deno.test("close() stops the wait for the rest of a key", async () => {
  const ends = new Ends();
  const terminal = openConsole(ends.options(true));
  ends.type("one\x1b");
  await ends.shows("one");
  // A timer that went on would be a leak, which the sanitizer finds.
  await terminal.close();
});

Deno.test("a process on pipes gets the bytes and nothing else, and ends with its input", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: CHILD,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(bytesOf("Hi\r\n日本\nlast"));
  await writer.close();
  const { code, stdout, stderr } = await deadline(child.output(), "the end of the process");
  assertEquals(textOf(stdout), 'typed "Hi"\ntyped "日本"\ntyped "last"\n');
  assertEquals([textOf(stderr), code], ["on a pipe\n", 0]);
});

Deno.test("a process ends quietly when its output is closed", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: CHILD,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const writer = child.stdin.getWriter();
  await writer.write(bytesOf("Hi\n"));
  // Standard input stays open: only the closed output can end the process.
  const stderr = deadline(new Response(child.stderr).text(), "the end of the process");
  assertEquals([await stderr, (await child.status).code], ["on a pipe\n", 0]);
  await writer.close().catch(() => {});
});
