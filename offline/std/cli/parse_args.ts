/**
 * `parseArgs`, over the runtime's own `node:util` parser.
 *
 * @module
 */

import { parseArgs as tokenize } from "node:util";

/** What {@linkcode parseArgs} is told about the options. */
export interface ParseOptions {
  /** Names of options that take a value; with `_`, words are never made numbers. */
  string?: string | readonly string[];
  /** Names of options without a value. */
  boolean?: string | readonly string[];
  /** Other names of options; each is set with its option. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Values of options that are not given. */
  default?: Readonly<Record<string, unknown>>;
  /** Called for each word, and for each option that is not named here; false leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** The values of options by their names, and the other words under `_`. */
export interface Args {
  /** Words that belong to no option. */
  _: (string | number)[];
  // deno-lint-ignore no-explicit-any -- the type of a value is decided by the options
  [name: string]: any;
}

/** Takes a command line apart. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const strings = new Set([options.string ?? []].flat());
  const booleans = new Set([options.boolean ?? []].flat());
  const groups = Object.entries(options.alias ?? {}).map(([name, others]) => [name, others].flat());
  const names = (name: string) => groups.find((group) => group.includes(name)) ?? [name];
  const known = new Set([...strings, ...booleans, ...groups.flat()]);
  const isString = (name: string) => names(name).some((each) => strings.has(each));
  const isBoolean = (name: string) => names(name).some((each) => booleans.has(each));
  const parsed: Args = { _: [] };
  const set = (name: string, value: unknown) => {
    for (const each of names(name)) parsed[each] = value;
  };
  for (const name of booleans) set(name, false);
  for (const [name, value] of Object.entries(options.default ?? {})) set(name, value);

  const { tokens } = tokenize({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      [...known].filter((name) => name !== "_").map((name) => [name, {
        type: isString(name) ? "string" as const : "boolean" as const,
        ...(name.length === 1 ? { short: name } : {}),
      }]),
    ),
  });
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue;
    if (token.kind === "positional") {
      if (options.unknown?.(token.value) === false) continue;
      parsed._.push(strings.has("_") ? token.value : number(token.value));
      continue;
    }
    const { name, rawName, value } = token;
    if (!known.has(name)) {
      const arg = value === undefined ? rawName : `${rawName}=${value}`;
      if (options.unknown?.(arg, name, value ?? true) === false) continue;
    }
    if (isString(name)) set(name, value ?? "");
    else if (isBoolean(name)) set(name, value === undefined || value === "true");
    else set(name, value === undefined ? true : number(value));
  }
  return parsed;
}

/** Words that look like a number are one, unless they were declared strings. */
function number(text: string): string | number {
  return /^(?:0x[0-9a-f]+|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/i.test(text)
    ? Number(text)
    : text;
}
