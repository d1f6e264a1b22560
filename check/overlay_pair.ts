/**
 * The five tests that the overlay's course grades with (CSCI 353, programming assignment 1): servers and
 * clients under test together, each line of their consoles compared.
 *
 * @module
 */

import { type Case, Failure, type Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import { serve, type Served, shows, START } from "./overlay_stage.ts";
import { type Program, splitCommand } from "./program.ts";
import { freePort, type Scene } from "./scene.ts";

/** Names as the course's script makes them: with a number that no other run has. */
function names(count: number): string[] {
  const run = 10_000 + freePort();
  return Array.from({ length: count }, (_, i) => `client${i + 1}-${run}`);
}

/** Starts a client at a server, and waits until both say that it is registered. */
async function joins(scene: Scene, server: Served, name: string): Promise<Program> {
  const client = scene.client({ name, port: server.port });
  await client.prints(`registered ${name}`, { within: START * scene.deadline });
  await shows(scene, server.program, { text: `${name} registered` });
  return client;
}

/** Starts a server, and waits until it says so. */
async function starts(scene: Scene, name: string, options: { to?: number } = {}): Promise<Served> {
  const server = serve(scene, { name, listens: true, ...options });
  await server.program.prints("overlay started", { within: START * scene.deadline });
  if (options.to !== undefined) await shows(scene, server.program, { text: "connected to" });
  server.program.out.rewind();
  return server;
}

/** Ends all clients by `exit`, then all servers by Ctrl+C. */
async function ends(clients: readonly Program[], servers: readonly Served[]): Promise<void> {
  for (const client of clients) await client.types("exit");
  for (const client of clients) await client.ends({ hint: HINTS.interrupt });
  for (const { program } of servers) program.signals("SIGINT");
  for (const { program } of servers) await program.ends({ hint: HINTS.interrupt });
}

/** Fails unless a console shows these lines, in this order; blank lines and lines between are skipped. */
function showed({ out }: Program, expected: readonly string[]): void {
  const lines = out.text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  let next = 0;
  for (const want of expected) {
    const at = lines.findIndex((line, i) => i >= next && line.includes(want));
    if (at === -1) {
      const before = out.text.indexOf(lines[next] ?? "");
      throw new Failure(`next the line "${want}"`, {
        where: out.where,
        got: out.all,
        mark: lines[next] === undefined ? out.all.length : Math.max(0, before),
      });
    }
    next = at + 1;
  }
}

const [TERMINATING_SERVER, TERMINATING_CLIENT] = ["terminating server...", "terminating client..."];

/** What a client shows that hears these messages. */
function heard(name: string, ...messages: string[]): string[] {
  return [`connected to server and registered ${name}`, ...messages, TERMINATING_CLIENT];
}

/** The lines of a message that goes out on the links. */
function sent(from: string, to: string, text: string): string[] {
  return [
    `${from} to ${to}: ${text}`,
    `${to} is not registered with server`,
    `Sending message to overlay server: ${from} to ${to}: ${text}`,
  ];
}

/** A server's first line, and one for each client that has registered. */
function began({ port }: Served, ...clients: string[]): string[] {
  return [
    `server started on 127.0.0.1 at port ${port}`,
    ...clients.map((name) => `${name} registered from host 127.0.0.1 port `),
  ];
}

/** What the tests have in common. */
const TEST = {
  level: "must",
  points: 20,
  quote:
    "No partial credit will be given; you either pass a test and get the full 20%, or you fail a " +
    "test and lose the entire 20%.",
  hint: HINTS.exactText,
} as const;

const CASES: Case[] = [
  {
    ...TEST,
    id: "O-P-01",
    title: "part 1: one client and one server",
    async run(scene) {
      const [one] = names(1) as [string];
      const server = serve(scene, { name: "server" });
      const client = await joins(scene, server, one);
      await ends([client], [server]);
      showed(server.program, [...began(server, one), TERMINATING_SERVER]);
      showed(client, heard(one));
    },
  },
  {
    ...TEST,
    id: "O-P-02",
    title: "part 2: two clients of one server",
    async run(scene) {
      const [one, two] = names(2) as [string, string];
      const server = serve(scene, { name: "server" });
      const first = await joins(scene, server, one);
      const second = await joins(scene, server, two);
      await first.types(`sendto ${two} hello there`);
      await second.prints("hello there");
      await second.types(`sendto ${one} hello yourself`);
      await first.prints("hello yourself");
      await ends([first, second], [server]);
      showed(server.program, [
        ...began(server, one, two),
        `${one} to ${two}: hello there`,
        `${two} to ${one}: hello yourself`,
        TERMINATING_SERVER,
      ]);
      showed(first, heard(one, `${two}: hello yourself`));
      showed(second, heard(two, `${one}: hello there`));
    },
  },
  {
    ...TEST,
    id: "O-P-03",
    title: "part 2: a message for an unknown client",
    async run(scene) {
      const [one, two] = names(2) as [string, string];
      const server = serve(scene, { name: "server" });
      const first = await joins(scene, server, one);
      const second = await joins(scene, server, two);
      await first.types(`sendto ${two} message1`);
      await second.prints("message1");
      await first.types("sendto unknownClient message2");
      await shows(scene, server.program, { text: "unknownClient is not registered" });
      await ends([first, second], [server]);
      showed(server.program, [
        ...began(server, one, two),
        `${one} to ${two}: message1`,
        `${one} to unknownClient: message2`,
        "unknownClient is not registered with server",
        TERMINATING_SERVER,
      ]);
      showed(first, heard(one));
      showed(second, heard(two, `${one}: message1`));
    },
  },
  {
    ...TEST,
    id: "O-P-04",
    title: "part 3: two servers, a client each",
    async run(scene) {
      const [one, two] = names(2) as [string, string];
      const left = await starts(scene, "server 1");
      const right = await starts(scene, "server 2", { to: left.overlay });
      const first = await joins(scene, left, one);
      const second = await joins(scene, right, two);
      await first.types(`sendto ${two} message1`);
      await second.prints("message1");
      await second.types(`sendto ${one} message2`);
      await first.prints("message2");
      await ends([first, second], [left, right]);
      const [started, registered] = began(left, one) as [string, string];
      showed(left.program, [
        started,
        `server overlay started at port ${left.overlay}`,
        "server overlay connection from host 127.0.0.1 port ",
        registered,
        ...sent(one, two, "message1"),
        `Received from overlay server: ${two} to ${one}: message2`,
        TERMINATING_SERVER,
      ]);
      showed(right.program, [
        `server started on 127.0.0.1 at port ${right.port}`,
        `server overlay started at port ${right.overlay}`,
        `connected to overlay server at 127.0.0.1 port ${left.overlay}`,
        `${two} registered from host 127.0.0.1 port `,
        `Received from overlay server: ${one} to ${two}: message1`,
        ...sent(two, one, "message2"),
        TERMINATING_SERVER,
      ]);
      showed(first, heard(one, `${two}: message2`));
      showed(second, heard(two, `${one}: message1`));
    },
  },
  {
    ...TEST,
    id: "O-P-05",
    title: "part 3: three servers in a row, a client at each end",
    async run(scene) {
      const [one, two] = names(2) as [string, string];
      const left = await starts(scene, "server 1");
      const middle = await starts(scene, "server 2", { to: left.overlay });
      const right = await starts(scene, "server 3", { to: middle.overlay });
      const first = await joins(scene, left, one);
      const second = await joins(scene, right, two);
      await first.types(`sendto ${two} message1`);
      await second.prints("message1");
      await second.types(`sendto ${one} message2`);
      await first.prints("message2");
      await ends([first, second], [left, middle, right]);
      showed(left.program, [
        ...sent(one, two, "message1"),
        `Received from overlay server: ${two} to ${one}: message2`,
        TERMINATING_SERVER,
      ]);
      showed(middle.program, [
        `Received from overlay server: ${one} to ${two}: message1`,
        ...sent(one, two, "message1").slice(1),
        `Received from overlay server: ${two} to ${one}: message2`,
        ...sent(two, one, "message2").slice(1),
        TERMINATING_SERVER,
      ]);
      showed(right.program, [
        `Received from overlay server: ${one} to ${two}: message1`,
        ...sent(two, one, "message2"),
        TERMINATING_SERVER,
      ]);
      showed(first, heard(one, `${two}: message2`));
      showed(second, heard(two, `${one}: message1`));
    },
  },
];

/** The course's five tests. */
export const OVERLAY_PAIR: Suite = {
  protocol: "overlay",
  role: "pair",
  // "All tests will be run independently."
  gate: "",
  placeholders: { server: ["port"], client: ["port", "name"] },
  commands: ({ server, client }) =>
    server === undefined || client === undefined
      ? undefined
      : { server: splitCommand(server), client: splitCommand(client) },
  cases: CASES,
};
