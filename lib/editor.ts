/**
 * A line editor as a value: keys go in, the next state and what it means come out. It reads nothing,
 * writes nothing and knows no time, so every key can be tested from a table.
 *
 * @module
 */

import { typable } from "./escape.ts";
import type { Input, Key } from "./keys.ts";
import { graphemes, nextGrapheme, previousGrapheme } from "./width.ts";

/** A line being typed, and what the keys remember between lines. */
export interface Editor {
  /** What is typed so far. */
  readonly text: string;
  /** Where typed text goes: an index into `text`, always between two grapheme clusters. */
  readonly cursor: number;
  /** The lines submitted so far, oldest first. */
  readonly history: readonly string[];
  /** Which line of the history is shown; `history.length` is the one being written. */
  readonly at: number;
  /** The line being written, kept while the history is looked through. */
  readonly draft: string;
  /** What the last deletion of more than a character took: the yank key gives it back. */
  readonly killed: string;
  /** The last key was a Tab that left several candidates: the next one lists them. */
  readonly tabbed: boolean;
}

/** What a key meant to the program, where it meant more than a change of the line. */
export type EditorEvent =
  | { readonly type: "line"; readonly text: string }
  | { readonly type: "candidates"; readonly candidates: readonly string[] }
  | { readonly type: "clear" }
  | { readonly type: "interrupt" }
  | { readonly type: "end" };

/** The state after an input, and the event that it was, if it was one. */
export interface Edited {
  /** The state to go on with. */
  readonly editor: Editor;
  /** What the program must act on; most keys have none. */
  readonly event?: EditorEvent;
}

/** The candidates for the word before the cursor; `line` is all the text before the cursor. */
export type Completer = (word: string, line: string) => readonly string[];

/** An empty line without a history. */
export const EMPTY_EDITOR: Editor = {
  text: "",
  cursor: 0,
  history: [],
  at: 0,
  draft: "",
  killed: "",
  tabbed: false,
};

/** Nobody looks further back, and the memory of a program left open must not grow for ever. */
const HISTORY_LINES = 1000;

/** The editor after one input. Completion does nothing without a completer. */
export function edit(editor: Editor, input: Input, complete: Completer = () => []): Edited {
  if ("text" in input) return { editor: insert(editor, input.text) };
  switch (input.key) {
    case "enter":
      return submit(editor);
    case "tab":
      return completed(editor, complete);
    case "interrupt":
    case "clear":
      return { editor: calm(editor), event: { type: input.key } };
    case "delete-or-end":
      if (editor.text === "") return { editor: calm(editor), event: { type: "end" } };
      return { editor: cut(editor, editor.cursor, right(editor)) };
    default:
      return { editor: MOVES[input.key](editor) };
  }
}

type Move = Exclude<Key, "enter" | "tab" | "interrupt" | "clear" | "delete-or-end">;

const MOVES: Record<Move, (editor: Editor) => Editor> = {
  left: (editor) => moved(editor, left(editor)),
  right: (editor) => moved(editor, right(editor)),
  "word-left": (editor) => moved(editor, wordLeft(editor)),
  "word-right": (editor) => moved(editor, wordRight(editor)),
  home: (editor) => moved(editor, 0),
  end: (editor) => moved(editor, editor.text.length),
  up: (editor) => recalled(editor, editor.at - 1),
  down: (editor) => recalled(editor, editor.at + 1),
  backspace: (editor) => cut(editor, left(editor), editor.cursor),
  delete: (editor) => cut(editor, editor.cursor, right(editor)),
  "delete-word-left": (editor) => kill(editor, wordLeft(editor), editor.cursor),
  "delete-word-right": (editor) => kill(editor, editor.cursor, wordRight(editor)),
  "delete-argument": (editor) => kill(editor, argumentStart(editor), editor.cursor),
  "delete-to-start": (editor) => kill(editor, 0, editor.cursor),
  "delete-to-end": (editor) => kill(editor, editor.cursor, editor.text.length),
  yank: (editor) => insert(editor, editor.killed),
};

function calm(editor: Editor): Editor {
  return editor.tabbed ? { ...editor, tabbed: false } : editor;
}

function moved(editor: Editor, cursor: number): Editor {
  return { ...editor, cursor, tabbed: false };
}

function left({ text, cursor }: Editor): number {
  return previousGrapheme(text, cursor);
}

function right({ text, cursor }: Editor): number {
  return nextGrapheme(text, cursor);
}

/** Letters and digits make a word; its marks and joiners come with their cluster. */
function isWord(cluster: string): boolean {
  return /[\p{L}\p{N}_]/u.test(String.fromCodePoint(cluster.codePointAt(0)!));
}

// Both go through the clusters once: to ask for each one's neighbour takes quadratic time.
function wordLeft({ text, cursor }: Editor): number {
  let [start, end] = [0, 0];
  let inWord = false;
  for (const cluster of graphemes(text.slice(0, cursor))) {
    const word = isWord(cluster);
    if (word && !inWord) start = end;
    inWord = word;
    end += cluster.length;
  }
  return start;
}

function wordRight({ text, cursor }: Editor): number {
  let end = cursor;
  let inWord = false;
  for (const cluster of graphemes(text.slice(cursor))) {
    if (isWord(cluster)) inWord = true;
    else if (inWord) break;
    end += cluster.length;
  }
  return end;
}

/** Where the blank-separated word before the cursor begins, blanks after it included. */
function argumentStart({ text, cursor }: Editor): number {
  let start = cursor;
  while (start > 0 && text[start - 1] === " ") start--;
  while (start > 0 && text[start - 1] !== " ") start--;
  return start;
}

function insert(editor: Editor, text: string): Editor {
  const before = editor.text.slice(0, editor.cursor) + text;
  const whole = before + editor.text.slice(editor.cursor);
  return { ...editor, text: whole, cursor: onBoundary(whole, before.length), tabbed: false };
}

/** What joins two clusters (a mark typed before another) may leave the cursor inside the new one. */
function onBoundary(text: string, cursor: number): number {
  if (cursor === 0 || cursor === text.length) return cursor;
  const end = nextGrapheme(text, cursor - 1);
  return end > cursor ? end : cursor;
}

function cut(editor: Editor, start: number, end: number): Editor {
  const text = editor.text.slice(0, start) + editor.text.slice(end);
  return { ...editor, text, cursor: onBoundary(text, start), tabbed: false };
}

function kill(editor: Editor, start: number, end: number): Editor {
  const killed = start === end ? editor.killed : editor.text.slice(start, end);
  return { ...cut(editor, start, end), killed };
}

function submit(editor: Editor): Edited {
  const { text } = editor;
  // A line sent twice in a row is found again with one key, not two.
  const again = text === "" || text === editor.history.at(-1);
  const history = again ? editor.history : [...editor.history, text].slice(-HISTORY_LINES);
  const { killed } = editor;
  return {
    editor: { ...EMPTY_EDITOR, history, at: history.length, killed },
    event: { type: "line", text },
  };
}

function recalled(editor: Editor, at: number): Editor {
  const { history } = editor;
  if (at < 0 || at > history.length) return calm(editor);
  const draft = editor.at === history.length ? editor.text : editor.draft;
  const text = at === history.length ? draft : history[at]!;
  return { ...editor, text, cursor: text.length, at, draft, tabbed: false };
}

function completed(editor: Editor, complete: Completer): Edited {
  const line = editor.text.slice(0, editor.cursor);
  const word = line.slice(line.lastIndexOf(" ") + 1);
  // Candidates are often names that peers chose: what cannot be typed does not get in this way.
  const candidates = complete(word, line).map(typable);
  if (candidates.length === 0) return { editor: calm(editor) };
  if (candidates.length === 1) {
    const blank = editor.text[editor.cursor] === " " ? "" : " ";
    return { editor: replaceWord(editor, word, candidates[0]! + blank) };
  }
  if (editor.tabbed) return { editor, event: { type: "candidates", candidates } };
  const prefix = commonPrefix(candidates);
  const grown = prefix.length > word.length ? replaceWord(editor, word, prefix) : editor;
  return { editor: { ...grown, tabbed: true } };
}

function replaceWord(editor: Editor, word: string, by: string): Editor {
  return insert(cut(editor, editor.cursor - word.length, editor.cursor), by);
}

function commonPrefix(candidates: readonly string[]): string {
  const [first = "", ...others] = candidates;
  let prefix = "";
  // By code point: half of a surrogate pair is not a prefix.
  for (const character of first) {
    if (!others.every((other) => other.startsWith(prefix + character))) break;
    prefix += character;
  }
  return prefix;
}
