/**
 * Cases for a server and a client of the relay protocol (CSC/CPE 138) together: the document's own test
 * cases, and each of the two with the other half of Parley.
 *
 * @module
 */

import { type Case, Skipped, type Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import { sleep } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import { findDialect } from "./relay_play.ts";
import { freePort, type Scene } from "./scene.ts";

const USERS = ["Alice", "Bob", "Alex", "Mike", "Trudy"] as const;

const TOGETHER = {
  cause: "server and client do not understand one another",
  text:
    "Look at the dialogue for the first line that does not come: the cases of the server and of the " +
    "client alone say which of the two it is.",
};

/** Waits until a window shows one of the texts from `from` on, wherever the lines break. */
async function window(
  scene: Scene,
  client: Program,
  { shows, from = 0 }: { shows: readonly string[]; from?: number },
): Promise<void> {
  const bare = (data: string) => data.replace(/\s+/g, "").toLowerCase();
  const limit = performance.now() + scene.deadline * 2;
  while (!shows.some((each) => bare(client.out.text.slice(from)).includes(bare(each)))) {
    if (performance.now() > limit) {
      scene.fail(
        `${client.label}'s window to show ${shows.map((each) => `"${each}"`).join(" or ")}`,
        {
          where: client.out.where,
          got: client.out.all,
        },
      );
    }
    await sleep(20);
  }
}

/** Starts a client that is to join, and waits for its connection to be made. */
async function user(
  scene: Scene,
  name: string,
  { port, words, bare = false }: { port: number; words?: readonly string[]; bare?: boolean },
): Promise<Program> {
  const client = words ? scene.start("client", { name, words }) : scene.client({ name, port });
  // A prompt says that the client is ready; one without a prompt takes what is typed when it is.
  await client.out.matches(/\S/, { within: scene.deadline }).catch(() => {});
  await client.types(bare ? name : `JOIN ${name}`);
  return client;
}

/** Waits until a server accepts, without a connection of the check's own where it prints that it does. */
async function listening(scene: Scene, server: Program): Promise<void> {
  await server.out.matches(/\S/, { within: scene.deadline * 2.5 }).catch(() => {});
}

/** Whether the client under test puts JOIN in front of a name by itself. */
async function wantsBareName(scene: Scene): Promise<boolean> {
  const fake = scene.listen();
  const client = scene.client({ name: "probe", port: fake.port });
  const server = await fake.accepts("fake server", { within: scene.deadline * 2.5 });
  await client.types("JOIN probe");
  await server.hears("probe");
  client.signal("SIGKILL");
  return /JOIN\s+JOIN/.test(server.inbox.text);
}

const CASES: Case[] = [
  {
    id: "R-P-01",
    title: "the document's four test cases",
    level: "must",
    points: 2,
    quote: "Please pay attention to the SAMPLE OUTPUT for how this program is expected to work.",
    hint: TOGETHER,
    steps: "five clients join; Alice> BCST; Mike> MESG Bob; Trudy> LIST; Alex> QUIT → the windows",
    parts: {
      broadcast: {
        title: "test case 1: Alice broadcasts",
        level: "must",
        points: 2,
        quote: "Alice wants to send a broadcast message using “BCST Hello” to all users.",
      },
      private: {
        title: "test case 2: Mike writes to Bob",
        level: "must",
        points: 2,
        quote: "Mike wants to send a private message to Bob using “MESG Bob How are you”",
      },
      list: {
        title: "test case 3: Trudy lists",
        level: "must",
        points: 2,
        quote: "Trudy wants to see who all have joined the chat server with LIST command.",
      },
      quit: {
        title: "test case 4: Alex quits",
        level: "must",
        points: 2,
        quote: "Alex wants to quit the chat room with QUIT command.",
      },
    },
    async run(scene) {
      const bare = await wantsBareName(scene);
      await listening(scene, scene.server());
      const windows = new Map<string, Program>();
      for (const name of USERS) {
        const client = await user(scene, name, { port: scene.port, bare });
        windows.set(name, client);
        await window(scene, client, { shows: [`${name} joined!`, "Connected to server"] });
        for (const [other, each] of windows) {
          if (other !== name) await window(scene, each, { shows: [`${name} joined`] });
        }
      }
      const others = (name: string) =>
        USERS.filter((each) => each !== name).map((each) => windows.get(each)!);
      await scene.part("broadcast", async () => {
        await windows.get("Alice")!.types("BCST Hello");
        const shows = ["Alice: Hello", "Alice: BCST Hello"];
        for (const each of others("Alice")) await window(scene, each, { shows });
      });
      await scene.part("private", async () => {
        await windows.get("Mike")!.types("MESG Bob How are you?");
        await window(scene, windows.get("Bob")!, { shows: ["Mike: How are you?"] });
      });
      await scene.part("list", async () => {
        const trudy = windows.get("Trudy")!;
        const from = trudy.out.text.length;
        await trudy.types("LIST");
        for (const name of USERS) await window(scene, trudy, { shows: [name], from });
      });
      await scene.part("quit", async () => {
        await windows.get("Alex")!.types("QUIT");
        for (const each of others("Alex")) await window(scene, each, { shows: ["Alex left"] });
        await windows.get("Alex")!.ends({ within: scene.deadline * 2 });
      });
    },
  },
  {
    id: "R-P-02",
    title: "your client with another server",
    level: "should",
    points: 5,
    quote: "",
    hint: HINTS.privateProtocol,
    steps: "Parley's server, two clients of yours: join, BCST, MESG, QUIT",
    async run(scene) {
      const bare = await wantsBareName(scene);
      const port = freePort();
      const server = scene.start("server", {
        name: "Parley's server",
        words: ours("server.ts", port),
      });
      await server.prints("The Chat Server Started", { within: scene.deadline * 5 });
      const alice = await user(scene, "Alice", { port, bare });
      await window(scene, alice, { shows: ["Alice joined!"] });
      const bob = await user(scene, "Bob", { port, bare });
      await window(scene, alice, { shows: ["Bob joined!"] });
      await bob.types("BCST Hello");
      await window(scene, alice, { shows: ["Bob: Hello"] });
      await alice.types("MESG Bob How are you?");
      await window(scene, bob, { shows: ["Alice: How are you?"] });
      await bob.types("QUIT");
      await window(scene, alice, { shows: ["Bob left"] });
    },
  },
  {
    id: "R-P-03",
    title: "your server with another client",
    level: "should",
    points: 5,
    quote: "",
    hint: HINTS.privateProtocol,
    steps: "your server, two of Parley's clients: join, BCST, MESG, LIST",
    async run(scene) {
      if (!scene.facts.has("end")) await findDialect(scene);
      if (scene.facts.get("end") === "") {
        throw new Skipped(
          "the document is silent on where a request ends: your server takes a write for " +
            "a request, and Parley's client sends a newline behind it",
        );
      }
      await listening(scene, scene.server());
      const words = ours("client.ts", scene.port);
      const alice = await user(scene, "Alice", { port: scene.port, words });
      await window(scene, alice, { shows: ["Alice joined", "Connected"] });
      const bob = await user(scene, "Bob", { port: scene.port, words });
      await window(scene, bob, { shows: ["Bob joined", "Connected"] });
      await bob.types("BCST Hello");
      await window(scene, alice, { shows: ["Hello"] });
      await alice.types("MESG Bob How are you?");
      await window(scene, bob, { shows: ["How are you?"] });
      const from = alice.out.text.length;
      await alice.types("LIST");
      await window(scene, alice, { shows: ["Bob"], from });
    },
  },
];

/** The words that start a relay program of Parley's. */
function ours(script: string, port: number): string[] {
  const { pathname } = new URL(`../${script}`, import.meta.url);
  const words = [Deno.execPath(), "run", "--allow-net", pathname, "relay"];
  return script === "server.ts" ? [...words, String(port)] : [...words, "127.0.0.1", String(port)];
}

/** Cases for a server and a client of the relay protocol together. */
export const RELAY_PAIR: Suite = {
  protocol: "relay",
  role: "pair",
  gate: "R-P-01",
  commands: ({ server, client }) =>
    server === undefined || client === undefined
      ? undefined
      : { server: splitCommand(server), client: splitCommand(client) },
  cases: CASES,
};
