import { assertEquals } from "@std/assert/equals";
import { Flow } from "../lib/outbound.ts";
import { openOperator, type Operator } from "../lib/operator.ts";
import { type Limits, limits } from "../lib/program.ts";
import { deadline, text } from "./helpers.ts";

const permissions = "none";

/** An operator's two streams, and a clock that is turned by hand. */
class Ends {
  /** In ms. */
  time = 0;
  /** Each write on its own. */
  readonly stdout: string[] = [];
  stderr = "";
  /** Standard error takes nothing before this resolves. */
  stderrMoves: Promise<void> = Promise.resolve();
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  #ticks: (() => void)[] = [];
  #wrote = Promise.withResolvers<void>();

  constructor(write = (bytes: Uint8Array) => Promise.resolve(bytes.length)) {
    this.#write = write;
  }

  open(changes: Partial<Limits> = {}): Operator {
    const every = (_ms: number, tick: () => void) => {
      this.#ticks.push(tick);
      return () => void (this.#ticks = this.#ticks.filter((each) => each !== tick));
    };
    const clock = { now: () => this.time, every };
    return openOperator(new Flow(limits(changes), clock), {
      stdout: {
        write: (bytes) => {
          this.stdout.push(text(bytes));
          this.#wrote.resolve();
          return this.#write(bytes);
        },
      },
      stderr: {
        write: async (bytes) => {
          await this.stderrMoves;
          this.stderr += text(bytes);
          return bytes.length;
        },
      },
    });
  }

  /** A second is over. */
  second(): void {
    for (const tick of this.#ticks) tick();
  }

  /** Waits for the first write. */
  async wrote(): Promise<void> {
    await deadline(this.#wrote.promise, "a write");
  }
}

Deno.test({
  name: "print() makes one write of the lines of a moment, without being flushed",
  permissions,
  async fn() {
    const ends = new Ends();
    const operator = ends.open();
    for (const line of ["one", "two", "three"]) operator.print(line);
    await ends.wrote();
    operator.print("four");
    await operator.flush();
    operator.close();
    assertEquals(ends.stdout, ["one\ntwo\nthree\n", "four\n"]);
  },
});

Deno.test({
  name: "print() waits for no more lines when there are many",
  permissions,
  async fn() {
    const ends = new Ends();
    const operator = ends.open();
    const long = "x".repeat(16 * 1024);
    operator.print(long);
    // No timer has run yet.
    await Promise.resolve();
    assertEquals(ends.stdout, [`${long}\n`]);
    await operator.flush();
    operator.close();
    assertEquals(ends.stdout.length, 1);
  },
});

Deno.test({
  name: "close() drops what was not flushed, and stops the timer",
  permissions,
  async fn() {
    const ends = new Ends();
    const operator = ends.open();
    operator.print("never");
    operator.close();
    await operator.flush();
    assertEquals(ends.stdout, []);
  },
});

Deno.test({
  name: "print() and flush() go on when standard output breaks",
  permissions,
  async fn() {
    const ends = new Ends(() => Promise.reject(new Deno.errors.BrokenPipe("the pager quit")));
    const operator = ends.open();
    operator.print("one");
    await deadline(operator.flush(), "a flush into nothing");
    operator.print("two");
    await deadline(operator.flush(), "a flush into nothing");
    operator.close();
    assertEquals([ends.stdout, ends.stderr], [["one\n"], ""]);
  },
});

Deno.test({
  name: "print() drops lines when standard output is stuck, and tells how many once it moves",
  permissions,
  async fn() {
    const moves = Promise.withResolvers<void>();
    const ends = new Ends(async (bytes) => (await moves.promise, bytes.length));
    const operator = ends.open({ hardBytes: 1000 });
    const print = () => {
      operator.print("x".repeat(900));
      operator.flush();
    };
    print();
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(ends.stderr, "");
    for (let n = 0; n < 3; n++) print();
    moves.resolve();
    await deadline(operator.flush(), "the lines that were kept");
    await deadline(operator.flush(), "the count");
    assertEquals(
      ends.stderr,
      "standard output is stuck: status lines are dropped\nstandard output lost 3 lines\n",
    );
    operator.close();
  },
});

Deno.test({
  name: "note() says one of a kind in a second, and the last of the others with their count",
  permissions,
  async fn() {
    const ends = new Ends();
    const operator = ends.open();
    for (let n = 1; n <= 4; n++) operator.note(`cut ${n}`, "cut");
    operator.note("refused 1", "refused");
    ends.second();
    operator.note("cut 5", "cut");
    operator.note("refused 2", "refused");
    ends.second();
    ends.second();
    operator.note("cut 6", "cut");
    await operator.flush();
    operator.close();
    assertEquals(
      ends.stderr,
      "cut 1\nrefused 1\ncut 4 (and 2 more)\nrefused 2\ncut 5\ncut 6\n",
    );
  },
});

Deno.test({
  name: "note() counts what nobody reads, and says the count first when standard error moves",
  permissions,
  async fn() {
    const ends = new Ends();
    const moves = Promise.withResolvers<void>();
    ends.stderrMoves = moves.promise;
    const operator = ends.open();
    // Each kind is another one up to the hundredth, so that nothing is gathered.
    for (let n = 0; n < 1000; n++) {
      operator.note(`${n} ${"x".repeat(190)}`, String(n % 100));
      if (n % 100 === 99) ends.second();
    }
    moves.resolve();
    await deadline(operator.flush(), "what was kept");
    operator.note("later");
    await deadline(operator.flush(), "the note after");
    operator.close();
    const lines = ends.stderr.trimEnd().split("\n");
    const [, lost] = /^(\d+) notes are lost: nobody read them$/.exec(lines.at(-2)!)!;
    assertEquals([lines.at(-1), lines.length - 2 + Number(lost)], ["later", 1000]);
  },
});

Deno.test({
  name: "note() escapes what a peer has put into a sentence, and cuts it to 200 characters",
  permissions,
  async fn() {
    const ends = new Ends();
    const operator = ends.open();
    operator.note("\x1b[2J\u009b\u202eEve\ninternal error: none left");
    operator.note("\x01".repeat(4000));
    await operator.flush();
    operator.close();
    const [first, second] = ends.stderr.split("\n");
    assertEquals(first, "\\x1b[2J\\x9b\\u202eEve\\x0ainternal error: none left");
    assertEquals(second, "\\x01".repeat(50).slice(0, 199) + "…");
  },
});

Deno.test({
  name: "note() does not mind when nobody reads standard error",
  permissions,
  async fn() {
    let tried = 0;
    const operator = openOperator(new Flow(limits()), {
      stdout: { write: (bytes) => Promise.resolve(bytes.length) },
      stderr: {
        write() {
          tried++;
          return Promise.reject(new Deno.errors.BrokenPipe("gone"));
        },
      },
    });
    operator.note("one");
    await operator.flush();
    operator.note("two");
    await operator.flush();
    operator.close();
    assertEquals(tried, 1);
  },
});
