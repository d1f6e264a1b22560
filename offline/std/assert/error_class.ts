/**
 * What `assertThrows` and `assertRejects` ask of an error.
 *
 * @module
 */

import { stripVTControlCharacters } from "node:util";
import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";

/** A class of errors. */
// deno-lint-ignore no-explicit-any -- any constructor of the class will do
export type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** What was asked for, in the words of the caller. */
export interface Expectation<E extends Error> {
  /** The class that the error must be of; undefined: anything will do. */
  ErrorClass?: ErrorClass<E> | undefined;
  /** What its message must contain, colours left aside. */
  msgIncludes?: string | undefined;
  /** What the caller has to add. */
  msg?: string | undefined;
}

/** The expectation in the arguments that follow the function, which have two forms. */
export function expectation<E extends Error>(
  classOrMsg: ErrorClass<E> | string | undefined,
  rest: Pick<Expectation<E>, "msgIncludes" | "msg">,
): Expectation<E> {
  return typeof classOrMsg === "string" ? { msg: classOrMsg } : { ErrorClass: classOrMsg, ...rest };
}

/** Throws an {@linkcode AssertionError} when `error` is not what was expected. */
export function checkError<E extends Error>(
  error: unknown,
  { ErrorClass, msgIncludes = "", msg, how }: Expectation<E> & { how: "thrown" | "rejected" },
): asserts error is E {
  if (!ErrorClass) return;
  if (!(error instanceof Error)) {
    throw new AssertionError(`A non-Error object was ${how}${ending(msg)}`);
  }
  if (!(error instanceof ErrorClass)) {
    const got = error.constructor.name;
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", but was "${got}"${ending(msg)}`,
    );
  }
  const { message } = error;
  if (stripVTControlCharacters(message).includes(stripVTControlCharacters(msgIncludes))) return;
  const [wanted, got] = [JSON.stringify(msgIncludes), JSON.stringify(message)];
  throw new AssertionError(
    `Expected error message to include ${wanted}, but got ${got}${ending(msg)}`,
  );
}
