#!/usr/bin/env -S deno run --allow-net
/**
 * The TCP chat servers: one role, three protocols, each a section that reads from its types to its command.
 *
 * - `relay` (CSC/CPE 138): lines of JOIN, LIST, MESG, BCST and QUIT.
 * - `channels` (CEG 4188's bonus question): channels in fixed frames of 200 bytes.
 * - `bridge` (CSE 150, "Let's Chat!"): registers where clients wait, and tells them of one another.
 *
 * ```sh
 * deno run --allow-net server.ts relay 8001         # try it with: nc 127.0.0.1 8001
 * deno run --allow-net server.ts channels 55555     # printf '%-200s' Ann '/create a' /list | nc -N 127.0.0.1 55555
 * deno run --allow-net server.ts bridge --port=5555 # printf 'BRIDGE\r\nclientID: Bob\r\n\r\n' | nc 127.0.0.1 5555
 * ```
 *
 * @module
 */

import {
  FixedSplitter,
  LineSplitter,
  type Peer,
  reachable,
  runServer,
  serveSessions,
  type Serving,
  type Session,
  within,
} from "./lib/net.ts";
import { Fanout, type Flow, type Outbound } from "./lib/outbound.ts";
import type { Operator } from "./lib/operator.ts";
import {
  limitHelp,
  parseOptions,
  port,
  type Protocol,
  runRole,
  StartError,
  TRACE_HELP,
  UsageError,
  wholeNumber,
} from "./lib/program.ts";
import * as bridge from "./lib/wire/bridge.ts";
import * as channels from "./lib/wire/channels.ts";
import * as relay from "./lib/wire/relay.ts";

/** What the command lines of all three take. */
const COMMON = ["connections", "softBytes", "hardBytes", "stuckMs", "drainMs", "rate"] as const;

// ---- relay (CSC/CPE 138) ----

/** The document's "up to and including 10". */
const USERS = 10;
/** Most clients of this assignment write no line end: what they sent is a line after this silence. */
const BARE_MS = 50;

/** What can be asked of the relay server beyond the document. */
export interface RelayOptions {
  /** Most registered users at once. Default: 10. */
  users?: number;
  /** How LIST is answered: one line with commas, as the document's sample, or a line a name. */
  list?: "commas" | "lines";
}

/** A connection as the room sees it; `user` is set by the room. */
interface Caller {
  readonly id: number;
  readonly outbound: Outbound;
  user?: User | undefined;
}

/** A registered name, with the bytes that are sent again and again for it. */
interface User {
  readonly name: string;
  /** `Alice: `. */
  readonly prefix: Uint8Array;
  /** The notice that the user gets of a broadcast of their own. */
  readonly notice: Uint8Array;
}

/** The registered users, and what each request does to them. It knows no sockets. */
class Room {
  readonly #users: number;
  readonly #separator: string;
  readonly #print: (line: string) => void;
  readonly #callers = new Map<string, Caller>();
  readonly #fanout: Fanout;
  /** The answer to LIST, until somebody joins or leaves. */
  #list: Uint8Array | undefined;

  constructor({ flow, operator, users, list }: Serving & RelayOptions) {
    this.#fanout = new Fanout(flow);
    this.#print = operator.print;
    this.#users = users ?? USERS;
    this.#separator = list === "lines" ? "\n" : ",";
  }

  /** Carries a request out; false when the caller's connection shall be closed. */
  request(caller: Caller, request: relay.Request): boolean {
    if (request.type === "JOIN") return this.#join(caller, request);
    if (request.type === "QUIT") return this.#quit(caller);
    const { user } = caller;
    if (!user) {
      return this.refuse(caller, `${request.type}, unregistered,`, relay.TEXTS.unregistered);
    }
    switch (request.type) {
      case "LIST":
        this.#status(caller, "LIST");
        this.#list ??= relay.line([...this.#callers.keys()].join(this.#separator));
        caller.outbound.send(this.#list);
        return true;
      case "MESG":
        return this.#message(user, caller, request);
      case "BCST":
        this.#status(caller, "BCST");
        this.#fanout.send([user.prefix, request.text, relay.LINE_END], caller.outbound);
        caller.outbound.send(user.notice);
        return true;
      case "unknown":
        return this.refuse(caller, "unknown message", relay.TEXTS.unknownMessage);
    }
  }

  /** Answers a request that is not carried out, and says so to the operator. */
  refuse(caller: Caller, what: string, reply: string): true {
    this.#status(caller, `${what} refused`);
    caller.outbound.send(relay.line(reply));
    return true;
  }

  /** Takes out a caller whose connection has ended, however it did, and tells the others. */
  leave(caller: Caller): void {
    this.#status(caller, "disconnected");
    if (!caller.user) return;
    const { name } = caller.user;
    this.#callers.delete(name);
    this.#list = undefined;
    this.#fanout.delete(caller.outbound);
    caller.user = undefined;
    this.#fanout.send([relay.line(relay.TEXTS.left(name))]);
  }

  #join(caller: Caller, request: relay.Request & { type: "JOIN" }): boolean {
    const { TEXTS } = relay;
    const { name } = request;
    if (caller.user) {
      return this.refuse(caller, "JOIN again", TEXTS.alreadyRegistered(caller.user.name));
    }
    if (name === undefined) return this.refuse(caller, "JOIN without a name", request.refusal);
    if (this.#callers.size >= this.#users) {
      this.refuse(caller, `JOIN ${name}, too many users (${this.#users})`, TEXTS.tooManyUsers);
      return false;
    }
    if (this.#callers.has(name)) {
      return this.refuse(caller, `JOIN ${name}, name taken`, TEXTS.taken(name));
    }
    const notice = relay.line(TEXTS.broadcasting(name));
    caller.user = { name, prefix: relay.prefix(name), notice };
    this.#callers.set(name, caller);
    this.#list = undefined;
    this.#print(relay.CONSOLE.joined(name));
    caller.outbound.send(relay.line(TEXTS.welcome(name)));
    this.#fanout.send([relay.line(TEXTS.joined(name))]);
    this.#fanout.add(caller.outbound);
    return true;
  }

  #message(from: User, caller: Caller, { to, text }: relay.Request & { type: "MESG" }): true {
    const recipient = this.#callers.get(to);
    if (!recipient) {
      return this.refuse(caller, `MESG to ${to}, unknown`, relay.TEXTS.unknownRecipient);
    }
    this.#status(caller, `MESG to ${to}`);
    recipient.outbound.send(relay.message(from.prefix, text));
    return true;
  }

  #quit(caller: Caller): false {
    this.#status(caller, "QUIT");
    if (caller.user) caller.outbound.send(relay.line(relay.TEXTS.quitting(caller.user.name)));
    return false;
  }

  #status(caller: Caller, what: string): void {
    this.#print(`[${caller.id}] ${nameOf(caller)}: ${what}`);
  }
}

function nameOf({ user }: Caller): string {
  return user?.name ?? "unregistered";
}

/** Serves relay clients that come through `listener` until `serving.signal` is aborted. */
export async function serveRelay(
  listener: Deno.TcpListener,
  serving: Serving & RelayOptions,
): Promise<void> {
  const { limits, operator } = serving;
  const room = new Room(serving);
  operator.print(relay.CONSOLE.started);
  operator.note(`listening on ${reachable(listener.addr)}`);
  await serveSessions<Uint8Array>(listener, serving, {
    full: relay.line(relay.TEXTS.tooManyUsers),
    open({ id, address: { hostname, port }, outbound }) {
      const caller: Caller = { id, outbound };
      const tooLong = (limit: number) =>
        room.refuse(caller, "message too long", relay.TEXTS.tooLong(limit));
      operator.print(relay.CONSOLE.connected(hostname, port));
      return {
        splitter: new LineSplitter({ maxBytes: limits.unterminatedBytes, bareMs: BARE_MS }),
        take(line) {
          if (relay.isBlank(line)) return true;
          if (line.length > limits.lineBytes) return tooLong(limits.lineBytes);
          return room.request(caller, relay.parseRequest(line));
        },
        broken: () => void tooLong(limits.unterminatedBytes),
        cut: (reason) => operator.note(`[${id}] ${nameOf(caller)} ${reason}: cut`, "cut"),
        left: () => room.leave(caller),
      };
    },
  });
}

const RELAY_LIMITS = ["lineBytes", "unterminatedBytes", ...COMMON] as const;

const RELAY: Protocol = {
  USAGE: `usage: server.ts relay PORT [options]

example: server.ts relay 8001

  PORT                    port to listen on, 0 for a free one
  --host ADDR             address to listen on (0.0.0.0)
  --users N               most registered users at once (${USERS})
  --list commas|lines     how LIST is answered (commas)
${limitHelp(RELAY_LIMITS)}${TRACE_HELP}`,

  async run(args) {
    const strings = ["host", "users", "list"];
    const options = await parseOptions(args, { words: ["PORT"], strings, limits: RELAY_LIMITS });
    if (options.help) return "help";
    const { host: hostname = "0.0.0.0", users = String(USERS), list = "commas" } = options.strings;
    if (list !== "commas" && list !== "lines") {
      throw new UsageError(`--list must be commas or lines, not ${JSON.stringify(list)}`);
    }
    const asked = { users: wholeNumber(users, { name: "--users", min: 1 }), list } as const;
    const endpoint = { hostname, port: port(options.words[0]!), limits: options.limits };
    await runServer(endpoint, (on, serving) => serveRelay(on, { ...serving, ...asked }));
  },
};

// ---- channels (CEG 4188) ----

/** A frame that one client can make the server send as often as it sends one: all share these bytes. */
const NOT_IN_CHANNEL = channels.frame(channels.TEXTS.notInChannel);
/** A client that does not pad its frames waits for an answer that never comes: after this it is named. */
const UNPADDED_MS = 3000;
/** Far more than a class makes, and a bound on what strangers can make the server keep. */
const MOST_CHANNELS = 10_000;
/** An empty channel stays listed and may be joined; after this it may give way to a new one. */
const FORGET_MS = 3_600_000;
/** Most time between two pages of a list, in which the other sessions have their turns. */
const PAGE_MS = 20;

/** What can be asked of the channel server beyond the document. */
export interface ChannelsOptions {
  /** Most channels at once. Default: 10,000. */
  channels?: number;
}

/** A client that has said its name. Names need not be unique: a member is a connection. */
interface Member {
  readonly name: string;
  /** `[name] `. */
  readonly prefix: Uint8Array;
  readonly outbound: Outbound;
  /** The channel that it is in, if any. */
  channel?: Fanout | undefined;
}

/** All channels by their names, in order of creation, and what each request does. It knows no sockets. */
class Channels {
  readonly #flow: Flow;
  readonly #note: Operator["note"];
  readonly #most: number;
  readonly #channels = new Map<string, Fanout>();
  /** When each empty channel lost its last member, the one that is empty longest first. */
  readonly #emptySince = new Map<Fanout, number>();
  #listing = new channels.Listing();

  constructor({ flow, operator, channels: most }: Serving & ChannelsOptions) {
    this.#flow = flow;
    this.#note = operator.note;
    this.#most = most ?? MOST_CHANNELS;
  }

  /** Carries out what a frame of the member asks for. A command that fails changes nothing. */
  request(member: Member, request: channels.Request): Promise<void> | void {
    const { outbound, channel, prefix } = member;
    switch (request.type) {
      case "text":
        if (!channel) return outbound.send(NOT_IN_CHANNEL);
        return channel.send(channels.parts(prefix, request.text), outbound);
      case "list":
        return this.#list(outbound);
      case "create":
        return this.#create(member, request.channel);
      case "join":
        return this.#join(member, request.channel);
      case "invalid":
        return this.#answer(member, channels.TEXTS.invalidControl(request.message));
    }
  }

  /** Takes the member out of its channel, however it left, and tells the rest. */
  leave(member: Member): void {
    const { channel } = member;
    if (!channel) return;
    channel.delete(member.outbound);
    channel.send([channels.frame(channels.TEXTS.left(member.name))]);
    member.channel = undefined;
    if (channel.size === 0) this.#emptySince.set(channel, this.#flow.clock.now());
  }

  async #list(outbound: Outbound): Promise<void> {
    const { softBytes } = this.#flow.limits;
    let pause = false;
    for (const page of this.#listing.pages()) {
      // A list may be longer than the bound of a queue, and the other sessions have their turns.
      for (; pause; pause = outbound.backlog > softBytes) await within(PAGE_MS, outbound.drained());
      outbound.send(page);
      pause = true;
    }
  }

  #create(member: Member, name: string | undefined): void {
    const { TEXTS } = channels;
    if (!name) return this.#answer(member, TEXTS.createWhat);
    if (this.#channels.has(name)) return this.#answer(member, TEXTS.channelExists(name));
    if (this.#channels.size >= this.#most && !this.#forgetOne()) {
      this.#note(`refused to create a channel: the limit is ${this.#most} channels`, "channels");
      return this.#answer(member, TEXTS.tooManyChannels(name));
    }
    const channel = new Fanout(this.#flow);
    this.#channels.set(name, channel);
    this.#listing.add(name);
    this.#enter(member, channel);
  }

  /** Makes room for one channel; false where each has members, or had some within the last hour. */
  #forgetOne(): boolean {
    const [longest] = this.#emptySince;
    if (!longest || this.#flow.clock.now() - longest[1] < FORGET_MS) return false;
    const [name] = [...this.#channels].find(([, channel]) => channel === longest[0])!;
    this.#emptySince.delete(longest[0]);
    this.#channels.delete(name);
    this.#listing = new channels.Listing(this.#channels.keys());
    this.#note(`forgot ${name}: it was empty for an hour, and one more was asked for`, "forgot");
    return true;
  }

  #join(member: Member, name: string | undefined): void {
    if (!name) return this.#answer(member, channels.TEXTS.joinWhat);
    const channel = this.#channels.get(name);
    if (!channel) return this.#answer(member, channels.TEXTS.noChannel(name));
    this.#enter(member, channel);
  }

  #enter(member: Member, channel: Fanout): void {
    // The old channel hears of the leaving before the new one hears of the joining.
    this.leave(member);
    channel.send([channels.frame(channels.TEXTS.joined(member.name))]);
    channel.add(member.outbound);
    this.#emptySince.delete(channel);
    member.channel = channel;
  }

  #answer(member: Member, text: string): void {
    member.outbound.send(channels.frame(text));
  }
}

/** One connection of the channel server, from its first byte to its end. */
function channelSession(
  peer: Peer,
  { all, limits, operator }: Serving & { all: Channels },
): Session<Uint8Array> {
  const { id, address: { hostname, port }, outbound } = peer;
  let member: Member | undefined;
  const name = () => member?.name ?? "without a name";
  const note = (what: string, kind: string) => operator.note(`[${id}] ${what}`, kind);
  let introduction: ReturnType<typeof setTimeout> | undefined = setTimeout(() => {
    note(`without a name for ${limits.introduceMs} ms: closed`, "introduction");
    peer.close();
  }, limits.introduceMs);
  const unpadded = (bytes: number) =>
    note(`has sent ${bytes} of 200 bytes: does the client pad its messages?`, "unpadded");
  note(`connected from ${hostname}:${port}`, "in");
  return {
    splitter: new FixedSplitter(channels.FRAME_BYTES, { afterMs: UNPADDED_MS, tell: unpadded }),
    take(bytes) {
      if (member) return all.request(member, channels.parseRequest(bytes));
      clearTimeout(introduction);
      // A reference to a timer keeps its memory, and there are thousands of sessions.
      introduction = undefined;
      const said = channels.parseName(bytes);
      if (said !== undefined) member = { name: said, prefix: channels.prefix(said), outbound };
      else note("sent no name: closed", "no name");
      return member !== undefined;
    },
    cut: (reason) => note(`${name()} ${reason}: cut`, "cut"),
    left() {
      clearTimeout(introduction);
      if (member) all.leave(member);
      note(`${name()} disconnected`, "out");
    },
  };
}

/** Serves channel clients that come through `listener` until `serving.signal` is aborted. */
export async function serveChannels(
  listener: Deno.TcpListener,
  serving: Serving & ChannelsOptions,
): Promise<void> {
  const shared = { ...serving, all: new Channels(serving) };
  serving.operator.note(`listening on ${reachable(listener.addr)}`);
  await serveSessions(listener, serving, { open: (peer) => channelSession(peer, shared) });
}

const CHANNELS_LIMITS = ["introduceMs", ...COMMON] as const;

const CHANNELS: Protocol = {
  USAGE: `usage: server.ts channels PORT [options]

example: server.ts channels 55555

  PORT                    port to listen on, 0 for a free one
  --host ADDR             address to listen on (0.0.0.0)
  --channels N            most channels at once (${MOST_CHANNELS})
${limitHelp(CHANNELS_LIMITS)}${TRACE_HELP}`,

  async run(args) {
    const strings = ["host", "channels"];
    const options = await parseOptions(args, { words: ["PORT"], strings, limits: CHANNELS_LIMITS });
    if (options.help) return "help";
    const { host: hostname = "0.0.0.0", channels: most = String(MOST_CHANNELS) } = options.strings;
    const asked = { channels: wholeNumber(most, { name: "--channels", min: 1 }) };
    const endpoint = { hostname, port: port(options.words[0]!), limits: options.limits };
    await runServer(endpoint, (on, serving) => serveChannels(on, { ...serving, ...asked }));
  },
};

// ---- bridge (CSE 150) ----

/** Far more than the document's two, and a bound on what strangers can make the server keep. */
const CLIENTS = 65_536;
/** A client closes after its answer; where it does not, the server does after this silence. */
const LINGER_MS = 5000;
/** Lines of `/info` between two looks at whether standard output keeps up. */
const INFO_LINES = 500;
/** Bytes of a typed line: the only command has five. */
const TYPED_BYTES = 4096;
const LF = 0x0a;

/** What can be asked of the bridge server beyond the document. */
export interface BridgeOptions {
  /** Most registered clients. Default: 65,536. */
  clients?: number;
  /** Silence in ms after an answer after which the server closes. Default: 5,000. */
  lingerMs?: number;
}

/** The registered clients. */
export class Contacts {
  /** By their ids in the order of registration; a client that registers again goes to the end. */
  readonly byId: Map<string, bridge.Contact> = new Map();
  readonly #store: ((contact: bridge.Contact) => void) | undefined;
  /** The two that were registered last, the last one first: BRIDGE asks for nothing else. */
  #last: [bridge.Contact?, bridge.Contact?] = [];

  /** Begins with these; `store` keeps each further one beyond the process's end, or throws. */
  constructor(known: Iterable<bridge.Contact> = [], store?: (contact: bridge.Contact) => void) {
    for (const contact of known) this.put(contact);
    this.#store = store;
  }

  /** Puts a contact in, in place of that of the same id. Throws as the store does, and changes nothing. */
  put(contact: bridge.Contact): void {
    this.#store?.(contact);
    this.byId.delete(contact.id);
    this.byId.set(contact.id, contact);
    const [last, before] = this.#last;
    this.#last = [contact, last?.id === contact.id ? before : last];
  }

  /** The contact that was registered last, other than this id's. */
  other(id: string): bridge.Contact | undefined {
    return this.#last.find((contact) => contact && contact.id !== id);
  }
}

/** Answers requests out of the contacts. It knows no sockets. */
class Desk {
  readonly #contacts: Contacts;
  readonly #operator: Operator;
  readonly #clients: number;

  constructor({ contacts, operator, clients }: Serving & BridgeOptions & { contacts: Contacts }) {
    this.#contacts = contacts;
    this.#operator = operator;
    this.#clients = clients ?? CLIENTS;
  }

  /** Carries a request out; false when the connection shall be closed behind the answer. */
  request(client: Outbound, block: bridge.Block): boolean {
    const request = bridge.parseRequest(block);
    switch (request.type) {
      case "REGISTER": {
        const reason = this.#register(client, request.contact);
        return reason === undefined || this.refuse(client, block, reason);
      }
      case "BRIDGE":
        return this.#bridge(client, request.id);
      case "refused":
        return this.refuse(client, block, request.reason);
      case "unknown":
        // The document wants no message types beside its own, so there is no answer to this one.
        this.#operator.note(`closed a connection that asked for ${quoted(block)}`, "unknown");
        return false;
    }
  }

  /** Says why a request is not carried out, if its type has an answer; the connection ends with it. */
  refuse(client: Outbound, block: bridge.Block, reason: string): false {
    this.#operator.note(`refused ${quoted(block)}: ${reason}`, "refused");
    const answer = bridge.refusal(block, reason);
    if (answer) client.send(answer);
    return false;
  }

  /** Returns why not, where it cannot be done. */
  #register(client: Outbound, contact: bridge.Contact): string | undefined {
    const { byId } = this.#contacts;
    const full = byId.size >= this.#clients && !byId.has(contact.id);
    if (full) return `server full (${this.#clients} clients)`;
    try {
      this.#contacts.put(contact);
    } catch (error) {
      // A full disk must not end the server, nor be answered as if the contact were there.
      this.#operator.note(`cannot store a contact: ${(error as Error).message}`, "store");
      return "the contact could not be stored";
    }
    this.#operator.print(bridge.CONSOLE.registered(contact));
    client.send(bridge.MESSAGES.regack(contact));
    return undefined;
  }

  #bridge(client: Outbound, id: string): true {
    const asker = this.#contacts.byId.get(id);
    const peer = asker && this.#contacts.other(id);
    if (asker) this.#operator.print(bridge.CONSOLE.bridged(asker, peer));
    else this.#operator.note(`BRIDGE from ${id}, who is not registered`, "unregistered");
    client.send(bridge.MESSAGES.bridgeack(peer));
    return true;
  }
}

function quoted({ type }: bridge.Block): string {
  return JSON.stringify(type.slice(0, 40));
}

/** Serves bridge clients that come through `listener` until `serving.signal` is aborted. */
export async function serveBridge(
  listener: Deno.TcpListener,
  serving: Serving & BridgeOptions & { contacts: Contacts },
): Promise<void> {
  const { limits, operator, lingerMs = LINGER_MS } = serving;
  const { lineBytes, unterminatedBytes: blockBytes } = limits;
  const desk = new Desk(serving);
  operator.print(bridge.CONSOLE.listening(reachable(listener.addr)));
  await serveSessions<bridge.Block>(listener, serving, {
    open(peer) {
      const splitter = new bridge.BlockSplitter({ lineBytes, blockBytes });
      const letGo = () => peer.close();
      let timer = setTimeout(letGo, limits.introduceMs);
      return {
        splitter,
        take(block) {
          clearTimeout(timer);
          timer = setTimeout(letGo, lingerMs);
          return desk.request(peer.outbound, block);
        },
        broken({ message }) {
          desk.refuse(peer.outbound, { type: splitter.error!.type, headers: [] }, message);
        },
        cut: (reason) => operator.note(`a client ${reason}: cut`, "cut"),
        left: () => clearTimeout(timer),
      };
    },
  });
}

/** Reads what the operator types, until `signal` is aborted or it ends, which ends nothing else. */
async function readCommands({ signal, operator, contacts }: Serving & { contacts: Contacts }) {
  // Loaded where it is used: no other server needs the package.
  const { TextLineStream } = await import("@std/streams/text-line-stream");
  // A read that is under way would keep the process from ending: the signal cancels it.
  const lines = Deno.stdin.readable.pipeThrough(boundedLines(TYPED_BYTES), { signal })
    .pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  let printed = 0;
  try {
    for await (const line of lines) {
      if (line.trimEnd() !== "/info") continue;
      for (const contact of [...contacts.byId.values()]) {
        if (signal.aborted) return;
        operator.print(bridge.CONSOLE.contact(contact));
        if (++printed % INFO_LINES === 0) await operator.flush();
      }
    }
  } catch {
    // A terminal that has hung up types nothing more; the server goes on.
  }
}

/** Drops what a line has beyond `most` bytes: the stream of lines behind it has no bound of its own. */
function boundedLines(most: number): TransformStream<Uint8Array, Uint8Array<ArrayBuffer>> {
  let length = 0;
  return new TransformStream({
    transform(bytes, controller) {
      controller.enqueue(bytes.filter((byte) => (length = byte === LF ? 0 : length + 1) <= most));
    },
  });
}

const BRIDGE_LIMITS = ["lineBytes", "unterminatedBytes", ...CHANNELS_LIMITS] as const;

const BRIDGE: Protocol = {
  USAGE: `usage: server.ts bridge --port=PORT [options]

example: server.ts bridge --port=5555
then type /info to see who is registered

  --port N, -p N          port to listen on, 0 for a free one
  --host ADDR             address to listen on (0.0.0.0)
  --contacts FILE         file that keeps the contacts, needs --allow-read and --allow-write (memory)
  --clients N             most registered clients (${CLIENTS})
${limitHelp(BRIDGE_LIMITS)}${TRACE_HELP}`,

  async run(args) {
    const strings = ["port", "host", "contacts", "clients"];
    const alias = { port: "p" };
    const options = await parseOptions(args, { strings, alias, limits: BRIDGE_LIMITS });
    if (options.help) return "help";
    const { host: hostname = "0.0.0.0", contacts: file, clients = `${CLIENTS}` } = options.strings;
    if (options.strings["port"] === undefined) throw new UsageError("missing --port");
    const endpoint = { hostname, port: port(options.strings["port"]), limits: options.limits };
    const asked = { clients: wholeNumber(clients, { name: "--clients", min: 1 }) };
    const allowed = file !== undefined && await mayKeep(file);
    using kept = allowed ? await openContacts(file) : undefined;
    const contacts = kept?.contacts ?? new Contacts();
    const inMemory =
      `the contacts are kept in memory: ${file} needs --allow-read and --allow-write`;
    await runServer(endpoint, async (listener, serving) => {
      if (file !== undefined && !allowed) serving.operator.note(inMemory);
      // Not awaited: it may wait for a standard output that nobody reads.
      readCommands({ ...serving, contacts });
      await serveBridge(listener, { ...serving, ...asked, contacts });
    });
  },
};

// ---- the bridge's contact file ----

/**
 * WAL with NORMAL: a commit is a write without waiting for the disk, 70,000 a second instead of 1,000.
 * It survives the end of the process, however that comes, and at worst not a loss of power.
 */
const SETUP = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS contacts (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    ip TEXT NOT NULL,
    port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535)
  ) STRICT;
`;

/** A lock of another process may stop the server for so long, all in all, until it is gone. */
const PATIENCE_MS = 200;

/**
 * Opens the SQLite database in `file`, which needs read and write permission: its contacts, and with
 * each that is put from now on the file holds it once `put` returns, even if this process is killed at
 * once. Rejects with a {@linkcode StartError} when it cannot be had or is no such database.
 */
export async function openContacts(file: string): Promise<Disposable & { contacts: Contacts }> {
  // Loaded where a file is asked for: the server starts faster without.
  const { DatabaseSync } = await import("node:sqlite");
  try {
    const database = new DatabaseSync(file, { timeout: PATIENCE_MS });
    database.exec(SETUP);
    // REPLACE deletes the old row, so that a client that registers again is the last to have registered.
    const put = database.prepare("INSERT OR REPLACE INTO contacts (id, ip, port) VALUES (?, ?, ?)");
    const known = database.prepare("SELECT id, ip, port FROM contacts ORDER BY seq").all();
    const contacts = new Contacts(known as unknown as bridge.Contact[], ({ id, ip, port }) => {
      let patienceMs = 0;
      try {
        put.run(id, ip, port);
        patienceMs = PATIENCE_MS;
      } finally {
        // Behind a lock the next contact is refused at once: waiting for each would stop all clients.
        database.exec(`PRAGMA busy_timeout = ${patienceMs}`);
      }
    });
    return { contacts, [Symbol.dispose]: () => database.close() };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`cannot use the contacts file ${file}: ${reason}`);
  }
}

/** Whether the file may be read and written without anybody being asked. */
async function mayKeep(file: string): Promise<boolean> {
  const states = await Promise.all(
    (["read", "write"] as const).map((name) => Deno.permissions.query({ name, path: file })),
  );
  return states.every(({ state }) => state === "granted");
}

// ---- command ----

/** How the role is called when no protocol is named. */
const USAGE = `usage: server.ts PROTOCOL ...

example: server.ts relay 8001

  bridge --port=PORT      registers where clients wait, and tells them of one another
  channels PORT           channels in fixed frames of 200 bytes
  relay PORT              lines of JOIN, LIST, MESG, BCST and QUIT

server.ts PROTOCOL --help shows the options of one.
`;

/** Runs a server; returns the exit code: 0 for an orderly end, 1 for a failure, 2 for bad usage. */
export async function main(args: readonly string[]): Promise<number> {
  const protocols = { bridge: BRIDGE, channels: CHANNELS, relay: RELAY };
  return await runRole(args, { protocols, usage: USAGE });
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
