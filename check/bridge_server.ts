/**
 * Cases for a server of the bridge (CSE 150, "Let's Chat!").
 *
 * @module
 */

import { bytes, quoted } from "./bytes.ts";
import {
  block,
  BRIDGE_HINTS,
  type Contact,
  contactHeaders,
  hearsMessage,
  holds,
  type Message,
  parse,
  SAYS,
} from "./bridge.ts";
import { type Case, Failure, type Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import { sleep } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import { staysQuiet } from "./quiet.ts";
import { attempt, type Scene } from "./scene.ts";

const ALICE: Contact = { id: "Alice", ip: "128.200.34.10", port: 8000 };
const BOB: Contact = { id: "Bob", ip: "128.64.32.1", port: 9000 };

/** Between what a server must read apart, in milliseconds. */
const APART_MS = 50;

/** The server under test. What it writes goes to a folder of its own: cases run side by side. */
function server(scene: Scene): Program {
  return scene.server({ folder: "own" });
}

const REGISTER = (contact: Contact) => block("REGISTER", contactHeaders(contact));
const BRIDGE = (id: string) => block("BRIDGE", [["clientID", id]]);

/** Sends a request over a connection of its own, waits for the answer, and closes. */
async function ask(
  scene: Scene,
  request: string,
  { name = "client" }: { name?: string } = {},
): Promise<Message> {
  if (!scene.runs) server(scene);
  const peer = await scene.connect(name);
  await peer.sends(request);
  const answer = await hearsMessage(peer, request.startsWith("BRIDGE") ? "BRIDGEACK" : "REGACK");
  await peer.closes();
  return answer;
}

async function register(scene: Scene, contact: Contact): Promise<Message> {
  return await ask(scene, REGISTER(contact), { name: contact.id });
}

async function bridge(scene: Scene, id: string): Promise<Message> {
  return await ask(scene, BRIDGE(id), { name: id });
}

/** Fails unless the answer holds this contact. */
function expectContact(scene: Scene, answer: Message, contact: Contact): void {
  const words = `${contact.id}, ${contact.ip}, ${contact.port} in the headers`;
  scene.expect(holds(answer, contact), words, {
    where: "the answer",
    got: answer.raw,
    ...answer.headers.has("port") ? { hint: BRIDGE_HINTS.headers } : {},
  });
}

/** Fails unless the answer holds the contact of this client; B-S-09 looks at all of the contact. */
function expectId(scene: Scene, answer: Message, id: string): void {
  scene.expect(answer.headers.get("clientid") === id, `clientID: ${id}`, {
    where: "the answer",
    got: answer.raw,
  });
}

/** Fails unless the server still registers somebody. */
async function alive(scene: Scene): Promise<void> {
  await register(scene, BOB);
}

// ---- the terminal ----

const TERMINAL: Case[] = [
  {
    id: "B-S-00",
    title: "the given port is listened on",
    level: "must",
    points: 1,
    quote: SAYS.port,
    hint: {
      cause: "the server does not listen on the port it is given",
      text: "Take the number behind --port= (argparse does), bind() to it, then listen().",
    },
    steps: "start with --port={port}; Alice connects",
    async run(scene) {
      if (!scene.runs) server(scene);
      const alice = await scene.connect("Alice");
      await alice.sends(REGISTER(ALICE));
      await attempt(() => hearsMessage(alice, "REGACK"));
    },
  },
  {
    id: "B-S-01",
    title: "it says where it listens",
    level: "must",
    points: 2,
    quote: SAYS.start,
    hint: BRIDGE_HINTS.printed,
    steps: "start → `Server listening on IP:PORT`",
    async run(scene) {
      const program = server(scene);
      await scene.connect("Alice");
      const pattern = new RegExp(`^.*listening on.*${scene.port}.*$`, "im");
      const [line] = await program.printsMatch(pattern, {
        as: `Server listening on <ip address>:${scene.port}`,
      });
      if (!new RegExp(`^Server listening on \\S+:${scene.port}\\s*$`).test(line)) {
        scene.remark(
          `${quoted(line)} where the document has "Server listening on <ip address>:<port>"`,
        );
      }
    },
  },
  {
    id: "B-S-03",
    title: "it prints a REGISTER",
    level: "must",
    points: 2,
    quote: SAYS.printsRegister,
    hint: BRIDGE_HINTS.printed,
    steps:
      "REGISTER → `REGISTER: student1 from 127.0.0.1:2000 received` (the last word may be missing)",
    async run(scene) {
      await register(scene, { id: "student1", ip: "127.0.0.1", port: 2000 });
      const text = "REGISTER: student1 from 127.0.0.1:2000";
      await server(scene).prints(text);
      await server(scene).out.quiet(APART_MS);
      const rest = /^[^\n]*/.exec(new TextDecoder().decode(server(scene).out.unread))![0].trim();
      if (rest !== "" && rest !== "received") {
        scene.remark(
          `${quoted(`${text} ${rest}`)} where the document has ${quoted(`${text} received`)}`,
        );
      }
    },
  },
  {
    id: "B-S-07",
    title: "it prints a BRIDGE, with both contacts",
    level: "must",
    points: 2,
    quote: SAYS.printsBridge,
    hint: BRIDGE_HINTS.printed,
    steps: "two register, the second bridges → `BRIDGE: Bob IP:PORT Alice IP:PORT`",
    async run(scene) {
      for (const each of [ALICE, BOB]) await register(scene, each);
      await bridge(scene, "Bob");
      const [line] = await server(scene).printsMatch(/^.*BRIDGE: .*(?:Bob.*Alice|Alice.*Bob).*$/m, {
        as: "a line BRIDGE: with both contacts",
      });
      for (const { id } of [ALICE, BOB]) {
        const words = `"${id} <ip address>:<port>" in this line`;
        scene.expect(new RegExp(`\\b${id} \\S+:\\d+`).test(line), words, {
          where: "the server's stdout",
          got: line,
        });
      }
      if (line.indexOf("Alice") < line.indexOf("Bob")) {
        scene.remark(
          "the client that asked is printed last, where the document's example has it first",
        );
      }
    },
  },
  {
    id: "B-S-08",
    title: "/info prints each registered client",
    level: "must",
    points: 3,
    quote: SAYS.info,
    hint: BRIDGE_HINTS.printed,
    steps:
      "two register; type `/info` → `Alice 128.200.34.10:8000` and `Bob 128.64.32.1:9000`, once each",
    async run(scene) {
      for (const each of [ALICE, BOB]) await register(scene, each);
      const program = server(scene);
      await program.out.quiet(APART_MS);
      program.out.skip();
      await program.types("/info");
      const line = ({ id, ip, port }: Contact) =>
        new RegExp(`^[> ]*${id} ${ip.replaceAll(".", "\\.")}:${port}[ \\r]*$`, "gm");
      for (const [one, other] of [[ALICE, BOB], [BOB, ALICE]] as const) {
        const either = new RegExp(`${line(one).source}|${line(other).source}`, "m");
        await program.printsMatch(either, { as: `the line "${one.id} ${one.ip}:${one.port}"` });
      }
      await program.out.quiet(APART_MS);
      for (const each of [ALICE, BOB]) {
        const count = program.out.text.match(line(each))?.length ?? 0;
        scene.expect(count === 1, `the line "${each.id} ${each.ip}:${each.port}" once`, {
          where: "the server's stdout",
          got: program.out.all,
        });
      }
    },
  },
  {
    id: "B-S-21",
    title: "a port that is in use",
    level: "must",
    points: 2,
    quote: SAYS.inUse,
    hint: HINTS.portTaken,
    steps:
      "start a second one on the same port → a message, an end, no traceback, no `listening` line",
    async run(scene) {
      await register(scene, ALICE);
      const second = scene.start("server", {
        name: "second server",
        values: { port: scene.port },
        folder: "own",
      });
      await second.ends({ within: 2.5 * scene.deadline });
      second.noTraceback(HINTS.portTaken);
      const said = second.out.text + second.err.text;
      scene.expect(said.trim() !== "", "a message", { where: "second server" });
      scene.expect(!/listening on/i.test(second.out.text), 'no "listening on", since it does not', {
        where: second.out.where,
        got: second.out.all,
      });
    },
  },
  {
    id: "B-S-22",
    title: "Control-C",
    level: "must",
    points: 2,
    quote: SAYS.controlC,
    hint: HINTS.interrupt,
    steps: "Control-C, with a connection open → ends within 2 s, no traceback",
    async run(scene) {
      await register(scene, ALICE);
      await scene.connect("open");
      await sleep(APART_MS);
      server(scene).signals("SIGINT");
      await server(scene).ends();
      server(scene).noTraceback(HINTS.interrupt);
    },
  },
  {
    id: "B-S-23",
    title: "other words on its terminal",
    level: "should",
    points: 1,
    quote: SAYS.ignored,
    hint: {
      cause: "a line that is no command is not ignored",
      text: "Only /info means something: pass over every other line, an empty one too.",
    },
    steps: "type `hello`, an empty line, `/foo` → ignored",
    async run(scene) {
      await register(scene, ALICE);
      for (const line of ["hello", "", "/foo"]) {
        await server(scene).types(line);
        await sleep(APART_MS);
      }
      server(scene).alive();
      await alive(scene);
    },
  },
  {
    id: "B-S-24",
    title: "the end of its input",
    level: "extra",
    points: 1,
    quote: "",
    hint: BRIDGE_HINTS.stdinEnds,
    steps: "end stdin → still answers, and the processor is quiet",
    async run(scene) {
      await register(scene, ALICE);
      await server(scene).endsInput();
      await sleep(APART_MS);
      await staysQuiet(scene, server(scene));
      server(scene).alive();
      await alive(scene);
    },
  },
  {
    id: "B-S-25",
    title: "contacts in a file",
    level: "info",
    points: 0,
    quote: "The server stores the client's contact information in a file and returns a REGACK",
    hint: BRIDGE_HINTS.headers,
    steps: "REGISTER, then Control-C → is there a new file in its folder?",
    async run(scene) {
      const program = scene.server({ folder: "list" });
      await register(scene, ALICE);
      await sleep(APART_MS);
      const from = program.out.text.length;
      program.signals("SIGINT");
      await program.ends();
      const files = [...program.out.text.slice(from).matchAll(/^\.\/(.+)$/gm)].map(([, name]) =>
        name
      );
      scene.note(
        files.length === 0
          ? "no file in its folder: contacts are kept in memory, or elsewhere"
          : `contacts are kept in ${files.join(", ")}`,
      );
    },
  },
];

// ---- requests ----

const REQUESTS: Case[] = [
  {
    id: "B-S-02",
    title: "REGISTER is acknowledged",
    level: "must",
    points: 4,
    quote: SAYS.register,
    hint: BRIDGE_HINTS.form,
    steps: "REGISTER → REGACK with clientID, IP and Port as they were sent",
    parts: {
      status: {
        title: "Status: registered",
        level: "should",
        points: 1,
        quote: "Status: registered",
        hint: BRIDGE_HINTS.form,
      },
      form: {
        title: "CR LF, and an empty line at the end",
        level: "should",
        points: 1,
        quote: SAYS.format,
        hint: BRIDGE_HINTS.form,
      },
    },
    async run(scene) {
      const contact = { id: "student1", ip: "127.0.0.1", port: 2000 };
      const answer = await register(scene, contact);
      await scene.part("status", () => {
        scene.expect(answer.headers.get("status") === "registered", "Status: registered", {
          where: "the answer",
          got: answer.raw,
        });
      });
      await scene.part("form", () => {
        const wrong = answer.raw.search(/(?<!\r)\n/);
        scene.expect(wrong === -1, "every line to end in CR LF", {
          where: "the answer",
          got: answer.raw,
        });
        scene.expect(answer.raw.endsWith("\r\n\r\n"), "an empty line at the end", {
          where: "the answer",
          got: answer.raw,
        });
      });
      expectContact(scene, answer, contact);
    },
  },
  {
    id: "B-S-04",
    title: "BRIDGE of the only client",
    level: "must",
    points: 3,
    quote: SAYS.empty,
    hint: BRIDGE_HINTS.nobody,
    steps: "Alice registers, and bridges → BRIDGEACK with three headers and nothing in them",
    async run(scene) {
      server(scene);
      await register(scene, ALICE);
      const answer = await bridge(scene, "Alice");
      for (const name of ["clientid", "ip", "port"]) {
        const value = answer.headers.get(name);
        scene.expect(value === "", `an empty ${name}`, {
          where: "the answer",
          got: answer.raw,
          ...value === ALICE.id ? { hint: BRIDGE_HINTS.peer } : {},
        });
      }
    },
  },
  {
    id: "B-S-05",
    title: "BRIDGE of the second client",
    level: "must",
    points: 4,
    quote: SAYS.bridge,
    hint: BRIDGE_HINTS.peer,
    steps: "Alice and Bob register, Bob bridges → BRIDGEACK with Alice's contact",
    async run(scene) {
      server(scene);
      await register(scene, ALICE);
      await register(scene, BOB);
      expectId(scene, await bridge(scene, "Bob"), "Alice");
    },
  },
  {
    id: "B-S-06",
    title: "BRIDGE of the first client, once there is a second",
    level: "must",
    points: 2,
    quote: SAYS.excluding,
    hint: BRIDGE_HINTS.peer,
    steps: "Alice and Bob register, Alice bridges → BRIDGEACK with Bob's contact, never her own",
    async run(scene) {
      server(scene);
      await register(scene, ALICE);
      await register(scene, BOB);
      expectId(scene, await bridge(scene, "Alice"), "Bob");
    },
  },
  {
    id: "B-S-09",
    title: "the contact is that of the headers",
    level: "must",
    points: 2,
    quote: SAYS.register,
    hint: BRIDGE_HINTS.headers,
    steps: "REGISTER with IP 10.9.8.7 and Port 4321 → echoed, handed out and printed so",
    async run(scene) {
      const far = { id: "Far", ip: "10.9.8.7", port: 4321 };
      expectContact(scene, await register(scene, far), far);
      await register(scene, BOB);
      expectContact(scene, await bridge(scene, "Bob"), far);
      if (!scene.runs) await server(scene).prints("10.9.8.7:4321");
    },
  },
  {
    id: "B-S-10",
    title: "seven requests, each over a connection of its own",
    level: "must",
    points: 2,
    quote: SAYS.closed,
    hint: {
      cause: "the server does not take one connection after the other",
      text: "accept() again and again, for as long as the program runs.",
    },
    steps: "two clients register and bridge, each request closes → an answer to each",
    async run(scene) {
      server(scene);
      await register(scene, ALICE);
      await register(scene, BOB);
      for (const id of ["Bob", "Alice", "Bob"]) await bridge(scene, id);
      await register(scene, ALICE);
      await alive(scene);
    },
  },
  {
    id: "B-S-11",
    title: "two requests over one connection",
    level: "info",
    points: 0,
    quote: SAYS.clientCloses,
    hint: BRIDGE_HINTS.form,
    steps: "REGISTER, then BRIDGE over the same connection → is the second one answered?",
    async run(scene) {
      if (!scene.runs) server(scene);
      const alice = await scene.connect("Alice");
      await alice.sends(REGISTER(ALICE));
      await hearsMessage(alice, "REGACK");
      await alice.sends(BRIDGE("Alice"));
      const second = await attempt(() => hearsMessage(alice, "BRIDGEACK", { within: 1000 }));
      scene.note(`a second request over one connection is ${second ? "not " : ""}answered`);
    },
  },
  {
    id: "B-S-18",
    title: "BRIDGE before REGISTER",
    level: "info",
    points: 0,
    quote: "Clients must REGISTER before they can BRIDGE",
    hint: BRIDGE_HINTS.badRequest,
    steps: "BRIDGE of an unknown client → what comes?",
    async run(scene) {
      server(scene);
      await register(scene, ALICE);
      const ghost = await scene.connect("ghost");
      await ghost.sends(BRIDGE("ghost"));
      const failure = await attempt(() => hearsMessage(ghost, "BRIDGEACK", { within: 1000 }));
      const got = parse(ghost.inbox.text).headers.get("clientid");
      scene.note(
        `BRIDGE before REGISTER: ${
          failure ? "not answered" : got === "" ? "empty values" : `the contact of ${got}`
        }`,
      );
      await alive(scene);
    },
  },
  {
    id: "B-S-19",
    title: "the same client with a new port",
    level: "info",
    points: 0,
    quote: "",
    hint: BRIDGE_HINTS.headers,
    steps: "Alice registers twice, Bob bridges → which port?",
    async run(scene) {
      server(scene);
      await register(scene, ALICE);
      await register(scene, { ...ALICE, port: 8111 });
      await register(scene, BOB);
      const port = (await bridge(scene, "Bob")).headers.get("port");
      const what = port === "8111"
        ? "replaces the first"
        : port === "8000"
        ? "does not"
        : "is lost";
      scene.note(`a second REGISTER of one client ${what}`);
    },
  },
  {
    id: "B-S-20",
    title: "a third client",
    level: "info",
    points: 0,
    quote: "There are only two clients and one server",
    hint: BRIDGE_HINTS.peer,
    steps: "three register, the third bridges → whose contact?",
    async run(scene) {
      server(scene);
      for (const each of [ALICE, BOB]) await register(scene, each);
      await register(scene, { id: "Carl", ip: "10.0.0.3", port: 7000 });
      const id = (await bridge(scene, "Carl")).headers.get("clientid");
      scene.note(`a third client gets the contact of ${id === "" ? "nobody" : id}`);
    },
  },
];

// ---- trouble ----

/** Requests that cannot be understood, by what is wrong with them. */
const BAD: readonly (readonly [string, string | Uint8Array])[] = [
  ["a header without a colon", "REGISTER\r\nclientID student1\r\n\r\n"],
  ["no Port", "REGISTER\r\nclientID: student1\r\nIP: 127.0.0.1\r\n\r\n"],
  ["a Port that is no number", REGISTER(ALICE).replace("8000", "abc")],
  ["another type", "FOO\r\nclientID: student1\r\n\r\n"],
  ["bytes that are not UTF-8", Uint8Array.of(0xff, 0xfe, 0x0d, 0x0a, 0x0d, 0x0a)],
];

const TROUBLE: Case[] = [
  {
    id: "B-S-12",
    title: "connections that close without a request",
    level: "must",
    points: 2,
    quote: SAYS.zeroLength,
    hint: HINTS.endOfStream,
    steps: "five times: connect, close → still answers, and the processor is quiet",
    async run(scene) {
      server(scene);
      for (let i = 0; i < 5; i++) await (await scene.connect(`nobody ${i}`)).closes();
      await sleep(APART_MS);
      await staysQuiet(scene, server(scene));
      await alive(scene);
    },
  },
  {
    id: "B-S-13",
    title: "clients that crash",
    level: "must",
    points: 3,
    quote: SAYS.handles,
    hint: HINTS.deadClient,
    steps: "RST before, within and behind a request → still answers",
    async run(scene) {
      server(scene);
      for (const part of ["", REGISTER(ALICE).slice(0, 20), REGISTER(ALICE)]) {
        const peer = await scene.connect("crashing", { resets: true });
        if (part !== "") await peer.sends(part);
        await sleep(APART_MS);
        peer.resets();
        await sleep(APART_MS);
        await alive(scene);
      }
    },
  },
  {
    id: "B-S-14",
    title: "a silent connection",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.blockedAccept,
    steps: "X connects and says nothing; Bob registers → answered",
    async run(scene) {
      if (!scene.runs) server(scene);
      await scene.connect("silent");
      await sleep(APART_MS);
      await alive(scene);
    },
  },
  {
    id: "B-S-15",
    title: "a request in two pieces",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.oneRecv,
    steps: "cut within a header, then between the two line ends at the end → REGACK",
    async run(scene) {
      if (!scene.runs) server(scene);
      const request = REGISTER(ALICE);
      for (const at of [25, request.length - 2]) {
        const peer = await scene.connect("Alice");
        await peer.drips(request, { sizes: [at, request.length], apart: 2 * APART_MS });
        expectId(scene, await hearsMessage(peer, "REGACK"), "Alice");
        await peer.closes();
      }
    },
  },
  {
    id: "B-S-16",
    title: "requests that cannot be understood",
    level: "extra",
    points: 2,
    quote: SAYS.mayErr,
    hint: BRIDGE_HINTS.badRequest,
    steps: `${BAD.map(([what]) => what).join(", ")} → any answer, or a close; still answers`,
    async run(scene) {
      if (!scene.runs) server(scene);
      for (const [what, request] of BAD) {
        const peer = await scene.connect(what);
        await peer.sends(request);
        await attempt(() => peer.hearsMatch(/[^]/, { within: 300 }));
        await peer.closes();
        try {
          await alive(scene);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          scene.fail(`the server to go on after ${what}`, {
            where: "the server",
            got: bytes(request),
          });
        }
      }
    },
  },
  {
    id: "B-S-17",
    title: "headers in another order, one more, and LF alone",
    level: "extra",
    points: 1,
    quote: "",
    hint: {
      cause: "headers are found by their place, not by their name",
      text: "Put the headers into a dict, and look them up by name.",
    },
    steps: "Port first and a header `Colour` → REGACK; is LF alone understood?",
    async run(scene) {
      if (!scene.runs) server(scene);
      const headers = [...contactHeaders(ALICE).reverse(), ["Colour", "blue"] as const];
      expectId(scene, await ask(scene, block("REGISTER", headers)), "Alice");
      const lineFeeds = await scene.connect("line feeds");
      await lineFeeds.sends(REGISTER(BOB).replaceAll("\r", ""));
      const failure = await attempt(() => hearsMessage(lineFeeds, "REGACK", { within: 1000 }));
      scene.note(`LF without CR is ${failure ? "not " : ""}understood`);
    },
  },
];

/** Cases for a server of the bridge. */
export const BRIDGE_SERVER: Suite = {
  protocol: "bridge",
  role: "server",
  gate: "B-S-00",
  placeholders: { server: ["port"] },
  commands: ({ server }) => server === undefined ? undefined : { server: splitCommand(server) },
  cases: [...TERMINAL, ...REQUESTS, ...TROUBLE].sort((a, b) => a.id < b.id ? -1 : 1),
};
