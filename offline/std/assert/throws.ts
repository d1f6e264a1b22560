/**
 * `assertThrows`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";

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
  // deno-lint-ignore no-explicit-any -- any constructor of the class will do
  classOrMsg?: (abstract new (...args: any[]) => E) | string,
  msgIncludes?: string,
  msg?: string,
): E | unknown {
  const suffix = (typeof classOrMsg === "string" ? classOrMsg : msg) ?? "";
  let thrown: { error: unknown } | undefined;
  try {
    fn();
  } catch (error) {
    thrown = { error };
  }
  if (!thrown) throw new AssertionError(`Expected function to throw${suffix && `: ${suffix}`}`);
  if (typeof classOrMsg === "function") {
    checkError(thrown.error, { ErrorClass: classOrMsg, msgIncludes, suffix });
  }
  return thrown.error;
}

/** Throws an {@linkcode AssertionError} when `error` is not what was asked for. */
export function checkError(
  error: unknown,
  { ErrorClass, msgIncludes, suffix }: {
    // deno-lint-ignore no-explicit-any -- any constructor of the class will do
    ErrorClass: abstract new (...args: any[]) => Error;
    msgIncludes?: string | undefined;
    suffix: string;
  },
): void {
  const tail = suffix && `: ${suffix}`;
  if (!(error instanceof ErrorClass)) {
    const got = error instanceof Error ? error.constructor.name : typeof error;
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", but was "${got}"${tail}`,
    );
  }
  if (msgIncludes !== undefined && !error.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include "${msgIncludes}", but got "${error.message}"${tail}`,
    );
  }
}
