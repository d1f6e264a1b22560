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

import { connect } from "./lib/connect.ts";
import { converse } from "./lib/converse.ts";
import { Event } from "./lib/event.ts";
import { frames } from "./lib/framing.ts";
import {
  acceptSessions,
  hangUp,
  isDisconnect,
  isExhausted,
  shutdownOnSignals,
  tryClose,
  within,
} from "./lib/lifecycle.ts";
import { type Limits, limits } from "./lib/limits.ts";
import { limitHelp, parseOptions, port, UsageError } from "./lib/options.ts";
import { openOperator, type Operator } from "./lib/operator.ts";
import { Flow, Outbound } from "./lib/outbound.ts";
import { runRole } from "./lib/role.ts";
import { listenReason, reachable, StartError } from "./lib/serving.ts";
import { type Console, openConsole } from "./lib/terminal.ts";
import { traced, tracedDatagrams } from "./lib/trace.ts";
import {
  decode,
  type Message,
  message,
  MessageSplitter,
  parseDatagram,
  TEXTS,
  WORDS,
} from "./lib/wire/chatroom.ts";

export type { Event, Limits };

/** "The local machine's IP", as far as it is known without further permissions. */
const LOCAL = "127.0.0.1";
/** A long text without a line end is whole after this silence. */
const BARE_MS = 50;
/** How long a new client gets to show that it writes lines. Nobody sees so short a wait. */
const HOLD_MS = 50;
/** How long a client waits for the answer to its name. */
const ANSWER_MS = 5000;
/** UDP: how long, and how often, a client waits for the answer to its name. */
const JOIN_MS = 1000;
const JOIN_TRIES = 5;
/** How long the other side gets to close after an exit or a shutdown. */
const LEAVE_MS = 1000;
/** UDP: how many messages are kept in `messages`. */
const MESSAGES = 1000;
/** UDP: how many clients are let in. Only TCP's are counted by their connections. */
const CLIENTS = 65_536;
/** UDP: how many datagrams may be on their way into the kernel before the next one is received. */
const OUTSTANDING = 256;

/** Where a server listens, or a client finds its server, and within which limits. */
export interface Place {
  /** An address or a name. Default: `127.0.0.1`. */
  hostname?: string;
  /** The limits of a server, where they are not the defaults. */
  limits?: Limits;
}

/** What a TCP server keeps of a socket beside its name. */
interface Line {
  readonly outbound: Outbound;
  readonly splitter: MessageSplitter;
  readonly batches: AsyncGenerator<Uint8Array[], void, void>;
  /** Messages that came together with the name. */
  early: Uint8Array[];
  /** What waits until it is known whether the client reads lines. */
  held: Message[] | undefined;
  timer: ReturnType<typeof setTimeout> | undefined;
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
  readonly #lines = new WeakMap<Deno.TcpConn, Line>();
  readonly #limits: Limits;
  readonly #flow: Flow;
  readonly #operator: Operator;

  /**
   * Listens on `server_port`. Throws the runtime's own error when it cannot, such as
   * `Deno.errors.AddrInUse`.
   */
  constructor(server_port: number, { hostname = LOCAL, limits: inForce = limits() }: Place = {}) {
    this.server_socket = Deno.listen({ hostname, port: server_port });
    this.server_port = this.server_socket.addr.port;
    this.#limits = inForce;
    this.#flow = new Flow(inForce);
    this.#operator = openOperator(this.#flow);
    // A server prints nothing; its stdout would only keep a timer.
    this.#operator.close();
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
    this.#release(client_socket);
    this.#lines.get(client_socket)?.outbound.discard();
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
    if (message_text === WORDS.join) this.#tell(client_socket_sent, message(TEXTS.joined(name)));
    else if (message_text === WORDS.exit) this.#tell(client_socket_sent, message(TEXTS.left(name)));
    else this.#tell(client_socket_sent, message(TEXTS.said(name, message_text)));
  }

  /**
   * Says `server-shutdown` to all clients, closes their sockets, sets both events and closes the
   * server's socket. Resolves when that is done; twice is once.
   */
  async shutdown(): Promise<void> {
    this.#farewell();
    tryClose(this.server_socket);
    const sockets = [...this.clients.keys()];
    this.clients.clear();
    await Promise.all(
      sockets.map((socket) => hangUp(socket, this.#lines.get(socket)!.outbound, LEAVE_MS)),
    );
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
    const line = this.#lines.get(client_socket);
    if (!line) return;
    const stopped = this.handle_event.wait().then(() => ({ done: true as const }));
    let batch: Uint8Array[] | undefined = line.early;
    try {
      while (batch && await this.#pass(client_socket, batch)) {
        const next = await Promise.race([line.batches.next(), stopped]);
        if (line.splitter.lines) this.#release(client_socket);
        batch = next.done ? undefined : next.value;
      }
    } catch (error) {
      if (error === line.splitter.error) {
        this.#note(client_socket, `sent ${line.splitter.error?.message}`);
      } else if (!isDisconnect(error)) throw error;
    }
    if (this.handle_event.is_set()) return;
    this.broadcast(client_socket, WORDS.exit);
    this.close_client(client_socket);
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
        if (await this.#introduce(conn)) await this.handle_client(conn);
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
    const splitter = new MessageSplitter({
      maxBytes: this.#limits.unterminatedBytes,
      bareMs: BARE_MS,
    });
    const outbound = new Outbound(conn, this.#flow, {
      join: false,
      onCut: (reason) => {
        if (reason) this.#note(conn, `${reason}: cut`);
        tryClose(conn);
      },
    });
    const line: Line = {
      outbound,
      splitter,
      batches: frames(conn, splitter),
      early: [],
      held: undefined,
      timer: undefined,
    };
    const late = setTimeout(() => tryClose(conn), this.#limits.introduceMs);
    const first = await line.batches.next().catch(() => ({
      done: true as const,
      value: undefined,
    }));
    clearTimeout(late);
    const [said, ...early] = first.done ? [] : first.value.map((each) => each.slice());
    line.early = early;
    const name = said && decode(said)?.trim();
    if (!name) {
      outbound.discard();
      tryClose(conn);
      return false;
    }
    if ([...this.clients.values()].includes(name)) {
      outbound.send(message(TEXTS.taken).bare);
      await hangUp(conn, outbound, LEAVE_MS);
      return false;
    }
    this.#lines.set(conn, line);
    this.clients.set(conn, name);
    // The line end is how ours tell each other that they understand lines.
    outbound.send(message(TEXTS.welcome).line);
    // Ours answer it with one: what the others say meanwhile waits, so that two texts are never one.
    if (!splitter.lines) {
      line.held = [];
      line.timer = setTimeout(() => this.#release(conn), HOLD_MS);
    }
    outbound.join = splitter.lines;
    this.broadcast(conn, WORDS.join);
    return true;
  }

  /** Passes on what a client said; false once it has said `exit`. */
  async #pass(conn: Deno.TcpConn, batch: readonly Uint8Array[]): Promise<boolean> {
    const name = this.clients.get(conn);
    if (name === undefined) return false;
    for (const bytes of batch) {
      if (decode(bytes)?.trim() === WORDS.exit) return false;
      if (bytes.length > this.#limits.lineBytes) {
        this.#send(conn, message(TEXTS.tooLong(this.#limits.lineBytes)));
      } else {
        // `join` from a client is a text like any other: it is in already.
        this.#tell(conn, message(TEXTS.said(name, ""), bytes));
      }
      const pause = this.#flow.hold();
      if (pause) await pause;
    }
    return true;
  }

  #tell(from: Deno.TcpConn, told: Message): void {
    for (const socket of this.clients.keys()) if (socket !== from) this.#send(socket, told);
  }

  #send(to: Deno.TcpConn, told: Message): void {
    const { outbound, splitter, held } = this.#lines.get(to)!;
    if (held) held.push(told);
    else outbound.send(splitter.lines ? told.line : told.bare);
  }

  /** It is known now how the client reads. */
  #release(conn: Deno.TcpConn): void {
    const line = this.#lines.get(conn);
    if (!line) return;
    clearTimeout(line.timer);
    line.outbound.join = line.splitter.lines;
    const held = line.held ?? [];
    line.held = undefined;
    for (const told of held) this.#send(conn, told);
  }

  /** Sets the events first: who leaves from here on leaves because of the shutdown. */
  #farewell(): void {
    if (this.handle_event.is_set() && this.run_event.is_set()) return;
    this.run_event.set();
    this.handle_event.set();
    for (const socket of this.clients.keys()) {
      this.#release(socket);
      this.#send(socket, message(TEXTS.shutdown));
    }
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
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
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
  readonly #splitter = new MessageSplitter({ maxBytes: 1024 * 1024, bareMs: BARE_MS });
  #outbound: Outbound | undefined;
  #batches: AsyncGenerator<Uint8Array[], void, void> | undefined;
  #early: string[] = [];
  #show: (text: string) => void = print;
  #failure = "";
  #shutdown: AbortSignal = new AbortController().signal;

  /** Connects nowhere yet. */
  constructor(client_name: string, server_port: number, { hostname = LOCAL }: Place = {}) {
    this.client_name = client_name;
    this.server_port = server_port;
    this.server_addr = hostname;
  }

  /** Connects, says the name, and resolves to whether the answer contains `Welcome`. */
  async connect_server(): Promise<boolean> {
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
    this.#batches = frames(this.client_socket, this.#splitter);
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
    if (!this.#outbound) return;
    // A server that writes lines reads lines: a line end inside a text makes it several.
    const lines = this.#splitter.lines ? text.split("\n") : [text];
    for (const each of lines.filter((line) => line !== "")) {
      this.#outbound.send(this.#splitter.lines ? message(each).line : message(each).bare);
    }
    await this.#flow.hold();
  }

  /** Shows messages until `exit_receive` is set, the server says `server-shutdown`, or it is gone. */
  async receive(): Promise<void> {
    const stopped = this.exit_receive.wait().then(() => ({
      done: true as const,
      value: undefined,
    }));
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let batch = this.#early.splice(0);
    while (!batch.includes(TEXTS.shutdown)) {
      batch.forEach((text) => this.#show(text));
      // A connection that breaks has ended like one that is closed.
      const ended = () => ({ done: true as const, value: undefined });
      const next = await Promise.race([this.#batches!.next().catch(ended), stopped]);
      if (next.done) break;
      batch = next.value.map((bytes) => decoder.decode(bytes));
    }
    const before = batch.slice(0, Math.max(0, batch.indexOf(TEXTS.shutdown)));
    before.forEach((text) => this.#show(text));
    this.exit_run.set();
    this.exit_receive.set();
  }

  /**
   * Connects and chats until the person leaves (`exit`, Control-C or the end of the input) or the server
   * does. Says in one sentence on stderr why it could not. Resolves to whether it was in.
   */
  async run(): Promise<boolean> {
    using shutdown = shutdownOnSignals();
    this.#shutdown = shutdown.signal;
    if (!await this.connect_server()) return shutdown.signal.aborted || complain(this.#failure);
    const console = openConsole({ onInterrupt: shutdown.request });
    shutdown.signal.addEventListener("abort", () => console.close());
    this.#show = (text) => console.show(text);
    const outbound = this.#outbound!;
    let left = false;
    const typing = type(this, console).then(async () => {
      left = !this.exit_run.is_set();
      if (left) this.send(WORDS.exit);
      await outbound.drained();
    });
    const listening = this.receive();
    await converse(this.client_socket!, {
      console,
      outbound,
      typing,
      listening,
      leaveMs: LEAVE_MS,
    });
    return true;
  }

  async #answer(): Promise<boolean> {
    let said = "";
    for (;;) {
      const next = await this.#batches!.next().catch(() => ({
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
          // A blank line is no message; it tells our server how this client reads.
          if (this.#splitter.lines) this.#outbound!.send(message("").line);
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

/** An address in words: two of the same words are the same address. */
function key({ hostname, port }: Deno.NetAddr): string {
  return `${hostname} ${port}`;
}

/** A map by address, in which two equal addresses are one key. */
export class AddressMap {
  readonly #entries = new Map<string, [address: Deno.NetAddr, name: string]>();

  /** How many addresses there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** The name at an address. */
  get(address: Deno.NetAddr): string | undefined {
    return this.#entries.get(key(address))?.[1];
  }

  /** Whether an address is there. */
  has(address: Deno.NetAddr): boolean {
    return this.#entries.has(key(address));
  }

  /** Puts a name at an address. */
  set(address: Deno.NetAddr, name: string): this {
    this.#entries.set(key(address), [address, name]);
    return this;
  }

  /** Takes an address out; whether it was there. */
  delete(address: Deno.NetAddr): boolean {
    return this.#entries.delete(key(address));
  }

  /** Takes all out. */
  clear(): void {
    this.#entries.clear();
  }

  /** The addresses, in the order they came. */
  *keys(): Generator<Deno.NetAddr> {
    for (const [address] of this.#entries.values()) yield address;
  }

  /** The names, in the order they came. */
  *values(): Generator<string> {
    for (const [, name] of this.#entries.values()) yield name;
  }

  /** Addresses and names, in the order they came. */
  *[Symbol.iterator](): Generator<[Deno.NetAddr, string]> {
    for (const [address, name] of this.#entries.values()) yield [address, name];
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
  #outstanding = 0;
  #settled = Promise.withResolvers<void>();
  #closed = false;

  /**
   * Listens on `server_port`. Throws the runtime's own error when it cannot, such as
   * `Deno.errors.AddrInUse`.
   */
  constructor(server_port: number, { hostname = LOCAL }: Place = {}) {
    this.server_socket = tracedDatagrams(
      Deno.listenDatagram({ transport: "udp", hostname, port: server_port }),
    );
    this.server_port = (this.server_socket.addr as Deno.NetAddr).port;
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
    const bytes = message(text).bare;
    const sends: Promise<void>[] = [];
    for (const address of this.clients.keys()) {
      if (key(address) !== key(from)) sends.push(this.#send(address, bytes));
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
    const ended = () => this.shutdown();
    shutdown.signal.addEventListener("abort", ended);
    while (!this.#closed) {
      try {
        const [bytes, from] = await this.server_socket.receive();
        this.#take(bytes, from as Deno.NetAddr);
        // What is received faster than it can be sent on must not pile up here.
        if (this.#outstanding > OUTSTANDING) await this.#settled.promise;
      } catch (error) {
        if (this.#closed) break;
        // An unreachable client is no reason to end; a socket that is closed is.
        if (error instanceof Deno.errors.BadResource) break;
      }
    }
    await this.shutdown();
  }

  #take(bytes: Uint8Array, from: Deno.NetAddr): void {
    const text = decode(bytes);
    const name = this.clients.get(from);
    const said = text === undefined ? undefined : parseDatagram(text, name);
    if (said?.type === "join") this.accept_client(from, `${said.name}:${WORDS.join}`);
    else if (said?.type === "exit") this.close_client(from);
    else if (said) {
      this.#add(from, said.text);
      this.broadcast();
    }
  }

  #add(from: Deno.NetAddr, text: string): void {
    this.messages.push([from, text]);
    if (this.messages.length > MESSAGES) this.messages.shift();
  }

  /** Sends one datagram; a client that cannot be reached is not an error, with UDP. */
  async #send(to: Deno.NetAddr, data: string | Uint8Array): Promise<void> {
    this.#outstanding++;
    try {
      await this.server_socket.send(typeof data === "string" ? message(data).bare : data, to);
    } catch {
      // It may come back, or leave; nothing tells.
    }
    this.#outstanding--;
    if (this.#outstanding > 0) return;
    this.#settled.resolve();
    this.#settled = Promise.withResolvers();
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
  #show: (text: string) => void = print;
  #failure = "";
  #early: string[] = [];
  #receiving: Promise<string | undefined> | undefined;
  readonly #sends = new Set<Promise<unknown>>();

  /** Opens a socket on a free port. */
  constructor(client_name: string, server_port: number, { hostname = LOCAL }: Place = {}) {
    this.client_name = client_name;
    this.server_port = server_port;
    this.server_addr = hostname;
    const local = hostname === LOCAL ? LOCAL : hostname.includes(":") ? "::" : "0.0.0.0";
    this.client_socket = tracedDatagrams(
      Deno.listenDatagram({ transport: "udp", hostname: local, port: 0 }),
    );
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

  /** Sends `{client_name}:{text}`; resolves when it is on its way. */
  async send(text: string): Promise<void> {
    const { server_addr: hostname, server_port: port } = this;
    const bytes = message(`${this.client_name}:${text}`).bare;
    const sent = this.client_socket.send(bytes, { transport: "udp", hostname, port })
      .catch((error) => this.#failure = listenReason(error));
    this.#sends.add(sent);
    await sent;
    this.#sends.delete(sent);
  }

  /** Shows messages until `exit_receive` is set or the server says `server-shutdown`. */
  async receive(): Promise<void> {
    const stopped = this.exit_receive.wait().then(() => undefined);
    this.#early.splice(0).forEach((text) => this.#show(text));
    while (!this.exit_receive.is_set()) {
      const text = await Promise.race([this.#next(), stopped]);
      if (text === undefined) break;
      if (text === TEXTS.shutdown) break;
      // A second answer to a `join` that was sent again is no message.
      if (text !== TEXTS.welcome) this.#show(text);
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
    try {
      if (!await this.connect_server()) return shutdown.signal.aborted || complain(this.#failure);
      const console = openConsole({ onInterrupt: shutdown.request });
      this.#show = (text) => console.show(text);
      const receiving = this.receive();
      await type(this, console);
      // `server-shutdown` has set both events; a person who leaves has set at most the first.
      if (!this.exit_receive.is_set()) this.send(WORDS.exit);
      this.exit_receive.set();
      await receiving;
      await console.close();
      return true;
    } finally {
      await Promise.all(this.#sends);
      tryClose(this.client_socket);
    }
  }

  /** The next answer of the server within a second; what others say meanwhile is kept. */
  async #answer(): Promise<string | undefined> {
    const until = performance.now() + JOIN_MS;
    for (let left = JOIN_MS; left > 0; left = until - performance.now()) {
      let text: string | undefined;
      await within(
        left,
        Promise.race([this.#next().then((next) => text = next), this.exit_run.wait()]),
      );
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
    for (;;) {
      try {
        const [bytes, from] = await this.client_socket.receive();
        if ((from as Deno.NetAddr).port === this.server_port) {
          return new TextDecoder().decode(bytes);
        }
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || isExhausted(error)) return undefined;
        if (error instanceof Deno.errors.Interrupted) return undefined;
      }
    }
  }
}

function complain(sentence: string): false {
  Deno.stderr.writeSync(new TextEncoder().encode(`cannot join: ${sentence}\n`));
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
];
const PORT = 12345;

/** The document's `server.py`. */
const SERVER = {
  USAGE: `usage: chatroom.ts server [options]

example: chatroom.ts server --port 12345

  --udp                   datagrams instead of connections
  --port N                port to listen on, 0 for a free one (${PORT})
  --host ADDR             address to listen on (0.0.0.0)
${limitHelp(LIMIT_FLAGS)}`,
  async run(args: readonly string[]): Promise<"help" | void> {
    const options = parseOptions(args, {
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

Then type messages, or exit.
`,
  async run(args: readonly string[]): Promise<"help" | number> {
    const options = parseOptions(args, {
      strings: ["name", "port", "host"],
      booleans: ["udp"],
      alias: { name: "n" },
    });
    if (options.help) return "help";
    const { name, host: hostname = LOCAL, port: number = String(PORT) } = options.strings;
    if (name === undefined) throw new UsageError("missing --name");
    const at = port(number, 1);
    const client = options.booleans["udp"]
      ? new ClientUDP(name, at, { hostname })
      : new ClientTCP(name, at, { hostname });
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
  return runRole(args, { protocols, usage: USAGE });
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
