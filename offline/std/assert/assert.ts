/**
 * `assert`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";

/** Throws an {@linkcode AssertionError} when `expr` is not truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}
