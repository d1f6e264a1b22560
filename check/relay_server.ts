/**
 * Cases for a server of the relay protocol (CSC/CPE 138).
 *
 * @module
 */

import type { Case, Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import { bytes } from "./bytes.ts";
import { type Peer, sleep } from "./peer.ts";
import { splitCommand } from "./program.ts";
import {
  answered,
  findDialect,
  gone,
  join,
  joinTen,
  list,
  MUST_REGISTER,
  served,
  TEN,
} from "./relay_play.ts";
import { attempt, type Scene } from "./scene.ts";

// ---- what the program speaks, and its start ----

const START: Case[] = [
  {
    id: "R-S-00",
    title: "where a request ends",
    level: "info",
    points: 0,
    quote: "",
    hint: HINTS.privateProtocol,
    steps: "Zed> JOIN Zed; Yan> JOIN Yan, MESG Zed; with newlines behind them, then without",
    async run(scene) {
      const end = await findDialect(scene);
      if (end === "\n") return scene.note("a request ends with a newline");
      if (end === "") {
        return scene.note(
          "a request is what one write brings, without a newline; so it is sent to it",
        );
      }
      scene.note("no MESG was understood, with a newline behind it or without");
    },
  },
  {
    id: "R-S-01",
    title: "usage without a port",
    level: "must",
    points: 1,
    quote:
      "The server will print out a usage statement and terminate the program if the user does not " +
      "enter the command with the port as the command-line argument.",
    hint: HINTS.usage,
    steps: "start without {port} → `usage` on stdout or stderr, and an end",
    async run(scene) {
      const server = scene.startBare("server");
      await server.ends({ within: scene.deadline * 2.5 });
      server.noTraceback();
      const said = server.out.text + server.err.text;
      scene.expect(said.trim() !== "", "a usage statement", { where: "the server", got: said });
      if (!/usage/i.test(said)) scene.remark("what it says without a port lacks the word usage");
    },
  },
  {
    id: "R-S-02",
    title: "the given port is listened on",
    level: "must",
    points: 1,
    quote: "The server will bind and listen to the port specified as a command-line argument.",
    hint: {
      cause: "the server does not listen on the port it is given",
      text: "bind() to int(sys.argv[1]), then listen().",
    },
    steps: "start with {port}; Alice connects",
    parts: {
      started: {
        title: "it says that it has started",
        level: "should",
        points: 1,
        quote: "The Chat Server Started",
        hint: HINTS.exactText,
      },
    },
    async run(scene) {
      await scene.connect("Alice");
      await scene.part("started", async () => {
        await scene.server().prints("The Chat Server Started");
      });
    },
  },
];

// ---- JOIN ----

const NOT_REGISTERED = {
  cause: "JOIN does not register the client",
  text: "Put the name and the socket of the connection into the table of clients, and answer.",
};
const TOO_MANY = {
  cause: "the limit of ten registered clients",
  text:
    'Count the registered names, not the connections: at the 11th JOIN send "Too Many Users" and ' +
    "close that connection.",
};

const JOINING: Case[] = [
  {
    id: "R-S-03",
    title: "JOIN registers",
    level: "must",
    points: 3,
    topic: "JOIN",
    quote:
      "When a client wants to join (i.e., register for) the service, it first connects to the server",
    hint: NOT_REGISTERED,
    steps: "A> JOIN Alice, LIST → A< Alice (or B> MESG Alice reaches it)",
    parts: {
      reply: {
        title: "the answer of the sample",
        level: "should",
        points: 1,
        quote: "Alice joined!Connected to server!",
        hint: HINTS.exactText,
      },
    },
    async run(scene) {
      const alice = await scene.connect("Alice");
      await alice.says("JOIN Alice");
      await scene.part("reply", async () => {
        const [got] = await alice.hearsMatch(/Alice joined!\s*Connected to server!/i, {
          as: 'to contain "Alice joined!Connected to server!"',
        });
        if (got !== "Alice joined!Connected to server!") scene.remark(`the answer is ${got}`);
      });
      const { names } = await list(alice);
      if (names.includes("Alice")) return;
      const bob = await scene.connect("Bob");
      await bob.says("JOIN Bob");
      await answered(bob, scene.deadline / 2);
      await bob.says("MESG Alice are you there?");
      await alice.hears("are you there?");
    },
  },
  {
    id: "R-S-04",
    title: "the others hear of it",
    level: "should",
    points: 2,
    topic: "JOIN",
    quote: "Bob joined!",
    hint: HINTS.exactText,
    needs: ["R-S-03"],
    steps: "B joins → A< Bob joined!",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await join(scene, "Bob");
      await alice.hears("Bob joined!");
    },
  },
  {
    id: "R-S-05",
    title: "a second JOIN is discarded",
    level: "must",
    points: 3,
    topic: "JOIN",
    quote:
      "Once a client has already registered with a JOIN request, any subsequent JOIN requests from " +
      "the same registered client will be discarded with a status message sent back to the client.",
    hint: {
      cause: "a second JOIN changes the name",
      text:
        "Remember whether this connection has a name; if so, answer a JOIN with a sentence and do " +
        "nothing else.",
    },
    needs: ["R-S-03", "R-S-12"],
    steps: "A> JOIN Alice, JOIN Eve → A< some status; LIST has Alice and not Eve",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await alice.inbox.quiet(80);
      alice.inbox.skip();
      await alice.says("JOIN Eve");
      await alice.hearsMatch(/\S/, { as: "a status message" });
      const bob = await join(scene, "Bob");
      const { names, answer } = await list(bob);
      const right = names.includes("Alice") && !names.includes("Eve");
      scene.expect(right, "LIST with Alice and without Eve", { where: "Bob", got: answer });
    },
  },
  {
    id: "R-S-06",
    title: "a name that is taken",
    level: "info",
    points: 0,
    quote: "",
    hint: HINTS.sharedTable,
    needs: ["R-S-03"],
    steps: "B> JOIN Alice → said what happens; A still gets what C sends to Alice",
    parts: {
      kept: {
        title: "the first keeps its messages",
        level: "extra",
        points: 1,
        hint: {
          cause: "a second client takes the name of another over",
          text:
            "Look the name up before you put it into the table: a dict forgets the first socket of a " +
            "name without a word.",
        },
      },
    },
    async run(scene) {
      const alice = await join(scene, "Alice");
      const other = await scene.connect("second Alice");
      await other.says("JOIN Alice");
      await answered(other, scene.deadline / 2);
      const answer = other.inbox.text.trim();
      scene.note(`JOIN with a taken name is answered ${JSON.stringify(answer)}`);
      await scene.part("kept", async () => {
        const carl = await join(scene, "Carl");
        await carl.says("MESG Alice for the first");
        await alice.hears("for the first");
      });
    },
  },
  {
    id: "R-S-07",
    title: "ten clients",
    level: "must",
    points: 3,
    topic: "JOIN",
    quote: "The server will support up to and including 10 “registered” client connections.",
    hint: TOO_MANY,
    needs: ["R-S-03", "R-S-12"],
    steps: "ten JOIN; LIST shows ten",
    async run(scene) {
      const peers = await joinTen(scene);
      const { names, answer } = await list(peers[9]!);
      const missing = TEN.find((name) => !names.includes(name));
      scene.expect(missing === undefined, `ten names, ${missing} too`, {
        where: "Jon",
        got: answer,
      });
    },
  },
  {
    id: "R-S-08",
    title: "the eleventh is refused",
    level: "must",
    points: 2,
    topic: "JOIN",
    quote:
      "then the server will print out a status message and send a “Too Many Users” message to the " +
      "client",
    hint: TOO_MANY,
    needs: ["R-S-07"],
    steps: "an 11th JOIN → Too Many Users, then closed (FIN or RST); LIST still has ten",
    parts: {
      closed: {
        title: "its connection is closed",
        level: "must",
        points: 1,
        quote: "the server will print out an error message and simply close the connection",
      },
      list: { title: "the list still has ten", level: "must", points: 1 },
    },
    async run(scene) {
      const peers = await joinTen(scene);
      const kim = await scene.connect("Kim");
      await kim.says("JOIN Kim");
      const untold = await attempt(() => kim.hears("Too Many Users"));
      await scene.part("closed", async () => void await kim.hearsEnd());
      await scene.part("list", async () => {
        const { names, answer } = await list(peers[0]!);
        const right = TEN.every((name) => names.includes(name)) && !names.includes("Kim");
        scene.expect(right, "LIST with the ten and without Kim", { where: "Ann", got: answer });
      });
      if (untold) throw untold;
    },
  },
  {
    id: "R-S-09",
    title: "more than ten may be connected",
    level: "must",
    points: 2,
    topic: "JOIN",
    quote:
      "Although more than 10 clients can connect to the server, no more than 10 clients may be " +
      "registered in the database at the same time.",
    hint: TOO_MANY,
    needs: ["R-S-07", "R-S-26"],
    steps: "two connect, then ten connect and join; the first> LIST → an answer",
    async run(scene) {
      const kim = await scene.connect("Kim");
      await scene.connect("Lea");
      await joinTen(scene);
      await kim.says("LIST");
      await kim.hearsMatch(/\S/, { as: "an answer for an unregistered client" });
    },
  },
  {
    id: "R-S-10",
    title: "a place is free after QUIT",
    level: "must",
    points: 2,
    topic: "JOIN",
    quote:
      "if, for example, the 10th client “leaves” the service, space is now made available for " +
      "another client to register",
    hint: {
      cause: "a place is not free again after QUIT",
      text: "Take the client out of the table at QUIT, and count what is in the table.",
    },
    needs: ["R-S-07"],
    steps: "ten join, one> QUIT, a new client> JOIN → it is on the list",
    async run(scene) {
      const peers = await joinTen(scene);
      await peers[9]!.says("QUIT");
      await gone(scene, peers[0]!, { name: "Jon", hint: HINTS.neverRemoved });
      await join(scene, "Kim");
      const { names, answer } = await list(peers[0]!);
      scene.expect(names.includes("Kim"), "LIST with Kim", { where: "Ann", got: answer });
    },
  },
  {
    id: "R-S-11",
    title: "a place is free after a lost connection",
    level: "should",
    points: 2,
    topic: "JOIN",
    quote: "Note that clients may come and go as they please",
    hint: HINTS.neverRemoved,
    needs: ["R-S-07"],
    steps: "ten join; one sends FIN, a new one joins; one sends RST, a new one joins",
    async run(scene) {
      const peers = await joinTen(scene);
      await peers[9]!.closes();
      await gone(scene, peers[0]!, { name: "Jon", hint: HINTS.neverRemoved });
      const kim = await join(scene, "Kim", { resets: true });
      kim.resets();
      await gone(scene, peers[0]!, { name: "Kim", hint: HINTS.neverRemoved });
      await join(scene, "Lea");
    },
  },
];

// ---- LIST ----

const REGISTER_FIRST = {
  cause: "clients that are not registered get service",
  text:
    'Check first whether this connection has a name; if not, answer "Unregistered User" and how to ' +
    "JOIN, and do nothing else.",
};

const LISTING: Case[] = [
  {
    id: "R-S-12",
    title: "LIST names all registered clients",
    level: "must",
    points: 3,
    topic: "LIST",
    quote:
      "the server will send a list of all registered clients on individual lines and return this",
    hint: {
      cause: "LIST does not name all registered clients",
      text:
        "Send every name in the table: a line each, or joined by commas as the sample shows them.",
    },
    needs: ["R-S-03"],
    steps: "three join; LIST → three names, a line each or with commas",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await join(scene, "Bob");
      await join(scene, "Carl");
      await scene.connect("unregistered");
      const { names, answer } = await list(alice);
      const missing = ["Alice", "Bob", "Carl"].find((name) => !names.includes(name));
      scene.expect(missing === undefined, `a list with ${missing}`, {
        where: "Alice",
        got: answer,
      });
      const lines = answer.trim().split(/\r?\n/).length;
      scene.note(
        lines >= 3
          ? "LIST answers a name a line"
          : /,/.test(answer)
          ? "LIST answers names with commas"
          : "LIST answers names in one line, without commas",
      );
      const more = names.filter((name) => !["Alice", "Bob", "Carl"].includes(name));
      if (more.length > 0) scene.remark(`LIST says more than the names: ${JSON.stringify(answer)}`);
    },
  },
  {
    id: "R-S-13",
    title: "LIST of an unregistered client",
    level: "must",
    points: 2,
    topic: "LIST",
    quote:
      "only the registered client will receive the listing (i.e., others will receive an error " +
      "message with JOIN request instructions)",
    hint: REGISTER_FIRST,
    needs: ["R-S-03"],
    steps: "A joins; X> LIST → X< JOIN instructions, and no name",
    async run(scene) {
      await join(scene, "Alice");
      const stranger = await scene.connect("stranger");
      await stranger.says("LIST");
      await stranger.hears("JOIN");
      await stranger.inbox.quiet(80);
      const answer = stranger.inbox.text;
      scene.expect(!/\bAlice\b/.test(answer), "no name of a registered client", {
        where: "stranger",
        got: answer,
      });
    },
  },
];

// ---- MESG ----

const MESSAGES: Case[] = [
  {
    id: "R-S-14",
    title: "MESG reaches the one it is for",
    level: "must",
    points: 4,
    topic: "MESG",
    quote: "The server will then act as a relay and forward this message to the registered user.",
    hint: {
      cause: "MESG does not reach the one it is for, and nobody else",
      text:
        "Look the name up among the registered clients, and send the text to that socket alone.",
    },
    needs: ["R-S-03"],
    steps: "A> MESG Bob How are you? → B< How are you?, nothing at C",
    parts: {
      sender: {
        title: "with the name of the sender in front, as the sample has it",
        level: "should",
        points: 1,
        quote: "Mike: How are you?",
        hint: HINTS.exactText,
      },
    },
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      const carl = await join(scene, "Carl");
      await alice.says("MESG Bob How are you?");
      const before = await bob.hears("How are you?");
      await scene.part("sender", () => {
        if (before.endsWith("Alice: ")) return;
        scene.fail('"Alice: How are you?"', { where: "Bob", got: bob.inbox.all });
      });
      await alice.says("MESG Carl this one is for Carl");
      await carl.hearsNot("How are you?", { before: "this one is for Carl" });
    },
  },
  {
    id: "R-S-15",
    title: "the text is left as it is",
    level: "should",
    points: 2,
    topic: "MESG",
    quote: "followed by whatever message he/she wants to send to the other registered client",
    hint: HINTS.rebuiltText,
    needs: ["R-S-14"],
    steps: "A> MESG Bob a  b: c, MESG Bob say BCST or QUIT → B< the texts as they are",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await alice.says("MESG Bob a  b: c");
      await bob.hears("a  b: c");
      await alice.says("MESG Bob say BCST or QUIT");
      await bob.hears("say BCST or QUIT", { hint: HINTS.prefixCommand });
    },
  },
  {
    id: "R-S-16",
    title: "MESG to nobody",
    level: "must",
    points: 2,
    topic: "MESG",
    quote:
      "the server will print out a status message and send an “Unknown Recipient” message to the " +
      "client",
    hint: {
      cause: "MESG to a name that nobody has",
      text: 'Look the name up with .get(); when it is not there, answer "Unknown Recipient".',
    },
    needs: ["R-S-03"],
    steps: "A> MESG Nobody hi → A< Unknown Recipient",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await alice.says("MESG Nobody hi");
      await alice.hears("Unknown Recipient");
    },
  },
  {
    id: "R-S-17",
    title: "MESG of an unregistered client",
    level: "must",
    points: 2,
    topic: "MESG",
    quote: "send an “Unregistered User” message to the client with the JOIN request instructions",
    hint: REGISTER_FIRST,
    needs: ["R-S-14"],
    steps: "X> MESG Bob secret → X< Unregistered User, JOIN; nothing at B",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      const stranger = await scene.connect("stranger");
      await stranger.says("MESG Bob secret");
      await stranger.hearsAll(["Unregistered User", "JOIN"]);
      await alice.says("MESG Bob open");
      await bob.hearsNot("secret", { before: "open" });
    },
  },
  {
    id: "R-S-18",
    title: "MESG with a part missing",
    level: "extra",
    points: 1,
    quote: "",
    hint: {
      cause: "a request with a part missing ends its client",
      text: "Check how many parts split() has given before you use parts[1] and parts[2].",
    },
    needs: ["R-S-03"],
    steps: "A> MESG Bob, MESG → A is still served",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await join(scene, "Bob");
      await alice.says("MESG Bob");
      await sleep(50);
      await alice.says("MESG");
      await served(scene, alice);
      alice.open();
    },
  },
];

// ---- BCST ----

const BROADCASTS: Case[] = [
  {
    id: "R-S-19",
    title: "BCST reaches all others",
    level: "must",
    points: 4,
    topic: "BCST",
    quote:
      "The server will then act as a relay and forward this message to the registered users (but " +
      "not the sender).",
    hint: {
      cause: "BCST does not reach all others",
      text: "Send the text to every socket in the table but the sender's.",
    },
    needs: ["R-S-03"],
    steps: "A> BCST Hello → B< and C< Hello",
    parts: {
      sender: {
        title: "with the name of the sender in front, as the sample has it",
        level: "should",
        points: 1,
        quote: "Alice: Hello",
        hint: HINTS.exactText,
      },
    },
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      const carl = await join(scene, "Carl");
      await alice.says("BCST Hello");
      const before = await bob.hears("Hello");
      await carl.hears("Hello");
      await scene.part("sender", () => {
        if (before.endsWith("Alice: ")) return;
        if (before.endsWith("Alice: BCST ")) {
          return scene.remark('"Alice: BCST Hello"; the sample has it both with BCST and without');
        }
        scene.fail('"Alice: Hello"', { where: "Bob", got: bob.inbox.all });
      });
    },
  },
  {
    id: "R-S-20",
    title: "what the sender of a broadcast gets",
    level: "info",
    points: 0,
    quote: "",
    hint: HINTS.exactText,
    needs: ["R-S-19"],
    steps: "A> BCST Hello → a notice, its own text, or nothing",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await alice.inbox.quiet(80);
      alice.inbox.skip();
      await alice.says("BCST Hello");
      await bob.hears("Hello");
      await alice.inbox.quiet(150);
      const got = new TextDecoder().decode(alice.inbox.unread).trim();
      scene.note(`the sender of a broadcast gets ${got === "" ? "nothing" : JSON.stringify(got)}`);
    },
  },
  {
    id: "R-S-21",
    title: "BCST of an unregistered client",
    level: "must",
    points: 1,
    topic: "BCST",
    quote: MUST_REGISTER,
    hint: REGISTER_FIRST,
    needs: ["R-S-19"],
    steps: "X> BCST secret → X< JOIN instructions, nothing at B; A> BCST open → B<, nothing at X",
    parts: {
      hears: {
        title: "an unregistered client hears no broadcast",
        level: "must",
        points: 1,
        hint: {
          cause: "clients that are not registered hear broadcasts",
          text: "Broadcast to the table of registered clients, not to all connections.",
        },
      },
    },
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      const stranger = await scene.connect("stranger");
      await stranger.says("BCST secret");
      const untold = await attempt(() => stranger.hears("JOIN"));
      stranger.inbox.skip();
      await alice.says("BCST open");
      const told = await attempt(() => bob.hearsNot("secret", { before: "open" }));
      await scene.part("hears", async () => {
        // One that was hung up on hears nothing more, which is what is asked for.
        await stranger.says("LIST");
        if (!stranger.inbox.ended) await attempt(() => stranger.hearsMatch(/\S/));
        await stranger.inbox.quiet(80);
        const got = stranger.inbox.text;
        scene.expect(!got.includes("open"), "no broadcast here", { where: "stranger", got });
      });
      if (untold ?? told) throw untold ?? told;
    },
  },
];

// ---- QUIT, and what is not a request ----

const LEAVING: Case[] = [
  {
    id: "R-S-22",
    title: "QUIT",
    level: "must",
    points: 2,
    topic: "QUIT",
    quote: "at which time the server will disconnect the client from the service",
    hint: {
      cause: "QUIT does not disconnect the client",
      text: "At QUIT take the client out of the table, tell the others, and close its socket.",
    },
    needs: ["R-S-03"],
    steps: "B> QUIT → B is closed within 2 s; LIST without Bob; A< Bob left",
    parts: {
      list: {
        title: "it is no longer on the list",
        level: "must",
        points: 1,
        quote:
          "The database entry for registered clients should be removed after the client has been " +
          "disconnected.",
        hint: HINTS.neverRemoved,
      },
      told: {
        title: "the others hear of it",
        level: "should",
        points: 1,
        quote: "Alex left",
        hint: HINTS.othersNotTold,
      },
    },
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await bob.says("QUIT");
      const open = await attempt(() => bob.hearsEnd());
      await scene.part("told", async () => void await alice.hears("Bob left"));
      await scene.part("list", async () => {
        await gone(scene, alice, { name: "Bob", hint: HINTS.neverRemoved });
      });
      if (open) throw open;
    },
  },
  {
    id: "R-S-23",
    title: "QUIT of an unregistered client",
    level: "must",
    points: 2,
    topic: "QUIT",
    quote:
      "an unregistered client will still be disconnected from the service (i.e., their connection " +
      "closed)",
    hint: {
      cause: "QUIT of a client without a name is not handled",
      text: "Close the connection at QUIT whether it has a name or not; use .pop(name, None).",
    },
    steps: "X> QUIT → X is closed",
    async run(scene) {
      const stranger = await scene.connect("stranger");
      await stranger.says("QUIT");
      await stranger.hearsEnd();
    },
  },
  {
    id: "R-S-24",
    title: "an unknown request",
    level: "must",
    points: 2,
    quote: "the server will print out a status message and send an “Unknown Message” message to " +
      "the client",
    hint: {
      cause: "unknown requests are not answered",
      text: 'Give the chain of commands an else: answer "Unknown Message", and go on.',
    },
    needs: ["R-S-03"],
    steps: "A> HELLO you → A< Unknown Message; A is still served",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await alice.says("HELLO you");
      await alice.hears("Unknown Message");
      await served(scene, alice);
    },
  },
  {
    id: "R-S-25",
    title: "commands are case-sensitive",
    level: "must",
    points: 2,
    quote:
      "The server will support the following case-sensitive commands which are all sent as plain " +
      "ASCII text",
    hint: {
      cause: "commands in small letters are taken",
      text: "Compare the word as it came; no upper() or lower().",
    },
    needs: ["R-S-24"],
    steps: "A> list → A< Unknown Message",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await alice.says("list");
      await alice.hears("Unknown Message");
    },
  },
];

// ---- many clients, and what a robust server survives ----

const ROBUST: Case[] = [
  {
    id: "R-S-26",
    title: "a silent connection holds up nobody",
    level: "must",
    points: 2,
    quote: "When a client connects, a new thread will be spawned to handle the socket",
    hint: HINTS.blockedAccept,
    needs: ["R-S-03"],
    steps: "X connects and says nothing; A and B join and talk",
    async run(scene) {
      await scene.connect("silent");
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await alice.says("MESG Bob are you there?");
      await bob.hears("are you there?");
    },
  },
  {
    id: "R-S-27",
    title: "one request in two writes, then a byte a write",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.oneRecv,
    needs: ["R-S-14"],
    steps: "A> ME … SG Bob halves; then every byte of MESG Bob bytes apart → B< both",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await alice.drips("MESG Bob halves\n", { sizes: [2, 100], apart: 100 });
      await bob.hears("halves");
      await alice.drips("MESG Bob bytes apart\n");
      await bob.hears("bytes apart");
    },
  },
  {
    id: "R-S-28",
    title: "two requests in one write",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.oneRecv,
    needs: ["R-S-14"],
    steps: "A> MESG Bob one, MESG Bob two in one write → B< both, each a message",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await alice.sends("MESG Bob one\nMESG Bob two\n");
      await bob.hears("one");
      await bob.hearsNot("MESG", { before: "two" });
    },
  },
  {
    id: "R-S-29",
    title: "a blank line",
    level: "extra",
    points: 1,
    quote: "",
    hint: {
      cause: "a blank line ends its client",
      text: "''.split() is an empty list: check it before you use [0].",
    },
    needs: ["R-S-03"],
    steps: "A> an empty line → A is still served, and still on the list",
    async run(scene) {
      const alice = await join(scene, "Alice");
      await alice.sends("\n");
      await sleep(150);
      await served(scene, alice);
    },
  },
  {
    id: "R-S-30",
    title: "a client that closes without QUIT",
    level: "should",
    points: 2,
    quote:
      "The server will support error checking across all relevant system calls and other potential " +
      "issues.",
    hint: HINTS.neverRemoved,
    needs: ["R-S-03"],
    steps: "B sends FIN → LIST without Bob",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await bob.closes();
      await gone(scene, alice, { name: "Bob", hint: HINTS.neverRemoved });
      const told = /Bob left/i.test(alice.inbox.text);
      scene.note(
        `the others ${told ? "are" : "are not"} told of a client that closes without QUIT`,
      );
    },
  },
  {
    id: "R-S-31",
    title: "a client that resets during a broadcast",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.deadClient,
    needs: ["R-S-19"],
    steps: "A> 20 broadcasts; B sends RST behind the fifth → C gets all 20",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob", { resets: true });
      const carl = await join(scene, "Carl");
      for (let i = 1; i <= 20; i++) {
        await alice.says(`BCST number ${i}.`);
        await carl.hears(`number ${i}.`);
        if (i === 5) bob.resets();
      }
      await served(scene, alice, HINTS.deadClient);
    },
  },
  {
    id: "R-S-32",
    title: "bytes that are no text, and a long text",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.undecodable,
    needs: ["R-S-19"],
    steps: "M> FF FE, NUL and 4,000 bytes as broadcasts → A and B still talk",
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      const mallory = await join(scene, "Mallory");
      await mallory.says(Uint8Array.from([...bytes("BCST "), 0xff, 0xfe]));
      await sleep(100);
      await mallory.says("BCST a\0b");
      await sleep(100);
      await mallory.says(`BCST ${"x".repeat(4000)}`);
      await alice.says("BCST still here");
      await bob.hears("still here");
    },
  },
  {
    id: "R-S-33",
    title: "ten talk at once, then nine while one comes and goes",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.sharedTable,
    needs: ["R-S-10", "R-S-19"],
    steps:
      "ten> 20 broadcasts each, at the same time → 180 at each, in order for each sender, under its " +
      "name; then nine> more, while others join and quit",
    async run(scene) {
      const peers = await joinTen(scene);
      const rounds = peers[0]!.end === "" ? 5 : 20;
      await talkAtOnce(peers, 1, rounds);
      for (const peer of peers) await allHeard(scene, peer, rounds);
      await peers[9]!.says("QUIT");
      await peers[9]!.hearsEnd();
      let talking = true;
      const comeAndGo = async () => {
        for (let i = 0; talking && i < 40; i++) {
          const guest = await join(scene, `Guest${i}`);
          await guest.says("QUIT");
          await guest.hearsEnd();
        }
      };
      const talk = talkAtOnce(peers.slice(0, 9), rounds + 1, rounds * 2);
      await Promise.all([talk.finally(() => talking = false), comeAndGo()]);
    },
  },
  {
    id: "R-S-34",
    title: "status on the server's terminal",
    level: "should",
    points: 1,
    quote: "The server will provide important status updates of messages sent and received",
    hint: {
      cause: "the server's terminal does not show what happens",
      text:
        "Print a line for each connection, JOIN and request, as the sample does: Connected with " +
        "('127.0.0.1', 50692), Alice Joined the Chatroom.",
    },
    needs: ["R-S-03"],
    steps:
      "A joins → out: Connected with ('127.0.0.1', PORT), Alice Joined the Chatroom; LIST → something",
    async run(scene) {
      const server = scene.server();
      const alice = await join(scene, "Alice");
      // The address is the one that this connection came from, which depends on where the server listens.
      await server.printsMatch(
        new RegExp(`Connected with \\('[0-9.:a-f]+', ${alice.port}\\)`, "i"),
        {
          as: `"Connected with ('127.0.0.1', ${alice.port})"`,
        },
      );
      await server.prints("Alice Joined the Chatroom");
      await server.out.quiet(80);
      server.out.skip();
      await alice.says("LIST");
      await server.printsMatch(/\S/, { as: "a line for the request LIST" });
    },
  },
  {
    id: "R-S-35",
    title: "a port in use",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.portTaken,
    steps: "a second start on the same port → no traceback; the first is still there",
    parts: {
      interrupt: {
        title: "Ctrl-C ends it",
        level: "extra",
        points: 1,
        hint: HINTS.interrupt,
      },
    },
    async run(scene) {
      const alice = await scene.connect("Alice");
      const second = scene.start("server", { name: "second server", values: { port: scene.port } });
      const late = await attempt(() => second.ends({ within: scene.deadline * 2.5 }));
      if (late) scene.note("a second server on the same port does not end");
      const traceback = await attempt(() => second.noTraceback());
      await scene.part("interrupt", async () => {
        const server = scene.server();
        alice.open();
        server.signals("SIGINT");
        const code = await server.ends();
        scene.note(`after Ctrl-C the exit code is ${code}`);
        if (/Traceback/.test(server.err.text)) scene.remark("Ctrl-C shows a traceback");
      });
      if (traceback) throw traceback;
    },
  },
];

/** Lets all broadcast their lines `from` to `to` at the same time. */
async function talkAtOnce(peers: readonly Peer[], from: number, to: number): Promise<void> {
  await Promise.all(peers.map(async (peer, i) => {
    // The next line goes out once a neighbour has the last: what is tried here are threads, not pieces.
    const next = peers[(i + 1) % peers.length]!;
    for (let n = from; n <= to; n++) {
      await peer.says(`BCST from ${peer.name} ${n}.`);
      await next.hears(`from ${peer.name} ${n}.`);
    }
  }));
}

/** Waits until a client has every line of every other, and fails when one sender's are out of order. */
async function allHeard(scene: Scene, peer: Peer, rounds: number): Promise<void> {
  const others = TEN.filter((name) => name !== peer.name);
  const limit = performance.now() + scene.deadline;
  const complete = () =>
    others.every((name) => peer.inbox.text.includes(`from ${name} ${rounds}.`));
  while (!complete() && performance.now() < limit) await sleep(50);
  const { text } = peer.inbox;
  for (const name of others) {
    let at = -1;
    for (let n = 1; n <= rounds; n++) {
      at = text.indexOf(`from ${name} ${n}.`, at + 1);
      scene.expect(at !== -1, `"from ${name} ${n}." in order`, { where: peer.name, got: text });
      const other = TEN.find((each) => each !== name && text.slice(0, at).endsWith(`${each}: `));
      scene.expect(
        other === undefined,
        `"from ${name} ${n}." under the name ${name}, not ${other}`,
        {
          where: peer.name,
          got: text.slice(0, at + 20),
          hint: HINTS.sharedBuffer,
        },
      );
    }
  }
}

/** Cases for a server of the relay protocol. */
export const RELAY_SERVER: Suite = {
  protocol: "relay",
  role: "server",
  gate: "R-S-02",
  placeholders: { server: ["port"] },
  commands: ({ server }) => server === undefined ? undefined : { server: splitCommand(server) },
  cases: [START, JOINING, LISTING, MESSAGES, BROADCASTS, LEAVING, ROBUST].flat(),
};
