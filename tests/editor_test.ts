/**
 * The line editor as tables of keystrokes. Keys are given as the bytes that a terminal sends, so the
 * decoder and the editor are tested together; every case also runs with its bytes split.
 */

import { assertEquals } from "@std/assert/equals";
import { edit, type EditorEvent, EMPTY_EDITOR, type Input, KeyDecoder } from "../lib/console.ts";

const encoder = new TextEncoder();

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
  return encoder.encode(keys.replace(/<([^<>]+)>/g, (all, name) => KEYS[name] ?? all));
}

const COMMANDS = ["/create", "/join", "/list", "/listen"];
const NAMES = ["Zoë", "Zoé", "Bob", "B\x1bea\tr", "Q\x1b[31m"];

function complete(word: string, line: string): string[] {
  const candidates = word === line ? COMMANDS : NAMES;
  return candidates.filter((candidate) => candidate.startsWith(word));
}

/** The text with `|` at the cursor, and the events on the way. */
function play(chunks: Uint8Array[]): { text: string; events: EditorEvent[] } {
  const decoder = new KeyDecoder();
  let editor = EMPTY_EDITOR;
  const events: EditorEvent[] = [];
  for (const chunk of chunks) {
    for (const input of decoder.decode(chunk)) {
      const edited = edit(editor, input, complete);
      editor = edited.editor;
      if (edited.event) events.push(edited.event);
    }
  }
  const { text, cursor } = editor;
  return { text: `${text.slice(0, cursor)}|${text.slice(cursor)}`, events };
}

/** All at once, byte by byte, and cut in two at every place. */
function* splits(bytes: Uint8Array): Iterable<Uint8Array[]> {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

const line = (text: string): EditorEvent => ({ type: "line", text });
const list = (...candidates: string[]): EditorEvent => ({ type: "candidates", candidates });

type Case = [name: string, keys: string, text: string, events?: EditorEvent[]];

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
  ["deletes an argument on ^W", "mesg a-b.c <^w>", "mesg |"],
  ["deletes one word of several on ^W", "one two three<^w>", "one two |"],
  ["gives back what was deleted on ^Y", "one two<^w><^a><^y>-", "two-|one "],
  ["keeps what was deleted when nothing is", "one<^u><^u><^k><^y>", "one|"],
  ["moves by words on Control and arrows", "one, two<ctrl-left><ctrl-left>x", "x|one, two"],
  ["moves to the end of words", "one, two<home><ctrl-right>x<ctrl-right>y", "onex, twoy|"],
  ["moves by words on Alt-b and Alt-f", "one two<esc>bx<home><esc>fy", "oney| xtwo"],
  ["moves by words on Alt and arrows", "one two\x1b[1;3Dx<home>\x1b[1;3Cy", "oney| xtwo"],
  ["deletes a word forward on Alt-d", "one two<home><esc>d", "| two"],
  ["deletes a word backward on Alt-Backspace", "one a-b<esc><backspace>", "one a-|"],
  ["moves over a character of several code points", "a👩‍👩‍👧‍👦b<left><left>x", "ax|👩‍👩‍👧‍👦b"],
  ["deletes a character of several code points", "a👍🏽e\u0301<backspace><backspace>", "a|"],
  ["deletes a flag forward", "🇩🇪🇫🇷<home><delete>", "|🇫🇷"],
  ["keeps the cursor out of a character being joined", "\u0301<home>e", "e\u0301|"],
  ["moves by words of other scripts", "привет мир<ctrl-left>x", "привет x|мир"],
  ["submits a line on Enter", "Hi<enter>a", "a|", [line("Hi")]],
  ["submits a line on LF", "Hi\na", "a|", [line("Hi")]],
  ["submits one line for CR LF", "Hi\r\na\r\n", "|", [line("Hi"), line("a")]],
  ["submits an empty line", "<enter>", "|", [line("")]],
  ["submits all of the text when the cursor is within", "ab<left><enter>", "|", [line("ab")]],
  ["brings back lines on Up", "a<enter>b<enter><up><up>", "a|", [line("a"), line("b")]],
  ["stops at the oldest line", "a<enter>b<enter><up><up><up>", "a|", [line("a"), line("b")]],
  ["keeps the draft", "a<enter>dra<up>x<down>ft", "draft|", [line("a")]],
  ["stays at the draft on Down", "a<enter>draft<down><down>", "draft|", [line("a")]],
  ["brings back lines on ^P and ^N", "a<enter>b<enter><^p><^p><^n>", "b|", [line("a"), line("b")]],
  ["keeps a repeated line once", "a<enter>b<enter>b<enter><up><up>", "a|", [
    line("a"),
    line("b"),
    line("b"),
  ]],
  ["keeps no empty lines", "a<enter><enter><up>", "a|", [line("a"), line("")]],
  ["submits a line brought back and changed", "a<enter><up>b<enter><up>", "ab|", [
    line("a"),
    line("ab"),
  ]],
  ["says interrupt on ^C and keeps the text", "ab<^c>", "ab|", [{ type: "interrupt" }]],
  ["says end on ^D at an empty line", "<^d>", "|", [{ type: "end" }]],
  ["says clear on ^L", "ab<^l>c", "abc|", [{ type: "clear" }]],
  ["completes a single candidate and a blank", "/c<tab>x", "/create x|"],
  ["completes without a second blank", "/c x<home><right><right><tab>", "/create| x"],
  ["completes what candidates share", "/l<tab>", "/list|"],
  ["lists the candidates on the second Tab", "/l<tab><tab>", "/list|", [list("/list", "/listen")]],
  ["lists nothing when a key came between", "/l<tab><left><right><tab>", "/list|"],
  ["completes within a line", "say Bo<tab>", "say Bob |"],
  ["cuts no character where candidates part", "hi Z<tab>", "hi Zo|"],
  ["completes nothing when nothing fits", "/x<tab><tab>", "/x|"],
  ["lets no control character in from a candidate", "hi Q<tab>", "hi Q[31m |"],
  ["lists candidates with what can be typed", "hi B<tab><tab>", "hi B|", [list("Bob", "Bea r")]],
  ["submits the whole lines of a paste", "a<paste>b\rc\rd<pasted>e", "de|", [
    line("ab"),
    line("c"),
  ]],
  ["takes LF and CR LF in a paste", "<paste>a\nb\r\nc\r\n<pasted>", "|", [
    line("a"),
    line("b"),
    line("c"),
  ]],
  ["submits the empty lines of a paste", "<paste>\n\n<pasted>", "|", [line(""), line("")]],
  ["completes nothing in a paste", "<paste>/l\t\t.<pasted>", "/l  .|"],
  ["makes keys in a paste harmless", "<paste>a\x03\x04\x15\x1b[Ab\x07<pasted>", "a[Ab|"],
  ["ends a paste only at its end", "<paste>a\x1b[201\x1b[20<pasted>b", "a[201[20b|"],
  ["takes keys again after a paste", "<paste>abc<pasted><left>x", "abx|c"],
  ["puts a paste at the cursor", "ad<left><paste>bc<pasted>", "abc|d"],
  ["leaves out bidirectional overrides", "a\u202eb", "ab|"],
  ["ignores a control key without a meaning", "a<^g><^t><^z>b", "ab|"],
  ["ignores a function key", "a\x1b[15~\x1bOP\x1b[24;2~b", "ab|"],
  ["ignores a function key of the Linux console", "a\x1b[[Ab", "ab|"],
  ["ignores a sequence that no key sends", "a\x1b[?1;2cb\x1b[12;40Rc", "abc|"],
  ["takes a control key within a sequence", "ab\x1b[<^u>c", "c|"],
  ["drops ESC before a letter without a meaning", "a<esc>xb", "axb|"],
  ["starts again at ESC within a sequence", "ab\x1b[1;<left>x", "ax|b"],
];

for (const [name, keys, text, events = []] of CASES) {
  Deno.test({
    name: `edit() ${name}`,
    permissions: "none",
    fn() {
      for (const chunks of splits(bytesOf(keys))) assertEquals(play(chunks), { text, events });
    },
  });
}

Deno.test({
  name: "edit() keeps the last thousand lines",
  permissions: "none",
  fn() {
    let editor = EMPTY_EDITOR;
    for (let number = 0; number < 1100; number++) {
      for (const input of [{ text: `${number}` }, { key: "enter" }] satisfies Input[]) {
        editor = edit(editor, input).editor;
      }
    }
    assertEquals(editor.history.length, 1000);
    assertEquals([editor.history[0], editor.history.at(-1)], ["100", "1099"]);
  },
});

Deno.test({
  name: "KeyDecoder.decode() replaces invalid UTF-8",
  permissions: "none",
  fn: () => assertEquals(play([Uint8Array.of(0x61, 0xff, 0x62)]).text, "a\ufffdb|"),
});

Deno.test({
  name: "KeyDecoder.decode() gives text again after a sequence without an end",
  permissions: "none",
  fn: () => assertEquals(play([bytesOf("<esc>[" + "1".repeat(30) + "x")]).text, "1x|"),
});

Deno.test({
  name: "KeyDecoder.idle() makes a lone ESC mean nothing",
  permissions: "none",
  fn() {
    const decoder = new KeyDecoder();
    assertEquals(decoder.decode(bytesOf("a<esc>")), [{ text: "a" }]);
    assertEquals(decoder.waiting, true);
    decoder.idle();
    assertEquals(decoder.waiting, false);
    assertEquals(decoder.decode(bytesOf("b")), [{ text: "b" }]);
  },
});

Deno.test({
  name: "KeyDecoder.idle() leaves a paste as it is",
  permissions: "none",
  fn() {
    const decoder = new KeyDecoder();
    assertEquals(decoder.decode(bytesOf("<paste>a<esc>")), [{ text: "a" }]);
    assertEquals(decoder.waiting, false);
    decoder.idle();
    assertEquals(decoder.decode(bytesOf("[201~<tab>")), [{ key: "tab" }]);
  },
});
