/**
 * What has come from one place, a connection or a program's output, and expectations of it. Every
 * expectation has one deadline, and looks only at what came after the last one that was met.
 *
 * @module
 */

import { bytes, latin, nearest, quoted } from "./bytes.ts";
import { Failure, type Hint } from "./case.ts";

/** How an expectation is to be met. */
export interface Expect {
  /** Milliseconds, where it is not the usual deadline. */
  readonly within?: number;
  /** What to change, where it is not what the case says. */
  readonly hint?: Hint;
  /** Letter case counts, and a difference in it is a failure. */
  readonly strictCase?: boolean;
}

/** What an inbox needs of the case that it belongs to. */
export interface Watch {
  /** The usual deadline, in milliseconds. */
  readonly deadline: number;
  /** Tells of bytes that came. */
  readonly arrived: (where: string, data: Uint8Array) => void;
  /** Tells of a small difference that passes. */
  readonly remark: (sentence: string) => void;
}

/** Time in which an exact answer may still follow one that differs a little, in milliseconds. */
const GRACE_MS = 150;

/** Bytes that came from one place. */
export class Inbox {
  /** What it is called in reports: `Bob`, `the server's stdout`. */
  readonly where: string;
  readonly #watch: Watch;
  readonly #limit: number;
  #kept = "";
  #cursor = 0;
  #total = 0;
  #lastAt = performance.now();
  #end: string | undefined;
  #wake: () => void = () => {};

  /** An inbox that keeps up to `limit` bytes and counts the rest. */
  constructor(where: string, watch: Watch, limit = 1 << 20) {
    this.where = where;
    this.#watch = watch;
    this.#limit = limit;
  }

  /** Takes bytes that have come. */
  add(data: Uint8Array): void {
    const room = this.#limit - this.#kept.length;
    this.#total += data.length;
    if (room > 0) {
      this.#kept += latin(data.subarray(0, room));
      this.#watch.arrived(this.where, data.subarray(0, room));
    }
    this.#lastAt = performance.now();
    this.#wake();
  }

  /** Takes note that nothing more will come, and how that was learnt: `FIN`, `RST`. */
  end(how: string): void {
    this.#end ??= how;
    this.#wake();
  }

  /** How the stream ended, or undefined while it is open. */
  get ended(): string | undefined {
    return this.#end;
  }

  /** Everything that was kept, as bytes. */
  get all(): Uint8Array {
    return unlatin(this.#kept);
  }

  /** Everything that was kept, as text. */
  get text(): string {
    return new TextDecoder().decode(this.all);
  }

  /** What came after the last expectation that was met, as bytes. */
  get unread(): Uint8Array {
    return unlatin(this.#kept.slice(this.#cursor));
  }

  /** How many bytes came in all, those not kept included. */
  get total(): number {
    return this.#total;
  }

  /** Forgets what has come so far: the next expectation looks at what comes from now on. */
  skip(): void {
    this.#cursor = this.#kept.length;
  }

  /** The next expectation looks at everything that has come. */
  rewind(): void {
    this.#cursor = 0;
  }

  /** Waits until the text is there; resolves to what stood before it. */
  async contains(expected: string, expect: Expect = {}): Promise<string> {
    const want = latin(expected);
    const loose = looseForm(want, expect);
    const met = await this.#settle(expect, (unread) => {
      const at = unread.indexOf(want);
      return at === -1 ? undefined : { at, length: want.length };
    }, (unread) => {
      const match = loose.exec(unread);
      return match ? { at: match.index, length: match[0].length } : undefined;
    });
    if (!met) throw this.#unmet(`to contain ${quoted(expected)}`, expect, bytes(expected));
    if (!met.exact) this.#remark(expected, met.text);
    return met.before;
  }

  /** Waits until all texts are there, in any order; what stands before the last of them is read. */
  async containsAll(expected: readonly string[], expect: Expect = {}): Promise<void> {
    const start = this.#cursor;
    let furthest = start;
    for (const each of expected) {
      this.#cursor = start;
      await this.contains(each, expect);
      furthest = Math.max(furthest, this.#cursor);
    }
    this.#cursor = furthest;
  }

  /** Waits until a match is there; resolves to it, groups as text with one character a byte. */
  async matches(pattern: RegExp, expect: Expect & { as?: string } = {}): Promise<RegExpExecArray> {
    let found: RegExpExecArray | null = null;
    const met = await this.#settle(expect, (unread) => {
      found = pattern.exec(unread);
      return found ? { at: found.index, length: found[0].length } : undefined;
    });
    if (!met || !found) throw this.#unmet(expect.as ?? `to match ${pattern}`, expect);
    return found;
  }

  /** Waits until a whole line is this text; a last line without its end counts once it is quiet. */
  async line(expected: string, expect: Expect = {}): Promise<string> {
    const escaped = escape(latin(expected));
    const loose = expect.strictCase ? "" : "i";
    const whole = new RegExp(`(?<![^\\n])${escaped}(?:\\n|$)`);
    const near = new RegExp(`(?<![^\\n])${escaped}[ \\t\\r]*(?:\\n|$)`, loose);
    const at = (match: RegExpExecArray | null) =>
      match ? { at: match.index, length: match[0].length } : undefined;
    const met = await this.#settle(
      expect,
      (unread) => at(whole.exec(unread)),
      (unread) => at(near.exec(unread)),
    );
    if (!met) throw this.#unmet(`the line ${quoted(expected)}`, expect, bytes(expected));
    if (!met.exact) this.#remark(expected, met.text);
    return met.before;
  }

  /** Waits until the next bytes are exactly these, with nothing before them. */
  async exactly(expected: string | Uint8Array, expect: Expect = {}): Promise<void> {
    const want = latin(expected);
    const loose = new RegExp(
      `^${looseForm(want, expect).source}\\s*$`,
      expect.strictCase ? "" : "i",
    );
    const met = await this.#settle(
      expect,
      (unread) => unread.startsWith(want) ? { at: 0, length: want.length } : undefined,
      (unread) => loose.test(unread) ? { at: 0, length: unread.length } : undefined,
      (unread) => unread.length >= want.length + 64,
    );
    if (!met) throw this.#unmet(`exactly ${quoted(expected)}`, expect, bytes(expected), "start");
    if (!met.exact) this.#remark(expected, met.text);
  }

  /** Waits for `length` bytes, and takes them. */
  async bytes(length: number, expect: Expect = {}): Promise<Uint8Array> {
    const met = await this.#settle(
      expect,
      (unread) => unread.length >= length ? { at: 0, length } : undefined,
    );
    if (!met) throw this.#unmet(`${length} bytes`, expect);
    return unlatin(met.text);
  }

  /**
   * Waits for the sentinel `before`, a later message that must come, and fails when one of the texts came
   * before it. Nothing at all may come where no texts are given (blanks and line ends aside).
   */
  async lacks(
    unwanted: string | readonly string[] | undefined,
    { before, ...expect }: Expect & { before: string },
  ): Promise<void> {
    const start = this.#cursor;
    const came = await this.contains(before, expect);
    const texts = unwanted === undefined ? undefined : [unwanted].flat();
    const bad = texts ? texts.find((each) => came.includes(latin(each))) : came.trim();
    if (bad === undefined || bad === "") return;
    const mark = start + came.indexOf(texts ? latin(bad) : bad);
    const expected = texts ? `no ${quoted(bad)} here` : `nothing before ${quoted(before)}`;
    throw new Failure(expected, { where: this.where, got: this.all, mark, ...hinted(expect) });
  }

  /** Waits until the stream ends, by FIN or RST; resolves to what came before it. */
  async closed(expect: Expect = {}): Promise<string> {
    const within = expect.within ?? this.#watch.deadline;
    await this.#until(() => this.#end !== undefined, within);
    if (this.#end === undefined) throw this.#unmet("the connection to be closed", expect);
    const rest = this.#kept.slice(this.#cursor);
    this.skip();
    return rest;
  }

  /** Waits until nothing has come for `ms`. Only for what is reported, never to prove an absence. */
  async quiet(ms: number): Promise<void> {
    const start = performance.now();
    while (this.#end === undefined) {
      const left = Math.max(start, this.#lastAt) + ms - performance.now();
      if (left <= 0 || performance.now() - start > 10 * ms) return;
      await this.#until(() => false, left);
    }
  }

  /** Waits for `exact`, then, for a moment after it was seen, for `near`. */
  async #settle(
    expect: Expect,
    exact: (unread: string) => Found | undefined,
    near: (unread: string) => Found | undefined = () => undefined,
    hopeless: (unread: string) => boolean = () => false,
  ): Promise<Met | undefined> {
    const start = performance.now();
    let limit = start + (expect.within ?? this.#watch.deadline);
    for (let nearSince: number | undefined;;) {
      const unread = this.#kept.slice(this.#cursor);
      const found = exact(unread);
      if (found) return this.#take(unread, found, true);
      const close = near(unread);
      if (close && nearSince === undefined) {
        nearSince = performance.now();
        limit = Math.min(limit, nearSince + GRACE_MS);
      }
      const over = this.#end !== undefined || performance.now() >= limit || hopeless(unread);
      if (over) return close ? this.#take(unread, close, false) : undefined;
      const length = this.#total;
      await this.#until(
        () => this.#total > length || this.#end !== undefined,
        limit - performance.now(),
      );
    }
  }

  #take(unread: string, { at, length }: Found, exact: boolean): Met {
    this.#cursor += at + length;
    return { before: unread.slice(0, at), text: unread.slice(at, at + length), exact };
  }

  /** Resolves when `test` holds, or after `ms`. */
  async #until(test: () => boolean, ms: number): Promise<void> {
    const limit = performance.now() + ms;
    while (!test()) {
      const left = limit - performance.now();
      if (left <= 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #unmet(expected: string, expect: Expect, want?: Uint8Array, from?: "start"): Failure {
    const unread = this.unread;
    let mark = unread.length;
    if (want) {
      if (from === "start") mark = firstDifference(unread, want);
      else mark = unread.length === 0 ? 0 : nearest(unread, want).at;
    }
    const ended = this.#end === undefined ? "" : `; it was ended (${this.#end}) before that`;
    return new Failure(expected + ended, {
      where: this.where,
      got: this.all,
      mark: this.#cursor + mark,
      ...this.#end === undefined ? { waited: expect.within ?? this.#watch.deadline } : {},
      ...hinted(expect),
    });
  }

  #remark(expected: string | Uint8Array, got: string): void {
    this.#watch.remark(
      `${this.where}: ${quoted(unlatin(got))} where the document has ${quoted(expected)}`,
    );
  }
}

interface Found {
  readonly at: number;
  readonly length: number;
}

interface Met {
  readonly before: string;
  readonly text: string;
  readonly exact: boolean;
}

function hinted({ hint }: Expect): { hint?: Hint } {
  return hint ? { hint } : {};
}

/** The offset of the first byte in which the two differ. */
export function firstDifference(got: Uint8Array, expected: Uint8Array): number {
  let at = 0;
  while (at < got.length && at < expected.length && got[at] === expected[at]) at++;
  return at;
}

/** Bytes of a text that has one character a byte. */
function unlatin(data: string): Uint8Array {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = data.charCodeAt(i);
  return out;
}

function escape(data: string): string {
  return data.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** A pattern for a text of one character a byte that leaves blanks at line ends, CR, the last line end and letter case free. */
function looseForm(expected: string, { strictCase }: Expect): RegExp {
  const lines = expected.replace(/\n$/, "").split("\n");
  const pattern = lines.map((line) => escape(line.replace(/[ \t\r]+$/, ""))).join("[ \\t\\r]*\\n");
  return new RegExp(pattern, strictCase ? "" : "i");
}
