/**
 * `assertMatch`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";

/** Throws an {@linkcode AssertionError} when `actual` does not match `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${ending(msg)}`);
}
