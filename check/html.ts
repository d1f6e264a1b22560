/**
 * The report as one self-contained page: a dialogue is a table with a column for each participant and
 * time running down, the bytes of a text shown when the pointer rests on it.
 *
 * @module
 */

import { hexLines, hexView, quoted } from "./bytes.ts";
import type { Row } from "./points.ts";
import { total } from "./points.ts";
import { bad, causes, merge } from "./report.ts";
import type { Result } from "./run.ts";
import type { Entry } from "./scene.ts";

const STYLE = `
:root { color-scheme: light dark; --line: #8886; --bad: #c22; --good: #182; --soft: #8882; }
@media (prefers-color-scheme: dark) { :root { --bad: #f77; --good: #6d8; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; }
code, pre, td { font: 13px/1.4 ui-monospace, Menlo, Consolas, monospace; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 2em; }
details { border-bottom: 1px solid var(--line); padding: .3em 0; }
summary { cursor: pointer; } .worth { float: right; opacity: .7; }
.bad { color: var(--bad); } .good { color: var(--good); } .open { opacity: .8; }
table.dialogue { border-collapse: collapse; margin: .6em 0; display: block; overflow-x: auto; }
.dialogue th, .dialogue td { padding: .1em .7em; text-align: left; vertical-align: top; }
.dialogue th { border-bottom: 1px solid var(--line); } .dialogue td:first-child { opacity: .6; white-space: nowrap; }
.dialogue tr:nth-child(even) { background: var(--soft); }
.pair { display: grid; grid-template-columns: 1fr auto; gap: 1em; }
@media (max-width: 60em) { .pair { grid-template-columns: 1fr; } }
.pair pre { background: var(--soft); padding: .6em; overflow-x: auto; margin: .2em 0; }
.pair div:first-child pre { white-space: pre-wrap; }
.hint { border-left: .25em solid var(--bad); padding-left: .7em; }
blockquote { margin: .4em 0; font-style: italic; opacity: .85; }
`;

/** Entries of one dialogue that a page shows. */
const SHOWN_ENTRIES = 80;

/** The report as a page. */
export function htmlText(
  heading: string,
  results: readonly Result[],
  { rows, before = "" }: { rows: readonly Row[]; before?: string },
): string {
  const { points, max } = total(rows);
  const each = rows.map((row) => `${row.what} ${row.points}/${row.max}`).join(", ");
  const roles = [...new Set(results.map(({ role }) => role))];
  const fix = causes(results).map(({ hint, ids }) =>
    `<li><b>${html(hint.cause)}</b> (${
      ids.map((id) => `<a href="#${html(id)}">${html(id)}</a>`).join(", ")
    })<br>${html(hint.text)}</li>`
  );
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>${html(heading)}</title><style>${STYLE}</style><h1>${html(heading)}</h1>`,
    before === "" ? "" : `<p>${html(before)}</p>`,
    max > 0 ? `<p><b>${points} of ${max} points</b> (${html(each)})</p>` : "",
    fix.length > 0 ? `<h2>What to fix first</h2><ol>${fix.join("\n")}</ol>` : "",
    ...roles.map((role) =>
      `<h2>${html(role)}</h2>` +
      results.filter((result) => result.role === role).map(resultHtml).join("\n")
    ),
    "</html>",
  ].join("\n") + "\n";
}

function resultHtml(result: Result): string {
  const { id, title, level, points, max, verdict, quote, hint, failure, reason } = result;
  const kind = bad(result) ? "bad" : verdict === "passed" ? "good" : "open";
  const worth = level === "info" ? "info" : `${level} ${points}/${max}`;
  const said = [
    ...reason ? [reason] : [],
    ...result.notes.map((note) => `Seen: ${note}`),
    ...result.remarks.map((remark) => `Passes, but: ${remark}`),
  ];
  return [
    `<details id="${html(id)}"${kind === "bad" ? " open" : ""}>`,
    `<summary><span class="${kind}">${html(verdict)}</span> <b>${html(id)}</b> ${html(title)}`,
    `<span class="worth">${worth}</span></summary>`,
    quote === "" ? "" : `<blockquote>${html(quote)}</blockquote>`,
    ...said.map((each) => `<p>${html(each)}</p>`),
    dialogueHtml(result.dialogue),
    failure ? expectedHtml(result) : "",
    ...result.remains.filter(({ stderr }) => bad(result) && stderr.trim() !== "").map((each) =>
      `<p>${html(each.label)}'s stderr</p><pre>${html(lastLines(each.stderr))}</pre>`
    ),
    kind === "bad" ? `<p class="hint">${html(hint.text)}</p>` : "",
    "</details>",
  ].filter((line) => line !== "").join("\n");
}

function expectedHtml({ failure }: Result): string {
  if (!failure) return "";
  const { expected, where, got, mark, waited } = failure;
  const late = waited === undefined ? "" : `, waited ${(waited / 1000).toFixed(1)} s`;
  const view = got === undefined
    ? "(see the dialogue)"
    : got.length === 0
    ? "nothing had come by then"
    : hexView(got, mark).join("\n");
  return `<div class="pair"><div>${html(where)}: expected${late}<pre>${
    html(expected)
  }</pre></div>` +
    `<div>got<pre>${html(view)}</pre></div></div>`;
}

/** A table with a column for each participant; what the check sent and what came stand in it. */
function dialogueHtml(dialogue: readonly Entry[]): string {
  const whole = merge(dialogue);
  const merged = whole.slice(-SHOWN_ENTRIES);
  if (merged.length === 0) return "";
  const names = [...new Set(merged.map(({ who }) => who))];
  const head = names.map((name) => `<th>${html(name)}</th>`).join("");
  const rows = merged.map(({ at, who, arrow, data, note }) => {
    const text = data
      ? `${arrow} <code title="${html(hexLines(data.subarray(0, 400)).join("\n"))}">${
        html(quoted(data))
      }</code> <small>${data.length} bytes${note === "" ? "" : `, ${html(note)}`}</small>`
      : html(note);
    const cells = names.map((name) => `<td>${name === who ? text : ""}</td>`).join("");
    return `<tr><td>${(at / 1000).toFixed(3)} s</td>${cells}</tr>`;
  });
  const before = whole.length > merged.length
    ? `<p>… ${whole.length - merged.length} steps before</p>`
    : "";
  return `${before}<table class="dialogue"><tr><th></th>${head}</tr>${rows.join("\n")}</table>`;
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-20).join("\n");
}

function html(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "?")
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
