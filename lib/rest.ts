/**
 * What a server took for a crowd's arrival, given back to the system once the server is quiet. V8 does
 * that only when it is asked to, and nothing else in the runtime asks.
 *
 * @module
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const LOOK_MS = 2000;
/** A server that allocates more than that between two looks is busy. */
const QUIET_BYTES = 1024 * 1024;
/** Less than that is not worth a pause. */
const WORTH_BYTES = 8 * 1024 * 1024;

/** Looks for quiet moments until it is disposed of. It keeps no process alive. */
export function restWhenQuiet(): Disposable {
  let used = 0;
  let kept = 0;
  const timer = setInterval(() => {
    const now = Deno.memoryUsage();
    const quiet = Math.abs(now.heapUsed - used) < QUIET_BYTES;
    used = now.heapUsed;
    if (!quiet || now.heapTotal - kept < WORTH_BYTES) return;
    collect();
    ({ heapUsed: used, heapTotal: kept } = Deno.memoryUsage());
  }, LOOK_MS);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function collect(): void {
  // Contexts have this function only when they are made after the flag was set.
  setFlagsFromString("--expose-gc");
  const gc: (how: object) => void = runInNewContext("gc");
  // The only kind that shrinks the space for new objects, which is the most of it.
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
