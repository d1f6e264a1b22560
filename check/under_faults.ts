/**
 * The must cases once more, with everything that the check's peers send cut into pieces.
 *
 * @module
 */

import type { Suite } from "./case.ts";
import { HINTS } from "./hints.ts";
import type { Options } from "./options.ts";
import { type Playing, playSuite, suitesFor } from "./play.ts";
import { bad } from "./report.ts";
import type { Result } from "./run.ts";

/** Plays them, and says once what is wrong when cases fail that have passed without faults. */
export async function faultText(
  suites: readonly Suite[],
  results: readonly Result[],
  { options, playing }: { options: Options; playing: Playing },
): Promise<{ text: string; steady: boolean }> {
  const passed = new Set(results.filter(({ verdict }) => verdict === "passed").map(({ id }) => id));
  const faults = options.fault!;
  const failed: string[] = [];
  let played = 0;
  for (const { suite, commands } of suitesFor(suites, options)) {
    if (suite.role === "pair" || suite.unframed) continue;
    const facts = playing.facts ?? new Map<string, unknown>();
    const again = await playSuite(suite, commands, { options, playing, facts, faults });
    played += again.length;
    failed.push(...again.filter((each) => missed(each) && passed.has(each.id)).map(({ id }) => id));
  }
  const head = `\nIn pieces (--fault ${faults}): `;
  if (played === 0) {
    const why = "on a wire without framing a piece of a text is a text";
    return { text: `${head}nothing was tried: ${why}.\n`, steady: true };
  }
  if (failed.length === 0) {
    return { text: `${head}all ${played} must cases as before.\n`, steady: true };
  }
  const { cause, text } = HINTS.oneRecv;
  return {
    text: `${head}${failed.join(", ")} passed in whole messages and failed in pieces: ${cause}.\n` +
      `  ${text}\n`,
    steady: false,
  };
}

function missed(result: Result): boolean {
  return bad(result) || result.verdict === "could not run";
}
