#!/usr/bin/env -S deno run --allow-net --allow-run
/**
 * The check: the same cases against anybody's program of one of the five assignments, in whatever
 * language it is written.
 *
 * Run `deno run --allow-net --allow-run check.ts relay --server 'python3 server.py {port}'`. It runs
 * other people's code with the rights of whoever runs it.
 *
 * @module
 */

import { explainText, listText } from "./check/catalogue.ts";
import type { Suite } from "./check/case.ts";
import { permitFiles, Report } from "./check/files.ts";
import { jsonText, tapText } from "./check/formats.ts";
import { Misuse, type Options, parseOptions } from "./check/options.ts";
import { play, type Playing, suitesFor } from "./check/play.ts";
import { COURSES, score } from "./check/points.ts";
import { Launcher } from "./check/program.ts";
import {
  exitCode,
  missingFile,
  paint,
  resultText,
  type Style,
  summaryText,
} from "./check/report.ts";
import type { Result } from "./check/run.ts";
import { SUITES } from "./check/suites.ts";

const USAGE = `usage: check.ts PROTOCOL [--server COMMAND] [--client COMMAND] [options]
       check.ts fault --listen PORT --to HOST:PORT [--seed N] [split=1..5 delay=0..30 ...]

Plays the cases of a protocol against your programs, and says what to change. A command is split into
words as a shell does it; {port}, {host}, {name} and {peerport} in it are filled in.

  relay     --server 'python3 server.py {port}' --client 'python3 client.py {host} {port}'
  channels  --server 'python3 server.py {port}' --client 'python3 client.py {name} {host} {port}'
  bridge    --server 'python3 Server.py --port={port}'
            --client "python3 client.py --id='{name}' --port={peerport} --server='{host}:{port}'"
  overlay   --server 'python3 server.py -p {port}'
            --client 'python3 client.py -s {host} -p {port} -n {name}'
  chatroom  --python chatroom.py

  --only ID,ID        these cases only, with what they need
  --level must,should these levels only (must, should, extra, info)
  --strict            small differences (blanks at line ends, letter case) fail, too
  --slow N            N times as long for everything: for slow programs and busy machines
  --repeat N          every case N times; what passes only sometimes is "unsteady" and fails
  --fault SEED        the must cases once more, with everything sent in pieces by a schedule
  --at HOST:PORT      a server that runs already, in place of one that is started
  --course NAME       the weights and commands of csc138, cse150 or csci353
  --trace             the whole dialogue of every case
  --list, --explain ID  the cases, and one of them, without running anything
  --json, --tap       the report on stdout for a program
  --junit FILE, --html FILE, --gradescope FILE [--points FILE]
                      reports in files: they need --allow-write, and --points --allow-read
  --each 'DIR/*' [--jobs N] [--out DIR]
                      in each folder, with a table of all: needs --allow-read, and --out --allow-write

Exit code: 0 all must and should passed, 1 some failed, 2 bad use, 3 the program did not start, 4 the
check itself is at fault. This runs your programs with your rights: do not run a stranger's so.
`;

// Writing is asynchronous: a synchronous write hangs the process when nobody reads the pipe.
let writing: Promise<void> = Promise.resolve();

/** Puts a text on stdout, behind what was put there before. */
function put(text: string): void {
  const data = new TextEncoder().encode(text);
  writing = writing.then(async () => {
    for (let rest = data; rest.length > 0;) rest = rest.subarray(await Deno.stdout.write(rest));
  }).catch(() => {});
}

/** Runs the check; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // An error that nobody waited for is the check's own: it is said, and the run goes on.
  const stray = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    put(`The check is at fault: ${event.reason?.stack ?? event.reason}\n`);
  };
  globalThis.addEventListener("unhandledrejection", stray);
  try {
    return await run(args);
  } catch (error) {
    if (!(error instanceof Misuse)) throw error;
    await Deno.stderr.write(new TextEncoder().encode(`${error.message}\n`)).catch(() => {});
    return 2;
  } finally {
    globalThis.removeEventListener("unhandledrejection", stray);
    await writing;
  }
}

async function run(args: readonly string[]): Promise<number> {
  if (args[0] === "fault") {
    const { runProxy } = await import("./check/proxy.ts");
    return await runProxy(args.slice(1), put);
  }
  const options = parseOptions(args, Object.keys(SUITES));
  if (options.help) {
    put(USAGE);
    return 0;
  }
  const suites = await SUITES[options.protocol]!();
  if (options.list) put(listText(suites));
  else if (options.explain !== undefined) put(explainText(suites, options.explain));
  else if (options.each !== undefined) {
    const { checkEach } = await import("./check/each.ts");
    return await checkEach(suites, options, put);
  } else return await checkOne(suites, options);
  return 0;
}

// ---- one program ----

async function checkOne(suites: readonly Suite[], options: Options): Promise<number> {
  suitesFor(suites, options);
  await permitFiles(options);
  const style = styleOf(options);
  const quiet = options.json || options.tap;
  const say = quiet ? () => {} : put;
  const report = await Report.open(options, style);
  const launcher = await Launcher.open();
  const ending = endBySignal(launcher);
  if (!launcher.groups) say("This system has no setsid: what a program forks may stay behind.\n");
  if (launcher.busy > 2) {
    say(`This machine is busy: everything is given ${launcher.busy.toFixed(0)} times as long.\n`);
  }
  const facts = new Map<string, unknown>();
  const progress = new Progress(style.colour && !quiet);
  try {
    let results: readonly Result[] = await play(suites, options, {
      launcher,
      facts,
      signal: ending.signal,
      begin: (suite) => say(`${paint(`${suite.protocol} ${suite.role}`, "bold", style)}\n`),
      tell(result) {
        say(progress.over() + resultText(result, style) + progress.next(result));
      },
    });
    say(progress.over());
    results = report.weigh(results);
    const rows = score(results, courseOf(options));
    if (options.json) put(jsonText(options.protocol, results, { rows, style }));
    else if (options.tap) put(tapText(results, style));
    else {
      say(missingText(suites, options));
      say(summaryText(results, { rows, style }));
    }
    await report.write(results, rows);
    const missing = missingFile(results);
    if (missing !== undefined) throw new Misuse(`There is no file ${missing}.`);
    if (ending.signal.aborted) return 130;
    const steady = options.fault === undefined ||
      await underFaults(suites, results, { options, playing: { launcher, facts }, say });
    return Math.max(exitCode(results), steady ? 0 : 1);
  } finally {
    await launcher.close();
    ending.dispose();
  }
}

/** Plays the must cases once more in pieces; false when one fails that has passed without. */
async function underFaults(
  suites: readonly Suite[],
  results: readonly Result[],
  { options, playing, say }: { options: Options; playing: Playing; say: (text: string) => void },
): Promise<boolean> {
  const { faultText } = await import("./check/under_faults.ts");
  const { text, steady } = await faultText(suites, results, { options, playing });
  say(text);
  return steady;
}

/** What is said of roles whose command was not given. */
function missingText(suites: readonly Suite[], { given, at }: Options): string {
  const played = new Set(suitesFor(suites, { given, at, only: [] }).map(({ suite }) => suite));
  const missing = suites.filter((suite) => !played.has(suite)).map(({ role }) => role);
  return missing.length === 0 ? "" : `Not run, for want of a command: ${missing.join(", ")}.\n`;
}

function courseOf({ course }: Options) {
  return course === undefined ? undefined : COURSES[course];
}

function styleOf(options: Options): Style {
  const words = Object.entries(options.given).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`, shell(value)]
  );
  const at = options.at ? [`--at ${options.at.host}:${options.at.port}`] : [];
  const start = "deno run --allow-net --allow-run check.ts";
  return {
    colour: Deno.stdout.isTerminal() && !Deno.noColor,
    trace: options.trace,
    command: [start, options.protocol, ...words, ...at].join(" "),
  };
}

/** A word as it is typed in a shell. */
function shell(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A line at the bottom of a terminal that says how far the run is. */
class Progress {
  readonly #shown: boolean;
  #count = 0;

  constructor(shown: boolean) {
    this.#shown = shown;
  }

  /** The text that takes the line away. */
  over(): string {
    return this.#shown ? "\r\x1b[K" : "";
  }

  /** The text that shows the line again, after a result. */
  next({ caseId }: Result): string {
    this.#count++;
    return this.#shown ? `\x1b[90m${this.#count} done, after ${caseId} …\x1b[0m` : "";
  }
}

/** Ends all programs at SIGINT and SIGTERM, and then the run. */
function endBySignal(launcher: Launcher): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const end = () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort();
    launcher.killAll();
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const each of signals) Deno.addSignalListener(each, end);
  return {
    signal: controller.signal,
    dispose: () => signals.forEach((each) => Deno.removeSignalListener(each, end)),
  };
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
