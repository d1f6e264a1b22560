/**
 * Cases for a server of the channels (CEG 4188, CS168).
 *
 * @module
 */

import { bytes, quoted } from "./bytes.ts";
import { type Case, Failure, type Hint, type Suite } from "./case.ts";
import {
  APART_MS,
  CHANNELS_HINTS,
  long,
  type Member,
  message,
  MESSAGE_BYTES,
  Room,
  SAYS,
  spoken,
  stripped,
  UTILS,
} from "./channels.ts";
import { HINTS } from "./hints.ts";
import { type Peer, sleep } from "./peer.ts";
import { splitCommand } from "./program.ts";
import { attempt, type Scene } from "./scene.ts";

// ---- what the server speaks ----

/**
 * Finds out how the server ends a message, what it answers for certain, and how it gives a text to the
 * others: a deviation is then one case's matter, and the other cases go on with it.
 */
async function finds(scene: Scene): Promise<void> {
  const alice = await scene.connect("Alice");
  const { channel } = new Room(scene);
  for (const text of ["Alice", `/create ${channel}`]) {
    await alice.sends(message(text));
    await alice.inbox.quiet(2 * APART_MS);
  }
  await alice.sends(message("/list"));
  let sentinel: { asks: string; hears?: string } = { asks: "/list" };
  try {
    await alice.hears(channel);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    alice.inbox.skip();
    await alice.sends(message("/?"));
    const answer = await alice.hearsMatch(/\S[^]*/, { as: "an answer to /list or to /?" });
    sentinel = { asks: "/?", hears: stripped(bytes(answer[0])).trim() };
  }
  await alice.inbox.quiet(150);
  const framed = alice.inbox.total % MESSAGE_BYTES === 0;
  scene.facts.set("framed", framed);
  scene.facts.set("sentinel", sentinel);
  if (!framed) {
    scene.note(
      `an answer had ${alice.inbox.total} bytes: messages are found by their texts from here on`,
    );
  }
  await findsSpoken(scene, { alice, channel });
}

async function findsSpoken(
  scene: Scene,
  { alice, channel }: { alice: Peer; channel: string },
): Promise<void> {
  const kay = await scene.connect("Kay");
  for (const text of ["Kay", `/join ${channel}`, "probe"]) {
    await kay.sends(message(text));
    await kay.inbox.quiet(2 * APART_MS);
  }
  await alice.inbox.quiet(2 * APART_MS);
  const form = /([^\s\0\w]*)Kay([^\s\0]*\s?)probe/.exec(alice.inbox.text);
  if (!form || form[0] === "[Kay] probe") return;
  scene.facts.set("spoken", `${form[1]}{name}${form[2]}{text}`);
  scene.note(`a text of Kay is given as ${quoted(form[0])}: the other cases look for that`);
}

/** Fails unless everything that came over this connection is whole messages. */
function expectWhole(scene: Scene, member: Member): void {
  const { inbox, name } = member.peer;
  const got = inbox.all;
  for (let at = 0; at < got.length; at += MESSAGE_BYTES) {
    const frame = got.subarray(at, at + MESSAGE_BYTES);
    scene.expect(frame.length === MESSAGE_BYTES, `messages of ${MESSAGE_BYTES} bytes`, {
      where: name,
      got: got.subarray(at),
    });
    const last = frame.findLastIndex((byte) => byte !== 0x20);
    scene.expect(last === -1 || frame[last] !== 0, "spaces (0x20) behind the text", {
      where: name,
      got: frame,
    });
    if (frame[last] === 0x0a) {
      scene.remark("a line feed stands inside the message, before the spaces");
    }
  }
}

const STARTING: Case[] = [
  {
    id: "C-S-00",
    title: "the given port is listened on",
    level: "must",
    points: 1,
    quote: SAYS.port,
    hint: {
      cause: "the server does not listen on the port it is given",
      text: "bind() to int(sys.argv[1]), then listen().",
    },
    steps:
      "Alice connects, says her name, creates, lists; Kay joins and talks → how are messages given?",
    run: finds,
  },
  {
    id: "C-S-01",
    title: "the first message is the name, and is not answered",
    level: "must",
    points: 1,
    quote: SAYS.name,
    hint: CHANNELS_HINTS.notWelcome,
    steps: "Alice says her name → nothing comes; she joins and talks → Kay hears `[Alice] hi`",
    async run(scene: Scene) {
      const room = new Room(scene);
      const kay = await room.opens("Kay");
      const alice = await room.enters("Alice");
      await alice.hearsNothing();
      await alice.says(`/join ${room.channel}`);
      await alice.says("hi");
      await kay.hearsFrom("Alice", "hi", { hint: HINTS.exactText });
    },
  },
  {
    id: "C-S-02",
    title: "every message of the server has 200 bytes, spaces on the right",
    level: "must",
    points: 3,
    quote: SAYS.fixed,
    hint: CHANNELS_HINTS.unpadded,
    steps: "a notice, a text, three errors, a list → each has 200 bytes, padded with spaces",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const zoe = await room.enters("Zoe");
      for (const text of ["/join", "/join nowhere", "/foobar"]) await zoe.says(text);
      await kay.says("hi");
      await alice.hearsFrom("Kay", "hi");
      for (const member of [alice, kay, zoe]) {
        await member.settles();
        await member.peer.inbox.quiet(100);
        expectWhole(scene, member);
      }
    },
  },
];

// ---- channels ----

const CHANNELS: Case[] = [
  {
    id: "C-S-03",
    title: "/create, and /list",
    level: "must",
    points: 3,
    quote: SAYS.create,
    hint: CHANNELS_HINTS.listing,
    steps: "A> /create tas → nothing; A> /list → exactly `tas`",
    async run(scene: Scene) {
      scene.server();
      const alice = await new Room(scene).enters("Alice");
      await alice.forgets();
      await alice.says("/create tas");
      await alice.says("/list");
      const before = (await alice.hears("tas")).filter((each) => each !== "");
      scene.expect(before.length === 0, "no answer to /create", {
        where: "Alice",
        got: before.join("\n"),
        hint: CHANNELS_HINTS.notWelcome,
      });
    },
  },
  {
    id: "C-S-04",
    title: "/list with two channels",
    level: "must",
    points: 2,
    quote: SAYS.list,
    hint: CHANNELS_HINTS.listing,
    steps: "A> /create aa, /create bb, /list → `aa` and `bb`, a line each, in one message",
    async run(scene: Scene) {
      scene.server();
      const alice = await new Room(scene).enters("Alice");
      for (const text of ["/create aa", "/create bb", "/list"]) await alice.says(text);
      const { inbox } = alice.peer;
      const found = await inbox.matches(/(aa|bb)[ \t\r]*\n[ \t]*(aa|bb)/, { as: '"aa\\nbb"' });
      scene.expect(found[1] !== found[2], "both channels", { where: "Alice", got: inbox.all });
      scene.note(`order of /list: ${found[1] === "aa" ? "as they were created" : "another one"}`);
    },
  },
  {
    id: "C-S-05",
    title: "/list without a channel",
    level: "info",
    points: 0,
    quote: "",
    hint: CHANNELS_HINTS.listing,
    steps: "A> /list while there is no channel → nothing, or a blank message?",
    async run(scene: Scene) {
      scene.server();
      const room = new Room(scene);
      const alice = await room.enters("Alice");
      await alice.says("/list");
      await alice.says("/create lobby");
      const came = await alice.settles();
      const what = came.length === 0
        ? "nothing is sent"
        : came.every((each) => each === "")
        ? "a blank message is sent"
        : `${quoted(came.join("\n"))} is sent`;
      scene.note(`/list without a channel: ${what}`);
    },
  },
  {
    id: "C-S-06",
    title: "/list with thirty channels",
    level: "extra",
    points: 1,
    quote: "",
    hint: {
      cause: "a list that is longer than a message loses channels, or shifts what follows",
      text: "Begin another message where the next name would not fit into 200 bytes.",
    },
    steps: "30 channels, /list → every name is whole, and what follows is in step",
    async run(scene: Scene) {
      scene.server();
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const names = Array.from({ length: 30 }, (_, i) => `channel-number-${100 + i}`);
      for (const name of names) await kay.says(`/create ${name}`);
      await kay.says(`/join ${room.channel}`);
      await kay.settles();
      await alice.settles();
      const from = alice.peer.inbox.all.length;
      await alice.says("/list");
      await kay.says("the list is over");
      await alice.hearsFrom("Kay", "the list is over");
      const got = new TextDecoder().decode(alice.peer.inbox.all.subarray(from));
      const joined = got.replace(/ +/g, "\n") + got;
      const lost = names.filter((name) => !joined.includes(name));
      scene.expect(
        lost.length === 0,
        `all thirty names, and ${quoted(lost.join(", "))} among them`,
        {
          where: "Alice",
          got,
        },
      );
    },
  },
  {
    id: "C-S-07",
    title: "the members hear of a client that joins, and it does not",
    level: "must",
    points: 3,
    quote: SAYS.joined,
    hint: HINTS.exactText,
    steps: "Kay joins → Alice hears `Kay has joined`, Kay does not",
    async run(scene: Scene) {
      const room = new Room(scene);
      const alice = await room.opens("Alice");
      const kay = await room.enters("Kay");
      await kay.says(`/join ${room.channel}`);
      await alice.hears(UTILS.joined("Kay"));
      await kay.hearsNothing({ of: UTILS.joined("Kay"), hint: CHANNELS_HINTS.notWelcome });
    },
  },
  ...[["C-S-08", "/join", SAYS.joinMoves], ["C-S-09", "/create", SAYS.createMoves]].map(
    ([id = "", command = "", quote = ""]): Case => ({
      id,
      title: `${command} leaves the old channel`,
      level: "must",
      points: 3,
      quote,
      hint: CHANNELS_HINTS.membership,
      steps:
        `K> ${command} of another channel → Alice hears \`Kay has left\`; Kay hears no text of hers`,
      async run(scene: Scene) {
        const room = new Room(scene);
        const [alice, kay] = await room.pair();
        const zoe = await room.enters("Zoe");
        const other = `${room.channel}-other`;
        await zoe.says(`/create ${command === "/join" ? other : `${other}-yet`}`);
        await zoe.settles();
        await kay.says(`${command} ${other}`);
        await kay.settles();
        const untold = await attempt(() =>
          alice.hears(UTILS.left("Kay"), { hint: HINTS.othersNotTold })
        );
        await alice.says("are you still here?");
        await alice.settles();
        // What Zoe hears, too, goes to everybody: another mistake, which C-S-10 shows.
        const everybody = (await zoe.settles()).some((each) => each.includes("still here"));
        if (!everybody) await kay.hearsNothing({ of: "still here" });
        if (untold) throw untold;
      },
    }),
  ),
  {
    id: "C-S-10",
    title: "a text goes to the others of the channel, with the name in brackets",
    level: "must",
    points: 4,
    quote: SAYS.talk,
    hint: HINTS.exactText,
    steps: "K> Hi! → Alice hears `[Kay] Hi!`; Kay and Zoe, who is in another channel, do not",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const zoe = await room.enters("Zoe");
      await zoe.says(`/create ${room.channel}-other`);
      await zoe.settles();
      await kay.says("Hi!");
      await alice.hears("[Kay] Hi!");
      await kay.hearsNothing({ of: "Hi!", hint: CHANNELS_HINTS.audience });
      await zoe.hearsNothing({ of: "Hi!", hint: CHANNELS_HINTS.audience });
    },
  },
];

// ---- errors ----

/** A command that is not right, and what the document has the server say to it. */
interface Wrong {
  readonly id: string;
  readonly says: string;
  readonly hears: string;
}

const WRONG: readonly Wrong[] = [
  { id: "C-S-12", says: "/join", hears: UTILS.joinNeedsName },
  { id: "C-S-13", says: "/create", hears: UTILS.createNeedsName },
  { id: "C-S-14", says: "/join nope", hears: UTILS.noChannel("nope") },
  { id: "C-S-16", says: "/foobar", hears: UTILS.invalid("/foobar") },
];

const ERRORS: Case[] = [
  {
    id: "C-S-11",
    title: "a text in no channel",
    level: "must",
    points: 3,
    quote: SAYS.none,
    hint: HINTS.clientDecides,
    steps: "K> Hello world! in no channel → the text of utils.py",
    async run(scene: Scene) {
      const room = new Room(scene);
      await room.opens("Alice");
      const kay = await room.enters("Kay");
      await kay.says("Hello world!");
      await answers(kay, UTILS.notInChannel);
    },
  },
  ...WRONG.map(({ id, says, hears }): Case => ({
    id,
    title: `the error of ${says}`,
    level: "must",
    points: 2,
    quote: SAYS.utils,
    hint: HINTS.clientDecides,
    steps: `K> ${says} → the text of utils.py, to Kay only`,
    async run(scene: Scene) {
      const [alice, kay] = await new Room(scene).pair();
      await kay.says(says);
      await answers(kay, hears);
      await alice.hearsNothing({ of: hears, hint: CHANNELS_HINTS.audience });
      if (id === "C-S-16") await notesWholeMessage(scene, kay);
    },
  })),
  {
    id: "C-S-15",
    title: "the error of /create with a channel that exists",
    level: "must",
    points: 2,
    quote: SAYS.utils,
    hint: HINTS.clientDecides,
    steps: "K> /create of a channel that exists → the text of utils.py, to Kay only",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      await kay.says(`/create ${room.channel}`);
      const error = UTILS.exists(room.channel);
      await answers(kay, error);
      await alice.hearsNothing({ of: error, hint: CHANNELS_HINTS.audience });
    },
  },
  {
    id: "C-S-17",
    title: "/join of a channel that does not exist changes nothing",
    level: "must",
    points: 3,
    quote: SAYS.staysInAA,
    hint: CHANNELS_HINTS.errorChanges,
    steps: "K> /join nope, then a text → Alice hears it, and never `Kay has left`",
    run: (scene) => changesNothing(scene, ["/join nope"]),
  },
  {
    id: "C-S-18",
    title: "other commands that fail change nothing",
    level: "must",
    points: 2,
    quote: SAYS.noChange,
    hint: CHANNELS_HINTS.errorChanges,
    steps: "K> /create of one that exists, /join, /create, /foobar, then a text → Alice hears it",
    run: (scene) => changesNothing(scene, ["/create tas", "/join", "/create", "/foobar"]),
  },
];

/** The text of an error: other words are another mistake than no answer. */
async function answers(member: Member, text: string): Promise<void> {
  await member.hears(text, { other: HINTS.exactText });
}

/** utils.py does not say whether an error quotes the whole message or its first word. */
async function notesWholeMessage(scene: Scene, member: Member): Promise<void> {
  await member.says("/foo bar");
  const came = await member.settles();
  const whole = came.some((each) => each.includes("/foo bar"));
  scene.note(`the error of "/foo bar" quotes ${whole ? "the whole message" : "its first word"}`);
}

async function changesNothing(scene: Scene, commands: readonly string[]): Promise<void> {
  const room = new Room(scene);
  const [alice, kay] = await room.pair();
  for (const command of commands) await kay.says(command.replace("tas", room.channel));
  await kay.settles();
  await kay.says("I am still here");
  const before = await alice.hearsFrom("Kay", "I am still here");
  scene.expect(!before.includes(UTILS.left("Kay")), `no ${quoted(UTILS.left("Kay"))}`, {
    where: "Alice",
    got: before.join("\n"),
  });
  await alice.says("I hear you");
  await kay.hearsFrom("Alice", "I hear you");
}

// ---- leaving ----

/** Fails unless `Kay has left` comes, and comes once. */
async function leavesOnce(scene: Scene, alice: Member, hint: Hint): Promise<void> {
  await alice.hears(UTILS.left("Kay"), { hint });
  const more = (await alice.settles()).filter((each) => each === UTILS.left("Kay"));
  scene.expect(more.length === 0, `${quoted(UTILS.left("Kay"))} once`, {
    where: "Alice",
    got: alice.peer.inbox.all,
  });
}

const LEAVING: Case[] = [
  {
    id: "C-S-19",
    title: "the members hear of a client that closes",
    level: "must",
    points: 3,
    quote: SAYS.disconnects,
    hint: HINTS.othersNotTold,
    steps: "Kay closes → Alice hears `Kay has left`, once",
    async run(scene: Scene) {
      const [alice, kay] = await new Room(scene).pair();
      await kay.peer.closes();
      await leavesOnce(scene, alice, HINTS.othersNotTold);
    },
  },
  {
    id: "C-S-20",
    title: "clients that close in no channel, and before they have a name",
    level: "must",
    points: 2,
    quote: SAYS.concurrent,
    hint: {
      cause: "a client that closes before it has a name or a channel ends the server",
      text: "b'' is not a name, and None is not a channel: look before you tell others of it.",
    },
    steps: "one closes without a name, one in no channel → two others still talk",
    async run(scene: Scene) {
      const room = new Room(scene);
      await (await scene.connect("nobody")).closes();
      await (await room.enters("Kay")).peer.closes();
      await room.alive(this.hint);
    },
  },
  {
    id: "C-S-27",
    title: "half a message at the end of a connection is no message",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.oneRecv,
    steps: "K> 18 bytes, and closes → nothing of them is a message",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const zoe = await room.joins("Zoe");
      await kay.peer.sends(bytes("not a whole message"));
      await kay.peer.closes();
      await sleep(APART_MS);
      await zoe.says("later");
      const before = (await alice.hearsFrom("Zoe", "later")).join("\n");
      scene.expect(!before.includes("not a whole"), "nothing of half a message", {
        where: "Alice",
        got: before,
      });
    },
  },
  {
    id: "C-S-32",
    title: "a client that is reset, and one that is reset with half a message",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.deadClient,
    steps: "Kay resets; Leo resets within a message → `Kay has left` once, the others still talk",
    async run(scene: Scene) {
      const room = new Room(scene);
      const alice = await room.opens("Alice");
      const kay = await room.joins("Kay", { resets: true });
      const leo = await room.joins("Leo", { resets: true });
      await alice.settles();
      kay.peer.resets();
      await leavesOnce(scene, alice, HINTS.deadClient);
      await leo.peer.sends(message("half of this").slice(0, 100));
      await sleep(APART_MS);
      leo.peer.resets();
      await alice.hears(UTILS.left("Leo"));
      await room.alive(this.hint);
    },
  },
];

// ---- the stream ----

const STREAM: Case[] = [
  {
    id: "C-S-21",
    title: "150 bytes, and the 50 that are missing",
    level: "must",
    points: 3,
    quote: SAYS.hold,
    hint: HINTS.oneRecv,
    steps: "K> 150 bytes, Zoe talks, K> 50 bytes → Zoe's text, then Kay's, whole",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const zoe = await room.joins("Zoe");
      await alice.settles();
      const whole = message(long("late"));
      await kay.peer.sends(whole.subarray(0, 150));
      await sleep(APART_MS);
      await zoe.says("I was first");
      await alice.hearsNextFrom("Zoe", "I was first");
      await kay.peer.sends(whole.subarray(150));
      await alice.hearsNextFrom("Kay", long("late"));
    },
  },
  {
    id: "C-S-22",
    title: "every byte apart",
    level: "must",
    points: 2,
    quote: SAYS.hold,
    hint: HINTS.oneRecv,
    steps: "K> 200 writes of a byte → one message",
    async run(scene: Scene) {
      const [alice, kay] = await new Room(scene).pair();
      await kay.peer.drips(message(long("slow")), { apart: 2 });
      await alice.hearsNextFrom("Kay", long("slow"));
    },
  },
  {
    id: "C-S-23",
    title: "150 bytes, 50 + 150, and 50",
    level: "must",
    points: 3,
    quote: SAYS.several,
    hint: HINTS.oneRecv,
    steps: "K> 150 bytes, 50 + 150 bytes, 50 bytes → exactly two messages",
    async run(scene: Scene) {
      const [alice, kay] = await new Room(scene).pair();
      const both = new Uint8Array(2 * MESSAGE_BYTES);
      both.set(message(long("one")));
      both.set(message(long("two")), MESSAGE_BYTES);
      await kay.peer.drips(both, { sizes: [150, 200, 50], apart: APART_MS });
      await kay.says("that was all");
      for (const text of [long("one"), long("two"), "that was all"]) {
        await alice.hearsNextFrom("Kay", text);
      }
    },
  },
  {
    id: "C-S-24",
    title: "five messages in one write, commands too",
    level: "must",
    points: 3,
    quote: SAYS.several,
    hint: HINTS.oneRecv,
    steps:
      "K> /join, two texts, /list and a text in one write → three texts at Alice's, a list at Kay's",
    async run(scene: Scene) {
      const room = new Room(scene);
      const alice = await room.opens("Alice");
      const kay = await room.enters("Kay");
      const texts = [`/join ${room.channel}`, "one", "two", "/list", "three"];
      const all = new Uint8Array(texts.length * MESSAGE_BYTES);
      texts.forEach((text, i) => all.set(message(text), i * MESSAGE_BYTES));
      await kay.peer.sends(all);
      for (const text of ["one", "two", "three"]) await alice.hearsFrom("Kay", text);
      await kay.peer.hears(room.channel);
    },
  },
  {
    id: "C-S-25",
    title: "halves of the messages of two clients",
    level: "must",
    points: 3,
    quote: SAYS.hold,
    hint: HINTS.sharedBuffer,
    steps:
      "half of Kay's message, half of Leo's, the rest of each → both texts, each under its name",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const leo = await room.joins("Leo");
      await alice.settles();
      const [one, two] = [message(long("one")), message(long("two"))];
      for (const [from, to] of [[0, 100], [100, 200]] as const) {
        await kay.peer.sends(one.subarray(from, to));
        await sleep(APART_MS);
        await leo.peer.sends(two.subarray(from, to));
        await sleep(APART_MS);
      }
      await alice.hearsNextFrom("Kay", long("one"));
      await alice.hearsNextFrom("Leo", long("two"));
    },
  },
  {
    id: "C-S-26",
    title: "a silent client, and one that stops within its name",
    level: "must",
    points: 3,
    quote: SAYS.concurrent,
    hint: HINTS.blockedAccept,
    steps:
      "one connects and is silent, one sends 90 bytes of a name → the others talk, a newcomer joins",
    async run(scene: Scene) {
      const room = new Room(scene);
      await scene.connect("silent");
      const half = await scene.connect("half");
      await half.sends(message("Half a name").subarray(0, 90));
      await sleep(APART_MS);
      const [alice, kay] = await room.pair();
      await kay.says("Hi!");
      await alice.hearsFrom("Kay", "Hi!");
      const newcomer = await room.joins("Leo");
      await newcomer.says("me too");
      await alice.hearsFrom("Leo", "me too");
    },
  },
  {
    id: "C-S-28",
    title: "a line feed in front of the spaces",
    level: "extra",
    points: 1,
    quote: "",
    hint: {
      cause: "only spaces are stripped, and other people's clients leave the typed line feed",
      text: "strip() takes line feeds off as well as spaces.",
    },
    steps: "names, channels, texts and /list with a line feed behind them → as without",
    async run(scene: Scene) {
      const room = new Room(scene);
      const alice = await room.enters("Alice\n");
      await alice.says("/create lobby");
      await alice.says(`/create ${room.channel}\n`);
      await alice.settles();
      const kay = await room.joins("Kay");
      await alice.says("hi\n");
      await kay.hearsFrom("Alice", "hi");
      await alice.settles();
      await alice.says("/list\n");
      await alice.hearsList();
    },
  },
  {
    id: "C-S-29",
    title: "a text of 200 characters leaves what follows in step",
    level: "should",
    points: 2,
    quote: SAYS.fixed,
    hint: CHANNELS_HINTS.unpadded,
    steps: "K> 200 characters, then `ok` → Alice hears `[Kay] ok` as a message of its own",
    async run(scene: Scene) {
      const [alice, kay] = await new Room(scene).pair();
      await kay.says("x".repeat(MESSAGE_BYTES));
      await kay.says("ok");
      const before = await alice.hearsFrom("Kay", "ok");
      const count = before.join("").match(/x/g)?.length ?? 0;
      scene.note(
        `of a text of 200 characters, ${count} came, in ${before.length} ` +
          (before.length === 1 ? "message" : "messages"),
      );
    },
  },
];

// ---- what remains ----

const REMAINS: Case[] = [
  {
    id: "C-S-30",
    title: "/join of the own channel makes no one a member twice",
    level: "should",
    points: 1,
    quote: SAYS.joinMoves,
    hint: CHANNELS_HINTS.membership,
    steps: "K> /join of the own channel, Alice talks → Kay hears it once",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      await kay.says(`/join ${room.channel}`);
      await kay.settles();
      const notices = (await alice.settles()).filter((each) => each.includes("Kay has"));
      scene.note(
        `/join of the own channel: ${
          notices.length === 0 ? "no notice" : quoted(notices.join(", "))
        }`,
      );
      await alice.says("once");
      await alice.says("that was all");
      await kay.hearsFrom("Alice", "once");
      await kay.hearsNextFrom("Alice", "that was all");
    },
  },
  {
    id: "C-S-31",
    title: "/joinx, /listen, and a text with /list in it",
    level: "extra",
    points: 1,
    quote: SAYS.slash,
    hint: HINTS.prefixCommand,
    steps: "K> /joinx other, /listen, `see /lists` → no join, no list, a text",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const zoe = await room.enters("Zoe");
      await zoe.says(`/create ${room.channel}-other`);
      await zoe.settles();
      await kay.says(`/joinx ${room.channel}-other`);
      await kay.says("/listen");
      await kay.says("see /lists");
      await alice.hearsFrom("Kay", "see /lists");
      const answers = await kay.forgets();
      scene.expect(!answers.includes("lobby"), "no answer of /list to /listen", {
        where: "Kay",
        got: answers,
      });
      await kay.says(" /list");
      await kay.says("so");
      const seen = (await alice.hearsFrom("Kay", "so")).some((each) => each.includes("/list"));
      scene.note(`" /list" is ${seen ? "a text" : "a command"}`);
    },
  },
  {
    id: "C-S-33",
    title: "two clients of one name",
    level: "info",
    points: 0,
    quote: "",
    hint: HINTS.sharedTable,
    steps: "two clients of one name, Alice talks → do both hear it?",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      const second = await room.joins("Kay");
      await alice.says("which Kay?");
      await alice.settles();
      let heard = 0;
      for (const each of [kay, second]) {
        const came = await each.settles().catch(() => []);
        if (came.some((text) => text.includes("which Kay?"))) heard++;
      }
      scene.note(
        `two clients of one name: ${heard} of them ${heard === 1 ? "gets" : "get"} a text`,
      );
    },
  },
  {
    id: "C-S-34",
    title: "UTF-8, a blank text, an empty channel",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.undecodable,
    steps:
      "K> UTF-8, a byte that is none, a blank text → Alice hears what follows; is an empty channel kept?",
    async run(scene: Scene) {
      const room = new Room(scene);
      const [alice, kay] = await room.pair();
      await kay.says("grüße, 你好");
      await alice.hearsFrom("Kay", "grüße, 你好");
      const odd = message("odd");
      odd[3] = 0xff;
      await kay.says(odd);
      await kay.says("");
      await kay.says("still here");
      const before = await alice.hearsFrom("Kay", "still here");
      const blank = before.some((each) => each.trim() === "[Kay]");
      scene.note(`a blank text is ${blank ? "relayed" : "not relayed"}`);
      if (scene.runs) return;
      await kay.says(`/create ${room.channel}-empty`);
      await kay.says(`/join ${room.channel}`);
      await kay.settles();
      await kay.says("/list");
      const kept = (await kay.hearsList()).includes("-empty");
      scene.note(`a channel that is empty ${kept ? "stays" : "goes"}`);
    },
  },
  {
    id: "C-S-35",
    title: "twenty clients in a channel",
    level: "should",
    points: 2,
    quote: SAYS.concurrent,
    hint: HINTS.sharedTable,
    steps:
      "twenty clients, three texts each → every one hears the 57 of the others, each one's in order",
    async run(scene: Scene) {
      const room = new Room(scene);
      const members = [await room.opens("c0")];
      for (let i = 1; i < 20; i++) members.push(await room.joins(`c${i}`));
      for (const member of members) await member.settles();
      const texts = ["one", "two", "three"];
      await Promise.all(members.map(async (member) => {
        for (const text of texts) await member.says(text);
      }));
      for (const member of members) await member.settles();
      for (const [i, member] of members.entries()) {
        await hearsFromAll(scene, member, { others: members.length, without: i, texts });
      }
    },
  },
];

/** Fails unless this member got each text of every other one, each one's in order. */
async function hearsFromAll(
  scene: Scene,
  member: Member,
  { others, without, texts }: { others: number; without: number; texts: readonly string[] },
): Promise<void> {
  const { inbox, name } = member.peer;
  const missing = () =>
    Array.from({ length: others }, (_, i) => i).filter((i) => {
      if (i === without) return false;
      let at = 0;
      // Each text must stand behind the one before it.
      return !texts.every((text) => {
        const found = inbox.text.indexOf(spoken(scene, { name: `c${i}`, text }), at);
        at = found + 1;
        return found >= 0;
      });
    });
  for (let patience = 0; missing().length > 0 && patience < 20; patience++) {
    await sleep(scene.deadline / 20);
  }
  const first = missing()[0];
  scene.expect(
    first === undefined,
    `${
      texts.map((text) => quoted(spoken(scene, { name: `c${first}`, text }))).join(", ")
    }, in this order`,
    { where: name, got: inbox.all },
  );
}

/** Cases for a server of the channels. */
export const CHANNELS_SERVER: Suite = {
  protocol: "channels",
  role: "server",
  gate: "C-S-00",
  placeholders: { server: ["port"] },
  commands: ({ server }) => server === undefined ? undefined : { server: splitCommand(server) },
  cases: [...STARTING, ...CHANNELS, ...ERRORS, ...LEAVING, ...STREAM, ...REMAINS]
    .sort((a, b) => a.id < b.id ? -1 : 1),
};
