/**
 * Plays the cases of a suite and says what came of each.
 *
 * @module
 */

import { type Case, DidNotStart, type Level, type Part, Skipped, type Suite } from "./case.ts";
import { Failure, type Hint } from "./case.ts";
import { type Entry, Scene, type Stage } from "./scene.ts";

/** What came of a case, or of a part of one. */
export type Verdict =
  | "passed"
  | "failed"
  | "timed out"
  | "unsteady"
  | "could not run"
  | "skipped"
  | "checker's fault";

/** What is left of a program under test when its case is over. */
export interface Remains {
  readonly label: string;
  /** Its exit code when it had ended by itself before the case was over. */
  readonly code: number | undefined;
  /** The end of its standard error. */
  readonly stderr: string;
  /** Bytes that came on its stdout and stderr, and those that were kept. */
  readonly total: number;
  readonly kept: number;
}

/** The result of a case, or of a part of one. */
export interface Result {
  readonly id: string;
  readonly caseId: string;
  readonly protocol: string;
  readonly role: string;
  readonly level: Level;
  readonly title: string;
  /** The title of the part alone; that of the case where it is no part. */
  readonly shortTitle: string;
  readonly topic: string | undefined;
  readonly quote: string;
  readonly hint: Hint;
  readonly verdict: Verdict;
  readonly points: number;
  readonly max: number;
  /** Why it could not run, was skipped, or is unsteady. */
  readonly reason?: string;
  readonly failure?: Failure;
  readonly error?: Error;
  readonly remarks: readonly string[];
  readonly notes: readonly string[];
  readonly dialogue: readonly Entry[];
  readonly remains: readonly Remains[];
  /** Milliseconds that the case took. */
  readonly took: number;
}

/** How a suite is run. */
export interface RunOptions {
  readonly levels: readonly Level[];
  /** Ids or beginnings of ids; every case when there are none. */
  readonly only: readonly string[];
  readonly strict: boolean;
  readonly repeat: number;
  /** How many cases are played side by side. */
  readonly atOnce: number;
  /** Tells of each result as it comes, in the order of the suite. */
  readonly tell?: (result: Result) => void;
  /** Ends the run; cases that did not begin are not run. */
  readonly signal?: AbortSignal;
}

/** A case that takes longer than this many usual deadlines is ended. */
const CASE_DEADLINES = 20;

/** Plays a suite; results come in its order. */
export async function runSuite(suite: Suite, stage: Stage, options: RunOptions): Promise<Result[]> {
  return await new Run(suite, stage, options).all();
}

/** Whether a case is among those asked for by id. */
export function chosen(id: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((each) => each === id || each.startsWith(`${id}.`));
}

class Run {
  readonly #suite: Suite;
  readonly #stage: Stage;
  readonly #options: RunOptions;
  readonly #cases: readonly Case[];
  readonly #asked: Set<Case>;
  readonly #played = new Map<string, Promise<Result[]>>();
  #told = 0;
  readonly #done = new Map<string, Result[]>();

  constructor(suite: Suite, stage: Stage, options: RunOptions) {
    this.#suite = suite;
    this.#stage = stage;
    this.#options = options;
    const byId = new Map(suite.cases.map((each) => [each.id, each]));
    const asked = suite.cases.filter((each) => this.#wanted(each));
    this.#asked = new Set(asked);
    // What a case needs is played for it, and not reported where it was not asked for.
    const needed = new Set<Case>();
    const take = (each: Case | undefined): void => {
      if (!each || needed.has(each)) return;
      needed.add(each);
      for (const id of this.#needs(each)) take(byId.get(id));
    };
    asked.forEach(take);
    // Everything goes by what these find out.
    // A run under faults has that from the run without.
    if (asked.length > 0 && !stage.faults) {
      suite.cases.filter((each) => this.#isAhead(each)).forEach(take);
    }
    this.#cases = suite.cases.filter((each) => needed.has(each));
  }

  #wanted(test: Case): boolean {
    const { only, levels } = this.#options;
    const all = [test.level, ...Object.values(test.parts ?? {}).map((part) => part.level)];
    return only.length > 0 ? chosen(test.id, only) : all.some((level) => levels.includes(level));
  }

  #needs(test: Case): readonly string[] {
    const gate = test.id === this.#suite.gate ? [] : [this.#suite.gate];
    return [...gate, ...test.needs ?? []].filter((id) => id !== test.id);
  }

  async all(): Promise<Result[]> {
    const queue = [...this.#cases];
    // What finds out how the program speaks is played first, then the gate, each alone.
    const alone = (test: Case) => this.#isAhead(test) || test.id === this.#suite.gate;
    for (const test of queue.filter(alone)) await this.#begin(test);
    const workers = Array.from({ length: this.#options.atOnce }, async () => {
      for (let test = queue.shift(); test; test = queue.shift()) await this.#begin(test);
    });
    await Promise.all(workers);
    return this.#cases.filter((each) => this.#asked.has(each))
      .flatMap(({ id }) => this.#reported(this.#done.get(id) ?? []));
  }

  /** Plays a case once, whoever asks for it first: its turn has come, or another case needs it. */
  #begin(test: Case): Promise<Result[]> {
    let playing = this.#played.get(test.id);
    if (playing) return playing;
    playing = this.#judge(test).then((results) => {
      this.#done.set(test.id, results);
      this.#tellInOrder();
      return results;
    });
    this.#played.set(test.id, playing);
    return playing;
  }

  #tellInOrder(): void {
    for (; this.#told < this.#cases.length; this.#told++) {
      const test = this.#cases[this.#told]!;
      const results = this.#done.get(test.id);
      if (!results) return;
      if (this.#asked.has(test)) {
        this.#reported(results).forEach((each) => this.#options.tell?.(each));
      }
    }
  }

  #reported(results: readonly Result[]): Result[] {
    const { only, levels } = this.#options;
    return results.filter(({ level }) => only.length > 0 || levels.includes(level));
  }

  async #judge(test: Case): Promise<Result[]> {
    if (this.#options.signal?.aborted) return this.#all(test, "could not run", "the run was ended");
    for (const id of this.#needs(test)) {
      const needed = this.#cases.find((each) => each.id === id);
      // The gate itself comes behind these.
      if (!needed || (id === this.#suite.gate && this.#isAhead(test))) continue;
      const own = (await this.#begin(needed)).find((each) => each.id === id);
      if (own && ["failed", "timed out", "unsteady", "could not run"].includes(own.verdict)) {
        return this.#all(test, "could not run", `it needs ${id}`);
      }
    }
    const rounds: Result[][] = [];
    // What is only needed by others, or never scored, is played once.
    const times = this.#asked.has(test) && test.level !== "info" ? this.#options.repeat : 1;
    for (let i = 0; i < times && !this.#options.signal?.aborted; i++) {
      rounds.push(await this.#play(test));
    }
    return rounds.length > 0
      ? steady(rounds)
      : this.#all(test, "could not run", "the run was ended");
  }

  /** Whether a case finds out how the program speaks: one of level info, ahead of the gate. */
  #isAhead(test: Case): boolean {
    const { cases, gate } = this.#suite;
    return test.level === "info" && cases.indexOf(test) < cases.findIndex(({ id }) => id === gate);
  }

  #all(test: Case, verdict: Verdict, reason: string): Result[] {
    return ["", ...Object.keys(test.parts ?? {})].map((name) => ({
      ...this.#blank(test, name || undefined),
      verdict,
      reason,
    }));
  }

  #blank(test: Case, name: string | undefined): Result {
    const part: Part | Case = name === undefined ? test : test.parts![name]!;
    return {
      id: name === undefined ? test.id : `${test.id}.${name}`,
      caseId: test.id,
      protocol: this.#suite.protocol,
      role: this.#suite.role,
      level: part.level,
      title: name === undefined ? test.title : `${test.title}: ${part.title}`,
      shortTitle: part.title,
      topic: test.topic,
      quote: part.quote ?? test.quote,
      hint: part.hint ?? test.hint,
      verdict: "passed",
      points: 0,
      max: part.level === "info" ? 0 : part.points,
      remarks: [],
      notes: [],
      dialogue: [],
      remains: [],
      took: 0,
    };
  }

  async #play(test: Case): Promise<Result[]> {
    const start = performance.now();
    const scene = new Scene(this.#stage, test);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = scene.deadline * CASE_DEADLINES;
    const tooLong = new Promise<"too long">((resolve) => {
      timer = setTimeout(() => resolve("too long"), limit);
    });
    const late = await Promise.race([scene.play(), tooLong]) === "too long";
    clearTimeout(timer);
    const dialogue = [...scene.dialogue];
    const codes = scene.programs.map(({ code, wasTold }) => wasTold ? undefined : code);
    await scene.close();
    const remains = scene.programs.map((program, i): Remains => ({
      label: program.label,
      code: codes[i],
      stderr: program.err.text,
      total: program.out.total + program.err.total,
      kept: program.out.all.length + program.err.all.length,
    }));
    const shared = { remains, took: performance.now() - start };
    return ["", ...Object.keys(test.parts ?? {})].map((each) => {
      const name = each || undefined;
      const blank = { ...this.#blank(test, name), ...shared, dialogue };
      const outcome = scene.outcomes.find((one) => one.name === name);
      if (outcome) blank.dialogue = dialogue.slice(0, outcome.upTo);
      if (name === undefined) {
        return this.#verdict({ ...blank, notes: scene.notes }, {
          ...outcome ?? { name, remarks: [] },
          failure: late
            ? new Failure("the case to end", {
              where: "the case",
              waited: limit,
            })
            : outcome?.failure,
        });
      }
      if (outcome) return this.#verdict(blank, outcome);
      const skipped = scene.outcomes.some(({ failure }) => failure instanceof Skipped);
      return {
        ...blank,
        verdict: skipped ? "skipped" : "could not run",
        reason: `it needs ${test.id}`,
      };
    });
  }

  #verdict(
    blank: Result,
    { failure, remarks }: { failure: Error | undefined; remarks: readonly string[] },
  ): Result {
    const result = { ...blank, remarks };
    if (failure instanceof Skipped) {
      return { ...result, verdict: "skipped", reason: failure.message };
    }
    if (failure instanceof Failure) {
      // Nothing scored may rest on an open question.
      if (result.level === "info") {
        return {
          ...result,
          verdict: "passed",
          notes: [...result.notes, `${failure.where}: not ${failure.expected}`],
        };
      }
      const silent = failure.waited !== undefined && (failure.got?.length ?? 0) === 0;
      const verdict = silent && !(failure instanceof DidNotStart) ? "timed out" : "failed";
      return { ...result, verdict, failure, hint: failure.hint ?? result.hint };
    }
    if (failure) return { ...result, verdict: "checker's fault", error: failure };
    if (this.#options.strict && remarks.length > 0 && result.level !== "info") {
      const strict = new Failure(`no difference (--strict): ${remarks[0]}`, {
        where: "the program",
      });
      return { ...result, verdict: "failed", failure: strict };
    }
    return { ...result, points: result.max };
  }
}

/** One result for each of what was played several times; not the same each time is "unsteady". */
function steady(rounds: readonly Result[][]): Result[] {
  return rounds[0]!.map((first, i) => {
    const all = rounds.map((round) => round[i]!);
    const bad = all.filter(({ verdict }) => verdict === "failed" || verdict === "timed out");
    if (bad.length === 0 || bad.length === all.length) {
      return all.find(({ verdict }) => verdict === "checker's fault") ?? first;
    }
    return {
      ...bad[0]!,
      verdict: "unsteady",
      points: 0,
      reason: `passed ${all.length - bad.length} of ${all.length} times`,
      hint: UNSTEADY,
    };
  });
}

/** What is said of a case that passes only sometimes. */
export const UNSTEADY: Hint = {
  cause: "it works only sometimes",
  text:
    "Two threads share something without a lock, or the program counts on a moment: look at what " +
    "more than one thread reads and writes.",
};
