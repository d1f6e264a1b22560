import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertThrows } from "@std/assert/throws";
import { TERMINAL } from "./fuzz_terminal.ts";
import { WIRE } from "./fuzz_wire.ts";
import { fuzz, growth, type Target } from "./fuzzing.ts";

const permissions = "none";
/** The task `fuzz` takes a million. */
const INPUTS = 1000;

for (const target of [...WIRE, ...TERMINAL]) {
  Deno.test(`fuzz: ${target.name} takes any input`, { permissions }, () => {
    fuzz(target, { inputs: INPUTS, seed: 1 });
  });
}

Deno.test("fuzz() says which input broke a rule, and finds it again by its seed", {
  permissions,
}, () => {
  const broken: Target = {
    name: "broken",
    corpus: ["a:b"],
    check: (input) => assert(!input.includes(0xff), "it broke"),
  };
  const error = assertThrows(() => fuzz(broken, { inputs: 100_000, seed: 7 }), Error, "it broke");
  const seed = Number(/--seed (\d+)/.exec(error.message)![1]);
  assert(seed > 7);
  fuzz(broken, { inputs: seed - 7, seed: 7 });
  assertThrows(() => fuzz(broken, { inputs: 1, seed }), Error, "it broke");
});

for (const [power, factor] of [[1, 2], [2, 4], [3, 8]] as const) {
  Deno.test(`growth() is ${factor} for time to the power of ${power}`, { permissions }, () => {
    let clock = 0;
    const target: Target = {
      name: "target",
      corpus: ["abcd"],
      check() {},
      costs: [(input) => clock += (input.length / 1024) ** power],
    };
    assertEquals(Math.round(growth(target, { seed: 1, now: () => clock }).factor), factor);
  });
}

Deno.test("growth() is not deceived by a single step", { permissions }, () => {
  let clock = 0;
  const target: Target = {
    name: "target",
    corpus: ["abcd"],
    check() {},
    costs: [({ length }) => clock += length > 20_000 ? length : length / 7],
  };
  assertEquals(Math.round(growth(target, { seed: 1, now: () => clock }).factor), 2);
});
