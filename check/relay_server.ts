/**
 * Cases for a server of the relay protocol (CSC/CPE 138).
 *
 * @module
 */

import type { Case, Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import { splitCommand } from "./program.ts";
import type { Scene } from "./scene.ts";
import type { Peer } from "./peer.ts";

/** Connects a client, and registers it. */
async function join(scene: Scene, name: string): Promise<Peer> {
  const peer = await scene.connect(name);
  await peer.says(`JOIN ${name}`);
  await peer.hears(name);
  return peer;
}

const CASES: Case[] = [
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
  {
    id: "R-S-14",
    title: "MESG reaches the one it is for",
    level: "must",
    points: 4,
    topic: "MESG",
    quote: "The server will then act as a relay and forward this message to the registered user.",
    hint: {
      cause: "MESG does not reach the one it is for",
      text:
        "Look the name up among the registered clients, and send the text to that socket alone.",
    },
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      const carl = await join(scene, "Carl");
      await alice.says("MESG Bob How are you?");
      await bob.hears("How are you?");
      await alice.says("BCST that was for Bob");
      await carl.hearsNot("How are you?", { before: "that was for Bob" });
    },
  },
  {
    id: "R-S-28",
    title: "two requests in one write",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.oneRecv,
    async run(scene) {
      const alice = await join(scene, "Alice");
      const bob = await join(scene, "Bob");
      await alice.sends("BCST one\nBCST two\n");
      await bob.hears("one");
      await bob.hears("Alice: two");
    },
  },
];

/** Cases for a server of the relay protocol. */
export const RELAY_SERVER: Suite = {
  protocol: "relay",
  role: "server",
  gate: "R-S-02",
  placeholders: { server: ["port"] },
  commands: ({ server }) => server === undefined ? undefined : { server: splitCommand(server) },
  cases: CASES,
};
