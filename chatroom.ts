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
 * @module
 */

import type { Console } from "./lib/console.ts";
import { datagrams, receiveAll, Throttle } from "./lib/datagrams.ts";
import {
  acceptSessions,
  connect,
  frames,
  FrameTooLongError,
  fromOutside,
  hangUp,
  isDisconnect,
  LineSplitter,
  reachable,
  sleep,
  takeFrames,
  tryClose,
  within,
} from "./lib/net.ts";
import { Fanout, Flow, Outbound } from "./lib/outbound.ts";
import {
  escapeControl,
  hostPort,
  openOperator,
  type Operator,
  traced,
  tracedDatagrams,
} from "./lib/operator.ts";
import {
  CLIENT_HELP,
  limitHelp,
  type Limits,
  limits,
  listenReason,
  parseOptions,
  port,
  runRole,
  shutdownOnSignals,
  StartError,
  TRACE_HELP,
  UsageError,
} from "./lib/program.ts";
import * as wire from "./lib/wire/chatroom.ts";

export type { Limits };

const { concat, encode, TEXTS, WORDS } = wire;
/** "The local machine's IP", as far as it is known without further permissions. */
const LOCAL = "127.0.0.1";
/** Never aborted. */
const NEVER = new AbortController().signal;

/** Where a server listens, within which limits, and what it tells its operator. */
export interface ServerOptions {
  /** An address or a name. Default: `127.0.0.1`. */
  hostname?: string;
  /** The limits in force, where they are not the defaults. */
  limits?: Partial<Limits>;
  /** Whether joins and leaves are said on stderr; what is refused or lost always is. Default: no. */
  log?: boolean;
}

/** Where a client finds its server, and what it does with messages. */
export interface ClientOptions {
  /** An address or a name. Default: `127.0.0.1`. */
  hostname?: string;
  /** Displays a message. Default: a line on stdout, with a terminal's control characters escaped. */
  show?: (text: string) => void;
  /** Whether `run()` puts the time before each message, on a terminal only. Default: no. */
  timestamps?: boolean;
  /** TCP only: whether name and texts end with a line end, and what comes is lines. Default: no. */
  lines?: boolean;
}

// ---- events ----

/** A flag that can be waited for, as Python's `threading.Event`. */
export class Flag {
  #set = false;
  readonly #waiting = new Set<() => void>();

  /** Sets the flag: all that wait for it go on. */
  set(): void {
    this.#set = true;
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }

  /** Clears the flag: a later `wait` waits for the next `set`. */
  clear(): void {
    this.#set = false;
  }

  /** Whether the flag is set. */
  is_set(): boolean {
    return this.#set;
  }

  /** Resolves to true once the flag is set, or after `timeout` seconds to whether it is. */
  async wait(timeout?: number): Promise<boolean> {
    const over = new AbortController();
    await this.unless(timeout ? sleep(timeout * 1000, over.signal) : new Promise<void>(() => {}));
    over.abort();
    return this.#set;
  }

  /**
   * Settles as `promise` does, or resolves to undefined once the flag is set. A race with `wait()` would
   * keep every promise that has lost for as long as the flag is clear.
   */
  async unless<T>(promise: Promise<T>): Promise<T | undefined> {
    const { promise: set, resolve } = Promise.withResolvers<undefined>();
    const go = () => resolve(undefined);
    if (this.#set) go();
    else this.#waiting.add(go);
    try {
      return await Promise.race([set, promise]);
    } finally {
      this.#waiting.delete(go);
    }
  }
}

// ---- a client as the TCP server sees it ----

/** The pause before a bare text: a reader that reads gets the one before by itself. */
const PACE_MS = 25;
/** So many bare texts do not wait one by one: they go out together. */
const FLOOD = 40;
/** No name is that long. */
const NAME_READ_BYTES = 536;
const LF = 0x0a;

/** A connection: what it says once its name is known, and what it hears. */
class Member {
  readonly outbound: Outbound;
  /** Texts that came together with the name. */
  early: Uint8Array[] = [];
  /** `Alice: ` in bytes, made when she first says something. */
  prefix: Uint8Array | undefined;
  /** Set where it has ended its name with a line end: from there on both sides send lines. */
  lines: LineSplitter | undefined;
  #waiting: Uint8Array[] = [];
  /** When the next bare text may go out, on the clock of `performance.now()`. */
  #next = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly conn: Deno.TcpConn, readonly limits: Limits, outbound: Outbound) {
    this.outbound = outbound;
  }

  /** What it says once its name is known, in the texts of each read. */
  get texts(): AsyncIterable<Uint8Array[]> {
    return frames(this.conn, this.lines ?? new wire.TextSplitter(this.limits.lineBytes));
  }

  /** Reads the name; undefined when the stream ends first. Rejects as it does, or when there is too much. */
  async name(): Promise<Uint8Array | undefined> {
    const buffer = new Uint8Array(NAME_READ_BYTES);
    for (let count; (count = await this.conn.read(buffer)) !== null;) {
      const bytes = buffer.subarray(0, count);
      if (bytes.includes(LF)) {
        this.lines ??= new LineSplitter({ maxBytes: this.limits.unterminatedBytes });
      }
      if (!this.lines && count < buffer.length) return bytes;
      if (!this.lines) throw new RangeError(`no end of its name within ${count} bytes`);
      const [name, ...early] = this.lines.push(bytes).filter((line) => line.length > 0);
      if (this.lines.error) throw this.lines.error;
      if (!name) continue;
      this.early = early.map((line) => line.slice());
      this.outbound.join = true;
      return name;
    }
    return undefined;
  }

  /** Sends a text as the client reads it: as a line, or in a write of its own after its pause. */
  send(text: Uint8Array): void {
    if (this.lines) return this.outbound.send(concat(text, wire.LINE_END));
    this.#waiting.push(text);
    if (this.#waiting.length >= FLOOD) {
      this.#waiting = [concat(...this.#waiting)];
      this.#next = -Infinity;
    }
    this.#go();
  }

  /** What waits goes out in one write, and behind it `text` alone, each after its pause. */
  last(text?: Uint8Array): void {
    if (this.#waiting.length > 1) this.#waiting = [concat(...this.#waiting)];
    if (text) this.send(text);
  }

  /** Resolves when all that was sent is with the kernel, or cannot be. */
  async drained(): Promise<void> {
    while (this.#waiting.length > 0) await sleep(PACE_MS, NEVER);
    await this.outbound.drained();
  }

  /** Drops what waits. The connection stays the caller's to close. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
    this.outbound.discard();
  }

  #go(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    if (now >= this.#next) {
      this.outbound.send(this.#waiting.shift()!);
      this.#next = now + PACE_MS;
    }
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#go(), this.#next - now);
  }
}

// ---- server over TCP ----

/** How long a client gets to close after `exit` or a refusal, and after `server-shutdown`. */
const LEAVE_MS = 1000;
const LINGER_MS = 300;
/** A crowd that connects at once must not be made to wait for its next try. */
const BACKLOG = 4096;

/**
 * A chatroom server over TCP. `run()` lets clients in by `accept_client()`, hears each by
 * `handle_client()`, tells the others by `broadcast()`, and parts from it by `close_client()`; a subclass
 * may override any of them.
 */
export class ServerTCP {
  /** The port that the server listens on; the real one where 0 was asked for. */
  readonly server_port: number;
  /** The socket that accepts clients. */
  readonly server_socket: Deno.TcpListener;
  /** The sockets of the clients that are in, and their names. */
  readonly clients: Map<Deno.TcpConn, string> = new Map();
  /** Set to stop the server. */
  readonly run_event: Flag = new Flag();
  /** Set to stop the handling of messages. */
  readonly handle_event: Flag = new Flag();
  readonly #members = new WeakMap<Deno.TcpConn, Member>();
  /** The clients that read lines: they get texts together. */
  readonly #room: Fanout;
  readonly #bare = new Set<Member>();
  readonly #closing = new Map<Deno.TcpConn, Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #limits: Limits;
  readonly #flow: Flow;
  readonly #operator: Operator;
  readonly #log: boolean;
  /** Called with each connection that is taken, while `run()` waits for one. */
  #taken: ((conn: Deno.TcpConn) => void) | undefined;
  /** What `broadcast` is called with while a client's text is passed on, and its bytes as they came. */
  #heard: { text: string; bytes: Uint8Array } | undefined;
  #ending: Promise<void> | undefined;

  /** Listens on `server_port`, or throws the runtime's own error, such as `Deno.errors.AddrInUse`. */
  constructor(server_port: number, options: ServerOptions = {}) {
    const { hostname = LOCAL, limits: changes, log = false } = options;
    this.server_socket = Deno.listen({ hostname, port: server_port, tcpBacklog: BACKLOG });
    this.server_port = this.server_socket.addr.port;
    this.#limits = limits(changes);
    this.#flow = new Flow(this.#limits);
    this.#room = new Fanout(this.#flow);
    this.#operator = openOperator(this.#flow);
    this.#log = log;
  }

  /**
   * Waits for a connection and for its name. Answers `Welcome`, tells the others, and resolves to true;
   * or answers `Name already taken`, closes it, and resolves to false. Rejects when the server's socket is
   * closed.
   */
  async accept_client(): Promise<boolean> {
    const conn = traced(await this.server_socket.accept());
    conn.setNoDelay(true);
    this.#taken?.(conn);
    const member = this.#member(conn);
    const name = await this.#nameOf(member);
    const taken = this.clients.values().some((other) => other === name);
    if (taken) member.send(encode(TEXTS.taken));
    if (taken) this.#note(conn, `was refused: the name ${name} is taken`);
    if (taken || name === undefined) {
      await this.#hangUp(conn, taken ? LEAVE_MS : 0);
      return false;
    }
    member.send(encode(TEXTS.welcome));
    if (member.lines) this.#room.add(member.outbound);
    else this.#bare.add(member);
    this.clients.set(conn, name);
    this.broadcast(conn, WORDS.join);
    return true;
  }

  /**
   * Removes a client and closes its connection, once what it was told so far is delivered. False for a
   * socket that is not a client's.
   */
  close_client(client_socket: Deno.TcpConn): boolean {
    if (!this.clients.delete(client_socket)) return false;
    const closed = this.#hangUp(
      client_socket,
      this.#stopping.signal.aborted ? LINGER_MS : LEAVE_MS,
    );
    this.#closing.set(client_socket, closed.then(() => void this.#closing.delete(client_socket)));
    return true;
  }

  /**
   * Tells all clients but the one it comes from: 'join' as `User {x} joined`, 'exit' as `User {x} left`,
   * and any other message as `{x}: {message}`. Nothing for a socket that is not a client's.
   */
  broadcast(client_socket_sent: Deno.TcpConn, message: string): void {
    const name = this.clients.get(client_socket_sent);
    if (name === undefined) return;
    // What a client sends is a text, whatever it is, and goes on as the bytes that it came in.
    const bytes = this.#heard?.text === message ? this.#heard.bytes : undefined;
    if (bytes || (message !== WORDS.join && message !== WORDS.exit)) {
      return this.#say(client_socket_sent, bytes ?? encode(message));
    }
    const what = message === WORDS.join ? "joined" : "left";
    this.#tell(client_socket_sent, encode(TEXTS[what](name)));
    if (this.#log) this.#operator.note(`${name} ${what}`);
  }

  /**
   * Says `server-shutdown` to all clients, closes their sockets, sets both events and closes the
   * server's socket. Resolves when that is done; twice is once.
   */
  shutdown(): Promise<void> {
    return this.#ending ??= this.#shutDown();
  }

  /** How many clients are in. */
  get_clients_number(): number {
    return this.clients.size;
  }

  /**
   * Passes a client's messages on to the others until it says `exit`, vanishes, or `handle_event` is
   * set. Then, but for the event, the others hear that it left, and its connection is closed.
   */
  async handle_client(client_socket: Deno.TcpConn): Promise<void> {
    if (!this.clients.has(client_socket)) return;
    const member = this.#member(client_socket);
    let more = true;
    const take = (bytes: Uint8Array) => more = this.#take(client_socket, bytes);
    const { rate } = this.#limits;
    const { outbound } = member;
    const options = { signal: this.#stopping.signal, flow: this.#flow, outbound, rate };
    try {
      for (const texts of [[member.early], member.texts]) {
        if (more) await this.handle_event.unless(takeFrames(texts, take, options));
      }
    } catch (error) {
      if (error instanceof FrameTooLongError) this.#note(client_socket, `sent ${error.message}`);
      else if (!isDisconnect(error)) throw error;
    }
    if (this.handle_event.is_set()) return;
    this.broadcast(client_socket, WORDS.exit);
    this.close_client(client_socket);
    // An override may have closed it in its own way.
    if (!this.#closing.has(client_socket)) await this.#hangUp(client_socket, 0);
  }

  /**
   * Serves clients until Control-C, SIGTERM, or `run_event` is set; then shuts down. Resolves when all
   * is closed.
   */
  async run(): Promise<void> {
    using shutdown = shutdownOnSignals();
    this.run_event.wait().then(shutdown.request);
    const admissions = new WeakMap<Deno.TcpConn, Promise<boolean>>();
    const down = Promise.withResolvers<void>();
    const attend = async (conn: Deno.TcpConn) => {
      if (!await admissions.get(conn)) return;
      await this.handle_client(conn);
      // A client that `handle_event` has left behind stays until the shutdown closes it.
      if (this.clients.has(conn)) await down.promise;
      await this.#closing.get(conn);
    };
    const close = () => tryClose(this.server_socket);
    await acceptSessions({ accept: () => this.#accept(admissions), close }, attend, {
      ...this.#limits,
      signal: shutdown.signal,
      flow: this.#flow,
      log: (sentence) => this.#operator.note(sentence),
      farewell: () => this.shutdown().finally(down.resolve),
    });
    await this.shutdown();
  }

  /** The next connection that `accept_client` takes; what that resolves to is kept in `admissions`. */
  async #accept(admissions: WeakMap<Deno.TcpConn, Promise<boolean>>): Promise<Deno.TcpConn> {
    const { promise, resolve, reject } = Promise.withResolvers<Deno.TcpConn>();
    this.#taken = resolve;
    const admission = this.accept_client();
    admission.then((is) => {
      if (this.#taken !== resolve) return;
      // An override has accepted in its own way: its client stands last; without one it is asked again.
      if (is) resolve([...this.clients.keys()].at(-1)!);
      else reject(new Error("nobody"));
    }, reject);
    admissions.set(await promise, admission);
    return promise;
  }

  /** Waits for a connection's name; undefined when it says none, or one that cannot be had. */
  async #nameOf(member: Member): Promise<string | undefined> {
    const { conn } = member;
    const close = () => tryClose(conn);
    const late = setTimeout(close, this.#limits.introduceMs);
    this.#stopping.signal.addEventListener("abort", close);
    // However it fails to say a name, it is a stranger that is gone.
    const said = await member.name().catch((error) => {
      if (!isDisconnect(error)) this.#note(conn, `sent ${error.message}`);
    });
    clearTimeout(late);
    this.#stopping.signal.removeEventListener("abort", close);
    if (!said || this.#stopping.signal.aborted) return undefined;
    const text = wire.decode(said) ?? "";
    const name = wire.nameIn(text);
    if (name === undefined) this.#note(conn, "sent a name that is empty or cannot be printed");
    else if (name !== text.trim()) this.#note(conn, `sent a name that was cut to ${name}`);
    return name;
  }

  /** Passes on one text of a client; false when it says `exit`. */
  #take(conn: Deno.TcpConn, bytes: Uint8Array): boolean {
    if (!this.clients.has(conn) || wire.isExit(bytes)) return false;
    const { lineBytes } = this.#limits;
    if (bytes.length > lineBytes) {
      this.#member(conn).send(encode(TEXTS.tooLong(lineBytes)));
    } else if (bytes.length > 0 && this.broadcast === ServerTCP.prototype.broadcast) {
      // Decoding each text costs a tenth of the bench's row "10 clients, 1 sender".
      this.#say(conn, bytes);
    } else if (bytes.length > 0) {
      this.#heard = { text: new TextDecoder().decode(bytes), bytes };
      this.broadcast(conn, this.#heard.text);
      this.#heard = undefined;
    }
    return true;
  }

  #say(from: Deno.TcpConn, bytes: Uint8Array): void {
    const member = this.#member(from);
    member.prefix ??= encode(TEXTS.said(this.clients.get(from)!, ""));
    this.#tell(from, member.prefix, bytes);
  }

  /** Sends the text that `parts` make together to all clients but `from`. */
  #tell(from: Deno.TcpConn, ...parts: Uint8Array[]): void {
    const sender = this.#member(from);
    this.#room.send([...parts, wire.LINE_END], sender.outbound);
    if (this.#bare.size === 0) return;
    const text = concat(...parts);
    for (const member of this.#bare) if (member !== sender) member.send(text);
  }

  /** What belongs to a socket; a client that an override has let in by itself is a bare one. */
  #member(conn: Deno.TcpConn): Member {
    const known = this.#members.get(conn);
    if (known) return known;
    // A client that falls too far behind is cut, which ends its reading.
    const onCut = (reason?: string) => {
      if (reason) this.#note(conn, `${reason}: cut`);
      tryClose(conn);
    };
    const outbound = new Outbound(conn, this.#flow, { join: false, onCut });
    const member = new Member(conn, this.#limits, outbound);
    this.#members.set(conn, member);
    if (this.clients.has(conn)) this.#bare.add(member);
    return member;
  }

  /** Closes a connection within `ms` once it has taken what it was told, for which it gets its time, too. */
  async #hangUp(conn: Deno.TcpConn, ms: number): Promise<void> {
    const member = this.#member(conn);
    this.#bare.delete(member);
    this.#room.delete(member.outbound);
    member.last();
    if (ms > 0) await within(this.#limits.drainMs, member.drained());
    await hangUp(conn, member.outbound, ms);
    member.discard();
  }

  async #shutDown(): Promise<void> {
    // The events first: a client that leaves from here on leaves because of the shutdown.
    this.#stopping.abort();
    this.run_event.set();
    this.handle_event.set();
    tryClose(this.server_socket);
    const sockets = [...this.clients.keys()];
    for (const socket of sockets) this.#member(socket).last(encode(TEXTS.shutdown));
    for (const socket of sockets) this.close_client(socket);
    await Promise.all(this.#closing.values());
    await this.#operator.end();
  }

  #note(conn: Deno.TcpConn, what: string): void {
    const name = JSON.stringify(this.clients.get(conn)) ?? "a stranger";
    this.#operator.note(`${name} ${what}`, what.replaceAll(/\d+/g, ""));
  }
}

// ---- what both clients have behind the document's methods ----

const SHUT_DOWN = "the server has shut down";
const VANISHED = "the server has vanished";
/** A typed line that is longer has no end: it must not fill the memory. */
const TYPED_BYTES = 1024 * 1024;

/** The lines that are piped in, taken apart without the packages that a class by itself cannot load. */
function typedLines(input: ReadableStream<Uint8Array>): ReadableStream<string> {
  const lines = new LineSplitter({ maxBytes: TYPED_BYTES, bareMs: 0, strict: false });
  const decoder = new TextDecoder();
  const give = (batch: Uint8Array[], typed: TransformStreamDefaultController<string>) => {
    for (const line of batch) typed.enqueue(decoder.decode(line));
    if (lines.error) typed.error(lines.error);
  };
  return input.pipeThrough(
    new TransformStream({
      transform: (bytes, typed) => give(lines.push(bytes), typed),
      flush: (typed) => give(lines.end(), typed),
    }),
  );
}

/** Shows a line without a console. */
function print(stream: typeof Deno.stdout | typeof Deno.stderr, line: string): void {
  let rest = encode(line + "\n");
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch {
    // Nobody reads it.
  }
}

/** The person's end of a client, and how it stands with its server. */
class Person {
  /** While `run()` runs. */
  terminal: Console | undefined;
  /** Why the client is not in. */
  failure = "";
  /** Messages that came before `receive()` was called. */
  early: string[] = [];
  /** Aborted by Control-C. */
  interrupted: AbortSignal = NEVER;
  #outcome: string | undefined;

  constructor(readonly client: ClientTCP | ClientUDP, readonly options: ClientOptions) {}

  /** Shows what `next` brings; undefined is the server's end. */
  async receive(next: () => Promise<string[] | undefined>): Promise<void> {
    const { client, early } = this;
    let last = "";
    for (let batch: string[] | undefined = early.splice(0);;) {
      for (const text of batch) {
        if (text === TEXTS.shutdown) return this.#over(SHUT_DOWN);
        this.#show(last = text);
      }
      // A server is read no faster than the screen or a slow pipe takes what it says.
      await this.terminal?.drained();
      batch = await client.exit_receive.unless(next());
      if (client.exit_receive.is_set()) return;
      // Without framing, the server's last word may stand right behind a text.
      if (!batch) return this.#over(last.endsWith(TEXTS.shutdown) ? SHUT_DOWN : VANISHED);
    }
  }

  /** Runs the client from its connection to its end; `leave` says `exit`. Resolves as `run()` does. */
  async run(leave: () => Promise<unknown>): Promise<boolean> {
    const { client } = this;
    using shutdown = shutdownOnSignals();
    this.interrupted = shutdown.signal;
    shutdown.signal.addEventListener("abort", () => client.exit_run.set());
    const { openConsole } = await import("./lib/console.ts");
    if (!await client.connect_server()) {
      // Interrupted, it may be in without having heard of it.
      if (shutdown.signal.aborted) await leave();
      // The reason may be what a server has answered.
      else print(Deno.stderr, `cannot join: ${escapeControl(this.failure)}`);
      return shutdown.signal.aborted;
    }
    const terminal = this.terminal = openConsole({
      split: typedLines,
      named: wire.named,
      timestamps: this.options.timestamps === true,
      onInterrupt: shutdown.request,
    });
    terminal.note(`joined as ${client.client_name.trim()}`);
    const receiving = client.receive();
    const unsent = await this.#type(terminal);
    const outcome = this.#outcome;
    if (outcome) terminal.note(outcome);
    else if (unsent) terminal.note("what was not sent yet is dropped");
    // A server that does not close is not waited for.
    if (!outcome) await within(LEAVE_MS, leave().then(() => receiving));
    client.exit_receive.set();
    await receiving;
    await terminal.close();
    return outcome !== VANISHED;
  }

  /** Sends what is typed until `exit`, the end of the input, or `exit_run`; whether more was typed then. */
  async #type(terminal: Console): Promise<boolean> {
    const { exit_run } = this.client;
    exit_run.wait().then(() => terminal.close());
    for (let next = terminal.readLine();;) {
      const typed = await next;
      if (exit_run.is_set()) return typed !== null;
      if (typed === null || typed.trim() === WORDS.exit) return false;
      next = terminal.readLine();
      // A message without text would be no message at all to a peer that takes reads for messages.
      if (typed.trim() !== "") await exit_run.unless(this.client.send(typed));
    }
  }

  #show(text: string): void {
    const lines = { keepLines: true };
    if (this.options.show) this.options.show(text);
    else if (this.terminal) this.terminal.show(text, lines);
    else print(Deno.stdout, Deno.stdout.isTerminal() ? escapeControl(text, lines) : text);
  }

  #over(outcome: string): void {
    this.#outcome = outcome;
    this.client.exit_run.set();
    this.client.exit_receive.set();
  }
}

// ---- client over TCP ----

/** How long a client waits for the answer to its name. */
const ANSWER_MS = 5000;
const READ_BYTES = 65_536;
/** A stream of lines must neither fill the memory nor be waited for where a line end is missing. */
const SERVER_LINES = { maxBytes: 1024 * 1024, bareMs: 250 };
/** The answer that lets a client in: a greeting goes on to its line end; what follows is a message. */
const ANSWER = /Welcome(?:(?=\w)|[^\w\n][^\n]*(?:\n|$)|\n|$)(.*)$/s;

/** What a server says: a message for each read, without the line ends around it; or each line. */
async function* messages(conn: Deno.TcpConn, lines = false): AsyncGenerator<string[], void, void> {
  // A character that is cut waits for its other bytes.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  if (lines) {
    for await (const batch of frames(conn, new LineSplitter(SERVER_LINES))) {
      yield batch.map((line) => decoder.decode(line)).filter((line) => line !== "");
    }
    return;
  }
  const buffer = new Uint8Array(READ_BYTES);
  for (let count; (count = await conn.read(buffer)) !== null;) {
    const text = decoder.decode(buffer.subarray(0, count), { stream: true });
    const message = text.replace(/^\r?\n/, "").replace(/\r?\n$/, "");
    if (message !== "") yield [message];
  }
}

/**
 * A chatroom client over TCP, for anybody's server. What it sends is the text and nothing else, and what
 * it reads at once is a message; with the option `lines` both are lines.
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
  readonly exit_run: Flag = new Flag();
  /** Set to end the receiving of messages. */
  readonly exit_receive: Flag = new Flag();
  readonly #person: Person;
  #connected = false;
  #batches: AsyncGenerator<string[], void, void> | undefined;
  /** Keeps the pause between two texts. */
  readonly #throttle: Throttle;

  /** Connects nowhere yet. */
  constructor(client_name: string, server_port: number, options: ClientOptions = {}) {
    this.#person = new Person(this, options);
    this.client_name = client_name;
    this.server_port = server_port;
    this.server_addr = options.hostname ?? LOCAL;
    this.#throttle = new Throttle({ send: (bytes) => this.#write(bytes) });
    // A server gets lines apart without a pause.
    if (options.lines) this.#throttle.hurry();
  }

  /**
   * Connects, says the name, and resolves to whether the answer contains `Welcome`. A client that is
   * connected already stays so, and resolves to true.
   */
  async connect_server(): Promise<boolean> {
    if (this.#connected) return true;
    const person = this.#person;
    // A server may take what stands behind a line end for a message.
    if (this.client_name.trim() === "" || /[\r\n]/.test(this.client_name)) {
      person.failure = "a name must not be empty and must not contain a line end";
      return false;
    }
    const to = { port: this.server_port, signal: person.interrupted };
    this.client_socket = await connect(this.server_addr, to).catch((error) => {
      if (!(error instanceof StartError)) throw error;
      person.failure = error.message;
      return undefined;
    });
    if (!this.client_socket) return false;
    this.#batches = messages(this.client_socket, person.options.lines);
    person.failure = "the server does not answer";
    this.send(this.client_name);
    await within(ANSWER_MS, this.#answer().then((welcome) => this.#connected = welcome));
    if (!this.#connected) tryClose(this.client_socket);
    return this.#connected;
  }

  /**
   * Sends a text and nothing else, at least 25 ms after the one before, so that a server gets them apart;
   * with the option `lines`, a line at once. Resolves when the text is on its way, or cannot be.
   */
  send(text: string): Promise<void> {
    return this.#throttle.send(encode(this.#person.options.lines ? `${text}\n` : text));
  }

  /** Shows messages until `exit_receive` is set, the server says `server-shutdown`, or it is gone. */
  async receive(): Promise<void> {
    await this.#person.receive(() => this.#next());
  }

  /**
   * Connects and chats until the person leaves (`exit`, Control-C or the end of the input) or the server
   * does. Says on stderr under which name it is in, and why it could not be or how the server has ended.
   * Resolves to false where it could not join, and where the server has gone without `server-shutdown`.
   */
  async run(): Promise<boolean> {
    try {
      return await this.#person.run(() => this.send(WORDS.exit));
    } finally {
      this.#connected = false;
      if (this.client_socket) tryClose(this.client_socket);
    }
  }

  /** Waits for the answer to the name; what stands behind it is kept. */
  async #answer(): Promise<boolean> {
    const person = this.#person;
    for (let said = "";;) {
      const batch = await this.#next();
      if (!batch) {
        person.failure = said || "the server has closed the connection without an answer";
        return false;
      }
      for (const [i, text] of batch.entries()) {
        said = (said + text).slice(-READ_BYTES);
        const [, rest] = ANSWER.exec(said) ?? [];
        if (rest === undefined) continue;
        person.early = [rest, ...batch.slice(i + 1)].filter((each) => each !== "");
        return true;
      }
      person.failure = said;
      if (said.includes(TEXTS.taken)) return false;
    }
  }

  async #next(): Promise<string[] | undefined> {
    // A connection that breaks has ended like one that is closed.
    const next = await this.#batches?.next().catch(() => undefined);
    if (!next?.value) this.#connected = false;
    return next?.value ?? undefined;
  }

  async #write(bytes: Uint8Array): Promise<number> {
    for (let at = 0; at < bytes.length;) at += await this.client_socket!.write(bytes.subarray(at));
    return bytes.length;
  }
}

// ---- datagrams ----

/** A map by address, in which two equal addresses are one key, whichever objects they are. */
export class AddressMap<Value> extends Map<Deno.NetAddr, Value> {
  readonly #keys = new Map<string, Deno.NetAddr>();

  /** What is kept at an address. */
  override get(address: Deno.NetAddr): Value | undefined {
    return super.get(this.known(address));
  }

  /** Whether an address is there. */
  override has(address: Deno.NetAddr): boolean {
    return this.#keys.has(hostPort(address));
  }

  /** Keeps a value at an address. */
  override set(address: Deno.NetAddr, value: Value): this {
    const known = this.known(address);
    this.#keys.set(hostPort(known), known);
    return super.set(known, value);
  }

  /** Takes an address out; whether it was there. */
  override delete(address: Deno.NetAddr): boolean {
    const known = this.known(address);
    this.#keys.delete(hostPort(known));
    return super.delete(known);
  }

  /** Takes all out. */
  override clear(): void {
    this.#keys.clear();
    super.clear();
  }

  /** The one object that stands for all equal addresses, or the given one where there is none yet. */
  known(address: Deno.NetAddr): Deno.NetAddr {
    return this.#keys.get(hostPort(address)) ?? address;
  }
}

/** Opens a UDP socket. The runtime's own error says why it cannot, but for the flag. */
function listenDatagrams(hostname: string, port: number): Deno.DatagramConn {
  if (!Deno.listenDatagram) {
    throw new StartError("the chatroom over UDP needs one more flag: deno run --unstable-net");
  }
  return tracedDatagrams(Deno.listenDatagram({ transport: "udp", hostname, port }));
}

// ---- server over UDP ----

/** How many messages are kept in `messages`. */
const MESSAGES = 1000;
/** How many names are let in where nobody asks for another bound. */
const CLIENTS = 1000;
/** A client that has said nothing but its join may be put out of a full room after so much silence. */
const SILENT_MS = 10_000;
/**
 * Joins and leaves are told to a client BURST times at once and once more in each TICK_MS: no crowd takes
 * the place of texts in its kernel's buffer, nor makes a reflector of the server where its address is forged.
 */
const BURST = 10;
const TICK_MS = 500;
/** So much is gathered for it meanwhile. */
const GATHERED_CHARS = 16 * 1024;

/** What the UDP server knows of a client besides its name. */
interface Presence {
  /** When it was last heard, on the clock of `performance.now()`. */
  heardAt: number;
  /** Whether it has said anything but its join. */
  spoken: boolean;
  /** How many joins and leaves may still be told to it at once. */
  credit: number;
  /** The ones that wait, a line each. */
  gathered: string;
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
  readonly clients: AddressMap<string> = new AddressMap();
  /** What was said last, by whom: `[address, text]` pairs, the last 1,000 of them. */
  readonly messages: [client_addr: Deno.NetAddr, text: string][] = [];
  /** Which messages are joins and leaves, and the bytes of those that are not UTF-8, as they came. */
  readonly #kinds = new WeakMap<readonly unknown[], "notice" | Uint8Array>();
  /** By the addresses that are keys of `clients`. */
  readonly #presences = new WeakMap<Deno.NetAddr, Presence>();
  readonly #throttle: Throttle;
  readonly #limits: Limits;
  readonly #operator: Operator;
  readonly #log: boolean;
  /** Runs while anybody is in. */
  #ticking: ReturnType<typeof setInterval> | undefined;
  #ending: Promise<void> | undefined;

  /** Listens on `server_port`, or throws the runtime's own error, such as `Deno.errors.AddrInUse`. */
  constructor(server_port: number, options: ServerOptions = {}) {
    const { hostname = LOCAL, limits: changes, log = false } = options;
    this.server_socket = listenDatagrams(hostname, server_port);
    this.server_port = (this.server_socket.addr as Deno.NetAddr).port;
    this.#throttle = new Throttle(this.server_socket);
    this.#limits = limits({ clients: CLIENTS, ...changes });
    this.#operator = openOperator(new Flow(this.#limits));
    this.#log = log;
  }

  /**
   * Lets the client in whose name is in `message` (`NAME:join`): answers `Welcome`, tells the others,
   * and resolves to true; or answers `Name already taken` or `Room is full` and resolves to false. A
   * client that is in under this name already is welcomed again, and not announced.
   */
  async accept_client(client_addr: Deno.NetAddr, message: string): Promise<boolean> {
    const before = this.clients.get(client_addr);
    const said = wire.parseDatagram(message, before);
    const name = wire.nameIn(said?.type === "join" ? said.name : message.split(":")[0]!);
    const stays = name !== undefined && name === before;
    const refusal = stays ? undefined : this.#refusal(client_addr, name);
    if (refusal) await this.#throttle.send(encode(refusal), client_addr);
    if (name === undefined || refusal) return false;
    const sent = [this.#throttle.send(encode(TEXTS.welcome), client_addr)];
    if (stays) {
      // The longest silent stands first.
      const known = this.clients.known(client_addr);
      this.clients.delete(known);
      this.clients.set(known, name);
      this.#presence(known).heardAt = performance.now();
    } else {
      // A client that comes again under another name has left under the old one.
      if (before !== undefined) sent.push(this.close_client(client_addr).then(() => {}));
      this.clients.set(client_addr, name);
      this.#presence(client_addr);
      this.#ticking ??= setInterval(() => this.#tick(), TICK_MS);
      sent.push(this.#announce(client_addr, name, "joined"));
    }
    await Promise.all(sent);
    return true;
  }

  /** Removes a client and tells the others. Resolves to false for an address that is not a client's. */
  async close_client(client_addr: Deno.NetAddr): Promise<boolean> {
    const name = this.clients.get(client_addr);
    if (name === undefined) return false;
    this.clients.delete(client_addr);
    await this.#announce(client_addr, name, "left");
    return true;
  }

  /**
   * Sends the most recent message to all clients but the one it came from. Joins and leaves reach a client
   * at most 20 times a second: what comes faster is gathered, a line each.
   */
  async broadcast(): Promise<void> {
    const last = this.messages.at(-1);
    if (!last) return;
    const [from, text] = last;
    const kind = this.#kinds.get(last);
    const bytes = kind instanceof Uint8Array ? kind : encode(text);
    const sends: Promise<void>[] = [];
    const sender = this.clients.known(from);
    for (const address of this.clients.keys()) {
      if (address === sender) continue;
      const presence = this.#presence(address);
      if (kind === "notice") this.#gather(address, presence, text);
      else {
        // What comes before a text is told before it, but to nobody that may not have asked for it.
        if (presence.spoken) this.#flush(address, presence);
        sends.push(this.#throttle.send(bytes, address));
      }
    }
    await Promise.all(sends);
  }

  /** Says `server-shutdown` to all clients, forgets them and closes the socket. Twice is once. */
  shutdown(): Promise<void> {
    return this.#ending ??= this.#shutDown();
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
      room: () => this.#throttle.room(),
    });
    await this.shutdown();
  }

  #take(bytes: Uint8Array, from: Deno.NetAddr): void {
    if (this.#ending) return;
    const valid = wire.decode(bytes);
    const text = valid ?? new TextDecoder().decode(bytes);
    const name = this.clients.get(from);
    const said = wire.parseDatagram(text, name);
    if (said?.type === "join") {
      // A name that is not valid is nobody's.
      if (valid !== undefined) this.#watch(this.accept_client(from, `${said.name}:${WORDS.join}`));
    } else if (said?.type === "exit") {
      this.#watch(this.close_client(from));
    } else if (said) {
      const presence = this.#presence(this.clients.known(from));
      presence.heardAt = performance.now();
      presence.spoken = true;
      this.#flush(from, presence);
      const entry = this.#add(from, said.text);
      if (valid === undefined) {
        this.#kinds.set(entry, said.text === text ? bytes : concat(encode(`${name}:`), bytes));
      }
      this.#watch(this.broadcast());
    }
  }

  /** Why a newcomer cannot be let in, in the words that it is told: none where it has no name. */
  #refusal(from: Deno.NetAddr, name: string | undefined): string | undefined {
    const { clients, perHost } = this.#limits;
    const refuse = (why: string, text?: string) => {
      this.#operator.note(`${hostPort(from)} was refused: ${why}`, why);
      return text;
    };
    if (name === undefined) return refuse("its name is empty or cannot be printed");
    let sameHost = 0;
    for (const [address, other] of this.clients) {
      if (other === name) return refuse("its name is taken", TEXTS.taken);
      if (address.hostname === from.hostname) sameHost++;
    }
    // A client that changes its name needs no other place.
    if (this.clients.has(from)) return undefined;
    if (perHost > 0 && sameHost >= perHost) {
      return refuse(`${perHost} clients of its host are in (--per-host)`, TEXTS.full);
    }
    if (this.clients.size < clients || this.#makeRoom()) return undefined;
    return refuse(`${clients} clients are in (--clients)`, TEXTS.full);
  }

  /** Puts out the client that has been silent longest, if there is one that has never spoken. */
  #makeRoom(): boolean {
    const silent = this.clients.keys().find((address) => !this.#presence(address).spoken);
    if (!silent || performance.now() - this.#presence(silent).heardAt < SILENT_MS) return false;
    this.#putOut(silent, "for a newcomer: the room was full, and it has never spoken");
    return true;
  }

  #putOut(address: Deno.NetAddr, why: string): void {
    this.#operator.note(`${JSON.stringify(this.clients.get(address))} was put out ${why}`, why);
    this.#watch(this.close_client(address));
  }

  #presence(address: Deno.NetAddr): Presence {
    let presence = this.#presences.get(address);
    if (!presence) {
      presence = { heardAt: performance.now(), spoken: false, credit: BURST, gathered: "" };
      this.#presences.set(address, presence);
    }
    return presence;
  }

  /** Tells a client of a join or a leave at once as long as it has credit, else at the next tick. */
  #gather(address: Deno.NetAddr, presence: Presence, notice: string): void {
    if (presence.gathered.length > GATHERED_CHARS) {
      this.#operator.note("too many joins and leaves at once: clients are not told of all");
      return;
    }
    presence.gathered += presence.gathered === "" ? notice : `\n${notice}`;
    if (presence.credit === 0) return;
    presence.credit--;
    this.#flush(address, presence);
  }

  #flush(address: Deno.NetAddr, presence: Presence): void {
    if (presence.gathered === "") return;
    this.#throttle.send(encode(presence.gathered), address);
    presence.gathered = "";
  }

  #tick(): void {
    const { expireS } = this.#limits;
    const since = expireS > 0 ? performance.now() - expireS * 1000 : -Infinity;
    for (const address of [...this.clients.keys()]) {
      const presence = this.#presence(address);
      if (presence.gathered !== "") this.#flush(address, presence);
      else presence.credit = Math.min(BURST, presence.credit + 1);
      if (presence.heardAt < since) this.#putOut(address, `after ${expireS} s of silence`);
    }
    if (this.clients.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
  }

  async #shutDown(): Promise<void> {
    clearInterval(this.#ticking);
    for (const address of this.clients.keys()) {
      this.#flush(address, this.#presence(address));
      this.#throttle.send(encode(TEXTS.shutdown), address);
    }
    this.clients.clear();
    await this.#throttle.drained();
    tryClose(this.server_socket);
    await this.#operator.end();
  }

  #announce(from: Deno.NetAddr, name: string, what: "joined" | "left"): Promise<void> {
    this.#kinds.set(this.#add(from, TEXTS[what](name)), "notice");
    if (this.#log) this.#operator.note(`${name} ${what}`);
    return this.broadcast();
  }

  #add(from: Deno.NetAddr, text: string): readonly unknown[] {
    const entry: [Deno.NetAddr, string] = [from, text];
    this.messages.push(entry);
    if (this.messages.length > MESSAGES) this.messages.shift();
    return entry;
  }

  /** Nobody waits for what a datagram has begun: an error of an override must not end the server. */
  #watch(done: Promise<unknown>): void {
    done.catch((error) => this.#operator.note(`internal error, please report it: ${error}`));
  }
}

// ---- client over UDP ----

/** How long, and how often, a client waits for the answer to its name. */
const JOIN_MS = 1000;
const JOIN_TRIES = 5;
const ANSWERS: readonly string[] = [TEXTS.welcome, TEXTS.taken, TEXTS.full, TEXTS.shutdown];

/**
 * A datagram as it is shown: one line, whatever is in it; only notices that came together are several, and
 * a second answer to a `join` that was sent again is no message.
 */
function shownAs(text: string | undefined): string[] | undefined {
  if (text === TEXTS.welcome) return [];
  return text === undefined ? undefined : wire.noticesIn(text).map((line) => escapeControl(line));
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
  readonly exit_run: Flag = new Flag();
  /** Set to end the receiving of messages. */
  readonly exit_receive: Flag = new Flag();
  readonly #person: Person;
  readonly #throttle: Throttle;
  readonly #datagrams: ReturnType<typeof datagrams>;
  /** The address of the first `Welcome`: no other is heard from there on. */
  #server: string | undefined;
  #receiving: Promise<string | undefined> | undefined;

  /** Opens a socket on a free port. */
  constructor(client_name: string, server_port: number, options: ClientOptions = {}) {
    const { hostname = LOCAL } = options;
    this.#person = new Person(this, options);
    this.client_name = client_name;
    this.server_port = server_port;
    this.server_addr = hostname;
    const local = hostname === LOCAL ? LOCAL : hostname.includes(":") ? "::" : "0.0.0.0";
    this.client_socket = listenDatagrams(local, 0);
    this.#datagrams = datagrams(this.client_socket);
    this.#throttle = new Throttle(this.client_socket, {
      to: { transport: "udp", hostname, port: server_port },
      onError: (error) => this.#person.terminal?.note(`cannot send: ${listenReason(error)}`),
    });
  }

  /**
   * Sends `join` each second, five times, and resolves to whether the answer is `Welcome`. False at once
   * for a name that the server could not tell from the text.
   */
  async connect_server(): Promise<boolean> {
    if (this.#server !== undefined) return true;
    const person = this.#person;
    if (this.client_name.includes(":") || this.client_name.trim() === "") {
      person.failure = "over UDP a name must not be empty and must not contain ':'";
      return false;
    }
    for (let tries = 0; tries < JOIN_TRIES && !this.exit_run.is_set(); tries++) {
      this.send(WORDS.join);
      const answer = await this.#answer();
      if (answer !== undefined) person.failure = answer;
      if (answer !== undefined) return answer === TEXTS.welcome;
    }
    const { server_addr: hostname, server_port: port } = this;
    person.failure = `no answer from ${hostPort({ hostname, port })}, is the server running?`;
    return false;
  }

  /** Sends `{client_name}:{text}`, at least 25 ms after the one before; resolves when it is on its way. */
  send(text: string): Promise<void> {
    return this.#throttle.send(encode(`${this.client_name}:${text}`));
  }

  /** Shows messages until `exit_receive` is set or the server says `server-shutdown`. */
  async receive(): Promise<void> {
    await this.#person.receive(async () => shownAs(await this.#next()));
  }

  /**
   * Joins and chats until the person leaves (`exit`, Control-C or the end of the input) or the server
   * does. Says on stderr under which name it is in, why it could not be, and that the server has shut down.
   * Resolves to whether it was in.
   */
  async run(): Promise<boolean> {
    try {
      // No answer comes to `exit`.
      return await this.#person.run(async () => {
        await this.send(WORDS.exit);
        this.exit_receive.set();
      });
    } finally {
      await this.#throttle.drained();
      tryClose(this.client_socket);
    }
  }

  /** The next answer of the server within a second; what others say meanwhile is kept. */
  async #answer(): Promise<string | undefined> {
    const until = performance.now() + JOIN_MS;
    for (let left = JOIN_MS; left > 0; left = until - performance.now()) {
      let text: string | undefined;
      await within(left, this.exit_run.unless(this.#next().then((next) => text = next)));
      if (text === undefined || ANSWERS.includes(text)) return text;
      this.#person.early.push(...shownAs(text)!);
    }
    return undefined;
  }

  /** The next datagram of the server; undefined once the socket is closed. */
  #next(): Promise<string | undefined> {
    // One receive at a time: the one that was not waited for brings the next datagram.
    return this.#receiving ??= this.#receive().finally(() => this.#receiving = undefined);
  }

  async #receive(): Promise<string | undefined> {
    for (;;) {
      const { value } = await this.#datagrams.next();
      if (!value) return undefined;
      const [bytes, { hostname, port }] = value;
      // A server that listens on all addresses may answer from another than was asked, but not port.
      if (port !== this.server_port || (this.#server ?? hostname) !== hostname) continue;
      const text = new TextDecoder().decode(bytes);
      if (text === TEXTS.welcome) this.#server = hostname;
      return text;
    }
  }
}

// ---- command line ----

const LINES = ["lineBytes", "unterminatedBytes", "introduceMs"] as const;
const QUEUES = ["connections", "softBytes", "hardBytes", "stuckMs", "drainMs", "rate"] as const;
const TCP_LIMITS = [...LINES, ...QUEUES];
const UDP_LIMITS = ["clients", "perHost", "expireS"] as const;
const PORT = 12345;

/** The document's `server.py`. */
const SERVER = {
  USAGE: `usage: chatroom.ts server [options]

example: chatroom.ts server --port 12345

  --udp                   datagrams instead of connections
  --port N                port to listen on, 0 for a free one (${PORT})
  --host ADDR             address to listen on (0.0.0.0)

Limits over TCP:
${limitHelp(TCP_LIMITS)}
Limits over UDP:
${limitHelp(UDP_LIMITS, { clients: CLIENTS })}${TRACE_HELP}`,
  async run(args: readonly string[]): Promise<"help" | void> {
    const options = await parseOptions(args, {
      strings: ["port", "host"],
      booleans: ["udp"],
      limits: [...TCP_LIMITS, ...UDP_LIMITS],
      defaults: { clients: CLIENTS },
    });
    if (options.help) return "help";
    const { host: hostname = "0.0.0.0", port: number = String(PORT) } = options.strings;
    const at = port(number);
    let server: ServerTCP | ServerUDP;
    try {
      const how = { hostname, limits: options.limits, log: true };
      server = options.booleans["udp"] ? new ServerUDP(at, how) : new ServerTCP(at, how);
    } catch (error) {
      if (error instanceof StartError) throw error;
      throw new StartError(`cannot listen on ${hostname}:${at}: ${listenReason(error)}`);
    }
    const addr = server.server_socket.addr as Deno.NetAddr;
    const outside = fromOutside(addr);
    const lines = [`listening on ${reachable(addr)}`, ...outside ? [outside] : []];
    Deno.stderr.writeSync(encode(lines.map((line) => `${line}\n`).join("")));
    await server.run();
  },
};

/** The document's `client.py`. */
const CLIENT = {
  USAGE: `usage: chatroom.ts client --name NAME [options]

example: chatroom.ts client --name Alice

  --name NAME, -n NAME    the name that the others see
  --udp                   datagrams instead of a connection
  --lines                 lines instead of bare texts, for a server of this script: what is pasted or
                          piped goes out at once; without it, for anybody's server, 40 texts a second
  --port N                the server's port (${PORT})
  --host ADDR             the server's name or address (${LOCAL})
${CLIENT_HELP}
Then type messages, or exit.
`,
  async run(args: readonly string[]): Promise<"help" | number> {
    const options = await parseOptions(args, {
      strings: ["name", "port", "host"],
      booleans: ["udp", "lines", "timestamps"],
      alias: { name: "n" },
    });
    if (options.help) return "help";
    const { name, host: hostname = LOCAL, port: number = String(PORT) } = options.strings;
    if (name === undefined) throw new UsageError("missing --name");
    const { udp, lines = false, timestamps = false } = options.booleans;
    if (udp && lines) throw new UsageError("--lines is for TCP: a datagram needs no line end");
    const kind = udp ? ClientUDP : ClientTCP;
    const client = new kind(name, port(number, 1), { hostname, timestamps, lines });
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
  const protocols = { server: SERVER, client: CLIENT };
  return runRole(args, { protocols, usage: USAGE, word: "server or client" });
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
