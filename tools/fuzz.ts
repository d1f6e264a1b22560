/**
 * Fuzzes every decoder and parser: `--inputs N` of each (a million), made from `--seed N` (1) on. Prints a
 * line for each, and ends with 0 only when none threw what it must not, took too long or too much memory.
 *
 * `--target NAME` fuzzes one of them.
 *
 * @module
 */

import { parseOptions, runProtocol, UsageError, wholeNumber } from "../lib/program.ts";
import { TERMINAL } from "../tests/fuzz_terminal.ts";
import { WIRE } from "../tests/fuzz_wire.ts";
import { fuzz, growth, MOST_GROWTH, type Target } from "../tests/fuzzing.ts";

const TARGETS = [...WIRE, ...TERMINAL];
const INPUTS = 1_000_000;
/** For a million inputs. */
const MOST_SECONDS = 60;
/** What the garbage of a million inputs may take before it is collected, the runtime not counted. */
const MOST_MIB = 192;
const MEMORY_EVERY = 1000;
const MIB = 1024 * 1024;

/** Fuzzes one target in this process and prints its line; false when it has failed. */
function run(target: Target, { inputs, seed }: { inputs: number; seed: number }): boolean {
  const memory = () => Deno.memoryUsage().rss / MIB;
  const before = memory();
  let peak = before;
  const started = performance.now();
  try {
    fuzz(target, {
      inputs,
      seed,
      onInput: (i) => {
        if (i % MEMORY_EVERY === 0) peak = Math.max(peak, memory());
      },
    });
  } catch (error) {
    say(String((error as Error).message));
    return false;
  }
  const seconds = (performance.now() - started) / 1000;
  const { factor, shape } = growth(target, { seed });
  const faults = [
    seconds > MOST_SECONDS * Math.max(1, inputs / INPUTS) && "too slow",
    factor > MOST_GROWTH && `time grows too steeply with ${shape}`,
    peak - before > MOST_MIB && `memory grew by ${Math.round(peak - before)} MiB`,
  ].filter(Boolean);
  say([
    target.name.padEnd(26),
    String(inputs).padStart(9),
    seconds.toFixed(1).padStart(8),
    factor.toFixed(2).padStart(8),
    `${Math.round(peak)} MiB`.padStart(10),
    ...faults,
  ].join("  "));
  return faults.length === 0;
}

/** Fuzzes each target in a process of its own, so that its memory is its own. */
async function runAll(options: readonly string[]): Promise<boolean> {
  say(
    [
      "target".padEnd(26),
      "inputs".padStart(9),
      "seconds".padStart(8),
      "growth".padStart(8),
      "peak".padStart(10),
    ].join("  "),
  );
  let passed = true;
  for (const [i, { name }] of TARGETS.entries()) {
    // For a person who waits; on stderr, so that the table can be piped.
    const progress = `${i + 1} of ${TARGETS.length}: ${name}\n`;
    Deno.stderr.writeSync(new TextEncoder().encode(progress));
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", import.meta.filename!, "--target", name, ...options],
      cwd: new URL("..", import.meta.url),
      stdout: "inherit",
      stderr: "inherit",
    }).output();
    passed &&= success;
  }
  return passed;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

/** How the task is called. */
const USAGE = `usage: deno task fuzz [--inputs N] [--seed N] [--target NAME]

  --inputs N              inputs for each decoder and parser (${INPUTS})
  --seed N                another seed makes other inputs (1)
  --target NAME           one of them alone: ${TARGETS.map(({ name }) => name).join(", ")}
`;

async function main(args: readonly string[]): Promise<"help" | number> {
  const { help, strings } = await parseOptions(args, { strings: ["inputs", "seed", "target"] });
  if (help) return "help";
  const inputs = wholeNumber(strings["inputs"] ?? String(INPUTS), { name: "--inputs", min: 1 });
  const seed = wholeNumber(strings["seed"] ?? "1", { name: "--seed" });
  if (strings["target"] === undefined) {
    return await runAll(["--inputs", String(inputs), "--seed", String(seed)]) ? 0 : 1;
  }
  const target = TARGETS.find(({ name }) => name === strings["target"]);
  if (!target) throw new UsageError(`no target ${strings["target"]}`);
  return run(target, { inputs, seed }) ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await runProtocol({ USAGE, run: main }, Deno.args);
