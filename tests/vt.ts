/**
 * A terminal small enough to read: it interprets exactly the sequences that the line editor may
 * send, with xterm's deferred wrap, and throws at any other. What it cannot do, the editor must not
 * ask for.
 *
 * @module
 */

/** A row of cells. The second cell of a wide character is ""; a coloured one begins with its SGR. */
interface Row {
  cells: string[];
  /** The text went on in the next row by itself, so both are one when the width changes. */
  wrapped: boolean;
}

/** How this terminal differs from others. */
export interface VtOptions {
  /** Draws emoji joined by U+200D in two columns, as newer terminals do; others draw each. */
  joinsEmoji?: boolean;
}

const ZERO = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const WIDE = /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uff01-\uff60]$/u;

/** The screen and its scrollback. */
export class Vt {
  #rows: Row[] = [{ cells: [], wrapped: false }];
  /** The first row of the screen among all rows; those before it are the scrollback. */
  #top = 0;
  #x = 0;
  #y = 0;
  #pendingWrap = false;
  #sequence = "";
  #colour = "";
  #joining = false;
  readonly #options: VtOptions;

  constructor(public columns: number, public rows: number, options: VtOptions = {}) {
    this.#options = options;
  }

  /** Every row from the scrollback down to the cursor or the last text, blanks at the end cut. */
  get lines(): string[] {
    const lines = this.#rows.map((row) => textOf(row.cells).trimEnd());
    while (lines.length > this.#y + 1 && lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** The same as `lines`, with the SGR sequence of its colour before each coloured character. */
  get coloured(): string[] {
    return this.#rows.slice(0, this.lines.length).map((row) => joined(row.cells).trimEnd());
  }

  /** All text up to the cursor, row after row. */
  get beforeCursor(): string {
    const rows = this.#rows.slice(0, this.#y).map((row) => textOf(row.cells).trimEnd());
    const x = this.#pendingWrap ? this.columns : this.#x;
    const row = Array.from({ length: x }, (_, column) => this.#rows[this.#y]!.cells[column] ?? " ");
    return [...rows, textOf(row)].join("\n");
  }

  /** Takes what a program wrote. Throws an `Error` at a sequence that it does not know. */
  write(text: string): void {
    for (const character of text) {
      if (this.#sequence !== "") this.#continue(character);
      else if (character === "\x1b") this.#sequence = character;
      else if (character === "\r") [this.#x, this.#pendingWrap] = [0, false];
      else if (character === "\n") this.#lineFeed();
      else if (character === "\t") this.#x = Math.min(this.columns - 1, (this.#x & ~7) + 8);
      else if (/\p{Cc}/u.test(character)) throw new Error(`control ${JSON.stringify(character)}`);
      else this.#print(character);
    }
  }

  /** A new width: each line is broken anew, and the cursor stays at its character. */
  resize(columns: number, rows = this.rows): void {
    const old = this.#rows.slice(0, Math.max(this.#y + 1, this.lines.length));
    const cursorAt = { row: this.#y, x: this.#pendingWrap ? this.columns : this.#x };
    this.#rows = [];
    this.#pendingWrap = false;
    for (let index = 0; index < old.length;) {
      const cells: string[] = [];
      let cursor = -1;
      let more = true;
      for (; more && index < old.length; index++) {
        if (index === cursorAt.row) cursor = cells.length + cursorAt.x;
        const row = old[index]!;
        cells.push(...Array.from(row.cells, (cell) => cell ?? " "));
        more = row.wrapped;
      }
      this.#break(cells, columns, cursor);
    }
    this.columns = columns;
    this.rows = rows;
    this.#top = Math.max(0, this.#rows.length - rows);
  }

  #break(cells: string[], columns: number, cursor: number): void {
    while (cells.at(-1) === " ") cells.pop();
    let start = 0;
    do {
      let end = Math.min(start + columns, Math.max(cells.length, start));
      if (cells[end] === "" && end > start + 1) end--; // a wide character does not fit
      const last = end >= cells.length;
      if (cursor >= start && (cursor < end || last)) {
        [this.#y, this.#x] = [this.#rows.length, Math.min(cursor - start, columns - 1)];
        this.#pendingWrap = cursor - start >= columns;
      }
      this.#rows.push({ cells: cells.slice(start, end), wrapped: !last });
      start = end;
    } while (start < cells.length);
  }

  #print(character: string): void {
    const row = this.#rows[this.#y]!;
    const joined = this.#joining && this.#options.joinsEmoji;
    this.#joining = character === "\u200d";
    if (ZERO.test(character) || joined) {
      let x = this.#pendingWrap ? this.columns - 1 : this.#x - 1;
      if (row.cells[x] === "") x--;
      if (x >= 0) row.cells[x] += character;
      return;
    }
    const width = WIDE.test(character) ? 2 : 1;
    if (this.#pendingWrap || this.#x + width > this.columns) {
      row.wrapped = true;
      this.#x = 0;
      this.#lineFeed();
    }
    const { cells } = this.#rows[this.#y]!;
    while (cells.length < this.#x) cells.push(" ");
    cells.splice(this.#x, width, this.#colour + character, ...(width === 2 ? [""] : []));
    this.#x += width;
    this.#pendingWrap = this.#x >= this.columns;
    if (this.#pendingWrap) this.#x = this.columns - 1;
  }

  #lineFeed(): void {
    this.#pendingWrap = false;
    this.#y++;
    if (this.#y === this.#rows.length) this.#rows.push({ cells: [], wrapped: false });
    this.#top = Math.max(this.#top, this.#y - this.rows + 1);
  }

  #continue(character: string): void {
    this.#sequence += character;
    if (!this.#sequence.startsWith("\x1b[")) throw new Error(`ESC ${JSON.stringify(character)}`);
    const sequence = this.#sequence.slice(2);
    if (!/[@-~]$/.test(sequence)) return;
    this.#sequence = "";
    if (sequence === "?2004h" || sequence === "?2004l") return;
    if (/^\d+m$/.test(sequence)) {
      return void (this.#colour = sequence === "39m" || sequence === "22m"
        ? ""
        : `\x1b[${sequence}`);
    }
    this.#pendingWrap = false;
    const count = Number.parseInt(sequence) || 1;
    if (/^\d*A$/.test(sequence)) this.#y = Math.max(this.#top, this.#y - count);
    else if (/^\d*B$/.test(sequence)) this.#down(count);
    else if (sequence === "K") this.#clearRow(this.#y, this.#x);
    else if (sequence === "J") this.#clearDown();
    else if (sequence === "H") [this.#x, this.#y] = [0, this.#top];
    else if (sequence === "2J") this.#rows.length = this.#top + 1, this.#clearRow(this.#top, 0);
    else throw new Error(`sequence ${JSON.stringify(sequence)}`);
  }

  #down(count: number): void {
    this.#y = Math.min(this.#top + this.rows - 1, this.#y + count);
    while (this.#rows.length <= this.#y) this.#rows.push({ cells: [], wrapped: false });
  }

  #clearRow(y: number, x: number): void {
    const row = this.#rows[y]!;
    row.cells.length = Math.min(row.cells.length, x);
    row.wrapped = false;
  }

  #clearDown(): void {
    this.#clearRow(this.#y, this.#x);
    this.#rows.length = this.#y + 1;
  }
}

function joined(cells: string[]): string {
  return Array.from(cells, (cell) => cell ?? " ").join("");
}

function textOf(cells: string[]): string {
  // deno-lint-ignore no-control-regex
  return joined(cells).replaceAll(/\x1b\[\d+m/g, "");
}
