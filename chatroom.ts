#!/usr/bin/env -S deno run --allow-net
/**
 * The four classes of the TCP & UDP chatroom (Assignment 02): a server and a client over TCP without
 * framing, and the same over UDP, with the document's names for all that they have.
 *
 * ```ts
 * import { ServerTCP } from "./chatroom.ts";
 * await new ServerTCP(12345).run();
 * ```
 *
 * Run `deno run --allow-net chatroom.ts server --port 12345` and `… chatroom.ts client --name Alice`; try
 * it with `nc 127.0.0.1 12345` and a name as the first line.
 *
 * @module
 */

import { AddressMap, sameAddress } from "./lib/addresses.ts";
import { ClientLink, ServerLink } from "./lib/chatroom_links.ts";
import type { Console } from "./lib/console.ts";
import { PacedSender, receiveAll, receiveFrom, Spread } from "./lib/datagrams.ts";
import { Event } from "./lib/event.ts";
import {
  acceptSessions,
  connect,
  hangUp,
  isDisconnect,
  LineSplitter,
  Pace,
  reachable,
  tryClose,
  within,
} from "./lib/net.ts";
import { Fanout, Flow, Outbound } from "./lib/outbound.ts";
import {
  escapeControl,
  limitHelp,
  type Limits,
  limits,
  listenReason,
  openOperator,
  type Operator,
  parseOptions,
  port,
  runRole,
  shutdownOnSignals,
  StartError,
  TIMESTAMPS_HELP,
  traced,
  tracedDatagrams,
  UsageError,
} from "./lib/program.ts";
import {
  decode,
  isExit,
  LINE_END,
  message,
  named,
  parseDatagram,
  prefix,
  TEXTS,
  WORDS,
} from "./lib/wire/chatroom.ts";

export type { AddressMap, Event, Limits };

/** "The local machine's IP", as far as it is known without further permissions. */
const LOCAL = "127.0.0.1";
/** How long a client waits for the answer to its name. */
const ANSWER_MS = 5000;
/** UDP: how long, and how often, a client waits for the answer to its name. */
const JOIN_MS = 1000;
const JOIN_TRIES = 5;
/** A crowd that connects at once must not be made to wait for its next try. */
const BACKLOG = 4096;
/** How long the other side gets to close after an exit or a shutdown. */
const LEAVE_MS = 1000;
/** UDP: how many messages are kept in `messages`. */
const MESSAGES = 1000;
/** UDP: how many clients are let in. Only TCP's are counted by their connections. */
const CLIENTS = 65_536;

/** Where a server listens, and within which limits. */
export interface ServerOptions {
  /** An address or a name. Default: `127.0.0.1`. */
  hostname?: string;
  /** The limits of a TCP server, where they are not the defaults. */
  limits?: Limits;
}

/** Where a client finds its server, and what it does with messages. */
export interface ClientOptions {
  /** An address or a name. Default: `127.0.0.1`. */
  hostname?: string;
  /** Displays a message. Default: a line on stdout, with a terminal's control characters escaped. */
  show?: (text: string) => void;
  /** Whether `run()` puts the time before each message, on a terminal only. Default: no. */
  timestamps?: boolean;
}

/**
 * A chatroom server over TCP. Each client says its name first; what it says then goes to all others.
 */
export class ServerTCP {
  /** The port that the server listens on; the real one where 0 was asked for. */
  readonly server_port: number;
  /** The socket that accepts clients. */
  readonly server_socket: Deno.TcpListener;
  /** The sockets of the clients that are in, and their names. */
  readonly clients: Map<Deno.TcpConn, string> = new Map();
  /** Set to stop the server. */
  readonly run_event: Event = new Event();
  /** Set to stop the handling of messages. */
  readonly handle_event: Event = new Event();
  readonly #links = new WeakMap<Deno.TcpConn, ClientLink>();
  /** Connections that have not said a name that was taken. */
  readonly #strangers = new Set<Deno.TcpConn>();
  /** The clients that read lines; they get messages together. */
  readonly #room: Fanout;
  /** The clients of which that is not known. */
  readonly #bare = new Set<ClientLink>();
  readonly #stopping = new AbortController();
  readonly #limits: Limits;
  readonly #flow: Flow;
  readonly #operator: Operator;

  /**
   * Listens on `server_port`. Throws the runtime's own error when it cannot, such as
   * `Deno.errors.AddrInUse`.
   */
  constructor(
    server_port: number,
    { hostname = LOCAL, limits: inForce = limits() }: ServerOptions = {},
  ) {
    this.server_socket = Deno.listen({ hostname, port: server_port, tcpBacklog: BACKLOG });
    this.server_port = this.server_socket.addr.port;
    this.#limits = inForce;
    this.#flow = new Flow(inForce);
    this.#room = new Fanout(this.#flow);
    this.#operator = openOperator(this.#flow);
  }

  /**
   * Waits for a connection and for its name. Answers `Welcome`, tells the others, and resolves to true;
   * or answers `Name already taken`, closes it, and resolves to false. Rejects when the socket is
   * closed.
   */
  async accept_client(): Promise<boolean> {
    const conn = traced(await this.server_socket.accept());
    conn.setNoDelay(true);
    return await this.#introduce(conn);
  }

  /** Removes a client and closes its connection. False for a socket that is not a client's. */
  close_client(client_socket: Deno.TcpConn): boolean {
    if (!this.clients.delete(client_socket)) return false;
    this.#forget(this.#links.get(client_socket)!);
    tryClose(client_socket);
    return true;
  }

  /**
   * Tells all clients but the one it comes from: 'join' as `User {x} joined`, 'exit' as `User {x} left`,
   * and any other message as `{x}: {message}`. Nothing for a socket that is not a client's.
   */
  broadcast(client_socket_sent: Deno.TcpConn, message_text: string): void {
    const name = this.clients.get(client_socket_sent);
    if (name === undefined) return;
    if (message_text === WORDS.join) this.#tell(client_socket_sent, TEXTS.joined(name));
    else if (message_text === WORDS.exit) this.#tell(client_socket_sent, TEXTS.left(name));
    else this.#tell(client_socket_sent, TEXTS.said(name, message_text));
  }

  /**
   * Says `server-shutdown` to all clients, closes their sockets, sets both events and closes the
   * server's socket. Resolves when that is done; twice is once.
   */
  async shutdown(): Promise<void> {
    this.#farewell();
    tryClose(this.server_socket);
    this.#strangers.forEach(tryClose);
    const sockets = [...this.clients.keys()];
    this.clients.clear();
    await Promise.all(sockets.map((socket) => this.#hangUp(socket)));
    await this.#operator.end();
  }

  /** How many clients are in. */
  get_clients_number(): number {
    return this.clients.size;
  }

  /**
   * Passes a client's messages on to the others until it says `exit`, vanishes, or `handle_event` is
   * set; then closes its connection, and the others hear once that it left.
   */
  async handle_client(client_socket: Deno.TcpConn): Promise<void> {
    const link = this.#links.get(client_socket);
    if (!link) return;
    const pace = new Pace(this.#limits.rate);
    let batch: Uint8Array[] | undefined = link.early;
    try {
      while (batch && await this.#pass(client_socket, { link, batch, pace })) {
        const next = await this.handle_event.unless(link.batches.next());
        batch = next?.value ?? undefined;
      }
    } catch (error) {
      if (error === link.error) this.#note(client_socket, `sent ${link.error?.message}`);
      else if (!isDisconnect(error)) throw error;
    }
    if (this.handle_event.is_set()) return;
    this.broadcast(client_socket, WORDS.exit);
    if (!this.clients.delete(client_socket)) return;
    // It hears nothing new, but all that it was told before it left.
    this.#bare.delete(link);
    this.#room.delete(link.outbound);
    await this.#hangUp(client_socket);
  }

  /**
   * Serves clients until Control-C, SIGTERM, or `run_event` is set; then shuts down. Resolves when all
   * is closed.
   */
  async run(): Promise<void> {
    using shutdown = shutdownOnSignals();
    this.run_event.wait().then(shutdown.request);
    await acceptSessions(
      this.server_socket,
      async (conn) => {
        if (!await this.#introduce(conn)) return;
        await this.handle_client(conn);
        // Still in: it is the server that ends, and its last word must arrive.
        if (this.clients.has(conn)) await this.#hangUp(conn);
      },
      {
        signal: shutdown.signal,
        flow: this.#flow,
        drainMs: this.#limits.drainMs,
        connections: this.#limits.connections,
        log: (sentence) => this.#operator.note(sentence),
        farewell: () => this.#farewell(),
      },
    );
    await this.shutdown();
  }

  /** Reads a connection's name and lets it in, or not. */
  async #introduce(conn: Deno.TcpConn): Promise<boolean> {
    const link = this.#meet(conn);
    this.#strangers.add(conn);
    const late = setTimeout(() => tryClose(conn), this.#limits.introduceMs);
    // However it fails to say a name, it is a stranger that is gone.
    const first = await link.batches.next().catch(() => ({
      done: true as const,
      value: undefined,
    }));
    clearTimeout(late);
    this.#strangers.delete(conn);
    const [said, ...early] = first.done ? [] : first.value.map((each) => each.slice());
    const fits = said !== undefined && said.length <= this.#limits.lineBytes;
    const name = fits ? decode(said)?.trim() : undefined;
    if (!name || this.#ended) {
      const limit = this.#limits.lineBytes;
      if (link.error) this.#note(conn, `sent ${link.error.message}`);
      else if (said && !fits) this.#note(conn, `sent a name longer than ${limit} bytes`);
      link.close();
      tryClose(conn);
      return false;
    }
    if ([...this.clients.values()].includes(name)) {
      link.outbound.send(message(TEXTS.taken).bare);
      await hangUp(conn, link.outbound, LEAVE_MS);
      return false;
    }
    link.early = early;
    this.#links.set(conn, link);
    this.clients.set(conn, name);
    this.#bare.add(link);
    // The line end is how ours tell each other that they understand lines.
    link.welcome(TEXTS.welcome);
    this.broadcast(conn, WORDS.join);
    return true;
  }

  /** A connection with its queue; who falls behind too far is cut, and its reading ends by that. */
  #meet(conn: Deno.TcpConn): ClientLink {
    const onCut = (reason?: string) => {
      if (reason) this.#note(conn, `${reason}: cut`);
      tryClose(conn);
    };
    const outbound = new Outbound(conn, this.#flow, { join: false, onCut });
    const link: ClientLink = new ClientLink(conn, {
      outbound,
      maxBytes: this.#limits.unterminatedBytes,
      onLines: () => {
        if (this.#bare.delete(link)) this.#room.add(outbound);
      },
    });
    return link;
  }

  /** Passes on what a client said; false once it has said `exit`. */
  async #pass(
    conn: Deno.TcpConn,
    { link, batch, pace }: { link: ClientLink; batch: readonly Uint8Array[]; pace: Pace },
  ): Promise<boolean> {
    for (const bytes of batch) {
      // Behind `server-shutdown` comes nothing: some would still get it, and others not.
      if (this.#ended || !this.clients.has(conn) || isExit(bytes)) return false;
      if (bytes.length > this.#limits.lineBytes) {
        link.send(message(TEXTS.tooLong(this.#limits.lineBytes)));
      } else {
        // `join` from a client is a text like any other: it is in already.
        link.prefix ??= prefix(this.clients.get(conn)!);
        this.#tell(conn, link.prefix, bytes);
      }
      const pause = this.#flow.hold() ?? pace.pass(this.#stopping.signal);
      if (pause) await pause;
    }
    const round = this.#flow.round();
    if (round) await round;
    return this.clients.has(conn);
  }

  /** Sends the message that `parts` make together to all but `from`. */
  #tell(from: Deno.TcpConn | undefined, ...parts: (string | Uint8Array)[]): void {
    const sender = from && this.#links.get(from);
    const told = this.#bare.size > 0 || parts.length === 1 ? message(...parts) : undefined;
    const pieces = told ? [told.line] : [...parts as Uint8Array[], LINE_END];
    this.#room.send(pieces, sender?.outbound);
    for (const link of this.#bare) if (link !== sender) link.send(told!);
  }

  #forget(link: ClientLink): void {
    this.#bare.delete(link);
    this.#room.delete(link.outbound);
    link.close();
  }

  async #hangUp(conn: Deno.TcpConn): Promise<void> {
    const link = this.#links.get(conn)!;
    link.flush();
    // A reader that is behind gets the time to drain that every server gives, and then that to leave.
    await within(this.#limits.drainMs, link.outbound.drained());
    await hangUp(conn, link.outbound, LEAVE_MS);
    this.#forget(link);
  }

  get #ended(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Sets the events first: who leaves from here on leaves because of the shutdown. */
  #farewell(): void {
    if (this.#ended) return;
    this.#stopping.abort();
    this.run_event.set();
    this.handle_event.set();
    for (const link of this.#bare) link.flush();
    this.#tell(undefined, TEXTS.shutdown);
  }

  #note(conn: Deno.TcpConn, what: string): void {
    this.#operator.note(
      `${JSON.stringify(this.clients.get(conn) ?? "a stranger")} ${what}`,
      "client",
    );
  }
}

/** What the clients of both transports have in common: what is typed, and what is shown. */
interface Typist {
  readonly client_name: string;
  readonly exit_run: Event;
  send(text: string): Promise<void>;
}

/** Shows a line without a console, for callers that use `receive()` alone. */
function print(text: string): void {
  const shown = Deno.stdout.isTerminal() ? escapeControl(text) : text;
  let rest = new TextEncoder().encode(shown + "\n");
  try {
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
  } catch {
    // Nobody reads it.
  }
}

/** A typed line that is longer has no end: it must not fill the memory. */
const TYPED_BYTES = 1024 * 1024;

/** What opens the person's end of a client. A server has no use for it, and loads none of it. */
async function loadPerson(): Promise<(timestamps: boolean, onInterrupt: () => void) => Console> {
  const { completer, Names, openConsole } = await import("./lib/console.ts");
  return (timestamps, onInterrupt) => {
    const names = new Names(named);
    const complete = completer([], names);
    return openConsole({ split: typedLines, names, complete, timestamps, onInterrupt });
  };
}

/** Takes what is piped in apart into lines, without the packages that a class by itself cannot load. */
function typedLines(input: ReadableStream<Uint8Array>): ReadableStream<string> {
  const lines = new LineSplitter({ maxBytes: TYPED_BYTES, bareMs: 0, strict: false });
  const decoder = new TextDecoder();
  return input.pipeThrough(
    new TransformStream<Uint8Array, string>({
      transform(bytes, typed) {
        for (const line of lines.push(bytes)) typed.enqueue(decoder.decode(line));
        if (lines.error) typed.error(lines.error);
      },
      flush(typed) {
        for (const line of lines.end()) typed.enqueue(decoder.decode(line));
      },
    }),
  );
}

/** Sends what is typed until `exit`, the end of the input, or `exit_run`. */
async function type(client: Typist, console: Console): Promise<void> {
  client.exit_run.wait().then(() => console.close());
  for (;;) {
    const typed = await console.readLine();
    if (typed === null || typed.trim() === WORDS.exit) break;
    // A message without text would be no message at all to a peer that takes reads for messages.
    if (typed.trim() !== "") await client.send(typed);
  }
}

/**
 * A chatroom client over TCP, for our server and for others that take and send bare text.
 */
export class ClientTCP {
  /** The server's address. */
  readonly server_addr: string;
  /** The socket to the server, once `connect_server` has resolved. */
  client_socket: Deno.TcpConn | undefined;
  /** The server's port. */
  readonly server_port: number;
  /** What the others know the client by. */
  readonly client_name: string;
  /** Set to end the main loop. */
  readonly exit_run: Event = new Event();
  /** Set to end the receiving of messages. */
  readonly exit_receive: Event = new Event();
  // A client waits for its server as long as the person does.
  readonly #flow = new Flow(limits({ stuckMs: Infinity }));
  #outbound: Outbound | undefined;
  #link: ServerLink | undefined;
  #early: string[] = [];
  readonly #display: ((text: string) => void) | undefined;
  readonly #timestamps: boolean;
  #console: Console | undefined;
  #failure = "";
  #shutdown: AbortSignal = new AbortController().signal;

  /** Connects nowhere yet. */
  constructor(
    client_name: string,
    server_port: number,
    { hostname = LOCAL, show, timestamps = false }: ClientOptions = {},
  ) {
    this.#display = show;
    this.#timestamps = timestamps;
    this.client_name = client_name;
    this.server_port = server_port;
    this.server_addr = hostname;
  }

  /** Connects, says the name, and resolves to whether the answer contains `Welcome`. */
  async connect_server(): Promise<boolean> {
    // The server would take what stands behind a line end for a message.
    if (this.client_name.trim() === "" || /[\r\n]/.test(this.client_name)) {
      this.#failure = "a name must not be empty and must not contain a line end";
      return false;
    }
    try {
      this.client_socket = await connect(this.server_addr, {
        port: this.server_port,
        signal: this.#shutdown,
      });
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.#failure = error.message;
    }
    if (!this.client_socket) return false;
    this.#outbound = new Outbound(this.client_socket, this.#flow, { join: false });
    this.#link = new ServerLink(this.client_socket, this.#outbound);
    this.#outbound.send(message(this.client_name).bare);
    let answered = false;
    await within(ANSWER_MS, this.#answer().then((welcome) => answered = welcome));
    if (!answered) this.#leave();
    return answered;
  }

  /**
   * Sends a text. It is queued at once, so that texts keep their order and two are never one; resolves
   * when the next one may follow.
   */
  async send(text: string): Promise<void> {
    this.#link?.send(text);
    await this.#flow.hold();
  }

  /** Shows messages until `exit_receive` is set, the server says `server-shutdown`, or it is gone. */
  async receive(): Promise<void> {
    const batches = this.#link?.batches;
    if (!batches) return;
    // A connection that breaks has ended like one that is closed.
    const over = () => ({ done: true as const, value: undefined });
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (let batch = this.#early.splice(0);;) {
      for (const text of batch) {
        if (text === TEXTS.shutdown) return this.#over();
        this.#show(text);
      }
      // A slow pipe is read for no faster than it takes what is shown.
      await this.#console?.drained();
      const next = await this.exit_receive.unless(batches.next().catch(over));
      if (this.exit_receive.is_set() || !next) return;
      if (next.done) return this.#over();
      batch = next.value.map((bytes) => decoder.decode(bytes));
    }
  }

  /**
   * Connects and chats until the person leaves (`exit`, Control-C or the end of the input) or the server
   * does. Says in one sentence on stderr why it could not. Resolves to whether it was in.
   */
  async run(): Promise<boolean> {
    using shutdown = shutdownOnSignals();
    this.#shutdown = shutdown.signal;
    const openPerson = await loadPerson();
    if (!await this.connect_server()) return shutdown.signal.aborted || complain(this.#failure);
    const console = openPerson(this.#timestamps, shutdown.request);
    shutdown.signal.addEventListener("abort", () => console.close());
    this.#console = console;
    const outbound = this.#outbound!;
    const typing = type(this, console).then(async () => {
      // Both events are set by `server-shutdown`: nobody is there to be told.
      if (!this.exit_receive.is_set()) this.send(WORDS.exit);
      await outbound.drained();
    });
    const listening = this.receive();
    const { converse } = await import("./lib/console.ts");
    await converse(this.client_socket!, {
      console,
      outbound,
      typing,
      listening,
      leaveMs: LEAVE_MS,
    });
    this.exit_receive.set();
    return true;
  }

  #show(text: string): void {
    if (this.#display) this.#display(text);
    else if (this.#console) this.#console.show(text);
    else print(text);
  }

  #over(): void {
    this.exit_run.set();
    this.exit_receive.set();
  }

  async #answer(): Promise<boolean> {
    let said = "";
    for (;;) {
      const next = await this.#link!.batches.next().catch(() => ({
        done: true as const,
        value: undefined,
      }));
      if (next.done) {
        this.#failure = said || "the server has closed the connection without an answer";
        return false;
      }
      const texts = next.value.map((bytes) => new TextDecoder().decode(bytes));
      for (const [i, text] of texts.entries()) {
        said += text;
        if (said.includes(TEXTS.welcome)) {
          this.#early = texts.slice(i + 1);
          return true;
        }
      }
      this.#failure = said;
      if (said.includes(TEXTS.taken)) return false;
    }
  }

  #leave(): void {
    this.#failure ||= "the server does not answer";
    this.#outbound?.discard();
    if (this.client_socket) tryClose(this.client_socket);
  }
}

/**
 * A chatroom server over UDP. A client is an address that has sent `NAME:join`; each of its datagrams
 * then goes to all others as it came.
 */
export class ServerUDP {
  /** The port that the server listens on; the real one where 0 was asked for. */
  readonly server_port: number;
  /** The socket that it sends and receives with. */
  readonly server_socket: Deno.DatagramConn;
  /** The addresses of the clients that are in, and their names. */
  readonly clients: AddressMap = new AddressMap();
  /** What was said last, by whom: `[address, text]` pairs, the last 1,000 of them. */
  readonly messages: [client_addr: Deno.NetAddr, text: string][] = [];
  /** The bytes of messages that are not UTF-8: they are sent on as they came. */
  readonly #raw = new WeakMap<readonly unknown[], Uint8Array>();
  readonly #spread: Spread;
  #closed = false;

  /**
   * Listens on `server_port`. Throws the runtime's own error when it cannot, such as
   * `Deno.errors.AddrInUse`.
   */
  constructor(server_port: number, { hostname = LOCAL }: ServerOptions = {}) {
    this.server_socket = tracedDatagrams(
      Deno.listenDatagram({ transport: "udp", hostname, port: server_port }),
    );
    this.server_port = (this.server_socket.addr as Deno.NetAddr).port;
    this.#spread = new Spread(this.server_socket);
  }

  /**
   * Lets the client in whose name is in `message` (`NAME:join`): answers `Welcome`, tells the others,
   * and resolves to true; or answers `Name already taken` and resolves to false. A client that is in
   * under this name already is welcomed again, and not announced.
   */
  async accept_client(client_addr: Deno.NetAddr, message_text: string): Promise<boolean> {
    const said = parseDatagram(message_text, this.clients.get(client_addr));
    const name = said?.type === "join" ? said.name : message_text.split(":")[0]!.trim();
    if (name === "") return false;
    if (this.clients.get(client_addr) === name) {
      await this.#send(client_addr, TEXTS.welcome);
      return true;
    }
    if ([...this.clients.values()].includes(name) || this.clients.size >= CLIENTS) {
      await this.#send(client_addr, TEXTS.taken);
      return false;
    }
    // Somebody who comes again under another name has left under the old one.
    await this.close_client(client_addr);
    const welcomed = this.#send(client_addr, TEXTS.welcome);
    this.clients.set(client_addr, name);
    this.#add(client_addr, TEXTS.joined(name));
    await Promise.all([welcomed, this.broadcast()]);
    return true;
  }

  /** Removes a client and tells the others. Resolves to false for an address that is not a client's. */
  async close_client(client_addr: Deno.NetAddr): Promise<boolean> {
    const name = this.clients.get(client_addr);
    if (name === undefined) return false;
    this.clients.delete(client_addr);
    this.#add(client_addr, TEXTS.left(name));
    await this.broadcast();
    return true;
  }

  /** Sends the most recent message to all clients but the one it came from. */
  async broadcast(): Promise<void> {
    const last = this.messages.at(-1);
    if (!last) return;
    const [from, text] = last;
    const bytes = this.#raw.get(last) ?? message(text).bare;
    const sends: Promise<void>[] = [];
    for (const address of this.clients.keys()) {
      if (!sameAddress(address, from)) sends.push(this.#send(address, bytes));
    }
    await Promise.all(sends);
  }

  /** Says `server-shutdown` to all clients, forgets them and closes the socket. Twice is once. */
  async shutdown(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.clients.keys()].map((each) => this.#send(each, TEXTS.shutdown)));
    this.clients.clear();
    tryClose(this.server_socket);
  }

  /** How many clients are in. */
  get_clients_number(): number {
    return this.clients.size;
  }

  /** Serves clients until Control-C or SIGTERM, or until the socket fails; then shuts down. */
  async run(): Promise<void> {
    using shutdown = shutdownOnSignals();
    shutdown.signal.addEventListener("abort", () => this.shutdown());
    await receiveAll(this.server_socket, {
      handle: (bytes, from) => this.#take(bytes, from),
      room: () => this.#spread.room(),
    });
    await this.shutdown();
  }

  #take(bytes: Uint8Array, from: Deno.NetAddr): void {
    if (this.#closed) return;
    const valid = decode(bytes);
    const text = valid ?? new TextDecoder().decode(bytes);
    const name = this.clients.get(from);
    const said = parseDatagram(text, name);
    if (said?.type === "join") {
      // A name that is not valid is nobody's.
      if (valid !== undefined) this.accept_client(from, `${said.name}:${WORDS.join}`);
    } else if (said?.type === "exit") {
      this.close_client(from);
    } else if (said) {
      const entry = this.#add(from, said.text);
      if (valid === undefined) {
        this.#raw.set(entry, said.text === text ? bytes : message(`${name}:`, bytes).bare);
      }
      this.broadcast();
    }
  }

  #add(from: Deno.NetAddr, text: string): readonly unknown[] {
    const entry: [Deno.NetAddr, string] = [from, text];
    this.messages.push(entry);
    if (this.messages.length > MESSAGES) this.messages.shift();
    return entry;
  }

  #send(to: Deno.NetAddr, data: string | Uint8Array): Promise<void> {
    return this.#spread.send(typeof data === "string" ? message(data).bare : data, to);
  }
}

/** A chatroom client over UDP. */
export class ClientUDP {
  /** The server's address. */
  readonly server_addr: string;
  /** The socket that it sends and receives with. */
  readonly client_socket: Deno.DatagramConn;
  /** The server's port. */
  readonly server_port: number;
  /** What the others know the client by. */
  readonly client_name: string;
  /** Set to end the main loop. */
  readonly exit_run: Event = new Event();
  /** Set to end the receiving of messages. */
  readonly exit_receive: Event = new Event();
  readonly #display: ((text: string) => void) | undefined;
  readonly #timestamps: boolean;
  #console: Console | undefined;
  #failure = "";
  #early: string[] = [];
  #receiving: Promise<string | undefined> | undefined;
  readonly #sender: PacedSender;

  /** Opens a socket on a free port. */
  constructor(
    client_name: string,
    server_port: number,
    { hostname = LOCAL, show, timestamps = false }: ClientOptions = {},
  ) {
    this.#display = show;
    this.#timestamps = timestamps;
    this.client_name = client_name;
    this.server_port = server_port;
    this.server_addr = hostname;
    const local = hostname === LOCAL ? LOCAL : hostname.includes(":") ? "::" : "0.0.0.0";
    this.client_socket = tracedDatagrams(
      Deno.listenDatagram({ transport: "udp", hostname: local, port: 0 }),
    );
    this.#sender = new PacedSender(this.client_socket, {
      to: { transport: "udp", hostname, port: server_port },
      onError: (error) => this.#console?.note(`cannot send: ${listenReason(error)}`),
    });
  }

  /**
   * Sends `join` each second, five times, and resolves to whether the answer is `Welcome`. False at once
   * for a name that the server could not tell from the text.
   */
  async connect_server(): Promise<boolean> {
    if (this.client_name.includes(":") || this.client_name.trim() === "") {
      this.#failure = "over UDP a name must not be empty and must not contain ':'";
      return false;
    }
    for (let tries = 0; tries < JOIN_TRIES && !this.exit_run.is_set(); tries++) {
      this.send(WORDS.join);
      const answer = await this.#answer();
      if (answer === TEXTS.welcome) return true;
      if (answer !== undefined) {
        this.#failure = answer;
        return false;
      }
    }
    this.#failure =
      `no answer from ${this.server_addr}:${this.server_port}, is the server running?`;
    return false;
  }

  /**
   * Sends `{client_name}:{text}`; resolves when it is on its way. Texts keep their order, with a pause
   * between them that a server can follow.
   */
  async send(text: string): Promise<void> {
    await this.#sender.send(message(`${this.client_name}:${text}`).bare);
  }

  /** Shows messages until `exit_receive` is set or the server says `server-shutdown`. */
  async receive(): Promise<void> {
    this.#early.splice(0).forEach((text) => this.#show(text));
    while (!this.exit_receive.is_set()) {
      const text = await this.exit_receive.unless(this.#next());
      if (this.exit_receive.is_set()) return;
      if (text === undefined || text === TEXTS.shutdown) break;
      // A second answer to a `join` that was sent again is no message.
      if (text !== TEXTS.welcome) this.#show(text);
      // What a slow pipe does not take is for the kernel to keep or to lose, not for this memory.
      await this.#console?.drained();
    }
    this.exit_run.set();
    this.exit_receive.set();
  }

  /**
   * Joins and chats until the person leaves (`exit`, Control-C or the end of the input) or the server
   * does. Says in one sentence on stderr why it could not. Resolves to whether it was in.
   */
  async run(): Promise<boolean> {
    using shutdown = shutdownOnSignals();
    shutdown.signal.addEventListener("abort", () => this.exit_run.set());
    const openPerson = await loadPerson();
    try {
      if (!await this.connect_server()) {
        if (!shutdown.signal.aborted) return complain(this.#failure);
        // The server may have let it in meanwhile.
        this.send(WORDS.exit);
        return true;
      }
      const console = openPerson(this.#timestamps, shutdown.request);
      this.#console = console;
      const receiving = this.receive();
      await type(this, console);
      if (shutdown.signal.aborted) this.#sender.hurry();
      // `server-shutdown` has set both events; a person who leaves has set at most the first.
      if (!this.exit_receive.is_set()) this.send(WORDS.exit);
      this.exit_receive.set();
      await receiving;
      await console.close();
      return true;
    } finally {
      await this.#sender.drained();
      tryClose(this.client_socket);
    }
  }

  #show(text: string): void {
    if (this.#display) this.#display(text);
    else if (this.#console) this.#console.show(text);
    else print(text);
  }

  /** The next answer of the server within a second; what others say meanwhile is kept. */
  async #answer(): Promise<string | undefined> {
    const until = performance.now() + JOIN_MS;
    for (let left = JOIN_MS; left > 0; left = until - performance.now()) {
      let text: string | undefined;
      await within(left, this.exit_run.unless(this.#next().then((next) => text = next)));
      if (text === undefined) return undefined;
      if (text === TEXTS.welcome || text === TEXTS.taken || text === TEXTS.shutdown) return text;
      this.#early.push(text);
    }
    return undefined;
  }

  /** The next datagram of the server; undefined once the socket is closed. */
  #next(): Promise<string | undefined> {
    // One receive at a time: the one that was not waited for brings the next datagram.
    this.#receiving ??= this.#receive().finally(() => this.#receiving = undefined);
    return this.#receiving;
  }

  async #receive(): Promise<string | undefined> {
    const bytes = await receiveFrom(this.client_socket, this.server_port);
    return bytes && new TextDecoder().decode(bytes);
  }
}

function complain(sentence: string): false {
  // It may be what a server has answered.
  Deno.stderr.writeSync(new TextEncoder().encode(`cannot join: ${escapeControl(sentence)}\n`));
  return false;
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
const PORT = 12345;

/** The document's `server.py`. */
const SERVER = {
  USAGE: `usage: chatroom.ts server [options]

example: chatroom.ts server --port 12345

  --udp                   datagrams instead of connections
  --port N                port to listen on, 0 for a free one (${PORT})
  --host ADDR             address to listen on (0.0.0.0)

Limits of the TCP server:
${limitHelp(LIMIT_FLAGS)}`,
  async run(args: readonly string[]): Promise<"help" | void> {
    const options = await parseOptions(args, {
      strings: ["port", "host"],
      booleans: ["udp"],
      limits: LIMIT_FLAGS,
    });
    if (options.help) return "help";
    const { host: hostname = "0.0.0.0", port: number = String(PORT) } = options.strings;
    const at = port(number);
    let server: ServerTCP | ServerUDP;
    try {
      const place = { hostname, limits: options.limits };
      server = options.booleans["udp"] ? new ServerUDP(at, place) : new ServerTCP(at, place);
    } catch (error) {
      throw new StartError(`cannot listen on ${hostname}:${at}: ${listenReason(error)}`);
    }
    const where = reachable(server.server_socket.addr as Deno.NetAddr);
    Deno.stderr.writeSync(new TextEncoder().encode(`listening on ${where}\n`));
    await server.run();
  },
};

/** The document's `client.py`. */
const CLIENT = {
  USAGE: `usage: chatroom.ts client --name NAME [options]

example: chatroom.ts client --name Alice

  --name NAME, -n NAME    the name that the others see
  --udp                   datagrams instead of a connection
  --port N                the server's port (${PORT})
  --host ADDR             the server's name or address (${LOCAL})
${TIMESTAMPS_HELP}
Then type messages, or exit.
`,
  async run(args: readonly string[]): Promise<"help" | number> {
    const options = await parseOptions(args, {
      strings: ["name", "port", "host"],
      booleans: ["udp", "timestamps"],
      alias: { name: "n" },
    });
    if (options.help) return "help";
    const { name, host: hostname = LOCAL, port: number = String(PORT) } = options.strings;
    if (name === undefined) throw new UsageError("missing --name");
    const at = port(number, 1);
    const kind = options.booleans["udp"] ? ClientUDP : ClientTCP;
    const timestamps = options.booleans["timestamps"] === true;
    const client = new kind(name, at, { hostname, timestamps });
    return await client.run() ? 0 : 1;
  },
};

/** How the role is called. */
const USAGE = `usage: chatroom.ts server|client ...

example: chatroom.ts server --port 12345

  server                  serves a chatroom over TCP, or with --udp over UDP
  client --name NAME      joins one

chatroom.ts server --help and chatroom.ts client --help show the options.
`;

/** Runs the role; returns the exit code: 0 for an orderly end, 1 for a failure, 2 for bad usage. */
export function main(args: readonly string[]): Promise<number> {
  const protocols = {
    server: () => Promise.resolve(SERVER),
    client: () => Promise.resolve(CLIENT),
  };
  return runRole(args, { protocols, usage: USAGE, word: "server or client" });
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
