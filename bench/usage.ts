/**
 * What a process uses, as Linux counts it.
 *
 * @module
 */

/** CPU time in seconds, memory in MiB. */
export interface Usage {
  /** So far, of all its threads. */
  cpu: number;
  /** Resident now. */
  memory: number;
  /** The most that ever was. */
  peak: number;
}

/** Reads what a process uses; zeros without a process. */
export function usage(pid: number | undefined): Usage {
  if (pid === undefined) return { cpu: 0, memory: 0, peak: 0 };
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const mebibytes = (name: string) =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) / 1024;
  // Clock ticks are hundredths of a second on every Linux that Deno runs on.
  const cpu = (Number(stat[11]) + Number(stat[12])) / 100;
  return { cpu, memory: mebibytes("VmRSS"), peak: mebibytes("VmHWM") };
}
