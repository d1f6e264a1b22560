/**
 * What a person calls a character, and how many columns of a terminal it may take.
 *
 * @module
 */

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

// Zero columns: marks drawn over their base, joiners and other format characters, and the
// vowels and final consonants of decomposed Hangul.
const ZERO = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]$/u;

// Two columns: East Asian Wide and Fullwidth (Unicode's EastAsianWidth.txt, in whole blocks), and
// every character that is an emoji without being asked to.
const WIDE = new RegExp(
  "^[\\u1100-\\u115f\\u2329\\u232a\\u2e80-\\u303e\\u3041-\\ua4cf\\ua960-\\ua97f\\uac00-\\ud7a3" +
    "\\uf900-\\ufaff\\ufe10-\\ufe19\\ufe30-\\ufe6f\\uff01-\\uff60\\uffe0-\\uffe6" +
    "\\u{16fe0}-\\u{18dff}\\u{1aff0}-\\u{1b2ff}\\u{1d300}-\\u{1d37f}\\u{1f1e6}-\\u{1f1ff}" +
    "\\u{1f200}-\\u{1f265}\\u{1f300}-\\u{1faff}\\u{20000}-\\u{3fffd}\\p{Emoji_Presentation}]$",
  "u",
);

const EMOJI_PLEASE = "\ufe0f";

/** The grapheme clusters of a text: what one press of an arrow key passes over. */
export function graphemes(text: string): string[] {
  return Array.from(segmenter.segment(text), (part) => part.segment);
}

/** Where the grapheme cluster before `index` begins; 0 at the start of the text. */
export function previousGrapheme(text: string, index: number): number {
  return segmenter.segment(text).containing(index - 1)?.index ?? 0;
}

/** Where the grapheme cluster at `index` ends; the text's length at its end. */
export function nextGrapheme(text: string, index: number): number {
  const part = segmenter.segment(text).containing(index);
  return part ? part.index + part.segment.length : text.length;
}

/**
 * The most columns that a terminal gives to one grapheme cluster.
 *
 * Terminals disagree about joined emoji: a family of three is drawn in two columns by some and in
 * six by others. Only the larger answer keeps a row from running over its edge everywhere, and a
 * row that turns out shorter does no harm.
 */
export function clusterWidth(cluster: string): number {
  if (cluster.length === 1 && cluster >= " " && cluster <= "~") return 1;
  let width = 0;
  for (const character of cluster) width += characterWidth(character);
  return cluster.includes(EMOJI_PLEASE) ? Math.max(width, 2) : width;
}

/** The fewest columns that a terminal gives to one grapheme cluster: those of its first character. */
export function leastWidth(cluster: string): number {
  return characterWidth(String.fromCodePoint(cluster.codePointAt(0)!));
}

function characterWidth(character: string): number {
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
