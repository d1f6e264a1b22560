/**
 * The two ends of a chatroom connection over TCP. Its texts have no framing; these ends find out whether
 * the other side understands lines, and never let two messages run together if it does.
 *
 * Our client says its name bare, as everybody's does, and has seen by the welcome's LF that lines are
 * understood. A server that has nothing to go by sends the first message bare and holds the others for a
 * moment. One of our clients sees a text without an end and answers with LF; the server ends that text
 * with LF and sends lines from there on. Other people's clients say nothing, and get bare texts.
 *
 * @module
 */

import { frames, type Splitter } from "./net.ts";
import { Outbound } from "./outbound.ts";
import { LINE_END, type Message, message, MessageSplitter, TEXTS } from "./wire/chatroom.ts";

/** How long messages are held for a client that may be about to say that it reads lines. */
const HOLD_MS = 500;
/**
 * With more messages than that, a server is so busy that it may not have got round to reading what the
 * client says, and bare texts would run together anyway: it waits on, up to so many times.
 */
const HOLD_FEW = 50;
const HOLD_TIMES = 10;
/** More than that is not held: it is sent as it stands. */
const HOLD_BYTES = 256 * 1024;
/** A long text without a line end is whole after this silence. */
const BARE_MS = 50;
/** What a server sends without an end is a message after this silence, longer than a round trip. */
const ANSWER_MS = 250;
/** No message is that long; a server's stream without line ends must not fill the memory. */
const SERVER_BYTES = 1024 * 1024;

const SHUTDOWN = message(TEXTS.shutdown).bare;

/** A client as its server sees it. */
export class ClientLink implements Splitter<Uint8Array> {
  /** The client's queue. */
  readonly outbound: Outbound;
  /** What the client says, in the messages of each read. */
  readonly batches: AsyncGenerator<Uint8Array[], void, void>;
  /** Messages that came together with the name. */
  early: Uint8Array[] = [];
  /** What stands before the client's texts on their way to others; made when it first says one. */
  prefix: Uint8Array | undefined;
  readonly #splitter: MessageSplitter;
  readonly #onLines: () => void;
  /** `new` until it is in; `asked` while messages are held. */
  #mode: "new" | "fresh" | "asked" | "bare" | "lines" = "new";
  #held: Message[] = [];
  #heldBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `onLines` is called once, when the client turns out to read lines and has all that was held. */
  constructor(
    conn: Deno.TcpConn,
    { outbound, maxBytes, onLines }: {
      outbound: Outbound;
      maxBytes: number;
      onLines: () => void;
    },
  ) {
    this.outbound = outbound;
    this.#splitter = new MessageSplitter({ maxBytes, bareMs: BARE_MS });
    this.#onLines = onLines;
    this.batches = frames(conn, this);
  }

  /** See {@linkcode MessageSplitter}. */
  get patienceMs(): number | undefined {
    return this.#splitter.patienceMs;
  }

  /** See {@linkcode MessageSplitter}. */
  get error(): Error | undefined {
    return this.#splitter.error;
  }

  /** Returns the messages that `bytes` complete, and takes note of how they are ended. */
  push(bytes: Uint8Array): Uint8Array[] {
    const messages = this.#splitter.push(bytes);
    this.#learn(messages.length > 0);
    return messages;
  }

  /** As `push`, after a silence. */
  silence(): Uint8Array[] {
    this.#learn(true);
    return this.#splitter.silence();
  }

  /** As `push`, at the end. */
  end(): Uint8Array[] {
    return this.#splitter.end();
  }

  /** Lets the client in: its welcome is a line, whatever it reads. */
  welcome(text: string): void {
    this.outbound.send(message(text).line);
    this.#mode = "fresh";
    if (this.#splitter.lines) this.#settle();
  }

  /** Sends a message as the client understands it. */
  send(told: Message): void {
    if (this.#mode === "asked") {
      this.#held.push(told);
      this.#heldBytes += told.line.length;
      if (this.#heldBytes > HOLD_BYTES) this.#settle();
      return;
    }
    if (this.#mode === "fresh") {
      this.#mode = "asked";
      this.#hold();
    }
    this.outbound.send(this.#mode === "lines" ? told.line : told.bare);
  }

  /** Sends what is held: nothing is to be learned any more. */
  flush(): void {
    if (this.#mode === "asked") this.#settle();
  }

  /** Forgets what is held. The connection stays the caller's to close. */
  close(): void {
    clearTimeout(this.#timer);
    this.#held = [];
    this.outbound.discard();
  }

  #hold(times = HOLD_TIMES): void {
    this.#timer = setTimeout(() => {
      if (times > 1 && this.#held.length > HOLD_FEW) this.#hold(times - 1);
      else this.#settle();
    }, HOLD_MS);
  }

  #learn(spoken: boolean): void {
    if (this.#mode === "new" || this.#mode === "lines") return;
    if (!this.#splitter.lines) {
      // Bare text: not one of ours.
      if (spoken && this.#mode !== "bare") this.#settle();
    } else if (this.#splitter.blanks > 0 && this.#mode !== "fresh") {
      // What it got before has no end yet.
      this.outbound.send(LINE_END);
      this.#settle();
    } else if (this.#mode !== "asked") {
      this.#settle();
    }
    // A line while messages are held: one of ours still says LF, when it sees the text without an end.
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#mode = this.#splitter.lines ? "lines" : "bare";
    this.outbound.join = this.#mode === "lines";
    const held = this.#held;
    this.#held = [];
    for (const told of held) this.send(told);
    if (this.#mode === "lines") this.#onLines();
  }
}

/** A server as its client sees it. */
export class ServerLink implements Splitter<Uint8Array> {
  /** What the server says, in the messages of each read. */
  readonly batches: AsyncGenerator<Uint8Array[], void, void>;
  readonly #splitter = new MessageSplitter({
    maxBytes: SERVER_BYTES,
    bareMs: ANSWER_MS,
    // The welcome is the first; the second shows that the server knows what we read.
    strictAfter: 2,
  });
  readonly #outbound: Outbound;
  #said = false;

  /** The caller keeps owning the connection and its queue. */
  constructor(conn: Deno.TcpConn, outbound: Outbound) {
    this.#outbound = outbound;
    this.batches = frames(conn, this);
  }

  /** See {@linkcode MessageSplitter}. */
  get patienceMs(): number | undefined {
    return this.#splitter.patienceMs;
  }

  /** See {@linkcode MessageSplitter}. */
  get error(): Error | undefined {
    return this.#splitter.error;
  }

  /** Returns the messages that `bytes` complete; asks for lines where an end is missing. */
  push(bytes: Uint8Array): Uint8Array[] {
    const messages = this.#splitter.push(bytes);
    if (this.#splitter.unsure && !this.#said) {
      this.#said = true;
      this.#outbound.send(LINE_END);
    }
    return messages;
  }

  /** As `push`, after a silence. */
  silence(): Uint8Array[] {
    return this.#splitter.silence();
  }

  /** As `push`, at the end: without line ends, the server's last word stands right behind its last text. */
  end(): Uint8Array[] {
    const [text, ...none] = this.#splitter.end();
    const before = (text?.length ?? 0) - SHUTDOWN.length;
    if (!text || before <= 0 || !SHUTDOWN.every((byte, i) => byte === text[before + i])) {
      return text ? [text, ...none] : none;
    }
    return [text.subarray(0, before), SHUTDOWN];
  }

  /** Sends a text: as a line to a server that has sent one, where a line end in it makes it several. */
  send(text: string): void {
    const { lines } = this.#splitter;
    for (const each of lines ? text.split("\n") : [text]) {
      if (each === "") continue;
      this.#outbound.send(lines ? message(each).line : message(each).bare);
    }
  }
}
