import { assertEquals } from "@std/assert/equals";
import { DATAGRAM_BYTES, NAME_BYTES } from "../lib/wire/overlay.ts";
import * as wire from "../lib/wire/overlay.ts";

const encoder = new TextEncoder();
const bytes = (text: string) => encoder.encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** Pure functions need nothing. */
function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A datagram, and what it asks for in words. */
const DATAGRAMS: [datagram: string, request: string][] = [
  ["register Alice", "register Alice"],
  ["register Alice\n", "register Alice"],
  ["register Alice\r\n", "register Alice"],
  ["register __proto__", "register __proto__"],
  ["register client1-48213", "register client1-48213"],
  ["register 007", "register 007"],
  ["register Tommy Trojan", "unknown"],
  ["register Zoë", "register Zoë"],
  ["register A:b", "unknown"],
  ["register A\x1b[2J", "unknown"],
  ["register A\tb", "unknown"],
  ["register A\u009bb", "unknown"],
  ["register A\u202eb", "unknown"],
  ["register A\u00a0b", "unknown"],
  [`register ${"ë".repeat(32)}`, `register ${"ë".repeat(32)}`],
  [`register ${"ë".repeat(33)}`, "unknown"],
  ["register ", "unknown"],
  ["register", "unknown"],
  ["register  Alice", "unknown"],
  ["Register Alice", "unknown"],
  [`register ${"a".repeat(NAME_BYTES)}`, `register ${"a".repeat(NAME_BYTES)}`],
  [`register ${"a".repeat(NAME_BYTES + 1)}`, "unknown"],
  ["sendto Bob Hello", "sendto Bob [Hello]"],
  ["sendto Bob  two  inside ", "sendto Bob [ two  inside ]"],
  ["sendto Bob Hello\n", "sendto Bob [Hello]"],
  ["sendto Bob Hello\r\n", "sendto Bob [Hello]"],
  ["sendto Bob one\ntwo\n\n", "sendto Bob [one\ntwo\n]"],
  ["sendto Bob häłlo 👋", "sendto Bob [häłlo 👋]"],
  ["sendto Bob ", "unknown"],
  ["sendto Bob", "unknown"],
  ["sendto  Bob", "unknown"],
  ["sendto B-b Hello", "sendto B-b [Hello]"],
  ["sendto B:b Hello", "unknown"],
  [`sendto ${"a".repeat(NAME_BYTES + 1)} Hello`, "unknown"],
  ["sendtoBob Hello", "unknown"],
  ["welcome Alice", "unknown"],
  ["\n", "unknown"],
  ["", "unknown"],
];

for (const [datagram, expected] of DATAGRAMS) {
  test(`parseDatagram() reads ${expected.slice(0, 40)} when it gets ${JSON.stringify(datagram).slice(0, 40)}`, () => {
    const request = wire.parseDatagram(bytes(datagram));
    const words = {
      register: () => "name" in request ? `register ${request.name}` : "",
      sendto: () => "to" in request ? `sendto ${request.to} [${text(request.text)}]` : "",
      unknown: () => "unknown",
    }[request.type]();
    assertEquals(words, expected);
  });
}

test("parseDatagram() gives the text as it came when it is not UTF-8", () => {
  const request = wire.parseDatagram(Uint8Array.of(...bytes("sendto Bob "), 0xff, 0x00, 0xc3));
  assertEquals(request.type === "sendto" && [...request.text], [0xff, 0x00, 0xc3]);
});

test("parseDatagram() takes the largest datagram there is", () => {
  const head = bytes("sendto Bob ");
  const datagram = new Uint8Array(DATAGRAM_BYTES).fill(0x78);
  datagram.set(head);
  const request = wire.parseDatagram(datagram);
  assertEquals(request.type === "sendto" && request.text.length, DATAGRAM_BYTES - head.length);
});

/** A line between servers, and the passage in words. */
const LINES: [line: string, passage: string][] = [
  ["Alice to Bob: Hello", "Alice Bob [Hello]"],
  ["Alice to Bob: a: b to c: d", "Alice Bob [a: b to c: d]"],
  ["Alice to Bob:  two  inside ", "Alice Bob [ two  inside ]"],
  ["to to to: to", "to to [to]"],
  ["Alice to Bob:Hello", "Alice Bob [Hello]"],
  ["client1-48213 to Zoë_2: a", "client1-48213 Zoë_2 [a]"],
  ["Alice to Bob: ", "Alice Bob []"],
  ["Alice to Bob", "none"],
  ["Alice to : Hello", "none"],
  [" to Bob: Hello", "none"],
  ["Alice and Bob: Hello", "none"],
  ["A lice to Bob: Hello", "none"],
  ["Alice to B ob: Hello", "none"],
  ["GET / HTTP/1.1", "none"],
  [`${"a".repeat(NAME_BYTES + 1)} to Bob: Hello`, "none"],
  ["", "none"],
];

for (const [line, expected] of LINES) {
  test(`parsePassage() reads ${expected} when it gets ${JSON.stringify(line).slice(0, 40)}`, () => {
    const passage = wire.parsePassage(bytes(line));
    const words = passage && `${passage.from} ${passage.to} [${text(passage.text)}]`;
    assertEquals(words ?? "none", expected);
  });
}

test("passage() writes the document's line, which parsePassage() reads back", () => {
  const line = wire.passage("Alice", "Bob", Uint8Array.of(0xff, 0x3a, 0x20));
  assertEquals([...line], [...bytes("Alice to Bob: "), 0xff, 0x3a, 0x20, 0x0a]);
  const passage = wire.parsePassage(line.subarray(0, -1));
  assertEquals(passage && [...passage.text], [0xff, 0x3a, 0x20]);
});

test("oneLine() makes blanks of line ends and leaves everything else as it is", () => {
  assertEquals(text(wire.oneLine(bytes("a\nb\r\nc\td"))), "a b  c\td");
  const plain = bytes("nothing to do");
  assertEquals(wire.oneLine(plain), plain);
});

test("register(), welcome() and recvfrom() write the document's datagrams", () => {
  assertEquals(text(wire.register("Alice")), "register Alice");
  assertEquals(text(wire.welcome("Alice")), "welcome Alice");
  const datagram = wire.recvfrom(wire.recvfromPrefix("Alice"), bytes("Hello  there"));
  assertEquals(text(datagram), "recvfrom Alice Hello  there");
});

test("typed() sends a line only when it is sendto with a name and a message", () => {
  assertEquals(text(wire.typed("sendto Bob Hello  there")!), "sendto Bob Hello  there");
  for (const line of ["sendto Bob", "sendto", "register Bob", "hello", "", "sendto Bo:b hi"]) {
    assertEquals(wire.typed(line), undefined);
  }
});

test("parseNotice() shows a message, knows any welcome, and shows the rest as it is", () => {
  const notices: [string, string | undefined][] = [
    ["welcome Alice", undefined],
    ["Welcome Alice!", undefined],
    ["WELCOME", undefined],
    ["recvfrom Bob Hello  there ", "Bob: Hello  there "],
    ["recvfrom Bob one\ntwo\n", "Bob: one\ntwo"],
    ["recvfrom Bob", "recvfrom Bob"],
    ["welcomed by Bob", "welcomed by Bob"],
    ["Bob is not registered\n", "Bob is not registered"],
    ["", ""],
  ];
  for (const [datagram, line] of notices) {
    const expected = line === undefined ? { type: "welcome" } : { type: "shown", line };
    assertEquals(wire.parseNotice(bytes(datagram)), expected as wire.Notice);
  }
});
