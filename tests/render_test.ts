/**
 * What is drawn, seen as the screen of a terminal and not as bytes: a line arriving at any moment
 * leaves what is typed as it was, and is itself kept whole.
 */

import { assertEquals } from "@std/assert/equals";
import {
  clusterWidth,
  draw,
  erase,
  graphemes,
  leastWidth,
  nextGrapheme,
  NOTHING,
} from "../lib/draw.ts";
import { Vt, type VtOptions } from "./vt.ts";

const PROMPT = "[Me] ";

/** A terminal with a line on it; what arrives goes above. */
class Typist {
  readonly vt: Vt;
  text = "";
  cursor = 0;
  #drawn = NOTHING;

  constructor(columns: number, rows: number, options: VtOptions = {}) {
    this.vt = new Vt(columns, rows, options);
  }

  /** What the console writes in one turn: erase, new rows, the line. */
  render(above = ""): void {
    const { columns, rows } = this.vt;
    const erased = erase(this.#drawn, columns);
    this.#drawn = draw({ prompt: PROMPT, text: this.text, cursor: this.cursor }, { columns, rows });
    this.vt.write(erased + above + this.#drawn.bytes);
  }

  /** The messages above and the typed line, each as one text again. */
  assertShows(messages: readonly string[]): void {
    assertEquals(
      this.vt.lines.join("").replaceAll("#", "\n#"),
      [
        ...messages.map((message) => `\n${message}`),
        PROMPT + this.text,
      ].join(""),
    );
    const { beforeCursor } = this.vt;
    const typed = beforeCursor.replaceAll("\n", "").slice(messages.join("").length);
    assertEquals(typed, PROMPT + this.text.slice(0, this.cursor));
  }
}

const TEXTS: Record<string, string> = {
  "plain text": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM",
  "wide characters": "日本語テキストを書いています、とても長い文章です。",
  "wide characters out of step": "x日本語テキストxを書いています、とyても長い文章です。",
  "marks and emoji": "e\u0301e\u0301e\u0301👍🏽👍🏽❤️👩‍👩‍👧x🇩🇪e\u0301e\u0301e\u0301👍abc👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧e\u0301",
};

for (const [name, text] of Object.entries(TEXTS)) {
  for (const joinsEmoji of [true, false]) {
    Deno.test({
      name: `draw() keeps ${name} and what arrives when emoji are ${
        joinsEmoji ? "" : "not "
      }joined`,
      permissions: "none",
      fn() {
        for (let columns = 8; columns <= 24; columns++) typeAcross(text, columns, { joinsEmoji });
      },
    });
  }
}

/** A message arrives after each character typed, and after each move back to the start. */
function typeAcross(text: string, columns: number, options: VtOptions): void {
  const typist = new Typist(columns, 20, options);
  const messages: string[] = [];
  const arrive = () => {
    messages.push(`#${messages.length}`.padEnd(3 + messages.length % (2 * columns), "-"));
    typist.render(messages.at(-1) + "\r\n");
    typist.assertShows(messages);
  };
  for (const cluster of graphemes(text)) {
    typist.text += cluster;
    typist.cursor = typist.text.length;
    typist.render();
    typist.assertShows(messages);
    arrive();
  }
  for (typist.cursor = 0; typist.cursor < text.length;) {
    arrive();
    typist.cursor = nextGrapheme(text, typist.cursor);
  }
}

Deno.test({
  name: "draw() puts the cursor on a row of its own when the text fills the last one",
  permissions: "none",
  fn() {
    const typist = new Typist(10, 5);
    typist.text = "01234";
    typist.cursor = 5;
    typist.render();
    assertEquals(typist.vt.lines, ["[Me] 01234", ""]);
    assertEquals(typist.vt.beforeCursor, "[Me] 01234\n");
  },
});

Deno.test({
  name: "draw() moves a wide character to the next row when one column is left",
  permissions: "none",
  fn() {
    const typist = new Typist(10, 5);
    typist.text = "0123日5";
    typist.render();
    assertEquals(typist.vt.lines, ["[Me] 0123", "日5"]);
    assertEquals(typist.vt.beforeCursor, "[Me] ");
  },
});

Deno.test({
  name: "draw() shows the rows around the cursor when the text is longer than the screen",
  permissions: "none",
  fn() {
    const typist = new Typist(10, 3);
    typist.text = "00000" + "1".repeat(10) + "2".repeat(10) + "3".repeat(10) + "4";
    typist.cursor = typist.text.length;
    typist.render();
    assertEquals(typist.vt.lines, ["2".repeat(10), "3".repeat(10), "4"]);
    typist.render("#message\r\n");
    assertEquals(typist.vt.lines, ["#message", "2".repeat(10), "3".repeat(10), "4"]);
    typist.cursor = 1;
    typist.render();
    assertEquals(typist.vt.lines, ["#message", "[Me] 00000", "1".repeat(10), "2".repeat(10)]);
    assertEquals(typist.vt.beforeCursor, "#message\n[Me] 0");
  },
});

Deno.test({
  name: "draw() redraws the text when the terminal is made wider or narrower",
  permissions: "none",
  fn() {
    for (const text of Object.values(TEXTS).slice(0, 3)) {
      for (let columns = 9; columns <= 60; columns++) {
        const typist = new Typist(30, 40);
        typist.text = text;
        typist.cursor = text.length;
        const messages = ["#one", "#two-and-a-text-longer-than-the-row", "#three"];
        typist.render(messages.join("\r\n") + "\r\n");
        typist.vt.resize(columns);
        typist.render();
        typist.assertShows(messages);
        typist.vt.resize(30);
        typist.render("#four\r\n");
        typist.assertShows([...messages, "#four"]);
      }
    }
  },
});

Deno.test({
  name: "erase() takes no message away when the width of emoji is not known",
  permissions: "none",
  fn() {
    for (const joinsEmoji of [true, false]) {
      for (let columns = 9; columns < 30; columns++) {
        const typist = new Typist(30, 40, { joinsEmoji });
        typist.text = TEXTS["marks and emoji"]!;
        typist.cursor = typist.text.length;
        typist.render("#one\r\n#two\r\n");
        typist.vt.resize(columns);
        typist.render();
        assertEquals(typist.vt.lines.slice(0, 2), ["#one", "#two"]);
        assertEquals(typist.vt.lines.join("").endsWith(PROMPT + typist.text), true);
      }
    }
  },
});

const WIDTHS: [cluster: string, columns: number][] = [
  ["a", 1],
  ["é", 1],
  ["e\u0301", 1],
  ["\u0301", 0],
  ["\u200b", 0],
  ["日", 2],
  ["한", 2],
  ["\u1112\u1161\u11ab", 2],
  ["Ａ", 2],
  ["ｱ", 1],
  ["👍", 2],
  ["❤️", 2],
  ["𠀀", 2],
  ["–", 1],
  ["ش", 1],
];

Deno.test({
  name: "clusterWidth() counts the columns of a character",
  permissions: "none",
  fn() {
    for (const [cluster, columns] of WIDTHS) assertEquals(clusterWidth(cluster), columns, cluster);
  },
});

Deno.test({
  name: "clusterWidth() gives joined emoji the most columns that a terminal may take",
  permissions: "none",
  fn() {
    assertEquals(clusterWidth("👩‍👩‍👧"), 6);
    assertEquals(clusterWidth("🇩🇪"), 4);
  },
});

Deno.test({
  name: "leastWidth() gives joined emoji the fewest columns that a terminal may take",
  permissions: "none",
  fn() {
    assertEquals(["👩‍👩‍👧", "👍🏽", "❤️", "e\u0301", "日"].map(leastWidth), [2, 2, 1, 1, 2]);
  },
});
