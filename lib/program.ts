/**
 * What every program does around its protocol: limits and options, sentences for a person's errors,
 * signals, and exit codes.
 *
 * @module
 */

import { startTrace } from "./operator.ts";

// ---- limits ----

/** Every limit: its default, its unit, and its line of help. The flag is the name in kebab case. */
export const LIMITS = {
  lineBytes: [4096, "bytes", "longest line that is taken; a longer one is answered with an error"],
  unterminatedBytes: [16_384, "bytes", "bytes without a line end after which a peer is cut off"],
  introduceMs: [60_000, "ms", "time to introduce oneself where the protocol asks for it"],
  connections: [0, "connections", "most connections at once; 0: what descriptors allow"],
  softBytes: [65_536, "bytes", "backlog of one reader from which a flood to it is slowed"],
  hardBytes: [1_048_576, "bytes", "backlog of one reader at which it is cut"],
  linkBytes: [4_194_304, "bytes", "backlog of one overlay link at which it is cut"],
  clients: [65_536, "names", "most names that are registered at once"],
  perHost: [0, "names", "most names of one host; 0: no limit"],
  expireS: [0, "s", "silence after which a client has left; 0: no limit"],
  stuckMs: [10_000, "ms", "time without progress after which a reader with a backlog is cut"],
  drainMs: [2000, "ms", "time that a shutdown gives to what is still queued"],
  rate: [0, "messages/s", "most messages per second taken from one connection; 0: no limit"],
} as const satisfies Record<string, readonly [value: number, unit: string, help: string]>;

/** The values in force, by the names of {@linkcode LIMITS} and in their units. */
export type Limits = Record<keyof typeof LIMITS, number>;

/** The table's defaults, with `changes` laid over them. */
export function limits(changes: Partial<Limits> = {}): Limits {
  const entries = Object.entries(LIMITS).map(([name, [value]]) => [name, value]);
  return { ...Object.fromEntries(entries) as Limits, ...changes };
}

/** The lines of help for these limits, whose defaults a program may have changed. */
export function limitHelp(names: readonly (keyof Limits)[], changes?: Partial<Limits>): string {
  const values = limits(changes);
  return names.map((name) => {
    const [, unit, help] = LIMITS[name];
    return `  --${kebab(name)} N`.padEnd(26) + `${help} (${values[name]} ${unit})\n`;
  }).join("");
}

/** `line-bytes` for `lineBytes`: a limit's flag without its dashes. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

// ---- errors ----

/** A command line that cannot be carried out; the message is one sentence for the person who typed it. */
export class UsageError extends Error {
  /** The class, for messages. */
  override readonly name = "UsageError";
}

/** A failure outside the program that a person can do something about; the message is for them. */
export class StartError extends Error {
  /** The class, for messages. */
  override readonly name = "StartError";
}

const UNLISTENABLE = [
  [Deno.errors.AddrInUse, "the port is taken, try another one or 0 for a free one"],
  [
    Deno.errors.AddrNotAvailable,
    "this machine has no such address, try 0.0.0.0 for all that it has",
  ],
  [Deno.errors.PermissionDenied, "ports below 1024 need the administrator, try a higher one"],
] as const;

/** Why an address could not be had, and what to try, in words. */
export function listenReason(error: unknown): string {
  return UNLISTENABLE.find(([kind]) => error instanceof kind)?.[1] ?? reason(error);
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

/** The system's own words without its error number, or the permission that is missing. */
function reason(error: unknown): string {
  if (error instanceof Deno.errors.NotCapable) return "run it with --allow-net";
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\(os error \d+\).*$/s, "").replace(/^./, (first) => first.toLowerCase());
}

// ---- options ----

/** What a command takes besides `--help`, `--version` and `--trace`. */
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
  /** The defaults of its limits where they differ from the table's. */
  defaults?: Partial<Limits>;
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
 * Takes `args` apart, and starts the trace that they ask for. Rejects with a {@linkcode UsageError} for
 * what `spec` does not allow, and with a {@linkcode StartError} for a trace that cannot be written. The
 * parser is imported here, so that the chatroom's classes load where no configuration names @std.
 */
export async function parseOptions(args: readonly string[], spec: OptionSpec): Promise<Options> {
  const { parseArgs } = await import("@std/cli/parse-args");
  const traceable = { ...spec, strings: [...spec.strings ?? [], "trace"] };
  const options = optionsBy(parseArgs, args, traceable);
  const { trace } = options.strings;
  if (trace === undefined || options.help) return options;
  await startTrace(trace).catch((error) => {
    const why = error instanceof Deno.errors.NotCapable
      ? `run it with --allow-write=${trace}`
      : reason(error);
    throw new StartError(`cannot write the trace ${trace}: ${why}`);
  });
  return options;
}

/** The part of `parseArgs` of @std/cli that is used. */
export type Parser = (args: string[], options: {
  string: string[];
  boolean: string[];
  alias: Record<string, string>;
  unknown: (arg: string, key?: string) => boolean;
}) => Record<string, unknown> & { _: (string | number)[] };

/** As {@linkcode parseOptions}, with the parser in hand and without a trace. */
export function optionsBy(
  parseArgs: Parser,
  args: readonly string[],
  spec: OptionSpec,
): Options {
  const { words = [], booleans = [], alias = {}, limits: limited = [], defaults } = spec;
  const strings = [...spec.strings ?? [], ...limited.map(kebab)];
  const known = [...strings, ...booleans, ...Object.values(alias), "help", "version"];
  const parsed = parseArgs(joined(args, { strings, booleans, alias }), {
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
    strings: Object.fromEntries(strings.map((name) => [name, parsed[name] as string | undefined])),
    booleans: Object.fromEntries(booleans.map((name) => [name, parsed[name] === true])),
    limits: limits(defaults),
  };
  if (options.help) return options;
  for (const name of limited) {
    const text = options.strings[kebab(name)];
    if (text !== undefined) options.limits[name] = wholeNumber(text, { name: dashes(kebab(name)) });
  }
  const missing = words.slice(options.words.length);
  if (missing.length > 0) throw new UsageError(`missing ${missing.join(" and ")}`);
  const surplus = options.words[words.length];
  if (surplus !== undefined) throw new UsageError(`unexpected argument ${surplus}`);
  return options;
}

/**
 * The arguments with each option's value joined to it: the parser takes `-p5555` for three options, and
 * the value of `--users -1` or `--trace -` for another one.
 */
function joined(
  args: readonly string[],
  { strings, booleans, alias }: Required<Pick<OptionSpec, "strings" | "booleans" | "alias">>,
): string[] {
  const long = new Map(Object.entries(alias).map(([name, short]) => [short, name]));
  const out: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--") return [...out, ...args.slice(i)];
    // The parser keeps the words under the name of an underscore.
    if (/^(--_(=|$)|-[^-]*_)/.test(arg)) throw new UsageError(`unknown option ${arg}`);
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? /^-([A-Za-z])=?(.+)?$/s.exec(arg);
    const name = match && (long.get(match[1]!) ?? match[1]!);
    if (name && booleans.includes(name) && match[2] !== undefined) {
      throw new UsageError(`${dashes(name)} takes no value`);
    }
    if (!name || !strings.includes(name)) {
      out.push(arg);
      continue;
    }
    const text = match[2] ?? (arg.includes("=") ? "" : args[++i]);
    // The next option is no value; a negative number is one, though a wrong one.
    if (!text || (match[2] === undefined && /^-[^\d]/.test(text))) {
      throw new UsageError(`${dashes(name)} needs a value`);
    }
    out.push(`--${name}=${text}`);
  }
  return out;
}

function dashes(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
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
  // A word that is so much longer or shorter is not near; one as long as a page is not compared.
  const likely = known.filter((each) => Math.abs(each.length - word.length) <= farthest);
  const near = likely.map((each) => ({ each, distance: editDistance(word, each) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= farthest ? `, did you mean ${show(near.each)}?` : "";
}

/** Insertions, deletions and replacements between two words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced));
    }
    row = next;
  }
  return row[b.length]!;
}

// ---- signals and exit codes ----

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

/** A protocol, or a half of one, as a role runs it. */
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
  /** Its protocols by their names. */
  protocols: Readonly<Record<string, Protocol>>;
  /** How it is called when no protocol is named. */
  usage: string;
  /** What is missing then. Default: "PROTOCOL". */
  word?: string;
}

/** Protocols that people ask of `server.ts` and `client.ts`, and where they are. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  overlay: "overlay servers are run by overlay.ts: deno run --allow-net overlay.ts -p 9000",
  chatroom: "the chatroom has both in chatroom.ts: deno run --allow-net chatroom.ts server",
};

/** Runs the protocol that `args` begin with; returns the exit code. */
export async function runRole(args: readonly string[], role: Role): Promise<number> {
  const [name, ...rest] = args;
  const { protocols, usage, word = "PROTOCOL" } = role;
  if (name === "--help" || name === "-h") return say(usage);
  if (name === "--version") return say(await version());
  if (name === undefined) return complain(`missing ${word}`, usage);
  if (!Object.hasOwn(protocols, name)) {
    if (Object.hasOwn(ELSEWHERE, name)) return complain(ELSEWHERE[name]!, usage);
    const what = role.word ? `${word} expected, not` : "unknown protocol";
    return complain(`${what} ${name}${suggestion(name, Object.keys(protocols))}`, usage);
  }
  return await runProtocol(protocols[name]!, rest);
}

/** Runs one protocol; returns the exit code: 0, 1 for a failure, 2 for bad usage, or its own. */
export async function runProtocol(protocol: Protocol, args: readonly string[]): Promise<number> {
  if (args[0] === "--version") return say(await version());
  try {
    const result = await protocol.run(args);
    return result === "help" ? say(protocol.USAGE) : result ?? 0;
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, protocol.USAGE);
    if (!(error instanceof StartError)) throw error;
    return say(`${error.message}\n`, { to: Deno.stderr, code: 1 });
  }
}

/** The option that every program has, as its usage shows it. */
export const TRACE_HELP =
  "  --trace FILE            write all that goes over the sockets to a file, - for stderr\n";

/** The options that every terminal client has. */
export const CLIENT_HELP =
  `  --timestamps            the time before each line, on a terminal only\n${TRACE_HELP}`;

/** The configuration is the one place that has it, and goes into bundles and executables, too. */
async function version(): Promise<string> {
  return `parley ${(await import("../deno.json", { with: { type: "json" } })).default.version}\n`;
}

function say(text: string, { to = Deno.stdout, code = 0 } = {}): number {
  to.writeSync(new TextEncoder().encode(text));
  return code;
}

/** Usage, and behind it the reason, where a person looks first. */
function complain(why: string, usage: string): number {
  return say(`${usage}\n${why}\n`, { to: Deno.stderr, code: 2 });
}
