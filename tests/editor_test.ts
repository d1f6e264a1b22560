/**
 * The line editor as tables of keystrokes. Keys are given as the bytes that a terminal sends, and what
 * is looked at is the screen and the lines that were submitted; every case also runs with its bytes split.
 */

import { assertEquals } from "@std/assert/equals";
import { openConsole } from "../lib/console.ts";
import { Ends } from "./ends.ts";
import { bytes } from "./helpers.ts";
import { Vt } from "./vt.ts";

/** Names for what cannot be seen. Everything else in a case is typed as it stands. */
const KEYS: Record<string, string> = {
  left: "\x1b[D",
  right: "\x1b[C",
  up: "\x1b[A",
  down: "\x1b[B",
  home: "\x1b[H",
  end: "\x1b[F",
  delete: "\x1b[3~",
  backspace: "\x7f",
  tab: "\t",
  enter: "\r",
  esc: "\x1b",
  paste: "\x1b[200~",
  pasted: "\x1b[201~",
  "ctrl-left": "\x1b[1;5D",
  "ctrl-right": "\x1b[1;5C",
};
for (const letter of "abcdefghijklmnopqrstuvwxyz") {
  KEYS[`^${letter}`] = String.fromCharCode(letter.charCodeAt(0) - 96);
}

function bytesOf(keys: string): Uint8Array {
  return bytes(keys.replace(/<([^<>]+)>/g, (all, name) => KEYS[name] ?? all));
}

const COMMANDS = ["/create", "/join", "/list", "/listen"];
const NAMES = ["Zoë", "Zoé", "Bob", "B\tea", "Q\x1b[31m"];
/** The line that says them, and where it does; what is shown has its control characters escaped. */
const SAID = NAMES.join(",");
const SAID_SAFE = SAID.replace("\x1b", "\\x1b");

function named(line: string): [start: number, end: number][] {
  return line === SAID_SAFE ? [...line.matchAll(/[^,]+/dg)].map((name) => name.indices![0]!) : [];
}

/** What the keys led to. */
interface Played {
  /** The text being typed, with `|` at the cursor. */
  text: string;
  /** The lines that were submitted. */
  lines: string[];
  /** The rows above the text that no line was submitted for. */
  above: string[];
  interrupts: number;
}

const SIZE = { columns: 100, rows: 50 };

async function play(chunks: Uint8Array[]): Promise<Played> {
  const ends = new Ends();
  let interrupts = 0;
  const onInterrupt = () => void interrupts++;
  const options = { commands: COMMANDS, named, onInterrupt, size: () => SIZE, prompt: ">" };
  const terminal = openConsole(ends.options(true, options));
  terminal.show(SAID);
  for (const chunk of chunks) ends.input.enqueue(chunk);
  ends.input.close();
  const lines: string[] = [];
  for (let line; (line = await terminal.readLine()) !== null;) lines.push(line);
  await terminal.drained();
  const vt = new Vt(SIZE.columns, SIZE.rows);
  vt.write(ends.output);
  const before = vt.beforeCursor.split("\n").at(-1)!.slice(1);
  const text = `${before}|${vt.lines.at(-1)!.padEnd(before.length + 1).slice(before.length + 1)}`;
  const typed = lines.map((line) => `>${line}`);
  const above = vt.lines.slice(0, -1).filter((row) =>
    !typed.includes(row) && !row.startsWith("Zo")
  );
  await terminal.close();
  return { text, lines, above, interrupts };
}

/** All at once, byte by byte, and cut in two at every place. */
function* splits(bytes: Uint8Array): Iterable<Uint8Array[]> {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

type Case = [name: string, keys: string, text: string, rest?: Partial<Omit<Played, "text">>];

const ASKED = "21 lines are pasted: Enter sends them, any other key drops them";

const CASES: Case[] = [
  ["takes text", "Hi there", "Hi there|"],
  ["inserts at the cursor", "ac<left>b", "ab|c"],
  ["stays at the start on left", "a<left><left><left>b", "b|a"],
  ["stays at the end on right", "a<right><right>b", "ab|"],
  ["goes home and to the end", "bc<home>a<end>d", "abcd|"],
  ["knows Home and End of rxvt", "b\x1b[7~a\x1b[8~c", "abc|"],
  ["knows Home and End of the Linux console", "b\x1b[1~a\x1b[4~c", "abc|"],
  ["knows keys in application mode", "b\x1bOHa\x1bOFc\x1bOD|", "ab||c"],
  ["goes home and to the end on ^A and ^E", "b<^a>a<^e>c", "abc|"],
  ["moves on ^B and ^F", "abc<^b><^b>x<^f>y", "axby|c"],
  ["deletes forward on Delete", "abc<home><delete>", "|bc"],
  ["deletes forward on ^D within a text", "abc<home><^d>", "|bc"],
  ["deletes nothing on ^D at the end of a text", "abc<^d>", "abc|"],
  ["deletes backward on Backspace", "abc<left><backspace>", "a|c"],
  ["deletes backward on ^H", "abc<^h>", "ab|"],
  ["deletes nothing on Backspace at the start", "abc<home><backspace>", "|abc"],
  ["deletes to the start on ^U", "abc<left><^u>", "|c"],
  ["deletes to the end on ^K", "abc<home><right><^k>", "a|"],
  ["deletes a word or a run of signs on ^W", "mesg a-b <^w><^w>", "mesg a|"],
  ["deletes one word of several on ^W", "one two three<^w>", "one two |"],
  ["gives back what was deleted on ^Y", "one two<^w><^a><^y>-", "two-|one"],
  ["moves by words on Control and arrows", "one two<ctrl-left><ctrl-left>x", "x|one two"],
  ["moves to the next word", "one two<home><ctrl-right>x<ctrl-right>y", "one xtwoy|"],
  ["moves by words on Alt-b and Alt-f", "one two<esc>bx<home><esc>fy", "one y|xtwo"],
  ["moves by words on Alt and arrows", "one two\x1b[1;3Dx<home>\x1b[1;3Cy", "one y|xtwo"],
  ["deletes a word forward on Alt-d", "one two<home><esc>d", "|two"],
  ["deletes a word backward on Alt-Backspace", "one a-b<esc><backspace>", "one a-|"],
  ["moves over a character of several code points", "a👩‍👩‍👧‍👦b<left><left>x", "ax|👩‍👩‍👧‍👦b"],
  ["deletes a character of several code points", "a👍🏽e\u0301<backspace><backspace>", "a|"],
  ["deletes a flag forward", "🇩🇪🇫🇷<home><delete>", "|🇫🇷"],
  ["keeps the cursor out of a character being joined", "\u0301<home>e", "e\u0301|"],
  ["moves by words of other scripts", "привет мир<ctrl-left>x", "привет x|мир"],
  ["submits a line on Enter", "Hi<enter>a", "a|", { lines: ["Hi"] }],
  ["submits a line on LF", "Hi\na", "a|", { lines: ["Hi"] }],
  ["submits one line for CR LF", "Hi\r\na\r\n", "|", { lines: ["Hi", "a"] }],
  ["submits an empty line", "<enter>", "|", { lines: [""] }],
  ["submits all of the text when the cursor is within", "ab<left><enter>", "|", { lines: ["ab"] }],
  ["brings back lines on Up", "a<enter>b<enter><up><up>", "a|", { lines: ["a", "b"] }],
  ["comes back to what was typed behind the oldest line", "a<enter>b<enter>x<up>", "x|", {
    lines: ["a", "b"],
  }],
  ["finds on Up the lines that begin so", "ab<enter>c<enter>a<up>", "ab|", { lines: ["ab", "c"] }],
  ["stays at the draft on Down", "a<enter>draft<down><down>", "draft|", { lines: ["a"] }],
  ["brings back lines on ^P and ^N", "a<enter>b<enter><^p><^p><^n>", "b|", { lines: ["a", "b"] }],
  ["keeps a repeated line once", "a<enter>b<enter>b<enter><up><up>", "a|", {
    lines: ["a", "b", "b"],
  }],
  ["keeps no empty lines", "a<enter><enter><up>", "a|", { lines: ["a", ""] }],
  ["submits a line brought back and changed", "a<enter><up>b<enter><up>", "ab|", {
    lines: ["a", "ab"],
  }],
  ["calls onInterrupt on ^C and keeps the text", "ab<^c>", "ab|", { interrupts: 1 }],
  ["ends on ^D at an empty line", "<^d>", "|"],
  ["clears on ^L", "ab<^l>c", "abc|"],
  ["completes a single candidate and a blank", "/c<tab>x", "/create x|"],
  ["completes without a second blank", "/c x<home><right><right><tab>", "/create| x"],
  ["completes what candidates share", "/l<tab>", "/list|"],
  ["lists the candidates on the second Tab", "/l<tab><tab>", "/list|", {
    above: ["/list  /listen"],
  }],
  ["lists nothing when a key came between", "/l<tab><left><right><tab>", "/list|"],
  ["completes within a line", "say Bo<tab>", "say Bob |"],
  ["cuts no character where candidates part", "hi Z<tab>", "hi Zo|"],
  ["completes nothing when nothing fits", "/x<tab><tab>", "/x|"],
  ["lets no control character in from a name", "hi Q<tab>.", "hi Q\\x1b[31m .|"],
  ["lists candidates with what can be typed", "hi B<tab><tab>", "hi B|", { above: ["B ea  Bob"] }],
  ["submits the whole lines of a paste", "a<paste>b\rc\rd<pasted>e", "de|", { lines: ["ab", "c"] }],
  ["takes LF and CR LF in a paste", "<paste>a\nb\r\nc\r\n<pasted>", "|", {
    lines: ["a", "b", "c"],
  }],
  ["submits the empty lines of a paste", "<paste>\n\n<pasted>", "|", { lines: ["", ""] }],
  ["completes nothing in a paste", "<paste>/l\t\t.<pasted>", "/l  .|"],
  ["submits a paste of twenty lines", `<paste>${"x\r".repeat(20)}<pasted>`, "|", {
    lines: Array(20).fill("x"),
  }],
  ["asks before a longer paste is submitted", `<paste>${"x\r".repeat(21)}y<pasted>`, "y|", {
    above: [ASKED],
  }],
  ["submits it when Enter says so", `<paste>${"x\r".repeat(21)}y<pasted><enter>z`, "yz|", {
    lines: Array(21).fill("x"),
    above: [ASKED],
  }],
  ["forgets it on any other key", `<paste>${"x\r".repeat(21)}y<pasted>nz`, "yz|", {
    above: [ASKED, "nothing of it is sent"],
  }],
  ["makes keys in a paste harmless", "<paste>a\x03\x04\x15\x1b[Ab\x07<pasted>", "a[Ab|"],
  ["takes keys again after a paste", "<paste>abc<pasted><left>x", "abx|c"],
  ["puts a paste at the cursor", "ad<left><paste>bc<pasted>", "abc|d"],
  ["leaves out bidirectional overrides", "a\u202eb", "ab|"],
  ["ignores a control key without a meaning", "a<^g><^t>b", "ab|"],
  ["ignores a function key", "a\x1b[15~\x1bOP\x1b[24;2~b", "ab|"],
  ["ignores a function key of the Linux console", "a\x1b[[Ab", "ab|"],
  ["ignores Alt and a letter without a meaning", "a<esc>xb", "ab|"],
];

for (const [name, keys, text, { lines = [], above = [], interrupts = 0 } = {}] of CASES) {
  Deno.test(`a line ${name}`, async () => {
    for (const chunks of splits(bytesOf(keys))) {
      const played = await play(chunks);
      assertEquals({ ...played, text: played.text.trimEnd() }, { text, lines, above, interrupts });
    }
  });
}

Deno.test("a line replaces invalid UTF-8", async () => {
  assertEquals((await play([Uint8Array.of(0x61, 0xff, 0x62)])).text, "a\ufffdb|");
});
