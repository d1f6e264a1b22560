import { assertEquals } from "@std/assert/equals";
import { Flow } from "../lib/outbound.ts";
import { type Limits, limits, openOperator, type Operator } from "../lib/program.ts";
import { deadline, text } from "./helpers.ts";

const permissions = "none";

/** An operator's two streams, and a clock that is turned by hand. */
class Ends {
  /** In ms. */
  time = 0;
  /** Each write on its own. */
  readonly stdout: string[] = [];
  stderr = "";
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  #wrote = Promise.withResolvers<void>();

  constructor(write = (bytes: Uint8Array) => Promise.resolve(bytes.length)) {
    this.#write = write;
  }

  open(changes: Partial<Limits> = {}): Operator {
    const clock = { now: () => this.time, every: () => () => {} };
    return openOperator(new Flow(limits(changes), clock), {
      stdout: {
        write: (bytes) => {
          this.stdout.push(text(bytes));
          this.#wrote.resolve();
          return this.#write(bytes);
        },
      },
      stderr: { writeSync: (bytes) => (this.stderr += text(bytes), bytes.length) },
    });
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
  name: "print() drops lines when standard output is stuck, and says so once a second",
  permissions,
  fn() {
    const ends = new Ends(() => new Promise(() => {}));
    const operator = ends.open({ hardBytes: 1000 });
    const print = () => {
      operator.print("x".repeat(900));
      operator.flush();
    };
    print();
    assertEquals(ends.stderr, "");
    print();
    print();
    assertEquals(ends.stderr, "standard output is stuck: status lines are dropped\n");
    ends.time = 1000;
    print();
    operator.close();
    assertEquals(
      ends.stderr.split("\n")[1],
      "standard output is stuck: status lines are dropped (and 1 more)",
    );
  },
});

Deno.test({
  name: "note() says each kind once a second, and how many were left out",
  permissions,
  fn() {
    const ends = new Ends();
    const operator = ends.open();
    for (let n = 1; n <= 3; n++) operator.note(`cut ${n}`, "cut");
    operator.note("refused 1", "refused");
    operator.note("alone");
    operator.note("alone");
    ends.time = 999;
    operator.note("cut 4", "cut");
    ends.time = 1000;
    operator.note("cut 5", "cut");
    operator.note("refused 2", "refused");
    ends.time = 2000;
    operator.note("cut 6", "cut");
    operator.close();
    assertEquals(
      ends.stderr,
      "cut 1\nrefused 1\nalone\ncut 5 (and 3 more)\nrefused 2\ncut 6\n",
    );
  },
});

Deno.test({
  name: "note() escapes what a peer has put into a sentence",
  permissions,
  fn() {
    const ends = new Ends();
    const operator = ends.open();
    operator.note("\x1b[2J\u009b\u202eEve\ninternal error: none left");
    operator.close();
    assertEquals(ends.stderr, "\\x1b[2J\\x9b\\u202eEve\\x0ainternal error: none left\n");
  },
});

Deno.test({
  name: "note() does not mind when nobody reads standard error",
  permissions,
  fn() {
    let tried = 0;
    const operator = openOperator(new Flow(limits()), {
      stdout: { write: (bytes) => Promise.resolve(bytes.length) },
      stderr: {
        writeSync() {
          tried++;
          throw new Deno.errors.BrokenPipe("gone");
        },
      },
    });
    operator.note("one");
    operator.note("two");
    operator.close();
    assertEquals(tried, 2);
  },
});
