/**
 * `assertEquals`, over the runtime's own deep comparison.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { AssertionError } from "./assertion_error.ts";

/** Throws an {@linkcode AssertionError} that shows the difference when the two are not deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  try {
    deepStrictEqual(actual, expected);
  } catch (error) {
    const difference = error instanceof Error ? error.message : String(error);
    throw new AssertionError(`${difference}${msg ? `: ${msg}` : ""}`);
  }
}
