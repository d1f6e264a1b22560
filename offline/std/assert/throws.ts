/**
 * `assertThrows`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";
import { checkError, type ErrorClass, expectation } from "./error_class.ts";

/** Calls `fn` and returns what it throws; an {@linkcode AssertionError} when it does not throw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** As above, when what is thrown is an `ErrorClass` whose message contains `msgIncludes`. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  // deno-lint-ignore no-explicit-any -- any constructor of the class will do
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const expected = expectation(classOrMsg, { msgIncludes, msg });
  try {
    fn();
  } catch (error) {
    checkError(error, { ...expected, how: "thrown" });
    return error;
  }
  throw new AssertionError(`Expected function to throw${ending(expected.msg)}`);
}
