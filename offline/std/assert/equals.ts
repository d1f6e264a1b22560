/**
 * `assertEquals`; the difference is shown by `node:assert`.
 *
 * @module
 */

import { AssertionError as Difference } from "node:assert/strict";
import { AssertionError } from "./assertion_error.ts";
import { ending } from "./ending.ts";
import { equal } from "./equal.ts";

/** Throws an {@linkcode AssertionError} that shows the difference when the two are not deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  const difference = new Difference({
    actual: lines(actual),
    expected: lines(expected),
    operator: "deepStrictEqual",
  });
  // The first line of its message only says that they differ.
  const shown = difference.message.slice(difference.message.indexOf("\n") + 1);
  throw new AssertionError(`Values are not equal${ending(msg)}\n${shown}`);
}

/** Long texts, such as transcripts, are compared line by line; of other values the whole is shown. */
function lines(value: unknown): unknown {
  return typeof value === "string" && value.includes("\n") ? value.split(/(?<=\n)/) : value;
}
