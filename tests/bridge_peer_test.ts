import { assertEquals } from "@std/assert/equals";
import { formatLine, type PeerFrame, PeerSplitter } from "../lib/wire/bridge_peer.ts";
import { parseBlock } from "../lib/wire/bridge.ts";

const OWN = { id: "Bob", ip: "127.0.0.1", port: 1500 };
const CHAT = "CHAT\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 2500\r\n\r\n";
/** As others write it; anything that is not ours to the byte will do. */
const OTHER_CHAT = "CHAT\nclientID: Alice\n\n";
const SILENCE = Symbol("silence");
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function short(frame: PeerFrame): string {
  if (frame.type === "line") return `<${frame.text}>`;
  if (frame.type === "QUIT") return frame.busy ? "QUIT, busy" : "QUIT";
  const { id, ip, port } = frame.from;
  return ["CHAT", id, ip, port].filter(Boolean).join(" ");
}

/** Feeds reads and silences to a splitter; undefined patience means that silence is not looked at. */
function hear(splitter: PeerSplitter, events: (string | typeof SILENCE)[]): string[] {
  return events.flatMap((event) => {
    if (event !== SILENCE) return splitter.push(encoder.encode(event));
    return splitter.patienceMs === undefined ? [] : splitter.silence();
  }).map(short);
}

function answer(splitter: PeerSplitter, text = "ok"): string {
  return decoder.decode(formatLine(text, splitter.style, OWN));
}

/** What a caller sends, what is heard, and how it is answered. */
const CALLERS: [
  name: string,
  sent: (string | typeof SILENCE)[],
  heard: string[],
  answer: string,
][] = [
  ["ours", [CHAT, "Hello\n", "\n"], ["CHAT Alice 127.0.0.1 2500", "<Hello>", "<>"], "ok\n"],
  ["ours, of words", [CHAT, "QUIT\n", SILENCE, "CHAT\n", SILENCE, "QUIT\r\n\r\n"], [
    "CHAT Alice 127.0.0.1 2500",
    "<QUIT>",
    "<CHAT>",
    "QUIT",
  ], "ok\n"],
  ["ours, glued", [CHAT + "QUIT\nCHAT\nx\n"], [
    "CHAT Alice 127.0.0.1 2500",
    "<QUIT>",
    "<CHAT>",
    "<x>",
  ], "ok\n"],
  ["LF for CRLF", [OTHER_CHAT, "hi\n", "QUIT\n"], ["CHAT Alice", "<hi>", "QUIT"], "ok\n"],
  ["CRLF lines", [CHAT, "hi\r\n", "QUIT\r\n\r\n"], [
    "CHAT Alice 127.0.0.1 2500",
    "<hi>",
    "QUIT",
  ], "ok\r\n"],
  ["an empty line behind each", [CHAT, "hi\r\n\r\n", "QUIT\r\n\r\n"], [
    "CHAT Alice 127.0.0.1 2500",
    "<hi>",
    "QUIT",
  ], "ok\r\n\r\n"],
  ["bare lines", [CHAT, "hi you", SILENCE, "and", SILENCE, "QUIT", SILENCE], [
    "CHAT Alice 127.0.0.1 2500",
    "<hi you>",
    "<and>",
    "QUIT",
  ], "ok"],
  ["a bare line, glued to QUIT", [CHAT, "hi", SILENCE, "bye", "QUIT\r\n\r\n"], [
    "CHAT Alice 127.0.0.1 2500",
    "<hi>",
    "<bye>",
    "QUIT",
  ], "ok"],
  ["a bare CHAT", ["CHAT", SILENCE, "hi", SILENCE], ["CHAT", "<hi>"], "ok"],
  ["a CHAT without its last line", ["CHAT\r\nclientID: Alice\r\n", SILENCE, "hi", SILENCE], [
    "CHAT Alice",
    "<hi>",
  ], "ok"],
  ["a CHAT that ends in its last header", ["CHAT\nclientID: Alice", SILENCE, "hi\n"], [
    "CHAT Alice",
    "<hi>",
  ], "ok\n"],
  ["a CHAT that a line follows at once", ["CHAT\nclientID: Alice\nhello there\n"], [
    "CHAT Alice",
    "<hello there>",
  ], "ok\n"],
  ["no CHAT at all", ["hi\n", "QUIT\n"], ["<hi>", "QUIT"], "ok\n"],
  [
    "messages as lines",
    [
      "CHAT\r\nclientID: Alice\r\nPort: 1\r\nMESSAGE: hi\r\n\r\n",
      "CHAT\r\nclientID: Alice\r\nPort: 1\r\nMESSAGE: a: b\r\n\r\n",
      "QUIT\r\nclientID: Alice\r\n\r\n",
    ],
    ["CHAT Alice 1", "<hi>", "<a: b>", "QUIT"],
    "CHAT\r\nclientID: Bob\r\nPort: 1500\r\nMESSAGE: ok\r\n\r\n",
  ],
  ["a CHAT that ends it", [OTHER_CHAT, "CHAT\nType: QUIT\n\n"], ["CHAT Alice", "QUIT"], "ok\n"],
  [
    "QUIT with an LF line behind it",
    [CHAT, "QUIT\n\n"],
    ["CHAT Alice 127.0.0.1 2500", "QUIT"],
    "ok\n",
  ],
  ["a text without an end after one with", [CHAT, "one\n", "two", SILENCE, "QUIT", SILENCE], [
    "CHAT Alice 127.0.0.1 2500",
    "<one>",
    "<two>",
    "QUIT",
  ], "ok\n"],
  ["a request of another name", [CHAT.replace("CHAT", "CHATREQ"), "hi\n"], [
    "CHAT Alice 127.0.0.1 2500",
    "<hi>",
  ], "ok\n"],
  ["an invitation", ["INVITE\nClientID: Alice\n\n", "hi", SILENCE], ["CHAT Alice", "<hi>"], "ok"],
  ["a first word that is no request", ["Hello\n", SILENCE, "you\n"], ["<Hello>", "<you>"], "ok\n"],
  ["a first word, and lines behind it", ["Hello\nyou: there\n"], [
    "<Hello>",
    "<you: there>",
  ], "ok\n"],
  ["a text before its CHAT", ["hi there\n", CHAT, "you\n"], [
    "<hi there>",
    "CHAT Alice 127.0.0.1 2500",
    "<you>",
  ], "ok\n"],
  ["any script", [CHAT, "žluťoučký 👋 שלום\n"], [
    "CHAT Alice 127.0.0.1 2500",
    "<žluťoučký 👋 שלום>",
  ], "ok\n"],
];

for (const [name, sent, heard, answered] of CALLERS) {
  pure(`PeerSplitter follows a caller: ${name}`, () => {
    const splitter = new PeerSplitter({ called: true });
    assertEquals(hear(splitter, sent), heard);
    assertEquals(answer(splitter), answered);
  });
  pure(`PeerSplitter follows a caller however it is split: ${name}`, () => {
    const splitter = new PeerSplitter({ called: true });
    const frames = sent.flatMap((event) => {
      if (event === SILENCE) return splitter.patienceMs === undefined ? [] : splitter.silence();
      return [...encoder.encode(event)].flatMap((byte) => splitter.push(Uint8Array.of(byte)));
    });
    assertEquals(frames.map(short), heard);
  });
}

pure("PeerSplitter answers messages as lines with the same message", () => {
  const splitter = new PeerSplitter({ called: false });
  const sent = "CHAT\nclientID: Alice\nIP: ::1\nPort: 1\nX: y\nMessage: hi\n\n";
  // Nothing has shown yet that the word is more than a chat line of ours; what follows it does.
  const block = new PeerSplitter({ called: true });
  assertEquals(hear(block, [sent]), ["CHAT Alice ::1 1", "<hi>"]);
  assertEquals(
    answer(block, "a b"),
    "CHAT\nclientID: Bob\nIP: 127.0.0.1\nPort: 1500\nX: y\nMessage: a b\n\n",
  );
  assertEquals(hear(splitter, ["CHAT\nMessage: hi\n\n"]), ["<hi>"]);
  assertEquals(answer(splitter), "CHAT\nMessage: ok\n\n");
});

pure("PeerSplitter knows its own kind", () => {
  const kind = (called: boolean, ...sent: (string | typeof SILENCE)[]) => {
    const splitter = new PeerSplitter({ called });
    hear(splitter, sent);
    return splitter.ours;
  };
  assertEquals(kind(true, CHAT), true);
  assertEquals(kind(true, CHAT, "hi\n"), true);
  assertEquals(kind(false, "hi\n"), true);
  assertEquals(kind(false), false);
  assertEquals(kind(true, OTHER_CHAT), false);
  assertEquals(kind(true, "hi\n"), false);
  assertEquals(kind(true, CHAT, "hi\r\n"), false);
  assertEquals(kind(true, CHAT, "hi", SILENCE), false);
  assertEquals(kind(true, CHAT.replace("clientID", "ClientID")), false);
  assertEquals(kind(true, CHAT.replace("2500", "02500")), false);
});

pure("PeerSplitter waits longer for the rest of a line when lines were ended so far", () => {
  const splitter = new PeerSplitter({ called: true });
  hear(splitter, [CHAT, "on"]);
  assertEquals(splitter.patienceMs, 150);
  assertEquals(hear(splitter, ["e\n"]), ["<one>"]);
  assertEquals(splitter.patienceMs, undefined);
  assertEquals(hear(splitter, ["tw"]), []);
  assertEquals(splitter.patienceMs, 400);
  assertEquals(hear(splitter, ["o\nQUI", "TE good\n"]), ["<two>", "<QUITE good>"]);
});

pure("PeerSplitter hears from the answer to a call whether the peer is busy", () => {
  const answers: [sent: (string | typeof SILENCE)[], heard: string[]][] = [
    [["QUIT\r\nStatus: busy\r\n\r\n"], ["QUIT, busy"]],
    [["QUIT\r\nstatus:Busy\r\n", SILENCE], ["QUIT, busy"]],
    [["QUIT\r\n\r\n"], ["QUIT"]],
    [["QUIT\r\n", SILENCE], ["QUIT"]],
    [["QUIT\r\nStatus: bye\r\n\r\n"], ["QUIT"]],
    // Too late: the chat has begun.
    [["hi\n", "QUIT\r\nStatus: busy\r\n\r\n"], ["<hi>", "QUIT"]],
  ];
  for (const [sent, heard] of answers) {
    assertEquals(hear(new PeerSplitter({ called: false }), sent), heard);
    const bytes = sent.flatMap<string | typeof SILENCE>((each) =>
      typeof each === "string" ? [...each] : [each]
    );
    assertEquals(hear(new PeerSplitter({ called: false }), bytes), heard);
  }
});

pure("PeerSplitter takes the end of the stream for the end of a line", () => {
  for (
    const [sent, heard] of [
      ["hi", ["<hi>"]],
      ["one\ntwo", ["<two>"]],
      ["QUIT", ["QUIT"]],
      ["one\nQUIT\n", ["<QUIT>"]],
      ["one\r\n", []],
    ] as const
  ) {
    const splitter = new PeerSplitter({ called: false });
    splitter.push(encoder.encode(sent));
    assertEquals(splitter.end().map(short), [...heard]);
  }
});

pure("PeerSplitter has a bound", () => {
  const line = new PeerSplitter({ called: false });
  for (let i = 0; i < 129; i++) line.push(new Uint8Array(65536).fill(0x78));
  assertEquals(line.error?.message, "no line end within 8388608 bytes");
  const block = new PeerSplitter({ called: true });
  block.push(encoder.encode("CHAT\r\n" + "a: b\r\n".repeat(65)));
  assertEquals(block.error?.message, "more than 64 headers");
});

pure("formatLine() writes a line of ours as it is", () => {
  for (const text of ["", " ", "QUIT", "Zoë: 👋", "a\tb"]) {
    assertEquals(decoder.decode(formatLine(text, { form: "line", end: "\n" }, OWN)), text + "\n");
  }
  const { headers } = parseBlock("CHAT\nMessage: x");
  assertEquals(
    decoder.decode(formatLine("", { form: "block", headers, eol: "\r\n" }, OWN)),
    "CHAT\r\nMessage: \r\n\r\n",
  );
});
