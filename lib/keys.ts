/**
 * From the raw bytes of a terminal to keys and text. No terminal is touched here, and there is no
 * clock: whoever reads the bytes says when nothing more has come (see {@linkcode KeyDecoder.idle}).
 *
 * The sequences are those of xterm's `ctlseqs`, with the Home and End of rxvt and the Linux console.
 *
 * @module
 */

import { typable } from "./escape.ts";

/** What a key asks for; several keys may ask for the same. */
export type Key =
  | "left"
  | "right"
  | "word-left"
  | "word-right"
  | "home"
  | "end"
  | "up"
  | "down"
  | "backspace"
  | "delete"
  | "delete-or-end"
  | "delete-word-left"
  | "delete-word-right"
  | "delete-to-start"
  | "delete-to-end"
  | "delete-argument"
  | "yank"
  | "tab"
  | "enter"
  | "clear"
  | "interrupt";

/** One thing that a person did: text typed or pasted (never with a control character), or a key. */
export type Input = { readonly text: string } | { readonly key: Key };

const CONTROL: Record<string, Key> = {
  "\x01": "home",
  "\x02": "left",
  "\x03": "interrupt",
  "\x04": "delete-or-end",
  "\x05": "end",
  "\x06": "right",
  "\x08": "backspace",
  "\t": "tab",
  "\n": "enter",
  "\x0b": "delete-to-end",
  "\x0c": "clear",
  "\r": "enter",
  "\x0e": "down",
  "\x10": "up",
  "\x15": "delete-to-start",
  "\x17": "delete-argument",
  "\x19": "yank",
  "\x7f": "backspace",
};

/** What follows ESC directly: the Alt key. */
const ALT: Record<string, Key> = {
  b: "word-left",
  f: "word-right",
  d: "delete-word-right",
  "\x7f": "delete-word-left",
  "\x08": "delete-word-left",
};

/** What follows `ESC [` or `ESC O`: parameters without their leading 1, then the final byte. */
const SEQUENCE: Record<string, Key> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  "1~": "home",
  "7~": "home",
  "4~": "end",
  "8~": "end",
  "3~": "delete",
  "3;5~": "delete-word-right",
  // 5 is Control, 3 is Alt; macOS terminals send the second for the same wish.
  "1;5C": "word-right",
  "1;5D": "word-left",
  "1;3C": "word-right",
  "1;3D": "word-left",
  // rxvt, after ESC O and after ESC [.
  c: "word-right",
  d: "word-left",
};

const PASTE_START = "200~";
const PASTE_END = "\x1b[201~";
/** A sequence longer than this is none; what follows is text again. */
const SEQUENCE_MAX_CHARACTERS = 32;

/** Splits a terminal's bytes into keys and text, however the reads cut them. */
export class KeyDecoder {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The sequence begun and not yet ended: "" or ESC and what followed it. */
  #sequence = "";
  #pasting = false;
  #text = "";
  #afterReturn = false;
  #inputs: Input[] = [];

  /** The keys and texts that these bytes complete, in order. Invalid UTF-8 becomes U+FFFD. */
  decode(bytes: Uint8Array): Input[] {
    for (const character of this.#decoder.decode(bytes, { stream: true })) this.#take(character);
    this.#flushText();
    const inputs = this.#inputs;
    this.#inputs = [];
    return inputs;
  }

  /** Whether an escape sequence has begun and not ended. */
  get waiting(): boolean {
    return this.#sequence !== "" && !this.#pasting;
  }

  /**
   * Nothing more came for a moment, so a lone ESC was a key of its own and means nothing. Without
   * this the next letter would be taken for an Alt key.
   */
  idle(): void {
    if (!this.#pasting) this.#sequence = "";
  }

  #take(character: string): void {
    if (this.#pasting) return this.#paste(character);
    if (this.#sequence !== "") return this.#continue(character);
    if (character === "\x1b") this.#sequence = character;
    else this.#plain(character);
  }

  #plain(character: string): void {
    const second = character === "\n" && this.#afterReturn;
    this.#afterReturn = character === "\r";
    // CR LF is one Enter: a terminal without bracketed paste may send a file's lines so.
    if (second) return;
    const key = CONTROL[character];
    if (key !== undefined) this.#press(key);
    else this.#text += typable(character);
  }

  #continue(character: string): void {
    const sequence = this.#sequence + character;
    this.#sequence = "";
    if (character === "\x1b") {
      this.#sequence = character; // what was begun is given up; a new one starts here
    } else if (sequence.length === 2) {
      if (character === "[" || character === "O") this.#sequence = sequence;
      else if (Object.hasOwn(ALT, character)) this.#press(ALT[character]!);
      else this.#plain(character); // Escape, then something typed: only the ESC is dropped
    } else if (character < " ") {
      this.#plain(character); // a control key inside a sequence ends it and counts
    } else if (sequence === "\x1b[[") {
      this.#sequence = sequence; // F1 to F5 of the Linux console: one letter follows
    } else if (character >= "@" && character <= "~") {
      this.#finish(sequence.slice(2));
    } else if (character < "@" && sequence.length < SEQUENCE_MAX_CHARACTERS) {
      this.#sequence = sequence;
    } else {
      this.#plain(character);
    }
  }

  #finish(sequence: string): void {
    this.#afterReturn = false;
    if (sequence === PASTE_START) {
      this.#flushText();
      this.#pasting = true;
    } else if (Object.hasOwn(SEQUENCE, sequence)) {
      this.#press(SEQUENCE[sequence]!);
    }
  }

  /** In a paste only its end is a sequence, line ends are Enter, and a tab completes nothing. */
  #paste(character: string): void {
    if (PASTE_END.startsWith(this.#sequence + character)) {
      this.#sequence += character;
      if (this.#sequence !== PASTE_END) return;
      this.#sequence = "";
      this.#pasting = false;
      this.#afterReturn = false;
      return;
    }
    if (this.#sequence !== "") {
      // Not the end after all: what was held back is pasted text, its ESC left out.
      this.#text += this.#sequence.slice(1);
      this.#sequence = "";
      return this.#paste(character);
    }
    if (character === "\r" || character === "\n") this.#plain(character);
    else {
      this.#afterReturn = false;
      this.#text += typable(character);
    }
  }

  #press(key: Key): void {
    this.#flushText();
    this.#inputs.push({ key });
  }

  #flushText(): void {
    if (this.#text !== "") this.#inputs.push({ text: this.#text });
    this.#text = "";
  }
}
