import { assertEquals } from "@std/assert/equals";
import type { Limits } from "../lib/program.ts";
import { serveRelay as serve } from "../server.ts";
import { Peer } from "./helpers.ts";
import { type Served, served } from "./serving.ts";

const UNREGISTERED = 'Unregistered User. Use "JOIN <username>" to Register.\n';

function serveRelay(
  options: { users?: number; list?: "commas" | "lines"; limits?: Partial<Limits> } = {},
): Served {
  return served(serve, options);
}

/** Connects and registers; the others' notices are theirs to read. */
async function join(port: number, name: string): Promise<Peer> {
  const peer = await Peer.connect(port);
  await peer.send(`JOIN ${name}\n`);
  await peer.expect(`${name} joined!Connected to server!\n`);
  return peer;
}

/** A dialogue of one client: what it sends, and all that comes back until the server closes. */
const DIALOGUES: [name: string, sent: string, received: string][] = [
  [
    "joins and quits",
    "JOIN Alice\nQUIT\n",
    [
      "Alice joined!Connected to server!\n",
      "Alice is quitting the chat server\n",
    ].join(""),
  ],
  [
    "is told what it missed when unregistered",
    "LIST\nMESG Bob x\nBCST x\nQUIT\n",
    UNREGISTERED.repeat(3),
  ],
  [
    "registers once",
    "JOIN Alice\nJOIN Alice\nJOIN Bob\nJOIN\nJOIN Bob Bob\nJOIN \x00\nJOIN  \nLIST\nQUIT\n",
    [
      "Alice joined!Connected to server!\n",
      "Already registered as Alice\n".repeat(6),
      "Alice\n",
      "Alice is quitting the chat server\n",
    ].join(""),
  ],
  [
    "talks to itself and into the void",
    "JOIN Alice\nMESG Alice a  b \nMESG Bob x\nBCST x\nQUIT\n",
    [
      "Alice joined!Connected to server!\n",
      "Alice: a  b \n",
      "Unknown Recipient\n",
      "Alice is sending a broadcast\n",
      "Alice is quitting the chat server\n",
    ].join(""),
  ],
  [
    "sends what is no request",
    "JOIN Alice\nlist\nJOINT\nMESG\nMESG Bob\nMESG  Bob\nMESG Alice \nBCST\nBCST  \nHELLO\nQUITE\n\x00\n\x1b[2J\nQUIT\n",
    "Alice joined!Connected to server!\n" + "Unknown Message\n".repeat(12) +
    "Alice is quitting the chat server\n",
  ],
  [
    "asks for names that are none",
    "JOIN\nJOIN \njoin Alice\nJOIN \x00\nJOIN Alice\x1b\nJOIN a,b\nJOIN Al\u00a0ice\nJOIN \u202eecilA\n" +
    `JOIN ${"é".repeat(32)}x\nJOIN Alice\nQUIT\n`,
    UNREGISTERED.repeat(3) +
    "Username must be one word of printable characters without a comma, at most 64 bytes.\n".repeat(
      6,
    ) +
    "Alice joined!Connected to server!\nAlice is quitting the chat server\n",
  ],
  ...["Al-ice", "client1-48213", "Zoë", "👩‍🚀", "a:b", "é".repeat(32)].map((
    name,
  ): [string, string, string] => [
    `registers as ${name} and writes words behind it`,
    `JOIN  ${name} extra\nLIST\nMESG ${name} hi\nMESG Zo-e hi\nBCST x\nQUIT\n`,
    [
      `${name} joined!Connected to server!\n`,
      `${name}\n`,
      `${name}: hi\n`,
      "Unknown Recipient\n",
      `${name} is sending a broadcast\n`,
      `${name} is quitting the chat server\n`,
    ].join(""),
  ]),
  [
    "writes CRLF, blank lines and words too many",
    "\r\n  \r\nJOIN Alice \r\nLIST Alice\r\n\r\nQUIT Alice\r\n",
    [
      "Alice joined!Connected to server!\n",
      "Alice\n",
      "Alice is quitting the chat server\n",
    ].join(""),
  ],
  [
    "writes a line over the limit",
    `JOIN Alice\nBCST ${"x".repeat(4092)}\nBCST ${"x".repeat(4091)}\nLIST\nQUIT\n`,
    "Alice joined!Connected to server!\nMessage too long. The limit is 4096 bytes.\n" +
    "Alice is sending a broadcast\nAlice\nAlice is quitting the chat server\n",
  ],
];

for (const [name, sent, received] of DIALOGUES) {
  for (const way of ["all at once", "a byte at a time", "a line at a time"] as const) {
    if (way === "a byte at a time" && sent.length > 2000) continue;
    Deno.test(`serve() answers a client that ${name}, ${way}`, async () => {
      await using server = serveRelay();
      using peer = await Peer.connect(server.port);
      if (way === "all at once") await peer.send(sent);
      else if (way === "a byte at a time") await peer.drip(sent);
      else for (const line of sent.split(/(?<=\n)/)) await peer.send(line);
      await peer.expect(received);
      await peer.expectEnd();
    });
  }
}

Deno.test("serve() ends a line that never ends with the limit and a close", async () => {
  await using server = serveRelay();
  using alice = await join(server.port, "Alice");
  using peer = await Peer.connect(server.port);
  await peer.send("x".repeat(16385));
  await peer.expect("Message too long. The limit is 16384 bytes.\n");
  await peer.expectEnd();
  await alice.send("LIST\n");
  await alice.expect("Alice\n");
});

Deno.test("serve() relays bytes as they came when they are not UTF-8 or hold controls", async () => {
  await using server = serveRelay();
  using alice = await join(server.port, "Alice");
  using bob = await join(server.port, "Bob");
  await alice.expect("Bob joined!\n");
  const odd = Uint8Array.of(0x41, 0xff, 0x00, 0xc3, 0x1b, 0x5b, 0x32, 0x4a, 0x20, 0x0a);
  const encode = (text: string) => new TextEncoder().encode(text);
  await alice.send(Uint8Array.of(...encode("BCST "), ...odd));
  await bob.expect(Uint8Array.of(...encode("Alice: "), ...odd));
  await alice.send(Uint8Array.of(...encode("MESG Bob "), ...odd));
  await bob.expect(Uint8Array.of(...encode("Alice: "), ...odd));
  await alice.expect("Alice is sending a broadcast\n");
});

Deno.test("serve() keeps the order of broadcasts and messages when they are glued", async () => {
  await using server = serveRelay();
  using alice = await join(server.port, "Alice");
  using bob = await join(server.port, "Bob");
  await alice.expect("Bob joined!\n");
  await alice.send("BCST 1\nMESG Bob 2\nBCST 3\nBCST 4\nMESG Bob 5\nMESG Alice 6\nLIST\n");
  await bob.expect("Alice: 1\nAlice: 2\nAlice: 3\nAlice: 4\nAlice: 5\n");
  await alice.expect("Alice is sending a broadcast\n".repeat(3) + "Alice: 6\nAlice,Bob\n");
});

Deno.test("serve() answers LIST with a line a name when asked to", async () => {
  await using server = serveRelay({ list: "lines" });
  using _alice = await join(server.port, "Alice");
  using bob = await join(server.port, "Bob");
  await bob.send("LIST\n");
  await bob.expect("Alice\nBob\n");
});

Deno.test("serve() takes ten, turns the eleventh away, and takes the next when one leaves", async () => {
  await using server = serveRelay();
  using last = await join(server.port, "u1");
  const others: Peer[] = [];
  for (let i = 2; i <= 10; i++) others.push(await join(server.port, `u${i}`));
  using eleventh = await Peer.connect(server.port);
  await eleventh.send("JOIN u11\n");
  await eleventh.expect("Too Many Users\n");
  await eleventh.expectEnd();
  for (let i = 2; i <= 10; i++) await last.expect(`u${i} joined!\n`);
  await others[3]!.send("QUIT\n");
  await last.expect("u5 left\n");
  using _twelfth = await join(server.port, "u12");
  await last.expect("u12 joined!\n");
  await last.send("LIST\n");
  await last.expect("u1,u2,u3,u4,u6,u7,u8,u9,u10,u12\n");
  for (const other of others) other.close();
});

Deno.test("serve() lets a refused name try another", async () => {
  await using server = serveRelay();
  using _alice = await join(server.port, "Alice");
  using other = await Peer.connect(server.port);
  await other.send("JOIN Alice\nJOIN alice\n");
  await other.expect("Username Alice is already taken\nalice joined!Connected to server!\n");
});

Deno.test("serve() takes names that objects have for names like any other", async () => {
  await using server = serveRelay();
  using peer = await Peer.connect(server.port);
  await peer.send("JOIN constructor\nMESG toString x\nMESG constructor x\n");
  await peer.expect("constructor joined!Connected to server!\nUnknown Recipient\nconstructor: x\n");
});

Deno.test("serve() takes what comes without a line end for one request after a silence", async () => {
  await using server = serveRelay();
  using alice = await join(server.port, "Alice");
  using bare = await Peer.connect(server.port);
  for (
    const [request, answer] of [
      ["JOIN Bob", "Bob joined!Connected to server!\n"],
      ["LIST", "Alice,Bob\n"],
      ["MESG Alice hi", ""],
      ["QUIT", "Bob is quitting the chat server\n"],
    ] as const
  ) {
    await bare.send(request);
    await bare.expect(answer);
    if (answer === "") await alice.expect("Bob joined!\nBob: hi\n");
  }
  await bare.expectEnd();
  await alice.expect("Bob left\n");
});

Deno.test("serve() frees a name at once, however its client ends", async () => {
  await using server = serveRelay();
  using alice = await join(server.port, "Alice");
  for (const end of ["close", "half-close", "inside a line"] as const) {
    using bob = await join(server.port, "Bob");
    await alice.expect("Bob joined!\n");
    if (end === "inside a line") await bob.send("BCST never sa");
    if (end === "half-close") await bob.halfClose();
    else bob.close();
    await alice.expect("Bob left\n");
  }
});

Deno.test("serve() frees the name of a client that resets its connection", async () => {
  await using server = serveRelay();
  using alice = await join(server.port, "Alice");
  const bob = await join(server.port, "Bob");
  await alice.expect("Bob joined!\n");
  await alice.send("BCST unread\n");
  await alice.expect("Alice is sending a broadcast\n");
  // Closing over what was not read resets the connection.
  bob.close();
  await alice.expect("Bob left\n");
  using _again = await join(server.port, "Bob");
});

Deno.test("serve() answers a client that has ended its side", async () => {
  await using server = serveRelay();
  using peer = await Peer.connect(server.port);
  await peer.send("JOIN Alice\nLIST\n");
  await peer.halfClose();
  await peer.expect("Alice joined!Connected to server!\nAlice\n");
  await peer.expectEnd();
});

Deno.test("serve() delivers to the others while one never reads, and cuts that one", async () => {
  await using server = serveRelay({ limits: { hardBytes: 256 * 1024 } });
  using alice = await join(server.port, "Alice");
  using bob = await join(server.port, "Bob");
  using _stuck = await join(server.port, "Stuck");
  await alice.expect("Bob joined!\nStuck joined!\n");
  await bob.expect("Stuck joined!\n");
  const batch = `BCST ${"x".repeat(4000)}\n`.repeat(64);
  const delivered = `Alice: ${"x".repeat(4000)}`;
  let left = 0;
  // Far more than the kernel and the bound hold for the one that never reads.
  for (let batches = 0; batches < 64; batches++) {
    await alice.send(batch);
    for (let got = 0; got < 64;) {
      const line = await bob.line();
      if (line === "Stuck left") left++;
      else got += line === delivered ? 1 : NaN;
    }
    for (let got = 0; got < 64;) if (await alice.line() !== "Stuck left") got++;
  }
  assertEquals(left, 1);
});

Deno.test("serve() says to the operator who did what", async () => {
  const server = serveRelay();
  let address: string;
  {
    await using _ = server;
    using peer = await Peer.connect(server.port);
    address = `('127.0.0.1', ${(peer.conn.localAddr as Deno.NetAddr).port})`;
    await peer.send(
      "LIST\nJOIN Alice\nJOIN Bob\nLIST\nMESG Bob x\nMESG Alice x\nBCST x\n?\nQUIT\n",
    );
    await peer.rest();
  }
  assertEquals(server.lines, [
    "The Chat Server Started",
    `Connected with ${address}`,
    "[1] unregistered: LIST, unregistered, refused",
    "Alice Joined the Chatroom",
    "[1] Alice: JOIN again refused",
    "[1] Alice: LIST",
    "[1] Alice: MESG to Bob, unknown refused",
    "[1] Alice: MESG to Alice",
    "[1] Alice: BCST",
    "[1] Alice: unknown message refused",
    "[1] Alice: QUIT",
    "[1] Alice: disconnected",
  ]);
});
