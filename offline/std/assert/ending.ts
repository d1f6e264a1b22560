/**
 * How the messages of failed assertions end.
 *
 * @module
 */

/** `: msg` when the caller of an assertion has something to add, else a full stop. */
export function ending(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
