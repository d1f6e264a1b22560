/**
 * From figures to `docs/performance.md`: two tables, and the plot of the first.
 *
 * @module
 */

import type { Figures } from "./measure.ts";
import { type Bar, plot } from "./plot.ts";
import type { Size } from "./sizes.ts";

/** What one server did in one shape. */
export interface Row extends Figures {
  /** The server. */
  readonly target: string;
  /** The shape. */
  readonly shape: string;
  /** What its ratio is of: the baseline in the same shape, where it is not itself that. */
  readonly base?: Figures | undefined;
  /** Set where the rate was given: the ratio is that of the 99th percentiles. */
  readonly latency: boolean;
}

const HEAD = [
  "shape",
  "server",
  "deliveries/s",
  "ratio",
  "p50 µs",
  "p99 µs",
  "p99.9 µs",
  "CPU s",
  "MiB",
  "lost",
];

/** The rows as a Markdown table. */
export function table(rows: readonly Row[]): string {
  return markdown(HEAD, { left: 2 }, rows.map(cells));
}

/** One row of it, for reading along. */
export function line(row: Row): string {
  return `| ${cells(row).join(" | ")} |`;
}

function cells(row: Row): string[] {
  const { base, p50, p99, p999 } = row;
  const ratio = base && (row.latency ? p99 / base.p99 : speed(row) / speed(base));
  return [
    row.shape,
    row.target,
    number(speed(row)),
    ratio?.toFixed(2) ?? "",
    ...[p50, p99, p999].map((latency) => latency > 0 ? number(latency) : ""),
    row.cpu.toFixed(2),
    number(row.peak),
    number(row.lost),
  ];
}

/** The sizes as a Markdown table. */
export function sizeTable(sizes: readonly Size[]): string {
  return markdown(["what", "of", "figure", "at most"], { left: 2 }, sizes.map(sizeCells));
}

/** One row of it, for reading along. */
export function sizeLine(size: Size): string {
  return `| ${sizeCells(size).join(" | ")} |`;
}

function sizeCells({ what, of, value, unit, bound }: Size): string[] {
  const figure = unit === "times" ? value.toFixed(2) : number(value);
  return [what, of, `${figure} ${unit}`, `${bound} ${unit}`];
}

/** The whole page. `missing` says what was not measured, and why. */
export function page(
  rows: readonly Row[],
  { sizes, missing, generator }: {
    sizes: readonly Size[];
    missing: readonly string[];
    generator: string;
  },
): string {
  const left = missing.length ? `\nNot measured: ${missing.join("; ")}.\n` : "";
  return `# Performance

Written by \`deno task bench\`. Each server and the load generator ran as processes of their own on
the same machine in one session, in turns, with messages of 64 bytes of text; each row is the median
of several runs. A delivery is one message that one client other than its sender has received. Only
ratios between rows of the same shape mean something: the machine sets the scale. The load over TCP
came from \`bench/${generator}\`, that over UDP from \`bench/load.ts\`, which is slower than what it
measures.

- "C relay" is \`bench/limit.c\`, an epoll loop without any protocol: what the machine can do.
- "bytes in Deno" is a relay that passes on whatever it reads, and "datagrams in Deno" one that takes
  \`sendto\` for one client and all else for everybody, both without bounds: what Deno itself can do.
- The ratio is to that row: of deliveries per second, or, where the rate is given, of p99.
- Latencies over TCP are measured where the rate is given.
- CPU seconds are the server's during the load, MiB is the most memory that it ever had.

![deliveries per second](performance.svg)

${table(rows)}
${left}
Size: memory is what is resident with all members in and nothing going on, times are from the start
of the process, and the cost is CPU time for each delivery with the same number of messages.

${sizeTable(sizes)}
`;
}

/** The plot of the rows whose rate was not given. */
export function picture(rows: readonly Row[]): string {
  const bars: Bar[] = rows.filter(({ latency }) => !latency).map((row) => ({
    group: row.shape,
    name: row.target,
    value: speed(row),
  }));
  return plot(bars, "deliveries per second");
}

function speed({ deliveries, seconds }: Figures): number {
  return deliveries / seconds;
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function markdown(head: string[], { left }: { left: number }, rows: string[][]): string {
  const text = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, i) => i < left ? "---" : "--:");
  return [text(head), text(rule), ...rows.map(text)].join("\n");
}
