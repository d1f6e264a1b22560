/**
 * Runs all servers at once for `--minutes N` (10): members join, talk, move and leave, and others
 * misbehave among them. Then everybody is gone, and every message, the memory and the open descriptors
 * of each server are accounted for, a line each. Ends with 0 only when nothing is missing. Linux only.
 *
 * @module
 */

import { parseOptions, runProtocol, UsageError, wholeNumber } from "../lib/program.ts";
import { faults, soak, type Watched } from "./soak/soaking.ts";

const MINUTES = 10;
const MIB = 1024 * 1024;

const COLUMNS: readonly [title: string, value: (server: Watched) => string | number][] = [
  ["server", ({ name }) => name],
  ["joins", ({ tally }) => tally.joins],
  ["messages", ({ tally }) => tally.messages],
  ["deliveries", ({ tally }) => tally.deliveries],
  ["missing", ({ tally }) => tally.missing],
  ["doubled", ({ tally }) => tally.doubled],
  [
    "MiB start/warm/peak/end",
    ({ memory: { start, warm, peak, end } }) =>
      [start, warm, peak, end].map((bytes) => Math.round(bytes / MIB)).join("/"),
  ],
  ["descriptors", ({ descriptors: { start, end } }) => `${start}/${end}`],
];

function table(watched: readonly Watched[]): string {
  const rows = [COLUMNS.map(([title]) => title)];
  for (const server of watched) rows.push(COLUMNS.map(([, value]) => String(value(server))));
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const padded = (cell: string, i: number) =>
    i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return rows.map((row) => row.map(padded).join("  ") + "\n").join("");
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** How the task is called. */
const USAGE = `usage: deno task soak [--minutes N] [--seed N]

  --minutes N             how long (${MINUTES})
  --seed N                another seed is another course of things (1)
`;

async function run(args: readonly string[]): Promise<"help" | number> {
  const { help, strings } = await parseOptions(args, { strings: ["minutes", "seed"] });
  if (help) return "help";
  const minutes = Number(strings["minutes"] ?? MINUTES);
  if (!(minutes > 0)) throw new UsageError("--minutes must be a number above 0");
  const seed = wholeNumber(strings["seed"] ?? "1", { name: "--seed" });
  const started = performance.now();
  const watched = await soak(minutes * 60_000, seed, (watched) => {
    const seconds = Math.round((performance.now() - started) / 1000);
    const deliveries = watched.reduce((sum, { tally }) => sum + tally.deliveries, 0);
    progress(`${seconds} of ${minutes * 60} s: ${deliveries.toLocaleString("en")} deliveries`);
  });
  say(table(watched));
  const wrong = watched.flatMap(faults);
  say(wrong.map((sentence) => sentence + "\n").join("") || "Everything is accounted for.\n");
  return wrong.length === 0 ? 0 : 1;
}

/** For a person who waits; on stderr, so that the table can be piped. */
function progress(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) Deno.exitCode = await runProtocol({ USAGE, run }, Deno.args);
