/**
 * Measures every server in the same shapes in one session, beside baselines in Deno and the chat servers
 * that are installed, and what they cost at rest; writes `docs/performance.md` and a plot. Figures are
 * worth something only beside each other.
 *
 * `deno task bench` takes a quarter of an hour. `deno task bench relay sizes` measures only these,
 * `--quick` gives each a moment, to see that it runs, and `--beside DIR` measures the same servers of
 * another checkout in turns with these; none of the three writes the page.
 *
 * @module
 */

import { built } from "./fanout.ts";
import { type Figures, GENERATOR, measure, median, type Shape } from "./measure.ts";
import { line, page, picture, type Row, sizeLine } from "./report.ts";
import { before, path, type Target, TCP, UDP_ALL, UDP_ONE } from "./servers.ts";
import { type Extent, type Size, sizes } from "./sizes.ts";

/** Where the generator is the one in Deno, so many messages would take it minutes a row. */
const FEWER = GENERATOR === "fanout.c" ? 1 : 8;

const TCP_SHAPES: readonly Shape[] = [
  { name: "10 clients, window 64", clients: 10, senders: 1, messages: 400_000, window: 64 },
  { name: "100 clients, window 64", clients: 100, senders: 1, messages: 80_000, window: 64 },
  { name: "1000 clients, window 64", clients: 1000, senders: 1, messages: 6000, window: 64 },
  { name: "100 clients, window 1", clients: 100, senders: 1, messages: 6000, window: 1 },
  { name: "100 clients, 100 senders", clients: 100, senders: 100, messages: 1000, window: 1 },
  { name: "100 clients, 1000 messages/s", clients: 100, senders: 10, messages: 300, rate: 1000 },
].map((shape) => shape.rate ? shape : { ...shape, messages: Math.ceil(shape.messages / FEWER) });

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
      progress(`${shape.name}: ${target.name}, run ${run + 1} of ${runs}`);
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
  for (const [i, { name }] of targets.entries()) {
    const others = results[targets.findIndex((each) => each.name === `${name} before`)];
    if (!others) continue;
    const ratios = results[i]!.map((each, run) => by(each) / by(others[run]!));
    say(
      `${shape.name}: ${name} is ${median(ratios, (ratio) => ratio).toFixed(2)} of before, runs ${
        ratios.map((ratio) => ratio.toFixed(2)).join(" ")
      }`,
    );
  }
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
  const at = args.indexOf("--beside");
  const beside = at === -1 ? undefined : args[at + 1];
  const names = args.filter((arg, i) => arg !== "--quick" && (at === -1 || i < at || i > at + 1));
  const chosen = (name: string) => names.length === 0 || names.includes(name);
  await built("limit");
  if (GENERATOR === "load.ts") say("no C compiler: the generator in Deno is the bottleneck");
  const rows: Row[] = [];
  const missing = new Set<string>();
  for (const [targets, shapes] of SESSION) {
    // A server is measured beside its baseline.
    const baselines = targets.filter(({ name }) => chosen(name)).map(({ baseline }) => baseline);
    const some = targets.filter(({ name }) => chosen(name) || baselines.includes(name));
    if (some.length === 0) continue;
    if (beside) some.push(...some.filter(({ own }) => own).map((each) => before(each, beside)));
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
  await Deno.writeTextFile(
    written,
    page(rows, { sizes: measured, missing: [...missing], generator: GENERATOR }),
  );
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", written] }).output();
  await Deno.writeTextFile(path("docs/performance.svg"), picture(rows));
  say("wrote docs/performance.md and docs/performance.svg");
  return 0;
}

/** What is being measured, for a person who waits; on stderr, so that the rows can be piped. */
function progress(what: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${what}\n`));
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
