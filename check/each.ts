/**
 * The same suites in each of many folders: a class's submissions.
 *
 * @module
 */

import type { Suite } from "./case.ts";
import { jsonText } from "./formats.ts";
import { htmlText } from "./html.ts";
import { Misuse, type Options } from "./options.ts";
import { play, suitesFor } from "./play.ts";
import { COURSES, score, total } from "./points.ts";
import { Launcher } from "./program.ts";
import { bad, exitCode, type Style } from "./report.ts";
import type { Result, Verdict } from "./run.ts";

/** How long one submission may take, in milliseconds; the next one has its turn then. */
const SUBMISSION_MS = 900_000;

const WARNING =
  "This runs other people's programs with your rights: use an account or a container that " +
  "has nothing to lose.";

/** What is kept of a submission once its report is written. */
interface Row {
  readonly name: string;
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly points: number;
  readonly max: number;
  readonly code: number;
  /** Why nothing was played, in a sentence. */
  readonly trouble: string | undefined;
}

/** Checks each folder, writes what was asked for; returns the exit code. */
export async function checkEach(
  suites: readonly Suite[],
  options: Options,
  put: (text: string) => void,
): Promise<number> {
  suitesFor(suites, options);
  const { out, jobs, each } = options;
  await permit(options);
  const folders = await expand(each!);
  if (folders.length === 0) throw new Misuse(`There is no folder ${each}.`);
  if (out !== undefined) await Deno.mkdir(out, { recursive: true });
  put(`${WARNING}\n${folders.length} submissions\n`);
  const launcher = await Launcher.open();
  const end = new AbortController();
  const stop = () => {
    end.abort();
    launcher.killAll();
  };
  Deno.addSignalListener("SIGINT", stop);
  const rows: Row[] = [];
  const queue = [...folders];
  try {
    await Promise.all(Array.from({ length: jobs }, async () => {
      for (let folder = queue.shift(); folder && !end.signal.aborted; folder = queue.shift()) {
        const row = await submission(suites, folder, { options, launcher, signal: end.signal });
        rows.push(row);
        put(`${String(rows.length).padStart(4)} of ${folders.length}  ${rowText(row)}\n`);
      }
    }));
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
    await launcher.close();
  }
  rows.sort((a, b) => a.name < b.name ? -1 : 1);
  if (out !== undefined) await Deno.writeTextFile(`${out}/table.csv`, tableText(rows));
  put(mostFailedText(rows));
  if (end.signal.aborted) return 130;
  return rows.some(({ code }) => code === 4) ? 4 : rows.some(({ code }) => code !== 0) ? 1 : 0;
}

/** Says which permissions the files need, before anything is played. */
async function permit({ each, out }: Options): Promise<void> {
  const read = await Deno.permissions.query({ name: "read", path: folderOf(each!) });
  if (read.state !== "granted") {
    throw new Misuse(
      `--each reads the folders of ${each}: it needs --allow-read=${folderOf(each!)}.`,
    );
  }
  if (out === undefined) return;
  const write = await Deno.permissions.query({ name: "write", path: out });
  if (write.state !== "granted") {
    throw new Misuse(`--out writes to ${out}: it needs --allow-write=${out}.`);
  }
}

/** The part of a pattern in front of its first wildcard. */
function folderOf(pattern: string): string {
  const fixed = pattern.split("/").slice(
    0,
    pattern.split("/").findIndex((part) => part.includes("*")),
  );
  return pattern.includes("*") ? fixed.join("/") || (pattern.startsWith("/") ? "/" : ".") : pattern;
}

/** The folders that a pattern with `*` in its parts stands for, in order. */
async function expand(pattern: string): Promise<string[]> {
  let found = [pattern.startsWith("/") ? "/" : "."];
  for (const part of pattern.split("/").filter((each) => each !== "" && each !== ".")) {
    const next: string[] = [];
    for (const folder of found) {
      if (!part.includes("*")) {
        next.push(`${folder}/${part}`);
        continue;
      }
      const test = new RegExp(
        `^${part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]*")}$`,
      );
      for await (const entry of Deno.readDir(folder)) {
        if (test.test(entry.name) && !entry.name.startsWith(".")) {
          next.push(`${folder}/${entry.name}`);
        }
      }
    }
    found = next;
  }
  const folders: string[] = [];
  for (const each of found) {
    const info = await Deno.stat(each).catch(() => undefined);
    if (info?.isDirectory) folders.push(each.replace(/^\.\//, "").replace(/^\/\//, "/"));
  }
  return folders.sort();
}

// ---- one submission ----

async function submission(
  suites: readonly Suite[],
  folder: string,
  { options, launcher, signal }: { options: Options; launcher: Launcher; signal: AbortSignal },
): Promise<Row> {
  const name = folder.split("/").at(-1)!;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), SUBMISSION_MS * options.slow);
  let results: Result[];
  try {
    results = await play(suites, options, {
      launcher,
      cwd: folder,
      signal: AbortSignal.any([signal, limit.signal]),
      // Submissions side by side have the machine to share.
      atOnce: Math.max(2, Math.floor(4 / options.jobs)),
    });
  } finally {
    clearTimeout(timer);
  }
  const rows = score(results, options.course === undefined ? undefined : COURSES[options.course]);
  if (options.out !== undefined) await write(options, { name, results });
  const { points, max } = total(rows);
  const first = results.find(({ failure }) => failure?.name === "DidNotStart");
  const stderr = first?.remains.map((each) => each.stderr.trim()).find((each) => each !== "");
  return {
    name,
    verdicts: new Map(
      results.filter(({ level }) => level !== "info").map(({ id, verdict }) => [id, verdict]),
    ),
    points,
    max,
    code: exitCode(results),
    trouble: first && `did not start: ${stderr?.split("\n").at(-1) ?? first.failure!.message}`,
  };
}

async function write(
  options: Options,
  { name, results }: { name: string; results: readonly Result[] },
): Promise<void> {
  const { protocol, out, course, given } = options;
  const commands = Object.entries(given).flatMap(([role, value]) =>
    value === undefined ? [] : [`--${role} '${value}'`]
  );
  const start = "deno run --allow-net --allow-run check.ts";
  const style: Style = {
    colour: false,
    trace: false,
    command: [start, protocol, ...commands].join(" "),
  };
  const rows = score(results, course === undefined ? undefined : COURSES[course]);
  await Deno.writeTextFile(`${out}/${name}.json`, jsonText(protocol, results, { rows, style }));
  const page = htmlText(`${name}: check of ${protocol}`, results, { rows, before: WARNING });
  await Deno.writeTextFile(`${out}/${name}.html`, page);
}

// ---- all of them ----

function rowText({ name, verdicts, points, max, trouble }: Row): string {
  const passed = [...verdicts.values()].filter((each) => each === "passed").length;
  return `${name.padEnd(24)} ${
    String(passed).padStart(3)
  } of ${verdicts.size} passed, points ${points} ` +
    `of ${max}${trouble === undefined ? "" : `, ${trouble}`}`;
}

/** Case × submission as CSV, a line a case. */
function tableText(rows: readonly Row[]): string {
  const ids = [...new Set(rows.flatMap(({ verdicts }) => [...verdicts.keys()]))];
  const lines = [
    ["case", ...rows.map(({ name }) => name)],
    ...ids.map((id) => [id, ...rows.map(({ verdicts }) => verdicts.get(id) ?? "")]),
    ["points", ...rows.map(({ points }) => String(points))],
  ];
  return lines.map((line) => line.map(cell).join(",")).join("\n") + "\n";
}

function cell(text: string): string {
  // A name that begins like a formula would be one in a spreadsheet.
  const safe = /^[=+\-@]/.test(text) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function mostFailedText(rows: readonly Row[]): string {
  const counts = new Map<string, number>();
  for (const { verdicts } of rows) {
    for (const [id, verdict] of verdicts) {
      if (bad({ verdict })) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, 12);
  const stopped = rows.filter(({ trouble }) => trouble !== undefined).map(({ name }) => name);
  return [
    most.length === 0
      ? "nothing failed"
      : `most failed: ${most.map(([id, n]) => `${id} ${n}`).join(", ")}`,
    ...stopped.length > 0 ? [`did not start: ${stopped.join(", ")}`] : [],
  ].join("\n") + "\n";
}
