/**
 * `assertNotEquals`.
 *
 * @module
 */

import { inspect } from "node:util";
import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";
import { equal } from "./equal.ts";

/** Throws an {@linkcode AssertionError} when the two are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${inspect(actual)} not to be: ${inspect(expected)}${ending(msg)}`,
  );
}
