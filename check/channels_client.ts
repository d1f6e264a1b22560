/**
 * Cases for a client of the channels (CEG 4188, CS168), played with a server that the check stands in for.
 *
 * @module
 */

import { quoted } from "./bytes.ts";
import { type Case, Failure, type Suite } from "./case.ts";
import {
  apart,
  APART_MS,
  CHANNELS_HINTS,
  long,
  message,
  MESSAGE_BYTES,
  SAYS,
  stripped,
  UTILS,
} from "./channels.ts";
import { accepted, noFlood } from "./client_play.ts";
import { HINTS } from "./hints.ts";
import { type Peer, sleep } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

const NAME = "Scott";

/** A client under test, and the check's end of its connection. */
interface Play {
  readonly client: Program;
  readonly server: Peer;
  readonly port: number;
}

/** A client that is connected. */
async function connected(scene: Scene): Promise<Play> {
  const fake = scene.listen();
  const client = scene.client({ name: NAME, port: fake.port });
  return { client, server: await accepted(scene, fake, client), port: fake.port };
}

/** A client that has said its name. */
async function named(scene: Scene): Promise<Play> {
  const play = await connected(scene);
  if (!scene.facts.has("nameless")) await takes(scene, play.server);
  return play;
}

/** Waits for the next message of the client, and resolves to its text. */
async function takes(scene: Scene, server: Peer): Promise<string> {
  if (scene.facts.get("client framed") !== false) {
    return stripped(await server.hearsBytes(MESSAGE_BYTES));
  }
  const [first] = await server.hearsMatch(/\S[^]*/, { as: "a message" });
  await server.inbox.quiet(APART_MS);
  const rest = stripped(server.inbox.unread);
  server.inbox.skip();
  return stripped(new TextEncoder().encode(first + rest));
}

/** Fails unless the next message of the client is this text, or holds it where that is enough. */
async function takesText(
  scene: Scene,
  server: Peer,
  { text, holds = false }: { text: string; holds?: boolean },
): Promise<void> {
  const got = await takes(scene, server);
  if (got === text || holds && got.includes(text)) return;
  throw new Failure(`the message ${quoted(text)}`, {
    where: "fake server",
    got: bytesOf(got),
    mark: 0,
  });
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

// deno-lint-ignore no-control-regex -- what a terminal takes for one thing
const TOKENS = /\x1b\[\d*[A-Za-z]|[^]/gu;

/** The rows of a terminal that shows this output; what is typed is not echoed on it. */
function rows(output: string): string[] {
  const shown: string[][] = [[]];
  let column = 0;
  for (const [token] of output.matchAll(TOKENS)) {
    const row = shown.at(-1)!;
    if (token === "\n") column = shown.push([]) && 0;
    else if (token === "\r") column = 0;
    else if (token === "\b") column = Math.max(0, column - 1);
    else if (token.startsWith("\x1b[") && token.endsWith("K")) {
      row.length = token === "\x1b[2K" ? 0 : Math.min(row.length, column);
    } else if (!token.startsWith("\x1b")) {
      while (row.length < column) row.push(" ");
      row[column++] = token;
    }
  }
  return shown.map((row) => row.join("").trimEnd());
}

/**
 * What a client showed, a line each, without its prompts. Typed lines are not echoed on a pipe, so that
 * prompts pile up in front of what overwrites them on a terminal.
 */
export function lines(client: Program): string[] {
  return client.out.text.split("\n")
    .map((line) => line.split("\r").at(-1)!.replaceAll("[Me]", "").trim())
    .filter((line) => line !== "");
}

/** Waits until the client shows a line that is this text and nothing else. */
async function showsLine(
  scene: Scene,
  client: Program,
  { text, shown = lines }: { text: string; shown?: (client: Program) => string[] },
): Promise<void> {
  const limit = performance.now() + scene.deadline;
  while (!shown(client).includes(text)) {
    if (performance.now() > limit) {
      throw new Failure(`a line that is ${quoted(text)} and nothing else`, {
        where: client.out.where,
        got: client.out.all,
        mark: Math.max(0, client.out.text.indexOf(text)),
        ...client.out.text.includes(text) ? {} : { waited: scene.deadline },
      });
    }
    await sleep(20);
  }
}

/** Two messages as one piece of bytes. */
function both(one: string, two: string): Uint8Array {
  const all = new Uint8Array(2 * MESSAGE_BYTES);
  all.set(message(one));
  all.set(message(two), MESSAGE_BYTES);
  return all;
}

/** Fails unless the client says anything at all once it is connected. */
async function said(scene: Scene, server: Peer): Promise<void> {
  const limit = performance.now() + scene.deadline;
  while (server.inbox.total === 0 && performance.now() < limit) await sleep(20);
  scene.expect(server.inbox.total > 0, `the name ${quoted(NAME)}`, {
    where: "fake server",
    hint: CHANNELS_HINTS.noName,
  });
}

// ---- what goes out ----

const OUT: Case[] = [
  {
    id: "C-C-00",
    title: "connects to the address and port given",
    level: "must",
    points: 1,
    quote: "This command should connect to the server at the given address and port number",
    hint: {
      cause: "the client does not connect to the address and port it is given",
      text: "connect((sys.argv[2], int(sys.argv[3]))); sys.argv[1] is the name.",
    },
    steps: "start with a name, 127.0.0.1 and a port → a connection",
    async run(scene) {
      const { server } = await connected(scene);
      await attempt(() => server.hears(NAME));
      await server.inbox.quiet(3 * APART_MS);
      const length = server.inbox.total;
      if (length === 0) scene.facts.set("nameless", true);
      scene.facts.set("client framed", length === 0 || length % MESSAGE_BYTES === 0);
    },
  },
  {
    id: "C-C-01",
    title: "sends its name first, as a message of 200 bytes",
    level: "must",
    points: 3,
    quote: "and then send a message with the name Scott",
    hint: CHANNELS_HINTS.unpadded,
    steps: "start as Scott → 200 bytes: Scott and spaces",
    async run(scene) {
      const { server } = await connected(scene);
      await said(scene, server);
      await sendsMessage(scene, server, NAME);
    },
  },
  {
    id: "C-C-02",
    title: "sends a typed line as a message of 200 bytes",
    level: "must",
    points: 3,
    quote:
      "messages from stdin should be sent to the server (after being padded with spaces, as needed)",
    hint: CHANNELS_HINTS.unpadded,
    steps: "type `hello  world: how are you?` → 200 bytes: this text and spaces",
    async run(scene) {
      const { client, server } = await named(scene);
      await client.types("hello  world: how are you?");
      await sendsMessage(scene, server, "hello  world: how are you?");
    },
  },
  {
    id: "C-C-03",
    title: "sends a command as it is typed",
    level: "must",
    points: 1,
    quote: SAYS.slash,
    hint: HINTS.privateProtocol,
    steps: "type `/list`, `/create 168_tas`, `/foo` → the same",
    async run(scene) {
      const { client, server } = await named(scene);
      for (const line of ["/list", "/create 168_tas", "/foo"]) {
        await client.types(line);
        await takesText(scene, server, { text: line });
      }
    },
  },
  {
    id: "C-C-14",
    title: "the end of its input",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.endOfInput,
    steps: "end stdin → at most two messages more, ends within 2 s",
    async run(scene) {
      const { client, server } = await named(scene);
      await client.types("bye");
      await takesText(scene, server, { text: "bye", holds: true });
      await client.endsInput();
      const before = server.inbox.total;
      await noFlood(() => server.inbox.total, "fake server");
      await noFlood(() => client.out.total, client.out.where);
      const more = server.inbox.total - before;
      scene.expect(more <= 2 * MESSAGE_BYTES, "at most two messages after the end of the input", {
        where: "fake server",
        got: server.inbox.all,
      });
      await client.ends();
      client.noTraceback(HINTS.endOfInput);
    },
  },
  {
    id: "C-C-15",
    title: "lines that are typed while messages pour in",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.blockedInput,
    steps: "the server sends 100 messages while 20 lines are typed → every line is a whole message",
    async run(scene) {
      const { client, server } = await named(scene);
      const pouring = (async () => {
        for (let i = 0; i < 100; i++) {
          await server.sends(message(`[Alice] number ${i}`));
          await sleep(2);
        }
      })();
      for (let i = 0; i < 20; i++) {
        await client.types(`typed ${i}`);
        await apart();
      }
      await pouring;
      if (scene.facts.get("client framed") === false) {
        for (let i = 0; i < 20; i++) await server.hears(`typed ${i}`);
      } else {
        for (let i = 0; i < 20; i++) {
          await takesText(scene, server, { text: `typed ${i}`, holds: true });
        }
      }
      await client.prints("[Alice] number 99");
    },
  },
  {
    id: "C-C-16",
    title: "a typed line of more than 200 characters",
    level: "info",
    points: 0,
    quote: "You can assume that no messages are longer than 200 characters.",
    hint: CHANNELS_HINTS.unpadded,
    steps: "type 250 characters → is it cut, or sent in pieces?",
    async run(scene) {
      const { client, server } = await named(scene);
      const before = server.inbox.total;
      await client.types("x".repeat(250));
      await server.hears("xxx");
      await server.inbox.quiet(3 * APART_MS);
      const sent = server.inbox.all.subarray(before);
      const count = sent.filter((byte) => byte === 0x78).length;
      scene.note(`of 250 typed characters ${count} go out, in ${sent.length} bytes`);
    },
  },
];

/** Fails unless the next 200 bytes are this text and spaces; a line feed behind the text is a remark. */
async function sendsMessage(scene: Scene, server: Peer, text: string): Promise<void> {
  const start = server.inbox.total - server.inbox.unread.length;
  const failure = await attempt(() => server.hearsBytes(MESSAGE_BYTES));
  const got = server.inbox.all.subarray(start, start + MESSAGE_BYTES);
  const words = stripped(got);
  const rest = new TextDecoder().decode(got).slice(words.length);
  if (failure && got.length === 0) throw failure;
  if (failure) {
    throw new Failure(`${MESSAGE_BYTES} bytes: ${quoted(text)} and spaces`, {
      where: "fake server",
      got,
      mark: got.length,
      waited: scene.deadline,
    });
  }
  scene.expect(words === text, `the message ${quoted(text)}`, {
    where: "fake server",
    got,
    hint: HINTS.privateProtocol,
  });
  if (/^\r?\n *$/.test(rest)) scene.remark("the typed line feed stands inside the message");
  else {scene.expect(/^ *$/.test(rest), "spaces (0x20) behind the text", {
      where: "fake server",
      got,
    });}
}

// ---- what is shown ----

const SHOWN: Case[] = [
  {
    id: "C-C-04",
    title: "prints [Me] at the start, after each line, and after each message",
    level: "must",
    points: 2,
    quote:
      "The client should print [Me] to each new line, to make it clear which messages in the history were typed by the client.",
    hint: {
      cause: "[Me] is missing at the beginning of a new line",
      text:
        "Print '[Me] ' (end='', flush=True) at the start, after each typed line and after each message.",
    },
    needs: ["C-C-05"],
    steps: "start → [Me]; type a line → [Me]; a message → [Me]",
    async run(scene) {
      const { client, server } = await named(scene);
      await client.prints("[Me] ");
      await client.types("hello");
      await takes(scene, server);
      await client.prints("[Me] ");
      await server.sends(message("[Alice] Hi"));
      await client.prints("[Alice] Hi");
      await client.prints("[Me] ");
    },
  },
  {
    id: "C-C-05",
    title: "prints a message of the server",
    level: "must",
    points: 3,
    quote:
      "Messages from the server should be printed to the command line (after being stripped of any spaces at the end)",
    hint: HINTS.blockedInput,
    steps: "the server sends `[Alice] Hi` while nothing is typed → it is shown",
    async run(scene) {
      const { client, server } = await named(scene);
      await server.sends(message("[Alice] Hi"));
      await client.prints("[Alice] Hi");
    },
  },
  {
    id: "C-C-06",
    title: "writes over the [Me]",
    level: "must",
    points: 2,
    quote:
      "When the client gets a message from the server, it should write over the [Me] with the message from the server.",
    hint: {
      cause: "the [Me] stays on the line of a message",
      text:
        "Print utils.CLIENT_WIPE_ME (a carriage return and spaces) and another '\\r' in front of the message.",
    },
    needs: ["C-C-05"],
    steps:
      "the server sends `[Alice] Hi`, then `x` → on a screen, lines with this and nothing else",
    async run(scene) {
      const { client, server } = await named(scene);
      await client.prints("[Me]");
      for (const text of ["[Alice] Hi", "x"]) {
        await server.sends(message(text));
        await client.prints(text);
        await client.out.quiet(APART_MS);
        await showsLine(scene, client, { text, shown: ({ out }) => rows(out.text) });
      }
    },
  },
  {
    id: "C-C-09",
    title: "shows a list of lines",
    level: "should",
    points: 1,
    quote: SAYS.list,
    hint: {
      cause: "only the first line of a message is shown",
      text: "A message may hold line feeds: print all of it.",
    },
    needs: ["C-C-05"],
    steps: "the server sends `aa` and `bb` in one message → two lines",
    async run(scene) {
      const { client, server } = await named(scene);
      await server.sends(message("channel_aa\nchannel_bb"));
      await client.prints("channel_aa");
      await client.prints("channel_bb");
    },
  },
  {
    id: "C-C-13",
    title: "strips spaces at the end, and none in front",
    level: "should",
    points: 1,
    quote: "the receiver should strip any spaces off of the end of the message",
    hint: {
      cause: "spaces are not stripped where the document says",
      text: "rstrip() takes them off at the end; strip() takes those in front, too.",
    },
    needs: ["C-C-05"],
    steps: "the server sends `[Alice]    far` → shown so, without spaces behind it",
    async run(scene) {
      const { client, server } = await named(scene);
      await server.sends(message("   far away"));
      await client.prints("far away");
      await client.out.quiet(APART_MS);
      const shown = client.out.text;
      scene.expect(shown.includes("   far away"), 'the spaces in front of "far away"', {
        where: client.out.where,
        got: shown,
      });
      const behind = shown.slice(shown.indexOf("far away") + 8);
      scene.expect(!/^ {3}/.test(behind), 'no spaces behind "far away"', {
        where: client.out.where,
        got: shown,
      });
    },
  },
  {
    id: "C-C-17",
    title: "prints nothing else on stdout",
    level: "should",
    points: 1,
    quote:
      "simple test.py tests a basic scenario where two clients communicate in a simple channel.",
    hint: {
      cause: "stdout holds more than the document shows",
      text: "Print diagnostics to stderr: print(..., file=sys.stderr).",
    },
    needs: ["C-C-05"],
    steps: "a message, a typed line → stdout is [Me] and the message",
    async run(scene) {
      const { client, server } = await named(scene);
      await server.sends(message("[Alice] Hi"));
      await client.prints("[Alice] Hi");
      await client.types("hello");
      await takes(scene, server);
      await client.out.quiet(2 * APART_MS);
      const rest = rows(client.out.text).join("").replaceAll("[Alice] Hi", "")
        .replaceAll("[Me]", "").trim();
      scene.expect(rest === "", `no ${quoted(rest)}`, {
        where: client.out.where,
        got: client.out.all,
      });
    },
  },
];

// ---- the stream ----

const STREAM: Case[] = [
  {
    id: "C-C-07",
    title: "150 bytes, and the 50 that are missing",
    level: "must",
    points: 3,
    quote:
      "The client should only write the message to stdout once all 200 characters have been received.",
    hint: HINTS.oneRecv,
    needs: ["C-C-05"],
    steps: "the server sends 150 bytes → nothing new; 50 more → the message",
    async run(scene) {
      const { client, server } = await named(scene);
      const whole = message(long("late"));
      await server.sends(whole.subarray(0, 150));
      await apart();
      // The client has had its turn by the time that a line typed after the 150 bytes arrives.
      await client.types("typed");
      await takesText(scene, server, { text: "typed", holds: true });
      await client.out.quiet(2 * APART_MS);
      scene.expect(!client.out.text.includes("late begins"), "nothing of a message of 150 bytes", {
        where: client.out.where,
        got: client.out.all,
      });
      await server.sends(whole.subarray(150));
      await showsLine(scene, client, { text: long("late") });
    },
  },
  {
    id: "C-C-08",
    title: "two messages in one write, and 150, 50 + 150, 50 bytes",
    level: "must",
    points: 3,
    quote: SAYS.several,
    hint: HINTS.oneRecv,
    needs: ["C-C-05"],
    steps: "400 bytes in one write, then 400 in three → four messages, in order, each a line",
    async run(scene) {
      const { client, server } = await named(scene);
      await server.sends(both(long("one"), long("two")));
      for (const text of ["one", "two"]) await showsLine(scene, client, { text: long(text) });
      await server.drips(both(long("three"), long("four")), {
        sizes: [150, 200, 50],
        apart: 2 * APART_MS,
      });
      for (const text of ["three", "four"]) await showsLine(scene, client, { text: long(text) });
      const shown = lines(client).filter((row) => row.includes(" begins "));
      const texts = ["one", "two", "three", "four"].map(long);
      scene.expect(shown.join() === texts.join(), "the four messages, once each, in order", {
        where: client.out.where,
        got: client.out.all,
      });
    },
  },
  {
    id: "C-C-12",
    title: "half a message at the end of the connection is not shown",
    level: "should",
    points: 1,
    quote:
      "The client should only write the message to stdout once all 200 characters have been received.",
    hint: HINTS.oneRecv,
    steps: "the server sends 120 bytes, and closes → nothing of them is shown",
    async run(scene) {
      const { client, server } = await named(scene);
      await server.sends(message(long("half")).subarray(0, 120));
      await server.closes();
      await attempt(() => client.out.contains("has disconnected"));
      await client.out.quiet(APART_MS);
      scene.expect(!client.out.text.includes("half begins"), "nothing of half a message", {
        where: client.out.where,
        got: client.out.all,
      });
    },
  },
];

// ---- ends ----

const ENDS: Case[] = [
  {
    id: "C-C-10",
    title: "the server closes",
    level: "must",
    points: 2,
    quote: 'CLIENT_SERVER_DISCONNECTED = "Server at {0}:{1} has disconnected"',
    hint: HINTS.endOfStream,
    steps: "the server closes → `Server at 127.0.0.1:PORT has disconnected`, and an end",
    async run(scene) {
      const { client, server, port } = await named(scene);
      await server.closes();
      await noFlood(() => client.out.total, client.out.where);
      const text = UTILS.disconnected("127.0.0.1", port);
      await client.prints(text, { hint: HINTS.exactText });
      await client.ends();
      client.noTraceback(HINTS.endOfStream);
    },
  },
  {
    id: "C-C-11",
    title: "no server listens",
    level: "must",
    points: 2,
    quote: SAYS.utils,
    hint: HINTS.exactText,
    steps:
      "start with a port where nobody listens → `Unable to connect to 127.0.0.1:PORT`, and an end",
    async run(scene) {
      const port = freePort();
      const client = scene.client({ name: NAME, port });
      await client.ends({ within: 2.5 * scene.deadline, hint: HINTS.traceback });
      client.noTraceback(HINTS.traceback);
      const text = UTILS.cannotConnect("127.0.0.1", port);
      if (await attempt(() => client.prints(text)) === undefined) return;
      if (client.err.text.includes(text)) {
        return scene.remark(`${quoted(text)} is printed to stderr, not to stdout`);
      }
      client.out.skip();
      throw new Failure(quoted(text), { where: client.out.where, got: client.out.all, mark: 0 });
    },
  },
];

/** Cases for a client of the channels. */
export const CHANNELS_CLIENT: Suite = {
  protocol: "channels",
  role: "client",
  gate: "C-C-00",
  placeholders: { client: ["name", "port"] },
  commands: ({ client }) => client === undefined ? undefined : { client: splitCommand(client) },
  cases: [...OUT, ...SHOWN, ...STREAM, ...ENDS].sort((a, b) => a.id < b.id ? -1 : 1),
};
