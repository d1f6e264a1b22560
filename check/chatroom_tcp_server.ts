/**
 * Cases for a server of the TCP chatroom (Assignment 02).
 *
 * @module
 */

import { type Case, Failure, type Suite } from "./case.ts";
import { CHATROOM_HINTS } from "./chatroom_hints.ts";
import {
  aliceAndBob,
  commands,
  enter,
  hearsNext,
  joinedBy,
  python,
  settles,
  shutsDown,
  START,
  stillServes,
  words,
} from "./chatroom_stage.ts";
import { HINTS } from "./hints.ts";
import { type Peer, sleep } from "./peer.ts";
import { attempt, type Scene } from "./scene.ts";

// ---- who comes, talks and goes ----

const TALK_CASES: Case[] = [
  {
    id: "T-S-01",
    title: "a client is welcomed",
    level: "must",
    points: 3,
    quote: "Sends a 'Welcome' message to the client.",
    hint: CHATROOM_HINTS.welcome,
    async run(scene) {
      const alice = await scene.connect("Alice");
      await alice.sends("Alice");
      await alice.hears("Welcome", { within: START * scene.deadline });
    },
  },
  {
    id: "T-S-02",
    title: "a name that is taken",
    level: "must",
    points: 3,
    quote:
      "If the name is already in the clients dictionary, the method sends a 'Name already taken' " +
      "message to the client and returns False.",
    hint: CHATROOM_HINTS.taken,
    parts: { closed: { title: "its connection is closed", level: "should", points: 1 } },
    async run(scene) {
      const alice = await enter(scene, "Alice");
      const second = await scene.connect("second Alice");
      await second.sends("Alice");
      await hearsNext(scene, second, { text: "Name already taken" });
      await scene.part("closed", async () => void await second.hearsEnd());
      const bob = await enter(scene, "Bob");
      await bob.sends("enough");
      await alice.hearsNot("Alice joined", { before: "enough" });
    },
  },
  {
    id: "T-S-03",
    title: "the others hear who has joined",
    level: "must",
    points: 3,
    quote: "If message is 'join', the broadcast message will be 'User {x} joined'.",
    hint: CHATROOM_HINTS.joined,
    async run(scene) {
      const alice = await enter(scene, "Alice");
      const bob = await scene.connect("Bob");
      await bob.sends("Bob");
      await bob.hears("Welcome");
      await hearsNext(scene, alice, { text: "User Bob joined" });
      await enter(scene, "Carl");
      await bob.hearsNot("User Bob", { before: "Carl" });
    },
  },
  {
    id: "T-S-04",
    title: "a message goes to all others, with the name",
    level: "must",
    points: 4,
    quote:
      "For any other message, the broadcast message format will be '{x}: {message}', where x is " +
      "the client's name, and message is the content sent by the client.",
    hint: CHATROOM_HINTS.said,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const carl = await joinedBy(scene, "Carl", { members: [alice, bob] });
      await alice.sends("hello");
      await hearsNext(scene, bob, { text: "Alice: hello" });
      await hearsNext(scene, carl, { text: "Alice: hello" });
      await bob.sends("enough");
      await alice.hearsNot("hello", { before: "enough" });
    },
  },
  {
    id: "T-S-05",
    title: "exit: the others hear it once",
    level: "must",
    points: 3,
    quote: "If it's 'exit', the broadcast message will be 'User {x} left'.",
    hint: CHATROOM_HINTS.left,
    parts: {
      closed: {
        title: "the connection is closed",
        level: "must",
        points: 1,
        quote:
          "The method also handles breaking the loop and closing the client's connection if the " +
          "received message is 'exit'.",
      },
    },
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const carl = await joinedBy(scene, "Carl", { members: [alice] });
      await bob.sends("exit");
      await scene.part("closed", async () => void await bob.hearsEnd());
      await hearsNext(scene, alice, { text: "User Bob left" });
      await carl.sends("enough");
      await alice.hearsNot("Bob", { before: "enough" });
    },
  },
  {
    id: "T-S-06",
    title: "a name is free again after exit",
    level: "must",
    points: 2,
    quote:
      "This method closes the connection for a given client socket by removing the user from the " +
      "clients dictionary and closing the socket.",
    hint: HINTS.neverRemoved,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await bob.sends("exit");
      await alice.hears("Bob");
      await sleep(50);
      await enter(scene, "Bob", { hint: HINTS.neverRemoved });
    },
  },
  {
    id: "T-S-11",
    title: "two messages one after the other are two",
    level: "must",
    points: 2,
    quote:
      "This method continuously listens for messages the given client socket client_socket until " +
      "the handle_event is set.",
    hint: CHATROOM_HINTS.said,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await alice.sends("first");
      await bob.hears("first");
      await sleep(300);
      await alice.sends("second");
      await bob.hears("second");
    },
  },
  {
    id: "T-S-12",
    title: "two messages at once",
    level: "info",
    points: 0,
    quote: "",
    hint: CHATROOM_HINTS.said,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await alice.sends("first ");
      await alice.sends("second");
      await bob.hears("second");
      const texts = bob.inbox.text.split("Alice: ").length - 1;
      scene.note(`two messages that come at once are passed on as ${texts === 1 ? "one" : texts}`);
    },
  },
  {
    id: "T-S-13",
    title: "a text that holds the word exit is a text",
    level: "should",
    points: 2,
    quote: "The method also handles breaking the loop and closing the client's connection if the " +
      "received message is 'exit'.",
    hint: CHATROOM_HINTS.exitWord,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      for (const text of ["I will not exit yet", "exit now", "EXIT"]) {
        await alice.sends(text);
        await bob.hears(text, { strictCase: true });
      }
      await alice.sends("still here");
      await bob.hears("still here");
    },
  },
  {
    id: "T-S-14",
    title: "a text that is exactly join",
    level: "info",
    points: 0,
    quote: "",
    hint: CHATROOM_HINTS.said,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await alice.sends("join");
      const [, said] = await bob.hearsMatch(/(User Alice joined|Alice: join)/);
      scene.note(`the text "join" is told as "${said}"`);
    },
  },
];

// ---- clients that vanish ----

/** Bob goes without a word; the others go on. */
async function vanishes(scene: Scene, how: "closes" | "resets"): Promise<void> {
  const { alice, bob } = await aliceAndBob(scene, { resets: how === "resets" });
  const carl = await joinedBy(scene, "Carl", { members: [alice] });
  await bob[how]();
  await sleep(100);
  for (const text of ["one", "two", "three"]) {
    await alice.sends(text);
    await carl.hears(text, { hint: HINTS.deadClient });
  }
  await left(alice);
  await carl.sends("enough");
  await alice.hearsNot("User Bob left", { before: "enough", hint: CHATROOM_HINTS.leftTwice });
}

/** Bob's leaving must be heard; what is heard in its place tells the mistake. */
async function left(alice: Peer): Promise<void> {
  const before = alice.inbox.total;
  const failure = await attempt(() => alice.hears("User Bob left", { hint: HINTS.othersNotTold }));
  if (!failure) return;
  const floods = alice.inbox.total - before > 1024;
  throw floods ? new Failure(failure.expected, { ...failure, hint: HINTS.endOfStream }) : failure;
}

const LEAVING_CASES: Case[] = [
  {
    id: "T-S-07",
    title: "a client that vanishes has left",
    level: "should",
    points: 2,
    quote:
      "The chatroom should allow multiple clients to connect to a server and communicate with each " +
      "other in real-time.",
    hint: HINTS.othersNotTold,
    parts: {
      name: {
        title: "its name is free again",
        level: "should",
        points: 1,
        hint: HINTS.neverRemoved,
      },
    },
    async run(scene) {
      const told = await attempt(() => vanishes(scene, "closes"));
      const free = await scene.part("name", async () => void await enter(scene, "Bob"));
      if (!told) return;
      const removed = free || told.hint === HINTS.endOfStream;
      throw removed ? told : new Failure(told.expected, { ...told, hint: HINTS.neverRemoved });
    },
  },
  {
    id: "T-S-08",
    title: "nobody is flooded when a client vanishes",
    level: "must",
    points: 2,
    quote: "It coordinates several methods to manage client connections and message broadcasting.",
    hint: HINTS.endOfStream,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const before = alice.inbox.total;
      await bob.closes();
      await sleep(500);
      const came = alice.inbox.total - before;
      scene.expect(came < 1024, `less than 1,024 bytes in half a second, and ${came} came`, {
        where: "Alice",
        got: alice.inbox.unread.subarray(0, 200),
      });
    },
  },
  {
    id: "T-S-09",
    title: "a connection that is reset",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.deadClient,
    async run(scene) {
      await vanishes(scene, "resets");
    },
  },
  {
    id: "T-S-10",
    title: "Ctrl-C: every client is told, and the server ends",
    level: "must",
    points: 4,
    quote:
      "This method shuts down the server by sending a 'server-shutdown' message to all connected " +
      "clients.",
    hint: CHATROOM_HINTS.shutdown,
    parts: {
      traceback: {
        title: "without an exception",
        level: "should",
        points: 1,
        quote:
          "The server will keep running in this way until it receives a KeyboardInterrupt or the " +
          "run_event is set, at which point the shutdown method is invoked to stop the server.",
        hint: HINTS.interrupt,
      },
    },
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const server = scene.server();
      server.signals("SIGINT");
      const told = await attempt(async () => {
        for (const peer of [alice, bob]) await hearsNext(scene, peer, { text: "server-shutdown" });
      });
      const ended = await attempt(() => shutsDown(scene, server));
      await scene.part("traceback", () => server.noTraceback());
      // An exception on the way to shutdown() is why the clients are not told.
      if (told && /Traceback/.test(server.err.text)) {
        throw new Failure(told.expected, { ...told, hint: HINTS.interrupt });
      }
      if (told ?? ended) throw told ?? ended;
      for (const peer of [alice, bob]) await peer.hearsEnd();
    },
  },
  {
    id: "T-S-22",
    title: "which comes first at an exit: the others hear it, or the connection is closed",
    level: "info",
    points: 0,
    quote: "",
    hint: CHATROOM_HINTS.left,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const first = Promise.race([
        alice.hears("Bob").then(() => "the others hear of it"),
        bob.hearsEnd().then(() => "its connection is closed"),
      ]);
      await bob.sends("exit");
      scene.note(`at an exit, first ${await first}`);
      await alice.inbox.quiet(50);
    },
  },
];

// ---- texts of all kinds ----

/** Alice's text as Bob has heard it, without the names that stand before its pieces. */
function withoutNames(bob: Peer): string {
  return bob.inbox.text.replaceAll("Alice: ", "").replace(/[\r\n]/g, "");
}

const TEXT_CASES: Case[] = [
  {
    id: "T-S-15",
    title: "a text of 3,000 bytes",
    level: "should",
    points: 1,
    quote:
      "The received message is decoded and broadcasted to all other clients using the broadcast() " +
      "method.",
    hint: {
      cause: "a long text is not passed on whole",
      text: "What is longer than your recv size comes in pieces: pass each on, and use sendall().",
    },
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      const text = Array.from({ length: 600 }, (_, i) => String(i).padStart(4, "0") + ".").join("");
      await alice.sends(text);
      await bob.hears("0599.");
      await bob.inbox.quiet(100);
      const got = withoutNames(bob);
      scene.expect(got.endsWith(text), "all 3,000 bytes, in order", { where: "Bob", got });
      const pieces = bob.inbox.text.split("Alice: ").length - 1;
      scene.note(`a text of 3,000 bytes is passed on in ${pieces} piece${pieces === 1 ? "" : "s"}`);
    },
  },
  {
    id: "T-S-16",
    title: "a text in UTF-8",
    level: "should",
    points: 1,
    quote:
      "The received message is decoded and broadcasted to all other clients using the broadcast() " +
      "method.",
    hint: HINTS.undecodable,
    parts: {
      cut: { title: "a character that is cut between two writes", level: "extra", points: 1 },
    },
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await alice.sends("häß 👋");
      await bob.hears("häß 👋");
      await scene.part("cut", async () => {
        await alice.drips("ä", { sizes: [1], apart: 60 });
        await sleep(60);
        await alice.sends("still here");
        await bob.hears("still here");
        const whole = bob.inbox.text.endsWith("ä");
        if (!whole) scene.note("a character that is cut between two writes is lost");
      });
    },
  },
  {
    id: "T-S-17",
    title: "a text that is not UTF-8",
    level: "extra",
    points: 0.5,
    quote: "",
    hint: HINTS.undecodable,
    parts: { name: { title: "a name that is not", level: "extra", points: 0.5 } },
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await scene.part("name", async () => {
        const stranger = await scene.connect("a stranger");
        await stranger.sends(new Uint8Array([0xff, 0xfe]));
        await sleep(100);
        await stillServes(async () => void await enter(scene, "Carl"), HINTS.undecodable);
      });
      await alice.sends(new Uint8Array([0xff, 0xfe]));
      await sleep(100);
      await alice.sends("still here");
      await bob.hears("still here");
    },
  },
];

// ---- newcomers ----

/** Ten clients come and go at once, each with a name that nobody had before. */
async function crowd(scene: Scene, round: number): Promise<void> {
  await Promise.all(Array.from({ length: 10 }, async (_, i) => {
    const peer = await scene.connect(`Guest${round}x${i}`);
    await peer.sends(peer.name);
    await peer.hears("Welcome");
    await peer.sends("exit");
    await peer.hearsEnd();
  }));
}

const NEWCOMER_CASES: Case[] = [
  {
    id: "T-S-18",
    title: "a newcomer that says nothing holds up no member",
    level: "should",
    points: 2,
    quote:
      "Upon accepting a new connection, the server handles it while continuing to listen for other " +
      "incoming connections simultaneously.",
    hint: CHATROOM_HINTS.holdsUp,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await scene.connect("a silent one");
      await sleep(100);
      await alice.sends("hello");
      await bob.hears("hello");
      await bob.sends("hello yourself");
      await alice.hears("hello yourself");
      const waits = await attempt(async () => {
        const carl = await scene.connect("Carl");
        await carl.sends("Carl");
        await carl.hears("Welcome", { within: scene.deadline / 2 });
      });
      scene.note(
        `the next newcomer ${waits ? "waits for" : "does not wait for"} one that is silent`,
      );
    },
  },
  {
    id: "T-S-19",
    title: "a connection that closes before it says a name",
    level: "extra",
    points: 2,
    quote: "",
    hint: CHATROOM_HINTS.nameless,
    async run(scene) {
      const alice = await enter(scene, "Alice");
      const nobody = await scene.connect("nobody");
      await nobody.closes();
      const bob = await enter(scene, "Bob", { hint: CHATROOM_HINTS.nameless });
      await bob.sends("enough");
      const heard = await alice.hears("enough");
      scene.expect(heard.split("User").length === 2, "no word of anybody but Bob", {
        where: "Alice",
        got: heard,
      });
    },
  },
  {
    id: "T-S-20",
    title: "two that join in the same moment are both heard",
    level: "should",
    points: 2,
    quote:
      "Upon accepting a new connection, the server handles it while continuing to listen for other " +
      "incoming connections simultaneously.",
    hint: CHATROOM_HINTS.newcomer,
    async run(scene) {
      const alice = await enter(scene, "Alice");
      const both = await Promise.all([scene.connect("Bob"), scene.connect("Carl")]);
      await Promise.all(both.map((peer) => peer.sends(peer.name)));
      for (const peer of both) await peer.hears("Welcome");
      await settles(alice);
      for (const peer of both) {
        await peer.sends(`it is me, ${peer.name}`);
        await alice.hears(`it is me, ${peer.name}`);
      }
    },
  },
  {
    id: "T-S-21",
    title: "ten come and go at once, twenty times",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.sharedTable,
    async run(scene) {
      const { alice, bob } = await aliceAndBob(scene);
      for (let round = 0; round < 20; round++) await crowd(scene, round);
      await bob.sends("enough");
      const heard = await alice.hears("enough", { within: 2 * scene.deadline });
      await alice.sends("enough for me");
      await bob.hears("enough for me", { within: 2 * scene.deadline });
      const joined = heard.split(" joined").length - 1;
      const gone = heard.split(" left").length - 1;
      scene.expect(joined === gone, `as many that left as joined, ${joined}, and ${gone} left`, {
        where: "Alice",
        got: alice.inbox.all,
      });
    },
  },
];

/** Cases for a server of the TCP chatroom. */
export const CHATROOM_TCP_SERVER: Suite = {
  protocol: "chatroom",
  role: "TCP server",
  gate: "T-S-01",
  unframed: true,
  placeholders: { server: ["port"] },
  commands: (given) =>
    commands("server", words(given["server"]) ?? python(given, "run", "ServerTCP", "{port}")),
  cases: [...TALK_CASES, ...LEAVING_CASES, ...TEXT_CASES, ...NEWCOMER_CASES],
};
