/**
 * The names that a client has seen: what Tab completes, and a colour for each on a terminal.
 *
 * @module
 */

import type { Completer } from "./editor.ts";

/** Where names stand in a line, as indices [start, end) in their order. */
export type FindNames = (line: string) => readonly (readonly [start: number, end: number])[];

/** A room that people come and go in for days must not fill the memory. */
const MOST_NAMES = 1000;

/** Colours that can be read on dark and on light ground: no black, white, yellow or dark blue. */
const COLOURS = [31, 32, 33, 35, 36, 91, 92, 94, 95, 96];
const PLAIN = "\x1b[39m";

/** The names in the lines that were shown, the latest last. */
export class Names {
  readonly #find: FindNames;
  readonly #seen = new Set<string>();

  /** `find` knows how the protocol names people. */
  constructor(find: FindNames) {
    this.#find = find;
  }

  /** Keeps a name; of too many the one that was not seen for longest is forgotten. */
  add(name: string): void {
    this.#seen.delete(name);
    this.#seen.add(name);
    if (this.#seen.size <= MOST_NAMES) return;
    for (const oldest of this.#seen) return void this.#seen.delete(oldest);
  }

  /** Keeps the names in a line; returns how many there are. */
  see(line: string): number {
    const found = this.#find(line);
    for (const [start, end] of found) this.add(line.slice(start, end));
    return found.length;
  }

  /** The names that begin so, by the alphabet. */
  startingWith(word: string): string[] {
    return [...this.#seen].filter((name) => name.startsWith(word)).sort();
  }

  /** The line with each name in its colour, as SGR sequences. Its controls must be escaped before. */
  paint(line: string): string {
    let painted = "";
    let at = 0;
    for (const [start, end] of this.#find(line)) {
      const name = line.slice(start, end);
      painted += `${line.slice(at, start)}\x1b[${colour(name)}m${name}${PLAIN}`;
      at = end;
    }
    return painted + line.slice(at);
  }
}

/** Completes a command at the start of a line, and names everywhere else. */
export function completer(commands: readonly string[], names: Names): Completer {
  return (word, line) => {
    const matching = line === word ? commands.filter((command) => command.startsWith(word)) : [];
    return matching.length > 0 || line === "" ? matching : names.startingWith(word);
  };
}

/** The same name has the same colour in every session. */
function colour(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)!) >>> 0;
  return COLOURS[hash % COLOURS.length]!;
}
