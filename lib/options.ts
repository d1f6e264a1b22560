/**
 * Command lines: options as the documents write them and as people type them, and what goes wrong
 * with them in one line.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { LIMITS, type Limits, limits } from "./limits.ts";

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

/** Takes `args` apart; throws a {@linkcode UsageError} for what `spec` does not allow. */
export function parseOptions(args: readonly string[], spec: OptionSpec): Options {
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
