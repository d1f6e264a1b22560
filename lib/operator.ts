/**
 * What a program tells the people who run it: the operator's lines, the trace, and text made safe for a
 * terminal. None of it ever waits for a stream that nobody reads.
 *
 * @module
 */

import { Flow, Outbound } from "./outbound.ts";

// ---- safe text ----

// Cc is C0, DEL and C1; Cs under the u flag is a surrogate without its other half. The direction
// marks U+200E and U+200F are not here: they are ordinary in Arabic and Hebrew text and cannot
// reorder their neighbours, which the overrides and isolates can.
const UNSAFE = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u;
const UNSAFE_ALL = new RegExp(UNSAFE.source, "gu");

/** What {@linkcode escapeControl} leaves as it is, beside what is always left. */
export interface EscapeOptions {
  /** Keep line feeds: for texts of several lines. Default: they are written `\x0a`. */
  keepLines?: boolean;
}

/**
 * The text with control characters (C0 but tab, DEL, C1), bidirectional overrides and isolates,
 * and lone surrogates written as `\x1b` or `\u202e`. Emoji, combining marks and every other
 * character are unchanged, and a text with nothing to escape is returned itself.
 */
export function escapeControl(text: string, options: EscapeOptions = {}): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(UNSAFE_ALL, (character) => {
    if (character === "\t" || (character === "\n" && options.keepLines)) return character;
    const code = character.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

/** A stream for lines, such as `Deno.stdout`. */
export interface LineSink {
  /** Writes some of the bytes; resolves to how many. */
  write(bytes: Uint8Array): Promise<number>;
}

const encoder = new TextEncoder();

/**
 * Lines on their way to a stream that may be stuck. Writing never waits: what passes the queue's bound
 * is lost and counted, and so is all that follows until the queue is empty again.
 */
class Lines {
  readonly #queue: Outbound;
  readonly #onMoved: (lost: number) => void;
  #lost = 0;

  /** `onMoved` is called with the count of lost lines when the stream has moved on. */
  constructor(queue: Outbound, onMoved: (lost: number) => void) {
    this.#queue = queue;
    this.#onMoved = onMoved;
  }

  /** Resolves when all is written, or nothing can be. */
  drained(): Promise<void> {
    return this.#queue.drained();
  }

  /** Queues `count` lines; false when they are the first to be lost. */
  write(text: string, count = 1): boolean {
    const { dropped } = this.#queue;
    if (this.#lost === 0) this.#queue.send(encoder.encode(text));
    if (this.#lost === 0 && this.#queue.dropped === dropped) return true;
    this.#lost += count;
    if (this.#lost > count) return true;
    this.#queue.drained().then(() => {
      const lost = this.#lost;
      this.#lost = 0;
      this.#onMoved(lost);
    });
    return false;
  }
}

/** A queue of its own for a stream that slows no sender down. */
function unheeded(
  sink: LineSink,
  { bytes, onCut }: { bytes: number; onCut?: () => void },
): Outbound {
  const flow = new Flow({ softBytes: Infinity, hardBytes: bytes, stuckMs: Infinity });
  return new Outbound(sink, flow, { drop: true, onCut });
}

// ---- the operator's lines ----

/** The operator's end of a server. */
export interface Operator {
  /** Prints one line of the document on stdout. Never waits; a stuck stdout slows floods only. */
  print(line: string): void;
  /**
   * Prints a sentence on stderr, with control characters escaped and cut to 200 characters. Never waits.
   * Of each `kind` one is printed in a second; the last of the others follows with their count.
   */
  note(sentence: string, kind?: string): void;
  /** Resolves when stdout and stderr have taken all lines, or have been closed. */
  flush(): Promise<void>;
  /** Stops printing; what was not flushed is dropped. */
  close(): void;
  /**
   * Flushes within a second, with the trace, and closes. A stream that is stuck by then would keep the
   * process for good: where it is the process's own, the process ends here, with code 0.
   */
  end(): Promise<void>;
}

/** Where an operator's lines go; tests pass their own. */
export interface OperatorOptions {
  /** Standard output by default. */
  stdout?: LineSink;
  /** Standard error by default. */
  stderr?: LineSink;
}

const NOTE_EVERY_MS = 1000;
const NOTE_KINDS = 100;
const END_MS = 1000;
const NOTE_CHARS = 200;
const NOTES_BYTES = 64 * 1024;
/** One write serves all the lines of a moment: each write costs a thread's wake-up, unlike a socket's. */
const GATHER_MS = 10;
const GATHER_CHARS = 16 * 1024;

/** Opens the operator's end; its stdout is a reader of `flow` like any other. */
export function openOperator(flow: Flow, options: OperatorOptions = {}): Operator {
  return new Terminal(flow, options);
}

class Terminal implements Operator {
  readonly #flow: Flow;
  readonly #sink: LineSink | undefined;
  readonly #queues: Outbound[];
  /** Made for the first line: a server that prints none keeps no timer for its stdout. */
  #stdout: Lines | undefined;
  readonly #stderr: Lines;
  readonly #kinds = new Map<string, { count: number; last: string }>();
  #lines: string[] = [];
  #chars = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopGathering: (() => void) | undefined;
  #closed = false;

  constructor(flow: Flow, { stdout, stderr }: OperatorOptions) {
    this.#flow = flow;
    this.#sink = stdout;
    const err = unheeded(stderr ?? Deno.stderr, { bytes: NOTES_BYTES });
    this.#queues = [err];
    this.#stderr = new Lines(err, (lost) => this.#say(`${lost} notes are lost: nobody read them`));
  }

  // Functions of their own, so that they can be handed on alone.
  readonly print = (line: string): void => {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => this.#send(), GATHER_MS);
    this.#lines.push(line);
    this.#chars += line.length + 1;
    if (this.#chars > GATHER_CHARS) this.#send();
  };

  readonly note = (sentence: string, kind = sentence): void => {
    if (this.#closed) return;
    // Kinds are few and fixed; should one be made of what peers send, it must not fill the memory.
    const name = this.#kinds.size < NOTE_KINDS || this.#kinds.has(kind) ? kind : "";
    this.#stopGathering ??= this.#flow.clock.every(NOTE_EVERY_MS, () => this.#sayGathered());
    const gathered = this.#kinds.get(name);
    if (gathered) {
      return void Object.assign(gathered, { count: gathered.count + 1, last: sentence });
    }
    this.#kinds.set(name, { count: 0, last: sentence });
    this.#say(sentence);
  };

  async flush(): Promise<void> {
    this.#send();
    this.#sayGathered();
    await Promise.all(this.#queues.map((queue) => queue.drained()));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#stopGathering?.();
    for (const queue of this.#queues) queue.discard();
  }

  async end(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<true>((resolve) => timer = setTimeout(() => resolve(true), END_MS));
    const all = Promise.all([this.flush(), trace?.drained()]).then(() => false);
    const stuck = await Promise.race([all, late]);
    clearTimeout(timer);
    this.close();
    if (stuck && !this.#sink) Deno.exit(0);
  }

  #openStdout(): Lines {
    const queue = new Outbound(this.#sink ?? Deno.stdout, this.#flow, { drop: true });
    this.#queues.push(queue);
    return new Lines(queue, (lost) => this.note(`standard output lost ${lost} lines`));
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#chars = 0;
    if (this.#closed || lines.length === 0) return;
    this.#stdout ??= this.#openStdout();
    if (this.#stdout.write(lines.join("\n") + "\n", lines.length)) return;
    this.note("standard output is stuck: status lines are dropped");
  }

  #sayGathered(): void {
    for (const [kind, gathered] of this.#kinds) {
      const { count, last } = gathered;
      if (count > 0) this.#say(last, count > 1 ? ` (and ${count - 1} more)` : "");
      // What was gathered in this second keeps the next one's first from being said at once.
      if (count > 0) gathered.count = 0;
      else this.#kinds.delete(kind);
    }
    if (this.#kinds.size > 0) return;
    this.#stopGathering?.();
    this.#stopGathering = undefined;
  }

  #say(sentence: string, more = ""): void {
    // Escaping makes a text longer, never shorter: more than that need not be looked at.
    const text = escapeControl(sentence.slice(0, NOTE_CHARS + 1));
    const cut = text.length > NOTE_CHARS ? `${text.slice(0, NOTE_CHARS - 1)}…` : text;
    this.#stderr.write(`${cut}${more}\n`);
  }
}

// ---- the trace ----

/** The trace of this process, if it keeps one: sockets are opened in many places, the trace is one. */
let trace: Lines | undefined;

const TRACE_BYTES = 16 * 1024 * 1024;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Starts the trace of this process in a new file, or on stderr for `-`. Rejects with the runtime's own
 * error when the file cannot be opened, and with `NotCapable` where that is not allowed.
 *
 * ```
 * 12:00:00.123 127.0.0.1:50692 <- 11 "JOIN Alice\n" 4a 4f 49 4e 20 41 6c 69 63 65 0a
 * ```
 *
 * `<-` came from the peer and `->` went to it; then the number of bytes, the text with what is not
 * printable escaped, and the bytes in hex.
 */
export async function startTrace(path: string): Promise<void> {
  const sink = path === "-" ? Deno.stderr : await openTrace(path);
  const onCut = () => {
    trace = undefined;
    // The trace may be what fills the disk; a person who reads stderr learns why it stops here.
    Deno.stderr.write(encoder.encode(`the trace ${path} has ended: it cannot be written\n`))
      .catch(() => {});
  };
  const queue = unheeded(sink, { bytes: TRACE_BYTES, onCut });
  trace = new Lines(queue, (lost) => trace?.write(`${lost} lines are lost: the trace was stuck\n`));
}

async function openTrace(path: string): Promise<LineSink> {
  const { state } = await Deno.permissions.query({ name: "write", path });
  // Asked first: a program that opens a file without leave prompts for it on a terminal.
  if (state !== "granted") throw new Deno.errors.NotCapable(`write access to ${path}`);
  return await Deno.open(path, { write: true, create: true, truncate: true });
}

/** Traces a connection's reads and writes, where this process keeps a trace. Returns the connection. */
export function traced<Conn extends Deno.TcpConn>(conn: Conn): Conn {
  if (!trace) return conn;
  const peer = hostPort(conn.remoteAddr);
  const read = conn.read.bind(conn);
  const write = conn.write.bind(conn);
  const closeWrite = conn.closeWrite.bind(conn);
  conn.read = async (buffer) => {
    const count = await read(buffer);
    record(peer, "<-", count === null ? "end of stream" : buffer.subarray(0, count));
    return count;
  };
  conn.write = async (bytes) => {
    const count = await write(bytes);
    record(peer, "->", bytes.subarray(0, count));
    return count;
  };
  conn.closeWrite = () => {
    record(peer, "->", "end of stream");
    return closeWrite();
  };
  return conn;
}

/** Traces a socket's datagrams, where this process keeps a trace. Returns the socket. */
export function tracedDatagrams(socket: Deno.DatagramConn): Deno.DatagramConn {
  if (!trace) return socket;
  const receive = socket.receive.bind(socket);
  const send = socket.send.bind(socket);
  socket.receive = async (buffer) => {
    const [bytes, from] = await receive(buffer);
    record(hostPort(from as Deno.NetAddr), "<-", bytes);
    return [bytes, from];
  };
  socket.send = (bytes, to) => {
    record(hostPort(to as Deno.NetAddr), "->", bytes);
    return send(bytes, to);
  };
  return socket;
}

function record(peer: string, way: "<-" | "->", what: Uint8Array | string): void {
  trace?.write(line(new Date(), { peer, way, what }));
}

/** One line of a trace. */
export function line(
  now: Date,
  { peer, way, what }: { peer: string; way: "<-" | "->"; what: Uint8Array | string },
): string {
  const head = `${now.toISOString().slice(11, 23)} ${peer} ${way}`;
  if (typeof what === "string") return `${head} ${what}\n`;
  const text = escapeControl(decoder.decode(what).replaceAll(/[\\"]/g, "\\$&"))
    .replaceAll("\\x0a", "\\n").replaceAll("\\x0d", "\\r");
  const hex = Array.from(what, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${head} ${what.length} "${text}"${hex && ` ${hex}`}\n`;
}

/** `127.0.0.1:5555`, and `[::1]:5555` where the address has colons itself. */
export function hostPort({ hostname, port }: Pick<Deno.NetAddr, "hostname" | "port">): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
