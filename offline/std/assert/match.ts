/**
 * `assertMatch`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";

/** Throws an {@linkcode AssertionError} when `actual` does not match `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  const suffix = msg ? `: ${msg}` : ".";
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${suffix}`);
}
