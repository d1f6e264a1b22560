/**
 * Whether a program is quiet when there is nothing to do, or runs in circles.
 *
 * @module
 */

import { HINTS } from "./hints.ts";
import { sleep } from "./peer.ts";
import type { Program } from "./program.ts";
import type { Scene } from "./scene.ts";

/** How long a program is looked at, in milliseconds. */
const LOOK_MS = 1000;
/** The share of that time from which on it is busy: a loop gets more, even of a crowded machine. */
const BUSY = 0.08;
/** How much of an output is a flood. */
const FLOOD_BYTES = 4096;

/** The processor time of a program's group in milliseconds, where the system tells it as Linux does. */
async function processorTime(program: Program): Promise<number | undefined> {
  try {
    const args = ["-c", "cat /proc/[0-9]*/stat"];
    const { stdout } = await new Deno.Command("sh", { args, stderr: "null" }).output();
    let ticks = 0;
    let found = false;
    for (const line of new TextDecoder().decode(stdout).split("\n")) {
      // Behind the name, which may hold blanks: state, parent, group, … user and system time.
      const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
      if (Number(fields[2]) !== program.pid) continue;
      found = true;
      ticks += Number(fields[11]) + Number(fields[12]);
    }
    return found ? ticks * 10 : undefined;
  } catch {
    return undefined;
  }
}

/** Fails when a program runs in circles, though there is nothing to do. */
export async function staysQuiet(scene: Scene, program: Program): Promise<void> {
  const before = await processorTime(program);
  const printed = program.out.total + program.err.total;
  await sleep(LOOK_MS);
  const after = await processorTime(program);
  const came = program.out.total + program.err.total - printed;
  const where = program.label;
  scene.expect(came < FLOOD_BYTES, `no flood, and ${came} bytes came in ${LOOK_MS / 1000} s`, {
    where,
    hint: HINTS.spins,
  });
  if (before === undefined || after === undefined) {
    return scene.note("this system does not tell the processor time of a program: not looked at");
  }
  scene.expect(
    after - before < BUSY * LOOK_MS,
    `nothing to be done, and ${after - before} ms of a processor were used in ${LOOK_MS} ms`,
    { where, hint: HINTS.spins },
  );
}
