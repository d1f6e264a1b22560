/**
 * The mistakes that the students' programs in this folder can make, each a switch, and the cases that
 * show it. Without a switch every must and should passes; with one exactly its cases fail.
 *
 * @module
 */

import type { Given, Hint } from "../../check/case.ts";

import { OVERLAY_MISTAKES, OVERLAY_STUDENTS } from "./overlay_mistakes.ts";

/** One mistake of one program. */
export interface Mistake {
  readonly protocol: string;
  /** The role as its suite has it: `server`, `client`, `TCP server`, … */
  readonly role: string;
  /** Which command gets the switch: `server`, `client`, `python`, … */
  readonly command: keyof Given & string;
  /** The switch: `--mistake one-recv`. */
  readonly mistake: string;
  /** The hint that must come first. */
  readonly hint: Hint;
  /** Ids of the cases and parts of level must, should and extra that fail, and no others. */
  readonly fails: readonly string[];
}

/** How the students' programs are started, by protocol. */
export const STUDENTS: Readonly<Record<string, Given>> = {
  overlay: OVERLAY_STUDENTS,
};

/** Every mistake. */
export const MISTAKES: readonly Mistake[] = [
  ...OVERLAY_MISTAKES,
];
