/**
 * Cases for a server and a client of the channels (CEG 4188, CS168) together, as the course's own helper
 * files try them.
 *
 * @module
 */

import { quoted } from "./bytes.ts";
import { type Case, Failure, type Suite } from "./case.ts";
import { apart, long, type Member, message, Room } from "./channels.ts";
import { lines } from "./channels_client.ts";
import { sleep } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import type { Scene } from "./scene.ts";

const TOGETHER = {
  cause: "server and client do not understand one another",
  text:
    "Look at the dialogue for the first line that does not come: the cases of the server and of the " +
    "client alone say which of the two it is.",
};

/** Starts the server, and waits until it takes messages: a member that stays says its name. */
async function listening(scene: Scene): Promise<Member> {
  return await new Room(scene).enters("Zoe");
}

/** Types a line, and waits for the prompt behind it: a person types no line before. */
async function types(client: Program, line: string): Promise<void> {
  const from = client.out.total;
  await client.types(line);
  for (let patience = 0; client.out.total === from && patience < 50; patience++) await sleep(20);
  await apart();
}

/** Starts a client under test, and waits until it takes lines. */
async function user(scene: Scene, name: string): Promise<Program> {
  const client = scene.client({ name, port: scene.port, values: { host: scene.host } });
  await client.prints("[Me]", { within: 2 * scene.deadline });
  return client;
}

/** Fails unless a client showed these lines and no others. */
function expectLines(client: Program, expected: readonly string[]): void {
  const shown = lines(client);
  if (shown.join("\n") === expected.join("\n")) return;
  throw new Failure(`the lines ${expected.map((line) => quoted(line)).join(", ")}`, {
    where: client.out.where,
    got: new TextEncoder().encode(shown.join("\n")),
    mark: 0,
  });
}

const CASES: Case[] = [
  {
    id: "C-P-01",
    title: "the course's simple_test",
    level: "must",
    points: 10,
    quote:
      "simple test.py tests a basic scenario where two clients communicate in a simple channel.",
    hint: TOGETHER,
    steps: "Alice> /create tas; Kay> /join tas, Hi!; Alice> Hello! → both windows, whole",
    async run(scene) {
      await listening(scene);
      const alice = await user(scene, "Alice");
      await types(alice, "/create tas");
      await types(alice, "/list");
      await alice.prints("tas");
      const kay = await user(scene, "Kay");
      await types(kay, "/join tas");
      await alice.prints("Kay has joined");
      await types(kay, "Hi!");
      await alice.prints("[Kay] Hi!");
      await types(alice, "Hello!");
      await kay.prints("[Alice] Hello!");
      expectLines(alice, ["tas", "Kay has joined", "[Kay] Hi!"]);
      expectLines(kay, ["[Alice] Hello!"]);
    },
  },
  {
    id: "C-P-02",
    title: "the document's sample of Panda and Alice",
    level: "must",
    points: 5,
    quote:
      "Here's an example of a client's interaction with a server that was started locally on port 55555:",
    hint: TOGETHER,
    steps: "Panda talks in no channel, lists, creates; Alice lists, joins, talks; Panda stops",
    async run(scene) {
      await listening(scene);
      const lecture = "Hi everyone! Does anyone know what we're doing on the first day of lecture?";
      const panda = await user(scene, "Panda");
      await types(panda, "Hello world!");
      await panda.prints(
        "Not currently in any channel. Must join a channel before sending messages.",
      );
      await types(panda, "/list");
      await types(panda, "/create 168_tas");
      await types(panda, "/list");
      await panda.prints("168_tas");
      await types(panda, "Hello world!");
      const alice = await user(scene, "Alice");
      await types(alice, "/list");
      await alice.prints("168_tas");
      await types(alice, "/join 168_tas");
      await panda.prints("Alice has joined");
      await types(alice, lecture);
      await panda.prints(`[Alice] ${lecture}`);
      panda.signals("SIGINT");
      await alice.prints("Panda has left");
      expectLines(alice, ["168_tas", "Panda has left"]);
    },
  },
  {
    id: "C-P-03",
    title: "the course's client that splits messages",
    level: "must",
    points: 5,
    quote:
      "we've provided a special client (client_split_messages.py) that splits messages into many smaller messages before sending them to the server",
    hint: TOGETHER,
    steps:
      "a peer sends its name, /join and three texts in pieces of 5 bytes → three lines in a window",
    async run(scene) {
      await listening(scene);
      const alice = await user(scene, "Alice");
      await types(alice, "/create tas");
      await types(alice, "/list");
      await alice.prints("tas");
      const split = await scene.connect("Splitter");
      const texts = [long("one"), "two", long("three")];
      for (const text of ["Splitter", "/join tas", ...texts]) {
        await split.drips(message(text), { sizes: [5], apart: 4 });
      }
      for (const text of texts) await alice.prints(`[Splitter] ${text}`);
      expectLines(alice, [
        "tas",
        "Splitter has joined",
        ...texts.map((text) => `[Splitter] ${text}`),
      ]);
    },
  },
];

/** Cases for a server and a client of the channels together. */
export const CHANNELS_PAIR: Suite = {
  protocol: "channels",
  role: "pair",
  gate: "C-P-01",
  placeholders: { server: ["port"], client: ["name", "port"] },
  commands: ({ server, client }) =>
    server === undefined || client === undefined
      ? undefined
      : { server: splitCommand(server), client: splitCommand(client) },
  cases: CASES,
};
