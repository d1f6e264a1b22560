/**
 * Fuzzing: inputs that are valid ones with damage, and how the time they take grows with their length.
 *
 * @module
 */

import { bytes } from "./helpers.ts";
import { Random } from "./random.ts";

/** A decoder or parser, and what is known to hold for any input. */
export interface Target {
  /** What is fuzzed, and the file it is in. */
  readonly name: string;
  /** Inputs that mean something: damage to these gets further than noise does. */
  readonly corpus: readonly string[];
  /** Takes one input; throws what must never be thrown, and where a result breaks a rule. */
  check(input: Uint8Array, random: Random): void;
  /** Ways to take a large input in, whose time is measured. Default: `check`. */
  readonly costs?: readonly ((input: Uint8Array) => void)[];
}

/** What stands where it hurts: ends, escapes, separators, half and whole characters of UTF-8. */
const TOKENS: readonly Uint8Array[] = [
  ..."\n,\r\n,\r,\0,\x1b,\x1b[,\x1b[200~,\x1b[201~,\x7f,\t, ,  ,:,: ,/,[,],=,-,--,_,.,%,0,a,9999999999"
    .split(","),
  ...["é", "界", "🙂", "👨‍👩‍👧", "e\u0301", "\u202e", "\u2066", "\u200d", "\ufe0f", "\ufeff", "\u0085"],
  "__proto__",
].map(bytes).concat([[0xff], [0x80], [0xc3], [0xe2, 0x82], [0xf0, 0x9f], [0xed, 0xa0, 0x80]].map(
  (each) => Uint8Array.from(each),
));

/** One input in so many has a run that is longer than any limit on lines. */
const LONG_RUNS = 2000;
const LONG_RUN_BYTES = 20_000;
const NOISE_BYTES = 48;
const DAMAGES = 4;

/** Bytes that are cut up and put together again, in one buffer for all of them. */
class Clay {
  #bytes = new Uint8Array(512 * 1024);
  length = 0;

  /** Replaces `count` bytes at `at`; what would not fit is left as it is. */
  replace(at: number, count: number, by: Uint8Array): void {
    const length = this.length - count + by.length;
    if (length > this.#bytes.length) return;
    this.#bytes.copyWithin(at + by.length, at + count, this.length);
    this.#bytes.set(by, at);
    this.length = length;
  }

  flip(at: number, bits: number): void {
    this.#bytes[at]! ^= bits;
  }

  slice(from = 0, to = this.length): Uint8Array {
    return this.#bytes.slice(from, to);
  }
}

const clay = new Clay();

/** An input: one of the corpus with some damage, or as it is, or noise. */
export function invented(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  if (random.below(10) === 0) return random.bytes(random.below(NOISE_BYTES));
  clay.replace(0, clay.length, random.pick(corpus));
  for (let damages = random.below(DAMAGES + 1); damages > 0; damages--) damage(corpus, random);
  if (random.below(LONG_RUNS) === 0) {
    const run = repeated(random.pick(TOKENS), random.below(LONG_RUN_BYTES));
    clay.replace(random.below(clay.length + 1), 0, run);
  }
  return clay.slice();
}

function damage(corpus: readonly Uint8Array[], random: Random): void {
  const at = random.below(clay.length + 1);
  const count = random.below(Math.min(clay.length - at, 16) + 1);
  switch (random.below(6)) {
    case 0:
      if (at < clay.length) clay.flip(at, 1 << random.below(8));
      return;
    case 1:
      return clay.replace(at, count, new Uint8Array());
    case 2:
      return clay.replace(at, 0, clay.slice(at, at + count));
    case 3:
      return clay.replace(at, 0, random.pick(TOKENS));
    case 4:
      return clay.replace(at, 0, repeated(random.pick(TOKENS), random.below(40)));
    case 5: {
      // The beginning of one and the end of another.
      const other = random.pick(corpus);
      return clay.replace(at, clay.length - at, other.subarray(random.below(other.length + 1)));
    }
  }
}

function repeated(pattern: Uint8Array, length: number): Uint8Array {
  const run = new Uint8Array(length);
  for (let at = 0; at < length; at++) run[at] = pattern[at % pattern.length]!;
  return run;
}

/** Cuts an input into pieces as reads might, some of them empty. */
export function pieces(input: Uint8Array, random: Random): Uint8Array[] {
  const cut: Uint8Array[] = [];
  const longest = random.below(4) === 0 ? 4 : input.length + 1;
  for (let at = 0; at < input.length;) {
    const end = at + random.below(longest + 1);
    // Copied, as a read's buffer is used again: a splitter that keeps a view is found out.
    cut.push(input.slice(at, end));
    at = Math.min(end, input.length);
  }
  return cut;
}

/** Fuzzes a target; the input of number i comes from `seed` + i alone. Throws with what finds it again. */
export function fuzz(
  target: Target,
  { inputs, seed, onInput }: { inputs: number; seed: number; onInput?: (i: number) => void },
): void {
  const corpus = target.corpus.map(bytes);
  for (let i = 0; i < inputs; i++) {
    const random = new Random(seed + i);
    const input = invented(corpus, random);
    try {
      target.check(input, random);
    } catch (error) {
      const shown = JSON.stringify(String.fromCharCode(...input.subarray(0, 500)));
      const again = `--target "${target.name}" --inputs 1 --seed ${seed + i}`;
      throw new Error(`${target.name}: ${error} for ${shown} (${again})`, { cause: error });
    }
    onInput?.(i);
  }
}

/** Inputs of 1 KiB, doubled so many times. */
const SMALLEST_BYTES = 1024;
const DOUBLINGS = 7;
/** Growth by less than that is no quadratic time, which would be by 4. */
export const MOST_GROWTH = 2.5;
/** What takes less says nothing about growth. */
const LEAST_MS = 1;
/** A steep step is measured again, for so long and so often: chance and garbage have their share in one. */
const CAREFUL_MS = 10;
const CAREFUL_ROUNDS = 30;
/** No more than two rounds of what takes longer than that. */
const SLOW_MS = 500;
/** Linear time, as well as it can be measured. */
const LINEAR = 2.2;

/** The steepest growth of time on doubling an input, and the shape of that input in words. */
export interface Growth {
  readonly factor: number;
  readonly shape: string;
}

/** Measures how time grows with inputs of many shapes; stops at one that grows too steeply. */
export function growth(
  target: Target,
  { seed, now = () => performance.now() }: { seed: number; now?: () => number },
): Growth {
  const random = new Random(seed);
  const costs = target.costs ?? [(input: Uint8Array) => target.check(input, new Random(seed))];
  let worst: Growth = { factor: 0, shape: "" };
  for (const { name, make } of shapes(target.corpus.map(bytes), random)) {
    for (const [i, cost] of costs.entries()) {
      const timed = (size: number) => {
        const input = make(size);
        const from = now();
        cost(input);
        return now() - from;
      };
      const factor = steepest(timed, worst.factor);
      if (factor > worst.factor) {
        worst = { factor, shape: i === 0 ? name : `${name}, way ${i + 1}` };
      }
      if (factor > MOST_GROWTH) return worst;
    }
  }
  return worst;
}

/** Long inputs: noise, valid ones again and again, and runs inside a valid one. */
function* shapes(
  corpus: readonly Uint8Array[],
  random: Random,
): Generator<{ name: string; make: (size: number) => Uint8Array }> {
  yield { name: "noise", make: (size) => new Random(1).bytes(size) };
  for (const entry of corpus.filter((entry) => entry.length > 0)) {
    yield { name: `${show(entry)} again and again`, make: (size) => whole(entry, size) };
  }
  for (const token of TOKENS) {
    yield { name: `a run of ${show(token)}`, make: (size) => whole(token, size) };
    const entry = random.pick(corpus);
    const at = random.below(entry.length + 1);
    const make = (size: number) => {
      clay.replace(0, clay.length, entry);
      clay.replace(at, 0, whole(token, size));
      return clay.slice();
    };
    yield { name: `a run of ${show(token)} at ${at} of ${show(entry)}`, make };
  }
}

/** As `repeated`, without the part of one at the end: half a character there makes decoding slower. */
function whole(pattern: Uint8Array, length: number): Uint8Array {
  return repeated(pattern, length - length % pattern.length);
}

/** The steepest growth at any size; what is less steep than `known` is not measured with care. */
function steepest(timed: (size: number) => number, known: number): number {
  let worst = known;
  let before = Infinity;
  // From small inputs on, so that what takes cubic time is found before it takes hours.
  for (let i = 0, size = SMALLEST_BYTES; i <= DOUBLINGS && worst <= MOST_GROWTH; i++, size *= 2) {
    const time = timed(size);
    if (time >= LEAST_MS && time / before > worst) worst = Math.max(worst, measured(timed, size));
    before = time;
  }
  return worst;
}

/**
 * The growth at a size: the lesser one of the doublings to it and from it, because somewhere the runtime
 * goes another way for larger inputs, which is a step but no slope.
 */
function measured(timed: (size: number) => number, size: number): number {
  const times = [Infinity, Infinity, Infinity];
  let factor = Infinity;
  for (let round = 0; round < CAREFUL_ROUNDS && !(factor < LINEAR); round++) {
    times.forEach((time, i) => times[i] = Math.min(time, carefully(timed, size / 2 * 2 ** i)));
    factor = Math.min(times[1]! / times[0]!, times[2]! / times[1]!);
    if (times[2]! > SLOW_MS && round > 0) break;
  }
  return factor;
}

/** The time of one, from as many as it takes to have their garbage collected, too. */
function carefully(timed: (size: number) => number, size: number): number {
  let total = 0;
  let times = 0;
  for (; total < CAREFUL_MS; times++) total += timed(size);
  return total / times;
}

function show(pattern: Uint8Array): string {
  return JSON.stringify(String.fromCharCode(...pattern.subarray(0, 20)));
}
