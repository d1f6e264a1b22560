/**
 * Cases for a client of the UDP chatroom (Assignment 02). The check is the server.
 *
 * @module
 */

import type { Case, Suite } from "./case.ts";
import { CHATROOM_HINTS } from "./chatroom_hints.ts";
import {
  commands,
  endsAtShutdown,
  python,
  showsAtOnce,
  START,
  takesNext,
  words,
} from "./chatroom_stage.ts";
import { HINTS } from "./hints.ts";
import { sleep, type UdpPeer } from "./peer.ts";
import type { Program } from "./program.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

/** A client under test, and the server that it talks to. */
interface Met {
  readonly client: Program;
  readonly server: UdpPeer;
}

/** Starts a client, and waits for its first datagram. */
async function starts(scene: Scene): Promise<Met> {
  const port = freePort();
  const server = scene.udp("server", { port });
  const client = scene.client({ name: "Alice", port });
  await server.takes({ within: START * scene.deadline, hint: CHATROOM_HINTS.udpJoins });
  return { client, server };
}

/** Starts a client, and welcomes it. */
async function enters(scene: Scene): Promise<Met> {
  const met = await starts(scene);
  await met.server.sends("Welcome");
  await sleep(60);
  // A client may have asked again before the answer came.
  met.server.skip();
  return met;
}

/** The text of a datagram, by its place. */
function said({ all }: UdpPeer, index: number): string {
  return new TextDecoder().decode(all.at(index)?.data);
}

const TALK_CASES: Case[] = [
  {
    id: "U-C-01",
    title: "it asks to join",
    level: "must",
    points: 1,
    quote:
      "This method attempts to connect the client to the server by calling the send() method with a " +
      "message 'join'.",
    hint: CHATROOM_HINTS.udpJoins,
    parts: {
      exact: {
        title: "exactly `NAME:join`",
        level: "must",
        points: 3,
        quote: "The message's format that is sent to the server is '{client_name}:{text}', where " +
          "client_name is the client's name and text is the content to be sent.",
        hint: CHATROOM_HINTS.udpSend,
      },
    },
    async run(scene) {
      const { server } = await starts(scene);
      await scene.part("exact", () => {
        const got = said(server, 0);
        if (got !== "Alice:join") scene.fail('exactly "Alice:join"', { where: "server", got });
      });
    },
  },
  {
    id: "U-C-02",
    title: "`Welcome` lets it in",
    level: "must",
    points: 2,
    quote:
      "If the response is 'Welcome', the connection is considered successful, and the method returns " +
      "True.",
    hint: CHATROOM_HINTS.udpJoins,
    async run(scene) {
      const { client, server } = await enters(scene);
      await client.types("hello");
      await server.hearsWith("hello");
    },
  },
  {
    id: "U-C-03",
    title: "a name that is taken: it ends, and says no more",
    level: "must",
    points: 3,
    quote: "Otherwise, it returns False.",
    hint: CHATROOM_HINTS.refused,
    async run(scene) {
      const { client, server } = await starts(scene);
      await server.sends("Name already taken");
      await sleep(60);
      server.skip();
      await client.types("hello");
      await client.ends();
      client.noTraceback();
      const more = server.all.some(({ data }) => new TextDecoder().decode(data).includes("hello"));
      scene.expect(!more, "nothing more from the client", { where: "server", got: "hello" });
    },
  },
  {
    id: "U-C-04",
    title: "a typed text goes out as `NAME:TEXT`",
    level: "must",
    points: 3,
    quote:
      "The message's format that is sent to the server is '{client_name}:{text}', where client_name " +
      "is the client's name and text is the content to be sent.",
    hint: CHATROOM_HINTS.udpSend,
    async run(scene) {
      const { client, server } = await enters(scene);
      await client.types("hello there");
      await takesNext(scene, server, "Alice:hello there");
    },
  },
  {
    id: "U-C-05",
    title: "a text is shown while nothing is typed",
    level: "must",
    points: 3,
    quote: "Otherwise, the message is displayed to the user.",
    hint: HINTS.blockedInput,
    async run(scene) {
      const { client, server } = await enters(scene);
      await server.sends("Bob:hi");
      // A client may take the name off and put it on in its own way.
      await showsAtOnce(client, { pattern: /Bob: ?hi/, as: 'to show "Bob:hi"' });
    },
  },
  {
    id: "U-C-10",
    title: "all it sends comes from one port",
    level: "must",
    points: 1,
    quote: "client_socket: The UDP socket used by the client to send and receive messages.",
    hint: CHATROOM_HINTS.onePort,
    async run(scene) {
      const { client, server } = await enters(scene);
      const first = server.all[0]!.from.port;
      await client.types("hello");
      const { from } = await server.hearsWith("hello");
      scene.expect(from.port === first, `a datagram from port ${first}`, {
        where: "server",
        got: `it came from port ${from.port}`,
      });
    },
  },
  {
    id: "U-C-11",
    title: "a datagram that is not UTF-8 is survived",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.undecodable,
    async run(scene) {
      const { client, server } = await enters(scene);
      await server.sends(new Uint8Array([0xff, 0xfe]));
      await server.sends("Bob:still here");
      await client.prints("still here", { hint: HINTS.undecodable });
    },
  },
  {
    id: "U-C-13",
    title: "a datagram from another address",
    level: "info",
    points: 0,
    quote: "",
    hint: HINTS.blockedInput,
    async run(scene) {
      const { client, server } = await enters(scene);
      const { from } = server.all[0]!;
      await scene.udp("somebody else").sends("Mallory:guess", from);
      await server.sends("Bob:enough");
      const before = await client.prints("enough");
      const shown = before.includes("guess");
      scene.note(`a datagram that is not the server's is ${shown ? "shown" : "not shown"}`);
    },
  },
];

const ENDING_CASES: Case[] = [
  {
    id: "U-C-06",
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
      const { data } = await server.hearsWith("exit");
      const got = new TextDecoder().decode(data);
      scene.expect(/^(Alice:)?\s*exit\s*$/.test(got), '"Alice:exit"', { where: "server", got });
      await client.ends();
    },
  },
  {
    id: "U-C-07",
    title: "Ctrl-C does the same",
    level: "must",
    points: 2,
    quote: "this loop continues until the exit_run event is set or the user types 'exit' or a " +
      "KeyboardInterrupt is detected",
    hint: HINTS.interrupt,
    async run(scene) {
      const { client, server } = await enters(scene);
      client.signals("SIGINT");
      await server.hearsWith("exit");
      await client.ends();
      client.noTraceback(HINTS.interrupt);
    },
  },
  {
    id: "U-C-08",
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
      await endsAtShutdown(scene, client);
    },
  },
  {
    id: "U-C-09",
    title: "a server that does not answer: Ctrl-C works",
    level: "should",
    points: 1,
    quote: "The method waits for a response from the server.",
    hint: HINTS.interrupt,
    async run(scene) {
      const { client, server } = await starts(scene);
      await Promise.race([client.ended, sleep(1500)]);
      scene.note(`in 1.5 s without an answer it sends ${server.all.length} datagrams`);
      if (!client.lives) return scene.note("without an answer it ends by itself");
      client.signals("SIGINT");
      await client.ends();
    },
  },
  {
    id: "U-C-12",
    title: "the end of what is typed",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.endOfInput,
    async run(scene) {
      const { client } = await enters(scene);
      await client.endsInput();
      const ended = await attempt(() => client.ends());
      if (ended) throw ended;
      client.noTraceback();
    },
  },
];

/** Cases for a client of the UDP chatroom. */
export const CHATROOM_UDP_CLIENT: Suite = {
  protocol: "chatroom",
  role: "UDP client",
  gate: "U-C-01",
  placeholders: { udpClient: ["port", "name"] },
  commands: (given) => {
    const own = python(given, "run", "ClientUDP", "{name}", "{port}");
    return commands("client", words(given["udpClient"]) ?? own);
  },
  cases: [...TALK_CASES, ...ENDING_CASES],
};
