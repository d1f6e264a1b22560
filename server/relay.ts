/**
 * The relay chat server (CSC/CPE 138): clients register with a name, then list each other, message one
 * another and broadcast, a line of text for each request and each reply.
 *
 * ```
 * client: JOIN Alice      server: Alice joined!Connected to server!
 * client: BCST Hello      server: Alice is sending a broadcast     (others: Alice: Hello)
 * client: QUIT            server: Alice is quitting the chat server
 * ```
 *
 * Run it with `deno run --allow-net server.ts relay 8001`, and try it with `nc 127.0.0.1 8001`.
 *
 * @module
 */

import {
  LineSplitter,
  type Peer,
  reachable,
  runServer,
  serveSessions,
  type Serving,
  type Session,
} from "../lib/net.ts";
import { Fanout, type Flow, type Outbound } from "../lib/outbound.ts";
import {
  limitHelp,
  type Limits,
  parseOptions,
  port,
  UsageError,
  wholeNumber,
} from "../lib/program.ts";
import {
  CONSOLE,
  isBlank,
  line,
  LINE_END,
  message,
  parseRequest,
  prefix,
  type Request,
  TEXTS,
} from "../lib/wire/relay.ts";

/** The document's "up to and including 10". */
const USERS = 10;
/** A client that writes no line ends is heard after this silence; most of those that exist do not. */
const BARE_MS = 50;

/** What can be asked of the server beyond the document. */
export interface RelayOptions {
  /** Most registered users at once. Default: 10. */
  users?: number;
  /** How LIST is answered: one line with commas, as the document's sample, or a line a name. */
  list?: "commas" | "lines";
}

/** A client as the room sees it. */
export interface Member {
  /** The connection's number, which status lines show. */
  readonly id: number;
  /** What the member has registered as, or undefined. Set by the room. */
  user: User | undefined;
  /** Takes the lines for the client. */
  readonly outbound: Outbound;
}

/** A registered name, with the bytes that are sent again and again for it. */
export interface User {
  /** The name, of ASCII letters and digits. */
  readonly name: string;
  /** `Alice: `. */
  readonly prefix: Uint8Array;
  /** The line that tells her of her own broadcast. */
  readonly notice: Uint8Array;
}

/** The registered users, and what each request does to them. It knows no sockets. */
export class Room {
  readonly #users: number;
  readonly #separator: string;
  readonly #print: (line: string) => void;
  readonly #members = new Map<string, Member>();
  readonly #fanout: Fanout;

  /** An empty room; `print` takes the operator's status lines. */
  constructor(flow: Flow, { print, ...options }: RelayOptions & { print: (line: string) => void }) {
    this.#fanout = new Fanout(flow);
    this.#print = print;
    this.#users = options.users ?? USERS;
    this.#separator = options.list === "lines" ? "\n" : ",";
  }

  /** Carries a request out; false when the member's connection shall be closed. */
  request(member: Member, request: Request): boolean {
    if (request.type === "JOIN") return this.#join(member, request.name);
    if (request.type === "QUIT") return this.#quit(member);
    const { user } = member;
    if (!user) return this.#refuse(member, `${request.type}, unregistered,`, TEXTS.unregistered);
    switch (request.type) {
      case "LIST":
        this.#status(member, "LIST");
        member.outbound.send(line([...this.#members.keys()].join(this.#separator)));
        return true;
      case "MESG":
        return this.#message(user, member, request);
      case "BCST":
        this.#status(member, "BCST");
        this.#fanout.send([user.prefix, request.text, LINE_END], member.outbound);
        member.outbound.send(user.notice);
        return true;
      case "unknown":
        return this.#refuse(member, "unknown message", TEXTS.unknownMessage);
    }
  }

  /** Answers a request that is not carried out, and says so to the operator. Returns true. */
  refuseTooLong(member: Member, limit: number): true {
    return this.#refuse(member, "message too long", TEXTS.tooLong(limit));
  }

  /** Takes a member out whose connection has ended, however it did, and tells the others. */
  leave(member: Member): void {
    this.#status(member, "disconnected");
    if (!member.user) return;
    const { name } = member.user;
    this.#members.delete(name);
    this.#fanout.delete(member.outbound);
    member.user = undefined;
    this.#fanout.send([line(TEXTS.left(name))]);
  }

  #join(member: Member, name: string): boolean {
    if (member.user) {
      return this.#refuse(member, "JOIN again", TEXTS.alreadyRegistered(member.user.name));
    }
    if (this.#members.size >= this.#users) {
      this.#refuse(member, `JOIN ${name}, too many users (${this.#users})`, TEXTS.tooManyUsers);
      return false;
    }
    if (this.#members.has(name)) {
      return this.#refuse(member, `JOIN ${name}, name taken`, TEXTS.taken(name));
    }
    member.user = { name, prefix: prefix(name), notice: line(TEXTS.broadcasting(name)) };
    this.#members.set(name, member);
    this.#print(CONSOLE.joined(name));
    member.outbound.send(line(TEXTS.welcome(name)));
    this.#fanout.send([line(TEXTS.joined(name))]);
    this.#fanout.add(member.outbound);
    return true;
  }

  #message(from: User, member: Member, { to, text }: Request & { type: "MESG" }): true {
    const recipient = this.#members.get(to);
    if (!recipient) return this.#refuse(member, `MESG to ${to}, unknown`, TEXTS.unknownRecipient);
    this.#status(member, `MESG to ${to}`);
    recipient.outbound.send(message(from.prefix, text));
    return true;
  }

  #quit(member: Member): false {
    this.#status(member, "QUIT");
    if (member.user) member.outbound.send(line(TEXTS.quitting(member.user.name)));
    return false;
  }

  #refuse(member: Member, what: string, reply: string): true {
    this.#status(member, `${what} refused`);
    member.outbound.send(line(reply));
    return true;
  }

  #status(member: Member, what: string): void {
    this.#print(`[${member.id}] ${who(member)}: ${what}`);
  }
}

function who(member: Member): string {
  return member.user?.name ?? "unregistered";
}

/** Serves relay clients that come through `listener` until `serving.signal` is aborted. */
export async function serve(
  listener: Deno.TcpListener,
  serving: Serving & RelayOptions,
): Promise<void> {
  const { limits, flow, operator } = serving;
  const room = new Room(flow, { ...serving, print: operator.print });
  operator.print(CONSOLE.started);
  operator.note(`listening on ${reachable(listener.addr)}`);
  await serveSessions(listener, serving, {
    open: (peer) => session(peer, { room, limits, operator }),
    full: line(TEXTS.tooManyUsers),
  });
}

/** One client from its connection to its end. */
function session(
  { id, address, outbound }: Peer,
  { room, limits, operator }: Pick<Serving, "limits" | "operator"> & { room: Room },
): Session<Uint8Array> {
  const member: Member = { id, user: undefined, outbound };
  operator.print(CONSOLE.connected(address.hostname, address.port));
  return {
    splitter: new LineSplitter({ maxBytes: limits.unterminatedBytes, bareMs: BARE_MS }),
    take(bytes) {
      if (isBlank(bytes)) return true;
      if (bytes.length > limits.lineBytes) return room.refuseTooLong(member, limits.lineBytes);
      return room.request(member, parseRequest(bytes));
    },
    broken: () => void room.refuseTooLong(member, limits.unterminatedBytes),
    cut: (reason) => operator.note(`[${id}] ${who(member)} ${reason}: cut`, "cut"),
    left: () => room.leave(member),
  };
}

const LIMIT_FLAGS: readonly (keyof Limits)[] = [
  "lineBytes",
  "unterminatedBytes",
  "connections",
  "softBytes",
  "hardBytes",
  "stuckMs",
  "drainMs",
  "rate",
];

/** How the server is called. */
export const USAGE: string = `usage: server.ts relay PORT [options]

example: server.ts relay 8001

  PORT                    port to listen on, 0 for a free one
  --host ADDR             address to listen on (0.0.0.0)
  --users N               most registered users at once (${USERS})
  --list commas|lines     how LIST is answered (commas)
${limitHelp(LIMIT_FLAGS)}`;

/** Runs the server from its command line, until a signal ends it. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | void> {
  const options = await parseOptions(args, {
    words: ["PORT"],
    strings: ["host", "users", "list"],
    limits: LIMIT_FLAGS,
  });
  if (options.help) return "help";
  const { host: hostname = "0.0.0.0", users = String(USERS), list = "commas" } = options.strings;
  if (list !== "commas" && list !== "lines") {
    throw new UsageError(`--list must be commas or lines, not ${JSON.stringify(list)}`);
  }
  const relay = { users: wholeNumber(users, { name: "--users", min: 1 }), list } as const;
  const endpoint = { hostname, port: port(options.words[0]!), limits: options.limits };
  await runServer(endpoint, (listener, serving) => serve(listener, { ...serving, ...relay }));
}
