/**
 * The bytes that put a line being typed on a terminal, and the bytes that take it away again.
 *
 * Rows are broken here and not by the terminal, so how many there are is known. The cursor is put
 * in its place by writing the text before it a second time: it lands where the terminal itself
 * counts it, whatever the terminal thinks of the width of an emoji.
 *
 * @module
 */

import { clusterWidth, graphemes, leastWidth } from "./width.ts";

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

interface Row {
  text: string;
  width: number;
}

interface Layout {
  rows: Row[];
  cursorRow: number;
  /** The part of the cursor's row that is before the cursor. */
  before: string;
}

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
  const { before } = layout;
  let bytes = rows.join("\r\n");
  if (cursorRow < rows.length - 1 || before !== rows.at(-1)) {
    bytes += up(rows.length - 1 - cursorRow) + "\r" + before;
  }
  return { bytes, rows, columns: size.columns, cursorRow, cursorIndex: before.length };
}

/** Breaks the line into rows, and finds the cursor in them. */
function arrange(line: Line, columns: number, widthOf: (cluster: string) => number): Layout {
  let row: Row = { text: "", width: 0 };
  const rows = [row];
  let place: Omit<Layout, "rows"> | undefined;
  const newRow = () => rows.push(row = { text: "", width: 0 });
  const add = (cluster: string, cursorHere: boolean) => {
    const width = widthOf(cluster);
    if (row.width + width > columns && row.width > 0) newRow();
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
    count = total(heights);
    above = total(heights.slice(0, drawing.cursorRow)) + broken[drawing.cursorRow]!.cursorRow;
  }
  // Each row on its own, and only then all below: tmux keeps in its scrollback what is cleared from
  // the top of the screen down.
  const blank = "\x1b[K" + "\x1b[B\x1b[K".repeat(count - 1);
  return `${up(above)}\r${blank}${up(count - 1)}\x1b[J`;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : "";
}
