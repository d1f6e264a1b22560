/**
 * Measures every server in the same shapes in one session, beside baselines in Deno and the chat servers
 * that are installed, and what they cost at rest; writes `docs/performance.md` and a plot. Figures are
 * worth something only beside each other.
 *
 * `deno task bench` takes some minutes. `deno task bench relay sizes` measures only these, and `--quick`
 * gives each a moment, to see that it runs; both write no page.
 *
 * @module
 */

import { type Figures, measure, median, type Shape } from "./measure.ts";
import { line, page, picture, type Row, sizeLine } from "./report.ts";
import { path, type Target, TCP, UDP_ALL, UDP_ONE } from "./servers.ts";
import { type Extent, type Size, sizes } from "./sizes.ts";

const TCP_SHAPES: readonly Shape[] = [
  { name: "10 clients, window 64", clients: 10, senders: 1, messages: 60_000, window: 64 },
  { name: "100 clients, window 64", clients: 100, senders: 1, messages: 16_000, window: 64 },
  { name: "1000 clients, window 64", clients: 1000, senders: 1, messages: 1500, window: 64 },
  { name: "100 clients, window 1", clients: 100, senders: 1, messages: 2000, window: 1 },
  { name: "100 clients, 100 senders", clients: 100, senders: 100, messages: 160, window: 1 },
  { name: "100 clients, 1000 messages/s", clients: 100, senders: 10, messages: 300, rate: 1000 },
];

const SENDTO_SHAPES: readonly Shape[] = [
  { name: "UDP to one, window 16", clients: 10, senders: 10, messages: 10_000, window: 16 },
  { name: "UDP to one, 100 clients", clients: 100, senders: 100, messages: 1000, window: 1 },
];

const ROOM_SHAPES: readonly Shape[] = [
  { name: "UDP to all, window 16", clients: 10, senders: 10, messages: 1000, window: 16 },
  { name: "UDP to all, 100 clients", clients: 100, senders: 100, messages: 10, window: 1 },
];

const SESSION: readonly [targets: readonly Target[], shapes: readonly Shape[]][] = [
  [TCP, TCP_SHAPES],
  [UDP_ONE, SENDTO_SHAPES],
  [UDP_ALL, ROOM_SHAPES],
];

const WHOLE: Extent = { runs: 3, scale: 1 };
const QUICK: Extent = { runs: 1, scale: 20 };

/** Measures the targets in one shape, in turns, so that what slows the machine slows all of them. */
async function compare(
  targets: readonly Target[],
  shape: Shape,
  { extent: { runs, scale }, missing }: { extent: Extent; missing: Set<string> },
): Promise<Row[]> {
  const messages = Math.ceil(shape.messages / scale);
  const results = targets.map((): Figures[] => []);
  for (let run = 0; run < runs; run++) {
    for (const [i, target] of targets.entries()) {
      try {
        const figures = await measure(target, { ...shape, messages });
        if (figures) results[i]!.push(figures);
        else missing.add(`${target.name} is not installed`);
      } catch (error) {
        missing.add((error as Error).message);
      }
    }
  }
  const latency = shape.rate !== undefined;
  const by = (each: Figures) => latency ? each.p99 : each.deliveries / each.seconds;
  const of = (name?: string) => {
    const figures = results[targets.findIndex((target) => target.name === name)];
    return figures?.length ? median(figures, by) : undefined;
  };
  return targets.flatMap(({ name, baseline }) => {
    const figures = of(name);
    return figures
      ? [{ ...figures, target: name, shape: shape.name, base: of(baseline), latency }]
      : [];
  });
}

/** Runs it; words on the command line choose. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const extent = args.includes("--quick") ? QUICK : WHOLE;
  const names = args.filter((arg) => arg !== "--quick");
  const chosen = (name: string) => names.length === 0 || names.includes(name);
  const rows: Row[] = [];
  const missing = new Set<string>();
  for (const [targets, shapes] of SESSION) {
    // A server is measured beside its baseline.
    const baselines = targets.filter(({ name }) => chosen(name)).map(({ baseline }) => baseline);
    const some = targets.filter(({ name }) => chosen(name) || baselines.includes(name));
    if (some.length === 0) continue;
    for (const shape of shapes) {
      const more = await compare(some, shape, { extent, missing });
      more.forEach((row) => say(line(row)));
      rows.push(...more);
    }
  }
  const measured: Size[] = [];
  if (chosen("sizes")) {
    for await (const size of sizes(extent)) {
      say(sizeLine(size));
      measured.push(size);
    }
  }
  for (const reason of missing) say(`NOT MEASURED: ${reason}`);
  if (args.length > 0) return 0;
  const written = path("docs/performance.md");
  await Deno.writeTextFile(written, page(rows, { sizes: measured, missing: [...missing] }));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", written] }).output();
  await Deno.writeTextFile(path("docs/performance.svg"), picture(rows));
  say("wrote docs/performance.md and docs/performance.svg");
  return 0;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
