/**
 * Ten thousand random dialogues of each protocol, with the bytes of the clients cut at all kinds of
 * places: nobody may hear anything else for it.
 *
 * The servers are the real ones from `accept` to `close`; the kernel and the clock are not, see stage.ts
 * and hand_time.ts. What a protocol itself makes hang on where a read ends is never cut: datagrams, what
 * an overlay link says without a line end, and
 * what a client of the chatroom says that does not end its name with a line end. Texts are bytes, a character for each: `\xc3\xa9` is an é.
 *
 * @module
 */

import { ServerTCP } from "../chatroom.ts";
import { serve as serveOverlay } from "../overlay.ts";
import { Contacts, serveBridge, serveChannels, serveRelay } from "../server.ts";
import { type Protocol, rehearse, type Step } from "./dialogues.ts";
import { replaced } from "./hand_time.ts";
import type { Random } from "./random.ts";
import type { Stage } from "./stage.ts";

const DIALOGUES = 10_000;

const NAMES = ["Al", "Bob", "Eve", "__proto__", "Zo\xc3\xab", "\xff\xfe"] as const;
const TEXTS = [
  "hi  there ",
  "\xf0\x9f\x99\x82",
  "caf\xc3\xa9: 5\xe2\x82\xac",
  "\x1b[2J\t\x00",
  "\xc3\x28\xff",
  "join",
  "exit",
  "/list",
  "QUIT",
  "x".repeat(40),
  "y".repeat(65),
  "\xe2\x82\xac".repeat(30),
] as const;

function text(random: Random): string {
  return random.below(2) ? "hi" : random.pick(TEXTS);
}

/** The client's own name, mostly: only those who are in have something to say to each other. */
function nameOf(client: number, random: Random): string {
  return random.below(5) ? NAMES[client]! : random.pick(NAMES);
}

/** One of the limits' own sizes, or next to it. */
function around(random: Random, ...sizes: number[]): string {
  return "o".repeat(random.pick(sizes) + random.below(3) - 1);
}

/** A dialogue of one to three clients that come, speak in turn, are silent, and leave. */
function talk(
  random: Random,
  { turns, opens, says, other }: {
    turns: number;
    opens: (client: number) => Step[];
    says: (client: number) => Step[];
    other?: () => Step;
  },
): Step[] {
  const here = Array.from({ length: random.pick([1, 2, 2, 3]) }, (_, client) => client);
  const steps: Step[] = here.flatMap(opens);
  for (let turn = 0; turn < turns && here.length > 0; turn++) {
    // Often the same again: only then can the two be glued.
    const client = here[random.below(random.below(2) ? here.length : 1)]!;
    const kind = random.below(20);
    if (kind === 0) steps.push({ silence: random.pick([60, 300, 700, 1100, 6000]) });
    if (kind === 1) {
      here.splice(here.indexOf(client), 1);
      steps.push({ client, ends: random.pick(["fin", "fin", "reset"]) });
    } else {
      steps.push(...other && kind < 8 ? [other()] : says(client));
    }
  }
  return steps;
}

/** What lines end in, mostly. */
const ENDS = ["\n", "\n", "\n", "\n", "\r\n", "\r\n", "\r\n", "\n\n", ""];

/** One to three lines. */
function lines(random: Random, line: () => string, ends = ENDS): string {
  let all = "";
  for (let more = 1 + random.below(3) * random.below(2); more > 0; more--) {
    all += line() + random.pick(ends);
  }
  return all;
}

/** Small, so that short dialogues reach them; no reader is ever stuck. */
const LIMITS = { lineBytes: 64, unterminatedBytes: 160, softBytes: 100, stuckMs: Infinity };

const relay: Protocol = {
  serve: (stage) => serveRelay(stage.listener, { ...stage.serving, users: 2 }),
  limits: LIMITS,
  dialogue(random) {
    const name = () => random.pick(NAMES);
    const wrong = ["QUIT now", "QUITE", "", " ", "join Al", "JOIN", "JOIN a b", "\r"] as const;
    const requests = [
      () => `MESG ${random.pick(["Al", "Bob", name()])} ${text(random)}`,
      () => `BCST ${text(random)}`,
      () => `BCST ${text(random)}`,
      () => "LIST",
      () => random.pick([`JOIN ${name()}`, `JOIN ${name()}`, "QUIT"]),
      () => random.pick([...wrong, text(random), around(random, 64, 160), around(random, 64, 160)]),
    ];
    return talk(random, {
      turns: 2 + random.below(5),
      opens: (client) => [{
        client,
        says: `JOIN ${nameOf(client, random)}${random.pick(["\n", "\n", "\r\n", ""])}`,
      }],
      says: (client) => [{ client, says: lines(random, () => random.pick(requests)()) }],
    });
  },
  answers: [
    /^Al joined!Connected to server!$/m,
    /^Bob joined!$/m,
    /^Already registered as /m,
    /^Username Al is already taken$/m,
    /^Too Many Users$/m,
    /^Al,Bob$/m,
    /^Unregistered User\./m,
    /^Unknown Recipient$/m,
    /^Unknown Message$/m,
    /^Al is sending a broadcast$/m,
    /^Al: \xc3\x28\xff$/m,
    /^Al is quitting the chat server$/m,
    /^Bob left$/m,
    /^Message too long\. The limit is 64 bytes\.$/m,
    /^Message too long\. The limit is 160 bytes\.$/m,
    /was let go/,
  ],
};

function frame(text: string): string {
  return text.slice(0, 200).padEnd(200);
}

const channels: Protocol = {
  serve: (stage) => serveChannels(stage.listener, stage.serving),
  limits: { ...LIMITS, softBytes: 300 },
  dialogue(random) {
    const commands = [
      "/create a",
      "/create b\r\n",
      "/join a",
      "/join a\0",
      "/join b x",
      "/list",
      "/list",
    ];
    const others = [
      "/join",
      "/create ",
      "/joinx",
      " /list",
      "x".repeat(199),
      "\xe2\x82\xac".repeat(66),
    ];
    const message = () =>
      frame(random.pick([random.pick(commands), random.pick([text(random), random.pick(others)])]));
    return talk(random, {
      turns: 1 + random.below(3),
      opens: (client) => {
        const name = random.below(30) ? nameOf(client, random) : " \r\n";
        const enter = random.below(4) ? [frame(client ? "/join a" : "/create a")] : [];
        return [name, ...enter].map((says) => ({ client, says: frame(says) }));
      },
      // Half a frame puts all that follow it out of step, for good.
      says: (
        client,
      ) => [{ client, says: message().slice(random.below(20) ? 0 : random.below(200)) }],
    });
  },
  answers: [
    /\[Bob\] hi {192}/,
    /Bob has joined {186}/,
    /Bob has left {188}/,
    /^Room a already exists/m,
    /No channel named a exists/,
    /Not currently in any channel/,
    /\/joinx is not a valid control message/,
    /must be followed by the name of a channel to join\./,
    /must be followed by the name of a channel to create /,
    /a {199}/,
    /a\nb {197}/,
    /sent no name: closed/,
  ],
};

const bridge: Protocol = {
  serve: (stage) =>
    serveBridge(stage.listener, { ...stage.serving, contacts: new Contacts(), clients: 2 }),
  // A refused type is quoted from up to 64 bytes of it: no limit may be lower than that.
  limits: LIMITS,
  dialogue(random) {
    const end = random.pick(["\r\n", "\r\n", "\n"]);
    const header = (name: string, value: string) =>
      random.below(30) ? `${name}${random.pick([": ", ": ", ":", " : "])}${value}${end}` : "";
    const id = (client: number) =>
      header(
        random.pick(["clientID", "clientID", "CLIENTID"]),
        random.below(30) ? nameOf(client, random) : random.pick(["A b", "\x1b[2J"]),
      );
    const port = () => header("Port", random.pick(["3000", "3000", "3000", "65535", "70000"]));
    const ip = () =>
      header("IP", random.pick(["127.0.0.1", "127.0.0.1", "127.0.0.1", "::1", "1.2"]));
    const last = () => random.below(15) ? end + random.pick(["", "", "", end]) : "";
    const register = (client: number) =>
      random.below(2)
        ? `REGISTER${end}${id(client)}${ip()}${port()}${last()}`
        : `REGISTER${end}${port()}${ip()}${id(client)}${last()}`;
    const bridge = (client: number) => `BRIDGE${end}${id(client)}${last()}`;
    const long = (client: number) =>
      random.pick([
        `BRIDGE${end}${header("x", around(random, 40, 62))}${id(client)}${last()}`,
        `BRIDGE${end}${`x: ${"y".repeat(56)}${end}`.repeat(2)}${around(random, 10, 25)}`,
        `REGISTER${end}${":\n".repeat(63 + random.below(4))}${last()}`,
        random.pick(["CHAT", "BRIDGEACK", random.pick(TEXTS)]) + end + last(),
      ]);
    const requests = [bridge, bridge, bridge, register, long];
    const request = (client: number) => random.pick(requests)(client);
    return talk(random, {
      turns: 1 + random.below(2),
      opens: (client) => [{ client, says: register(client) }],
      says: (client) => [{ client, says: request(client) }],
    });
  },
  answers: [
    /^REGACK\r\nclientID: Al\r\nIP: 127\.0\.0\.1\r\nPort: 3000\r\nStatus: registered\r\n\r\n/m,
    /^BRIDGEACK\r\nclientID: Bob\r\nIP: \S+\r\nPort: \d+\r\n\r\n/m,
    /^BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\n\r\n/m,
    /Status: error Port must be/,
    /Status: error IP must be/,
    /Status: error clientID must be/,
    /Status: error \w+ is missing/,
    /Status: error the message is not UTF-8/,
    /Status: error server full/,
    /Status: error a line longer than 64 bytes/,
    /Status: error a message longer than 160 bytes/,
    /Status: error more than 64 headers/,
    /^REGISTER: Al from 127\.0\.0\.1:3000 received$/m,
    /^BRIDGE: Al /m,
    /closed a connection that asked for "CHAT"/,
  ],
};

/** This server opens its socket and waits for signals by itself: the stage stands in for both. */
async function serveChatroom(stage: Stage): Promise<void> {
  const { limits, signal } = stage.serving;
  using _terminal = replaced(Deno.stderr, {
    write: (bytes) => Promise.resolve(stage.take("stderr", bytes)),
  });
  using _kernel = replaced(Deno, {
    listen: (() => stage.listener) as unknown as typeof Deno.listen,
    addSignalListener: () => {},
    removeSignalListener: () => {},
  });
  const server = new ServerTCP(0, { limits });
  signal.addEventListener("abort", () => server.run_event.set());
  await server.run();
}

const chatroom: Protocol = {
  serve: serveChatroom,
  limits: LIMITS,
  dialogue(random) {
    const texts = [
      () => text(random),
      () => text(random),
      () => text(random),
      () => random.pick([around(random, 64, 160), around(random, 64), " exit ", ""]),
    ];
    const bare = new Set<number>();
    return talk(random, {
      turns: 2 + random.below(5),
      // How the first read ends decides whether a client sends lines: that is not ours to cut.
      opens: (client) => {
        const name = nameOf(client, random);
        const how = random.below(3);
        if (how === 0) return [{ client, says: "\n", whole: true }, { client, says: name + "\n" }];
        if (how === 1) bare.add(client);
        return [{ client, says: how === 1 ? name : name + "\n", whole: true }];
      },
      says: (client) => {
        if (bare.has(client)) return [{ client, says: random.pick(texts)() || "hi", whole: true }];
        return [{ client, says: lines(random, () => random.pick(texts)()) }];
      },
    });
  },
  answers: [
    /^Welcome$/m,
    /Name already taken/,
    /^User Bob joined$/m,
    /^User Bob left$/m,
    /^Al: hi$/m,
    /^Al: \xc3\x28\xff$/m,
    /^Al: join$/m,
    // Bare texts stand behind one another.
    /User Bob joinedBob: hi/,
    /server-shutdown$/m,
    /^Message too long\. The limit is 64 bytes\.$/m,
    /sent no line end within 160 bytes/,
    /was let go/,
  ],
};

const overlay: Protocol = {
  serve: (stage) => serveOverlay(stage.socket, { ...stage.serving, listener: stage.listener }),
  limits: LIMITS,
  dialogue(random) {
    const name = () => random.pick(["A", "B"]);
    const passage = () =>
      random.below(9)
        ? `${name()} to ${name()}:${random.pick([" ", " ", ""])}${text(random)}`
        : random.pick(["", " to A", "A to a b: x", around(random, 64)]);
    // A text without a line end is cut apart where the next read begins with a message: it is read whole,
    // and followed by a silence.
    const says = (client: number): Step[] =>
      random.below(8)
        ? [{ client, says: lines(random, passage, ["\n", "\n", "\r\n", "\n\n"]) }]
        : [{ client, says: passage(), whole: true }, { silence: 1100 }];
    return talk(random, {
      turns: 3 + random.below(5),
      opens: says,
      says,
      // A datagram comes whole or not at all.
      other: () => ({
        port: 60_000 + random.below(2),
        sends: random.pick([`register ${name()}`, `sendto ${name()} ${text(random)}`]),
      }),
    });
  },
  answers: [
    /^Received from overlay server: A to B: hi$/m,
    /^B is not registered with server$/m,
    /^Sending message to overlay server: A to B: hi$/m,
    /^A to B: hi$/m,
    /^to 60000: welcome A$/m,
    /^to 60000: recvfrom A hi$/m,
    /sent no message: /,
    /sent no line end within 64 bytes/,
    /was let go/,
  ],
};

for (const [name, protocol] of Object.entries({ relay, channels, bridge, chatroom, overlay })) {
  Deno.test(`${name}: ${DIALOGUES} dialogues are the same when whole, byte by byte and cut at random`, async () => {
    await rehearse(protocol, { seed: 1, dialogues: DIALOGUES });
  });
}
