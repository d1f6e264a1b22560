/**
 * `assertRejects`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { checkError } from "./throws.ts";

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
  // deno-lint-ignore no-explicit-any -- any constructor of the class will do
  classOrMsg?: (abstract new (...args: any[]) => E) | string,
  msgIncludes?: string,
  msg?: string,
): Promise<E | unknown> {
  const suffix = (typeof classOrMsg === "string" ? classOrMsg : msg) ?? "";
  const tail = suffix && `: ${suffix}`;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    throw new AssertionError(`Function throws when expected to reject${tail}`);
  }
  const outcome = await promise.then(() => undefined, (error: unknown) => ({ error }));
  if (!outcome) throw new AssertionError(`Expected function to reject${tail}`);
  if (typeof classOrMsg === "function") {
    checkError(outcome.error, { ErrorClass: classOrMsg, msgIncludes, suffix });
  }
  return outcome.error;
}
