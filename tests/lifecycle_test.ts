import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertRejects } from "@std/assert/rejects";
import {
  type AcceptOptions,
  acceptSessions,
  hangUp,
  isDisconnect,
  isExhausted,
  sleep,
  tryClose,
  within,
} from "../lib/net.ts";
import { Flow, Outbound } from "../lib/outbound.ts";
import { limits } from "../lib/program.ts";
import { deadline } from "./helpers.ts";

const permissions = "none";
const EXHAUSTED = new Error("Too many open files (os error 24)");

/** A connection that takes down what is done with it, and is read until it is closed. */
class FakeConn {
  readonly #log: string[];
  readonly #closed = Promise.withResolvers<null>();

  constructor(log: string[]) {
    this.#log = log;
  }

  /** Ends the stream. */
  readonly end = (): void => this.#closed.resolve(null);
  readonly read = (_: Uint8Array): Promise<number | null> => this.#closed.promise;
  readonly setNoDelay = (): void => {};
  readonly setKeepAlive = (): void => {};

  readonly closeWrite = (): Promise<void> => {
    this.#log.push("closeWrite");
    return Promise.resolve();
  };

  readonly close = (): void => {
    this.#log.push("close");
    this.end();
  };

  get conn(): Deno.TcpConn {
    return this as unknown as Deno.TcpConn;
  }
}

/** A listener that accepts what it is given, in turn, and then waits until it is closed. */
function listener(
  log: string[],
  results: (Error | FakeConn)[],
): { listener: Deno.TcpListener; times: number[] } {
  const closed = Promise.withResolvers<never>();
  // It may be closed while nobody waits for a connection.
  closed.promise.catch(() => {});
  const times: number[] = [];
  const fake = {
    accept() {
      times.push(performance.now());
      const next = results.shift();
      if (next instanceof FakeConn) return Promise.resolve(next);
      return next ? Promise.reject(next) : closed.promise;
    },
    close() {
      log.push("listener closed");
      closed.reject(new Deno.errors.BadResource("closed"));
    },
  };
  return { listener: fake as unknown as Deno.TcpListener, times };
}

/** Options whose log goes into `log`, and what ends the loop. */
function accepting(
  log: string[],
  changes: Partial<AcceptOptions> = {},
): { options: AcceptOptions; end: () => void } {
  const controller = new AbortController();
  const options = {
    signal: controller.signal,
    flow: new Flow(limits({ stuckMs: Infinity })),
    drainMs: 5000,
    connections: 0,
    log: (sentence: string) => log.push(sentence),
    ...changes,
  };
  return { options, end: () => controller.abort() };
}

Deno.test({
  name: "acceptSessions() outlives errors of accept, and waits longer after each",
  permissions,
  async fn() {
    const log: string[] = [];
    const { options, end } = accepting(log);
    const errors = [EXHAUSTED, EXHAUSTED, new Error("something else"), EXHAUSTED];
    const place = listener(log, [...errors, new FakeConn([])]);
    const ids: number[] = [];
    await acceptSessions(place.listener, (_, id) => {
      ids.push(id);
      end();
      return Promise.resolve();
    }, options);
    assertEquals(ids, [1]);
    const waits = place.times.slice(1, 5).map((time, i) => time - place.times[i]!);
    // A timer may be late on a busy machine, and never is early by more than its rounding.
    for (const [i, least] of [10, 20, 40, 80].entries()) assert(waits[i]! > least - 2, `${waits}`);
    assertEquals(log, [
      "out of descriptors at 0 connections, from now on at most 1",
      "listener closed",
    ]);
  },
});

Deno.test({
  name: "acceptSessions() turns away in the protocol's words when there are too many",
  permissions,
  async fn() {
    const log: string[] = [];
    const { options, end } = accepting(log, {
      connections: 1,
      refuse: () => Promise.resolve(log.push("refused in words")),
    });
    const first = new FakeConn([]);
    const second = new FakeConn(log);
    const { listener: place } = listener(log, [first, second]);
    const begun: number[] = [];
    const ended = acceptSessions(place, async (conn, id) => {
      begun.push(id);
      await conn.read(new Uint8Array());
    }, options);
    await second.read(new Uint8Array());
    first.end();
    end();
    await ended;
    assertEquals(begun, [1]);
    assertEquals(log, [
      "refused a connection: server full (1 connections)",
      "refused in words",
      "close",
      "listener closed",
    ]);
  },
});

Deno.test({
  name:
    "acceptSessions() stops accepting, tells the sessions, drains, and ends its side, in this order",
  permissions,
  async fn() {
    const log: string[] = [];
    const flow = new Flow(limits({ stuckMs: Infinity }));
    const written = Promise.withResolvers<number>();
    const { options, end } = accepting(log, {
      flow,
      farewell: () => {
        log.push("farewell");
        outbound.send(new Uint8Array(3));
        // Whoever reads takes its time.
        setTimeout(() => (log.push("drained"), written.resolve(3)), 5);
      },
    });
    const outbound = new Outbound({ write: () => written.promise }, flow);
    const conn = new FakeConn(log);
    const { listener: place } = listener(log, [conn]);
    await acceptSessions(place, async (conn) => {
      end();
      // The peer never ends its side: it is closed in the end.
      await conn.read(new Uint8Array());
      log.push("session ended");
    }, options);
    outbound.discard();
    assertEquals(
      log,
      ["listener closed", "farewell", "drained", "closeWrite", "close", "session ended", "close"],
    );
  },
});

Deno.test({
  name: "acceptSessions() gives what will not drain no more than its time",
  permissions,
  async fn() {
    const log: string[] = [];
    const flow = new Flow(limits({ stuckMs: Infinity }));
    const { options, end } = accepting(log, { flow, drainMs: 5 });
    const outbound = new Outbound({ write: () => new Promise(() => {}) }, flow);
    outbound.send(new Uint8Array(3));
    const { listener: place } = listener(log, []);
    end();
    await deadline(acceptSessions(place, () => Promise.resolve(), options), "the end");
    outbound.discard();
    assertEquals(log, ["listener closed"]);
  },
});

Deno.test({
  name: "acceptSessions() reports a bug in a session and goes on, and is silent about disconnects",
  permissions,
  async fn() {
    const log: string[] = [];
    const { options, end } = accepting(log);
    const conns = [new FakeConn([]), new FakeConn([]), new FakeConn([])];
    const { listener: place } = listener(log, conns);
    await acceptSessions(place, (_, id) => {
      if (id === 3) end();
      return Promise.reject(id === 1 ? new TypeError("oops") : new Deno.errors.BrokenPipe("gone"));
    }, options);
    assertEquals(log, ["internal error, please report it: TypeError: oops", "listener closed"]);
  },
});

Deno.test({
  name: "hangUp() drains, ends its side, and closes once the peer has, or after its time",
  permissions,
  async fn() {
    const log: string[] = [];
    const flow = new Flow(limits({ stuckMs: Infinity }));
    const write = (bytes: Uint8Array) => (log.push("write"), Promise.resolve(bytes.length));
    const fake = new FakeConn(log);
    const outbound = new Outbound({ write }, flow);
    outbound.send(new Uint8Array(3));
    fake.end();
    await hangUp(fake.conn, outbound, 5000);
    assertEquals(log.splice(0), ["write", "closeWrite", "close"]);
    const silent = new FakeConn(log);
    await hangUp(silent.conn, new Outbound({ write }, flow), 5);
    assertEquals(log, ["closeWrite", "close"]);
  },
});

Deno.test({
  name: "within() settles as its promise does, and no later than its time",
  permissions,
  async fn() {
    await within(5000, Promise.resolve());
    await assertRejects(() => within(5000, Promise.reject(new Error("no"))), Error, "no");
    const { promise, reject } = Promise.withResolvers<void>();
    await within(1, promise);
    // Nobody waits for it any more: this must not be an unhandled rejection.
    reject(new Error("late"));
    await assertRejects(() => promise, Error, "late");
  },
});

Deno.test({
  name: "sleep() ends with its time, or with the signal",
  permissions,
  async fn() {
    const controller = new AbortController();
    await sleep(1, controller.signal);
    const long = sleep(3_600_000, controller.signal);
    controller.abort();
    await long;
    await sleep(3_600_000, controller.signal);
  },
});

Deno.test({ name: "isDisconnect() and isExhausted() tell errors apart", permissions }, () => {
  for (
    const [error, disconnect, exhausted] of [
      [new Deno.errors.ConnectionReset("reset"), true, false],
      [new Deno.errors.BadResource("closed by us"), true, false],
      [new Error("No route to host (os error 113)"), true, false],
      [EXHAUSTED, false, true],
      [new Error("Too many open files in system (os error 23)"), false, true],
      [new Error("os error 1130"), false, false],
      [new TypeError("a bug"), false, false],
      ["os error 24", false, false],
    ] as const
  ) {
    assertEquals([isDisconnect(error), isExhausted(error)], [disconnect, exhausted], `${error}`);
  }
});

Deno.test({ name: "tryClose() closes what is closed already", permissions }, () => {
  let times = 0;
  const resource = {
    close() {
      if (++times > 1) throw new Deno.errors.BadResource("twice");
    },
  };
  tryClose(resource);
  tryClose(resource);
  assertEquals(times, 2);
});
