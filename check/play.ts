/**
 * One program, or the two of a pair, put through the suites of its protocol.
 *
 * @module
 */

import type { Commands, Given, Suite } from "./case.ts";
import { Misuse, type Options } from "./options.ts";
import { schedule } from "./faults.ts";
import type { Launcher } from "./program.ts";
import { type Result, runSuite } from "./run.ts";

/** The usual deadline of an expectation, in milliseconds. */
const DEADLINE_MS = 2000;
/** Cases played side by side. */
const AT_ONCE = 4;

/** What a run needs beside its options. */
export interface Playing {
  readonly launcher: Launcher;
  /** The folder that programs run in. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** What is known of the programs already, and what is found out. */
  readonly facts?: Map<string, unknown>;
  /** How many cases are played side by side, where it is not the usual number. */
  readonly atOnce?: number;
  /** Tells of a suite that begins, and of one that is not run and why. */
  readonly begin?: (suite: Suite) => void;
  /** Tells of each result as it comes, in order. */
  readonly tell?: (result: Result) => void;
}

/** Suites for which commands were given, with these commands; throws `Misuse` when there is none. */
export function suitesFor(
  suites: readonly Suite[],
  { given, at, only }: Pick<Options, "given" | "at" | "only">,
): { suite: Suite; commands: Commands }[] {
  // A program that runs already needs no command, and the suites are chosen by whether there is one.
  const known = at ? { ...given, server: given["server"] ?? "{port}" } : given;
  checkPlaceholders(suites, given);
  const found = suites.flatMap((suite) => {
    const commands = split(suite, known);
    return commands && (!at || suite.role.endsWith("server")) ? [{ suite, commands }] : [];
  });
  if (found.length === 0) {
    throw new Misuse(
      "Nothing to check: give the command of a program, such as --server 'python3 " +
        "server.py {port}'.",
    );
  }
  checkIds(suites, only);
  checkRoles(suites, { found: found.map(({ suite }) => suite), only });
  return found;
}

function split(suite: Suite, given: Given): Commands | undefined {
  try {
    return suite.commands(given);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Misuse(`${error.message}.`);
    throw error;
  }
}

function checkPlaceholders(suites: readonly Suite[], given: Given): void {
  for (const { placeholders = {} } of suites) {
    for (const [name, needed] of Object.entries(placeholders)) {
      const command = given[name];
      const missing = needed.find((each) =>
        command !== undefined && !command.includes(`{${each}}`)
      );
      if (missing === undefined) continue;
      throw new Misuse(
        `The command of the ${name} has no {${missing}}: the check chooses it, and puts ` +
          `it there.`,
      );
    }
  }
}

function checkIds(suites: readonly Suite[], only: readonly string[]): void {
  const ids = new Set(
    suites.flatMap(({ cases }) =>
      cases.flatMap(({ id, parts }) => [
        id,
        ...Object.keys(parts ?? {}).map((part) => `${id}.${part}`),
      ])
    ),
  );
  const unknown = only.find((each) => !ids.has(each));
  if (unknown !== undefined) {
    throw new Misuse(`There is no case ${unknown}; --list shows them all.`);
  }
}

/** Throws where a case was asked for whose role has no command: nothing would be played, in silence. */
function checkRoles(
  suites: readonly Suite[],
  { found, only }: { found: readonly Suite[]; only: readonly string[] },
): void {
  const has = (suite: Suite, id: string) =>
    suite.cases.some((each) => each.id === id.split(".")[0]);
  for (const id of only) {
    if (found.some((suite) => has(suite, id))) continue;
    const owner = suites.find((suite) => has(suite, id));
    throw new Misuse(`${id} is a case of the ${owner?.role}, and no command was given for that.`);
  }
}

/** Plays the suites for which there are commands; resolves to all results. */
export async function play(
  suites: readonly Suite[],
  options: Options,
  playing: Playing,
): Promise<Result[]> {
  const results: Result[] = [];
  const facts = playing.facts ?? new Map<string, unknown>();
  for (const { suite, commands } of suitesFor(suites, options)) {
    if (playing.signal?.aborted) break;
    playing.begin?.(suite);
    results.push(...await playSuite(suite, commands, { options, playing, facts }));
  }
  return results;
}

/** Plays one suite; `faults` cuts what the check's peers write by a schedule of that seed. */
export async function playSuite(
  suite: Suite,
  commands: Commands,
  { options, playing, facts = new Map(), faults }: {
    options: Options;
    playing: Playing;
    /** What is known of the programs already, and what is found out. */
    facts?: Map<string, unknown>;
    faults?: number;
  },
): Promise<Result[]> {
  const { at, strict, repeat, levels, only } = options;
  const stage = {
    commands,
    launcher: playing.launcher,
    // A passing run never comes near it, so that on a busy machine only failures take longer.
    get deadline() {
      return DEADLINE_MS * options.slow * playing.launcher.busy;
    },
    facts,
    ...at ? { at } : {},
    ...playing.cwd === undefined ? {} : { cwd: playing.cwd },
    ...faults === undefined ? {} : { faults: (id: string) => schedule(`${faults} ${id}`) },
  };
  return await runSuite(suite, stage, {
    levels: faults === undefined ? levels : ["must"],
    only,
    strict,
    repeat,
    // A server that runs already has one state: cases must not meet in it.
    atOnce: at ? 1 : playing.atOnce ?? AT_ONCE,
    ...playing.tell && faults === undefined ? { tell: playing.tell } : {},
    ...playing.signal ? { signal: playing.signal } : {},
  });
}
