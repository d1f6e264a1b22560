// What this project relies on in @std. It must hold for the packages in offline/std and, with the
// "links" line of deno.json removed, for those of JSR. Assertions are checked with node:assert: they
// cannot vouch for themselves.

import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { assertRejects } from "@std/assert/rejects";
import { assertStringIncludes } from "@std/assert/string-includes";
import { assertThrows } from "@std/assert/throws";
import { parseArgs, type ParseOptions } from "@std/cli/parse-args";
import { TextLineStream } from "@std/streams/text-line-stream";

/** A test that may touch nothing outside. */
function pure(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** Checks that `fn` fails as an assertion, with a message that has all of `parts` in it. */
function failsWith(fn: () => void, ...parts: string[]): void {
  throws(fn, (error: unknown) => hasParts(error, parts));
}

function hasParts(error: unknown, parts: readonly string[]): true {
  ok(error instanceof Error);
  strictEqual(error.name, "AssertionError");
  for (const part of parts) {
    ok(error.message.includes(part), `${JSON.stringify(error.message)} lacks ${part}`);
  }
  return true;
}

/** Command lines, what they are parsed with, and the whole result. */
type Cases = readonly (readonly [args: string, options: ParseOptions, result: object])[];

function parses(cases: Cases): void {
  for (const [line, options, result] of cases) {
    const args = line === "" ? [] : line.split(" ");
    deepStrictEqual({ ...parseArgs(args, options) }, result, `${line} ${JSON.stringify(options)}`);
  }
}

// @std/cli/parse-args

pure("parseArgs() gives options their values when none is declared", () => {
  parses([
    ["", {}, { _: [] }],
    ["one two", {}, { _: ["one", "two"] }],
    ["--port 5555", {}, { _: [], port: 5555 }],
    ["--port=5555", {}, { _: [], port: 5555 }],
    ["-p 5555", {}, { _: [], p: 5555 }],
    ["-p5555", {}, { _: [], p: 5555 }],
    ["-p=5555", {}, { _: [], p: 5555 }],
    ["--name ada --verbose", {}, { _: [], name: "ada", verbose: true }],
    ["--name=a=b", {}, { _: [], name: "a=b" }],
    ["--verbose --name ada", {}, { _: [], verbose: true, name: "ada" }],
    ["-v -n", {}, { _: [], v: true, n: true }],
    ["-ab", {}, { _: [], a: true, b: true }],
    ["-ab five", {}, { _: [], a: true, b: "five" }],
    ["-I/tmp/x", {}, { _: [], I: "/tmp/x" }],
    ["-n -", {}, { _: [], n: "-" }],
    ["-", {}, { _: ["-"] }],
    ["--a 1 --a 2", {}, { _: [], a: 2 }],
    ["--no-color", {}, { _: [], "no-color": true }],
  ]);
  deepStrictEqual({ ...parseArgs(["--a", "", "b c"]) }, { _: ["", "b c"], a: true });
});

pure("parseArgs() makes numbers of what looks like one when it is not declared a string", () => {
  parses([
    ["1 -2 x3", {}, { _: [1], 2: "x3" }],
    ["12 1.5 1e3 0x1f 1f 5x", {}, { _: [12, 1.5, 1000, 31, "1f", "5x"] }],
    ["--a 007", {}, { _: [], a: 7 }],
    ["--a 007", { string: ["a"] }, { _: [], a: "007" }],
    ["007", { string: "_" }, { _: ["007"] }],
    ["007 --a 007", { string: ["_"] }, { _: ["007"], a: 7 }],
  ]);
});

pure("parseArgs() leaves a declared string as it is when it has a value", () => {
  const options = { string: ["port", "p"] };
  parses([
    ["", options, { _: [] }],
    ["--port 5555 x", options, { _: ["x"], port: "5555" }],
    ["--port=5555", options, { _: [], port: "5555" }],
    ["-p5555", options, { _: [], p: "5555" }],
    ["-p=5555", options, { _: [], p: "5555" }],
    ["--port", options, { _: [], port: "" }],
    ["--port -p", options, { _: [], port: "", p: "" }],
    ["--port 1 --port 2", options, { _: [], port: "2" }],
  ]);
});

pure("parseArgs() gives a boolean no value unless it is spelt out", () => {
  const options = { boolean: ["verbose", "v"] };
  parses([
    ["", options, { _: [], verbose: false, v: false }],
    ["--verbose x", options, { _: ["x"], verbose: true, v: false }],
    ["-v x", options, { _: ["x"], verbose: false, v: true }],
    ["--verbose false x", options, { _: ["x"], verbose: false, v: false }],
    ["--verbose=false", options, { _: [], verbose: false, v: false }],
    ["--verbose=yes", options, { _: [], verbose: true, v: false }],
    ["-v true", options, { _: [], verbose: false, v: true }],
    ["--any x --to=y -p 5", { boolean: true }, { _: ["x"], any: true, to: "y", p: 5 }],
  ]);
});

pure("parseArgs() sets both names when an option has an alias", () => {
  const options = { string: ["port"], boolean: ["help"], alias: { port: "p", help: ["h", "?"] } };
  const none = { help: false, h: false, "?": false };
  parses([
    ["-p 5", options, { _: [], ...none, port: "5", p: "5" }],
    ["--port=5", options, { _: [], ...none, port: "5", p: "5" }],
    ["-h x", options, { _: ["x"], help: true, h: true, "?": true }],
    ["-p 5", { alias: { p: "port" } }, { _: [], port: 5, p: 5 }],
    ["-h x", { boolean: "help", alias: { h: "help" } }, { _: ["x"], help: true, h: true }],
  ]);
});

pure("parseArgs() uses a default when the option is not given", () => {
  parses([
    ["", { default: { port: 5555 } }, { _: [], port: 5555 }],
    ["--port 1", { default: { port: 5555 } }, { _: [], port: 1 }],
    ["", { boolean: "v", default: { v: true } }, { _: [], v: true }],
    ["", { boolean: "v", default: { v: null } }, { _: [], v: null }],
    ["", { default: { port: 1 }, alias: { port: "p" } }, { _: [], port: 1, p: 1 }],
    ["-p 2", { default: { port: 1 }, alias: { port: "p" } }, { _: [], port: 2, p: 2 }],
  ]);
});

pure("parseArgs() collects the values when an option may be repeated", () => {
  parses([
    ["--to a --to b", { collect: "to" }, { _: [], to: ["a", "b"] }],
    ["--to 1", { collect: ["to"], string: ["to"] }, { _: [], to: ["1"] }],
    ["", { collect: ["to", "v"], string: "to", boolean: "v" }, { _: [], to: [], v: [] }],
    ["-t a --to b", { collect: "to", alias: { to: "t" } }, {
      _: [],
      to: ["a", "b"],
      t: ["a", "b"],
    }],
    ["", { collect: "to", default: { to: ["x"] } }, { _: [], to: ["x"] }],
  ]);
});

pure("parseArgs() takes --no-name for false when the name is negatable", () => {
  const options = { boolean: ["color"], negatable: ["color"] };
  parses([
    ["--no-color x", options, { _: ["x"], color: false }],
    ["--no-color --color", options, { _: [], color: true }],
    ["--no-color", { ...options, default: { color: true } }, { _: [], color: false }],
    ["--no-other", options, { _: [], color: false, "no-other": true }],
    [
      "--to a --no-to",
      { string: "to", collect: "to", negatable: "to", alias: { to: "t" } },
      { _: [], to: false, t: false },
    ],
  ]);
});

pure("parseArgs() takes everything for words when they stand after --", () => {
  parses([
    ["-a -- -b 5", {}, { _: ["-b", "5"], a: true }],
    ["x -- -b 5", { "--": true }, { _: ["x"], "--": ["-b", "5"] }],
    ["x", { "--": true }, { _: ["x"], "--": [] }],
  ]);
});

pure("parseArgs() takes everything for words after the first when it is to stop early", () => {
  parses([
    ["--a b c --d 5", { stopEarly: true }, { _: ["c", "--d", "5"], a: "b" }],
    ["--a b c --d 5", { stopEarly: false }, { _: ["c"], a: "b", d: 5 }],
  ]);
});

pure("parseArgs() nests values when a name has dots", () => {
  parses([
    ["--a.b 1 --a.c.d=x", {}, { _: [], a: { b: 1, c: { d: "x" } } }],
    ["", { default: { "a.b": 1 } }, { _: [], a: { b: 1 } }],
    ["", { boolean: ["a.b"] }, { _: [], a: { b: false } }],
  ]);
});

pure("parseArgs() asks unknown when a word or an undeclared option comes", () => {
  const line = "word --bad 5 -x --port 1 -h --flag=y 7".split(" ");
  const declared = { string: ["port"], boolean: ["help"], alias: { help: "h" } };
  for (const verdict of [true, false]) {
    const asked: unknown[][] = [];
    const unknown = (...parts: unknown[]) => {
      asked.push(parts);
      return verdict;
    };
    const parsed = parseArgs(line, { ...declared, unknown });
    deepStrictEqual(asked, [
      ["word"],
      ["--bad", "bad", "5"],
      ["-x", "x", true],
      ["--flag=y", "flag", "y"],
      ["7"],
    ]);
    const known = { port: "1", help: true, h: true };
    const others = { _: ["word", 7], bad: 5, x: true, flag: "y" };
    deepStrictEqual({ ...parsed }, verdict ? { ...known, ...others } : { ...known, _: [] });
  }
});

pure("parseArgs() keeps what is not false when unknown returns nothing", () => {
  const parsed = parseArgs(["a", "--b"], { unknown: () => undefined });
  deepStrictEqual({ ...parsed }, { _: ["a"], b: true });
});

pure("parseArgs() lets an error through when unknown throws one", () => {
  const unknown = (arg: string) => {
    throw new RangeError(arg);
  };
  throws(() => parseArgs(["--bad"], { unknown }), { name: "RangeError", message: "--bad" });
});

pure("parseArgs() tells the types of the options when their names are literals", () => {
  const parsed = parseArgs(["--port=1", "--to=a", "--", "b"], {
    string: ["host", "port"],
    boolean: ["help"],
    collect: ["to"],
    default: { port: "5555" },
    "--": true,
  });
  // The compiler checks these: none of them would do with a value of type unknown.
  const host: string | undefined = parsed.host;
  const port: string = parsed.port;
  const help: boolean = parsed.help;
  const to: unknown[] = parsed.to;
  const after: string[] = parsed["--"];
  const words: (string | number)[] = parsed._;
  // @ts-expect-error an option without a default may be absent
  const sure: string = parsed.host;
  deepStrictEqual(
    [host, port, help, to, after, words, sure],
    [undefined, "1", false, ["a"], ["b"], [], undefined],
  );
});

// @std/assert

pure("assert() throws when its argument is not truthy", () => {
  for (const value of [true, 1, "x", {}, []]) assert(value);
  for (const value of [false, 0, "", null, undefined, NaN]) failsWith(() => assert(value));
  failsWith(() => assert(false, "the reason"), "the reason");
  const value: string | undefined = ["x"].find(() => true);
  assert(value);
  strictEqual(value.length, 1);
});

class Point {
  #x: number;
  constructor(x: number) {
    this.#x = x;
  }
  get x(): number {
    return this.#x;
  }
}

const cycle = (): object => {
  const inner: { self?: object } = {};
  inner.self = inner;
  return inner;
};

const EQUAL: readonly (readonly [unknown, unknown])[] = [
  ["a", "a"],
  [NaN, NaN],
  [0, -0],
  [[1, [2, "3"]], [1, [2, "3"]]],
  [{ a: 1, b: { c: [2] } }, { b: { c: [2] }, a: 1 }],
  [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  [new Uint8Array([1, 2]), new Uint8Array([0, 1, 2]).subarray(1)],
  [new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).buffer],
  [new Map([["a", { b: 1 }], ["c", { b: 2 }]]), new Map([["c", { b: 2 }], ["a", { b: 1 }]])],
  [new Map([[{ a: 1 }, 2]]), new Map([[{ a: 1 }, 2]])],
  [new Set([1, { a: 2 }]), new Set([{ a: 2 }, 1])],
  [new Date(5), new Date(5)],
  [/a/g, /a/g],
  [new URL("tcp://a:1"), new URL("tcp://a:1")],
  [new Point(1), new Point(1)],
  [cycle(), cycle()],
];

const UNEQUAL: readonly (readonly [unknown, unknown])[] = [
  ["a", "b"],
  ["1", 1],
  [null, undefined],
  [1, 1n],
  [[1, 2], [2, 1]],
  [[1], [1, undefined]],
  [{ a: undefined }, {}],
  [{ a: undefined }, { b: undefined }],
  [{ a: 1 }, { a: 1, b: 2 }],
  [[1], { 0: 1 }],
  [new Uint8Array([1, 2]), [1, 2]],
  [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  [new Uint8Array([1, 2]), new Int8Array([1, 2])],
  [new Map([["a", 1]]), new Map([["a", 2]])],
  [new Map([["a", undefined]]), new Map([["b", undefined]])],
  [new Set([1]), new Set([2])],
  [new Date(5), new Date(6)],
  [/a/g, /a/],
  [new URL("tcp://a:1"), new URL("tcp://a:2")],
  [new Point(1), new Point(2)],
  [new Point(1), { x: 1 }],
  [() => {}, () => {}],
];

pure("assertEquals() throws when the two are not deeply equal", () => {
  for (const [a, b] of EQUAL) assertEquals(a, b);
  for (const [a, b] of UNEQUAL) failsWith(() => assertEquals(a, b), "Values are not equal.");
});

pure("assertEquals() shows the difference when it fails", () => {
  failsWith(
    () => assertEquals({ kept: 1, mine: "left" }, { kept: 1, mine: "right" }, "the reason"),
    "Values are not equal: the reason",
    "left",
    "right",
  );
  const lines = (middle: string) => `first\r\n${middle}\nlast\n`;
  failsWith(() => assertEquals(lines("this"), lines("that")), "this", "that", "\\r");
  failsWith(() => assertEquals(new Uint8Array([1, 77]), new Uint8Array([1, 99])), "77", "99");
});

pure("assertStringIncludes() throws when the part is not in the text", () => {
  assertStringIncludes("a text", "tex");
  failsWith(() => assertStringIncludes("a text", "word"), '"a text"', '"word"');
  failsWith(() => assertStringIncludes("a", "b", "the reason"), ": the reason");
});

pure("assertMatch() throws when the text does not match", () => {
  assertMatch("port 5555", /\d+$/);
  failsWith(() => assertMatch("no port", /\d+$/), '"no port"', "/\\d+$/");
  failsWith(() => assertMatch("a", /b/, "the reason"), ": the reason");
});

pure("assertThrows() returns what was thrown when it is what was asked for", () => {
  const error = new TypeError("the port is taken");
  const fn = () => {
    throw error;
  };
  strictEqual(assertThrows(fn), error);
  strictEqual(assertThrows(fn, "the reason"), error);
  strictEqual(assertThrows(fn, TypeError).message, error.message);
  strictEqual(assertThrows(fn, Error, "port is"), error);
  strictEqual(
    assertThrows(() => {
      throw 5;
    }),
    5,
  );
});

pure("assertThrows() fails when nothing or something else is thrown", () => {
  const fn = () => {
    throw new TypeError("the port is taken");
  };
  const number = () => {
    throw 5;
  };
  failsWith(() => assertThrows(() => {}), "Expected function to throw.");
  failsWith(() => assertThrows(() => {}, "the reason"), "to throw: the reason");
  failsWith(() => assertThrows(() => {}, Error, "", "the reason"), "to throw: the reason");
  failsWith(() => assertThrows(fn, RangeError), '"RangeError"', '"TypeError"');
  failsWith(
    () => assertThrows(fn, TypeError, "free", "the reason"),
    "free",
    "taken",
    ": the reason",
  );
  failsWith(() => assertThrows(number, Error), "A non-Error object was thrown.");
});

pure("assertRejects() resolves to the error when it is what was asked for", async () => {
  const error = new TypeError("the port is taken");
  const fn = () => Promise.reject(error);
  strictEqual(await assertRejects(fn), error);
  strictEqual(await assertRejects(fn, "the reason"), error);
  strictEqual((await assertRejects(fn, TypeError)).message, error.message);
  strictEqual(await assertRejects(fn, Error, "port is"), error);
  strictEqual(await assertRejects(() => Promise.reject(5)), 5);
});

pure("assertRejects() fails when nothing or something else is rejected", async () => {
  const fn = () => Promise.reject(new TypeError("the port is taken"));
  const none = () => Promise.resolve(5);
  const thrower = () => {
    throw new TypeError("at once");
  };
  const cases: readonly (readonly [() => Promise<unknown>, ...string[]])[] = [
    [() => assertRejects(none), "Expected function to reject."],
    [() => assertRejects(none, "the reason"), "to reject: the reason"],
    [() => assertRejects(none, Error, "", "the reason"), "to reject: the reason"],
    [() => assertRejects(thrower), "Function throws when expected to reject."],
    [() => assertRejects(fn, RangeError), '"RangeError"', '"TypeError"'],
    [() => assertRejects(fn, TypeError, "free", "the reason"), "free", "taken", ": the reason"],
    [() => assertRejects(() => Promise.reject(5), Error), "A non-Error object was rejected."],
  ];
  for (const [outcome, ...parts] of cases) {
    await rejects(outcome(), (error: unknown) => hasParts(error, parts));
  }
});

// @std/streams

/** The lines of a text, given whole and then cut into pieces of every size. */
async function linesOf(text: string, options?: { allowCR: boolean }): Promise<string[]> {
  const results: string[][] = [];
  for (let size = text.length; size > 0; size--) {
    const pieces = text.match(new RegExp(`.{1,${size}}`, "gs")) ?? [];
    const lines = ReadableStream.from(pieces).pipeThrough(new TextLineStream(options));
    results.push(await Array.fromAsync(lines));
  }
  for (const result of results) deepStrictEqual(result, results[0]);
  return results[0] ?? [];
}

pure("TextLineStream() ends lines at LF and CRLF when not told otherwise", async () => {
  deepStrictEqual(await linesOf("one\ntwo\r\nthree\n"), ["one", "two", "three"]);
  deepStrictEqual(await linesOf("\n\r\n\n"), ["", "", ""]);
  deepStrictEqual(await linesOf("a\rb\r\r\nc"), ["a\rb\r", "c"]);
  deepStrictEqual(await linesOf("no end"), ["no end"]);
  deepStrictEqual(await linesOf("end\r"), ["end\r"]);
});

pure("TextLineStream() ends lines at CR, too, when it is allowed", async () => {
  const options = { allowCR: true };
  deepStrictEqual(await linesOf("a\rb\r\nc\nd", options), ["a", "b", "c", "d"]);
  deepStrictEqual(await linesOf("a\r\r\nb", options), ["a", "", "b"]);
  deepStrictEqual(await linesOf("end\r", options), ["end"]);
});

pure("TextLineStream() gives nothing when nothing comes", async () => {
  const lines = ReadableStream.from<string>([]).pipeThrough(new TextLineStream());
  deepStrictEqual(await Array.fromAsync(lines), []);
});
