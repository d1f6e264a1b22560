/**
 * What cases of the channels (CEG 4188, CS168) share: a client that speaks in messages of 200 bytes, the
 * texts of `utils.py`, and the sentences of the document.
 *
 * @module
 */

import { bytes, nearest, quoted } from "./bytes.ts";
import { Failure, type Hint } from "./case.ts";
import { type Peer, sleep } from "./peer.ts";
import type { Scene } from "./scene.ts";

/** Every message, both ways, has this many bytes. */
export const MESSAGE_BYTES = 200;

/** Between what a server must read apart, in milliseconds. */
export const APART_MS = 40;

/** The texts of `utils.py`, as nearly all public copies have them. */
export const UTILS = {
  notInChannel: "Not currently in any channel. Must join a channel before sending messages.",
  joinNeedsName: "/join command must be followed by the name of a channel to join.",
  createNeedsName: "/create command must be followed by the name of a channel to create",
  noChannel: (name: string) => `No channel named ${name} exists. Try '/create ${name}'?`,
  exists: (name: string) => `Room ${name} already exists, so cannot be created.`,
  invalid: (message: string) =>
    `${message} is not a valid control message. Valid messages are /create, /list, and /join.`,
  joined: (name: string) => `${name} has joined`,
  left: (name: string) => `${name} has left`,
  disconnected: (host: string, port: number) => `Server at ${host}:${port} has disconnected`,
  cannotConnect: (host: string, port: number) => `Unable to connect to ${host}:${port}`,
} as const;

/** The document's sentences that cases rest on. */
export const SAYS = {
  port:
    "The server should accept a single command line argument that's the port that the server should run on.",
  name:
    "The first message that the server receives from the client should be used as the client's name.",
  fixed:
    "use fixed length messages that have 200 characters for all messages (including messages from the server to the client)",
  pad:
    "If a message is shorter than 200 characters, you should pad the message with spaces (and the receiver should strip any spaces off of the end of the message).",
  hold:
    "if a recv call returns only part of a message, your code should hold on to the part of the message until the remainder of the message is received, and then handle the complete message",
  several: "the case where more than one message is available in the socket's buffer",
  create:
    "/create <channel> should create a new channel with the given name, and add the client to the given channel.",
  createMoves: "As with the /join call, the client should be removed from any existing channels.",
  list:
    "should send a message back to the client with the names of all current channels, separated by newlines.",
  joined:
    "When a client is added to a channel, a message should be broadcasted to all existing members of the channel stating that the client has joined.",
  joinMoves:
    "Clients can only be in one channel at a time, so if the client is already in a channel, this command should remove the client from that channel.",
  talk:
    "These messages should be broadcasted to all other clients in the channel, preceded by the client's name in brackets (see the example below).",
  apart: "Messages should not be sent to client in different channels.",
  none:
    "If the client is not currently in a channel, the server should send an error message back to the client.",
  disconnects:
    "When a client disconnects, a message should be broadcasted to all members of the client's channel saying that the client disconnected.",
  concurrent: "allow many clients to be connected and sending messages concurrently",
  utils: "You are required to use the error messages defined in utils.py.",
  noChange:
    "When commands lead to an error, the command should not cause any changes at the server.",
  staysInAA:
    "if a client is currently in the AA channel and then tries to join a channel that doesn't exist, the client should not be removed from the AA channel",
  slash: 'control messages always begin with "/"',
} as const;

/** Hints that only these cases give. */
export const CHANNELS_HINTS = {
  unpadded: {
    cause: "a message is not exactly 200 bytes",
    text:
      "Build the whole text, its prefix too, cut it to 200 bytes, then pad it: text[:200].ljust(200).",
  },
  noName: {
    cause: "the client does not say its name",
    text: "Send the name, padded to 200 bytes, right behind connect().",
  },
  membership: {
    cause: "a client is in two channels, or in none",
    text:
      "Take the client out of its old channel (and tell its members) before you add it to the new one.",
  },
  audience: {
    cause: "a text goes to the wrong clients",
    text: "Send it to the members of the sender's channel, and skip the sender.",
  },
  errorChanges: {
    cause: "a command that fails changes something",
    text: "Check the command first, answer the error, and return before anything is changed.",
  },
  notWelcome: {
    cause: "the server answers where the document has no answer",
    text:
      "A client prints whatever comes: send nothing in answer to a name, to /create and to /join.",
  },
  listing: {
    cause: "/list does not answer with the names of the channels, a line each",
    text: "Answer with '\\n'.join(channels), in one padded message.",
  },
} as const satisfies Record<string, Hint>;

/** A text as a message: its bytes, padded with spaces on the right. */
export function message(text: string | Uint8Array): Uint8Array {
  const padded = new Uint8Array(MESSAGE_BYTES).fill(0x20);
  padded.set(bytes(text));
  return padded;
}

/** A long text whose beginning and end can be told from any half of it; 180 bytes. */
export function long(word: string): string {
  return `${word} begins ${"-".repeat(180 - 2 * word.length - 14)} ${word} ends`;
}

/** Text of a message without what it was padded with; one character a byte outside of UTF-8. */
export function stripped(data: Uint8Array): string {
  return new TextDecoder().decode(data).replace(/[\s\0]+$/, "");
}

/** Lets a program read what was sent before more is sent: longer where the machine is busy. */
export async function apart(): Promise<void> {
  for (let rounds = 0; rounds < 8; rounds++) {
    const start = performance.now();
    await sleep(APART_MS);
    if (performance.now() - start < 1.3 * APART_MS) return;
  }
}

// ---- clients of a server under test ----

/** A client of the server under test. */
export class Member {
  /** Its connection, for what is no whole message. */
  readonly peer: Peer;
  readonly #scene: Scene;
  /** How many bytes of the inbox were read as messages. */
  #read = 0;

  /** Takes over a connection on which the name is still to be said. */
  constructor(scene: Scene, peer: Peer) {
    this.#scene = scene;
    this.peer = peer;
  }

  /** Sends a text as one message, and lets the server read it before the next one comes. */
  async says(text: string | Uint8Array): Promise<void> {
    await this.peer.sends(message(text));
    await apart();
  }

  /** Waits for a text of somebody, in the form that the server was found to give it. */
  async hearsFrom(name: string, text: string, hints: { hint?: Hint } = {}): Promise<string[]> {
    return await this.hears(spoken(this.#scene, { name, text }), hints);
  }

  /** Waits for the next message, which must be a text of somebody. */
  async hearsNextFrom(name: string, text: string): Promise<void> {
    await this.hearsNext(spoken(this.#scene, { name, text }));
  }

  /**
   * Waits until this message comes; resolves to those that came before it. The hint `other` is given
   * where something else came in its place.
   */
  async hears(text: string, hints: { hint?: Hint; other?: Hint } = {}): Promise<string[]> {
    return await this.#until((each) => this.#same(each, text), text, hints);
  }

  /** Waits for the next message, which must be this one. */
  async hearsNext(text: string, hints: { hint?: Hint } = {}): Promise<void> {
    await this.#until((each) => this.#same(each, text), text, { ...hints, next: true });
  }

  /** Waits for an answer to `/list`, and resolves to it. */
  async hearsList(): Promise<string> {
    let listed = "";
    await this.#until((each) => each.includes(LOBBY) && (listed = each, true), LOBBY, {});
    return listed;
  }

  /**
   * Asks for something that every server answers, and waits for the answer: whatever this client said
   * was handled by then. Resolves to the messages that came before.
   */
  async settles(): Promise<string[]> {
    const sentinel = this.#scene.facts.get("sentinel") as { asks: string; hears?: string };
    await this.says(sentinel.asks);
    const expected = sentinel.hears ?? LOBBY;
    const before = await this.#until((each) => each.includes(expected), expected, {});
    // The list of a server that runs already may go on in further messages.
    if (this.#scene.facts.get("framed") === false || this.#scene.runs) await this.forgets();
    return before;
  }

  /** Lets come what is on its way, and resolves to its text: later expectations do not see it. */
  async forgets(): Promise<string> {
    const { inbox } = this.peer;
    await inbox.quiet(APART_MS);
    const pending = inbox.unread.length;
    const length = this.#scene.facts.get("framed") === false
      ? pending
      : pending - pending % MESSAGE_BYTES;
    this.#read += length;
    return new TextDecoder().decode(await inbox.bytes(length));
  }

  /** Fails when one of the texts (or any) came before the answer to a question that is asked now. */
  async hearsNothing({ of, hint }: { of?: string; hint?: Hint } = {}): Promise<void> {
    const came = (await this.settles()).filter((each) => of === undefined || each.includes(of));
    if (came.every((each) => each === "")) return;
    throw new Failure(of === undefined ? "nothing here" : `no ${quoted(of)} here`, {
      where: this.peer.name,
      got: bytes(came.join("\n")),
      mark: 0,
      ...hint ? { hint } : {},
    });
  }

  #same(got: string, text: string): boolean {
    if (got === text) return true;
    if (got.toLowerCase() !== text.toLowerCase()) return false;
    this.#scene.remark(`${quoted(got)} where utils.py and the document have ${quoted(text)}`);
    return true;
  }

  async #until(
    test: (text: string) => boolean,
    text: string,
    { next = false, ...hints }: { hint?: Hint; other?: Hint; next?: boolean },
  ): Promise<string[]> {
    if (this.#scene.facts.get("framed") === false) {
      return await this.#loosely(text, { ...hints, next });
    }
    const before: string[] = [];
    const start = this.#read;
    const limit = performance.now() + this.#scene.deadline;
    for (;;) {
      const left = limit - performance.now();
      let got: string | undefined;
      try {
        got = stripped(await this.peer.hearsBytes(MESSAGE_BYTES, { within: Math.max(left, 1) }));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
      if (got !== undefined) this.#read += MESSAGE_BYTES;
      if (got !== undefined && test(got)) return before;
      if (got === undefined || next) {
        throw this.#missed(text, { start, waited: got === undefined, ...hints });
      }
      before.push(got);
    }
  }

  /** For servers that do not pad: a message is found by its text. */
  async #loosely(
    text: string,
    { hint, next }: { hint?: Hint; next: boolean },
  ): Promise<string[]> {
    const before = stripped(bytes(await this.peer.hears(text, hint ? { hint } : {}))).trim();
    if (next && before !== "") {
      throw this.#missed(text, { start: 0, waited: false, ...hint ? { hint } : {} });
    }
    return before === "" ? [] : [before];
  }

  #missed(
    text: string,
    { start, waited, ...hints }: { start: number; waited: boolean; hint?: Hint; other?: Hint },
  ): Failure {
    const got = this.peer.inbox.all;
    const other = stripped(got.subarray(start)).trim() !== "";
    const hint = other && hints.other ? hints.other : hints.hint;
    const how = this.peer.inbox.ended;
    const ended = how === undefined ? "" : `; the connection was closed (${how}) before that`;
    return new Failure(`the message ${quoted(text)}${ended}`, {
      where: this.peer.name,
      got,
      mark: start + nearest(got.subarray(start), bytes(text)).at,
      ...waited && how === undefined ? { waited: this.#scene.deadline } : {},
      ...hint ? { hint } : {},
    });
  }
}

/** A text of a member as the server was found to give it to the others; `[name] text` by default. */
export function spoken(scene: Scene, { name, text }: { name: string; text: string }): string {
  const form = scene.facts.get("spoken") as string | undefined;
  return (form ?? "[{name}] {text}").replace("{name}", name).replace("{text}", () => text);
}

/** A channel that nobody talks in, and that no text names: an answer to `/list` is known by it. */
const LOBBY = "lobby";

/** The clients of one case, and the channel that they meet in. */
export class Room {
  /** The channel that `opens` creates. */
  readonly channel: string;
  readonly #scene: Scene;

  /** Clients of this scene; a server that runs already gets a channel that it does not have yet. */
  constructor(scene: Scene) {
    this.#scene = scene;
    this.channel = scene.runs ? `tas${crypto.randomUUID().slice(0, 8)}` : "tas";
  }

  /** Connects a client that says its name and is in no channel. */
  async enters(name: string, { resets = false } = {}): Promise<Member> {
    const peer = await this.#scene.connect(name, { resets });
    const member = new Member(this.#scene, peer);
    await member.says(name);
    return member;
  }

  /** Connects a client, and has it create the lobby and the channel. */
  async opens(name: string): Promise<Member> {
    const member = await this.enters(name);
    await member.says(`/create ${LOBBY}`);
    await member.says(`/create ${this.channel}`);
    await member.forgets();
    await member.settles();
    return member;
  }

  /** Connects a client, and has it join the channel, which must exist. */
  async joins(name: string, options: { resets?: boolean } = {}): Promise<Member> {
    const member = await this.enters(name, options);
    await member.says(`/join ${this.channel}`);
    await member.settles();
    return member;
  }

  /** Two clients in the channel that have heard of each other's arrival. */
  async pair(first = "Alice", second = "Kay"): Promise<[Member, Member]> {
    const one = await this.opens(first);
    const other = await this.joins(second);
    await one.settles();
    return [one, other];
  }

  /** Fails unless two fresh clients can talk in a channel of their own. */
  async alive(hint: Hint): Promise<void> {
    const [channel, text] = [`${this.channel}-after`, "still here"];
    const one = await this.enters("Una");
    await one.says(`/create ${LOBBY}`);
    await one.says(`/create ${channel}`);
    await one.forgets();
    await one.settles();
    const other = await this.enters("Otto");
    await other.says(`/join ${channel}`);
    await other.says(text);
    await one.hearsFrom("Otto", text, { hint });
  }
}
