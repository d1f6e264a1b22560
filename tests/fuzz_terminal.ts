/**
 * What is fuzzed of the terminal and the command line: everything that takes in keys, arguments, or texts
 * that are shown.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { assert } from "@std/assert/assert";
import { AddressMap } from "../chatroom.ts";
import { typable } from "../lib/console.ts";
import {
  clusterWidth,
  draw,
  type Drawing,
  erase,
  graphemes,
  leastWidth,
  type Line,
  nextGrapheme,
  paint,
  previousGrapheme,
} from "../lib/draw.ts";
import { escapeControl, line as traceLine } from "../lib/operator.ts";
import { optionsBy, port, suggestion, UsageError, wholeNumber } from "../lib/program.ts";
import { named } from "../lib/wire/relay.ts";
import type { Target } from "./fuzzing.ts";
import type { Random } from "./random.ts";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** A text; one in four as UTF-16, which has surrogates without their other half. */
function textOf(input: Uint8Array, random: Random): string {
  if (random.below(4) > 0) return utf8.decode(input);
  let text = "";
  for (let i = 0; i + 1 < input.length; i += 2) {
    text += String.fromCharCode(input[i]! | input[i + 1]! << 8);
  }
  return text;
}

/** Whether a character may move the cursor, change colours or reorder a line. */
function isUnsafe(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
    (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

function isSafe(text: string, allowed = ""): boolean {
  for (let i = 0; i < text.length; i++) {
    if (isUnsafe(text.charCodeAt(i)) && !allowed.includes(text[i]!)) return false;
  }
  return text.isWellFormed();
}

const TEXTS = [
  "Hello, everybody",
  "\x1b]52;c;aGk=\x07 \x1b[31mred\x1b[0m",
  "a\tb\r[Me] \x9b2J",
  "\u202eabc\u202c \u2066x\u2069",
  "👨‍👩‍👧 👍🏽 🇩🇪 e\u0301 한국 \u1112\u1161\u11ab",
  "שלום \u200f عربي",
];
const ARGS = [
  "8001\n--host\n127.0.0.1",
  "--port=5555\n-h",
  "-p5555\n-s=127.0.0.1\n-t\n9100",
  "--users\n10\n--list=lines\n8001",
  "--contacts=FILE\n--\n-x\ny",
  "--line-bytes\n100\n--verbose",
];

function checkEscape(input: Uint8Array, random: Random): void {
  const text = textOf(input, random);
  const shown = escapeControl(text);
  assert(isSafe(shown, "\t"), "a control character is shown");
  assert(isSafe(escapeControl(text, { keepLines: true }), "\t\n"), "a control character is shown");
  assert(escapeControl(shown) === shown, "escaped twice");
  assert(shown === text || !isSafe(text, "\t"), "escaped without need");
  assert(isSafe(typable(text)), "a control character is typed");
}

function checkWidth(input: Uint8Array, random: Random): void {
  const text = textOf(input, random);
  const clusters = graphemes(text);
  assert(clusters.join("") === text, "characters were added or lost");
  for (const cluster of new Set(clusters)) {
    const [least, most] = [leastWidth(cluster), clusterWidth(cluster)];
    assert(least >= 0 && least <= 2 && least <= most, "an impossible width");
  }
  const index = random.below(text.length + 1);
  const [before, after] = [previousGrapheme(text, index), nextGrapheme(text, index)];
  assert(before <= index && after >= index && after <= text.length, "out of range");
  assert(index === 0 || before < index, "the cursor would not move to the left");
  assert(index === text.length || after > index, "the cursor would not move to the right");
}

function checkRender(input: Uint8Array, random: Random): void {
  const text = typable(textOf(input, random));
  const cursor = text === "" ? 0 : previousGrapheme(text, 1 + random.below(text.length));
  const line = { prompt: "[Me] ", text, cursor };
  const size = { columns: 1 + random.below(90), rows: 1 + random.below(30) };
  const drawing = draw(line, size);
  checkDrawing(drawing, line, size);
  const erased = erase(drawing, 1 + random.below(90));
  // deno-lint-ignore no-control-regex
  assert(/^(?:\x1b\[(?:\d+A|[KBJ])|\r)+$/.test(erased), "what erases does more than that");
}

function checkDrawing(drawing: Drawing, line: Line, size: { columns: number; rows: number }): void {
  const { rows, cursorRow, cursorIndex, bytes } = drawing;
  assert(rows.length >= 1 && rows.length <= size.rows, "more rows than the screen has");
  assert((line.prompt + line.text).includes(rows.join("")), "another text is drawn");
  assert(cursorRow >= 0 && cursorRow < rows.length, "the cursor's row is not drawn");
  assert(cursorIndex <= rows[cursorRow]!.length, "the cursor is outside its row");
  // deno-lint-ignore no-control-regex
  assert(isSafe(bytes.replace(/\r\n|\x1b\[\d+A\r|\r/g, "")), "control in a drawing");
}

function checkNames(input: Uint8Array, random: Random): void {
  const line = escapeControl(textOf(input, random));
  for (const [start, end] of named(line)) assert(start < end, "a name of nothing");
  // deno-lint-ignore no-control-regex
  assert(paint(line, named).replace(/\x1b\[\d+m/g, "") === line, "painting has changed the text");
}

/** Two bytes are one step with one of a few addresses. */
function checkAddresses(input: Uint8Array): void {
  const map = new AddressMap<string>();
  const model = new Map<string, string>();
  for (let i = 0; i + 1 < input.length; i += 2) {
    const [what, where] = [input[i]! % 4, input[i + 1]!];
    const address = {
      transport: "udp",
      hostname: `10.0.0.${where & 3}`,
      port: where >> 4,
    } as const;
    const key = `${address.hostname}/${address.port}`;
    if (what < 2) {
      map.set(address, String(i));
      model.set(key, String(i));
    } else if (what === 2) {
      assert(map.delete(address) === model.delete(key), "it was there and it was not");
    } else {
      assert(map.get(address) === model.get(key), "another name");
      assert(map.has({ ...address }) === model.has(key), "it is there and it is not");
    }
  }
  assert(
    map.size === model.size && [...map.values()].join() === [...model.values()].join(),
    "size",
  );
  for (const [address, name] of map) assert(map.get({ ...address }) === name, "not itself");
}

/** Each line is an argument. */
function checkOptions(input: Uint8Array, random: Random): void {
  const args = textOf(input, random).split("\n");
  expectUsage(() => {
    const { words, strings, limits, help } = optionsBy(parseArgs, args, {
      words: ["PORT"],
      strings: ["host", "users", "list", "p", "s"],
      booleans: ["udp", "verbose"],
      alias: { contacts: "c", port: "q" },
      limits: ["lineBytes", "rate"],
    });
    assert(help || words.length === 1, "a word too many or too few");
    assert(typeof (strings["host"] ?? "") === "string", "no string");
    assert(limits.lineBytes >= 0 && Number.isSafeInteger(limits.lineBytes), "no number");
  });
  const arg = random.pick(args);
  expectUsage(() => assert(port(arg) <= 65535, "no port"));
  expectUsage(() => assert(wholeNumber(arg, { name: "N", min: 1 }) >= 1, "too small"));
  suggestion(arg, ["relay", "channels", "bridge"]);
}

function expectUsage(parse: () => void): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
}

const NOON = new Date(43_200_000);

function checkTrace(input: Uint8Array): void {
  const shown = traceLine(NOON, { peer: "127.0.0.1:5", way: "<-", what: input });
  assert(isSafe(shown.slice(0, -1), "\t") && shown.endsWith("\n"), "more than a line");
  const hex = shown.slice(shown.lastIndexOf('"') + 1).trim();
  const listed = hex === "" ? [] : hex.split(" ").map((byte) => parseInt(byte, 16));
  assert(listed.length === input.length, "another number of bytes");
  assert(listed.every((byte, i) => byte === input[i]), "other bytes");
}

/** Decoders, parsers and what is pure of the line editor. */
export const TERMINAL: readonly Target[] = [
  { name: "escape", corpus: TEXTS, check: checkEscape },
  {
    name: "width",
    corpus: TEXTS,
    check: checkWidth,
    costs: [(input) => graphemes(utf8.decode(input))],
  },
  { name: "render", corpus: TEXTS, check: checkRender },
  {
    name: "names",
    corpus: ["Alice,Bob,Alex", "Alice: Hello", "Bob left", ...TEXTS],
    check: checkNames,
  },
  { name: "addresses", corpus: ["abcabcabc", "a0b0c0d0"], check: checkAddresses },
  { name: "options", corpus: ARGS, check: checkOptions },
  { name: "trace", corpus: [...TEXTS, ...ARGS], check: checkTrace },
];
