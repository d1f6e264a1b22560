import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertRejects } from "@std/assert/rejects";
import { StartError } from "../lib/program.ts";
import { keepLinked, LinkSplitter, LoopGuard, MEMORY_MS } from "../overlay.ts";

/** Nothing here opens a socket or looks at a clock. */
function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** A guard with the links 1, 2 and 3, and its clock. */
function guard(): { guard: LoopGuard; clock: { now: number } } {
  const clock = { now: 0 };
  const guard = new LoopGuard(() => clock.now);
  for (const link of [1, 2, 3]) guard.opened(link);
  return { guard, clock };
}

const LINE = "a to b: hi";

test("LoopGuard takes a repeated line for a message when the same link brings it", () => {
  const { guard: each } = guard();
  for (let i = 0; i < 100; i++) assertEquals(each.arrived(LINE, 1), true);
});

test("LoopGuard takes a line for a copy when another link has brought it as often", () => {
  const { guard: each } = guard();
  assertEquals(each.arrived(LINE, 1), true);
  assertEquals(each.arrived(LINE, 2), false);
  assertEquals(each.arrived(LINE, 2), true);
  assertEquals(each.arrived(LINE, 1), false);
  assertEquals(each.arrived(LINE, 3), false);
  assertEquals(each.arrived(LINE, 3), false);
  assertEquals(each.arrived("a to b: ho", 3), true);
});

test("LoopGuard allows one copy on each link for each line that it sent out", () => {
  const { guard: each } = guard();
  each.originated(LINE);
  assertEquals([each.arrived(LINE, 1), each.arrived(LINE, 2)], [false, false]);
  each.originated(LINE);
  each.originated(LINE);
  assertEquals([each.arrived(LINE, 1), each.arrived(LINE, 1)], [false, false]);
  assertEquals(each.arrived(LINE, 1), true);
});

test("LoopGuard forgets a line when it was not seen for five seconds", () => {
  const { guard: each, clock } = guard();
  each.originated(LINE);
  clock.now += MEMORY_MS;
  assertEquals(each.arrived(LINE, 1), false);
  clock.now += MEMORY_MS + 1;
  assertEquals(each.arrived(LINE, 1), true);
  for (let i = 0; i < 10; i++) {
    clock.now += MEMORY_MS - 1;
    assertEquals(each.arrived(LINE, 2), i > 0);
  }
});

test("LoopGuard loses no repeated line when a link is made again or another takes over", () => {
  const { guard: each } = guard();
  assertEquals(each.arrived(LINE, 1), true);
  each.closed(1);
  each.opened(4);
  assertEquals(each.arrived(LINE, 4), true);
  each.closed(4);
  assertEquals(each.arrived(LINE, 2), true);
  // A line that was known before the link was made.
  each.opened(5);
  assertEquals([each.arrived(LINE, 5), each.arrived(LINE, 5)], [true, true]);
  each.closed(5);
  assertEquals(each.arrived(LINE, 3), true);
});

test("LoopGuard bounds what it knows when lines are many and long", () => {
  const { guard: each } = guard();
  const long = "x".repeat(4000);
  for (let i = 0; i < 5000; i++) assertEquals(each.arrived(`${i} to b: ${long}`, 1), true);
  // The latest are known, the first are not: five seconds have not passed.
  assertEquals(each.arrived(`4999 to b: ${long}`, 2), false);
  for (let i = 0; i < 5000; i++) each.arrived(`again ${i} to b: ${long}`, 1);
  assertEquals(each.arrived(`0 to b: ${long}`, 2), true);
});

test("LoopGuard knows an echo while strangers' links come and go", () => {
  const { guard: each } = guard();
  each.originated(LINE);
  for (let link = 10; link < 310; link++) {
    each.opened(link);
    assertEquals(each.arrived(`${link} to b: mine`, link), true);
    each.closed(link);
  }
  assertEquals([each.arrived(LINE, 1), each.arrived(LINE, 2)], [false, false]);
  assertEquals(each.arrived(LINE, 1), true);
});

test("LoopGuard costs the same for a link that opens and closes, however many lines it knows", () => {
  const { guard: each } = guard();
  const opens = (first: number) => {
    const before = performance.now();
    for (let link = first; link < first + 300; link++) each.opened(link);
    for (let link = first; link < first + 300; link++) each.closed(link);
    return performance.now() - before;
  };
  const control = opens(10);
  for (let i = 0; i < 70_000; i++) each.arrived(`a to b: ${i}`, 1);
  const heap = Deno.memoryUsage().heapUsed;
  for (let link = 400; link < 700; link++) each.opened(link);
  // Known still, and looked at by one of the new links.
  assertEquals(each.arrived("a to b: 69999", 2), false);
  assertEquals(each.arrived("a to b: 69999", 500), true);
  const grown = Deno.memoryUsage().heapUsed - heap;
  const ms = opens(700);
  assert(ms < Math.max(50, 10 * control), `${ms} ms, ${control} ms where no line was known`);
  assert(grown < 16 * 1024 * 1024, `${grown} bytes more`);
});

/** What a splitter makes of reads; `null` is a silence, and the stream ends behind. */
function lines(...input: (string | null)[]): string[] {
  const splitter = new LinkSplitter(100);
  const frames = input.flatMap((each) =>
    each === null ? splitter.silence() : splitter.push(new TextEncoder().encode(each))
  );
  return [...frames, ...splitter.end()].map((frame) => new TextDecoder().decode(frame));
}

test("LinkSplitter takes a line when it ends or when a silence follows it", () => {
  assertEquals(lines("a to b: c\na to b: d\r\n"), ["a to b: c", "a to b: d"]);
  assertEquals(lines("a to b: c", null, "a to b: d", null), ["a to b: c", "a to b: d"]);
  assertEquals(lines("a to b: c\n", "a to b: d", null, "a to b: e\n"), [
    ...["a to b: c", "a to b: d", "a to b: e"],
  ]);
  // What is no message waits no longer than one: what follows it is heard.
  assertEquals(lines("hello there", null, "a to b: c", null), ["hello there", "a to b: c"]);
});

test("LinkSplitter takes a message whole however it is split", () => {
  const whole = "bob-1 to b: c d e to: f";
  for (let cut = 0; cut <= whole.length; cut++) {
    assertEquals(lines(whole.slice(0, cut), `${whole.slice(cut)}\n`), [whole]);
    assertEquals(lines(whole.slice(0, cut), whole.slice(cut), null), [whole]);
  }
  assertEquals(lines(...whole, null), [whole]);
});

test("LinkSplitter cuts messages without line ends apart where a read begins with one", () => {
  assertEquals(lines("a to b: c", "d to e: f", null), ["a to b: c", "d to e: f"]);
  assertEquals(lines("hello there", "d to e: f", null), ["hello there", "d to e: f"]);
  assertEquals(lines("x to y: z\n", "a to b: c", "d to e: f", null), [
    ...["x to y: z", "a to b: c", "d to e: f"],
  ]);
  assertEquals(lines("a to b: c", " d to e: f", null), ["a to b: c d to e: f"]);
  assertEquals(lines("a to b: c", "d to e", null), ["a to b: cd to e"]);
  // The first part of a longer write is not cut at a text of its own, nor what stands behind a line end.
  const long = `a to b: ${"x".repeat(528)}`;
  const splitter = new LinkSplitter(1000);
  const push = (text: string) => splitter.push(new TextEncoder().encode(text)).length;
  assertEquals([push(long), push("d to e: f"), splitter.silence()[0]?.length], [0, 0, 545]);
  assertEquals(lines("x to y: z\na to b: c", "d to e: f", null), [
    ...["x to y: z", "a to b: cd to e: f"],
  ]);
});

test("LinkSplitter drops what is unfinished at the end, unless no line ends were sent", () => {
  assertEquals(lines("a to b: c\na to b: d"), ["a to b: c"]);
  assertEquals(lines("a to b: c"), ["a to b: c"]);
});

test("LinkSplitter waits longer for the rest of a line when line ends were sent", () => {
  const splitter = new LinkSplitter(100);
  assertEquals(splitter.patienceMs, undefined);
  splitter.push(new TextEncoder().encode("a"));
  assertEquals(splitter.patienceMs, 100);
  splitter.push(new TextEncoder().encode("b\n"));
  assertEquals(splitter.patienceMs, undefined);
  splitter.push(new TextEncoder().encode("a to b: c"));
  assertEquals(splitter.patienceMs, 1000);
});

/** Runs keepLinked() over a list of tries: seconds that each link lasts, or why there was none. */
async function waits(tries: (number | StartError)[]): Promise<{ ms: number[]; notes: string[] }> {
  const controller = new AbortController();
  const ms: number[] = [];
  const notes: string[] = [];
  let now = 0;
  const left = [...tries];
  await keepLinked<number>({
    dial: () => {
      const next = left.shift()!;
      return next instanceof StartError ? Promise.reject(next) : Promise.resolve(next);
    },
    session: (seconds) => {
      now += seconds * 1000;
      return Promise.resolve();
    },
    note: (sentence) => notes.push(sentence),
    signal: controller.signal,
    now: () => now,
    wait: (wait) => {
      ms.push(wait);
      if (left.length === 0) controller.abort();
      return Promise.resolve();
    },
  });
  return { ms, notes };
}

test("keepLinked() waits from one second on, doubling to thirty, when nobody is there", async () => {
  const refused = new StartError("cannot connect to 127.0.0.1:9: nothing listens there");
  const { ms, notes } = await waits(Array(8).fill(refused));
  assertEquals(ms, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  assertEquals(
    notes[0],
    "cannot connect to 127.0.0.1:9: nothing listens there (trying again in 1 s)",
  );
});

test("keepLinked() starts at one second again when a link has lasted", async () => {
  const refused = new StartError("no");
  assertEquals((await waits([refused, refused, 60, refused])).ms, [1000, 2000, 1000, 2000]);
  assertEquals((await waits([0, 0, 0, 1, 0])).ms, [1000, 2000, 4000, 1000, 2000]);
  // A link that flaps is made again after a second each time, as long as it had lived for one.
  assertEquals((await waits([1, 1, 1, 0.9, 1])).ms, [1000, 1000, 1000, 2000, 1000]);
});

test("keepLinked() ends when its signal is aborted, and passes on what is no refusal", async () => {
  const options = {
    session: () => Promise.resolve(),
    note: () => {},
    signal: new AbortController().signal,
    now: () => 0,
  };
  await keepLinked({ ...options, dial: () => Promise.resolve(undefined) });
  await keepLinked({ ...options, dial: () => Promise.reject(), signal: AbortSignal.abort() });
  const dial = () => Promise.reject(new TypeError("a bug"));
  await assertRejects(() => keepLinked({ ...options, dial }), TypeError, "a bug");
});
