/**
 * Cases for a server of the UDP chatroom (Assignment 02).
 *
 * @module
 */

import type { Case, Suite } from "./case.ts";
import { CHATROOM_HINTS } from "./chatroom_hints.ts";
import {
  asks,
  commands,
  type Dialect,
  dialect,
  DOCUMENTED,
  joins,
  python,
  says,
  shutsDown,
  START,
  stillServes,
  takesNext,
  words,
} from "./chatroom_stage.ts";
import { HINTS } from "./hints.ts";
import { sleep, type UdpPeer } from "./peer.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

// ---- which way the program takes what is said ----

/** Ways to say `join` that programs of this assignment have been seen to take, the document's first. */
const JOINS: Record<string, Dialect["join"]> = {
  "NAME:join": DOCUMENTED.join,
  "join:NAME": (name) => `join:${name}`,
  "join NAME": (name) => `join ${name}`,
  "NAME": (name) => name,
};

/** Joins a server of its own in one way; resolves to two members, or to undefined. */
async function tries(
  scene: Scene,
  way: string,
): Promise<{ alice: UdpPeer; bob: UdpPeer } | undefined> {
  const port = freePort();
  const server = scene.start("server", { name: `server for ${way}`, values: { port } });
  const [alice, bob] = [scene.udp("Alice"), scene.udp("Bob")] as const;
  const within = (way === "NAME:join" ? START : 1) * scene.deadline;
  for (const peer of [alice, bob]) {
    const said = JOINS[way]!(peer.name);
    const refused = await attempt(() => asks(scene, peer, { said, server, port, within }));
    if (refused) return undefined;
  }
  return { alice, bob };
}

/** Finds out how a member's text must look, so that the others hear it. */
async function textForm({ alice, bob }: { alice: UdpPeer; bob: UdpPeer }): Promise<boolean> {
  await alice.sends(DOCUMENTED.text("Alice", "hello"));
  return await attempt(() => bob.hearsWith("hello", { within: 1000 })) === undefined;
}

const DIALECT: Case = {
  id: "U-S-00",
  title: "some form of join is answered",
  level: "must",
  points: 0,
  quote:
    "If a client sends a message 'join', the accept_client() method is called to add the client to " +
    "the chatroom.",
  hint: CHATROOM_HINTS.udpJoin,
  async run(scene) {
    for (const way of Object.keys(JOINS)) {
      const members = await tries(scene, way);
      if (!members) continue;
      const text = await textForm(members) ? DOCUMENTED.text : (_: string, said: string) => said;
      scene.facts.set("dialect", { join: JOINS[way]!, text });
      if (way === "NAME:join") return;
      return scene.note(`a client joins by "${way}", and so it does in the cases behind U-S-01`);
    }
    scene.fail(`an answer to one of ${Object.keys(JOINS).join(", ")}`, { where: "Alice" });
  },
};

// ---- members ----

/** Alice and Bob, who have joined in this order; Alice has heard of Bob. */
async function aliceAndBob(scene: Scene): Promise<{ alice: UdpPeer; bob: UdpPeer }> {
  const alice = await joins(scene, "Alice");
  return { alice, bob: await joinedBy(scene, "Bob", [alice]) };
}

/** A client that joins, of which the members hear: in what words is another case's business. */
async function joinedBy(scene: Scene, name: string, members: UdpPeer[]): Promise<UdpPeer> {
  const peer = await joins(scene, name);
  for (const member of members) await attempt(() => member.takes());
  await sleep(30);
  for (const each of [peer, ...members]) each.skip();
  return peer;
}

const MEMBER_CASES: Case[] = [
  {
    id: "U-S-01",
    title: "`NAME:join` is answered with exactly `Welcome`",
    level: "must",
    points: 4,
    quote:
      "The message's format that is sent to the server is '{client_name}:{text}', where client_name " +
      "is the client's name and text is the content to be sent.",
    hint: CHATROOM_HINTS.udpJoin,
    async run(scene) {
      const alice = scene.udp("Alice");
      const said = DOCUMENTED.join("Alice");
      const got = await asks(scene, alice, { said, server: scene.server(), port: scene.port });
      if (got === "Welcome") return;
      if (got.trim().toLowerCase() === "welcome") {
        return scene.remark(`the welcome is ${JSON.stringify(got)}`);
      }
      scene.fail('exactly "Welcome"', { where: "Alice", got });
    },
  },
  {
    id: "U-S-02",
    title: "the others hear who has joined",
    level: "must",
    points: 3,
    quote:
      "Appends a tuple containing the client's address client_addr and 'User {x} joined' to the " +
      "messages list, where x is the client's name.",
    hint: CHATROOM_HINTS.joined,
    async run(scene) {
      const alice = await joins(scene, "Alice");
      const bob = await joins(scene, "Bob");
      await takesNext(scene, alice, "User Bob joined");
      await says(scene, alice, "enough");
      const heard = bob.all.length;
      await bob.hearsWith("enough");
      const own = bob.all.slice(0, heard + 1).map(({ data }) => new TextDecoder().decode(data));
      scene.expect(!own.some((text) => text.includes("Bob")), "no notice of Bob's own joining", {
        where: "Bob",
        got: own.join(""),
      });
    },
  },
  {
    id: "U-S-03",
    title: "a name that is taken",
    level: "must",
    points: 3,
    quote:
      "If the name is already in use, the method sends a 'Name already taken' message to the client " +
      "and returns False.",
    hint: CHATROOM_HINTS.taken,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const second = scene.udp("second Alice");
      second.to = alice.to;
      await second.sends(dialect(scene).join("Alice"));
      await takesNext(scene, second, "Name already taken");
      await says(scene, bob, "enough");
      await alice.hearsNot("Alice joined", { before: "enough" });
    },
  },
  {
    id: "U-S-04",
    title: "a text goes to the others as it came, with the name",
    level: "must",
    points: 4,
    quote:
      "For any other message, it is appended to the server's message list if the client is already " +
      "in the chatroom.",
    hint: CHATROOM_HINTS.udpText,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const carl = await joinedBy(scene, "Carl", [alice, bob]);
      await says(scene, alice, "hi there");
      await takesNext(scene, bob, "Alice:hi there");
      await takesNext(scene, carl, "Alice:hi there");
    },
  },
  {
    id: "U-S-05",
    title: "and not to its sender",
    level: "must",
    points: 1,
    quote:
      "This method broadcasts the most recent message in the messages list to all connected clients " +
      "in clients except for the client who sent the message.",
    hint: CHATROOM_HINTS.udpText,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await says(scene, alice, "hello");
      await bob.hearsWith("hello");
      await says(scene, bob, "enough");
      await alice.hearsNot("hello", { before: "enough" });
    },
  },
  {
    id: "U-S-06",
    title: "exit: the others hear it once, and the client hears no more",
    level: "must",
    points: 3,
    quote:
      "If a client sends a message 'exit', the close_client() method is called to remove the client.",
    hint: CHATROOM_HINTS.left,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const carl = await joinedBy(scene, "Carl", [alice, bob]);
      await says(scene, bob, "exit");
      await takesNext(scene, alice, "User Bob left");
      await says(scene, carl, "enough");
      await alice.hearsNot("left", { before: "enough" });
      await sleep(30);
      const heard = bob.all.some(({ data }) => new TextDecoder().decode(data).includes("enough"));
      scene.expect(!heard, "nothing for Bob after his exit", {
        where: "Bob",
        got: "enough",
        hint: HINTS.neverRemoved,
      });
    },
  },
  {
    id: "U-S-07",
    title: "a name is free again after exit",
    level: "must",
    points: 2,
    quote:
      "This method removes a client from the chatroom by deleting their entry from the clients " +
      "dictionary",
    hint: HINTS.neverRemoved,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await says(scene, bob, "exit");
      await alice.takes();
      const again = scene.udp("Bob again");
      again.to = alice.to;
      await again.sends(dialect(scene).join("Bob"));
      const got = new TextDecoder().decode((await again.takes()).data);
      scene.expect(!/taken/i.test(got), "a welcome", { where: "Bob again", got });
    },
  },
];

// ---- texts, strangers, the end ----

const BAD_DATAGRAMS = {
  empty: { title: "an empty datagram", data: "" },
  long: { title: "2,000 bytes", data: "Alice:" + "x".repeat(1994) },
};

/** Sends a datagram to a server of its own, which must serve on. */
async function survives(
  scene: Scene,
  { data, name }: { data: string | Uint8Array; name: string },
): Promise<void> {
  const port = freePort();
  const server = scene.start("server", { name, values: { port } });
  const [alice, bob] = [scene.udp("Alice"), scene.udp("Bob")] as const;
  await asks(scene, alice, { said: dialect(scene).join("Alice"), server, port });
  await alice.sends(data);
  await sleep(50);
  const hint = typeof data === "string" ? CHATROOM_HINTS.datagram : HINTS.undecodable;
  await stillServes(async () => {
    await asks(scene, bob, { said: dialect(scene).join("Bob"), server, port, within: 2000 });
    await says(scene, bob, "still here");
    await alice.hearsWith("still here");
  }, hint);
}

const TROUBLE_CASES: Case[] = [
  {
    id: "U-S-08",
    title: "a text that holds join or exit is a text",
    level: "should",
    points: 2,
    quote:
      "If a client sends a message 'join', the accept_client() method is called to add the client to " +
      "the chatroom.",
    hint: CHATROOM_HINTS.commandWord,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      for (const text of ["I will join you", "exit now", "do not exit"]) {
        await says(scene, alice, text);
        await bob.hearsWith(text);
      }
      await says(scene, alice, "still here");
      await bob.hearsWith("still here");
    },
  },
  {
    id: "U-S-09",
    title: "a text that holds a colon",
    level: "should",
    points: 1,
    quote:
      "The message's format that is sent to the server is '{client_name}:{text}', where client_name " +
      "is the client's name and text is the content to be sent.",
    hint: CHATROOM_HINTS.udpColon,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await says(scene, alice, "a:b");
      await bob.hearsWith("a:b");
    },
  },
  {
    id: "U-S-10",
    title: "texts and exits of an address that never joined",
    level: "must",
    points: 2,
    quote:
      "For any other message, it is appended to the server's message list if the client is already " +
      "in the chatroom.",
    hint: CHATROOM_HINTS.udpStranger,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const stranger = scene.udp("Mallory");
      stranger.to = alice.to;
      await says(scene, stranger, "guess");
      await says(scene, stranger, "exit");
      await says(scene, bob, "enough");
      await alice.hearsNot(["guess", "Mallory"], { before: "enough" });
    },
  },
  {
    id: "U-S-11",
    title: "Ctrl-C: every client is told, and the server ends",
    level: "must",
    points: 4,
    quote:
      "This method shuts down the server by sending a 'server-shutdown' message to all connected " +
      "clients and then closing their connections (close_client() method can be called for this).",
    hint: CHATROOM_HINTS.shutdown,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const server = scene.server();
      server.signals("SIGINT");
      const told = await attempt(async () => {
        for (const peer of [alice, bob]) await peer.hears("server-shutdown", { strictCase: true });
      });
      const ended = await attempt(() => shutsDown(scene, server));
      if (told && /Traceback/.test(server.err.text)) server.noTraceback(HINTS.interrupt);
      if (told ?? ended) throw told ?? ended;
    },
  },
  {
    id: "U-S-12",
    title: "`User x left` during a shutdown",
    level: "info",
    points: 0,
    quote: "",
    hint: CHATROOM_HINTS.shutdown,
    async run(scene) {
      const { alice } = await aliceAndBob(scene);
      const server = scene.server();
      server.signals("SIGINT");
      await server.ends({ within: 1.5 * scene.deadline });
      await sleep(50);
      const texts = alice.all.map(({ data }) => new TextDecoder().decode(data));
      const [down, left] = ["server-shutdown", " left"].map((part) =>
        texts.findIndex((text) => text.includes(part))
      ) as [number, number];
      const when = left === -1 ? "nobody is told" : left < down ? "before it" : "after it";
      scene.note(`at a shutdown, that the others leave: ${when}`);
    },
  },
  {
    id: "U-S-13",
    title: "a datagram that is not UTF-8 is survived",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.undecodable,
    parts: Object.fromEntries(
      Object.entries(BAD_DATAGRAMS).map(([name, { title }]) => [
        name,
        { title, level: "extra", points: 1, hint: CHATROOM_HINTS.datagram },
      ]),
    ),
    async run(scene) {
      for (const [name, { data }] of Object.entries(BAD_DATAGRAMS)) {
        await scene.part(name, () => survives(scene, { data, name: `server for ${name}` }));
      }
      await survives(scene, { data: new Uint8Array([0xff, 0xfe]), name: "server for bytes" });
    },
  },
  {
    id: "U-S-14",
    title: "a second join from the same address",
    level: "info",
    points: 0,
    quote: "",
    hint: CHATROOM_HINTS.udpJoin,
    async run(scene) {
      const { alice } = await aliceAndBob(scene);
      await alice.sends(dialect(scene).join("Alice"));
      const { data } = await alice.takes();
      scene.note(`a second join from the same address gets "${new TextDecoder().decode(data)}"`);
    },
  },
  {
    id: "U-S-15",
    title: "the name of a client that is gone, from a new address",
    level: "info",
    points: 0,
    quote: "",
    hint: CHATROOM_HINTS.taken,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      bob.dispose();
      await says(scene, alice, "is anybody there");
      const again = scene.udp("Bob again");
      again.to = alice.to;
      await again.sends(dialect(scene).join("Bob"));
      const { data } = await again.takes();
      scene.note(
        `the name of a client whose socket is gone gets "${new TextDecoder().decode(data)}"`,
      );
    },
  },
  {
    id: "U-S-16",
    title: "ten clients all hear all",
    level: "must",
    points: 1,
    quote:
      "The message is sent to each client by encoding it and transmitting it by the server socket " +
      "server_socket.",
    hint: CHATROOM_HINTS.udpText,
    async run(scene) {
      const peers: UdpPeer[] = [];
      for (let i = 0; i < 10; i++) peers.push(await joins(scene, `Guest${i}`));
      await sleep(50);
      for (const peer of peers) peer.skip();
      for (const peer of peers) {
        await says(scene, peer, `it is me, ${peer.name}`);
        for (const other of peers) {
          if (other !== peer) await other.hearsWith(`it is me, ${peer.name}`);
        }
      }
    },
  },
];

/** Cases for a server of the UDP chatroom. */
export const CHATROOM_UDP_SERVER: Suite = {
  protocol: "chatroom",
  role: "UDP server",
  gate: "U-S-00",
  placeholders: { udpServer: ["port"] },
  commands: (given) =>
    commands("server", words(given["udpServer"]) ?? python(given, "run", "ServerUDP", "{port}")),
  cases: [DIALECT, ...MEMBER_CASES, ...TROUBLE_CASES],
};
