import { assertEquals } from "@std/assert/equals";
import type { Clock } from "../lib/outbound.ts";
import type { Limits } from "../lib/program.ts";
import { type ChannelsOptions, serveChannels as serve } from "../server.ts";
import { bytes, deadline, Peer, text } from "./helpers.ts";
import { type Served, served } from "./serving.ts";

const frame = (message: string) => message.padEnd(200);
const NOWHERE = "Not currently in any channel. Must join a channel before sending messages.";
const invalid = (message: string) =>
  `${message} is not a valid control message. Valid messages are /create, /list, and /join.`;

function serveChannels(
  limits: Partial<Limits> = {},
  options: ChannelsOptions & { clock?: Clock } = {},
): Served {
  return served(serve, { limits, ...options });
}

/** Connects and says its name and more; nothing is answered to a name. */
async function enter(port: number, ...messages: string[]): Promise<Peer> {
  const peer = await Peer.connect(port);
  await peer.send(messages.map(frame).join(""));
  return peer;
}

/** Asserts that the next frames are these, and that nothing comes between them. */
async function expectFrames(peer: Peer, ...messages: string[]): Promise<void> {
  await peer.expect(messages.map(frame).join(""));
}

/** Waits until all that the peer has sent is carried out: an invalid command is answered in order. */
async function settle(peer: Peer): Promise<void> {
  await peer.send(frame("/?"));
  await expectFrames(peer, invalid("/?"));
}

Deno.test("serve() answers each request as the document's table says", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice");
  const dialogue: [sent: string, received: string[]][] = [
    ["Hello", [NOWHERE]],
    ["/list", []],
    ["/join a", ["No channel named a exists. Try '/create a'?"]],
    ["/join", ["/join command must be followed by the name of a channel to join."]],
    ["/join   ", ["/join command must be followed by the name of a channel to join."]],
    ["/create", ["/create command must be followed by the name of a channel to create"]],
    ["Still nowhere", [NOWHERE]],
    ["/create a", []],
    ["/create a", ["Room a already exists, so cannot be created."]],
    ["/create b c", []],
    ["/create b", ["Room b already exists, so cannot be created."]],
    ["/list", ["a\nb"]],
    ["/list\n", ["a\nb"]],
    ["/", [invalid("/")]],
    ["/foo a b", [invalid("/foo a b")]],
    ["/joinx", [invalid("/joinx")]],
    ["/join __proto__", ["No channel named __proto__ exists. Try '/create __proto__'?"]],
    ["to nobody", []],
  ];
  for (const [sent, received] of dialogue) {
    await alice.send(frame(sent));
    await expectFrames(alice, ...received);
  }
  await settle(alice);
});

Deno.test("serve() carries messages and tells of joining and leaving, in order", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  using bob = await enter(server.port, "Bob", "/join a");
  await expectFrames(alice, "Bob has joined");
  using carol = await enter(server.port, "Carol", "/create b");
  await settle(carol);

  await bob.send(frame("Hi") + frame("  spaces stay") + frame("") + frame(" /list"));
  await expectFrames(alice, "[Bob] Hi", "[Bob]   spaces stay", "[Bob]", "[Bob]  /list");
  await bob.send(frame("/join b"));
  await expectFrames(alice, "Bob has left");
  await expectFrames(carol, "Bob has joined");
  // Its own channel: the others hear both, and it hears each message once afterwards.
  await bob.send(frame("/join b") + frame("again"));
  await expectFrames(carol, "Bob has left", "Bob has joined", "[Bob] again");
  await carol.send(frame("once"));
  await expectFrames(bob, "[Carol] once");
  await settle(bob);
  bob.close();
  await expectFrames(carol, "Bob has left");
  // Nobody is left in a, and it is still there.
  await alice.send(frame("/create c") + frame("/list"));
  await expectFrames(alice, "a\nb\nc");
  await carol.send(frame("/join a"));
  await settle(carol);
  await settle(alice);
});

Deno.test("serve() takes two members of the same name for two", async () => {
  await using server = serveChannels();
  using one = await enter(server.port, "Twin", "/create a");
  await settle(one);
  using two = await enter(server.port, "Twin", "/join a");
  await expectFrames(one, "Twin has joined");
  await two.send(frame("me"));
  await expectFrames(one, "[Twin] me");
  await settle(two);
});

Deno.test("serve() changes nothing when a command fails", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  using bob = await enter(server.port, "Bob", "/join a");
  await expectFrames(alice, "Bob has joined");
  for (
    const [command, answer] of [
      ["/join", "/join command must be followed by the name of a channel to join."],
      ["/join nowhere", "No channel named nowhere exists. Try '/create nowhere'?"],
      ["/create", "/create command must be followed by the name of a channel to create"],
      ["/create a", "Room a already exists, so cannot be created."],
      ["/joinx", invalid("/joinx")],
      ["/", invalid("/")],
    ] as const
  ) {
    await bob.send(frame(command) + frame(`after ${command}`));
    await expectFrames(bob, answer);
    await expectFrames(alice, `[Bob] after ${command}`);
    await alice.send(frame("and back"));
    await expectFrames(bob, "[Alice] and back");
  }
});

const SCRIPT = ["Bob", "/join a", "Hello", "/list", "x".repeat(200), "/join nowhere", "last"];
const BOB_HEARS = ["a", "No channel named nowhere exists. Try '/create nowhere'?"];
const ALICE_HEARS = [
  "Bob has joined",
  "[Bob] Hello",
  `[Bob] ${"x".repeat(194)}`,
  `[Bob] ${"x".repeat(6)}`,
  "[Bob] last",
  "Bob has left",
];

/** Plays the script in the given pieces, and checks what both hear to the byte. */
async function playScript(pieces: (all: Uint8Array) => Uint8Array[]): Promise<void> {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  using bob = await Peer.connect(server.port);
  for (const piece of pieces(bytes(SCRIPT.map(frame).join("")))) await bob.send(piece);
  await bob.halfClose();
  await expectFrames(bob, ...BOB_HEARS);
  await bob.expectEnd();
  await expectFrames(alice, ...ALICE_HEARS);
}

Deno.test("serve() hears the same when frames are split at any of their 200 bytes", async () => {
  for (let at = 1; at < 200; at++) {
    await playScript((all) => [all.subarray(0, 400 + at), all.subarray(400 + at)]);
  }
});

Deno.test("serve() hears the same when frames come glued, in thirds, or a byte at a time", async () => {
  await playScript((all) => [all]);
  await playScript((
    all,
  ) => [all.subarray(0, 150), all.subarray(150, 350), all.subarray(350, 400), all.subarray(400)]);
  await playScript((all) => Array.from({ length: all.length }, (_, i) => all.subarray(i, i + 1)));
  await playScript((all) => {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < all.length; at += 67) pieces.push(all.subarray(at, at + 67));
    return pieces;
  });
});

Deno.test("serve() keeps the halves of two clients apart", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  using bob = await enter(server.port, "Bob", "/join a");
  await expectFrames(alice, "Bob has joined");
  using carol = await enter(server.port, "Carol", "/join a");
  await expectFrames(alice, "Carol has joined");
  const [first, second] = [frame("from Bob"), frame("from Carol")];
  await bob.send(first.slice(0, 150));
  await carol.send(second.slice(0, 100));
  await bob.send(first.slice(150) + frame("whole") + first.slice(0, 50));
  await expectFrames(alice, "[Bob] from Bob", "[Bob] whole");
  await carol.send(second.slice(100));
  await expectFrames(alice, "[Carol] from Carol");
  // The half frame of one that leaves is dropped.
  bob.close();
  await expectFrames(alice, "Bob has left");
  await settle(alice);
});

Deno.test("serve() takes nine frames in one write for nine messages", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  using bob = await enter(server.port, "Bob", "/join a", ...Array.from("1234567"));
  await expectFrames(alice, "Bob has joined", ...Array.from("1234567", (each) => `[Bob] ${each}`));
  await settle(bob);
});

Deno.test("serve() is held up by nobody who is silent or has sent half a name", async () => {
  await using server = serveChannels();
  using _silent = await Peer.connect(server.port);
  using half = await Peer.connect(server.port);
  await half.send("Half".padEnd(100));
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  await half.send("".padEnd(100) + frame("/join a"));
  await expectFrames(alice, "Half has joined");
});

Deno.test("serve() closes connections that give no name in time, and no other", async () => {
  const server = serveChannels({ introduceMs: 50 });
  {
    await using _ = server;
    using alice = await enter(server.port, "Alice", "/create a");
    using silent = await Peer.connect(server.port);
    using half = await Peer.connect(server.port);
    await half.send(frame("Half").slice(0, 199));
    await silent.expectEnd();
    await half.expectEnd();
    await settle(alice);
  }
  assertEquals(server.notes.some((note) => note.includes("without a name for 50 ms")), true);
});

Deno.test("serve() closes on an empty name, one that is not UTF-8, and one with control characters", async () => {
  await using server = serveChannels();
  for (
    const name of [
      frame(""),
      new Uint8Array(200),
      frame("\n"),
      new Uint8Array(200).fill(0xff),
      frame("Al\x1b[2J"),
      frame("Al\nKay has left"),
    ]
  ) {
    using peer = await Peer.connect(server.port);
    await peer.send(name);
    await peer.expectEnd();
  }
});

Deno.test("serve() carries a text that does not fit behind its name on in a further frame", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  const words = Array.from({ length: 40 }, (_, i) => `w${i}`.padStart(4, "w")).join(" ");
  const long = "n".repeat(64);
  for (
    const [name, message, ...heard] of [
      ["Bob", "x".repeat(194), "x".repeat(194)],
      ["Bob", "x".repeat(200), "x".repeat(194), "x".repeat(6)],
      ["Zoë", "é".repeat(100), "é".repeat(96), "é".repeat(4)],
      ["Bo", "👋".repeat(50), "👋".repeat(48), "👋".repeat(2)],
      // Forty words are 199 bytes: the last three of them go on, and only the blank before it is left out.
      ["Alexander", words, words.slice(0, -15), words.slice(-14)],
      [
        "Alexander",
        `${"y".repeat(185)}  ${"z".repeat(12)}`,
        "y".repeat(185),
        ` ${"z".repeat(12)}`,
      ],
      [long, "x".repeat(200), "x".repeat(133), "x".repeat(67)],
      // A name of more than 64 bytes is cut between characters, and stays so.
      ["n".repeat(200), "hi", "hi"],
      ["é".repeat(40), "hi", "hi"],
      [`${"n".repeat(63)} o`, "hi", "hi"],
    ] as const
  ) {
    const known =
      { "é": "é".repeat(32), "n": name.endsWith("o") ? "n".repeat(63) : long }[name[0]!] ?? name;
    // What the sender's own frame would cut is not what is asked here.
    const padded = (part: string) =>
      Uint8Array.from([...bytes(part), ...Array(200).fill(32)]).subarray(0, 200);
    using peer = await Peer.connect(server.port);
    await peer.send(padded(name));
    await peer.send(padded("/join a"));
    await peer.send(padded(message));
    await peer.send(padded("in step"));
    const expected = [
      `${known} has joined`,
      ...[...heard, "in step"].map((each) => `[${known}] ${each}`),
    ];
    for (const each of expected) await alice.expect(padded(each));
    peer.close();
    await alice.expect(padded(`${known} has left`));
  }
  await settle(alice);
});

Deno.test("serve() relays controls and bytes that are not UTF-8 as they came", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  await settle(alice);
  using bob = await enter(server.port, "Bob", "/join a");
  await expectFrames(alice, "Bob has joined");
  const odd = Uint8Array.of(0x1b, 0x5b, 0x32, 0x4a, 0x07, 0xff, 0xc3, 0x80, 0x41);
  await bob.send(Uint8Array.of(...odd, ...Array(200 - odd.length).fill(32)));
  await alice.expect(
    Uint8Array.of(...bytes("[Bob] "), ...odd, ...Array(194 - odd.length).fill(32)),
  );
  await bob.send(new Uint8Array(200));
  await expectFrames(alice, "[Bob]");
});

Deno.test("serve() lists 500 channels in whole frames, cut between names", async () => {
  await using server = serveChannels();
  const names = Array.from({ length: 500 }, (_, i) => `channel${i}`);
  using alice = await enter(server.port, "Alice", ...names.map((name) => `/create ${name}`));
  await alice.send(frame("/list") + frame("/?"));
  const listed: string[] = [];
  for (;;) {
    const next = text(await alice.read(200)).trimEnd();
    if (next === invalid("/?")) break;
    listed.push(...next.split("\n"));
  }
  assertEquals(listed, names);
});

Deno.test("serve() lists more channels than may wait for a reader in parts", async () => {
  await using server = serveChannels({ softBytes: 1000, hardBytes: 4000 });
  const names = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(150, "x"));
  using alice = await enter(server.port, "Alice", ...names.map((name) => `/create ${name}`));
  await alice.send(frame("/list"));
  await expectFrames(alice, ...names);
  // The list is made anew when there is one more, and all get it.
  await alice.send(frame("/create last"));
  await settle(alice);
  using bob = await enter(server.port, "Bob", "/list");
  await expectFrames(bob, ...names.slice(0, -1), `${names.at(-1)}\nlast`);
});

Deno.test("serve() names a client that does not pad, and none whose frames only come in pieces", async () => {
  await using server = serveChannels();
  using alice = await enter(server.port, "Alice", "/create a");
  using bare = await Peer.connect(server.port);
  await bare.send("Bob");
  // A silence of less than 3 s between two pieces is a slow network's.
  await alice.send(frame("/?").slice(0, 90));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await alice.send(frame("/?").slice(90));
  await expectFrames(alice, invalid("/?"));
  while (!server.notes.some((note) => note.includes("pad"))) {
    await deadline(new Promise((resolve) => setTimeout(resolve, 50)), "the operator to be told");
  }
  assertEquals(server.notes.filter((note) => note.includes("pad")), [
    "[2] has sent 3 of 200 bytes: does the client pad its messages?",
  ]);
});

Deno.test("serve() swallows none of three clients that connect in the same moment", async () => {
  const server = serveChannels();
  {
    await using _ = server;
    const three = await Promise.all([1, 2, 3].map(() => enter(server.port, "Kay")));
    for (const each of three) await settle(each);
    for (const each of three) each.close();
  }
  for (const what of ["connected from", "disconnected"]) {
    const told = server.notes.filter((note) => note.includes(what));
    const more = told.map((note) => Number(/\(and (\d+) more\)$/.exec(note)?.[1] ?? 0));
    assertEquals(told.length + more.reduce((sum, each) => sum + each, 0), 3, told.join("; "));
  }
});

Deno.test("serve() makes no channel too many, until one has been empty for an hour", async () => {
  let later = 0;
  const clock: Clock = {
    now: () => performance.now() + later,
    every: (ms, tick) => {
      const timer = setInterval(tick, ms);
      return () => clearInterval(timer);
    },
  };
  const tooMany = (name: string) => `Too many channels, so ${name} cannot be created.`;
  await using server = serveChannels({}, { channels: 3, clock });
  using alice = await enter(server.port, "Alice", "/create a", "/create b", "/create c");
  await settle(alice);
  using bob = await enter(server.port, "Bob", "/create d", "Hello", "/create a");
  await expectFrames(bob, tooMany("d"), NOWHERE, "Room a already exists, so cannot be created.");
  // An hour is the bound: a is empty since before b is.
  later = 3_600_000 - 60_000;
  await bob.send(frame("/create d") + frame("/list"));
  await expectFrames(bob, tooMany("d"), "a\nb\nc");
  // Somebody was in a only now, so that b is empty longest.
  await bob.send(frame("/join a") + frame("/join c"));
  await expectFrames(alice, "Bob has joined");
  later = 3_600_000;
  await bob.send(frame("/create d") + frame("/list") + frame("/join b"));
  await expectFrames(alice, "Bob has left");
  await expectFrames(bob, "a\nc\nd", "No channel named b exists. Try '/create b'?");
  // a is not empty for long enough, and the others have members.
  await bob.send(frame("/create e") + frame("/list"));
  await expectFrames(bob, tooMany("e"), "a\nc\nd");
  // Hours later the ones with members are still there.
  later = 36_000_000;
  await alice.send(frame("/create e"));
  await settle(alice);
  await bob.send(frame("/create f") + frame("/list"));
  await expectFrames(bob, tooMany("f"), "c\nd\ne");
  const told = server.notes.filter((note) => note.includes("channels"));
  assertEquals(told[0], "refused to create a channel: the limit is 3 channels");
});

Deno.test("serve() makes 10,000 channels and lists them all, and no more", async () => {
  await using server = serveChannels();
  const names = Array.from({ length: 10_000 }, (_, i) => `channel-${i}`);
  using alice = await enter(server.port, "Alice", ...names.map((name) => `/create ${name}`));
  await alice.send(frame("/create one-more") + frame("/list") + frame("/?"));
  await expectFrames(alice, "Too many channels, so one-more cannot be created.");
  const listed: string[] = [];
  for (;;) {
    const next = text(await alice.read(200)).trimEnd();
    if (next === invalid("/?")) break;
    listed.push(...next.split("\n"));
  }
  assertEquals(listed, names);
});

Deno.test("serve() prints nothing on stdout", async () => {
  const server = serveChannels();
  {
    await using _ = server;
    using alice = await enter(server.port, "Alice", "/create a", "hello");
    await settle(alice);
  }
  assertEquals(server.lines, []);
});
