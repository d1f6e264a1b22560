/**
 * The promises that every room keeps under fault: to the healthy, beside the stuck, and at its end.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { type Dialect, DIALECTS, enter, Listener, resident, startRoom } from "./crowd.ts";
import { deadline, Peer, text as textOf } from "./helpers.ts";

const MIB = 1024 * 1024;

/** Checks that a stream is exactly the numbered messages of client 0, in order, and counts them. */
class InOrder {
  /** How many have come. */
  count = 0;
  /** What is no whole message yet. */
  rest = "";
  readonly #expected: (n: number) => string;
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  constructor(dialect: Dialect) {
    const filler = fillerOf(dialect);
    this.#expected = (n) => dialect.delivered(numbered(n, filler), 0);
  }

  /** Resolves once so many have come. */
  async until(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.count < count) this.#waiting.push({ count, resolve });
    else resolve();
    await deadline(promise, `${count} messages, of which ${this.count} had come`);
  }

  readonly take = (data: Uint8Array): void => {
    this.rest += textOf(data);
    for (let wanted = this.#expected(this.count); this.rest !== "";) {
      // Others come and go meanwhile; that is no loss of order.
      const notice = NOTICE.exec(this.rest);
      if (notice) {
        this.rest = this.rest.slice(notice[0].length);
      } else if (this.rest.startsWith(wanted)) {
        this.rest = this.rest.slice(wanted.length);
        wanted = this.#expected(++this.count);
      } else break;
    }
    const over = this.#waiting.filter(({ count }) => this.count >= count);
    for (const each of over) each.resolve();
  };
}

const NOTICE =
  /^(?:u\d+ (?:joined!|has joined|left|has left) *\n?|User u\d+ (?:joined|left)\n|server-shutdown\n?)/;

function fillerOf(dialect: Dialect): string {
  return "x".repeat(dialect === DIALECTS["channels"] ? 150 : 900);
}

function numbered(n: number, filler: string): string {
  return String(n).padStart(6, "0") + filler;
}

/** So many numbered messages, from `from` on, as they are sent. */
function batch(dialect: Dialect, { from, count }: { from: number; count: number }): string {
  const filler = fillerOf(dialect);
  return Array.from({ length: count }, (_, i) => dialect.message(numbered(from + i, filler))).join(
    "",
  );
}

Deno.test("in every room a flood arrives whole at its readers' pace, and one that never reads is cut within 11 s", async () => {
  // All at the same time: what they wait for is mostly time itself.
  await Promise.all(
    Object.entries(DIALECTS).map(async ([name, dialect]) => {
      try {
        await Promise.all([flood(dialect), stuckAtDefaults(dialect)]);
      } catch (error) {
        throw new Error(`${name}: ${error}`);
      }
    }),
  );
});

async function flood(dialect: Dialect): Promise<void> {
  const { server, port } = await startRoom(dialect);
  await using _ = server;
  using sender = new Listener(await enter(dialect, port, 0));
  using fast = new Listener(await enter(dialect, port, 1));
  using slow = await enter(dialect, port, 2);
  using _stuck = await enter(dialect, port, 3);
  const total = 12_000;
  const heard = new InOrder(dialect);
  fast.onBytes = heard.take;
  const heardSlowly = new InOrder(dialect);
  const slowly = readAtPace(slow, { bytesPerSecond: 2 * MIB, onBytes: heardSlowly.take });
  const before = resident(server.pid);
  let peak = before;
  const watch = setInterval(() => peak = Math.max(peak, resident(server.pid)), 50);
  try {
    const flooding = (async () => {
      for (let from = 0; from < total; from += 100) {
        await sender.peer.send(batch(dialect, { from, count: 100 }));
      }
    })();
    await Promise.all([flooding, heard.until(total), heardSlowly.until(total)]);
  } finally {
    clearInterval(watch);
    slow.close();
    await slowly;
  }
  assertEquals([heard.count, heardSlowly.count], [total, total]);
  assert(peak - before < 64 * MIB, `memory grew by ${(peak - before) / MIB} MiB`);
}

/** More than the kernel keeps for one that never reads, and less than the server does. */
const FILLING_BYTES = 4.5 * MIB;

/** Fills what the kernel keeps for whoever never reads: from here on its queue fills. */
async function fill(dialect: Dialect, [sender, ...others]: Listener[]): Promise<void> {
  const filler = fillerOf(dialect);
  const one = dialect.message(filler);
  const count = Math.ceil(FILLING_BYTES / one.length);
  const size = dialect.delivered(filler, 0).length;
  const filled = others.map((member) => heardBytes(member, count * size));
  for (let sent = 0; sent < count; sent += 50) {
    await sender!.peer.send(one.repeat(Math.min(50, count - sent)));
  }
  await deadline(Promise.all(filled), "all of the filling");
}

async function stuckAtDefaults(dialect: Dialect): Promise<void> {
  const { server, port } = await startRoom(dialect);
  await using _ = server;
  using zero = new Listener(await enter(dialect, port, 0));
  using one = new Listener(await enter(dialect, port, 1));
  using _stuck = await enter(dialect, port, 2);
  await fill(dialect, [zero, one]);
  const left = Promise.withResolvers<void>();
  one.onBytes = (data) => /u2 (has )?left/.test(textOf(data)) && left.resolve();
  const started = performance.now();
  await server.until(/u2"? took nothing for 10 s with \d+ bytes waiting: cut\n/, "stderr");
  const took = performance.now() - started;
  // It took the last of it shortly before that.
  assert(took < 11_000, `it was cut after ${took} ms`);
  await deadline(left.promise, "the notice that it left");
}

for (const [name, dialect] of Object.entries(DIALECTS)) {
  Deno.test(`${name}: talk goes on as if one of 200 that never reads were not there`, async () => {
    const { server, port } = await startRoom(dialect);
    await using _ = server;
    const members = await crowd(dialect, port, 199);
    using _stuck = await enter(dialect, port, 199);
    // The same talk in a room without a stuck one, at the same time: a busy machine delays both.
    const other = await startRoom(dialect);
    await using _other = other.server;
    const control = await crowd(dialect, other.port, 199);
    const both = (messages: number) =>
      Promise.all([talk(members, dialect, messages), talk(control, dialect, messages)]);
    // Garbage makes memory grow in both rooms, and by leaps; what is kept for somebody, in each third.
    const more = () => (resident(server.pid) - resident(other.server.pid)) / MIB;
    let grown = Infinity;
    for (let third = 0; third < 3; third++) {
      const before = more();
      await both(20);
      grown = Math.min(grown, more() - before);
    }
    assert(grown < 2 / 3, `memory grew by ${grown} MiB in each third beside one that is stuck`);
    // Now with more said than the kernel keeps for the one that never reads.
    await fill(dialect, members);
    const rounds: [number, number][] = [];
    for (let round = 0; round < 5; round++) rounds.push(await both(50));
    for (const member of [...members, ...control]) member.peer.close();
    // A busy machine delays some rounds; one that never reads would disturb all of them.
    const [disturbed, undisturbed] = [0, 1].map((room) =>
      Math.min(...rounds.map((p99s) => p99s[room]!))
    ) as [number, number];
    assert(
      disturbed < undisturbed + 50,
      `p99 ${disturbed} ms beside one that is stuck, ${undisturbed} ms without`,
    );
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.test(`${name}: ${signal} under load ends with 0 within 3 s, and all hear what one has heard`, async () => {
      const { server, port } = await startRoom(dialect);
      await using _ = server;
      using sender = new Listener(await enter(dialect, port, 0));
      using reader = new Listener(await enter(dialect, port, 1));
      // Reads nothing before the signal: what it has not got then must still arrive.
      using late = await enter(dialect, port, 2);
      const heard = new InOrder(dialect);
      reader.onBytes = heard.take;
      // What this protocol answers to a message is a promise that the others get it.
      let answers = "";
      sender.onBytes = (data) => answers += textOf(data);
      const flooding = (async () => {
        for (let from = 0; !sender.ended; from += 20) {
          await sender.peer.send(batch(dialect, { from, count: 20 }));
        }
      })().catch(() => {});
      await heard.until(1000);
      const accepted = heard.count;
      const started = performance.now();
      server.signal(signal);
      const ended = server.code().then((code) => ({ code, took: performance.now() - started }));
      const heardLate = new InOrder(dialect);
      using lateReader = new Listener(late);
      lateReader.onBytes = heardLate.take;
      const { code, took } = await ended;
      await Promise.all([reader.end(), lateReader.end(), sender.end()]);
      sender.peer.close();
      await flooding;
      assertEquals(code, 0);
      assert(took < 3000, `it took ${took} ms`);
      assert(heard.count >= accepted);
      assertEquals([heardLate.count, heardLate.rest], [heard.count, heard.rest]);
      assertEquals(heard.rest, "");
      const answered = answers.split("u0 is sending a broadcast\n").length - 1;
      assert(heardLate.count >= answered, `${answered} were answered, ${heardLate.count} heard`);
      assert(name !== "relay" || answered >= 1000, `only ${answered} were answered`);
    });
  }
}

/** So many members of a room, each listening. */
async function crowd(dialect: Dialect, port: number, size: number): Promise<Listener[]> {
  const members: Listener[] = [];
  for (let i = 0; i < size; i++) members.push(new Listener(await enter(dialect, port, i)));
  return members;
}

/**
 * Sends so many messages at 100 a second, from members in turn, and measures their way to all others:
 * the 99th percentile in ms.
 */
async function talk(
  members: readonly Listener[],
  dialect: Dialect,
  messages: number,
): Promise<number> {
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  const all = messages * (members.length - 1);
  const { promise: done, resolve } = Promise.withResolvers<void>();
  for (const member of members) {
    const decoder = new TextDecoder();
    let rest = "";
    member.onBytes = (data) => {
      rest += decoder.decode(data);
      for (const [mark] of rest.matchAll(/\^\d{6}/g)) {
        latencies.push(performance.now() - sentAt.get(mark)!);
      }
      if (latencies.length >= all) resolve();
      // A mark that was split over two reads.
      rest = /\^\d{0,5}$/.exec(rest)?.[0] ?? "";
    };
  }
  for (let n = 0; n < messages; n++) {
    const mark = `^${String(n).padStart(6, "0")}`;
    sentAt.set(mark, performance.now());
    await members[n % members.length]!.peer.send(dialect.message(mark));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await deadline(done, "all of the talk");
  assertEquals(latencies.length, all);
  latencies.sort((a, b) => a - b);
  return latencies[Math.floor(all * 0.99)]!;
}

/** Resolves once a member has heard so many bytes, give or take a notice. */
function heardBytes(member: Listener, total: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let heard = 0;
  member.onBytes = (data) => {
    heard += data.length;
    if (heard >= total) resolve();
  };
  return promise;
}

/** Reads no faster than asked for, until the connection is closed. */
async function readAtPace(
  peer: Peer,
  { bytesPerSecond, onBytes }: { bytesPerSecond: number; onBytes: (data: Uint8Array) => void },
): Promise<void> {
  const buffer = new Uint8Array(65536);
  const started = performance.now();
  let total = 0;
  try {
    for (let n; (n = await peer.conn.read(buffer)) !== null;) {
      onBytes(buffer.subarray(0, n));
      total += n;
      const ahead = started + total / bytesPerSecond * 1000 - performance.now();
      if (ahead > 1) await new Promise((resolve) => setTimeout(resolve, ahead));
    }
  } catch {
    // Closed by the test once all of it was heard.
  }
}
