/**
 * The channel server (CEG 4188's bonus question): clients create, join and list channels, and what one
 * says goes to the others of its channel. Every message, both ways, is a frame of 200 bytes.
 *
 * ```
 * client: Alice␠…      (its name: nothing is answered)
 * client: /join tas␠…  others: Alice has joined␠…
 * client: Hello␠…      others: [Alice] Hello␠…
 * ```
 *
 * Run it with `deno run --allow-net server.ts channels 55555`, and try it with
 * `printf '%-200s' Alice '/create tas' /list | nc -N 127.0.0.1 55555`.
 *
 * @module
 */

import {
  acceptSessions,
  FixedSplitter,
  frames,
  hangUp,
  isDisconnect,
  Pace,
  reachable,
  runServer,
  type Serving,
  tryClose,
} from "../lib/net.ts";
import { Fanout, type Flow, Outbound } from "../lib/outbound.ts";
import { limitHelp, type Limits, parseOptions, port } from "../lib/program.ts";
import {
  frame,
  FRAME_BYTES,
  listing,
  parseName,
  parseRequest,
  parts,
  prefix,
  type Request,
  TEXTS,
} from "../lib/wire/channels.ts";

/** A frame that one client can make the server send as often as it sends one: all share these bytes. */
const NOT_IN_CHANNEL = frame(TEXTS.notInChannel);

/** A client that has said its name. Names need not be unique: a member is a connection. */
export interface Member {
  /** What the others know it by. */
  readonly name: string;
  /** `[name] `. */
  readonly prefix: Uint8Array;
  /** Takes the frames for the client. */
  readonly outbound: Outbound;
  /** The channel that it is in, if any. Set by {@linkcode Channels}. */
  channel?: Fanout | undefined;
}

/** All channels by their names, in order of creation, and what each request does. It knows no sockets. */
export class Channels {
  readonly #flow: Flow;
  readonly #channels = new Map<string, Fanout>();
  /** What `/list` sends, until there is one more channel: all who ask share the same bytes. */
  #listing: Uint8Array | undefined;

  /** No channels yet. */
  constructor(flow: Flow) {
    this.#flow = flow;
  }

  /** Carries out what a frame of the member asks for. A command that fails changes nothing. */
  request(member: Member, request: Request): void {
    switch (request.type) {
      case "text":
        if (!member.channel) return member.outbound.send(NOT_IN_CHANNEL);
        return member.channel.send(parts(member.prefix, request.text), member.outbound);
      case "list":
        // In one piece: a list may be longer than what may wait for a reader in many.
        return member.outbound.send(this.#listing ??= listing(this.#channels.keys()));
      case "create":
        return this.#create(member, request.channel);
      case "join":
        return this.#join(member, request.channel);
      case "invalid":
        return member.outbound.send(frame(TEXTS.invalidControl(request.message)));
    }
  }

  /** Takes the member out of its channel, however it left, and tells the rest. */
  leave(member: Member): void {
    member.channel?.delete(member.outbound);
    member.channel?.send([frame(TEXTS.left(member.name))]);
    member.channel = undefined;
  }

  #create(member: Member, name: string | undefined): void {
    if (!name) return member.outbound.send(frame(TEXTS.createWhat));
    if (this.#channels.has(name)) return member.outbound.send(frame(TEXTS.channelExists(name)));
    const channel = new Fanout(this.#flow);
    this.#channels.set(name, channel);
    this.#listing = undefined;
    this.#enter(member, channel);
  }

  #join(member: Member, name: string | undefined): void {
    if (!name) return member.outbound.send(frame(TEXTS.joinWhat));
    const channel = this.#channels.get(name);
    if (!channel) return member.outbound.send(frame(TEXTS.noChannel(name)));
    this.#enter(member, channel);
  }

  #enter(member: Member, channel: Fanout): void {
    // The old channel hears of the leaving before the new one hears of the joining.
    this.leave(member);
    channel.send([frame(TEXTS.joined(member.name))]);
    channel.add(member.outbound);
    member.channel = channel;
  }
}

/** The client that a first frame names, or undefined when that is no name. */
function introduced(bytes: Uint8Array, outbound: Outbound): Member | undefined {
  const name = parseName(bytes);
  return name === undefined ? undefined : { name, prefix: prefix(name), outbound };
}

/** One client from its connection to its end. */
async function session(
  conn: Deno.TcpConn,
  id: number,
  { channels, signal, limits, flow, operator }: Serving & { channels: Channels },
): Promise<void> {
  const who = () => `[${id}] ${member?.name ?? "without a name"}`;
  const outbound = new Outbound(conn, flow, {
    onCut: (reason) => {
      if (reason) operator.note(`${who()} ${reason}: cut`, "cut");
      tryClose(conn);
    },
  });
  const pace = new Pace(limits.rate);
  let member: Member | undefined;
  let introduction: ReturnType<typeof setTimeout> | undefined = setTimeout(() => {
    operator.note(`${who()} for ${limits.introduceMs} ms: closed`, "introduction");
    tryClose(conn);
  }, limits.introduceMs);
  operator.note(`[${id}] connected from ${conn.remoteAddr.hostname}:${conn.remoteAddr.port}`, "in");
  try {
    for await (const batch of frames(conn, new FixedSplitter(FRAME_BYTES))) {
      for (const each of batch) {
        if (signal.aborted) return;
        if (member) {
          channels.request(member, parseRequest(each));
        } else {
          clearTimeout(introduction);
          // A timer keeps its memory for as long as somebody holds it, and there are thousands.
          introduction = undefined;
          member = introduced(each, outbound);
          if (!member) return operator.note(`[${id}] sent no name: closed`, "no name");
        }
        // Awaited only when there is something to wait for: frames of one read share their writes.
        const pause = flow.hold() ?? pace.pass(signal);
        if (pause) await pause;
      }
      const round = flow.round();
      if (round) await round;
    }
  } catch (error) {
    if (!isDisconnect(error)) throw error;
  } finally {
    clearTimeout(introduction);
    if (member) channels.leave(member);
    operator.note(`${who()} disconnected`, "out");
    await hangUp(conn, outbound, limits.drainMs);
  }
}

/** Serves channel clients that come through `listener` until `serving.signal` is aborted. */
export async function serve(listener: Deno.TcpListener, serving: Serving): Promise<void> {
  const { signal, limits, flow, operator } = serving;
  // One for all sessions: what each of thousands has of its own adds up.
  const shared = { ...serving, channels: new Channels(flow) };
  operator.note(`listening on ${reachable(listener.addr)}`);
  await acceptSessions(listener, (conn, id) => session(conn, id, shared), {
    signal,
    flow,
    drainMs: limits.drainMs,
    connections: limits.connections,
    log: (sentence) => operator.note(sentence),
  });
}

const LIMIT_FLAGS: readonly (keyof Limits)[] = [
  "introduceMs",
  "connections",
  "softBytes",
  "hardBytes",
  "stuckMs",
  "drainMs",
  "rate",
];

/** How the server is called. */
export const USAGE: string = `usage: server.ts channels PORT [options]

example: server.ts channels 55555

  PORT                    port to listen on, 0 for a free one
  --host ADDR             address to listen on (0.0.0.0)
${limitHelp(LIMIT_FLAGS)}`;

/** Runs the server from its command line, until a signal ends it. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | void> {
  const options = await parseOptions(args, {
    words: ["PORT"],
    strings: ["host"],
    limits: LIMIT_FLAGS,
  });
  if (options.help) return "help";
  const { host: hostname = "0.0.0.0" } = options.strings;
  const endpoint = { hostname, port: port(options.words[0]!), limits: options.limits };
  await runServer(endpoint, serve);
}
