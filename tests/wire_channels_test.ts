import { assertEquals } from "@std/assert/equals";
import {
  frame,
  Listing,
  parseName,
  parseRequest,
  parts,
  prefix,
  strip,
  typedFrames,
} from "../lib/wire/channels.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const whole = (pieces: readonly Uint8Array[]) =>
  Uint8Array.from(pieces.flatMap((each) => [...each]));
const permissions = "none";

Deno.test("frame() pads to 200 bytes and cuts what does not fit between characters", {
  permissions,
}, () => {
  assertEquals(text(frame("hi")), "hi" + " ".repeat(198));
  assertEquals(text(frame("x".repeat(201))), "x".repeat(200));
  assertEquals(text(frame("é".repeat(101))), "é".repeat(100));
  assertEquals(text(frame("x" + "é".repeat(100))), "x" + "é".repeat(99) + " ");
  assertEquals(text(frame("👋".repeat(51))), "👋".repeat(50));
  for (let lead = 1; lead <= 3; lead++) {
    const got = text(frame("x".repeat(lead) + "👋".repeat(50)));
    assertEquals(got, "x".repeat(lead) + "👋".repeat(49) + " ".repeat(4 - lead));
  }
});

Deno.test(
  "parts() makes whole frames of every name and text, and loses nothing",
  { permissions },
  () => {
    for (const name of ["K", "Kay", "x".repeat(64), "é".repeat(32)]) {
      for (
        const message of [
          "",
          "hi",
          "x".repeat(200),
          "ü".repeat(100),
          "👋".repeat(50),
          "ab  ".repeat(49),
        ]
      ) {
        const made = whole(parts(prefix(name), bytes(message)));
        assertEquals(made.length % 200, 0);
        const frames = Array.from(
          { length: made.length / 200 },
          (_, i) => made.subarray(i * 200, i * 200 + 200),
        );
        // Each frame alone is text: nothing had to be replaced in decoding it.
        const heard = frames.map((each) => text(strip(each)).slice(`[${name}] `.length));
        assertEquals(heard.join("").replaceAll(" ", ""), message.replaceAll(" ", ""));
        for (const each of frames) assertEquals(text(each).startsWith(`[${name}] `), true);
      }
    }
  },
);

Deno.test("parts() relays bytes that are not UTF-8 as they came", { permissions }, () => {
  const odd = new Uint8Array(200).fill(0x80);
  const [head, rest] = [bytes("[a] "), Array(192).fill(0x20)];
  const expected = [...head, ...odd.subarray(4), ...head, ...odd.subarray(196), ...rest];
  assertEquals(whole(parts(prefix("a"), odd)), Uint8Array.from(expected));
});

Deno.test("strip() takes white space and NUL off the end only", { permissions }, () => {
  for (
    const [sent, read] of [
      ["hi", "hi"],
      ["  hi  ", "  hi"],
      ["hi\n", "hi"],
      ["hi\r\n\t\v\f\0 \0", "hi"],
      [" ".repeat(200), ""],
      ["\0".repeat(200), ""],
      ["a\u00a0", "a\u00a0"],
    ] as const
  ) assertEquals(text(strip(bytes(sent))), read);
});

Deno.test(
  "parseName() cuts at 64 bytes, and refuses what is empty, not UTF-8 or has control characters",
  { permissions },
  () => {
    assertEquals(parseName(frame("Scott")), "Scott");
    assertEquals(parseName(frame("  Scott Shenker\n")), "  Scott Shenker");
    assertEquals(parseName(frame("x".repeat(65))), "x".repeat(64));
    assertEquals(parseName(frame(`${"x".repeat(63)}é`)), "x".repeat(63));
    assertEquals(parseName(frame(`${"x".repeat(60)}    yy`)), "x".repeat(60));
    assertEquals(parseName(frame("a\tb")), undefined);
    assertEquals(parseName(frame("")), undefined);
    assertEquals(parseName(new Uint8Array(200)), undefined);
    assertEquals(parseName(new Uint8Array(200).fill(0xff)), undefined);
  },
);

Deno.test("parseRequest() matches commands as whole words", { permissions }, () => {
  for (
    const [sent, request] of [
      ["/list", { type: "list" }],
      ["/list all\n", { type: "list" }],
      ["/create", { type: "create", channel: undefined }],
      ["/create   ", { type: "create", channel: undefined }],
      ["/create a", { type: "create", channel: "a" }],
      ["/create  a b", { type: "create", channel: "a" }],
      ["/join\ta", { type: "join", channel: "a" }],
      ["/join __proto__", { type: "join", channel: "__proto__" }],
      ["/joinx", { type: "invalid", message: "/joinx" }],
      ["/", { type: "invalid", message: "/" }],
      ["/foo a  b ", { type: "invalid", message: "/foo a  b" }],
      ["/JOIN a", { type: "invalid", message: "/JOIN a" }],
      ["/join\u00a0a", { type: "invalid", message: "/join\u00a0a" }],
      [" /list", { type: "text", text: bytes(" /list") }],
      ["", { type: "text", text: bytes("") }],
    ] as const
  ) assertEquals(parseRequest(frame(sent)), request);
  const odd = Uint8Array.of(0x2f, 0xff, ...new Uint8Array(198).fill(0x20));
  assertEquals(parseRequest(odd), { type: "invalid", message: "/\ufffd" });
});

Deno.test("Listing puts names on lines and goes on in whole frames", { permissions }, () => {
  const listing = (names: string[]) => whole(new Listing(names).pages());
  assertEquals(text(listing([])), "");
  assertEquals(text(listing(["a", "b", "c"])), "a\nb\nc".padEnd(200));
  // A line feed and a name that just fit, and such as are a byte too long.
  const name = "x".repeat(99);
  assertEquals(text(listing([name, `${name}x`])), `${name}\n${name}x`);
  assertEquals(text(listing([name, `${name}xx`])), name.padEnd(200) + `${name}xx`.padEnd(200));
  assertEquals(text(listing(["é".repeat(96), "é"])), "é".repeat(96) + "\né" + " ".repeat(5));
  const names = Array.from({ length: 500 }, (_, i) => `channel-${i}`);
  const all = listing(names);
  assertEquals(all.length % 200, 0);
  const listed = Array.from(
    { length: all.length / 200 },
    (_, i) => all.subarray(i * 200, i * 200 + 200),
  );
  assertEquals(listed.flatMap((each) => text(strip(each)).split("\n")), names);
});

Deno.test("typedFrames() cuts long lines between words where it can", { permissions }, () => {
  const read = (line: string) => typedFrames(line).map((each) => text(strip(each)));
  assertEquals(read(""), [""]);
  assertEquals(read("hi"), ["hi"]);
  assertEquals(read("x".repeat(200)), ["x".repeat(200)]);
  assertEquals(read("x".repeat(201)), ["x".repeat(200), "x"]);
  assertEquals(read("x".repeat(200) + " y"), ["x".repeat(200), "y"]);
  assertEquals(read("word ".repeat(50).trim()), [
    "word ".repeat(40).trim(),
    "word ".repeat(10).trim(),
  ]);
  assertEquals(read("👋".repeat(60)), ["👋".repeat(50), "👋".repeat(10)]);
  // Two blanks are parted: one is left out, the other begins the next frame.
  assertEquals(read(`${"x".repeat(195)}  y${"z".repeat(9)}`), [
    "x".repeat(195),
    ` y${"z".repeat(9)}`,
  ]);
  // Behind `[Kay] ` there are 194 bytes.
  assertEquals(typedFrames("x".repeat(200), "Kay").length, 1);
  assertEquals(typedFrames("x".repeat(201), "Kay").map((each) => text(strip(each))), [
    "x".repeat(194),
    "x".repeat(7),
  ]);
  assertEquals(typedFrames("x".repeat(201), "é".repeat(99)).map((each) => strip(each).length), [
    100,
    100,
    1,
  ]);
});
