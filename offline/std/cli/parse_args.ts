/**
 * `parseArgs`: a command line taken apart as `@std/cli` does it.
 *
 * `node:util` has a parser too, but one that must know every option in advance, knows no numbers and
 * gives `-p=5555` another meaning, so there is nothing of it to build on.
 *
 * @module
 */

import type { Aliases, Args, Names, ParseOptions, Values } from "./types.ts";

export type { Args, ParseOptions } from "./types.ts";

/**
 * Takes `args` apart: values of options by their names, other words under `_`.
 *
 * What looks like a number is one, unless its option is declared a string. An undeclared option takes
 * the next word for its value when that does not look like an option. Dotted names become nested
 * objects. Throws a `TypeError` for a command line at odds with itself: a value below another value,
 * or an option named `_`.
 */
export function parseArgs<
  TValues extends Values<TBooleans, TStrings, TCollectable, TNegatable, TDefaults, TAliases>,
  TDoubleDash extends boolean | undefined = undefined,
  TBooleans extends boolean | Names = undefined,
  TStrings extends Names = undefined,
  TCollectable extends Names = undefined,
  TNegatable extends Names = undefined,
  TDefaults extends Record<string, unknown> | undefined = undefined,
  TAliases extends Aliases<TAliasNames, TAliasValues> | undefined = undefined,
  TAliasNames extends string = string,
  TAliasValues extends string = string,
>(
  args: string[],
  options?: ParseOptions<
    TBooleans,
    TStrings,
    TCollectable,
    TNegatable,
    TDefaults,
    TAliases,
    TDoubleDash
  >,
): Args<TValues, TDoubleDash> {
  const parsed = new Parser(options ?? {}).parse(args);
  return parsed as unknown as Args<TValues, TDoubleDash>;
}

/** A value before it is known whether it is a number. */
type Raw = string | boolean;

interface Given {
  /** The value given to the option. */
  value: Raw;
  /** The argument it was found in, for `unknown`. */
  arg: string;
}

type Nested = Record<string, unknown>;

class Parser {
  readonly #options: ParseOptions;
  readonly #aliases = new Map<string, string[]>();
  readonly #booleans: Set<string>;
  readonly #strings: Set<string>;
  readonly #collected: Set<string>;
  readonly #negatable: Set<string>;
  readonly #values: Nested & { _: (string | number)[] } = { _: [] };

  constructor(options: ParseOptions) {
    this.#options = options;
    for (const [name, others] of Object.entries(options.alias ?? {})) {
      const names = [name, others ?? []].flat();
      for (const each of names) this.#aliases.set(each, names.filter((other) => other !== each));
    }
    this.#booleans = this.#named(typeof options.boolean === "boolean" ? [] : options.boolean);
    this.#strings = this.#named(options.string);
    this.#collected = this.#named(options.collect);
    this.#negatable = this.#named(options.negatable);
  }

  parse(args: readonly string[]): Nested {
    const end = args.indexOf("--");
    const before = end < 0 ? args : args.slice(0, end);
    const after = end < 0 ? [] : args.slice(end + 1);
    for (let i = 0; i < before.length; i++) {
      const arg = before[i]!;
      const next = before[i + 1];
      if (/^--./s.test(arg)) {
        if (this.#long(arg, next)) i++;
      } else if (/^-./s.test(arg)) {
        if (this.#short(arg, next)) i++;
      } else {
        this.#word(arg);
        if (!this.#options.stopEarly) continue;
        this.#values._.push(...before.slice(i + 1));
        break;
      }
    }
    this.#fillIn();
    if (!this.#options["--"]) this.#values._.push(...after);
    else this.#values["--"] = after;
    return this.#values;
  }

  /** Takes `--name`, `--name=value` or `--no-name`; true when `next` went with it. */
  #long(arg: string, next: string | undefined): boolean {
    // An `=` with nothing after it belongs to the name: that is how the genuine one reads it.
    const [, no = "", name = "", value] = /^--(no-)?(.+?)(?:=(.+))?$/s.exec(arg) ?? [];
    if (value !== undefined) {
      this.#set(name, { value: this.#booleans.has(name) ? value !== "false" : value, arg });
      return false;
    }
    if (no && this.#negatable.has(name)) {
      this.#set(name, { value: false, arg }, { collect: false });
      return false;
    }
    const optional = this.#options.boolean === true || next?.startsWith("-");
    return this.#setFollowed(no + name, { arg, next, takes: !optional });
  }

  /** Takes `-abc`, `-n5`, `-n=5` or `-n 5`; true when `next` went with it. */
  #short(arg: string, next: string | undefined): boolean {
    for (let i = 1; i < arg.length - 1; i++) {
      const letter = arg[i]!;
      const rest = arg.slice(i + 1);
      const value = attached(letter, rest);
      this.#set(letter, { value: value ?? this.#bare(letter), arg });
      if (value !== undefined) return false;
    }
    const last = arg.at(-1)!;
    if (last === "-") return false;
    return this.#setFollowed(last, { arg, next, takes: !/^--?[^-]/.test(next ?? "") });
  }

  /** Sets an option from the word after it, if it takes that; true when it did. */
  #setFollowed(
    name: string,
    { arg, next, takes }: { arg: string; next: string | undefined; takes: boolean },
  ): boolean {
    const isBoolean = [name, ...this.#others(name)].some((each) => this.#booleans.has(each));
    let value: Raw | undefined;
    if (next && takes && !isBoolean) value = next;
    // A boolean takes no value, except when it is spelt out.
    else if (next === "true" || next === "false") value = next === "true";
    this.#set(name, { value: value ?? this.#bare(name), arg });
    return value !== undefined;
  }

  #set(name: string, { value, arg }: Given, { collect = true } = {}): void {
    const { boolean, unknown } = this.#options;
    const declared = this.#booleans.has(name) || this.#strings.has(name) ||
      this.#aliases.has(name) || (boolean === true && /^--[^=]+$/.test(arg));
    if (!declared && unknown?.(arg, name, value) === false) return;
    const text = typeof value === "boolean" || this.#strings.has(name);
    const given = text ? value : numeric(value);
    const many = collect && this.#collected.has(name);
    for (const each of [name, ...this.#others(name)]) {
      assign(this.#values, each.split("."), (old) => {
        if (!many) return given;
        return Array.isArray(old) ? [...old, given] : old ? [old, given] : [given];
      });
    }
  }

  #word(arg: string): void {
    if (this.#options.unknown?.(arg) === false) return;
    this.#values._.push(this.#strings.has("_") ? arg : numeric(arg));
  }

  /** Gives the options that were not on the command line their values. */
  #fillIn(): void {
    for (const [name, value] of Object.entries(this.#options.default ?? {})) {
      if (has(this.#values, name)) continue;
      for (const each of [name, ...this.#others(name)]) {
        assign(this.#values, each.split("."), () => value);
      }
    }
    for (const name of [...this.#booleans, ...this.#strings]) {
      if (has(this.#values, name)) continue;
      if (this.#collected.has(name)) assign(this.#values, name.split("."), () => []);
      else if (this.#booleans.has(name)) assign(this.#values, name.split("."), () => false);
    }
  }

  /** What an option is set to when it stands without a value. */
  #bare(name: string): Raw {
    return this.#strings.has(name) ? "" : true;
  }

  #others(name: string): readonly string[] {
    return this.#aliases.get(name) ?? [];
  }

  #named(names: Names | readonly string[]): Set<string> {
    return new Set([names ?? []].flat().flatMap((name) => [name, ...this.#others(name)]));
  }
}

/** The value written onto a letter, if what follows the letter is one rather than more letters. */
function attached(letter: string, rest: string): string | undefined {
  if (rest === "-") return rest;
  if (/[A-Za-z]/.test(letter)) {
    // Neither is anchored at the start: `-ab=c` gives `c` to `a`, and `-ab1` gives it `b1`. A
    // surprise, but the genuine one's, and a stand-in must not hide it.
    const value = /=(.+)/.exec(rest)?.[1];
    if (value !== undefined) return value;
    if (/\d(?:\.\d*)?(?:e-?\d+)?$/.test(rest)) return rest;
  }
  return rest.length > 1 && /^\W/.test(rest) ? rest : undefined;
}

/** The number that `text` looks like, or the text. */
function numeric(text: string): string | number {
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Changes the value at a path. Only own properties count, so that `--__proto__.x` reaches nothing. */
function assign(values: Nested, path: string[], change: (old: unknown) => unknown): void {
  let at = values;
  for (const part of path.slice(0, -1)) {
    const inner = Object.hasOwn(at, part) ? at[part] : undefined;
    at = (inner ?? (at[part] = {})) as Nested;
  }
  const last = path.at(-1)!;
  at[last] = change(Object.hasOwn(at, last) ? at[last] : undefined);
}

function has(values: Nested, name: string): boolean {
  let at: unknown = values;
  for (const part of name.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return false;
    at = (at as Nested)[part];
  }
  return true;
}
