/**
 * What a server took for a crowd's arrival, given back to the system once the server is quiet. V8 does
 * that only when it is asked to, and nothing else in the runtime asks.
 *
 * @module
 */

const LOOK_MS = 2000;
/** A server that works more than that between two looks is busy; in microseconds. */
const QUIET_US = 50_000;
/** Less than that is not worth a pause. */
const WORTH_BYTES = 8 * 1024 * 1024;

/** Looks for quiet moments until it is disposed of. It keeps no process alive. */
export function restWhenQuiet(): Disposable {
  let worked = 0;
  let kept = 0;
  const look = async () => {
    if (Deno.memoryUsage().heapTotal - kept < WORTH_BYTES) return;
    // Loaded when it is needed: a third of a server's start would be these modules.
    const { cpuUsage } = await import("node:process");
    const { user, system } = cpuUsage();
    const quiet = user + system - worked < QUIET_US;
    worked = user + system;
    if (!quiet) return;
    await collect();
    kept = Deno.memoryUsage().heapTotal;
  };
  const timer = setInterval(look, LOOK_MS);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

async function collect(): Promise<void> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  // Contexts have this function only when they are made after the flag was set.
  setFlagsFromString("--expose-gc");
  const gc: (how: object) => void = runInNewContext("gc");
  // The only kind that shrinks the space for new objects, which is the most of it.
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
