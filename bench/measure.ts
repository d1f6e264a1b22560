/**
 * One load on one server, and the median of several.
 *
 * @module
 */

import type { Load } from "./load.ts";
import { path, start, type Target } from "./servers.ts";
import type { Result } from "./tally.ts";
import type { Usage } from "./usage.ts";

/** A load, and its name in the table. */
export type Shape = Omit<Load, "dialect" | "pid"> & { readonly name: string };

/** What a load has come to, and what it took the server. */
export type Figures = Result & Usage;

/** Puts a load on a server of its own; undefined when the machine does not have such a server. */
export async function measure(target: Target, shape: Shape): Promise<Figures | undefined> {
  await using server = await start(target);
  if (!server) return undefined;
  const { name, ...load } = shape;
  const { dialect } = target;
  const script = path("bench/load.ts");
  const what = JSON.stringify({ ...load, dialect, pid: server.pid });
  // Not less than all: other processes' files in /proc are read.
  const args = ["run", "--allow-all", script, String(server.port), what];
  const generator = new Deno.Command(Deno.execPath(), { args });
  const { stdout, stderr } = await generator.output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!out) throw new Error(`${target.name}, ${name}: ${errors!.trim().split("\n")[0]}`);
  return JSON.parse(out);
}

/** The one in the middle of some, by a number of each. */
export function median<T>(all: readonly T[], by: (one: T) => number): T {
  return all.toSorted((a, b) => by(a) - by(b))[all.length >> 1]!;
}
