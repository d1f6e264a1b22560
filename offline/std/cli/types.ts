/**
 * The types of `parseArgs`: what it is told, and what follows from that about its result.
 *
 * @module
 */

/** Names of options as a type: a union of literal names, or `undefined` when there are none. */
export type Names = string | undefined;

/** Other names of options, by the name they stand for. */
export type Aliases<TNames extends string = string, TAliases extends string = string> = Partial<
  Record<TNames, TAliases | readonly TAliases[]>
>;

/** What `parseArgs` can be told. */
export interface ParseOptions<
  TBooleans extends boolean | Names = boolean | Names,
  TStrings extends Names = Names,
  TCollectable extends Names = Names,
  TNegatable extends Names = Names,
  TDefaults extends Record<string, unknown> | undefined = Record<string, unknown> | undefined,
  TAliases extends Aliases | undefined = Aliases | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> {
  /** True: the words after `--` go to `"--"` in the result, not to `_`. Default: false. */
  "--"?: TDoubleDash;
  /** Other names of options; whichever is given, all are set. */
  alias?: TAliases;
  /** Options without a value, false unless given; `true` makes one of each `--name` without `=`. */
  boolean?: TBooleans | readonly Extract<TBooleans, string>[];
  /** Values of options that are not given. */
  default?: TDefaults;
  /** True: from the first word that is no option on, everything is a word. Default: false. */
  stopEarly?: boolean;
  /** Options whose values stay text; `_` stands for the words. */
  string?: TStrings | readonly Extract<TStrings, string>[];
  /** Options that may be repeated; their values come as an array. Otherwise the last one counts. */
  collect?: TCollectable | readonly Extract<TCollectable, string>[];
  /** Options that `--no-name` sets to false. */
  negatable?: TNegatable | readonly Extract<TNegatable, string>[];
  /** Called with each word and each option that is not declared; false leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What `parseArgs` returns. */
export type Args<
  // deno-lint-ignore no-explicit-any -- with no option declared, a value may be anything
  TValues extends Record<string, unknown> = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> = Flat<
  & TValues
  & {
    /** The words that belong to no option. */
    _: Array<string | number>;
  }
  & (boolean extends TDoubleDash ? Partial<DoubleDash>
    : true extends TDoubleDash ? DoubleDash
    : unknown)
>;

/** The values of options, as far as the declared names tell their types. */
export type Values<
  TBooleans extends boolean | Names,
  TStrings extends Names,
  TCollectable extends Names,
  TNegatable extends Names,
  TDefaults extends Record<string, unknown> | undefined,
  TAliases extends Aliases | undefined,
> = Declares<TBooleans, TStrings, TCollectable> extends true ?
    & Record<string, unknown>
    & WithAliases<
      WithDefaults<
        & { [Name in Exclude<Known<TBooleans>, Known<TCollectable>>]: boolean }
        & { [Name in Extract<Known<TBooleans>, Known<TCollectable>>]: boolean[] }
        & {
          [Name in Exclude<Known<TStrings>, Known<TCollectable>>]?: Negated<
            string,
            Name,
            TNegatable
          >;
        }
        & {
          [Name in Extract<Known<TStrings>, Known<TCollectable>>]: Negated<
            string[],
            Name,
            TNegatable
          >;
        }
        & {
          [Name in Exclude<Known<TCollectable>, Known<TStrings> | Known<TBooleans>>]: Negated<
            unknown[],
            Name,
            TNegatable
          >;
        },
        TDefaults
      >,
      TAliases
    >
  // deno-lint-ignore no-explicit-any -- as for Args
  : Record<string, any>;

/** What `"--": true` adds to a result. */
export interface DoubleDash {
  /** The words after `--`. */
  "--": string[];
}

/** One object type instead of an intersection, as messages and editors show it. */
export type Flat<T> = { [Key in keyof T]: T[Key] };

/**
 * The literal names. Of `string[]` nobody knows the members, and a dotted name is a path, not a key:
 * of both only the index signature of the result speaks.
 */
export type Known<TNames> = string extends TNames ? never
  : Exclude<Extract<TNames, string>, `${string}.${string}`>;

/** Whether any option is declared; without one, values are of type any. */
export type Declares<TBooleans, TStrings, TCollectable> = undefined extends TStrings
  ? undefined extends TCollectable
    ? undefined extends TBooleans ? false : false extends TBooleans ? false : true
  : true
  : true;

/** The type of an option that `--no-name` may have set to false. */
export type Negated<TValue, TName, TNegatable> = TNegatable extends TName ? TValue | false : TValue;

/** An option with a default is always there. */
export type WithDefaults<T, TDefaults> = TDefaults extends Record<string, unknown> ?
    & Omit<T, keyof TDefaults>
    & {
      [Key in keyof TDefaults]: Key extends keyof T ? TDefaults[Key] | NonNullable<T[Key]>
        : unknown;
    }
  : T;

/** An option is there under its other names, too. */
export type WithAliases<T, TAliases> = {
  [Key in keyof T as Key | AliasOf<Key, TAliases>]: T[Key];
};

/** The other names of one option. */
export type AliasOf<TName, TAliases> = TName extends keyof TAliases
  ? string extends TAliases[TName] ? never
  : TAliases[TName] extends string ? TAliases[TName]
  : TAliases[TName] extends string[] ? TAliases[TName][number]
  : never
  : never;
