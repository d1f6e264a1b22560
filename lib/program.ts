/**
 * What every program does around its protocol: options and limits, sentences for a person's errors, the
 * operator's lines, the trace, signals, and exit codes.
 *
 * @module
 */

import { type Flow, Outbound } from "./outbound.ts";

// ---- limits ----

/** One limit: the flag without its dashes, the default, the unit shown to people, and what it is for. */
export interface Limit {
  /** The option that sets it, without the two dashes. */
  readonly flag: string;
  /** The value when nobody asks for another. */
  readonly value: number;
  /** The unit as it is printed behind a value. */
  readonly unit: string;
  /** One line of help. */
  readonly help: string;
}

/** The table. Sizes are in bytes and times in milliseconds unless the unit says otherwise. */
export const LIMITS = {
  lineBytes: {
    flag: "line-bytes",
    value: 4096,
    unit: "bytes",
    help: "longest line that is taken; a longer one is answered with an error",
  },
  unterminatedBytes: {
    flag: "unterminated-bytes",
    value: 16384,
    unit: "bytes",
    help: "bytes without a line end after which a connection is closed",
  },
  introduceMs: {
    flag: "introduce-ms",
    value: 60_000,
    unit: "ms",
    help: "time to introduce oneself where the protocol asks for it",
  },
  connections: {
    flag: "connections",
    value: 0,
    unit: "connections",
    help: "most connections at once; 0: what the descriptor limit allows, less a reserve",
  },
  softBytes: {
    flag: "soft-bytes",
    value: 64 * 1024,
    unit: "bytes",
    help: "backlog of one reader from which its senders are read more slowly",
  },
  hardBytes: {
    flag: "hard-bytes",
    value: 1024 * 1024,
    unit: "bytes",
    help: "backlog of one reader at which it is cut",
  },
  linkBytes: {
    flag: "link-bytes",
    value: 4 * 1024 * 1024,
    unit: "bytes",
    help: "backlog of one overlay link at which it is cut",
  },
  clients: {
    flag: "clients",
    value: 65_536,
    unit: "names",
    help: "most registered names of a server that never hears of their end",
  },
  stuckMs: {
    flag: "stuck-ms",
    value: 10_000,
    unit: "ms",
    help: "time without progress after which a reader with a backlog is cut",
  },
  drainMs: {
    flag: "drain-ms",
    value: 2000,
    unit: "ms",
    help: "time that a shutdown gives to what is still queued",
  },
  rate: {
    flag: "rate",
    value: 0,
    unit: "messages/s",
    help: "most messages per second taken from one connection; 0: no limit",
  },
} as const satisfies Record<keyof Limits, Limit>;

/** The values in force, by the table's names. */
export interface Limits {
  /** In bytes: longest line that is taken; a longer one is answered with an error. */
  lineBytes: number;
  /** In bytes: bytes without a line end after which a connection is closed. */
  unterminatedBytes: number;
  /** In ms: time to introduce oneself where the protocol asks for it. */
  introduceMs: number;
  /** In connections: most connections at once; 0: what the descriptor limit allows, less a reserve. */
  connections: number;
  /** In bytes: backlog of one reader from which its senders are read more slowly. */
  softBytes: number;
  /** In bytes: backlog of one reader at which it is cut. */
  hardBytes: number;
  /** In bytes: backlog of one overlay link at which it is cut. */
  linkBytes: number;
  /** In names: most registered names of a server that never hears of their end. */
  clients: number;
  /** In ms: time without progress after which a reader with a backlog is cut. */
  stuckMs: number;
  /** In ms: time that a shutdown gives to what is still queued. */
  drainMs: number;
  /** In messages/s: most messages per second taken from one connection; 0: no limit. */
  rate: number;
}

/** The table's defaults, with `changes` laid over them. */
export function limits(changes: Partial<Limits> = {}): Limits {
  const entries = Object.entries(LIMITS).map(([name, limit]) => [name, limit.value]);
  return { ...Object.fromEntries(entries) as Limits, ...changes };
}

// ---- options ----

/** A command line that cannot be carried out; the message is one sentence for the person who typed it. */
export class UsageError extends Error {
  /** The class, for messages. */
  override readonly name = "UsageError";
}

/** The switch that every terminal client has, as its usage shows it. */
export const TIMESTAMPS_HELP =
  "  --timestamps            the time before each line, on a terminal only\n";

/** What a command takes besides `--help`. */
export interface OptionSpec {
  /** Names of the words that must stand on the command line, as usage shows them. */
  words?: readonly string[];
  /** Options with a value. */
  strings?: readonly string[];
  /** Options without a value. */
  booleans?: readonly string[];
  /** Short names, by their long ones. */
  alias?: Readonly<Record<string, string>>;
  /** The limits that this command has flags for. */
  limits?: readonly (keyof Limits)[];
}

/** A command line taken apart. */
export interface Options {
  /** True for `--help` and `-h`; then nothing else was checked. */
  help: boolean;
  /** The words, in order. */
  words: string[];
  /** The values of options, by their long names. */
  strings: Record<string, string | undefined>;
  /** The switches that were given, by their long names. */
  booleans: Record<string, boolean>;
  /** The limits in force. */
  limits: Limits;
}

/**
 * Takes `args` apart; rejects with a {@linkcode UsageError} for what `spec` does not allow. The parser is
 * imported here and not above, so that the chatroom's classes load where no configuration names it.
 */
export async function parseOptions(args: readonly string[], spec: OptionSpec): Promise<Options> {
  const { parseArgs } = await import("@std/cli/parse-args");
  return optionsBy(parseArgs, args, spec);
}

/** As {@linkcode parseOptions}, with the parser in hand. Throws a {@linkcode UsageError}. */
export function optionsBy(
  parseArgs: typeof import("@std/cli/parse-args").parseArgs,
  args: readonly string[],
  spec: OptionSpec,
): Options {
  const { words = [], booleans = [], alias = {}, limits: limited = [] } = spec;
  const flags = limited.map((name) => LIMITS[name].flag);
  const strings = [...spec.strings ?? [], ...flags];
  const known = [...strings, ...booleans, ...Object.values(alias)];
  const parsed = parseArgs(spread(args, { strings, booleans, alias }), {
    string: [...strings, "_"],
    boolean: [...booleans, "help"],
    alias: { ...alias, help: "h" },
    unknown: (_arg, key) => {
      if (key === undefined) return true;
      throw new UsageError(`unknown option ${dashes(key)}${suggestion(key, known, dashes)}`);
    },
  });
  const options: Options = {
    help: parsed["help"] === true,
    words: parsed._.map(String),
    strings: Object.fromEntries(
      strings.map((name) => [name, parsed[name] as string | undefined]),
    ),
    booleans: Object.fromEntries(booleans.map((name) => [name, parsed[name] === true])),
    limits: limits(),
  };
  if (options.help) return options;
  for (const name of limited) {
    const text = options.strings[LIMITS[name].flag];
    if (text !== undefined) {
      options.limits[name] = wholeNumber(text, { name: dashes(LIMITS[name].flag) });
    }
  }
  const missing = words.slice(options.words.length);
  if (missing.length > 0) throw new UsageError(`missing ${missing.join(" and ")}`);
  const surplus = options.words[words.length];
  if (surplus !== undefined) throw new UsageError(`unexpected argument ${surplus}`);
  return options;
}

/** Reads a port: a whole number from `min` (0 by default) to 65535; throws a {@linkcode UsageError}. */
export function port(text: string, min = 0): number {
  return wholeNumber(text, { name: "port", min, max: 65535 });
}

/** Reads a whole number; throws a {@linkcode UsageError} that names the number and its bounds. */
export function wholeNumber(
  text: string,
  { name, min = 0, max = Number.MAX_SAFE_INTEGER }: { name: string; min?: number; max?: number },
): number {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new UsageError(`${name} must be a whole number ${bounds}, not ${JSON.stringify(text)}`);
}

/** `, did you mean …?` when one of the `known` words is near `word`, else nothing. */
export function suggestion(
  word: string,
  known: readonly string[],
  show: (word: string) => string = (word) => word,
): string {
  const farthest = Math.max(1, Math.floor(word.length / 2));
  // What is so much longer or shorter is not near; a word as long as a page is not worth comparing.
  const likely = known.filter((each) => Math.abs(each.length - word.length) <= farthest);
  const distances = likely.map((each) => ({ each, distance: editDistance(word, each) }));
  const near = distances.sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= farthest ? `, did you mean ${show(near.each)}?` : "";
}

/** The lines of help for these limits. */
export function limitHelp(names: readonly (keyof Limits)[]): string {
  return names.map((name) => {
    const { flag, value, unit, help } = LIMITS[name];
    return `  --${flag} N`.padEnd(26) + `${help} (${value} ${unit})\n`;
  }).join("");
}

/**
 * `-p5555` and `-p=5555` mean what they say only when the value is taken apart from its letter, and an
 * option must never take the next option for its value.
 */
function spread(
  args: readonly string[],
  { strings, booleans, alias }: Required<Pick<OptionSpec, "strings" | "booleans" | "alias">>,
): string[] {
  const long = new Map(Object.entries(alias).map(([name, short]) => [short, name]));
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...out, ...args.slice(i)];
    // The parser keeps the words under this name.
    if (/^(--_(=|$)|-[^-]*_)/.test(arg)) throw new UsageError(`unknown option ${arg}`);
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? /^-([A-Za-z])=?(.+)?$/s.exec(arg);
    const name = match && (long.get(match[1]!) ?? match[1]!);
    if (!name || !strings.includes(name)) {
      if (name && booleans.includes(name) && match[2] !== undefined) {
        throw new UsageError(`${dashes(name)} takes no value`);
      }
      out.push(arg);
      continue;
    }
    const text = match[2] ?? (arg.includes("=") ? "" : args[++i]);
    if (!text || (match[2] === undefined && /^-./.test(text))) {
      throw new UsageError(`${dashes(name)} needs a value`);
    }
    out.push(`--${name}=${text}`);
  }
  return out;
}

function dashes(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** Insertions, deletions, replacements and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(row[j - 1]! + 1, rows[i - 1]![j]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
      }
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

// ---- escape ----

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

/**
 * The text as it may stand in a line being typed: a tab is one space, and what
 * {@linkcode escapeControl} would escape is left out, since a person would have to delete the
 * escape again.
 */
export function typable(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replaceAll("\t", " ").replace(UNSAFE_ALL, "");
}

// ---- errors ----

/** A failure outside the program that a person can do something about; the message is for them. */
export class StartError extends Error {
  /** The class, for messages. */
  override readonly name = "StartError";
}

/** Why an address could not be had, and what to try, in words. */
export function listenReason(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return "the port is taken, try another one or 0 for a free one";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "this machine has no such address, try 0.0.0.0 for all that it has";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "ports below 1024 need the administrator, try a higher one";
  }
  return reason(error);
}

/** Why a connection could not be made, and what to try, in words. */
export function connectReason(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) {
    return "nothing listens there, is the server running and the port right?";
  }
  const text = reason(error);
  if (/lookup|resolve|name or service|nodename/i.test(text)) {
    return "the host name cannot be resolved, check its spelling or use an IP address";
  }
  return `${text}, check the address and that the machine can be reached`;
}

function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "run it with --allow-net";
  // The runtime puts the system's own number behind the words; people need the words.
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\(os error \d+\).*$/s, "").replace(/^./, (first) => first.toLowerCase());
}

// ---- signals ----

/** The first SIGINT or SIGTERM aborts the signal; a second one ends the process at once. */
export interface Shutdown extends Disposable {
  /** Aborted when the program shall end. */
  readonly signal: AbortSignal;
  /** Ends the program as a signal would. */
  readonly request: () => void;
}

/** Listens for SIGINT and SIGTERM. Call it before anything can run out of descriptors. */
export function shutdownOnSignals(): Shutdown {
  const controller = new AbortController();
  const handlers = (["SIGINT", "SIGTERM"] as const).map((name, index) => {
    const handler = () => {
      // 128 + the signal's number is what a shell reports for a program that a signal ended.
      if (controller.signal.aborted) Deno.exit(index === 0 ? 130 : 143);
      controller.abort();
    };
    Deno.addSignalListener(name, handler);
    return () => Deno.removeSignalListener(name, handler);
  });
  return {
    signal: controller.signal,
    request: () => controller.abort(),
    [Symbol.dispose]: () => handlers.forEach((remove) => remove()),
  };
}

// ---- operator ----

/** The operator's end of a server. */
export interface Operator {
  /** Prints one line of the document on stdout. Never waits; a stuck stdout slows floods only. */
  print(line: string): void;
  /**
   * Prints a sentence on stderr, at most one a second of each `kind`; the next one says how many were
   * left out. Control characters are escaped: sentences quote what peers send.
   */
  note(sentence: string, kind?: string): void;
  /** Resolves when stdout has taken all lines, or has been closed. */
  flush(): Promise<void>;
  /** Stops printing; what was not flushed is dropped. */
  close(): void;
}

/** Where an operator's lines go; tests pass their own. */
export interface OperatorOptions {
  /** Standard output by default. */
  stdout?: { write(bytes: Uint8Array): Promise<number> };
  /** Standard error by default. */
  stderr?: { writeSync(bytes: Uint8Array): number };
}

const NOTE_EVERY_MS = 1000;
const GATHER_MS = 10;
const GATHER_CHARS = 16 * 1024;
const encoder = new TextEncoder();

/** Opens the operator's end; its stdout is a reader of `flow` like any other. */
export function openOperator(flow: Flow, options: OperatorOptions = {}): Operator {
  const stderr = options.stderr ?? Deno.stderr;
  const stdout = new Outbound(options.stdout ?? Deno.stdout, flow, { drop: true });
  const silenced = new Map<string, { until: number; count: number }>();
  let lines = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    const dropped = stdout.dropped;
    stdout.send(encoder.encode(lines));
    lines = "";
    if (stdout.dropped > dropped) note("standard output is stuck: status lines are dropped");
  }

  function note(sentence: string, kind = sentence): void {
    const now = flow.clock.now();
    const last = silenced.get(kind);
    if (last && now < last.until) {
      last.count++;
      return;
    }
    // Kinds are few and fixed; should one be made of what peers send, it must not pile up.
    if (silenced.size > 100) silenced.clear();
    silenced.set(kind, { until: now + NOTE_EVERY_MS, count: 0 });
    const more = last?.count ? ` (and ${last.count} more)` : "";
    try {
      stderr.writeSync(encoder.encode(`${escapeControl(sentence)}${more}\n`));
    } catch {
      // Nobody reads it.
    }
  }

  return {
    print(line) {
      // One write serves all the lines of a moment: each costs a thread's wake-up, unlike a socket's.
      timer ??= setTimeout(send, GATHER_MS);
      lines += line + "\n";
      if (lines.length > GATHER_CHARS) send();
    },
    note,
    flush() {
      send();
      return stdout.drained();
    },
    close() {
      clearTimeout(timer);
      stdout.discard();
    },
  };
}

// ---- trace ----

/** The trace of this process, if it keeps one: sockets are opened in many places, the file is one. */
let file: { writeSync(bytes: Uint8Array): number } | undefined;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Starts the trace of this process in a new file. Rejects with a {@linkcode StartError} when it cannot
 * be written.
 */
export async function startTrace(path: string): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "write", path });
  if (state !== "granted") {
    throw new StartError(`cannot write the trace ${path}: run it with --allow-write=${path}`);
  }
  try {
    file = await Deno.open(path, { write: true, create: true, truncate: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\s*\(os error.*$/s, "") : error;
    throw new StartError(`cannot write the trace ${path}: ${reason}`);
  }
}

/** Traces a connection's reads and writes, where this process keeps a trace. Returns the connection. */
export function traced<Conn extends Deno.TcpConn>(conn: Conn): Conn {
  if (!file) return conn;
  const peer = name(conn.remoteAddr);
  const read = conn.read.bind(conn);
  const write = conn.write.bind(conn);
  const closeWrite = conn.closeWrite.bind(conn);
  conn.read = async (buffer) => {
    const count = await read(buffer);
    if (count === null) note(peer, "<-", "end of stream");
    else note(peer, "<-", buffer.subarray(0, count));
    return count;
  };
  conn.write = async (bytes) => {
    const count = await write(bytes);
    note(peer, "->", bytes.subarray(0, count));
    return count;
  };
  conn.closeWrite = () => {
    note(peer, "->", "end of stream");
    return closeWrite();
  };
  return conn;
}

/** Traces a socket's datagrams, where this process keeps a trace. Returns the socket. */
export function tracedDatagrams(socket: Deno.DatagramConn): Deno.DatagramConn {
  if (!file) return socket;
  const receive = socket.receive.bind(socket);
  const send = socket.send.bind(socket);
  socket.receive = async (buffer) => {
    const [bytes, from] = await receive(buffer);
    note(name(from as Deno.NetAddr), "<-", bytes);
    return [bytes, from];
  };
  socket.send = (bytes, to) => {
    note(name(to as Deno.NetAddr), "->", bytes);
    return send(bytes, to);
  };
  return socket;
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

function note(peer: string, way: "<-" | "->", what: Uint8Array | string): void {
  try {
    file?.writeSync(encoder.encode(line(new Date(), { peer, way, what })));
  } catch {
    // A full disk ends the trace, not the program.
    file = undefined;
  }
}

function name({ hostname, port }: Deno.NetAddr): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

// ---- role ----

/** A protocol as a role runs it. */
export interface Protocol {
  /** How it is called, with its options. */
  readonly USAGE: string;
  /**
   * Carries a command line out. Returns "help" when it asks for that, else an exit code or nothing for
   * 0. Throws a {@linkcode UsageError} or a {@linkcode StartError} for the person who typed it.
   */
  run(args: readonly string[]): Promise<"help" | number | void>;
}

/** What a role is made of. */
export interface Role {
  /** Its protocols by their names, loaded when they are asked for. */
  protocols: Readonly<Record<string, () => Promise<Protocol>>>;
  /** How it is called when no protocol is named. */
  usage: string;
  /** What is missing then. Default: "PROTOCOL". */
  word?: string;
}

/** Runs the protocol that `args` begin with; returns the exit code. */
export async function runRole(args: readonly string[], role: Role): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--help" || name === "-h") return say(role.usage);
  const known = Object.keys(role.protocols);
  const { word = "PROTOCOL" } = role;
  if (name === undefined) return complain(`missing ${word}`, role.usage);
  if (!known.includes(name)) {
    const what = role.word ? `${word} expected, not` : "unknown protocol";
    return complain(`${what} ${name}${suggestion(name, known)}`, role.usage);
  }
  return await runProtocol(await role.protocols[name]!(), rest);
}

/** Runs one protocol; returns the exit code. */
export async function runProtocol(protocol: Protocol, args: readonly string[]): Promise<number> {
  try {
    const [trace, rest] = takeTrace(args);
    if (trace !== undefined) await startTrace(trace);
    const result = await protocol.run(rest);
    return result === "help" ? say(protocol.USAGE + TRACE_HELP) : result ?? 0;
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, protocol.USAGE);
    if (error instanceof StartError) return fail(error.message);
    throw error;
  }
}

/** Every command takes `--trace FILE`: it is taken out here, so that no protocol has to know of it. */
function takeTrace(args: readonly string[]): [file: string | undefined, rest: readonly string[]] {
  const at = args.findIndex((arg) => arg === "--trace" || arg.startsWith("--trace="));
  if (at === -1) return [undefined, args];
  const glued = args[at]!.startsWith("--trace=");
  const path = glued ? args[at]!.slice("--trace=".length) : args[at + 1];
  if (!path || (!glued && path.startsWith("-"))) throw new UsageError("--trace needs a value");
  return [path, args.toSpliced(at, glued ? 1 : 2)];
}

const TRACE_HELP = "  --trace FILE            write all that goes over the sockets to a file\n";

function say(usage: string): number {
  Deno.stdout.writeSync(new TextEncoder().encode(usage));
  return 0;
}

/** Usage, and behind it the reason, where a person looks first. */
function complain(reason: string, usage: string): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`${usage}\n${reason}\n`));
  return 2;
}

function fail(sentence: string): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`${sentence}\n`));
  return 1;
}
