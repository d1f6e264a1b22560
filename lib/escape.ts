/**
 * Making text from a peer safe to show: what could move the cursor, change colours or reorder a
 * line is written out as an escape that a person can read. Everything else stays as it came.
 *
 * @module
 */

// Cc is C0, DEL and C1; Cs under the u flag is a surrogate without its other half. The direction
// marks U+200E and U+200F are not here: they are ordinary in Arabic and Hebrew text and cannot
// reorder their neighbours, which the overrides and isolates can.
const UNSAFE = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u;
const UNSAFE_ALL = new RegExp(UNSAFE.source, "gu");

/** What {@linkcode escapeControl} leaves as it is, beside what is always left. */
export interface EscapeOptions {
  /** Keep line feeds: for texts of several lines. Default: they are written `\x0a`. */
  keepLines?: boolean;
}

/**
 * The text with control characters (C0 but tab, DEL, C1), bidirectional overrides and isolates,
 * and lone surrogates written as `\x1b` or `\u202e`. Emoji, combining marks and every other
 * character are unchanged, and a text with nothing to escape is returned itself.
 */
export function escapeControl(text: string, options: EscapeOptions = {}): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(UNSAFE_ALL, (character) => {
    if (character === "\t" || (character === "\n" && options.keepLines)) return character;
    const code = character.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

/**
 * The text as it may stand in a line being typed: a tab is one space, and what
 * {@linkcode escapeControl} would escape is left out, since a person would have to delete the
 * escape again.
 */
export function typable(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replaceAll("\t", " ").replace(UNSAFE_ALL, "");
}
