/**
 * One load on one server, and the median of several.
 *
 * @module
 */

import { built, fanout, fits } from "./fanout.ts";
import type { Load } from "./load.ts";
import { path, type Running, start, type Target } from "./servers.ts";
import type { Result } from "./tally.ts";
import { type Usage, usage } from "./usage.ts";

/** A load, and its name in the table. */
export type Shape = Omit<Load, "dialect" | "pid"> & { readonly name: string };

/** What a load has come to, and what it took the server. */
export type Figures = Result & Usage;

/** What makes the loads over TCP here. */
export const GENERATOR: "fanout.c" | "load.ts" = await built("fanout") ? "fanout.c" : "load.ts";

/** Puts a load on a server of its own; undefined when the machine does not have such a server. */
export async function measure(target: Target, shape: Shape): Promise<Figures | undefined> {
  await using server = await start(target);
  if (!server) return undefined;
  const { name, ...rest } = shape;
  const load = { ...rest, dialect: target.dialect };
  const program = fits(load) ? await built("fanout") : undefined;
  try {
    if (!program) return await generate(server, load);
    const before = usage(server.pid);
    const result = await fanout(program, server.port, load);
    const after = usage(server.pid);
    return { ...result, ...after, cpu: after.cpu - before.cpu };
  } catch (error) {
    throw new Error(`${target.name}, ${name}: ${(error as Error).message}`);
  }
}

/** The generator in Deno, a process of its own. */
async function generate({ port, pid }: Running, load: Load): Promise<Figures> {
  const what = JSON.stringify({ ...load, pid });
  // Not less than all: other processes' files in /proc are read.
  const args = ["run", "--allow-all", path("bench/load.ts"), String(port), what];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!out) throw new Error(errors!.trim().split("\n")[0]);
  return JSON.parse(out);
}

/** The one in the middle of some, by a number of each. */
export function median<T>(all: readonly T[], by: (one: T) => number): T {
  return all.toSorted((a, b) => by(a) - by(b))[all.length >> 1]!;
}
