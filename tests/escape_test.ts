import { assertEquals } from "@std/assert/equals";
import { typable } from "../lib/console.ts";
import { escapeControl } from "../lib/operator.ts";

const CASES: [name: string, text: string, escaped: string][] = [
  ["a colour sequence", "\x1b[31mred", "\\x1b[31mred"],
  ["NUL, bell and backspace", "\0\x07\x08", "\\x00\\x07\\x08"],
  ["a carriage return", "a\rb", "a\\x0db"],
  ["a line feed", "a\nb", "a\\x0ab"],
  ["DEL and C1", "\x7f\x9b2J", "\\x7f\\x9b2J"],
  ["bidirectional overrides", "\u202eevil\u202c", "\\u202eevil\\u202c"],
  ["bidirectional isolates", "\u2066a\u2069", "\\u2066a\\u2069"],
  ["half of a surrogate pair", "a\ud83db", "a\\ud83db"],
  ["both halves in the wrong order", "\udc4d\ud83d", "\\udc4d\\ud83d"],
];

const UNCHANGED = [
  "",
  "plain ~",
  "a\tb",
  "日本語",
  "👩‍👩‍👧‍👦 👍🏽 ❤️",
  "e\u0301",
  "\u200fשלום\u200e",
  "\ufeff",
];

for (const [name, text, escaped] of CASES) {
  Deno.test({
    name: `escapeControl() writes out ${name}`,
    permissions: "none",
    fn: () => assertEquals(escapeControl(text), escaped),
  });
}

Deno.test({
  name: "escapeControl() returns the text itself when nothing is unsafe",
  permissions: "none",
  fn() {
    for (const text of UNCHANGED) assertEquals(escapeControl(text), text);
  },
});

Deno.test({
  name: "escapeControl() keeps only line feeds when asked to keep lines",
  permissions: "none",
  fn: () => assertEquals(escapeControl("a\r\nb\x1b", { keepLines: true }), "a\\x0d\nb\\x1b"),
});

Deno.test({
  name: "typable() leaves out control characters and makes a tab one space",
  permissions: "none",
  fn() {
    assertEquals(typable("a\tb\x1b[31m\u202ec\n\r"), "a b[31mc");
    assertEquals(typable("👩‍👧 é"), "👩‍👧 é");
  },
});
