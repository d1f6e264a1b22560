/**
 * `assertInstanceOf`.
 *
 * @module
 */

import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";

/** Throws an {@linkcode AssertionError} when `actual` is not an instance of `expectedType`. */
export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any -- any class will do
  T extends abstract new (...args: any[]) => any,
>(actual: unknown, expectedType: T, msg = ""): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const got = kind(actual);
  // Two classes may share a name, and "X but was X" would only confuse.
  const but = got === expectedType.name ? "" : ` but was "${got}"`;
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}"${but}${ending(msg)}`,
  );
}

function kind(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? value.constructor?.name ?? "Object" : typeof value;
}
