import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { assertRejects } from "@std/assert/rejects";
import { assertThrows } from "@std/assert/throws";
import { DatabaseSync } from "node:sqlite";
import { type Limits, StartError } from "../lib/program.ts";
import { type BridgeOptions, Contacts, openContacts, serveBridge as serve } from "../server.ts";
import { Peer } from "./helpers.ts";
import { type Served, served } from "./serving.ts";

const EMPTY = "BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\n\r\n";

/** A server over contacts in memory. */
function serveBridge(
  options: BridgeOptions & { limits?: Partial<Limits>; contacts?: Contacts } = {},
): Served {
  return served(serve, { contacts: new Contacts(), ...options });
}

function register(id: string, port: number, ip = "127.0.0.1"): string {
  return `REGISTER\r\nclientID: ${id}\r\nIP: ${ip}\r\nPort: ${port}\r\n\r\n`;
}

function registered(id: string, port: number, ip = "127.0.0.1"): string {
  return `REGACK\r\nclientID: ${id}\r\nIP: ${ip}\r\nPort: ${port}\r\nStatus: registered\r\n\r\n`;
}

function bridge(id: string): string {
  return `BRIDGE\r\nclientID: ${id}\r\n\r\n`;
}

function bridged(id: string, port: number, ip = "127.0.0.1"): string {
  return `BRIDGEACK\r\nclientID: ${id}\r\nIP: ${ip}\r\nPort: ${port}\r\n\r\n`;
}

/** Asks one thing over a connection of its own, as a client does. */
async function ask(port: number, request: string, answer: string): Promise<void> {
  using peer = await Peer.connect(port);
  await peer.send(request);
  await peer.expect(answer);
}

Deno.test("serve() tells each of two clients of the other, and the operator of both", async () => {
  const server = serveBridge();
  {
    await using _ = server;
    await ask(server.port, register("student1", 2500), registered("student1", 2500));
    await ask(server.port, bridge("student1"), EMPTY);
    await ask(server.port, register("student2", 2000), registered("student2", 2000));
    await ask(server.port, bridge("student2"), bridged("student1", 2500));
    await ask(server.port, bridge("student1"), bridged("student2", 2000));
  }
  assertEquals(server.lines, [
    `Server listening on 127.0.0.1:${server.port}`,
    "REGISTER: student1 from 127.0.0.1:2500 received",
    "BRIDGE: student1 127.0.0.1:2500",
    "REGISTER: student2 from 127.0.0.1:2000 received",
    "BRIDGE: student2 127.0.0.1:2000 student1 127.0.0.1:2500",
    "BRIDGE: student1 127.0.0.1:2500 student2 127.0.0.1:2000",
  ]);
  assertEquals(server.notes, []);
});

Deno.test("serve() answers BRIDGE with the other that was registered last", async () => {
  await using server = serveBridge();
  for (const [id, port] of [["a", 1], ["b", 2], ["c", 3]] as const) {
    await ask(server.port, register(id, port), registered(id, port));
  }
  await ask(server.port, bridge("a"), bridged("c", 3));
  await ask(server.port, bridge("c"), bridged("b", 2));
  // The same id again: its contact is replaced, and is the last one now.
  await ask(server.port, register("a", 65535, "::1"), registered("a", 65535, "::1"));
  await ask(server.port, bridge("c"), bridged("a", 65535, "::1"));
  await ask(server.port, bridge("a"), bridged("c", 3));
});

Deno.test("serve() answers an id that is not registered with nothing", async () => {
  const server = serveBridge();
  {
    await using _ = server;
    await ask(server.port, bridge("nobody"), EMPTY);
    await ask(server.port, register("a", 1), registered("a", 1));
    await ask(server.port, bridge("nobody"), EMPTY);
    await ask(server.port, bridge("constructor"), EMPTY);
  }
  assertEquals(server.lines.slice(1), ["REGISTER: a from 127.0.0.1:1 received"]);
  assertEquals(server.notes[0], "BRIDGE from nobody, who is not registered");
});

Deno.test("serve() answers several requests of one connection in their order", async () => {
  await using server = serveBridge();
  using peer = await Peer.connect(server.port);
  await peer.send(register("a", 1) + register("b", 2) + bridge("a") + bridge("b"));
  await peer.expect(registered("a", 1) + registered("b", 2) + bridged("b", 2) + bridged("a", 1));
});

/** What one connection sends, and all that it gets when it has ended its side. */
const DIALOGUES: [name: string, sent: string, received: string][] = [
  ["LF for CRLF", "REGISTER\nclientID: a\nIP: 1.2.3.4\nPort: 5\n\n", registered("a", 5, "1.2.3.4")],
  [
    "another order and case",
    "REGISTER\r\nPORT: 5\r\nclientid:a\r\nUser-Agent: x\r\nip: 1.2.3.4\r\n\r\n",
    registered("a", 5, "1.2.3.4"),
  ],
  ["no empty line", register("a", 5).slice(0, -2), registered("a", 5)],
  ["no line end", register("a", 5).slice(0, -4), registered("a", 5)],
  ["nothing", "", ""],
  ["empty lines", "\r\n\n\r\n", ""],
  [
    "half a request",
    "REGISTER\r\nclientID: a\r\n",
    "REGACK\r\nclientID: a\r\nIP: \r\nPort: \r\nStatus: error IP is missing\r\n\r\n",
  ],
  [
    "a port of 0",
    register("a", 0),
    "REGACK\r\nclientID: a\r\nIP: 127.0.0.1\r\nPort: 0\r\n" +
    "Status: error Port must be from 1 to 65535\r\n\r\n",
  ],
  [
    "a port of 65536",
    register("a", 65536),
    "REGACK\r\nclientID: a\r\nIP: 127.0.0.1\r\nPort: 65536\r\n" +
    "Status: error Port must be from 1 to 65535\r\n\r\n",
  ],
  [
    "an id of any printable characters",
    register("client1-48213:é", 5),
    registered("client1-48213:é", 5),
  ],
  [
    "an id of two words",
    register("stu dent", 5),
    "REGACK\r\nclientID: stu dent\r\nIP: 127.0.0.1\r\nPort: 5\r\n" +
    "Status: error clientID must be one word of printable characters, at most 64 bytes\r\n\r\n",
  ],
  [
    "an id of 65 bytes",
    register("é".repeat(32) + "x", 5),
    `REGACK\r\nclientID: ${"é".repeat(32)}x\r\nIP: 127.0.0.1\r\nPort: 5\r\n` +
    "Status: error clientID must be one word of printable characters, at most 64 bytes\r\n\r\n",
  ],
  [
    "an id with a control character",
    register("a\x1b[2J", 5),
    "REGACK\r\nclientID: \r\nIP: 127.0.0.1\r\nPort: 5\r\n" +
    "Status: error clientID must be one word of printable characters, at most 64 bytes\r\n\r\n",
  ],
  [
    "a doubled header",
    "REGISTER\r\nclientID: a\r\nclientID: b\r\nIP: 1.2.3.4\r\nPort: 5\r\n\r\n",
    "REGACK\r\nclientID: a\r\nIP: 1.2.3.4\r\nPort: 5\r\nStatus: error clientID is given twice\r\n\r\n",
  ],
  [
    "a malformed header",
    "REGISTER\r\nclientID: a\r\nIP 1.2.3.4\r\nPort: 5\r\n\r\n",
    "REGACK\r\nclientID: a\r\nIP: \r\nPort: \r\nStatus: error malformed header line\r\n\r\n",
  ],
  [
    "a thousand headers",
    `REGISTER\r\n${"X: y\r\n".repeat(1000)}clientID: a\r\nIP: 1.2.3.4\r\nPort: 5\r\n\r\n`,
    "REGACK\r\nclientID: \r\nIP: \r\nPort: \r\nStatus: error more than 64 headers\r\n\r\n",
  ],
  [
    "a line without end",
    "REGISTER\r\nclientID: " + "a".repeat(20_000),
    "REGACK\r\nclientID: \r\nIP: \r\nPort: \r\n" +
    "Status: error a line longer than 4096 bytes\r\n\r\n",
  ],
  [
    "BRIDGE of nobody",
    "BRIDGE\r\n\r\n",
    "BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\nStatus: error clientID is missing\r\n\r\n",
  ],
  ["another type", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", ""],
  ["a server's type", registered("a", 5), ""],
  ["a peer's type", "QUIT\r\n\r\n", ""],
  ["binary nonsense", "\0\x01\x02\n\n", ""],
];

for (const [name, sent, received] of DIALOGUES) {
  Deno.test(`serve() answers or closes, and goes on, when it gets ${name}`, async () => {
    await using server = serveBridge();
    using peer = await Peer.connect(server.port);
    await peer.send(sent);
    await peer.halfClose();
    await peer.expect(received);
    await peer.expectEnd();
    await ask(server.port, register("z", 9), registered("z", 9));
    const stored = received.includes("Status: registered")
      ? received.replace("REGACK", "BRIDGEACK").replace(/Status.*\r\n/, "")
      : EMPTY;
    await ask(server.port, bridge("z"), stored);
  });
}

Deno.test("serve() closes after what it cannot read on, without waiting for the client", async () => {
  await using server = serveBridge();
  for (
    const [sent, answer] of [
      [register("a", 0), /Status: error /],
      ["REGISTER\r\n" + "X: y\r\n".repeat(65), /^REGACK[^]*more than 64 headers\r\n\r\n$/],
      ["HELLO\r\n\r\n", /^$/],
      // The body is what the next message would be.
      [register("a", 5) + "a body", /^REGACK[^]*registered\r\n\r\n$/],
    ] as const
  ) {
    using peer = await Peer.connect(server.port);
    await peer.send(sent + "\r\n\r\n");
    assertMatch(new TextDecoder().decode(await peer.rest()), answer);
  }
});

Deno.test("serve() takes a request a byte at a time", async () => {
  await using server = serveBridge();
  using peer = await Peer.connect(server.port);
  await peer.drip(register("a", 1) + bridge("a"));
  await peer.expect(registered("a", 1) + EMPTY);
});

Deno.test("serve() answers a request without its empty line after a silence", async () => {
  await using server = serveBridge();
  using peer = await Peer.connect(server.port);
  await peer.send(register("a", 1).slice(0, -2));
  await peer.expect(registered("a", 1));
  // The line was only late.
  await peer.send("\r\n" + bridge("a"));
  await peer.expect(EMPTY);
});

Deno.test("serve() lets go who asks for nothing, or for nothing more", async () => {
  await using server = serveBridge({ lingerMs: 50, limits: { introduceMs: 50 } });
  using silent = await Peer.connect(server.port);
  await silent.expectEnd();
  using slow = await Peer.connect(server.port);
  await slow.send("REGISTER\r\n");
  await slow.expectEnd();
  using done = await Peer.connect(server.port);
  await done.send(bridge("a"));
  await done.expect(EMPTY);
  await done.expectEnd();
});

Deno.test("serve() survives clients that reset or vanish", async () => {
  await using server = serveBridge();
  for (let i = 0; i < 20; i++) {
    using peer = await Peer.connect(server.port);
    await peer.send(register("a", 1) + bridge("a") + "REGISTER\r\nclient");
    // Closing over the answers resets the connection.
    if (i % 2 === 0) await peer.read(1);
  }
  await ask(server.port, register("a", 1), registered("a", 1));
});

Deno.test("serve() keeps as many clients as it is told to", async () => {
  await using server = serveBridge({ clients: 2 });
  await ask(server.port, register("a", 1), registered("a", 1));
  await ask(server.port, register("b", 2), registered("b", 2));
  await ask(
    server.port,
    register("c", 3),
    "REGACK\r\nclientID: c\r\nIP: 127.0.0.1\r\nPort: 3\r\nStatus: error server full (2 clients)\r\n\r\n",
  );
  await ask(server.port, register("a", 4), registered("a", 4));
  await ask(server.port, bridge("b"), bridged("a", 4));
});

Deno.test("serve() answers and ends in order while requests come", async () => {
  const server = serveBridge();
  using peer = await Peer.connect(server.port);
  await peer.send(register("a", 1));
  await peer.expect(registered("a", 1));
  await server[Symbol.asyncDispose]();
  await peer.expectEnd();
});

Deno.test("serve() answers when a contact cannot be stored", async () => {
  const contacts = new Contacts([], () => {
    throw new Error("database or disk is full");
  });
  const server = serveBridge({ contacts });
  {
    await using _ = server;
    await ask(
      server.port,
      register("a", 1),
      "REGACK\r\nclientID: a\r\nIP: 127.0.0.1\r\nPort: 1\r\n" +
        "Status: error the contact could not be stored\r\n\r\n",
    );
  }
  assertEquals(server.lines.length, 1);
  assertEquals(contacts.byId.size, 0);
  assertEquals(server.notes[0], "cannot store a contact: database or disk is full");
});

Deno.test("openContacts() keeps what a file holds", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/contacts.db`;
    {
      using kept = await openContacts(file);
      const { contacts } = kept;
      contacts.put({ id: "a", ip: "1.2.3.4", port: 1 });
      contacts.put({ id: "b", ip: "::1", port: 2 });
      contacts.put({ id: "a", ip: "1.2.3.4", port: 3 });
      assertEquals(contacts.byId.size, 2);
    }
    using kept = await openContacts(file);
    const { contacts } = kept;
    assertEquals(contacts.byId.size, 2);
    assertEquals([...contacts.byId.values()].map(({ id, port }) => `${id}:${port}`), [
      "b:2",
      "a:3",
    ]);
    assertEquals(contacts.other("a")?.id, "b");
    assertEquals(contacts.byId.get("c"), undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openContacts() says what is wrong with a file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/notes.txt`,
      "these are notes and no database\n".repeat(100),
    );
    for (const file of [`${folder}/notes.txt`, `${folder}/none/contacts.db`]) {
      const error = await assertRejects(() => openContacts(file), StartError);
      assert(error.message.startsWith(`cannot use the contacts file ${file}: `), error.message);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openContacts() waits 200 ms in all for another process's lock, and keeps on after it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using kept = await openContacts(`${folder}/contacts.db`);
    const { contacts } = kept;
    const put = (port: number) => contacts.put({ id: `client${port}`, ip: "1.2.3.4", port });
    put(1);
    {
      using other = new DatabaseSync(`${folder}/contacts.db`);
      other.exec("BEGIN EXCLUSIVE");
      const start = performance.now();
      for (let port = 2; port <= 50; port++) assertThrows(() => put(port), Error, "locked");
      const waited = performance.now() - start;
      // Waiting for each of the 49 would take 9.8 s.
      assert(waited >= 150 && waited < 1500, `waited for ${waited} ms`);
      assertEquals(contacts.byId.size, 1);
      other.exec("COMMIT");
    }
    put(51);
    put(52);
    using other = new DatabaseSync(`${folder}/contacts.db`);
    other.exec("BEGIN EXCLUSIVE");
    const start = performance.now();
    assertThrows(() => put(53), Error, "locked");
    assert(performance.now() - start >= 150, "no patience after a lock that is gone");
    assertEquals([...contacts.byId.keys()], ["client1", "client51", "client52"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
