/**
 * Cases for a server of the overlay (CSCI 353, programming assignment 1).
 *
 * @module
 */

import { type Case, Failure, type Hint, type Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import { OVERLAY_HINTS } from "./overlay_hints.ts";
import {
  bare,
  interrupts,
  link,
  linkedTo,
  register,
  serve,
  type Served,
  shows,
  START,
  stranger,
} from "./overlay_stage.ts";
import { type Peer, sleep, type UdpPeer } from "./peer.ts";
import { splitCommand } from "./program.ts";
import { freePort, type Scene } from "./scene.ts";

// ---- clients of one server ----

/** Registers alice and bob. */
async function aliceAndBob(
  scene: Scene,
): Promise<{ server: Served; alice: UdpPeer; bob: UdpPeer }> {
  const server = serve(scene);
  const alice = await register(scene, server, "alice");
  return { server, alice, bob: await register(scene, server, "bob") };
}

/** Fails unless a server still registers and delivers. */
async function stillServes(
  scene: Scene,
  server: Served,
  { hint }: { hint: Hint },
): Promise<void> {
  server.program.alive(hint);
  try {
    const first = await register(scene, server, "first");
    const second = await register(scene, server, "second");
    await first.sends("sendto second alive");
    await second.hearsWith("alive");
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`normal service afterwards: ${error.expected}`, { ...error, hint });
  }
}

const CLIENT_CASES: Case[] = [
  {
    id: "O-S-01",
    title: "no arguments: usage, and an end",
    level: "must",
    points: 2,
    quote:
      "If nothing is specified on the command line the server and client programs should print " +
      "the usage instructions and quit.",
    hint: HINTS.usage,
    async run(scene: Scene) {
      const program = scene.start("bare", { name: "server" });
      await program.ends({ within: START * scene.deadline });
      const said = program.out.text + program.err.text;
      scene.expect(/usage/i.test(said), 'the word "usage"', { where: "server", got: said });
      program.noTraceback();
    },
  },
  {
    id: "O-S-02",
    title: "it says that it has started, while it lives",
    level: "must",
    points: 2,
    quote:
      "We will be using an automated testing script to grade all submissions, so please make " +
      "sure that your console messages exactly match the expected outputs.",
    hint: OVERLAY_HINTS.started,
    async run(scene: Scene) {
      const { program, port } = serve(scene);
      // Whatever is printed would do to tell a wrong text from one that is kept back.
      await program.printsMatch(/\S/, { within: START * scene.deadline, hint: HINTS.notFlushed });
      program.out.rewind();
      await program.printsLine(`server started on 127.0.0.1 at port ${port}`, {
        within: START * scene.deadline,
        hint: OVERLAY_HINTS.started,
      });
    },
  },
  {
    id: "O-S-03",
    title: "register is answered",
    level: "must",
    points: 2,
    quote: "The server messages to the client MUST be formatted as follows:",
    hint: OVERLAY_HINTS.registered,
    parts: {
      exact: {
        title: "exactly `welcome NAME`",
        level: "must",
        points: 2,
        quote: "welcome <clientName>",
        hint: HINTS.exactText,
      },
    },
    async run(scene: Scene) {
      const alice = await register(scene, serve(scene), "alice");
      await scene.part("exact", () => {
        const got = new TextDecoder().decode(alice.all[0]!.data);
        if (got === "welcome alice") return;
        if (got.trimEnd() === "welcome alice") {
          return scene.remark("white space stands behind `welcome alice`");
        }
        scene.fail('exactly "welcome alice"', { where: "alice", got });
      });
    },
  },
  {
    id: "O-S-04",
    title: "it prints who has registered, and from where",
    level: "must",
    points: 2,
    quote: "<clientName> registered from host <clientIPAddress> port <clientPort>",
    hint: HINTS.exactText,
    async run(scene: Scene) {
      const server = serve(scene);
      const alice = await register(scene, server, "alice");
      await server.program.printsLine(
        `alice registered from host 127.0.0.1 port ${alice.port}`,
      );
    },
  },
  {
    id: "O-S-05",
    title: "a name with a hyphen",
    level: "must",
    points: 1,
    quote: "However, the testing script will be posted to Piazza before the due date.",
    hint: OVERLAY_HINTS.hyphen,
    async run(scene: Scene) {
      const server = serve(scene);
      const bob = await register(scene, server, "bob");
      const name = "client1-48213";
      const client = await register(scene, server, name);
      await bob.sends(`sendto ${name} hi`);
      await client.hearsWith("hi");
    },
  },
  {
    id: "O-S-06",
    title: "sendto reaches a client of the same server",
    level: "must",
    points: 3,
    quote: "recvfrom <clientName> <message>",
    hint: OVERLAY_HINTS.delivered,
    parts: {
      printed: {
        title: "it prints the message",
        level: "must",
        points: 1,
        quote: "<clientName1> to <clientName2>: <message1>",
        hint: HINTS.exactText,
      },
    },
    async run(scene: Scene) {
      const { server, alice, bob } = await aliceAndBob(scene);
      await alice.sends("sendto bob hi");
      await bob.hears("recvfrom alice hi");
      await scene.part("printed", async () => {
        await server.program.printsLine("alice to bob: hi");
      });
    },
  },
  {
    id: "O-S-07",
    title: "words keep their order and their blanks",
    level: "must",
    points: 2,
    quote: "sendto <clientName> <message>",
    hint: HINTS.rebuiltText,
    async run(scene: Scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await alice.sends("sendto bob hello  big   world");
      await bob.hearsWith("hello  big   world");
    },
  },
  {
    id: "O-S-08",
    title: "a message for an unknown client is logged, and its sender is told nothing",
    level: "must",
    points: 3,
    quote: "Additionally, the server should have logs for messages sent to unknown/unregistered " +
      "clients.",
    hint: OVERLAY_HINTS.unknown,
    async run(scene: Scene) {
      const { server, alice, bob } = await aliceAndBob(scene);
      await alice.sends("sendto ghost boo");
      await server.program.printsLine("alice to ghost: boo");
      await server.program.printsLine("ghost is not registered with server");
      await bob.sends("sendto alice enough");
      await alice.hearsNot(undefined, { before: "enough" });
    },
  },
  {
    id: "O-S-09",
    title: "a sender that has not registered has nobody's name",
    level: "extra",
    points: 1,
    quote: "",
    hint: OVERLAY_HINTS.stranger,
    async run(scene: Scene) {
      const { server, alice, bob } = await aliceAndBob(scene);
      await stranger(scene, server, "a stranger").sends("sendto bob guess");
      await alice.sends("sendto bob enough");
      await bob.hearsNot(["recvfrom alice guess", "recvfrom bob guess"], {
        before: "enough",
      });
      const heard = bob.all.some(({ data }) => new TextDecoder().decode(data).includes("guess"));
      scene.note(
        heard
          ? "a message of a sender that has not registered is delivered"
          : "a message of a sender that has not registered is dropped",
      );
    },
  },
  {
    id: "O-S-10",
    title: "both ways, and to oneself",
    level: "must",
    points: 1,
    quote:
      "Extend the above server and client programs to support exchange of messages across the " +
      "network between multiple clients rendezvousing at the server.",
    hint: OVERLAY_HINTS.delivered,
    parts: {
      oneself: { title: "to oneself", level: "info", points: 0 },
    },
    async run(scene: Scene) {
      const { alice, bob } = await aliceAndBob(scene);
      await alice.sends("sendto bob there");
      await bob.hearsWith("there");
      await bob.sends("sendto alice back");
      await alice.hearsWith("back");
      await scene.part("oneself", async () => {
        await alice.sends("sendto alice myself");
        await alice.hearsWith("myself");
      });
    },
  },
  {
    id: "O-S-11",
    title: "a name that is registered again, from another port",
    level: "info",
    points: 0,
    quote: "",
    hint: OVERLAY_HINTS.delivered,
    async run(scene: Scene) {
      const { server, alice, bob } = await aliceAndBob(scene);
      const again = await register(scene, server, "alice");
      await bob.sends("sendto alice where are you");
      await sleep(300);
      const where = [[alice, "the first"], [again, "the second"]] as const;
      const heard = where.filter(([peer]) =>
        peer.all.some(({ data }) => new TextDecoder().decode(data).includes("where are you"))
      );
      const said = heard.map(([, place]) => place).join(" and ") || "neither";
      scene.note(`after a second register of a name, ${said} of its ports gets the messages`);
    },
  },
];

// ---- datagrams that are no messages, and the end ----

const BAD_DATAGRAMS: Record<string, { title: string; data: string | Uint8Array }> = {
  nameless: { title: "`register` alone", data: "register" },
  textless: { title: "`sendto bob` without a text", data: "sendto bob" },
  empty: { title: "an empty datagram", data: "" },
  bytes: { title: "bytes that are not UTF-8", data: new Uint8Array([0xff, 0xfe]) },
  long: { title: "2,000 bytes", data: "x".repeat(2000) },
};

/** Sends a datagram to a server of its own, which must serve on. */
async function survives(
  scene: Scene,
  { data, name }: { data: string | Uint8Array; name: string },
): Promise<void> {
  const server = serve(scene, { name });
  const alice = await register(scene, server, "alice");
  await alice.sends(data);
  await stillServes(
    scene,
    server,
    { hint: typeof data === "string" ? OVERLAY_HINTS.datagram : HINTS.undecodable },
  );
}

const ENDING_CASES: Case[] = [
  {
    id: "O-S-12",
    title: "`sendto` alone is survived",
    level: "extra",
    points: 0.5,
    quote: "Both server and client should terminate without throwing any exceptions.",
    hint: OVERLAY_HINTS.datagram,
    parts: Object.fromEntries(
      Object.entries(BAD_DATAGRAMS).map(([name, { title }]) => [
        name,
        {
          title,
          level: "extra",
          points: 0.5,
          hint: name === "bytes" ? HINTS.undecodable : OVERLAY_HINTS.datagram,
        },
      ]),
    ),
    async run(scene: Scene) {
      for (const [name, { data }] of Object.entries(BAD_DATAGRAMS)) {
        await scene.part(name, () => survives(scene, { data, name: `server for ${name}` }));
      }
      await survives(scene, { data: "sendto", name: "server" });
    },
  },
  {
    id: "O-S-13",
    title: "a line end behind a datagram is no part of the name",
    level: "extra",
    points: 1,
    quote: "",
    hint: OVERLAY_HINTS.lineEnd,
    async run(scene: Scene) {
      const server = serve(scene);
      const alice = await register(scene, server, "alice");
      const bob = await register(scene, server, "bob\n");
      await alice.sends("sendto bob hi");
      await bob.hearsWith("hi");
    },
  },
  {
    id: "O-S-14",
    title: "Ctrl+C ends it, with its last line and no exception",
    level: "must",
    points: 2,
    quote: "The server should terminate upon receiving an interrupt signal (i.e. Ctrl+C).",
    hint: HINTS.interrupt,
    parts: {
      linked: { title: "with links up", level: "must", points: 1, hint: HINTS.interrupt },
    },
    async run(scene: Scene) {
      const linked = async () => {
        const { server } = await linkedTo(scene, { name: "linked server", listens: true });
        await link(scene, server, "left");
        await interrupts(server.program, "terminating server...");
      };
      await scene.part("linked", linked);
      const server = serve(scene);
      await register(scene, server, "alice");
      await interrupts(server.program, "terminating server...");
    },
  },
];

// ---- the overlay ----

/** A server with alice on it and a link from the left. */
async function withLeft(
  scene: Scene,
): Promise<{ server: Served; alice: UdpPeer; left: Peer }> {
  const server = serve(scene, { listens: true });
  const left = await link(scene, server, "left");
  return { server, alice: await register(scene, server, "alice"), left };
}

const LINK_CASES: Case[] = [
  {
    id: "O-S-15",
    title: "-o: it says so, and accepts other servers",
    level: "must",
    points: 2,
    quote: "server overlay started at port <overlayListeningPort1>",
    hint: {
      cause: "the overlay's port is not opened",
      text: "With -o, listen() on that TCP port and accept() in a thread of its own.",
    },
    async run(scene: Scene) {
      const { program, overlay } = serve(scene, { listens: true });
      await program.printsLine(`server overlay started at port ${overlay}`, {
        within: START * scene.deadline,
      });
      const left = await scene.connect("left", { port: overlay });
      left.open();
    },
  },
  {
    id: "O-S-16",
    title: "it says which server has connected",
    level: "must",
    points: 2,
    quote: "server overlay connection from host <server2IPAddress> port <server2Port>",
    hint: HINTS.exactText,
    async run(scene: Scene) {
      const { program, overlay } = serve(scene, { listens: true });
      await program.prints("overlay started", { within: START * scene.deadline });
      const left = await scene.connect("left", { port: overlay });
      await program.printsLine(
        `server overlay connection from host 127.0.0.1 port ${left.port}`,
      );
    },
  },
  {
    id: "O-S-17",
    title: "-s and -t: it connects, and says so",
    level: "must",
    points: 2,
    quote: "connected to overlay server at 127.0.0.1 port <overlayListeningPort1>",
    hint: {
      cause: "the server does not connect to the other one",
      text: "With -s and -t, connect() a TCP socket to them at the start, then print the line.",
    },
    async run(scene: Scene) {
      const fake = scene.listen();
      const { program } = serve(scene, { to: fake.port });
      await fake.accepts("right", { within: START * scene.deadline });
      await program.printsLine(`connected to overlay server at 127.0.0.1 port ${fake.port}`);
    },
  },
  {
    id: "O-S-18",
    title: "options in any order",
    level: "should",
    points: 1,
    quote: "-p is the only required argument. Other arguments are all optional.",
    hint: {
      cause: "options are known by their place",
      text: "Let argparse read the options: their order is the user's.",
    },
    async run(scene: Scene) {
      const fake = scene.listen();
      const [port, overlay] = [freePort(), freePort()];
      const words = ["-o", `${overlay}`, "-t", `${fake.port}`, "-s", "127.0.0.1", "-p", `${port}`];
      const program = scene.start("bare", { name: "server", args: words });
      await fake.accepts("right", { within: START * scene.deadline });
      await shows(scene, program, { text: "server overlay started" });
      await register(scene, { program, port, overlay, since: 0 }, "alice");
    },
  },
  {
    id: "O-S-19",
    title: "a message for a client of another server goes out on a link",
    level: "must",
    points: 4,
    quote:
      "When a server receives a sendto message from a client, it should forward the message to " +
      "the receiving client if it is locally connected or forward the message to its connected " +
      "server if the client is not local.",
    hint: OVERLAY_HINTS.out,
    async run(scene: Scene) {
      const { server, alice, left } = await withLeft(scene);
      await alice.sends("sendto carl hello");
      await left.hears("alice to carl: hello");
      await server.program.printsLine("alice to carl: hello");
      await server.program.printsLine("carl is not registered with server", {
        hint: OVERLAY_HINTS.unknown,
      });
      await server.program.printsLine("Sending message to overlay server: alice to carl: hello");
    },
  },
  {
    id: "O-S-20",
    title: "and on the link that it has opened itself",
    level: "must",
    points: 2,
    quote: "Messages sent to another server should follow the below convention:",
    hint: OVERLAY_HINTS.out,
    async run(scene: Scene) {
      const { server, right } = await linkedTo(scene);
      const alice = await register(scene, server, "alice");
      await alice.sends("sendto carl hello");
      await right.hears("alice to carl: hello");
    },
  },
  {
    id: "O-S-21",
    title: "a message that comes on a link reaches the local client",
    level: "must",
    points: 3,
    quote:
      "Each receiving server processes the message similarly, that is, it will forward it to the " +
      "client if it is connected locally or if the client addressed in the message is not located " +
      "at the current server, it will forward the message to its connected server.",
    hint: OVERLAY_HINTS.in,
    async run(scene: Scene) {
      const { server, alice, left } = await withLeft(scene);
      await left.sends("bob to alice: hello\n");
      await alice.hears("recvfrom bob hello");
      await server.program.printsLine("Received from overlay server: bob to alice: hello");
    },
  },
  {
    id: "O-S-22",
    title: "and on the link that the server has opened itself",
    level: "must",
    points: 2,
    quote: "A server may have multiple simultaneous TCP overlay connections.",
    hint: OVERLAY_HINTS.in,
    async run(scene: Scene) {
      const { server, right } = await linkedTo(scene);
      const alice = await register(scene, server, "alice");
      await right.sends("bob to alice: hello\n");
      await alice.hearsWith("hello");
    },
  },
  {
    id: "O-S-23",
    title: "a message for neither is passed on to the next server",
    level: "must",
    points: 3,
    quote: "if the client addressed in the message is not located at the current server, it will " +
      "forward the message to its connected server",
    hint: OVERLAY_HINTS.transit,
    async run(scene: Scene) {
      const { server, right } = await linkedTo(scene, { listens: true });
      const left = await link(scene, server, "left");
      await left.sends("bob to zed: hello\n");
      await right.hears("bob to zed: hello");
      await server.program.printsLine("Received from overlay server: bob to zed: hello");
      await server.program.printsLine("zed is not registered with server", {
        hint: OVERLAY_HINTS.unknown,
      });
      await server.program.printsLine("Sending message to overlay server: bob to zed: hello");
    },
  },
  {
    id: "O-S-24",
    title: "with two links, what is for nobody here goes out on both",
    level: "must",
    points: 2,
    quote: "A server may have multiple simultaneous TCP overlay connections.",
    hint: OVERLAY_HINTS.out,
    async run(scene: Scene) {
      const { server, alice, left } = await withLeft(scene);
      const second = await link(scene, server, "second");
      await alice.sends("sendto carl hello");
      await left.hears("alice to carl: hello");
      await second.hears("alice to carl: hello");
    },
  },
];

// ---- links in trouble ----

/** How long a program is looked at, twice, for whether it keeps the processor busy. */
const LOOK_MS = 1500;
/** The share of that time from which on it is busy: a loop gets more even of a crowded machine. */
const BUSY = 0.04;

/** The CPU time of a program and what it has forked, in milliseconds, where `ps` can tell. */
async function cpuTime({ program, since }: Served): Promise<number | undefined> {
  try {
    const args = ["-o", "pcpu=", "-g", `${program.pid}`];
    const { success, stdout } = await new Deno.Command("ps", { args, stderr: "null" }).output();
    // ps tells the time in whole seconds, but the share of the program's life in tenths of a percent.
    const shares = new TextDecoder().decode(stdout).trim().split(/\s+/).map(Number);
    const percent = shares.reduce((sum, each) => sum + each, 0);
    return success ? percent / 100 * (performance.now() - since) : undefined;
  } catch {
    return undefined;
  }
}

/** Fails when a program runs in circles, though there is nothing to do. */
async function isQuiet(scene: Scene, served: Served): Promise<void> {
  const { out } = served.program;
  let before = await cpuTime(served);
  if (before === undefined) return scene.note("ps does not tell the CPU time here: not looked at");
  const printed = out.total;
  for (let looks = 0; looks < 2; looks++) {
    await sleep(LOOK_MS);
    const now = await cpuTime(served) ?? 0;
    if (now - before < BUSY * LOOK_MS && out.total - printed < 4096) return;
    before = now;
  }
  scene.fail("a quiet server once a link is gone, and it runs in circles", {
    where: "server",
    hint: HINTS.spins,
  });
}

/** Loses a link, and looks at what becomes of the server. */
async function losesLink(scene: Scene, how: "closes" | "resets"): Promise<void> {
  const server = serve(scene, { name: `server whose link ${how}`, listens: true });
  const left = await link(scene, server, "left");
  const alice = await register(scene, server, "alice");
  await left.sends("bob to alice: hi\n");
  await alice.hearsWith("hi");
  await left[how]();
  await sleep(100);
  await alice.sends("sendto zed is anybody there");
  await alice.sends("sendto zed and now");
  await stillServes(scene, server, { hint: OVERLAY_HINTS.deadLink });
  await isQuiet(scene, server);
  server.program.noTraceback(OVERLAY_HINTS.deadLink);
  if (how === "resets") return;
  server.program.out.skip();
  await alice.sends("sendto zed nobody");
  await server.program.prints("zed is not registered", { hint: OVERLAY_HINTS.unknown });
  await register(scene, server, "last");
  const sending = server.program.out.text.includes("overlay server: alice to zed: nobody");
  scene.note(`with no link up, a message for an unknown client is ${sending ? "" : "not "}"sent"`);
}

/** Sends one message to nobody into a ring of three servers; resolves to the lines that each prints. */
async function ring(scene: Scene): Promise<{ lines: number[]; grows: boolean }> {
  // The first one has nobody to connect to before the third is up: the check closes the ring.
  const { server: first, right } = await linkedTo(scene, { name: "server 1", listens: true });
  const second = serve(scene, { name: "server 2", listens: true, to: first.overlay });
  await shows(scene, second.program, { text: "connected" });
  const third = serve(scene, { name: "server 3", listens: true, to: second.overlay });
  await shows(scene, third.program, { text: "connected" });
  const closing = await link(scene, third, "the ring's last link");
  const ended = [pipe(right, closing), pipe(closing, right)];
  const alice = await register(scene, first, "alice");
  await alice.sends("sendto nobody round");
  const programs = [first, second, third].map(({ program }) => program);
  const count = () => programs.map(({ out }) => out.text.split("nobody: round").length - 1);
  await sleep(1000);
  const before = count();
  await sleep(1000);
  const lines = count();
  ended.forEach((end) => end());
  return { lines, grows: lines.some((each, i) => each > before[i]!) };
}

/** Passes what comes from one peer on to another, until the function that it returns is called. */
function pipe(from: Peer, to: Peer): () => void {
  let on = true;
  (async () => {
    while (on && from.inbox.ended === undefined) {
      const { unread } = from.inbox;
      from.inbox.skip();
      if (unread.length > 0) await to.sends(unread);
      else await sleep(2);
    }
  })();
  return () => on = false;
}

/** Looks at a server that cannot have what it needs: it may end, but not with a traceback. */
async function saysSo(
  scene: Scene,
  { program }: Served,
  { hint }: { hint: Hint },
): Promise<void> {
  await Promise.race([program.ended, sleep(scene.deadline / 2)]);
  program.noTraceback(hint);
}

/** Two pieces further apart than this may be taken for two messages: there is no framing to tell. */
const APART_MS = 60;

/** Sends a message in two writes; once more where the check itself was late with the second. */
async function inTwo(left: Peer): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    const start = performance.now();
    await left.drips("bob to alice: in two\n", { sizes: [9, 100], apart: APART_MS / 2 });
    if (performance.now() - start < APART_MS) return;
  }
}

const TROUBLE_CASES: Case[] = [
  {
    id: "O-S-25",
    title: "a message for nobody, on the link that it came from",
    level: "info",
    points: 0,
    quote: "",
    hint: OVERLAY_HINTS.onceRound,
    async run(scene: Scene) {
      const { alice, left } = await withLeft(scene);
      await left.sends("bob to zed: back\n");
      await sleep(200);
      await alice.sends("sendto carl enough");
      const before = await left.hears("enough");
      scene.note(
        before.includes("bob to zed: back")
          ? "a message for nobody is sent back where it came from; in a ring it goes round"
          : "a message for nobody is not sent back where it came from",
      );
    },
  },
  {
    id: "O-S-26",
    title: "two servers of one's own: five quick messages",
    level: "should",
    points: 3,
    quote: "Messages sent to another server should follow the below convention:",
    hint: OVERLAY_HINTS.linkLines,
    async run(scene: Scene) {
      const one = serve(scene, { name: "server 1", listens: true });
      await shows(scene, one.program, { text: "overlay started" });
      const two = serve(scene, { name: "server 2", to: one.overlay });
      await shows(scene, two.program, { text: "connected" });
      const alice = await register(scene, one, "alice");
      const bob = await register(scene, two, "bob");
      const texts = ["one", "two", "three", "four", "five"];
      await Promise.all(texts.map((text) => alice.sends(`sendto bob ${text}`)));
      for (const text of texts) {
        const { data } = await bob.hearsWith(text);
        const others = texts.filter((other) => other !== text);
        const got = new TextDecoder().decode(data);
        scene.expect(!others.some((other) => got.includes(other)), `"${text}" by itself`, {
          where: "bob",
          got,
        });
      }
    },
  },
  {
    id: "O-S-27",
    title: "two messages in one write on a link",
    level: "extra",
    points: 1,
    quote: "",
    hint: OVERLAY_HINTS.linkLines,
    parts: {
      split: {
        title: "and one in two writes",
        level: "extra",
        points: 1,
        hint: OVERLAY_HINTS.linkLines,
      },
    },
    async run(scene: Scene) {
      const { alice, left } = await withLeft(scene);
      await scene.part("split", async () => {
        await inTwo(left);
        await alice.hearsWith("in two");
      });
      await left.sends("bob to alice: one\nbob to alice: two\n");
      const { data } = await alice.hearsWith("one");
      const got = new TextDecoder().decode(data);
      scene.expect(!got.includes("two"), '"one" by itself', { where: "alice", got });
      await alice.hearsWith("two");
    },
  },
  {
    id: "O-S-28",
    title: "a message that holds `to` and a colon arrives whole",
    level: "should",
    points: 1,
    quote: "<clientName1> to < clientName2>: <message>",
    hint: OVERLAY_HINTS.colon,
    async run(scene: Scene) {
      const { alice, left } = await withLeft(scene);
      await left.sends("bob to alice: a to b: c\n");
      await alice.hearsWith("a to b: c");
    },
  },
  {
    id: "O-S-29",
    title: "a link that is closed",
    level: "should",
    points: 1,
    quote: "Both server and client should terminate without throwing any exceptions.",
    hint: OVERLAY_HINTS.deadLink,
    parts: { reset: { title: "and one that is reset", level: "should", points: 1 } },
    async run(scene: Scene) {
      await scene.part("reset", () => losesLink(scene, "resets"));
      await losesLink(scene, "closes");
    },
  },
  {
    id: "O-S-30",
    title: "nobody listens at -s and -t",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.traceback,
    async run(scene: Scene) {
      await saysSo(scene, serve(scene, { to: freePort() }), { hint: HINTS.traceback });
    },
  },
  {
    id: "O-S-31",
    title: "the port is in use",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.portTaken,
    async run(scene: Scene) {
      const port = freePort();
      scene.udp("somebody else", { port });
      await saysSo(scene, serve(scene, { port }), { hint: HINTS.portTaken });
    },
  },
  {
    id: "O-S-32",
    title: "a ring of three servers, and one message to nobody",
    level: "extra",
    points: 1,
    quote: "",
    hint: OVERLAY_HINTS.onceRound,
    async run(scene: Scene) {
      const { lines, grows } = await ring(scene);
      scene.note(`in a ring of three, one message to nobody makes ${lines.join(", ")} lines`);
      scene.expect(!grows, "the message to nobody to come to an end, and it still goes round", {
        where: "the ring",
      });
    },
  },
];

/** Cases for a server of the overlay. */
export const OVERLAY_SERVER: Suite = {
  protocol: "overlay",
  role: "server",
  gate: "O-S-03",
  placeholders: { server: ["port"] },
  commands: ({ server }) => {
    if (server === undefined) return undefined;
    const words = splitCommand(server);
    return { server: words, bare: bare(words) };
  },
  cases: [...CLIENT_CASES, ...ENDING_CASES, ...LINK_CASES, ...TROUBLE_CASES],
};
