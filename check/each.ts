/** Each submission. @module */
import type { Suite } from "./case.ts";
import type { Options } from "./options.ts";
export function checkEach(
  _s: readonly Suite[],
  _o: Options,
  _put: (text: string) => void,
): Promise<number> {
  throw new Error("not there yet");
}
