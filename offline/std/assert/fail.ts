/**
 * `fail`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";

/** Throws an {@linkcode AssertionError}, whatever happens. */
export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${ending(msg)}`);
}
