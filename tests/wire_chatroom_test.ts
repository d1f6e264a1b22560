import { assertEquals } from "@std/assert/equals";
import {
  concat,
  isExit,
  nameIn,
  noticesIn,
  parseDatagram,
  TextSplitter,
} from "../lib/wire/chatroom.ts";

const permissions = "none";
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test(
  "TextSplitter takes a read for a text, and a line end for its end",
  { permissions },
  () => {
    const reads = new TextSplitter(1000);
    const heard = ["hi", "there\r\n\nyou", "\n", "all\n"].map((read) =>
      reads.push(bytes(read)).map(text)
    );
    assertEquals(heard, [["hi"], ["there", "you"], [], ["all"]]);
    assertEquals([reads.patienceMs, reads.silence(), reads.end()], [undefined, [], []]);
  },
);

Deno.test("TextSplitter waits for the rest of a character, and no longer than for a text", {
  permissions,
}, () => {
  const all = bytes("hällo 👋 €");
  for (let at = 0; at <= all.length; at++) {
    const reads = new TextSplitter(1000);
    const heard = [...reads.push(all.subarray(0, at)), ...reads.push(all.subarray(at))];
    assertEquals(heard.map(text).join(""), "hällo 👋 €");
    assertEquals(heard.some((each) => text(each).includes("\ufffd")), false);
  }
  // Text that is not UTF-8 is not torn for it.
  const latin = Uint8Array.of(...bytes("caf"), 0xe9);
  const reads = new TextSplitter(1000);
  assertEquals([reads.push(latin), reads.patienceMs, reads.silence()], [[], 250, [latin]]);
});

Deno.test("TextSplitter waits for the rest of a text as long as a segment", { permissions }, () => {
  const reads = new TextSplitter(1000);
  assertEquals(reads.push(bytes("x".repeat(600))), []);
  assertEquals(reads.patienceMs, 20);
  assertEquals(reads.push(bytes("y")).map(text), ["x".repeat(600) + "y"]);
  assertEquals(reads.push(bytes("x".repeat(600))), []);
  assertEquals(reads.silence().map(text), ["x".repeat(600)]);
  assertEquals(reads.push(bytes("short")).map(text), ["short"]);
});

Deno.test("TextSplitter takes a text past the limit in parts, and loses nothing of a flood", {
  permissions,
}, () => {
  const reads = new TextSplitter(1000);
  const all = bytes("€".repeat(5000));
  const heard = [];
  for (let at = 0; at < all.length; at += 600) {
    heard.push(...reads.push(all.subarray(at, at + 600)));
  }
  heard.push(...reads.silence());
  assertEquals(text(concat(...heard)), "€".repeat(5000));
  for (const each of heard) {
    assertEquals([each.length <= 1000, text(each).includes("\ufffd")], [true, false]);
  }
  const broken = new TextSplitter(10).push(new Uint8Array(25).fill(0x80));
  assertEquals(concat(...broken), new Uint8Array(25).fill(0x80));
});

Deno.test(
  "nameIn() strips, cuts between characters, and refuses what is no name",
  { permissions },
  () => {
    for (
      const [said, name] of [
        [" Alice \r", "Alice"],
        ["exit: join", "exit: join"],
        ["x".repeat(63) + "é", "x".repeat(63)],
        ["x".repeat(100), "x".repeat(64)],
        ["", undefined],
        [" ", undefined],
        ["a\x1b[2J", undefined],
        ["a\u0085b", undefined],
      ] as const
    ) assertEquals(nameIn(said), name, JSON.stringify(said));
  },
);

Deno.test("noticesIn() takes apart what is all notices, and nothing else", { permissions }, () => {
  const both = "User A joined\nUser B left";
  assertEquals(noticesIn(both), both.split("\n"));
  for (const each of ["A:hi\nUser B left", "User A joined", "User A joined\n"]) {
    assertEquals(noticesIn(each), [each]);
  }
});

Deno.test("isExit() takes the word alone, with white space around it", { permissions }, () => {
  const said = ["exit", " exit\r", "exit now", "Exit", "", "exit" + " ".repeat(100)];
  assertEquals(said.map((each) => isExit(bytes(each))), [true, true, false, false, false, false]);
  assertEquals(isExit(Uint8Array.of(0xff)), false);
});

Deno.test("parseDatagram() takes what others send, and knows strangers", { permissions }, () => {
  for (
    const [said, from, meant] of [
      ["Alice:join", undefined, { type: "join", name: "Alice" }],
      ["join:Alice", undefined, { type: "join", name: "Alice" }],
      ["Alice:join\n", "Alice", { type: "join", name: "Alice" }],
      ["join", "Alice", { type: "join", name: "Alice" }],
      ["join", undefined, undefined],
      [":join", undefined, undefined],
      ["Alice:exit", "Alice", { type: "exit" }],
      ["exit", "Alice", { type: "exit" }],
      ["exit", undefined, undefined],
      ["Bob:exit", "Alice", { type: "text", text: "Alice:Bob:exit" }],
      ["Alice:a:b", "Alice", { type: "text", text: "Alice:a:b" }],
      ["hi", "Alice", { type: "text", text: "Alice:hi" }],
      ["note: hi", "Alice", { type: "text", text: "Alice:note: hi" }],
      ["join:Alice", "Alice", { type: "join", name: "Alice" }],
      ["join:late", "Alice", { type: "text", text: "Alice:join:late" }],
      ["Alice:hi", undefined, undefined],
      ["", "Alice", undefined],
    ] as const
  ) assertEquals(parseDatagram(said, from), meant, said);
});
