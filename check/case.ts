/**
 * What a case is: one thing that a document asks of a program, how it is tried, and what to change when
 * it does not hold.
 *
 * @module
 */

import type { Scene } from "./scene.ts";

/**
 * How much a case weighs.
 *
 * - `must`: the document says so.
 * - `should`: its sample, or its purpose, says so.
 * - `extra`: robustness that the document does not ask for.
 * - `info`: the document leaves it open; reported in a sentence and never scored.
 */
export type Level = "must" | "should" | "extra" | "info";

/** Every level, the strictest first. */
export const LEVELS: readonly Level[] = ["must", "should", "extra", "info"];

/** What to change. Failures with the same `cause` are one mistake and are reported together. */
export interface Hint {
  /** The mistake in a few words. */
  readonly cause: string;
  /** What to change, in a sentence or two. */
  readonly text: string;
}

/** A part of a case that has a level and points of its own; its id is `CASE.NAME`. */
export interface Part {
  readonly title: string;
  readonly level: Level;
  readonly points: number;
  /** The document's sentence, where it is not that of the case. */
  readonly quote?: string;
  /** What to change, where it is not what the case says. */
  readonly hint?: Hint;
}

/** One thing that a document asks of a program. */
export interface Case {
  readonly id: string;
  readonly title: string;
  readonly level: Level;
  readonly points: number;
  /** The document's own sentence, literally; empty where the document is silent. */
  readonly quote: string;
  readonly hint: Hint;
  /** What it does and expects, in a line: `A> JOIN Alice, LIST → A< Alice`. */
  readonly steps?: string;
  /** Cases without which this one says nothing; where one of them failed it could not run. */
  readonly needs?: readonly string[];
  /** Parts with a level of their own, by name; each is tried by `scene.part(name, …)`. */
  readonly parts?: Readonly<Record<string, Part>>;
  /** Whether it is the rubric's row (`JOIN`, `LIST`, …) that a course gives points for. */
  readonly topic?: string;
  /** Plays the case; it throws where something is not as expected. */
  readonly run: (scene: Scene) => Promise<void>;
}

/** The commands that programs under test are started by, as they were given. */
export type Given = Readonly<Record<string, string | undefined>>;

/** Commands taken apart into words, by the role that they start; words may hold `{port}` and such. */
export type Commands = Readonly<Record<string, readonly string[]>>;

/** The cases of one protocol and role. */
export interface Suite {
  readonly protocol: string;
  /** What is under test: `server`, `client`, `pair`, `TCP server`, … */
  readonly role: string;
  /** The case that runs first and alone: without it no other case says anything. */
  readonly gate: string;
  /** Placeholders that a command must hold, by role. */
  readonly placeholders?: Readonly<Record<string, readonly string[]>>;
  /** The commands for this suite, or undefined when something that it needs was not given. */
  readonly commands: (given: Given) => Commands | undefined;
  readonly cases: readonly Case[];
  /** Whether its wire has no framing at all, so that a piece of a text is a text: never cut by faults. */
  readonly unframed?: boolean;
}

/** Something that is not as a document asks. */
export class Failure extends Error {
  override name = "Failure";
  /** What was expected, to stand behind the word "expected". */
  readonly expected: string;
  /** Where it was looked for: `Bob`, `the server's stdout`. */
  readonly where: string;
  /** What had come there by then. */
  readonly got: Uint8Array | undefined;
  /** The offset in `got` of the first byte that differs. */
  readonly mark: number | undefined;
  /** How long it was waited for, in milliseconds. */
  readonly waited: number | undefined;
  /** What to change, where it is not what the case says. */
  readonly hint: Hint | undefined;

  /** A failure at `where`, with what is known of it. */
  constructor(
    expected: string,
    details: { where: string; got?: Uint8Array; mark?: number; waited?: number; hint?: Hint },
  ) {
    super(`${details.where}: expected ${expected}`);
    this.expected = expected;
    this.where = details.where;
    this.got = details.got;
    this.mark = details.mark;
    this.waited = details.waited;
    this.hint = details.hint;
  }
}

/** A program that never came up: nothing can be said of it. */
export class DidNotStart extends Failure {
  override name = "DidNotStart";
}

/** A case that cannot be tried here, with the reason. */
export class Skipped extends Error {
  override name = "Skipped";
}
