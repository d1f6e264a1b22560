import { assertEquals } from "@std/assert/equals";
import { isExit, message, MessageSplitter, parseDatagram } from "../lib/wire/chatroom.ts";

const permissions = "none";
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

function splitter(): MessageSplitter {
  return new MessageSplitter({ maxBytes: 1000, bareMs: 50 });
}

Deno.test(
  "MessageSplitter takes each bare read for a message until the first LF",
  { permissions },
  () => {
    const reads = splitter();
    const heard = ["Alice", "hi", "there\r\n\nfr", "om ", "lines\nrest"].map((read) =>
      reads.push(bytes(read)).map(text)
    );
    assertEquals(heard, [["Alice"], ["hi"], ["there"], [], ["from lines"]]);
    assertEquals([reads.lines, reads.patienceMs], [true, undefined]);
    assertEquals([reads.silence(), reads.end()], [[], []]);
  },
);

Deno.test("MessageSplitter hears the same lines at every split and glued", { permissions }, () => {
  const all = bytes("\nAlice\nhällo 👋\r\n\nlast\n");
  for (let at = 0; at <= all.length; at++) {
    const reads = splitter();
    const heard = [...reads.push(all.subarray(0, at)), ...reads.push(all.subarray(at))];
    assertEquals(heard.map(text), ["Alice", "hällo 👋", "last"]);
  }
  const reads = splitter();
  assertEquals([...all].flatMap((byte) => reads.push(Uint8Array.of(byte))).map(text), [
    "Alice",
    "hällo 👋",
    "last",
  ]);
});

Deno.test(
  "MessageSplitter waits for more of a bare text as long as a segment",
  { permissions },
  () => {
    const reads = splitter();
    assertEquals(reads.push(bytes("x".repeat(600))), []);
    assertEquals(reads.patienceMs, 50);
    assertEquals(reads.push(bytes("y")), []);
    assertEquals(reads.silence().map(text), ["x".repeat(600) + "y"]);
    assertEquals(reads.push(bytes("short")).map(text), ["short"]);
  },
);

Deno.test(
  "MessageSplitter gives up past the limit, and keeps what came before",
  { permissions },
  () => {
    const reads = splitter();
    assertEquals(reads.push(bytes("ok\n" + "x".repeat(1001))).map(text), ["ok"]);
    assertEquals(reads.error?.message, "no line end within 1000 bytes");
    assertEquals(reads.push(bytes("more\n")), []);
  },
);

Deno.test(
  "MessageSplitter is unsure of a text without an end until it has seen two lines",
  { permissions },
  () => {
    const reads = new MessageSplitter({ maxBytes: 1000, bareMs: 50, strictAfter: 2 });
    assertEquals(reads.push(bytes("Welcome\nUser Bob")).map(text), ["Welcome"]);
    assertEquals([reads.unsure, reads.patienceMs, reads.blanks], [true, 50, 0]);
    assertEquals(reads.push(bytes(" joined")), []);
    assertEquals(reads.silence().map(text), ["User Bob joined"]);
    assertEquals([reads.unsure, reads.silence()], [false, []]);
    assertEquals(reads.push(bytes("\nBob: hi\nBob: unfin")).map(text), ["Bob: hi"]);
    assertEquals([reads.unsure, reads.patienceMs, reads.blanks], [false, undefined, 1]);
    assertEquals(reads.end(), []);
  },
);

Deno.test("MessageSplitter puts a long text together that came in single bytes", {
  permissions,
}, () => {
  const reads = new MessageSplitter({ maxBytes: 1024 * 1024, bareMs: 50, strictAfter: 2 });
  reads.push(bytes("Welcome\n"));
  for (let i = 0; i < 200_000; i++) reads.push(bytes("x"));
  assertEquals(reads.silence().map(text), ["x".repeat(200_000)]);
});

Deno.test("message() joins its parts, bare and as a line", { permissions }, () => {
  const told = message("Älice: ", Uint8Array.of(0xff), "");
  assertEquals(told.line, Uint8Array.of(...bytes("Älice: "), 0xff, 0x0a));
  assertEquals(told.bare, told.line.subarray(0, -1));
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
