/**
 * `assertRejects`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";
import { checkError, type ErrorClass, expectation } from "./error_class.ts";

/** Calls `fn` and resolves to what its promise rejects with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** As above, when that is an `ErrorClass` whose message contains `msgIncludes`. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  // deno-lint-ignore no-explicit-any -- any constructor of the class will do
  ErrorClass: abstract new (...args: any[]) => E,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const expected = expectation(classOrMsg, { msgIncludes, msg });
  const promise = call(fn, expected.msg);
  try {
    await promise;
  } catch (error) {
    checkError(error, { ...expected, how: "rejected" });
    return error;
  }
  throw new AssertionError(`Expected function to reject${ending(expected.msg)}`);
}

/** The promise that `fn` returns. To throw, or to return nothing to wait for, is not to reject. */
function call(fn: () => PromiseLike<unknown>, msg: string | undefined): PromiseLike<unknown> {
  let promise: unknown;
  try {
    promise = fn();
  } catch {
    // Falls through to the one message for both.
  }
  if (isThenable(promise)) return promise;
  throw new AssertionError(`Function throws when expected to reject${ending(msg)}`);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
