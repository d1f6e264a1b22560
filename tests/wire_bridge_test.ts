import { assertEquals } from "@std/assert/equals";
import {
  type Block,
  BlockSplitter,
  CONSOLE,
  MESSAGES,
  parseAnswer,
  parseBlock,
  parseRequest,
  refusal,
} from "../lib/wire/bridge.ts";

const ALICE = { id: "Alice", ip: "127.0.0.1", port: 2500 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function pure(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function splitter(changes: { lineBytes?: number; blockBytes?: number } = {}): BlockSplitter {
  return new BlockSplitter({ lineBytes: 4096, blockBytes: 16384, ...changes });
}

/** The blocks of an input, short: the type and its headers as `name=value`. */
function short({ type, headers, malformed }: Block): string {
  const parts = headers.map(({ name, value }) => `${name}=${value}`);
  return [type, ...parts, ...malformed ? [`(${malformed})`] : []].join(" ");
}

pure("MESSAGES have the document's bytes", () => {
  const text = (bytes: Uint8Array) => decoder.decode(bytes);
  assertEquals(
    text(MESSAGES.register(ALICE)),
    "REGISTER\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 2500\r\n\r\n",
  );
  assertEquals(
    text(MESSAGES.regack(ALICE)),
    "REGACK\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 2500\r\nStatus: registered\r\n\r\n",
  );
  assertEquals(text(MESSAGES.bridge("Alice")), "BRIDGE\r\nclientID: Alice\r\n\r\n");
  assertEquals(
    text(MESSAGES.bridgeack(ALICE)),
    "BRIDGEACK\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 2500\r\n\r\n",
  );
  assertEquals(
    text(MESSAGES.bridgeack(undefined)),
    "BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\n\r\n",
  );
  assertEquals(
    text(MESSAGES.chat(ALICE)),
    "CHAT\r\nclientID: Alice\r\nIP: 127.0.0.1\r\nPort: 2500\r\n\r\n",
  );
  assertEquals(text(MESSAGES.quit), "QUIT\r\n\r\n");
});

pure("CONSOLE has the document's lines", () => {
  const bob = { id: "Bob", ip: "::1", port: 1500 };
  assertEquals(CONSOLE.registered(ALICE), "REGISTER: Alice from 127.0.0.1:2500 received");
  assertEquals(CONSOLE.bridged(bob, ALICE), "BRIDGE: Bob [::1]:1500 Alice 127.0.0.1:2500");
  assertEquals(CONSOLE.bridged(ALICE, undefined), "BRIDGE: Alice 127.0.0.1:2500");
});

/** Streams, and the messages in them. */
const STREAMS: [name: string, sent: string, blocks: string[]][] = [
  ["CRLF", "BRIDGE\r\nclientID: a\r\n\r\n", ["BRIDGE clientID=a"]],
  ["LF", "BRIDGE\nclientID: a\n\n", ["BRIDGE clientID=a"]],
  ["no blank after the colon", "BRIDGE\r\nclientID:a\r\n\r\n", ["BRIDGE clientID=a"]],
  ["blanks around", "BRIDGE \r\n clientID\t:  a \r\n\r\n", ["BRIDGE clientID=a"]],
  ["an empty value", "X\r\nIP: \r\nPort:\r\n\r\n", ["X IP= Port="]],
  ["colons in the value", "X\r\nIP: ::1\r\n\r\n", ["X IP=::1"]],
  ["no headers", "QUIT\r\n\r\n", ["QUIT"]],
  ["several", "A\r\n\r\nB\nb: 1\n\nC\r\n\r\n", ["A", "B b=1", "C"]],
  ["empty lines between", "\r\n\nA\r\n\r\n\r\n\nB\r\n\r\n", ["A", "B"]],
  ["no colon", "A\r\nwhat\r\n\r\n", ["A (malformed header line)"]],
  ["no name", "A\r\n: x\r\n\r\n", ["A (malformed header line)"]],
  ["any script", "A\r\nname: Zoë 👋\r\n\r\n", ["A name=Zoë 👋"]],
];

for (const [name, sent, expected] of STREAMS) {
  pure(`BlockSplitter finds the same messages however they are split: ${name}`, () => {
    const bytes = encoder.encode(sent);
    assertEquals(splitter().push(bytes).map(short), expected);
    for (let at = 0; at <= bytes.length; at++) {
      const split = splitter();
      // One buffer for both, as the reader has: what is kept must be a copy.
      const buffer = bytes.slice(0, at);
      const blocks = split.push(buffer);
      buffer.fill(0);
      blocks.push(...split.push(bytes.subarray(at)));
      assertEquals(blocks.map(short), expected);
    }
    const dripped = splitter();
    assertEquals(
      [...bytes].flatMap((byte) => dripped.push(Uint8Array.of(byte))).map(short),
      expected,
    );
  });
}

pure("BlockSplitter says that a message is not UTF-8", () => {
  const bytes = Uint8Array.of(...encoder.encode("A\r\nb: "), 0xff, ...encoder.encode("\r\n\r\n"));
  assertEquals(splitter().push(bytes)[0]?.malformed, "the message is not UTF-8");
});

pure("BlockSplitter takes a request without its last line after a silence, if it is whole", () => {
  for (
    const [sent, expected] of [
      ["REGISTER\r\nclientID: a\r\nIP: 1.2.3.4\r\nPort: 5\r\n", ["a=5"]],
      ["REGISTER\r\nclientID: a\r\nIP: 1.2.3.4\r\nPort: 5", ["a=5"]],
      ["REGISTER\r\nclientID: a\r\nIP: 1.2.3.4\r\n", []],
      ["REGISTER\r\n", []],
      ["WHAT\r\na: b\r\n", []],
    ] as const
  ) {
    const split = splitter();
    assertEquals(split.push(encoder.encode(sent)), []);
    assertEquals(split.patienceMs, 1000);
    const silent = split.silence().map((block) => {
      const request = parseRequest(block);
      return request.type === "REGISTER" ? `${request.contact.id}=${request.contact.port}` : "";
    });
    assertEquals(silent, [...expected]);
    if (silent.length === 0) continue;
    assertEquals(split.patienceMs, undefined);
    // The empty line may still come; it is none of a second message.
    assertEquals(split.push(encoder.encode("\r\n\r\nQUIT\r\n\r\n")).map(short), ["QUIT"]);
  }
});

pure("BlockSplitter gives up what is too long, in its parts or in whole", () => {
  const limits = { lineBytes: 20, blockBytes: 100 };
  for (
    const [sent, reason] of [
      [`REGISTER\r\nIP: ${"x".repeat(20)}`, "a line longer than 20 bytes"],
      [`REGISTER\r\nIP: ${"x".repeat(20)}\r\n`, "a line longer than 20 bytes"],
      [`REGISTER\r\n${"IP: 1\r\n".repeat(15)}`, "a message longer than 100 bytes"],
    ] as const
  ) {
    const split = splitter(limits);
    assertEquals(split.push(encoder.encode("A\r\n\r\n" + sent)).map(short), ["A"]);
    assertEquals(split.error?.message, reason);
    assertEquals(split.error?.type, "REGISTER");
    const dripped = splitter(limits);
    for (const byte of encoder.encode(sent)) if (!dripped.error) dripped.push(Uint8Array.of(byte));
    assertEquals(dripped.error?.message, reason);
  }
  const many = splitter();
  assertEquals(many.push(encoder.encode("BRIDGE\r\n" + "a: b\r\n".repeat(1000) + "\r\n")), []);
  assertEquals(many.error?.message, "more than 64 headers");
  const enough = splitter();
  assertEquals(enough.push(encoder.encode("A\n" + "a: b\n".repeat(64) + "\n")).length, 1);
});

/** Requests that cannot be carried out, and why. */
const REFUSED: [sent: string, reason: string][] = [
  ["REGISTER\nIP: 1.2.3.4\nPort: 5", "clientID is missing"],
  ["REGISTER\nclientID: a\nPort: 5", "IP is missing"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.4", "Port is missing"],
  ["REGISTER\nclientID: a\nCLIENTid: b\nIP: 1.2.3.4\nPort: 5", "clientID is given twice"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.4\nPort: 5\nport: 5", "Port is given twice"],
  [
    "REGISTER\nclientID: \nIP: 1.2.3.4\nPort: 5",
    "clientID must be one word of printable characters, at most 64 bytes",
  ],
  [
    "REGISTER\nclientID: a b\nIP: 1.2.3.4\nPort: 5",
    "clientID must be one word of printable characters, at most 64 bytes",
  ],
  ["REGISTER\nclientID: a\nIP: 1.2.3\nPort: 5", "IP must be an IP address"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.256\nPort: 5", "IP must be an IP address"],
  ["REGISTER\nclientID: a\nIP: \nPort: 5", "IP must be an IP address"],
  ["REGISTER\nclientID: a\nIP: ::1::\nPort: 5", "IP must be an IP address"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.4\nPort: 0", "Port must be from 1 to 65535"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.4\nPort: 65536", "Port must be from 1 to 65535"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.4\nPort: -1", "Port must be from 1 to 65535"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.4\nPort: 0x50", "Port must be from 1 to 65535"],
  ["REGISTER\nclientID: a\nIP: 1.2.3.4\nPort: 5\nwhat", "malformed header line"],
  ["BRIDGE", "clientID is missing"],
  ["BRIDGE\nclientID: a\nclientID: a", "clientID is given twice"],
];

for (const [sent, reason] of REFUSED) {
  pure(`parseRequest() refuses ${JSON.stringify(sent)}`, () => {
    const request = parseRequest(parseBlock(sent));
    assertEquals(request.type === "refused" && request.reason, reason);
  });
}

pure("parseRequest() takes headers in any order and case, and others beside them", () => {
  for (const ip of ["10.0.0.1", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", "localhost"]) {
    assertEquals(
      parseRequest(parseBlock(`REGISTER\nPORT: 65535\nX: y\nip: ${ip}\nClientId: Zoë7`)),
      { type: "REGISTER", contact: { id: "Zoë7", ip, port: 65535 } },
    );
  }
  assertEquals(parseRequest(parseBlock("register\nclientID: a")), {
    type: "unknown",
    name: "register",
  });
});

pure("refusal() repeats what was announced, but no control characters", () => {
  const request = parseBlock("REGISTER\nclientID: a\rb\nIP: 1.2.3.4\nPort: 0");
  assertEquals(
    decoder.decode(refusal(request, "why not")),
    "REGACK\r\nclientID: \r\nIP: 1.2.3.4\r\nPort: 0\r\nStatus: error why not\r\n\r\n",
  );
  assertEquals(refusal(parseBlock("CHAT\nclientID: a"), "why not"), undefined);
});

pure("parseAnswer() takes what servers answer", () => {
  const answer = (text: string) => parseAnswer(parseBlock(text));
  assertEquals(answer("REGACK\nclientID: a\nIP: b\nPort: 1\nStatus: registered").type, "REGACK");
  assertEquals(answer("REGACK").type, "REGACK");
  assertEquals(answer("REGACK\nStatus: error server full"), {
    type: "refused",
    reason: "server full",
  });
  assertEquals(answer("BRIDGEACK\nport: 2500\nIP:127.0.0.1\nclientid: Alice"), {
    type: "BRIDGEACK",
    peer: ALICE,
  });
  for (const empty of ["BRIDGEACK\nclientID: \nIP: \nPort: ", "BRIDGEACK"]) {
    assertEquals(answer(empty), { type: "BRIDGEACK", peer: undefined });
  }
  assertEquals(answer("BRIDGEACK\nclientID: a\nIP: 1.2.3.4\nPort: 0").type, "refused");
  assertEquals(answer("HELLO"), { type: "refused", reason: "it answered HELLO" });
});

pure("parseBlock() reads blanks without end at once", () => {
  const blanks = " ".repeat(100_000);
  assertEquals(short(parseBlock(`BRIDGE\r\n${blanks}`)), "BRIDGE (malformed header line)");
  assertEquals(
    parseBlock(`BRIDGE\r\n${blanks}a${blanks}: b${blanks}c${blanks}`).headers,
    [{ name: "a", value: `b${blanks}c` }],
  );
});

pure("BlockSplitter returns nothing behind a message that passed a limit", () => {
  const blocks = splitter({ lineBytes: 10 });
  assertEquals(blocks.push(encoder.encode(`BRIDGE\r\n${"x".repeat(11)}`)), []);
  assertEquals(blocks.push(encoder.encode("\r\nQUIT\r\n\r\n")), []);
});
