import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { acceptSessions, frames, LineSplitter, takeFrames } from "../lib/net.ts";
import { Flow } from "../lib/outbound.ts";
import { limits } from "../lib/program.ts";
import { deadline } from "./helpers.ts";

const permissions = "none";
const LF = 0x0a;

/** A clock that only moves when a test moves it, and no timers. */
function stillFlow(): { flow: Flow; pass: (ms: number) => void } {
  let now = 0;
  const clock = { now: () => now, every: () => () => {} };
  return { flow: new Flow(limits(), clock), pass: (ms) => now += ms };
}

async function* batchesOf<T>(...batches: T[][]): AsyncGenerator<T[]> {
  yield* batches;
}

/** Lets one peer's 100 frames and another's single one be handled; returns the order. */
async function order(frameMs: number): Promise<string> {
  const { flow, pass } = stillFlow();
  const heard: string[] = [];
  const options = { flow, signal: new AbortController().signal, rate: 0 };
  const take = (frame: string) => {
    heard.push(frame);
    pass(frameMs);
  };
  const many = Array.from({ length: 50 }, () => "m");
  const flood = takeFrames(batchesOf(many, many), take, options);
  // Whatever comes in a later turn of the event loop.
  const late = new Promise((resolve) => setTimeout(resolve));
  const talk = late.then(() => takeFrames(batchesOf(["t"]), take, options));
  await Promise.all([flood, talk]);
  return heard.join("");
}

Deno.test({
  name: "takeFrames() lets others have a turn when one peer's frames have taken 5 ms of it",
  permissions,
  async fn() {
    // The control: frames that take no time are handled in one turn.
    assertEquals(await order(0), `${"m".repeat(100)}t`);
    const shared = await order(1);
    assertEquals(shared.replace("t", ""), "m".repeat(100));
    assert(shared.indexOf("t") < 50, `its frames came first: ${shared}`);
  },
});

Deno.test({
  name: "takeFrames() gives the turns to those that used one up in the order of their asking",
  permissions,
  async fn() {
    const { flow, pass } = stillFlow();
    const heard: string[] = [];
    const options = { flow, signal: new AbortController().signal, rate: 0 };
    const take = (frame: string) => {
      if (heard.at(-1) !== frame) heard.push(frame);
      pass(1);
    };
    const peers = ["a", "b", "c"].map((name) =>
      takeFrames(batchesOf(Array.from({ length: 64 }, () => name)), take, options)
    );
    await Promise.all(peers);
    assertEquals(heard.join(""), "abcabcabcabc");
  },
});

Deno.test({
  name: "takeFrames() takes no more frames a second than it is told, but a second's worth at once",
  permissions,
  async fn() {
    const { flow, pass } = stillFlow();
    const controller = new AbortController();
    let heard = 0;
    const many = Array.from({ length: 20 }, () => "m");
    const take = () => void heard++;
    const options = { flow, signal: controller.signal, rate: 10 };
    const all = takeFrames(batchesOf(many), take, options);
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(heard, 11);
    // Only the clock stands still, the timers do not: the end is what wakes it.
    pass(1000);
    controller.abort();
    await all;
    assertEquals(heard, 11);
  },
});

Deno.test({
  name: "frames() hands on 128 frames at most, and no read is longer than 16 kB",
  permissions,
  async fn() {
    const sizes: number[] = [];
    const source = {
      read(buffer: Uint8Array): Promise<number | null> {
        sizes.push(buffer.length);
        if (sizes.length > 30) return Promise.resolve(null);
        if (sizes.length > 10) {
          buffer[0] = LF;
          return Promise.resolve(1);
        }
        buffer.fill(LF);
        return Promise.resolve(buffer.length);
      },
    };
    let lines = 0;
    let most = 0;
    for await (const batch of frames(source, new LineSplitter({ maxBytes: 100 }))) {
      lines += batch.length;
      most = Math.max(most, batch.length);
      // An empty line takes no memory of its own.
      assert(batch.every((line) => line.buffer.byteLength === 0));
    }
    const full = sizes.slice(0, 10).reduce((sum, size) => sum + size);
    assertEquals([lines, most, Math.max(...sizes)], [full + 20, 128, 16_384]);
    // What a flood has filled is a small buffer again when only little comes.
    assertEquals([sizes[0], sizes.at(-1)], [536, 536]);
  },
});

/** A listener that accepts what a test gives it, or fails with it. */
function listenerOf(): {
  listener: Pick<Deno.TcpListener, "accept" | "close">;
  give: (result: Error | Deno.TcpConn) => Promise<void>;
} {
  let waiting = Promise.withResolvers<Deno.TcpConn>();
  waiting.promise.catch(() => {});
  const give = async (result: Error | Deno.TcpConn) => {
    const { resolve, reject } = waiting;
    waiting = Promise.withResolvers();
    waiting.promise.catch(() => {});
    if (result instanceof Error) reject(result);
    else resolve(result);
    await new Promise((resolve) => setTimeout(resolve, result instanceof Error ? 30 : 0));
  };
  const close = () => waiting.reject(new Deno.errors.BadResource("closed"));
  return { listener: { accept: () => waiting.promise, close }, give };
}

for (
  const exhausted of [
    "Too many open files (os error 24)",
    "Too many open files in system (os error 23)",
  ]
) {
  Deno.test({
    name: `acceptSessions() learns from "${exhausted}", and the limit rises again`,
    permissions,
    async fn() {
      const { flow, pass } = stillFlow();
      const controller = new AbortController();
      const log: string[] = [];
      let open = 0;
      let refused = 0;
      const ends: (() => void)[] = [];
      const conn = () =>
        ({
          setNoDelay() {},
          setKeepAlive() {},
          close() {},
          closeWrite: () => Promise.resolve(),
        }) as unknown as Deno.TcpConn;
      const { listener, give } = listenerOf();
      const all = acceptSessions(listener, () => {
        open++;
        return new Promise((resolve) => ends.push(resolve));
      }, {
        flow,
        signal: controller.signal,
        drainMs: 0,
        connections: 0,
        log: (sentence) => log.push(sentence),
        refuse: () => Promise.resolve(refused++),
      });
      const come = async (times: number) => {
        for (let i = 0; i < times; i++) await give(conn());
        return [open, refused];
      };
      assertEquals(await come(4), [4, 0]);
      await give(new Error(exhausted));
      assertEquals(log, ["out of descriptors at 4 connections, from now on at most 3"]);
      assertEquals(await come(2), [4, 2]);
      // While accepting goes well, it doubles every two seconds.
      pass(2000);
      assertEquals(await come(4), [6, 4]);
      pass(2000);
      assertEquals(await come(8), [12, 6]);
      pass(16_000);
      assertEquals(await come(100), [112, 6]);
      controller.abort();
      ends.forEach((end) => end());
      await deadline(all, "the end");
    },
  });
}
