/**
 * Reports for programs: JSON, TAP, JUnit and Gradescope.
 *
 * @module
 */

import type { Row } from "./points.ts";
import { total } from "./points.ts";
import { bad, failureLines, type Style } from "./report.ts";
import type { Result } from "./run.ts";

/** What is said of a result in a few lines without colour: the failure, notes and remarks. */
export function outputOf(result: Result, style: Style): string {
  return [
    ...result.reason ? [result.reason] : [],
    ...result.notes.map((note) => `seen: ${note}`),
    ...result.remarks.map((remark) => `passes, but: ${remark}`),
    ...bad(result) ? failureLines(result, { ...style, colour: false }) : [],
    ...result.error ? [String(result.error.stack ?? result.error.message)] : [],
  ].join("\n");
}

/** The report as one JSON object. */
export function jsonText(
  protocol: string,
  results: readonly Result[],
  { rows, style }: { rows: readonly Row[]; style: Style },
): string {
  const { points, max } = total(rows);
  const cases = results.map((result) => ({
    id: result.id,
    role: result.role,
    level: result.level,
    verdict: result.verdict,
    points: result.points,
    max: result.max,
    output: outputOf(result, style),
  }));
  return JSON.stringify({ protocol, cases, score: points, max }, undefined, 2) + "\n";
}

/** The report as TAP, version 14. */
export function tapText(results: readonly Result[], style: Style): string {
  const lines = ["TAP version 14", `1..${results.length}`];
  results.forEach((result, i) => {
    const { id, title, level, verdict, reason } = result;
    const ok = verdict === "passed" || verdict === "skipped" ? "ok" : "not ok";
    const skip = verdict === "skipped" ? ` # SKIP ${reason ?? ""}` : "";
    lines.push(`${ok} ${i + 1} - ${id} ${title.replace(/#/g, "\\#")} (${level})${skip}`);
    const output = outputOf(result, style);
    if (output !== "") lines.push(...output.split("\n").map((line) => `# ${line}`));
  });
  return lines.join("\n") + "\n";
}

/** The report as JUnit's XML. */
export function junitText(protocol: string, results: readonly Result[], style: Style): string {
  const roles = [...new Set(results.map(({ role }) => role))];
  const suites = roles.map((role) => {
    const own = results.filter((result) => result.role === role);
    const count = (test: (result: Result) => boolean) => own.filter(test).length;
    const head = `<testsuite name="${xml(`${protocol} ${role}`)}" tests="${own.length}" ` +
      `failures="${count(bad)}" errors="${
        count(({ verdict }) => verdict === "checker's fault")
      }" ` +
      `skipped="${count(({ verdict }) => verdict === "skipped" || verdict === "could not run")}" ` +
      `time="${seconds(own.reduce((sum, { took }) => sum + took, 0))}">`;
    return [head, ...own.map((result) => junitCase(result, protocol, style)), "</testsuite>"];
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    "<testsuites>",
    ...suites.flat(),
    "</testsuites>",
  ]
    .join("\n") + "\n";
}

function junitCase(result: Result, protocol: string, style: Style): string {
  const { id, role, title, verdict, took, failure, reason = "" } = result;
  const output = xml(outputOf(result, style));
  const head =
    `<testcase classname="${xml(`${protocol}.${role}`)}" name="${xml(`${id} ${title}`)}" ` +
    `time="${seconds(took)}">`;
  const message = xml(failure?.message ?? reason);
  const inner = bad(result)
    ? `<failure message="${message}">${output}</failure>`
    : verdict === "checker's fault"
    ? `<error message="${message}">${output}</error>`
    : verdict === "passed"
    ? output && `<system-out>${output}</system-out>`
    : `<skipped message="${message}"/>`;
  return `${head}${inner}</testcase>`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** A text for XML, without the characters that XML cannot hold. */
function xml(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "?")
    .replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** What a file of `--points` says of a case. */
export interface Worth {
  readonly points?: number;
  readonly visibility?: "visible" | "hidden" | "after_due_date" | "after_published";
}

/** Reads what `--points` holds: `{ "R-S-28": 3, "R-S-33": { "points": 2, "visibility": "hidden" } }`. */
export function parsePoints(text: string): Map<string, Worth> {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== "object" || parsed === null) throw new SyntaxError("it is not an object");
  return new Map(
    Object.entries(parsed).map(([id, worth]) => {
      const given = typeof worth === "number" ? { points: worth } : worth as Worth;
      if (typeof given !== "object" || given === null) throw new SyntaxError(`${id} has no points`);
      return [id, given];
    }),
  );
}

/** Results with the points that `worths` gives them. */
export function weighed(results: readonly Result[], worths: ReadonlyMap<string, Worth>): Result[] {
  return results.map((result) => {
    const max = worths.get(result.id)?.points;
    if (max === undefined) return result;
    return { ...result, max, points: result.verdict === "passed" ? max : 0 };
  });
}

/** The report as Gradescope's results.json; without results it says what counts, and a score of 0. */
export function gradescopeText(
  results: readonly Result[],
  { rows, worths, style, before }: {
    rows: readonly Row[];
    worths: ReadonlyMap<string, Worth>;
    style: Style;
    /** What to say while nothing has been played. */
    before?: string;
  },
): string {
  const visible = results.filter(({ id }) =>
    (worths.get(id)?.visibility ?? "visible") === "visible"
  );
  const hidden = results.length - visible.length;
  const passed = visible.filter(({ verdict }) => verdict === "passed").length;
  const said = `${passed} of ${visible.length} visible cases passed` +
    (hidden > 0 ? `, ${hidden} more count.` : ".");
  return JSON.stringify(
    {
      score: worths.size > 0
        ? results.reduce((sum, { points }) => sum + points, 0)
        : total(rows).points,
      output: before ?? said,
      tests: results.map((result) => ({
        name: `${result.id} ${result.title} (${result.level})`,
        score: result.points,
        max_score: result.max,
        status: result.verdict === "passed" ? "passed" : "failed",
        visibility: worths.get(result.id)?.visibility ?? "visible",
        output: outputOf(result, style),
      })),
    },
    undefined,
    2,
  ) + "\n";
}
