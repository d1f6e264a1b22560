/**
 * Text as a terminal shows it: names in colours, how wide text is, and the bytes that draw the line being
 * typed and erase it.
 *
 * @module
 */

// ---- colour ----

/** Where names stand in a line, as indices [start, end) in their order. */
export type FindNames = (line: string) => readonly (readonly [start: number, end: number])[];

/** Colours that can be read on dark and on light ground: no black, white, yellow or dark blue. */
const COLOURS = [31, 32, 33, 35, 36, 91, 92, 94, 95, 96];

/** The line with each name in its colour, as SGR sequences. Its controls must be escaped before. */
export function paint(line: string, find: FindNames): string {
  let painted = "";
  let at = 0;
  for (const [start, end] of find(line)) {
    const name = line.slice(start, end);
    painted += `${line.slice(at, start)}\x1b[${colour(name)}m${name}\x1b[39m`;
    at = end;
  }
  return painted + line.slice(at);
}

/** The same name has the same colour in every session. */
function colour(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return COLOURS[hash % COLOURS.length]!;
}

// ---- width ----

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
  // This selector asks for the wide picture of a character that has a narrow sign, too.
  return cluster.includes("\ufe0f") ? Math.max(width, 2) : width;
}

/** The fewest columns that a terminal gives to one grapheme cluster: those of its first character. */
export function leastWidth(cluster: string): number {
  return characterWidth(String.fromCodePoint(cluster.codePointAt(0)!));
}

function characterWidth(character: string): number {
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

// ---- render ----

/** A terminal's size in character cells. */
export interface Size {
  /** Cells in a row. */
  readonly columns: number;
  /** Rows on the screen. */
  readonly rows: number;
}

/** The line being typed. */
export interface Line {
  /** What stands before the text and cannot be edited. */
  readonly prompt: string;
  /** The text being typed, without control characters. */
  readonly text: string;
  /** An index into `text`, between two grapheme clusters. */
  readonly cursor: number;
}

/** What is on the terminal: enough to erase it later, even when its width has changed since. */
export interface Drawing {
  /** What to write; the cursor must be in the first column. */
  readonly bytes: string;
  /** The text of each row. */
  readonly rows: readonly string[];
  /** The width that the rows were broken for. */
  readonly columns: number;
  /** The cursor's row, from 0. */
  readonly cursorRow: number;
  /** The cursor's index in the text of its row. */
  readonly cursorIndex: number;
}

/** Nothing is drawn, and the cursor is in the first column. */
export const NOTHING: Drawing = { bytes: "", rows: [""], columns: 0, cursorRow: 0, cursorIndex: 0 };

/** The line as it is written on a terminal of that size, starting in the first column. */
export function draw(line: Line, size: Size): Drawing {
  const columns = Math.max(2, size.columns);
  const layout = arrange(line, columns, clusterWidth);
  if (line.cursor === line.text.length && layout.rows.at(-1)!.width >= columns) {
    // In the last column terminals wait with the wrap until one more character comes; a row of its
    // own is the same everywhere.
    layout.rows.push({ text: "", width: 0 });
    layout.cursorRow++;
    layout.before = "";
  }
  // What does not fit on the screen could not be erased: rows that scrolled away stay. So a line
  // longer than the screen shows the part that ends with the cursor's row.
  const height = Math.max(1, size.rows);
  const first = Math.max(0, layout.cursorRow - height + 1);
  const rows = layout.rows.slice(first, first + height).map((row) => row.text);
  const cursorRow = layout.cursorRow - first;
  let bytes = rows.join("\r\n");
  if (cursorRow < rows.length - 1 || layout.before !== rows.at(-1)) {
    bytes += up(rows.length - 1 - cursorRow) + "\r" + layout.before;
  }
  return { bytes, rows, columns: size.columns, cursorRow, cursorIndex: layout.before.length };
}

/** Breaks the line into rows; finds the cursor's row in them, and what is before the cursor there. */
function arrange(line: Line, columns: number, widthOf: (cluster: string) => number) {
  let row = { text: "", width: 0 };
  const rows = [row];
  let place: { cursorRow: number; before: string } | undefined;
  const add = (cluster: string, cursorHere: boolean) => {
    const width = widthOf(cluster);
    if (row.width + width > columns && row.width > 0) rows.push(row = { text: "", width: 0 });
    if (cursorHere) place = { cursorRow: rows.length - 1, before: row.text };
    row.text += cluster;
    row.width += width;
  };
  for (const cluster of graphemes(line.prompt)) add(cluster, false);
  let index = 0;
  for (const cluster of graphemes(line.text)) {
    add(cluster, index === line.cursor);
    index += cluster.length;
  }
  return { rows, ...(place ?? { cursorRow: rows.length - 1, before: row.text }) };
}

/**
 * The bytes that remove a drawing and leave the cursor where it began. `columns` is the width now:
 * a terminal that was made narrower has broken each row into as many as it needs, with the cursor
 * still at its character. (xterm cuts rows off instead; there a line above may go with them.) Where
 * terminals differ the smaller count is taken: a stray row is ugly, an erased message is lost.
 */
export function erase(drawing: Drawing, columns: number): string {
  let { cursorRow: above, rows: { length: count } } = drawing;
  if (columns < drawing.columns) {
    const broken = drawing.rows.map((text, row) => {
      const cursor = row === drawing.cursorRow ? drawing.cursorIndex : 0;
      return arrange({ prompt: "", text, cursor }, columns, leastWidth);
    });
    const heights = broken.map(({ rows }) => rows.length);
    count = heights.reduce((sum, height) => sum + height);
    const before = heights.slice(0, drawing.cursorRow);
    above = before.reduce((sum, height) => sum + height, broken[drawing.cursorRow]!.cursorRow);
  }
  // Each row on its own, and only then all below: tmux keeps in its scrollback what is cleared from
  // the top of the screen down.
  const blank = "\x1b[K" + "\x1b[B\x1b[K".repeat(count - 1);
  return `${up(above)}\r${blank}${up(count - 1)}\x1b[J`;
}

const up = (rows: number) => rows > 0 ? `\x1b[${rows}A` : "";
