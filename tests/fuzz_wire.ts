/**
 * What is fuzzed of the protocols: everything that takes in what a peer has sent.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { formatLine, PeerSplitter } from "../lib/wire/bridge_peer.ts";
import { FixedSplitter, LineSplitter, type Splitter } from "../lib/net.ts";
import { limits } from "../lib/program.ts";
import { LinkSplitter } from "../overlay.ts";
import { pieces, type Target } from "./fuzzing.ts";
import type { Random } from "./random.ts";
import * as bridge from "../lib/wire/bridge.ts";
import * as channels from "../lib/wire/channels.ts";
import * as chatroom from "../lib/wire/chatroom.ts";
import * as overlay from "../lib/wire/overlay.ts";
import * as relay from "../lib/wire/relay.ts";

/** Small enough that short inputs pass it. */
const LIMIT = 40;
/** Large enough that long inputs do not. */
const NO_LIMIT = 1024 * 1024;
const OWN = { id: "own", ip: "127.0.0.1", port: 3000 };

const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes as a string of one character for each, which compares fast. */
function binary(data: Uint8Array): string {
  return latin1.decode(data);
}

function text(data: Uint8Array): string {
  return utf8.decode(data);
}

/** The lines of an input as they should be, and whether one is too long. */
function linesOf(input: Uint8Array): { lines: string[]; tooLong: boolean } {
  const lines = binary(input).split("\n");
  const long = lines.findIndex((line) => line.length > LIMIT);
  const whole = lines.slice(0, long === -1 ? -1 : long);
  return { lines: whole.map((line) => line.replace(/\r$/, "")), tooLong: long !== -1 };
}

/** All that a splitter makes of an input in pieces, up to its end; frames are read as they come. */
function heard<Frame, Read>(
  splitter: Pick<Splitter<Frame>, "push" | "silence" | "end" | "patienceMs" | "error">,
  { cut, read, silences }: {
    cut: readonly Uint8Array[];
    read: (frame: Frame) => Read;
    silences?: Random;
  },
): Read[] {
  const frames: Read[] = [];
  for (const piece of cut) {
    frames.push(...splitter.push(piece).map(read));
    // The buffer of a read is used again.
    piece.fill(0x2a);
    if (splitter.patienceMs !== undefined && silences?.below(4) === 0) {
      frames.push(...splitter.silence().map(read));
    }
  }
  if (!splitter.error) frames.push(...splitter.end().map(read));
  return frames;
}

/** Takes an input in whole, and in pieces of few bytes. */
function costs(make: () => { push(bytes: Uint8Array): unknown; patienceMs: number | undefined }) {
  const fed = (size: number) => (input: Uint8Array) => {
    const splitter = make();
    for (let at = 0; at < input.length; at += size) {
      splitter.push(input.subarray(at, at + size));
      // It is asked after each read.
      splitter.patienceMs;
    }
  };
  return [fed(Infinity), fed(3)];
}

const RELAY = [
  "JOIN Alice",
  "LIST",
  "MESG Bob How are you?",
  "BCST Hello",
  "QUIT",
  "JOIN Alice\nBCST Hello\r\nMESG Bob hi\n",
];
const RELAY_SHOWN = [
  "Alice joined!",
  "Alice joined!Connected to server!",
  "Alice: Hello",
  "Alice,Bob,Alex",
  "Alice is sending a broadcast",
  "Alice left",
];
const CHANNELS = ["Alice", "/create tas", "/join tas", "/list", "/join", "/", "Hello world!   \n"];
const OVERLAY = ["register Alice", "sendto Bob Hello", "sendto Bob a: b\r\n", "exit"];
const PASSAGES = ["Alice to Bob: Hello", "Alice to Bob:  a: b ", "Alice to Bob: ", "a to b:c"];
const NOTICES = ["welcome Alice", "recvfrom Alice Hello", "WELCOME\n", "Alice: Hello"];
const CHATROOM = [
  "Alice:join",
  "Alice:exit",
  "Alice:Hello",
  "join:Bob",
  "exit",
  "join",
  "note: hi",
];
const CHATROOM_SHOWN = ["User Alice joined", "User Alice left", "Alice: Hello", "Welcome"];
const REGISTER = "REGISTER\r\nclientID: student1\r\nIP: 127.0.0.1\r\nPort: 3000\r\n\r\n";
const BRIDGE = [
  REGISTER,
  "REGISTER\nport:65535\nip: ::1\nClientid:b\n\n",
  "BRIDGE\r\nclientID: student1\r\n\r\n",
  "REGACK\r\nclientID: a\r\nIP: localhost\r\nPort: 1\r\nStatus: registered\r\n\r\n",
  "REGACK\r\nclientID: \r\nIP: \r\nPort: \r\nStatus: error no\r\n\r\n",
  "BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\n\r\n",
  "BRIDGEACK\r\nclientID: b\r\nIP: fe80::1%eth0\r\nPort: 2500\r\n\r\n",
];
const PEER = [
  "CHAT\r\nclientID: b\r\nIP: 127.0.0.1\r\nPort: 2000\r\n\r\nHello\nQUIT\r\n\r\n",
  "CHAT\nclientID: b\nMessage: Hello\n\n",
  "CHAT\r\nType: quit\r\n\r\n",
  "Hello\r\nthere\r\n",
  "QUIT\n",
  "QUIT",
  "CHAT",
  "Hello\n\n",
];

/** Where names are, as [start, end) in their order. */
function checkNamed(named: (line: string) => [number, number][], line: string): void {
  let at = 0;
  for (const [start, end] of named(line)) {
    assert(start >= at && end > start && end <= line.length, "names overlap or are out of range");
    at = end;
  }
}

function checkLines(input: Uint8Array, random: Random): void {
  const { lines, tooLong } = linesOf(input);
  const splitter = new LineSplitter({ maxBytes: LIMIT });
  assertList(heard(splitter, { cut: pieces(input, random), read: binary }), lines);
  assert((splitter.error !== undefined) === tooLong, "the limit is not kept");
  if (random.below(2) === 0) return;
  const bare = new LineSplitter({ maxBytes: LIMIT, bareMs: 50, strict: random.below(2) === 0 });
  const all = heard(bare, { cut: pieces(input, random), read: binary, silences: random }).join("");
  const ends = /[\r\n]/g;
  const sent = binary(input).replace(ends, "");
  assert(sent.startsWith(all.replace(ends, "")), "bytes were added or lost");
}

/** As `assertEquals`, but much faster where all is well. */
function assertList(got: readonly string[], wanted: readonly string[]): void {
  if (got.length === wanted.length && got.every((each, i) => each === wanted[i])) return;
  assertEquals(got, wanted);
}

function checkFixed(input: Uint8Array, random: Random): void {
  const size = 1 + random.below(9);
  const splitter = new FixedSplitter(size);
  const frames = heard(splitter, { cut: pieces(input, random), read: binary });
  assert(frames.every((frame) => frame.length === size), "a frame has another size");
  const whole = input.length - input.length % size;
  assert(frames.join("") === binary(input.subarray(0, whole)), "bytes were added or lost");
  assert(splitter.pending === input.length - whole, "the rest is miscounted");
}

function checkLink(input: Uint8Array, random: Random): void {
  const { lines, tooLong } = linesOf(input);
  const quiet = new LinkSplitter(LIMIT);
  const cut = pieces(input, random);
  // A read that begins like a message may be one: then the lines are not those of the bytes alone.
  const apart = cut.slice(1).some((piece) => overlay.startsPassage(piece));
  const got = heard(quiet, { cut, read: binary });
  if (!apart) {
    assertList(got.slice(0, lines.length), lines);
    assert(got.length <= lines.length + 1, "a line too many");
    assert((quiet.error !== undefined) === tooLong, "the limit is not kept");
  }
  const paused = new LinkSplitter(LIMIT);
  heard(paused, { cut: pieces(input, random), read: binary, silences: random });
}

function checkBlocks(input: Uint8Array, random: Random): void {
  const bounds = { lineBytes: LIMIT, blockBytes: 3 * LIMIT };
  const make = () => new bridge.BlockSplitter(bounds);
  const [whole, cut] = [make(), make()];
  const read = ({ type, headers, malformed }: bridge.Block) =>
    [type, malformed, ...headers.map(({ name, value }) => `${name}:${value}`)].join("\n");
  const readAndChecked = (block: bridge.Block) => {
    assert(block.headers.length <= bridge.MAX_HEADERS, "too many headers");
    checkBlock(block);
    return read(block);
  };
  assertList(
    heard(whole, { cut: [input.slice()], read: readAndChecked }),
    heard(cut, { cut: pieces(input, random), read }),
  );
  assert(whole.error?.message === cut.error?.message, "errors differ by how the bytes came");
  if (random.below(4) > 0) return;
  heard(make(), { cut: pieces(input, random), read, silences: random });
}

function checkBlock(block: bridge.Block): void {
  bridge.parseAnswer(block);
  const request = bridge.parseRequest(block);
  if (request.type === "REGISTER") {
    const sent = bridge.parseBlock(text(bridge.MESSAGES.register(request.contact)).slice(0, -2));
    assertEquals(bridge.parseRequest(sent), request);
  } else if (request.type === "refused") {
    // What a stranger has sent must not become a header of its own in the answer.
    const refusal = text(bridge.refusal(block, request.reason)!);
    assert(refusal.split(/[\r\n]+/).length === 6, "a refusal has other lines than its own");
  }
}

function checkTexts(input: Uint8Array, random: Random): void {
  const splitter = new chatroom.TextSplitter(LIMIT);
  const all = heard(splitter, { cut: pieces(input, random), read: binary, silences: random });
  assert(!all.some((each) => each === "" || each.includes("\n")), "no text");
  assert(!all.some((each) => each.length > LIMIT), "the limit is not kept");
  const sent = binary(input).replace(/[\r\n]/g, "");
  assert(sent === all.join("").replaceAll("\r", ""), "bytes were added or lost");
}

function checkPeer(input: Uint8Array, random: Random): void {
  const called = random.below(2) === 0;
  const [whole, cut] = [new PeerSplitter({ called }), new PeerSplitter({ called })];
  const read = (frame: unknown) => JSON.stringify(frame);
  assertList(
    heard(whole, { cut: [input.slice()], read }),
    heard(cut, { cut: pieces(input, random), read }),
  );
  assert(whole.error?.message === cut.error?.message, "errors differ by how the bytes came");
  if (random.below(2) === 0) return;
  const paused = new PeerSplitter({ called });
  heard(paused, { cut: pieces(input, random), read, silences: random });
  formatLine("Hello", paused.style, OWN);
}

function checkRelay(input: Uint8Array): void {
  const request = relay.parseRequest(input);
  const sent = binary(input);
  if (request.type === "BCST") assert(`BCST ${binary(request.text)}` === sent, "another text");
  if (request.type === "MESG") {
    assert(sent.endsWith(` ${binary(request.text)}`), "another text");
    assert(/^[^\s,\p{Cc}]{1,64}$/u.test(request.to), "a name with other characters");
  }
  if (request.type === "JOIN" && request.name !== undefined) {
    assert(/^[^\s,\p{Cc}]{1,64}$/u.test(request.name), "no name");
  }
  const line = text(input);
  checkNamed(relay.named, line);
}

function checkChannels(input: Uint8Array): void {
  const request = channels.parseRequest(input);
  const name = channels.parseName(input);
  const said = text(input);
  if (request.type === "text") {
    const parts = channels.parts(channels.prefix(name ?? "x"), request.text);
    assert(parts.reduce((size, part) => size + part.length, 0) % 200 === 0, "no whole frame");
  }
  const frames = channels.typedFrames(said);
  assert(frames.every((frame) => frame.length === channels.FRAME_BYTES), "no whole frame");
  const words = (shown: string) => shown.replaceAll(" ", "");
  assert(words(frames.map(text).join("")) === words(said), "a typed line is cut wrongly");
  assert(text(channels.frame(said)).isWellFormed(), "a character is cut");
  assert(
    new channels.Listing(said.split(" ")).pages().every((page) =>
      page.length % channels.FRAME_BYTES === 0
    ),
    "no whole frame",
  );
  checkNamed(channels.named, said);
}

function checkChatroom(input: Uint8Array): void {
  const said = text(input);
  chatroom.decode(input);
  chatroom.isExit(input);
  const name = chatroom.nameIn(said);
  assert(
    name === undefined || (name !== "" && chatroom.encode(name).length <= 64),
    "a name that is none",
  );
  assert(chatroom.noticesIn(said).join("\n") === said, "another text");
  const stranger = chatroom.parseDatagram(said);
  assert(stranger === undefined || stranger.type === "join", "a stranger was heard");
  const known = chatroom.parseDatagram(said, "Alice");
  if (known?.type === "text") {
    assert(known.text.split(":")[0]!.trim() === "Alice", "in another's name");
  }
  if (known?.type === "join") assert(known.name.trim() !== "", "an empty name");
  checkNamed(chatroom.named, said);
}

function checkOverlay(input: Uint8Array): void {
  const request = overlay.parseDatagram(input);
  if (request.type === "sendto") {
    const head = `sendto ${request.to} `;
    assert(binary(input).startsWith(head + binary(request.text)), "another text");
  }
  if (request.type !== "unknown") {
    const name = request.type === "sendto" ? request.to : request.name;
    assert(overlay.isName(name), "a name with other characters");
  }
  const typed = overlay.typed(text(input));
  if (typed) assert(overlay.parseDatagram(typed).type === "sendto", "typed, but not sent");
  overlay.parseNotice(input);
  checkNamed(overlay.named, text(input));
  const passage = overlay.parsePassage(input);
  if (!passage) return;
  const line = overlay.passage(passage.from, passage.to, overlay.oneLine(passage.text));
  assert(line.indexOf(0x0a) === line.length - 1, "a line end inside a line");
  const again = overlay.parsePassage(line.subarray(0, -1))!;
  assert(again.from === passage.from && again.to === passage.to, "other names");
  assert(again.text.length === passage.text.length, "another text");
}

/** Splitters and parsers. */
export const WIRE: readonly Target[] = [
  {
    name: "LineSplitter",
    corpus: RELAY,
    check: checkLines,
    costs: costs(() => new LineSplitter({ maxBytes: NO_LIMIT, bareMs: 50 })),
  },
  {
    name: "FixedSplitter",
    corpus: CHANNELS,
    check: checkFixed,
    costs: costs(() => new FixedSplitter(200)),
  },
  {
    name: "overlay LinkSplitter",
    corpus: PASSAGES.map((line) => `${line}\n${line}`),
    check: checkLink,
    costs: costs(() => new LinkSplitter(NO_LIMIT)),
  },
  {
    name: "bridge BlockSplitter",
    corpus: BRIDGE,
    check: checkBlocks,
    costs: costs(() => {
      const { lineBytes, unterminatedBytes } = limits();
      return new bridge.BlockSplitter({ lineBytes, blockBytes: unterminatedBytes });
    }),
  },
  {
    name: "bridge parseBlock",
    corpus: BRIDGE,
    check: (input) => checkBlock(bridge.parseBlock(text(input))),
  },
  {
    name: "bridge PeerSplitter",
    corpus: PEER,
    check: checkPeer,
    costs: costs(() => new PeerSplitter({ called: true })),
  },
  {
    name: "chatroom TextSplitter",
    corpus: [...RELAY, ...CHATROOM],
    check: checkTexts,
    costs: costs(() => new chatroom.TextSplitter(LIMIT)),
  },
  { name: "relay requests", corpus: [...RELAY, ...RELAY_SHOWN], check: checkRelay },
  {
    name: "channels frames",
    corpus: [...CHANNELS, "[Alice] hi", "Alice has joined", "Alice has left"],
    check: checkChannels,
  },
  { name: "chatroom datagrams", corpus: [...CHATROOM, ...CHATROOM_SHOWN], check: checkChatroom },
  {
    name: "overlay messages",
    corpus: [...OVERLAY, ...PASSAGES, ...NOTICES],
    check: checkOverlay,
    // Each by itself: where the runtime takes another way for long texts, the steps must not add up.
    costs: [
      overlay.parseDatagram,
      overlay.parsePassage,
      overlay.parseNotice,
      (input) => overlay.typed(text(input)),
      (input) => overlay.named(text(input)),
    ],
  },
];
