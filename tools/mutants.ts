/**
 * Tries the check itself: the students' programs must pass without a mistake, and fail exactly the cases
 * that a mistake names with it; Parley's own programs must pass at every level.
 *
 * `deno task mutants` runs all; `deno task mutants relay` a protocol, `relay server one-recv` one
 * mistake. `--show` only prints what fails, for somebody who adds a mistake; `--write` writes
 * docs/mistakes.md; `--named` plays only the cases that a mistake names, and all of the programs
 * without one, which is what CI has the time for.
 *
 * @module
 */

import type { Given, Suite } from "../check/case.ts";
import { parseOptions } from "../check/options.ts";
import { play } from "../check/play.ts";
import { Launcher } from "../check/program.ts";
import { bad, causes, failureLines } from "../check/report.ts";
import type { Result } from "../check/run.ts";
import { SUITES } from "../check/suites.ts";
import { type Mistake, MISTAKES, OURS, STUDENTS } from "../tests/students/mistakes.ts";

/** Entries of a dialogue that the document shows. */
const SHOWN_ENTRIES = 6;
/** Mistakes that are tried side by side; with --write most of the time is spent waiting for one case. */
const [AT_ONCE, WRITTEN_AT_ONCE] = [3, 8];

/** The case that looks for something that only Python has; it is skipped for Parley's own classes. */
const PYTHON_ALONE = "K-14";

/** What came of one try: nothing when it is as it should be. */
interface Tried {
  readonly name: string;
  readonly wrong: string | undefined;
  readonly results: readonly Result[];
}

/** Runs the mutants; returns 0 when all is as the table says. */
export async function main(args: readonly string[]): Promise<number> {
  const flags = new Set(args.filter((arg) => arg.startsWith("--")));
  const [protocol, role, mistake] = args.filter((arg) => !arg.startsWith("--"));
  const launcher = await Launcher.open();
  const tries: (() => Promise<Tried>)[] = [];
  for (
    const name of Object.keys(SUITES).filter((each) => protocol === undefined || each === protocol)
  ) {
    if (role === undefined && !flags.has("--write")) {
      for (const [who, given] of [["student", STUDENTS[name]], ["ours", OURS[name]]] as const) {
        if (given) tries.push(() => clean(name, { who, given, launcher }));
      }
    }
  }
  const chosen = MISTAKES.filter((each) =>
    (protocol === undefined || each.protocol === protocol) &&
    (role === undefined || each.role === role) &&
    (mistake === undefined || each.mistake === mistake)
  );
  const made = new Map<Mistake, Tried>();
  for (const each of chosen) {
    tries.push(async () => {
      const tried = await mutant(each, {
        launcher,
        show: flags.has("--show"),
        // What is named alone; that nothing else fails is tried without.
        named: flags.has("--write") || flags.has("--named"),
      });
      made.set(each, tried);
      return tried;
    });
  }
  const wrong = await all(tries, flags.has("--write") ? WRITTEN_AT_ONCE : AT_ONCE);
  await launcher.close();
  if (flags.has("--write")) await Deno.writeTextFile("docs/mistakes.md", document(chosen, made));
  const all_ = tries.length;
  say(`${all_ - wrong} passed, ${wrong} failed: mutants and own programs`);
  return wrong === 0 && all_ > 0 ? 0 : 1;
}

/**
 * Runs all, a few at a time; resolves to how many are not as they should be. What is wrong beside others
 * is tried once more alone and said so: a mistake that hangs on timing may be covered by their load.
 */
async function all(tries: (() => Promise<Tried>)[], atOnce: number): Promise<number> {
  const queue = [...tries];
  const again: (() => Promise<Tried>)[] = [];
  const workers = Array.from({ length: atOnce }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (!tell(await next(), "")) again.push(next);
    }
  });
  await Promise.all(workers);
  let wrong = 0;
  for (const next of again) if (!tell(await next(), "alone, again: ")) wrong++;
  return wrong;
}

/** Prints a line about a try; whether it is as it should be. */
function tell({ name, wrong }: Tried, how: string): boolean {
  say(wrong === undefined ? `ok   ${how}${name}` : `FAIL ${how}${name}: ${wrong}`);
  return wrong === undefined;
}

/** Programs without a mistake: the students' must pass every must and should, ours every case. */
async function clean(
  protocol: string,
  { who, given, launcher }: { who: "student" | "ours"; given: Given; launcher: Launcher },
): Promise<Tried> {
  const results = await played(protocol, { given, launcher });
  const counts = (result: Result) =>
    who === "ours" ? result.level !== "info" : result.level === "must" || result.level === "should";
  const missed = results.filter((result) =>
    counts(result) && result.verdict !== "passed" &&
    !(who === "ours" && result.id === PYTHON_ALONE && result.verdict === "skipped")
  );
  const wrong = missed.length === 0 && results.length > 0
    ? undefined
    : missed.map((each) =>
      `${each.id} ${each.verdict} ${each.failure?.message ?? each.reason ?? ""}`
    )
      .join("; ") || "nothing was played";
  return { name: `${protocol}: ${who}, ${results.length} cases`, wrong, results };
}

/** A program with a mistake: exactly its cases fail, and its hint comes first. */
async function mutant(
  { protocol, role, command, mistake, hint, fails }: Mistake,
  { launcher, show, named }: { launcher: Launcher; show: boolean; named: boolean },
): Promise<Tried> {
  const base = STUDENTS[protocol]?.[command];
  const name = `${protocol} ${role} ${mistake}`;
  if (base === undefined) {
    return { name, wrong: `no command ${command} for ${protocol}`, results: [] };
  }
  const others = role === "pair" ? STUDENTS[protocol]! : {};
  const given = { ...others, [command]: `${base} --mistake ${mistake}` };
  const only = named ? fails : [];
  const results = await played(protocol, { given, launcher, role, only });
  const failed = results.filter((each) => bad(each) || each.verdict === "checker's fault");
  const ids = failed.map(({ id }) => id);
  const first = causes(results)[0]?.hint.cause;
  const missing = fails.filter((id) => !ids.includes(id));
  const extra = ids.filter((id) => !fails.includes(id));
  const said = [
    ...missing.length > 0 ? [`passed: ${missing.join(", ")}`] : [],
    ...extra.length > 0 ? [`failed, too: ${extra.join(", ")}`] : [],
    ...first === hint.cause ? [] : [`the first hint is "${first}", not "${hint.cause}"`],
    ...failed.filter(({ id }) => extra.includes(id)).map(({ id, failure }) =>
      `${id}: ${failure?.message}`
    ),
    ...failed.flatMap(({ error }) => error ? [String(error.stack)] : []),
  ];
  const shown = show ? [`fails: [${ids.map((id) => `"${id}"`).join(", ")}], first "${first}"`] : [];
  return {
    name,
    wrong: said.length + shown.length > 0 ? [...shown, ...said].join("; ") : undefined,
    results,
  };
}

async function played(
  protocol: string,
  { given, launcher, role, only = [] }: {
    given: Given;
    launcher: Launcher;
    role?: string;
    only?: readonly string[];
  },
): Promise<Result[]> {
  const suites: readonly Suite[] = await SUITES[protocol]!();
  const own = suites.filter((suite) => role === undefined || suite.role === role);
  const options = { ...parseOptions([protocol], Object.keys(SUITES)), given, only };
  return await play(own, options, { launcher });
}

// ---- the document ----

function document(chosen: readonly Mistake[], made: ReadonlyMap<Mistake, Tried>): string {
  const lines = [
    "# What students' programs get wrong",
    "",
    "Written by `deno task mutants --write`. Each mistake is a switch of a program in `tests/students/`:",
    "start it with the switch, let somebody find the bug, and compare with what the check says of it.",
  ];
  let heading = "";
  for (const mistake of chosen) {
    const { results } = made.get(mistake)!;
    const own = `## ${mistake.protocol}, ${mistake.role}`;
    if (own !== heading) lines.push("", own);
    heading = own;
    lines.push("", ...entry(mistake, results));
  }
  return anywhere(lines.join("\n") + "\n");
}

/** The text without what is true of the machine alone that it was made on: folders of this copy. */
function anywhere(text: string): string {
  return text.replaceAll(`${Deno.cwd()}/`, "").replace(
    /\/[^\s"]*\/(lib|bin)\/python3/g,
    "/usr/$1/python3",
  )
    .replace(/\/tmp\/[^\s"',\\:)]*\//g, "");
}

function entry(
  { protocol, command, mistake, hint, fails }: Mistake,
  results: readonly Result[],
): string[] {
  const first =
    results.find((result) => fails.includes(result.id) && result.hint.cause === hint.cause) ??
      results.find((result) => fails.includes(result.id));
  const start = `deno run --allow-net --allow-run check.ts ${protocol} --${command} '${
    STUDENTS[protocol]?.[command]
  } --mistake ${mistake}'`;
  const report = first
    ? failureLines(first, { colour: false, trace: false, command: start, entries: SHOWN_ENTRIES })
    : ["(no case shows it)"];
  return [
    `### ${mistake}`,
    "",
    `${hint.cause}. ${hint.text}`,
    "",
    `Failed: ${fails.join(", ")}.`,
    "",
    "```",
    ...first ? [`${first.id} ${first.title}`] : [],
    ...report,
    "```",
  ];
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
