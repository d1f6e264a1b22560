/**
 * Cases for a client of the relay protocol (CSC/CPE 138), played with a server that the check stands in
 * for.
 *
 * The document's sample types `JOIN Mike` at the first prompt in one place and `Mike` in another: what a
 * client makes of the first is found out once, and the other cases type what it wants.
 *
 * @module
 */

import { latin, text } from "./bytes.ts";
import { type Case, Failure, type Hint, type Suite } from "./case.ts";
import { accepted, noFlood } from "./client_play.ts";
import { HINTS } from "./hints.ts";
import { type FakeServer, type Peer, sleep } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

const NOT_AS_TYPED: Hint = {
  cause: "a request does not go out as it was typed",
  text:
    "Send the typed line as it is, with a newline behind it and nothing else: the server knows who " +
    "you are.",
};

/** A client that is connected to a fake server. */
async function connected(
  scene: Scene,
): Promise<{ client: Program; server: Peer; fake: FakeServer }> {
  const fake = scene.listen();
  const client = scene.client({ name: "Mike", port: fake.port });
  return { client, server: await accepted(scene, fake, client), fake };
}

/** A client that has joined as Mike, and been told so. */
async function joined(
  scene: Scene,
): Promise<{ client: Program; server: Peer; fake: FakeServer }> {
  const play = await connected(scene);
  await play.client.types(scene.facts.has("bare name") ? "Mike" : "JOIN Mike");
  await play.server.hears("JOIN Mike");
  await play.server.inbox.quiet(50);
  play.server.inbox.skip();
  await play.server.sends("Mike joined!Connected to server!\n");
  await play.client.prints("Connected to server!").catch((error) => {
    // A client may keep this one notice to itself; what others send is looked for by its own case.
    if (!(error instanceof Failure)) throw error;
  });
  return play;
}

/** Types a line, and fails unless it goes out as it is, with a line end or none. */
async function typed(play: { client: Program; server: Peer }, line: string): Promise<void> {
  const { client, server } = play;
  await client.types(line);
  const before = await server.hears(line);
  await server.inbox.quiet(60);
  const behind = latin(server.inbox.unread);
  if (before.trim() === "" && behind.trim() === "") return server.inbox.skip();
  const all = server.inbox.all;
  throw new Failure(`"${line}" and nothing else in this line`, {
    where: "fake server",
    got: all,
    mark: before.trim() === ""
      ? all.length - behind.length
      : all.length - behind.length - line.length - before.length,
  });
}

/** Fails unless a program shows this text, wherever it breaks the lines. */
async function shows(client: Program, expected: string, within: number): Promise<void> {
  const bare = (data: string) => data.replace(/\s+/g, "");
  const limit = performance.now() + within;
  while (!bare(client.out.text).includes(bare(expected))) {
    if (performance.now() > limit) {
      throw new Failure(`to show ${JSON.stringify(expected)}`, {
        where: client.out.where,
        got: client.out.all,
        waited: within,
      });
    }
    await sleep(20);
  }
}

// ---- what goes out ----

const OUT: Case[] = [
  {
    id: "R-C-01",
    title: "connects to the host and port given",
    level: "must",
    points: 1,
    quote:
      "to connect to the server, specifying the hostname and port number of the server to connect to",
    hint: {
      cause: "the client does not connect to the host and port it is given",
      text: "connect((sys.argv[1], int(sys.argv[2]))), before anything is asked of the user.",
    },
    steps: "start with 127.0.0.1, and with localhost → a connection each",
    async run(scene) {
      await connected(scene);
      const fake = scene.listen();
      const client = scene.client({ name: "Mike", port: fake.port, values: { host: "localhost" } });
      await accepted(scene, fake, client);
    },
  },
  {
    id: "R-C-02",
    title: "JOIN goes out",
    level: "must",
    points: 3,
    topic: "JOIN",
    quote: "and then sends a JOIN request with the username",
    hint: NOT_AS_TYPED,
    steps: "type JOIN Mike → F< JOIN Mike, and nothing behind it but a line end",
    async run(scene) {
      const play = await connected(scene);
      const wrong = await attempt(() => typed(play, "JOIN Mike"));
      if (!wrong) return;
      if (!/JOIN\s+JOIN\s+Mike/.test(text(play.server.inbox.all))) throw wrong;
      // The sample has it both ways: this client wants the name alone, and puts JOIN in front itself.
      const again = await connected(scene);
      await again.client.types("Mike");
      await again.server.hears("JOIN Mike");
      scene.facts.set("bare name", true);
      scene.remark("the first prompt wants the name alone; the sample types JOIN Mike there, too");
    },
  },
  {
    id: "R-C-03",
    title: "LIST, MESG and BCST go out as typed",
    level: "must",
    points: 3,
    topic: "MESG",
    quote:
      "When desired, the client will send a MMSG or BCST request to the server who will then relay " +
      "that message to an individual registered client or all registered clients, respectively.",
    hint: NOT_AS_TYPED,
    needs: ["R-C-02"],
    steps: "type LIST; MESG Bob a  b: c; BCST Hello  all → F< each as it is",
    parts: {
      list: {
        title: "LIST",
        level: "must",
        points: 1,
        quote: "the client will send a LIST request",
      },
    },
    async run(scene) {
      const play = await joined(scene);
      await scene.part("list", () => typed(play, "LIST"));
      play.server.inbox.skip();
      await play.server.sends("Mike,Bob\n");
      await typed(play, "MESG Bob a  b: c");
      await typed(play, "BCST Hello  all");
    },
  },
  {
    id: "R-C-04",
    title: "so does a request that nobody knows",
    level: "must",
    points: 2,
    quote: "the client can issue any request (even unrecognizable ones) to the server",
    hint: {
      cause: "the client decides which requests are known",
      text: "Send every line: it is the server that answers Unknown Message.",
    },
    needs: ["R-C-02"],
    steps: "type FOO bar → F< FOO bar",
    async run(scene) {
      await typed(await joined(scene), "FOO bar");
    },
  },
];

// ---- what is shown ----

const SHOWN: Case[] = [
  {
    id: "R-C-05",
    title: "what comes is shown at once",
    level: "must",
    points: 3,
    quote: "Bob joined!",
    hint: HINTS.blockedInput,
    needs: ["R-C-02"],
    steps: "F> Bob joined!, while nothing is typed → out within 2 s",
    async run(scene) {
      const { client, server } = await joined(scene);
      await server.sends("Bob joined!\n");
      await client.prints("Bob joined!");
      await server.sends("Bob: a message that is longer than the notice\n");
      await client.prints("Bob: a message that is longer than the notice", { hint: HINTS.cut });
    },
  },
  {
    id: "R-C-06",
    title: "and while an answer is late",
    level: "should",
    points: 1,
    quote: "",
    hint: HINTS.blockedInput,
    needs: ["R-C-05"],
    steps: "type LIST; F> a broadcast, the list a second later → both shown",
    async run(scene) {
      const play = await joined(scene);
      await play.client.types("LIST");
      await play.server.hears("LIST");
      await play.server.sends("Bob: are you there?\n");
      await play.client.prints("Bob: are you there?");
      await sleep(1000);
      await play.server.sends("Mike,Bob\n");
      await play.client.prints("Mike,Bob");
    },
  },
  {
    id: "R-C-07",
    title: "a list, with commas or on lines",
    level: "should",
    points: 1,
    topic: "LIST",
    quote:
      "the server will send a list of all registered clients on individual lines and return this",
    hint: {
      cause: "a list is not shown whole",
      text: "Show all that recv() brings: a list of lines is one text with newlines in it.",
    },
    needs: ["R-C-05"],
    steps: "type LIST; F> Alice,Bob,Mike, then the same on lines → all names shown",
    async run(scene) {
      const play = await joined(scene);
      await play.client.types("LIST");
      await play.server.hears("LIST");
      await play.server.sends("Alice,Bob,Mike\n");
      await shows(play.client, "Alice,Bob,Mike", scene.deadline);
      await play.client.types("LIST");
      await play.server.hears("LIST");
      await play.server.sends("Trudy\nVictor\nWalter\n");
      await shows(play.client, "TrudyVictorWalter", scene.deadline);
    },
  },
  {
    id: "R-C-08",
    title: "answers in pieces, and two in one",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.oneRecv,
    needs: ["R-C-05"],
    steps: "F> a message a byte at a time, then two in one write → all of it shown",
    async run(scene) {
      const { client, server } = await joined(scene);
      await server.drips("Bob: in pieces\n");
      await shows(client, "Bob: in pieces", scene.deadline);
      await server.sends("Ann: one and\nBob: two\n");
      await shows(client, "Ann: one andBob: two", scene.deadline);
    },
  },
];

// ---- how it ends ----

const ENDING: Case[] = [
  {
    id: "R-C-09",
    title: "QUIT",
    level: "must",
    points: 3,
    topic: "QUIT",
    quote: "The client may voluntarily leave the service at any time by issuing the QUIT request.",
    hint: {
      cause: "QUIT does not end the client",
      text:
        "Send QUIT, then leave the loop and close the socket; a thread that still reads must be " +
        "daemon=True.",
    },
    needs: ["R-C-02"],
    steps: "type QUIT → F< QUIT; F closes → it ends within 2 s",
    parts: {
      alone: {
        title: "it ends though the server does not close",
        level: "should",
        points: 1,
      },
    },
    async run(scene) {
      const { client, server } = await joined(scene);
      await client.types("QUIT");
      await server.hears("QUIT");
      await server.sends("Mike is quitting the chat server\n");
      await server.closes();
      await client.ends();
      await scene.part("alone", async () => {
        const second = await joined(scene);
        await second.client.types("QUIT");
        await second.server.hears("QUIT");
        // A client may give the server a moment to say good-bye.
        await second.client.ends({ within: scene.deadline * 2 });
      });
    },
  },
  {
    id: "R-C-10",
    title: "the server goes away",
    level: "should",
    points: 1,
    quote:
      "Your code will handle errors appropriately, such as printing an error message, disconnecting " +
      "the client, or termination of the program.",
    hint: HINTS.spins,
    needs: ["R-C-02"],
    steps: "F sends FIN → it says so or ends, and does not flood; the same for RST",
    parts: {
      reset: { title: "by a reset", level: "should", points: 1 },
    },
    async run(scene) {
      const { client, server } = await joined(scene);
      const shown = client.out.total + client.err.total;
      await server.closes();
      await saysOrEnds(scene, client, shown);
      await scene.part("reset", async () => {
        const fake = scene.listen();
        const second = scene.client({ name: "Mike", port: fake.port });
        // What the client types is left unread, and closing over it is an RST.
        const lazy = await fake.accepts("fake server", {
          reading: false,
          within: scene.deadline * 2.5,
        });
        await second.types(scene.facts.has("bare name") ? "Mike" : "JOIN Mike");
        await sleep(300);
        const before = second.out.total + second.err.total;
        lazy.resets();
        await saysOrEnds(scene, second, before);
      });
    },
  },
  {
    id: "R-C-11",
    title: "a server that is full",
    level: "should",
    points: 1,
    topic: "JOIN",
    quote:
      "then the server will print out a status message and send a “Too Many Users” message to the " +
      "client",
    hint: HINTS.endOfStream,
    needs: ["R-C-02"],
    steps: "F> Too Many Users, FIN → shown, and it ends or waits without a flood",
    async run(scene) {
      const { client, server } = await connected(scene);
      await client.types(scene.facts.has("bare name") ? "Mike" : "JOIN Mike");
      await server.hears("JOIN Mike");
      await server.sends("Too Many Users\n");
      await server.closes();
      await client.prints("Too Many Users");
      await noFlood(() => client.out.total + client.err.total, "the client's output");
      if (client.lives) scene.note("the client does not end by itself when the server is full");
    },
  },
  {
    id: "R-C-12",
    title: "nobody listens",
    level: "should",
    points: 1,
    quote:
      "Your code will handle errors appropriately, such as printing an error message, disconnecting " +
      "the client, or termination of the program.",
    hint: HINTS.traceback,
    steps: "start with a port that nobody listens on → a sentence, no traceback, an end",
    parts: {
      host: { title: "a host that does not exist", level: "info", points: 0 },
    },
    async run(scene) {
      const client = scene.client({ name: "Mike", port: freePort() });
      await client.ends({ within: scene.deadline * 2.5, hint: HINTS.traceback });
      client.noTraceback();
      const said = (client.out.text + client.err.text).trim();
      scene.expect(said !== "", "a sentence that says what failed", { where: "Mike" });
      await scene.part("host", async () => {
        const lost = scene.client({ port: 9, values: { host: "no-such-host.invalid" } });
        await lost.ends({ within: scene.deadline * 5 });
        lost.noTraceback();
      });
    },
  },
];

/** Fails unless a client whose server has gone says so or ends, without a flood. */
async function saysOrEnds(scene: Scene, client: Program, shown: number): Promise<void> {
  await noFlood(() => client.out.total + client.err.total, `${client.label}'s output`);
  client.noTraceback(HINTS.traceback);
  const limit = performance.now() + scene.deadline;
  while (client.lives && client.out.total + client.err.total === shown) {
    scene.expect(performance.now() < limit, "a word that the server has gone, or an end", {
      where: client.label,
      hint: HINTS.endOfStream,
    });
    await sleep(20);
  }
}

// ---- what a robust client survives ----

const ROBUST: Case[] = [
  {
    id: "R-C-13",
    title: "an empty line",
    level: "extra",
    points: 1,
    quote: "",
    hint: {
      cause: "an empty line ends the client",
      text: "''.split() is an empty list: check it before you use [0].",
    },
    needs: ["R-C-02"],
    steps: "type nothing → nothing or a newline goes out; the next line is sent",
    async run(scene) {
      const { client, server } = await joined(scene);
      await client.types("");
      await client.types("LIST");
      await server.hearsMatch(/^\s*LIST/, { as: "LIST next, with nothing before it but newlines" });
      client.alive();
    },
  },
  {
    id: "R-C-14",
    title: "the end of input",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.endOfInput,
    needs: ["R-C-02"],
    steps: "stdin ends → it ends, and floods neither the terminal nor the server",
    async run(scene) {
      const { client, server } = await joined(scene);
      await client.endsInput();
      await noFlood(
        () => client.out.total + client.err.total + server.inbox.total,
        "the client's output",
      );
      await sleep(100);
      if (server.inbox.text.trimEnd().endsWith("QUIT")) await server.closes();
      await client.ends({ within: scene.deadline * 2 });
    },
  },
  {
    id: "R-C-15",
    title: "ten lines pasted",
    level: "extra",
    points: 1,
    quote: "",
    hint: {
      cause: "lines are lost when several come at once",
      text:
        "Take every line of what was read: sys.stdin.readline() behind select() leaves lines in " +
        "Python's own buffer.",
    },
    needs: ["R-C-02"],
    steps: "ten lines in one write → all ten go out, in order",
    async run(scene) {
      const { client, server } = await joined(scene);
      const lines = Array.from({ length: 10 }, (_, i) => `BCST pasted ${i}.`);
      await client.feeds(lines.join("\n") + "\n");
      for (const line of lines) await server.hears(line);
      const apart = /pasted 0\.\s*\n/.test(server.inbox.text);
      scene.note(
        `a server ${apart ? "can" : "cannot"} tell pasted lines apart: ${
          apart ? "each ends with a newline" : "they go out without a newline"
        }`,
      );
    },
  },
  {
    id: "R-C-16",
    title: "usage without arguments",
    level: "info",
    points: 0,
    quote: "",
    hint: HINTS.usage,
    steps: "start without arguments → what it says",
    async run(scene) {
      const client = scene.startBare("client");
      await client.ends({ within: scene.deadline * 2.5 });
      const said = (client.out.text + client.err.text).trim().split("\n").at(-1) ?? "";
      scene.note(`without arguments the client says ${JSON.stringify(said)}`);
    },
  },
];

/** Cases for a client of the relay protocol. */
export const RELAY_CLIENT: Suite = {
  protocol: "relay",
  role: "client",
  gate: "R-C-01",
  placeholders: { client: ["port"] },
  commands: ({ client }) => client === undefined ? undefined : { client: splitCommand(client) },
  cases: [OUT, SHOWN, ENDING, ROBUST].flat(),
};
