/**
 * The cases, listed and explained without running anything.
 *
 * @module
 */

import type { Case, Suite } from "./case.ts";
import { Misuse } from "./options.ts";

/** Every case of the suites: its id, level, points and title. */
export function listText(suites: readonly Suite[]): string {
  const lines: string[] = [];
  for (const { protocol, role, cases } of suites) {
    lines.push(`${protocol} ${role}: ${cases.length} cases`);
    for (const { id, title, level, points, parts } of cases) {
      lines.push(row(id, { level, points, title }));
      for (const [name, part] of Object.entries(parts ?? {})) {
        lines.push(row(`${id}.${name}`, { ...part, title: `  ${part.title}` }));
      }
    }
    lines.push("");
  }
  return lines.join("\n");
}

function row(
  id: string,
  { level, points, title }: Pick<Case, "level" | "points" | "title">,
): string {
  const worth = level === "info" ? "" : String(points);
  return `  ${id.padEnd(18)} ${level.padEnd(6)} ${worth.padStart(2)}  ${title}`;
}

/** What one case rests on, what it does, and what it says when it fails. */
export function explainText(suites: readonly Suite[], id: string): string {
  const asked = id.split(".")[0]!;
  const test = suites.flatMap(({ cases }) => cases).find((each) => each.id === asked);
  if (!test) throw new Misuse(`There is no case ${id}; --list shows them all.`);
  const { title, level, points, quote, hint, steps, needs = [], parts = {}, run } = test;
  const lines = [
    `${asked} ${title} (${level}${level === "info" ? ", never scored" : ` ${points}`})`,
    quote === "" ? "The document is silent on this." : `The document: "${quote}"`,
  ];
  if (needs.length > 0) lines.push(`It needs ${needs.join(", ")}.`);
  if (steps !== undefined) lines.push(`What it does: ${steps}`);
  for (const [name, part] of Object.entries(parts)) {
    lines.push(`Part ${asked}.${name} (${part.level} ${part.points}): ${part.title}`);
    if (part.quote) lines.push(`  The document: "${part.quote}"`);
    if (part.hint) lines.push(`  Hint: ${part.hint.text}`);
  }
  lines.push(`Hint: ${hint.text}`, "The case as it is played:", dedent(run.toString()));
  return lines.join("\n") + "\n";
}

/** Source text without the indentation that all its lines but the first share. */
function dedent(source: string): string {
  const lines = source.split("\n");
  const indents = lines.slice(1).filter((line) => line.trim() !== "")
    .map((line) => line.length - line.trimStart().length);
  const shared = Math.min(...indents, 80);
  return lines.map((line, i) => i === 0 ? `  ${line.trimStart()}` : `  ${line.slice(shared)}`)
    .join("\n");
}
