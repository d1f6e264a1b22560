/**
 * The load generator in C, `fanout.c`, and the relay in C, `limit.c`, where a C compiler is installed. A
 * generator in Deno sees a tenth of what a server delivers: it is what is measured then, not the server.
 *
 * @module
 */

import { DIALECTS } from "./dialects.ts";
import type { Load } from "./load.ts";
import type { Result } from "./tally.ts";

/** Where the built programs are kept. */
const BUILT = new URL("../dist/", import.meta.url);

/** The path of a program built from `bench/NAME.c`; undefined where there is no C compiler. */
export async function built(name: "fanout" | "limit"): Promise<string | undefined> {
  const source = new URL(`${name}.c`, import.meta.url).pathname;
  const program = new URL(name, BUILT).pathname;
  const [from, to] = await Promise.all([source, program].map((file) => modified(file)));
  if (to! > from!) return program;
  await Deno.mkdir(BUILT, { recursive: true });
  try {
    const { success, stderr } = await new Deno.Command("cc", {
      args: ["-O2", "-o", program, source],
    }).output();
    if (!success) throw new Error(`${name}.c: ${new TextDecoder().decode(stderr)}`);
    return program;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function modified(file: string): Promise<number> {
  const info = await Deno.stat(file).catch(() => undefined);
  return info?.mtime?.getTime() ?? 0;
}

/** Whether `fanout.c` can make this load: one room over TCP, and something is said. */
export function fits(load: Load): boolean {
  return DIALECTS[load.dialect]!.templates !== undefined && load.messages > 0 && !load.rooms;
}

/** Puts a load on the server at `port`. Latencies are 0 where no rate is given. */
export async function fanout(program: string, port: number, load: Load): Promise<Result> {
  const { clients, senders, messages, window, rate, dialect } = load;
  const pace = rate ? ["-r", `${rate}`] : ["-w", `${window ?? 64}`];
  // A large crowd's coming goes on for a while after the last hello.
  const settle = `${Math.max(1000, clients * 3)}`;
  const size = ["-n", `${clients}`, "-s", `${senders}`, "-m", `${messages}`, "-d", settle];
  const args = ["-p", `${port}`, ...size, ...pace, ...DIALECTS[dialect]!.templates!];
  const { stdout, stderr } = await new Deno.Command(program, { args }).output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (!out) throw new Error(errors || "the load generator said nothing");
  const figures = Object.fromEntries(out.split(" ").map((pair) => pair.split("=")));
  const number = (name: string) => Number(figures[name] ?? 0);
  return {
    deliveries: number("deliveries"),
    lost: number("expected") - number("deliveries"),
    repeated: 0,
    seconds: number("seconds"),
    p50: number("p50_us"),
    p99: number("p99_us"),
    p999: number("p999_us"),
  };
}
