/**
 * `assertStringIncludes`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";

/** Throws an {@linkcode AssertionError} when `actual` does not contain `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${ending(msg)}`);
}
