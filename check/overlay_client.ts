/**
 * Cases for a client of the overlay (CSCI 353, programming assignment 1). The check is the server.
 *
 * @module
 */

import type { Case, Hint, Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import { OVERLAY_HINTS } from "./overlay_hints.ts";
import { endsWith, interrupts, shows, START } from "./overlay_stage.ts";
import { sleep, type UdpPeer } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import { freePort, type Scene } from "./scene.ts";

// ---- a client that meets the check's server ----

/** A client under test and the server that it talks to. */
interface Met {
  readonly client: Program;
  readonly server: UdpPeer;
}

/** Starts a client, and waits for its first datagram. */
async function starts(
  scene: Scene,
  { name = "alice", hint = OVERLAY_HINTS.registers }: { name?: string; hint?: Hint } = {},
): Promise<Met> {
  const port = freePort();
  const server = scene.udp("server", { port });
  const client = scene.client({ name, port });
  await server.takes({ within: START * scene.deadline, hint });
  return { client, server };
}

/** Starts a client, and welcomes it. */
async function joins(scene: Scene, name = "alice"): Promise<Met> {
  const met = await starts(scene, { name });
  await met.server.sends(`welcome ${name}`);
  await shows(scene, met.client, { text: "connected" });
  return met;
}

/** Sends a message, and waits until it is shown. */
async function isShown({ client, server }: Met, text: string): Promise<void> {
  await server.sends(`recvfrom bob ${text}`);
  await client.prints(text);
}

// ---- the cases ----

const TALK_CASES: Case[] = [
  {
    id: "O-C-01",
    title: "no arguments: usage, and an end",
    level: "must",
    points: 2,
    quote:
      "If nothing is specified on the command line the server and client programs should print " +
      "the usage instructions and quit.",
    hint: HINTS.usage,
    async run(scene) {
      const program = scene.startBare("client");
      await program.ends({ within: START * scene.deadline });
      const said = program.out.text + program.err.text;
      scene.expect(/usage/i.test(said), 'the word "usage"', { where: "client", got: said });
      program.noTraceback();
    },
  },
  {
    id: "O-C-02",
    title: "it registers by itself",
    level: "must",
    points: 1,
    quote:
      "The client should automatically send register messages to the server after it is started " +
      "by the user.",
    hint: OVERLAY_HINTS.registers,
    parts: {
      exact: {
        title: "exactly `register NAME`",
        level: "must",
        points: 1,
        quote: "register <clientName>",
        hint: HINTS.exactText,
      },
      port: {
        title: "all it sends comes from one port",
        level: "must",
        points: 1,
        hint: OVERLAY_HINTS.onePort,
      },
    },
    async run(scene) {
      const { client, server } = await joins(scene);
      await scene.part("exact", () => {
        const got = new TextDecoder().decode(server.all[0]!.data);
        if (got.trimEnd() !== "register alice") {
          scene.fail('exactly "register alice"', { where: "server", got });
        }
        if (got !== "register alice") scene.remark("white space stands behind `register alice`");
      });
      await scene.part("port", async () => {
        await client.types("sendto bob hi");
        const { from } = await server.hearsWith("bob");
        const first = server.all[0]!.from.port;
        scene.expect(from.port === first, `a datagram from port ${first}`, {
          where: "server",
          got: `it came from port ${from.port}`,
        });
      });
    },
  },
  {
    id: "O-C-03",
    title: "it says that it is connected, once it is",
    level: "must",
    points: 2,
    quote: "connected to server and registered <clientName>",
    hint: HINTS.exactText,
    parts: {
      before: { title: "and not before", level: "must", points: 1, hint: OVERLAY_HINTS.connected },
    },
    async run(scene) {
      const { client, server } = await starts(scene);
      await scene.part("before", async () => {
        // The server takes its time; whatever is said of the connection by then is not true.
        await sleep(400);
        const got = client.out.text;
        scene.expect(!got.includes("connected"), "no word of a connection before the welcome", {
          where: "client's stdout",
          got,
        });
      });
      await server.sends("welcome alice");
      await client.printsLine("connected to server and registered alice");
    },
  },
  {
    id: "O-C-04",
    title: "a typed sendto goes out as it is",
    level: "must",
    points: 3,
    quote: "sendto <clientName> <message>",
    hint: OVERLAY_HINTS.sendto,
    async run(scene) {
      const { client, server } = await joins(scene);
      await client.types("sendto bob hi");
      await server.hears("sendto bob hi", { strictCase: true });
    },
  },
  {
    id: "O-C-05",
    title: "a message is shown as `NAME: MESSAGE`",
    level: "must",
    points: 4,
    quote: "<clientName1>: <message1>",
    hint: OVERLAY_HINTS.recvfrom,
    async run(scene) {
      const { client, server } = await joins(scene);
      await server.sends("recvfrom bob hi there");
      // A client that shows nothing while it waits for a line is another case's business.
      await client.types("sendto bob yes");
      await client.printsLine("bob: hi there");
    },
  },
  {
    id: "O-C-06",
    title: "a message is shown while nothing is typed",
    level: "must",
    points: 2,
    quote: "<clientName1>: <message1>",
    hint: HINTS.blockedInput,
    async run(scene) {
      const met = await joins(scene);
      await isShown(met, "good morning");
      await isShown(met, "are you there");
    },
  },
  {
    id: "O-C-07",
    title: "words keep their order and their blanks when they are sent",
    level: "must",
    points: 1,
    quote: "sendto <clientName> <message>",
    hint: HINTS.rebuiltText,
    parts: { shown: { title: "and when they are shown", level: "must", points: 1 } },
    async run(scene) {
      const met = await joins(scene);
      await scene.part("shown", () => isShown(met, "a  little   further"));
      await met.client.types("sendto bob hello  big   world");
      await met.server.hearsWith("hello  big   world");
    },
  },
  {
    id: "O-C-08",
    title: "two messages at once are both shown, in order",
    level: "should",
    points: 1,
    quote: "<clientName1>: <message1>",
    hint: HINTS.blockedInput,
    async run(scene) {
      const { client, server } = await joins(scene);
      await Promise.all([server.sends("recvfrom bob first"), server.sends("recvfrom bob second")]);
      await client.prints("first");
      await client.prints("second");
    },
  },
];

/** Ends a client, and says whether it sends anything while it goes. */
async function leaves(scene: Scene, { client, server }: Met): Promise<void> {
  const before = server.all.length;
  await client.types("exit");
  await client.ends();
  await sleep(50);
  const said = server.all.slice(before).map(({ data }) => new TextDecoder().decode(data));
  scene.note(
    said.length === 0 ? "the server is told nothing of the exit" : `at its exit it sends ${said}`,
  );
}

const ENDING_CASES: Case[] = [
  {
    id: "O-C-09",
    title: "exit ends it, with its last line and no exception",
    level: "must",
    points: 3,
    quote: "2) if the user types exit in the console.",
    hint: {
      cause: "exit does not end the client",
      text:
        "Leave the loop at `exit`, print `terminating client...`, and make threads daemon=True.",
    },
    async run(scene) {
      const { client } = await joins(scene);
      await client.types("exit");
      await client.ends();
      client.noTraceback(HINTS.interrupt);
      endsWith(client, "terminating client...");
    },
  },
  {
    id: "O-C-10",
    title: "Ctrl+C ends it, with its last line and no exception",
    level: "must",
    points: 3,
    quote: "Both server and client should terminate without throwing any exceptions.",
    hint: HINTS.interrupt,
    async run(scene) {
      const { client } = await joins(scene);
      await interrupts(client, "terminating client...");
    },
  },
  {
    id: "O-C-11",
    title: "what the server hears of an exit",
    level: "info",
    points: 0,
    quote: "",
    hint: OVERLAY_HINTS.sendto,
    async run(scene) {
      await leaves(scene, await joins(scene));
    },
  },
  {
    id: "O-C-12",
    title: "a server that does not answer",
    level: "should",
    points: 1,
    quote: "connected to server and registered <clientName>",
    hint: OVERLAY_HINTS.connected,
    async run(scene) {
      const { client, server } = await starts(scene);
      await sleep(1500);
      const got = client.out.text;
      scene.expect(!got.includes("connected to server"), "no word of a connection", {
        where: "client's stdout",
        got,
      });
      scene.note(`in 1.5 s without an answer it sends ${server.all.length} datagrams`);
      if (client.lives) client.signals("SIGINT");
      await client.ends({ hint: HINTS.interrupt });
      client.noTraceback(HINTS.interrupt);
    },
  },
  {
    id: "O-C-13",
    title: "nobody at the server's port",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.traceback,
    async run(scene) {
      const client = scene.client({ name: "alice", port: freePort() });
      // Nothing tells when it is up: a busy machine gives it longer, as everything.
      await Promise.race([client.ended, sleep(0.75 * scene.deadline)]);
      client.noTraceback();
      if (client.lives) client.signals("SIGINT");
      await client.ends({ hint: HINTS.interrupt });
      client.noTraceback();
    },
  },
  {
    id: "O-C-14",
    title: "an empty line, `sendto` alone, and `foo` are survived",
    level: "extra",
    points: 2,
    quote: "",
    hint: OVERLAY_HINTS.badLine,
    async run(scene) {
      const { client, server } = await joins(scene);
      for (const line of ["", "sendto", "foo", "sendto bob"]) await client.types(line);
      await client.types("sendto bob enough");
      await server.hearsWith("enough");
      client.noTraceback();
    },
  },
  {
    id: "O-C-15",
    title: "bad datagrams of the server are survived",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.undecodable,
    async run(scene) {
      const met = await joins(scene);
      await met.server.sends("recvfrom bob");
      await met.server.sends(new Uint8Array([0xff, 0xfe]));
      await met.server.sends("");
      await isShown(met, "enough");
      met.client.noTraceback();
    },
  },
  {
    id: "O-C-16",
    title: "the end of what is typed",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.endOfInput,
    async run(scene) {
      const { client } = await joins(scene);
      await client.endsInput();
      await client.ends();
      client.noTraceback();
    },
  },
  {
    id: "O-C-17",
    title: "a name with a hyphen",
    level: "must",
    points: 1,
    quote: "However, the testing script will be posted to Piazza before the due date.",
    hint: OVERLAY_HINTS.hyphen,
    async run(scene) {
      const { server } = await starts(scene, {
        name: "client1-48213",
        hint: OVERLAY_HINTS.hyphen,
      });
      const got = new TextDecoder().decode(server.all[0]!.data);
      scene.expect(got.includes("client1-48213"), "the whole name in `register`", {
        where: "server",
        got,
      });
    },
  },
];

/** Cases for a client of the overlay. */
export const OVERLAY_CLIENT: Suite = {
  protocol: "overlay",
  role: "client",
  gate: "O-C-02",
  placeholders: { client: ["port", "name"] },
  commands: ({ client }) => client === undefined ? undefined : { client: splitCommand(client) },
  cases: [...TALK_CASES, ...ENDING_CASES],
};
