/**
 * The bridge server (CSE 150, "Let's Chat!"): clients register where they wait for chats, and ask for
 * somebody else's contact. It never sees the chats themselves.
 *
 * ```
 * client: REGISTER, clientID, IP, Port    server: REGACK, the same, Status: registered
 * client: BRIDGE, clientID                server: BRIDGEACK, clientID, IP, Port of the peer
 * ```
 *
 * Run it with `deno run --allow-net server.ts bridge --port=5555`, and try it with
 * `printf 'BRIDGE\r\nclientID: Bob\r\n\r\n' | nc 127.0.0.1 5555`.
 *
 * @module
 */

import {
  acceptSessions,
  frames,
  hangUp,
  isDisconnect,
  LineSplitter,
  Pace,
  reachable,
  runServer,
  type Serving,
  tryClose,
} from "../lib/net.ts";
import { Outbound } from "../lib/outbound.ts";
import {
  limitHelp,
  type Limits,
  type Operator,
  parseOptions,
  port,
  UsageError,
  wholeNumber,
} from "../lib/program.ts";
import {
  type Block,
  BlockError,
  BlockSplitter,
  CONSOLE,
  type Contact,
  MESSAGES,
  parseRequest,
  refuse,
} from "../lib/wire/bridge.ts";
import { type Contacts, openContacts, permitted } from "./contacts.ts";

/** Far more than the document's two, and a bound on what strangers can make the server keep. */
const CLIENTS = 65_536;
/** Clients close after an answer; one that does not is let go after this silence. */
const LINGER_MS = 5000;
/** Lines of `/info` between two looks at whether standard output keeps up. */
const INFO_LINES = 500;
/** Bytes of a typed line: the only command has five. */
const TYPED_BYTES = 4096;

/** What can be asked of the server beyond the document. */
export interface BridgeOptions {
  /** Most registered clients. Default: 65,536. */
  clients?: number;
  /** Silence in ms after an answer after which the server closes. Default: 5,000. */
  lingerMs?: number;
}

/** An answer, and whether the connection may stay for more. */
export interface Reply {
  /** The answer's bytes, or undefined where the document has no words for it. */
  readonly bytes: Uint8Array | undefined;
  /** False: the connection ends after the answer. */
  readonly stay: boolean;
}

/** Answers requests out of the contacts. It knows no sockets. */
export class Desk {
  readonly #contacts: Contacts;
  readonly #operator: Pick<Operator, "print" | "note">;
  readonly #clients: number;

  /** A desk over these contacts; `operator` hears who asks for what. */
  constructor(contacts: Contacts, operator: Pick<Operator, "print" | "note">, clients = CLIENTS) {
    this.#contacts = contacts;
    this.#operator = operator;
    this.#clients = clients;
  }

  /** Carries one request out. */
  answer(block: Block): Reply {
    const request = parseRequest(block);
    switch (request.type) {
      case "REGISTER":
        return this.#register(block, request.contact);
      case "BRIDGE":
        return this.#bridge(request.id);
      case "refused":
        return this.refuse(block, request.refusal.reason);
      case "unknown": {
        const name = JSON.stringify(request.name.slice(0, 40));
        this.#operator.note(`closed a connection that asked for ${name}`, "unknown");
        return { bytes: undefined, stay: false };
      }
    }
  }

  /** Says why a request is not carried out, if its type has an answer; the connection ends with it. */
  refuse(block: Block, reason: string): Reply {
    const refusal = refuse(block, reason);
    const name = JSON.stringify(block.type.slice(0, 40));
    this.#operator.note(`refused ${name}: ${reason}`, "refused");
    return { bytes: refusal && MESSAGES.refused(refusal), stay: false };
  }

  #register(block: Block, contact: Contact): Reply {
    const full = this.#contacts.size >= this.#clients;
    if (full && !this.#contacts.get(contact.id)) {
      return this.refuse(block, `server full (${this.#clients} clients)`);
    }
    try {
      this.#contacts.put(contact);
    } catch (error) {
      // A full disk must not end the server, nor be answered as if the contact were there.
      this.#operator.note(`cannot store a contact: ${(error as Error).message}`, "store");
      return this.refuse(block, "the contact could not be stored");
    }
    this.#operator.print(CONSOLE.registered(contact));
    return { bytes: MESSAGES.regack(contact), stay: true };
  }

  #bridge(id: string): Reply {
    const asker = this.#contacts.get(id);
    const peer = asker && this.#contacts.other(id);
    if (asker) this.#operator.print(CONSOLE.bridged(asker, peer));
    else this.#operator.note(`BRIDGE from ${id}, who is not registered`, "unregistered");
    return { bytes: MESSAGES.bridgeack(peer), stay: true };
  }
}

/** One connection, mostly of one request, from its beginning to its end. */
async function session(
  conn: Deno.TcpConn,
  { desk, lingerMs, limits, flow, signal, operator }:
    & Serving
    & { desk: Desk; lingerMs: number },
): Promise<void> {
  const outbound = new Outbound(conn, flow, {
    onCut: (reason) => {
      if (reason) operator.note(`a client ${reason}: cut`, "cut");
      tryClose(conn);
    },
  });
  const { lineBytes, unterminatedBytes: blockBytes } = limits;
  const blocks = new BlockSplitter({ lineBytes, blockBytes });
  const pace = new Pace(limits.rate);
  const letGo = () => tryClose(conn);
  let timer = setTimeout(letGo, limits.introduceMs);
  try {
    for await (const batch of frames(conn, blocks)) {
      for (const block of batch) {
        if (signal.aborted || !reply(desk.answer(block))) return;
        const pause = flow.hold() ?? pace.pass(signal);
        if (pause) await pause;
      }
      clearTimeout(timer);
      timer = setTimeout(letGo, lingerMs);
    }
  } catch (error) {
    if (error instanceof BlockError) {
      reply(desk.refuse({ type: error.type, headers: [] }, error.message));
    } else if (!isDisconnect(error)) throw error;
  } finally {
    clearTimeout(timer);
    await hangUp(conn, outbound, limits.drainMs);
  }

  function reply({ bytes, stay }: Reply): boolean {
    if (bytes) outbound.send(bytes);
    return stay;
  }
}

/** Serves bridge clients that come through `listener` until `serving.signal` is aborted. */
export async function serve(
  listener: Deno.TcpListener,
  serving: Serving & BridgeOptions & { contacts: Contacts },
): Promise<void> {
  const { signal, limits, flow, operator, contacts, clients, lingerMs = LINGER_MS } = serving;
  const desk = new Desk(contacts, operator, clients);
  operator.print(CONSOLE.listening(reachable(listener.addr)));
  await acceptSessions(listener, (conn) => session(conn, { ...serving, desk, lingerMs }), {
    signal,
    flow,
    drainMs: limits.drainMs,
    connections: limits.connections,
    log: (sentence) => operator.note(sentence),
  });
}

/** Reads what the operator types, until `signal` is aborted or it ends, which ends nothing else. */
async function readCommands(
  stdin: ReadableStream<Uint8Array>,
  { signal, operator, contacts }: Serving & { contacts: Contacts },
): Promise<void> {
  const reader = stdin.getReader();
  const lines = new LineSplitter({ maxBytes: TYPED_BYTES, bareMs: 0, strict: false });
  // A read that is under way would keep the process from ending.
  const stop = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      for (const line of done ? lines.end() : lines.push(value)) {
        if (new TextDecoder().decode(line).trimEnd() !== "/info") continue;
        await info();
      }
      if (done || lines.error) return;
    }
  } catch {
    // A terminal that has hung up types nothing more; the server goes on.
  } finally {
    signal.removeEventListener("abort", stop);
  }

  async function info(): Promise<void> {
    let printed = 0;
    for (const contact of [...contacts.all()]) {
      if (signal.aborted) return;
      operator.print(CONSOLE.contact(contact));
      if (++printed % INFO_LINES === 0) await operator.flush();
    }
  }
}

const LIMIT_FLAGS: readonly (keyof Limits)[] = [
  "lineBytes",
  "unterminatedBytes",
  "introduceMs",
  "connections",
  "softBytes",
  "hardBytes",
  "stuckMs",
  "drainMs",
  "rate",
];

/** How the server is called. */
export const USAGE: string = `usage: server.ts bridge --port=PORT [options]

example: server.ts bridge --port=5555
then type /info to see who is registered

  --port N, -p N          port to listen on, 0 for a free one
  --host ADDR             address to listen on (0.0.0.0)
  --contacts FILE         file that keeps the contacts, needs --allow-read and --allow-write (memory)
  --clients N             most registered clients (${CLIENTS})
${limitHelp(LIMIT_FLAGS)}`;

/** Runs the server from its command line, until a signal ends it. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | void> {
  const options = await parseOptions(args, {
    strings: ["port", "host", "contacts", "clients"],
    alias: { port: "p" },
    limits: LIMIT_FLAGS,
  });
  if (options.help) return "help";
  const { host: hostname = "0.0.0.0", contacts: file, clients } = options.strings;
  if (options.strings["port"] === undefined) throw new UsageError("missing --port");
  const endpoint = { hostname, port: port(options.strings["port"]), limits: options.limits };
  const most = clients === undefined
    ? CLIENTS
    : wholeNumber(clients, { name: "--clients", min: 1 });
  const allowed = file !== undefined && await permitted(file);
  using contacts = await openContacts(allowed ? file : undefined);
  await runServer(endpoint, async (listener, serving) => {
    if (file !== undefined && !allowed) {
      serving.operator.note(
        `the contacts are kept in memory: ${file} needs --allow-read and --allow-write`,
      );
    }
    const typing = readCommands(Deno.stdin.readable, { ...serving, contacts });
    await serve(listener, { ...serving, contacts, clients: most });
    await typing;
  });
}
