/**
 * The bridge client (CSE 150, "Let's Chat!") at work: the actions of the table in `bridge_states.ts`,
 * and what sets them off, from the terminal, the server and the peer.
 *
 * @module
 */

import type { Console } from "../lib/console.ts";
import { frames, isDisconnect, reachable, sleep, tryClose, within } from "../lib/net.ts";
import { Flow } from "../lib/outbound.ts";
import { limits, StartError } from "../lib/program.ts";
import { address, CONSOLE, type Contact, MESSAGES } from "../lib/wire/bridge.ts";
import { ask, Call, connectPeer, type ServerAddress } from "./bridge_call.ts";
import { PeerError, type PeerFrame } from "./bridge_peer.ts";
import {
  type Action,
  isChat,
  isPending,
  type Position,
  START,
  type State,
  step,
  type Trigger,
} from "./bridge_states.ts";

/** How long in ms a server or a peer gets to answer. */
const ANSWER_MS = 5000;
/** How long in ms `/quit` waits for what was typed before it. */
const LEAVE_MS = 500;
/** How long in ms a connection may be silent before it says what it wants. */
const RING_MS = 60_000;
/** Connections that have not said yet what they want. */
const MOST_RINGING = 16;
/** Lines that wait for something; from here on no more are read. */
const MOST_WAITING = 1000;
const ACCEPT_PAUSE_MS = 100;

/** The document has no such word: outside a chat, where it means nothing, it is ours at a terminal. */
const HELP = `/register  tells the server where you wait for chats
/bridge    asks it for a peer
/chat      calls that peer; then write in turns
/id        shows your name
/quit      ends the chat, and the program`;

/** Who the client is and whom it asks. */
export interface BridgeClientOptions {
  /** The user's name. */
  readonly id: string;
  /** The address to register, or undefined: the one the server is reached from. */
  readonly host?: string | undefined;
  /** The server. */
  readonly server: ServerAddress;
  /** Whether the turns are lifted where the peer wants it, too. */
  readonly duplex: boolean;
}

/** What comes with a trigger. */
interface Detail {
  readonly text?: string;
  readonly reason?: string;
  readonly peer?: Contact;
  readonly conn?: Deno.TcpConn;
  readonly call?: Call;
  readonly from?: Partial<Contact>;
  readonly duplex?: boolean;
}

/** A client between its terminal, its listener, the server and a peer. */
export class Client {
  readonly #options: BridgeClientOptions;
  readonly #console: Console;
  readonly #listener: Deno.TcpListener;
  readonly #flow = new Flow(limits());
  #position: Position = START;
  #own: Contact;
  #peer: Contact | undefined;
  #call: Call | undefined;
  /** What is under way to the server or the peer. */
  #work: AbortController | undefined;
  #accepting: Promise<void> | undefined;
  readonly #ringing = new Set<Call>();
  /** Typed lines that wait for an answer, and chat lines that wait for their turn. */
  readonly #typed: string[] = [];
  readonly #kept: string[] = [];
  #toldToWait = false;
  #pumping = false;
  #changed = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();

  /** A client that waits on `listener`; the caller keeps owning that and the console. */
  constructor(
    options: BridgeClientOptions,
    { console, listener }: { console: Console; listener: Deno.TcpListener },
  ) {
    this.#options = options;
    this.#console = console;
    this.#listener = listener;
    const { port } = listener.addr;
    this.#own = { id: options.id, ip: options.host ?? "", port };
  }

  /** Lives until the person or the peer ends it. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#dispatch("/quit"));
    this.#console.show(CONSOLE.running(this.#options.id, reachable(this.#listener.addr)));
    this.#console.setPrompt(">");
    const typing = this.#type().catch((error) => this.#done.reject(error));
    try {
      await this.#done.promise;
    } finally {
      tryClose(this.#listener);
      const calls = [...this.#ringing].map((call) => (call.close(), call.ended));
      await this.#console.close();
      await Promise.all([typing, this.#accepting, ...calls, this.#call?.ended]);
    }
  }

  get #state(): State {
    return this.#position.state;
  }

  /** Takes a step of the table; false when the trigger means nothing now. */
  #dispatch(trigger: Trigger, detail: Detail = {}): boolean {
    const next = step(this.#position, trigger);
    if (!next) return false;
    this.#position = next.position;
    this.#actions[next.action](detail);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.#pump();
    return true;
  }

  readonly #actions: Record<Action, (detail: Detail) => void> = {
    "send REGISTER": () =>
      this.#ask((localIp) => {
        this.#own = { ...this.#own, ip: this.#options.host ?? localIp };
        return MESSAGES.register(this.#own);
      }),
    "send BRIDGE": () => this.#ask(() => MESSAGES.bridge(this.#own.id)),
    "connect to the peer": () => this.#dial(this.#peer!),
    "send CHAT": ({ conn }) => {
      this.#call = this.#begin(conn!, true);
      this.#call.chat(this.#own, this.#options.duplex);
    },
    "go on": () => {},
    "say why": ({ reason }) => this.#console.note(reason!),
    "take calls": () => void (this.#accepting ??= this.#accept()),
    "keep the contact": ({ peer }) => {
      this.#peer = peer;
      this.#accepting ??= this.#accept();
    },
    "show the request": (detail) => this.#take(detail.call!, detail),
    "take that call instead": (detail) => {
      const dropped = this.#call!;
      // The peer has not looked at our call: what we said there is said again.
      this.#kept.unshift(...dropped.unheard);
      this.#take(detail.call!, detail);
      dropped.close();
    },
    "turn it away": ({ call }) => call!.close(),
    "send the line": ({ text }) => {
      this.#toldToWait = false;
      this.#call!.say(text!, this.#own);
    },
    "keep it for our turn": ({ text }) => {
      this.#kept.push(text!);
      if (!this.#toldToWait) {
        this.#console.note("it is the peer's turn: your line is sent after it");
      }
      this.#toldToWait = true;
    },
    "show the line": ({ text }) => this.#console.show(text!),
    "lift the turns": () => this.#console.note("no turns in this chat: both may write at any time"),
    "send QUIT, close": () => this.#quit(this.#call!),
    close: ({ reason }) => {
      if (reason) this.#console.note(reason);
      this.#admitUnsent();
      this.#work?.abort();
      this.#call?.close();
      this.#done.resolve();
    },
  };

  #ask(question: (localIp: string) => Uint8Array): void {
    const { server } = this.#options;
    this.#start(`the server at ${address(server.hostname, server.port)}`, async (signal) => {
      const answer = await ask(server, { question, signal });
      if (!answer) return;
      if (answer.type === "refused") {
        this.#dispatch("no answer", { reason: `the server refused: ${answer.reason}` });
      } else if (answer.type === "REGACK") this.#dispatch("REGACK");
      else if (!answer.peer || answer.peer.id === this.#own.id) this.#dispatch("BRIDGEACK, empty");
      else this.#dispatch("BRIDGEACK, a peer", { peer: answer.peer });
    });
  }

  #dial(peer: Contact): void {
    this.#start(CONSOLE.contact(peer), async (signal) => {
      const conn = await connectPeer(peer, signal);
      if (conn) this.#dispatch("connected", { conn });
    });
  }

  /** Starts what needs an answer of `whom`; it ends with a trigger, within {@linkcode ANSWER_MS}. */
  #start(whom: string, work: (signal: AbortSignal) => Promise<void>): void {
    const controller = new AbortController();
    this.#work = controller;
    const late = setTimeout(() => {
      controller.abort();
      const reason = `${whom} did not answer within ${ANSWER_MS / 1000} s`;
      this.#dispatch("no answer", { reason });
    }, ANSWER_MS);
    work(controller.signal).catch((error) => {
      if (!(error instanceof StartError)) this.#done.reject(error);
      else this.#dispatch("no answer", { reason: error.message });
    }).finally(() => clearTimeout(late));
  }

  /** Accepts calls until the listener is closed; before the first, callers wait in the backlog. */
  async #accept(): Promise<void> {
    while (this.#state !== "END") {
      try {
        const call = this.#begin(await this.#listener.accept(), false);
        const [oldest] = this.#ringing;
        // Those that say nothing must not keep out one that does.
        if (oldest && this.#ringing.size >= MOST_RINGING) oldest.close();
        this.#ringing.add(call);
        // A call can be news only while ours may not have been heard.
        if (isChat(this.#state) && !this.#mayCross()) this.#dispatch("second CHAT", { call });
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        await sleep(ACCEPT_PAUSE_MS, AbortSignal.any([]));
      }
    }
  }

  #begin(conn: Deno.TcpConn, outgoing: boolean): Call {
    const call = new Call(conn, this.#flow, {
      outgoing,
      onCut: (reason) => reason && this.#console.note(`the peer ${reason}`),
    });
    call.ended = this.#hear(call).catch((error) => this.#done.reject(error));
    return call;
  }

  /** Reads a call to its end, whether it is the chat or still rings. */
  async #hear(call: Call): Promise<void> {
    const silent = setTimeout(() => call !== this.#call && call.close(), RING_MS);
    try {
      for await (const batch of frames(call.conn, call.splitter)) {
        for (const frame of batch) this.#receive(call, frame);
        await this.#console.drained();
      }
    } catch (error) {
      if (error instanceof PeerError) this.#console.note(`the peer sent ${error.message}`);
      else if (!isDisconnect(error)) throw error;
    } finally {
      clearTimeout(silent);
      this.#ringing.delete(call);
      if (call === this.#call) this.#peerLeft();
      else call.close();
    }
  }

  #receive(call: Call, frame: PeerFrame): void {
    if (call !== this.#call) return this.#ring(call, frame);
    call.heard = true;
    call.unheard = [];
    for (const other of this.#ringing) if (other !== call) other.close();
    if (frame.type === "line") this.#dispatch("line received", { text: frame.text });
    else if (frame.type === "QUIT") this.#peerLeft();
    else if (frame.duplex && this.#options.duplex) this.#dispatch("both want duplex");
  }

  /** The first word of a connection that is not the chat. */
  #ring(call: Call, frame: PeerFrame): void {
    if (call.ignored) return;
    if (frame.type === "QUIT") return call.close();
    const detail: Detail & { from: Partial<Contact> } = frame.type === "CHAT"
      ? { call, from: frame.from, duplex: frame.duplex }
      : { call, from: {} };
    if (!isChat(this.#state)) {
      if (!this.#dispatch("CHAT comes", detail)) call.close();
    } else if (!this.#mayCross() || detail.from.id !== this.#peer?.id) {
      this.#dispatch("second CHAT", { call });
    } else if (!call.splitter.ours || this.#peer!.id < this.#own.id) {
      this.#dispatch("CHAT crosses", detail);
    } else {
      // Not closed: the peer must see our call before it sees the end of its own.
      call.ignored = true;
    }
    if (frame.type === "line" && call === this.#call) this.#receive(call, frame);
  }

  /** Whether the peer may be calling at this moment, not having looked at our call. */
  #mayCross(): boolean {
    return this.#call?.outgoing === true && !this.#call.heard;
  }

  #take(call: Call, { from, duplex }: Detail): void {
    this.#work?.abort();
    this.#call = call;
    this.#ringing.delete(call);
    for (const other of this.#ringing) other.close();
    const { hostname, port } = call.conn.remoteAddr;
    const where = address(from?.ip ?? hostname, from?.port ?? port);
    this.#console.show(CONSOLE.incoming(from?.id === undefined ? where : `${from.id} ${where}`));
    if (!duplex || !this.#options.duplex) return;
    call.chat(this.#own, true);
    this.#dispatch("both want duplex");
  }

  #peerLeft(): void {
    this.#dispatch("QUIT or FIN", { reason: "the peer has ended the chat" });
  }

  #quit(call: Call): void {
    // One of ours shows lines out of turn; another would take them and QUIT for one.
    if (call.splitter.ours) { for (const text of this.#kept.splice(0)) call.say(text, this.#own); }
    this.#admitUnsent();
    call.quit().then(this.#done.resolve, this.#done.reject);
  }

  #admitUnsent(): void {
    const { length } = this.#kept;
    if (length > 0) {
      this.#console.note(`${length} ${length === 1 ? "line was" : "lines were"} not sent`);
    }
  }

  /** Reads what is typed until the person leaves. */
  async #type(): Promise<void> {
    for (;;) {
      const line = await this.#console.readLine();
      const command = line?.trimEnd();
      if (command === undefined || command === "/quit") break;
      if (command === "/id") this.#console.show(this.#options.id);
      else this.#typed.push(line!);
      this.#pump();
      const pause = this.#flow.hold();
      if (pause) await pause;
      await this.#until(() => this.#typed.length + this.#kept.length < MOST_WAITING);
    }
    // What was typed before is done first, but a server that does not answer keeps nobody.
    await within(LEAVE_MS, this.#until(() => this.#typed.length === 0 && !isPending(this.#state)));
    this.#dispatch("/quit");
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && this.#state !== "END") await this.#changed.promise;
  }

  /** Does what waits and can be done now. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (;;) {
      const mayTalk = this.#state === "CHAT writing" || this.#state === "CHAT duplex";
      if (this.#kept.length > 0 && mayTalk) {
        this.#dispatch("line typed", { text: this.#kept.shift()! });
      } else if (this.#typed.length > 0 && !isPending(this.#state)) {
        this.#obey(this.#typed.shift()!);
      } else break;
    }
    this.#pumping = false;
  }

  #obey(line: string): void {
    const command = line.trimEnd();
    if (command === "/register" || command === "/bridge" || command === "/chat") {
      if (!this.#dispatch(command)) this.#console.note(this.#misfit(command));
    } else if (isChat(this.#state)) {
      if (line === "" && this.#call!.splitter.style.form === "bare") return;
      this.#dispatch("line typed", { text: line });
    } else if (command === "/help" && this.#console.interactive) {
      this.#console.note(HELP);
    } else if (command !== "" && !command.startsWith("/")) {
      this.#console.note("nothing was sent: there is no chat yet");
    }
  }

  /** Why a command does nothing now, in one sentence. */
  #misfit(command: "/register" | "/bridge" | "/chat"): string {
    if (isChat(this.#state)) return `${command} is not for a chat: nothing was sent`;
    if (command === "/register") return `already registered as ${this.#options.id}`;
    if (this.#state === "IDLE") return `not registered yet: /register comes before ${command}`;
    if (this.#state === "WAIT") {
      return "nobody to call yet: wait for a call, or ask again by /bridge";
    }
    return "no peer known yet: /bridge asks the server for one";
  }
}
