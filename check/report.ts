/**
 * The report for a person: what was sent, what came back, what the document asks for, what to change.
 *
 * @module
 */

import { hexView, printable, quoted } from "./bytes.ts";
import { DidNotStart, type Hint, LEVELS } from "./case.ts";
import type { Row } from "./points.ts";
import { total } from "./points.ts";
import type { Remains, Result } from "./run.ts";
import type { Entry } from "./scene.ts";

/** How a report is written. */
export interface Style {
  readonly colour: boolean;
  /** The dialogues of passed cases, too, and whole ones. */
  readonly trace: boolean;
  /** The command that plays one case only, but for its id. */
  readonly command: string;
  /** Entries of a dialogue that are shown without `trace`, where it is not the usual number. */
  readonly entries?: number;
}

/** Entries of a dialogue that are shown unless all are asked for. */
const SHOWN_ENTRIES = 14;
/** Bytes of one entry that are shown. */
const SHOWN_BYTES = 120;
const SHOWN_ERROR_LINES = 20;
const WIDTH = 100;

const CODES = { red: 31, green: 32, yellow: 33, grey: 90, bold: 1 } as const;

/** Colours a text, where the style has colours. */
export function paint(text: string, colour: keyof typeof CODES, style: Style): string {
  return style.colour ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}

/** Whether a result is one that something must be changed for. */
export function bad({ verdict }: Pick<Result, "verdict">): boolean {
  return verdict === "failed" || verdict === "timed out" || verdict === "unsteady";
}

// ---- one result ----

/** What is said of one result: a line, and the dialogue where it failed. */
export function resultText(result: Result, style: Style): string {
  const lines = [headline(result, style)];
  for (const note of result.notes) lines.push(paint(printable(`    seen: ${note}`), "grey", style));
  for (const remark of result.remarks) lines.push(printable(`    passes, but: ${remark}`));
  if (bad(result)) lines.push(...failureLines(result, style));
  else if (result.error) lines.push(...faultLines(result.error));
  else if (style.trace && result.id === result.caseId) {
    lines.push(...dialogueLines(result.dialogue, Infinity));
  }
  return lines.join("\n") + "\n";
}

function headline(result: Result, style: Style): string {
  const { verdict, id, caseId, shortTitle, level, points, max, reason } = result;
  const [sign, colour] = SIGNS[verdict];
  const name = id === caseId ? shortTitle : `  ${shortTitle}`;
  const what = `${sign} ${id.padEnd(15)} ${name}${
    verdict === "passed" ? "" : ` (${verdict}${reason ? `: ${reason}` : ""})`
  }`;
  const worth = level === "info" ? "info" : `${level} ${points}/${max}`;
  return `${paint(what.padEnd(WIDTH - 14), colour, style)} ${worth}`;
}

const SIGNS: Record<Result["verdict"], [string, keyof typeof CODES]> = {
  "passed": ["✓", "green"],
  "failed": ["×", "red"],
  "timed out": ["×", "red"],
  "unsteady": ["×", "red"],
  "could not run": ["-", "yellow"],
  "skipped": ["-", "yellow"],
  "checker's fault": ["!", "yellow"],
};

function faultLines(error: Error): string[] {
  return [
    "    The check itself is at fault here, not the program:",
    ...(error.stack ?? error.message).split("\n").map((line) => `    ${line}`),
  ];
}

/** What is said of a failure, the headline aside. */
export function failureLines(result: Result, style: Style): string[] {
  const { quote, failure, hint } = result;
  const lines = [
    quote === ""
      ? "  The document is silent on this; a robust program does it."
      : `  The document: "${quote}"`,
    ...dialogueLines(result.dialogue, style.trace ? Infinity : style.entries),
  ];
  if (failure) {
    const waited = failure.waited === undefined
      ? ""
      : `; waited ${(failure.waited / 1000).toFixed(1)} s, then gave up`;
    lines.push(`    ${failure.where}: expected ${failure.expected}${waited}`);
    lines.push(...gotLines(failure.got, failure.mark));
  }
  lines.push(...result.remains.flatMap(remainsLines));
  lines.push(paint(`  Hint: ${wrap(hint.text, 8)}`, "bold", style));
  lines.push(paint(`  Only this: ${style.command} --only ${result.caseId} --trace`, "grey", style));
  return lines;
}

function gotLines(got: Uint8Array | undefined, mark: number | undefined): string[] {
  if (!got) return [];
  if (got.length === 0) return ["    nothing had come by then"];
  return [
    `    ${got.length} bytes had come by then:`,
    ...hexView(got, mark).map((line) => `    ${line}`),
  ];
}

/** The dialogue, numbered: its last entries. */
export function dialogueLines(dialogue: readonly Entry[], entries = SHOWN_ENTRIES): string[] {
  const merged = merge(dialogue);
  const from = Math.max(0, merged.length - entries);
  const lines = from > 0 ? [`    … ${from} steps before (--trace shows them)`] : [];
  const width = Math.max(0, ...merged.slice(from).map(({ who }) => who.length));
  merged.slice(from).forEach((entry, i) => {
    const number = String(from + i + 1).padStart(3);
    const at = `+${(entry.at / 1000).toFixed(3)} s`;
    const said = entry.data ? quoted(entry.data, SHOWN_BYTES) : entry.note;
    const size = entry.data
      ? `   ${entry.data.length} bytes${entry.note === "" ? "" : `, ${entry.note}`}`
      : "";
    lines.push(`  ${number} ${at} ${entry.who.padEnd(width)} ${entry.arrow} ${said}${size}`);
  });
  return lines;
}

/** Joins what the same peer sent in pieces, or received in several reads, one behind the other. */
export function merge(dialogue: readonly Entry[]): Entry[] {
  const merged: Entry[] = [];
  let pieces = 1;
  let lastAt = 0;
  for (const entry of dialogue) {
    const last = merged.at(-1);
    const joins = last?.data && entry.data && last.who === entry.who &&
      last.arrow === entry.arrow &&
      (entry.arrow === "←" ? entry.at - lastAt < 50 : entry.note === "a piece");
    lastAt = entry.at;
    if (!joins) {
      merged.push(entry);
      pieces = 1;
      continue;
    }
    pieces++;
    const data = new Uint8Array([...last.data!, ...entry.data!]);
    const note = entry.arrow === "→" ? `in ${pieces} pieces` : `in ${pieces} reads`;
    merged[merged.length - 1] = { ...last, data, note };
  }
  return merged;
}

function remainsLines({ label, code, stderr, total, kept }: Remains): string[] {
  const lines: string[] = [];
  if (code !== undefined) lines.push(`    ${label} ended by itself, with exit code ${code}`);
  const errors = stderr.trimEnd().split("\n").filter((line) => line !== "");
  if (errors.length > 0) {
    const cut = errors.length > SHOWN_ERROR_LINES ? `, the last ${SHOWN_ERROR_LINES} lines` : "";
    lines.push(`    ${label}'s stderr${cut}:`);
    lines.push(...errors.slice(-SHOWN_ERROR_LINES).map((line) => `      ${printable(line)}`));
  }
  if (total > kept) {
    lines.push(`    ${label} printed more than ${kept} bytes; the rest was not kept`);
  }
  return lines;
}

function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > WIDTH - indent) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n" + " ".repeat(indent));
}

// ---- the end ----

/** What is said at the end: how many passed, the points, and what to fix first. */
export function summaryText(
  results: readonly Result[],
  { rows, hidden, style }: { rows: readonly Row[]; hidden?: number; style: Style },
): string {
  const lines = [""];
  for (const level of LEVELS) {
    const own = results.filter((result) => result.level === level);
    if (own.length > 0) lines.push(`${level.padEnd(7)}${countText(own)}`);
  }
  if (hidden) lines.push(`${results.length} visible cases were played, ${hidden} more count.`);
  const { points, max } = total(rows);
  if (max > 0) {
    const each = rows.map((row) => `${row.what} ${row.points}/${row.max}`).join(", ");
    lines.push(`points ${points} of ${max} (${each})`);
  }
  lines.push(...fixFirstLines(results, style));
  return lines.join("\n") + "\n";
}

function countText(results: readonly Result[]): string {
  const counts = new Map<string, number>();
  for (const { verdict } of results) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
  const passed = `${counts.get("passed") ?? 0} of ${results.length} passed`;
  counts.delete("passed");
  return [passed, ...[...counts].map(([verdict, n]) => `${n} ${verdict}`)].join(", ");
}

/** The causes of failures, the one that costs most first. */
export function causes(results: readonly Result[]): { hint: Hint; ids: string[]; lost: number }[] {
  const found = new Map<string, { hint: Hint; ids: string[]; lost: number }>();
  for (const result of results.filter(bad)) {
    const entry = found.get(result.hint.cause) ?? { hint: result.hint, ids: [], lost: 0 };
    entry.ids.push(result.id);
    // A document's own demand comes before everything that it does not ask for.
    entry.lost += result.max * (4 - LEVELS.indexOf(result.level)) ** 2;
    if (result.failure instanceof DidNotStart) entry.lost += 1e6;
    found.set(result.hint.cause, entry);
  }
  return [...found.values()].sort((a, b) => b.lost - a.lost);
}

function fixFirstLines(results: readonly Result[], style: Style): string[] {
  const all = causes(results);
  if (all.length === 0) return [];
  const lines = ["", paint("What to fix first", "bold", style)];
  all.forEach(({ hint, ids }, i) => {
    lines.push(`${String(i + 1).padStart(3)}. ${hint.cause} (${ids.join(", ")})`);
    lines.push(`     ${wrap(hint.text, 5)}`);
  });
  return lines;
}

/** The file that the interpreter of a program did not find, by what it said. */
export function missingFile(results: readonly Result[]): string | undefined {
  const started = results.filter(({ failure }) => failure instanceof DidNotStart);
  for (const { stderr } of started.flatMap(({ remains }) => remains)) {
    const match =
      /can't open file '([^']+)'|Module not found "([^"]+)"|Cannot find module '([^']+)'/
        .exec(stderr);
    if (match) return match[1] ?? match[2] ?? match[3];
  }
  return undefined;
}

/**
 * The exit code: 0 all must and should passed, 1 some failed, 3 the program did not start, 4 the check
 * is at fault.
 */
export function exitCode(results: readonly Result[]): number {
  if (results.some(({ verdict }) => verdict === "checker's fault")) return 4;
  if (results.some(({ failure }) => failure instanceof DidNotStart)) return 3;
  const counts = ({ level }: Result) => level === "must" || level === "should";
  const missed = ({ verdict }: Result) => verdict !== "passed" && verdict !== "skipped";
  return results.some((result) => counts(result) && missed(result)) ? 1 : 0;
}
