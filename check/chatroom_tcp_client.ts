/**
 * Cases for a client of the TCP chatroom (Assignment 02). The check is the server.
 *
 * @module
 */

import type { Case, Suite } from "./case.ts";
import { CHATROOM_HINTS } from "./chatroom_hints.ts";
import {
  commands,
  endsAtShutdown,
  hearsNext,
  python,
  showsAtOnce,
  START,
  words,
} from "./chatroom_stage.ts";
import { HINTS } from "./hints.ts";
import { type Peer, sleep } from "./peer.ts";
import type { Program } from "./program.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

/** A client under test, and the check's end of its connection. */
interface Met {
  readonly client: Program;
  readonly server: Peer;
}

/** Starts a client, and waits until it has said its name. */
async function starts(scene: Scene): Promise<Met> {
  const port = freePort();
  const fake = scene.listen(port);
  const client = scene.client({ name: "Alice", port });
  const server = await fake.accepts("server", { within: START * scene.deadline });
  await server.hears("Alice");
  server.inbox.skip();
  return { client, server };
}

/** Starts a client, and welcomes it. */
async function enters(scene: Scene, welcome = "Welcome"): Promise<Met> {
  const met = await starts(scene);
  await met.server.sends(welcome);
  // What is typed before the client looks at its keyboard is read all the same.
  await sleep(APART_MS);
  return met;
}

/** Pause between two texts that a client is to read apart: there is no framing. */
const APART_MS = 60;

const TALK_CASES: Case[] = [
  {
    id: "T-C-01",
    title: "it says its name first",
    level: "must",
    points: 2,
    quote: "then, it sends the client's name to the server and waits for a response.",
    hint: CHATROOM_HINTS.name,
    parts: {
      exact: { title: "exactly the name", level: "must", points: 1, hint: CHATROOM_HINTS.name },
    },
    async run(scene) {
      const { server } = await starts(scene);
      await server.inbox.quiet(APART_MS);
      await scene.part("exact", () => {
        const got = server.inbox.text;
        if (got.trimEnd() !== "Alice") scene.fail('exactly "Alice"', { where: "server", got });
        if (got !== "Alice") scene.remark("white space stands behind the name");
      });
    },
  },
  {
    id: "T-C-02",
    title: "a welcome is what contains `Welcome`",
    level: "must",
    points: 2,
    quote:
      "If the response contains 'Welcome', it indicates that the client has successfully joined the " +
      "chatroom.",
    hint: CHATROOM_HINTS.containsWelcome,
    async run(scene) {
      for (const welcome of ["Welcome", "Welcome!", "Welcome Alice"]) {
        const { client, server } = await enters(scene, welcome);
        await client.types("hello");
        await server.hears("hello");
      }
    },
  },
  {
    id: "T-C-03",
    title: "a name that is taken: it ends, and says no more",
    level: "must",
    points: 3,
    quote: "The method returns True if the connection is successful; otherwise, it returns False.",
    hint: CHATROOM_HINTS.refused,
    async run(scene) {
      const { client, server } = await starts(scene);
      await server.inbox.quiet(APART_MS);
      const before = server.inbox.total;
      await server.sends("Name already taken");
      await sleep(APART_MS);
      await client.types("hello");
      const ended = await attempt(() => client.ends());
      const said = server.inbox.text.slice(before).trim();
      scene.expect(said === "", "nothing more from the client", { where: "server", got: said });
      if (ended) throw ended;
      client.noTraceback();
    },
  },
  {
    id: "T-C-04",
    title: "a typed text goes out as it is",
    level: "must",
    points: 3,
    quote: "The message is encoded and then transmitted through the client's socket client_socket.",
    hint: CHATROOM_HINTS.bareText,
    async run(scene) {
      const { client, server } = await enters(scene);
      await client.types("hello there");
      await hearsNext(scene, server, { text: "hello there", strictCase: true });
    },
  },
  {
    id: "T-C-05",
    title: "a text is shown while nothing is typed",
    level: "must",
    points: 3,
    quote: "Otherwise, the message is displayed to the user.",
    hint: HINTS.blockedInput,
    async run(scene) {
      const { client, server } = await enters(scene);
      await server.sends("Bob: hi");
      await showsAtOnce(client, { pattern: /Bob: hi/, as: 'to show "Bob: hi"' });
    },
  },
  {
    id: "T-C-09",
    title: "a text that only begins with server-shutdown is a text",
    level: "should",
    points: 1,
    quote: "If the message is 'server-shutdown', which indicates that the server is shutting down",
    hint: CHATROOM_HINTS.shutdownWord,
    async run(scene) {
      const { client, server } = await enters(scene);
      await server.sends("server-shutdown is at 5");
      await client.prints("server-shutdown is at 5", { hint: CHATROOM_HINTS.shutdownWord });
      await client.types("hello");
      await server.hears("hello");
    },
  },
  {
    id: "T-C-12",
    title: "a welcome and a notice in one read",
    level: "info",
    points: 0,
    quote: "",
    hint: CHATROOM_HINTS.containsWelcome,
    async run(scene) {
      const { client, server } = await enters(scene, "WelcomeUser Bob joined");
      await server.sends("Bob: hi");
      const before = await client.prints("Bob: hi");
      const shown = before.includes("User Bob joined");
      scene.note(`a notice that comes in one read with the welcome is ${shown ? "shown" : "lost"}`);
    },
  },
];

const ENDING_CASES: Case[] = [
  {
    id: "T-C-06",
    title: "exit: the server is told, and the client ends",
    level: "must",
    points: 3,
    quote: "this loop continues until the exit_run event is set or the user types 'exit' or a " +
      "KeyboardInterrupt is detected, at which point the client sends 'exit' message to the server to " +
      "notify it of the client's leaving",
    hint: CHATROOM_HINTS.exits,
    async run(scene) {
      const { client, server } = await enters(scene);
      await client.types("exit");
      await hearsNext(scene, server, { text: "exit", strictCase: true });
      await server.closes();
      await client.ends();
    },
  },
  {
    id: "T-C-07",
    title: "Ctrl-C does the same",
    level: "must",
    points: 2,
    quote: "this loop continues until the exit_run event is set or the user types 'exit' or a " +
      "KeyboardInterrupt is detected",
    hint: HINTS.interrupt,
    async run(scene) {
      const { client, server } = await enters(scene);
      client.signals("SIGINT");
      await hearsNext(scene, server, { text: "exit", strictCase: true });
      await server.closes();
      await client.ends();
      client.noTraceback(HINTS.interrupt);
    },
  },
  {
    id: "T-C-08",
    title: "server-shutdown ends it",
    level: "must",
    points: 3,
    quote:
      "If the message is 'server-shutdown', which indicates that the server is shutting down, the " +
      "method sets the exit_run and exit_receive events to stop the client's operation and exits the " +
      "loop.",
    hint: CHATROOM_HINTS.heedsShutdown,
    parts: {
      shown: {
        title: "and is not shown",
        level: "should",
        points: 1,
        quote: "Otherwise, the message is displayed to the user.",
        hint: CHATROOM_HINTS.shutdownShown,
      },
    },
    async run(scene) {
      const { client, server } = await enters(scene);
      await server.sends("server-shutdown");
      await sleep(APART_MS);
      await server.closes();
      await endsAtShutdown(scene, client);
    },
  },
  {
    id: "T-C-10",
    title: "a server that closes without a word",
    level: "should",
    points: 2,
    quote:
      "This method continuously listens for messages from the server until the exit_receive event is " +
      "set.",
    hint: HINTS.spins,
    async run(scene) {
      const { client, server } = await enters(scene);
      const before = client.out.total + client.err.total;
      await server.closes();
      await sleep(500);
      const came = client.out.total + client.err.total - before;
      scene.expect(
        came < 4096,
        `less than 4,096 bytes of output in half a second, and ${came} came`,
        {
          where: "client's stdout",
          got: client.out.all.subarray(0, 200),
        },
      );
      scene.note(`when the server has gone, the client ${client.lives ? "waits" : "ends"}`);
    },
  },
  {
    id: "T-C-11",
    title: "nobody listens",
    level: "must",
    points: 2,
    quote: "The method returns True if the connection is successful; otherwise, it returns False.",
    hint: HINTS.traceback,
    async run(scene) {
      const client = scene.client({ name: "Alice", port: freePort() });
      await client.ends({ within: START * scene.deadline });
      client.noTraceback();
    },
  },
  {
    id: "T-C-13",
    title: "the end of what is typed",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.endOfInput,
    async run(scene) {
      const { client, server } = await enters(scene);
      await client.endsInput();
      const ended = await attempt(() => client.ends());
      await server.closes();
      if (ended) throw ended;
      client.noTraceback();
    },
  },
];

/** Cases for a client of the TCP chatroom. */
export const CHATROOM_TCP_CLIENT: Suite = {
  protocol: "chatroom",
  role: "TCP client",
  gate: "T-C-01",
  unframed: true,
  placeholders: { client: ["port", "name"] },
  commands: (given) => {
    const own = python(given, "run", "ClientTCP", "{name}", "{port}");
    return commands("client", words(given["client"]) ?? own);
  },
  cases: [...TALK_CASES, ...ENDING_CASES],
};
