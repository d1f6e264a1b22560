/**
 * `deno task compile` makes an executable of each program for this machine in `dist/`; with `--all` for
 * the five targets, each in a folder of its own. The runtime that is put into them is downloaded: where
 * that cannot be had, this says so and ends with 1.
 *
 * @module
 */

import { type Program, PROGRAMS, TARGETS } from "./programs.ts";

const root = new URL("..", import.meta.url);

/** Compiles one program; returns what the compiler said when it could not. */
async function compile(program: Program, target?: string): Promise<string | undefined> {
  const place = target ? `dist/${target}/${program.name}` : `dist/${program.name}`;
  const args = [
    "compile",
    "--no-remote",
    "--no-prompt",
    ...program.permissions,
    ...(target ? ["--target", target] : []),
    "--output",
    place,
    program.script,
    ...program.args,
  ];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  return success ? undefined : why(new TextDecoder().decode(stderr));
}

/** One sentence about what the compiler said. */
function why(said: string): string {
  const [, from] = /error sending request for url \((\S+?)\)/.exec(said) ?? [];
  if (from) return `the runtime that goes into it cannot be downloaded from ${new URL(from).host}`;
  return /^error: (.*)/m.exec(said)?.[1] ?? said.trim().split("\n")[0]!;
}

/** Compiles all; returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const targets = args.includes("--all") ? TARGETS : [undefined];
  for (const target of targets) {
    for (const program of PROGRAMS) {
      const failure = await compile(program, target);
      if (failure !== undefined) {
        say(`${program.name} was not made${target ? ` for ${target}` : ""}: ${failure}`);
        return 1;
      }
      say(`made dist/${target ? `${target}/` : ""}${program.name}`);
    }
  }
  return 0;
}

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
