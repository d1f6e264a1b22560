/**
 * The promises that every room keeps under fault, one test for all protocols that have rooms.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { cpuMs, type Dialect, DIALECTS, enter, Listener, resident, startRoom } from "./crowd.ts";
import { bytes, deadline, Peer } from "./helpers.ts";

const MIB = 1024 * 1024;

/** Checks that a stream is exactly the numbered messages of client 0, in order, and counts them. */
class InOrder {
  readonly done: Promise<void>;
  count = 0;
  #resolve: () => void;
  #rest = "";
  #skip: RegExp;
  readonly #expected: (n: number) => string;
  readonly #total: number;

  constructor(
    total: number,
    { expected, skip }: { expected: (n: number) => string; skip: RegExp },
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#total = total;
    this.#expected = expected;
    this.#skip = skip;
  }

  take(data: Uint8Array): void {
    this.#rest += new TextDecoder().decode(data);
    for (;;) {
      const wanted = this.#expected(this.count);
      if (this.#rest.startsWith(wanted)) {
        this.#rest = this.#rest.slice(wanted.length);
        if (++this.count === this.#total) this.#resolve();
        continue;
      }
      // Others come and go meanwhile; that is no loss of order.
      const notice = this.#skip.exec(this.#rest);
      if (!notice) break;
      this.#rest = this.#rest.slice(notice[0].length);
    }
    const wanted = this.#expected(this.count);
    if (this.#rest.length >= wanted.length + 200) {
      throw new Error(
        `message ${this.count} is wrong: ${JSON.stringify(this.#rest.slice(0, 200))}`,
      );
    }
  }
}

const NOTICE = /^(?:u\d+ (?:joined!|has joined|left|has left) *\n?|User u\d+ (?:joined|left)\n)/;

for (const [name, dialect] of Object.entries(DIALECTS)) {
  const filler = name === "channels" ? "x".repeat(150) : "x".repeat(900);
  const text = (n: number) => `${String(n).padStart(6, "0")}${filler}`;

  Deno.test(`${name}: a flood arrives whole at its readers' pace, beside one that never reads`, async () => {
    const { server, port } = await startRoom(dialect);
    await using _ = server;
    using sender = new Listener(await enter(dialect, port, 0));
    using fast = new Listener(await enter(dialect, port, 1));
    using slow = await enter(dialect, port, 2);
    using _stuck = await enter(dialect, port, 3);
    const total = 12_000;
    const expected = (n: number) => dialect.delivered(text(n), 0);
    const heard = new InOrder(total, { expected, skip: NOTICE });
    fast.onBytes = (data) => heard.take(data);
    const heardSlowly = new InOrder(total, { expected, skip: NOTICE });
    const slowly = readAtPace(slow, {
      bytesPerSecond: 2 * MIB,
      onBytes: (data) => heardSlowly.take(data),
    });
    const before = resident(server.pid);
    let peak = before;
    const watch = setInterval(() => peak = Math.max(peak, resident(server.pid)), 50);
    for (let n = 0; n < total; n += 100) {
      const batch = Array.from({ length: 100 }, (_, i) => dialect.message(text(n + i))).join("");
      await sender.peer.send(batch);
    }
    await deadline(Promise.all([heard.done, heardSlowly.done]), "all of the flood");
    clearInterval(watch);
    slow.close();
    await slowly;
    assertEquals([heard.count, heardSlowly.count], [total, total]);
    assert(peak - before < 64 * MIB, `memory grew by ${(peak - before) / MIB} MiB`);
  });

  Deno.test(`${name}: talk goes on as if one that never reads were not there, and it is cut`, async () => {
    const { server, port } = await startRoom(dialect, { args: ["--stuck-ms", "2000"] });
    await using _ = server;
    const members = await crowd(dialect, port, 199);
    using _stuck = await enter(dialect, port, 199);
    // The same talk in a room without a stuck one, at the same time: a busy machine delays both.
    const other = await startRoom(dialect);
    await using _other = other.server;
    const control = await crowd(dialect, other.port, 199);
    // More than the kernel holds for the one that never reads: from here on its queue fills.
    const one = dialect.message(text(0));
    const count = Math.ceil(4.5 * MIB / one.length);
    const size = dialect.delivered(text(0), 0).length;
    const filled = members.slice(1).map((member) => heardBytes(member, count * size));
    for (let sent = 0; sent < count; sent += 50) {
      await members[0]!.peer.send(one.repeat(Math.min(50, count - sent)));
    }
    await deadline(Promise.all(filled), "all of the filling");
    const [disturbed, undisturbed] = await Promise.all([
      talk(members, dialect, 250),
      talk(control, dialect, 250),
    ]);
    await server.until(
      /took nothing for 2 s with \d+ bytes waiting|fell \d+ bytes behind/,
      "stderr",
    );
    for (const member of [...members, ...control]) member.peer.close();
    assert(
      disturbed.p99 < undisturbed.p99 + 50,
      `p99 ${disturbed.p99} ms beside one that is stuck, ${undisturbed.p99} ms without`,
    );
  });

  Deno.test(`${name}: 300 connections at 128 descriptors leave the members talking, and a fresh one served`, async () => {
    const { server, port } = await startRoom(dialect, { before: "ulimit -n 128" });
    await using _ = server;
    using zero = await enter(dialect, port, 0);
    using one = await enter(dialect, port, 1);
    const crowd = await Promise.all(
      Array.from({ length: 300 }, () => Peer.connect(port).catch(() => undefined)),
    );
    await server.until(/out of descriptors|server full/, "stderr");
    await one.send(dialect.message("still here"));
    await readUntil(zero, dialect.delivered("still here", 1));
    for (const peer of crowd) peer?.close();
    const started = performance.now();
    using fresh = await enterAtLast(dialect, port, 7);
    await fresh.send(dialect.message("fresh"));
    await readUntil(zero, dialect.delivered("fresh", 7));
    const took = performance.now() - started;
    assert(took < 2000, `a fresh client waited ${took} ms`);
  });

  Deno.test(`${name}: 50 connections that never end a line are cut at the limit`, async () => {
    const { server, port } = await startRoom(dialect);
    await using _ = server;
    const before = resident(server.pid);
    const spam = "x".repeat(64 * 1024);
    const endless = await Promise.all(Array.from({ length: 50 }, () => Peer.connect(port)));
    await Promise.all(endless.map(async (peer) => {
      // The server closes long before a MiB; writing on into that is what a broken client does.
      for (let sent = 0; sent < MIB; sent += spam.length) await peer.send(spam).catch(() => {});
      if (name !== "channels") await peer.rest();
      peer.close();
    }));
    using _after = await enter(dialect, port, 0);
    const cpu = cpuMs(server.pid);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const used = cpuMs(server.pid) - cpu;
    assert(used < 250, `${used} ms of CPU in half a second with nothing to do`);
    assert(resident(server.pid) - before < 48 * MIB, "memory is not given back");
  });

  for (const stranger of STRANGERS()) {
    Deno.test(`${name}: ${stranger.name} at the door disturbs nobody`, async () => {
      const { server, port } = await startRoom(dialect);
      await using _ = server;
      using zero = await enter(dialect, port, 0);
      using one = await enter(dialect, port, 1);
      for (let i = 0; i < 20; i++) {
        using peer = await Peer.connect(port);
        await peer.send(stranger.bytes);
        await peer.halfClose();
        await peer.rest();
      }
      await one.send(dialect.message("undisturbed"));
      await readUntil(zero, dialect.delivered("undisturbed", 1));
      const lines = server.stderr.split("\n").length;
      assert(lines < 20, `${lines} lines on stderr for 20 strangers: ${server.stderr}`);
    });
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.test(`${name}: ${signal} under load ends with 0 within 3 s, and nothing is cut in two`, async () => {
      const { server, port } = await startRoom(dialect);
      await using _ = server;
      using sender = new Listener(await enter(dialect, port, 0));
      using reader = new Listener(await enter(dialect, port, 1));
      let heard = "";
      reader.onBytes = (data) => heard += new TextDecoder().decode(data);
      let sending = true;
      const flood = (async () => {
        const batch = dialect.message(text(0)).repeat(20);
        while (sending && !sender.ended) await sender.peer.send(batch).catch(() => sending = false);
      })();
      await new Promise((resolve) => setTimeout(resolve, 200));
      const started = performance.now();
      assertEquals(await server.stop(signal), 0);
      const took = performance.now() - started;
      sending = false;
      sender.peer.close();
      await flood;
      await reader.end();
      assert(took < 3000, `it took ${took} ms`);
      const whole = dialect.delivered(text(0), 0);
      const talk = heard.replaceAll(
        /u0 left\n|u0 has left {189}|User u0 left\n|server-shutdown\n?/g,
        "",
      );
      assert(talk.length > whole.length, "nothing was heard");
      assertEquals(talk.replaceAll(whole, ""), "");
    });
  }

  Deno.test(`${name}: a second signal ends the server at once`, async () => {
    const { server, port } = await startRoom(dialect, { args: ["--drain-ms", "60000"] });
    await using _ = server;
    using sender = new Listener(await enter(dialect, port, 0));
    using _stuck = await enter(dialect, port, 1);
    // A backlog that will not drain keeps the orderly end waiting.
    for (let sent = 0; sent < 5 * MIB; sent += MIB / 4) {
      const one = dialect.message(text(0));
      await sender.peer.send(one.repeat(Math.ceil(MIB / 4 / one.length)));
    }
    server.signal("SIGINT");
    await deadline(refused(port), "the listener's end");
    server.signal("SIGINT");
    assert([130, 0].includes(await server.code()));
  });
}

function STRANGERS(): { name: string; bytes: Uint8Array }[] {
  return [
    {
      name: "an HTTP request",
      bytes: bytes("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"),
    },
    {
      name: "a TLS hello",
      bytes: Uint8Array.of(
        0x16,
        3,
        1,
        0,
        0x31,
        1,
        0,
        0,
        0x2d,
        3,
        3,
        ...Array(32).fill(0xa5),
        0,
        0,
        2,
        0x13,
        1,
      ),
    },
    { name: "a telnet negotiation", bytes: Uint8Array.of(255, 253, 1, 255, 253, 3, 255, 251, 31) },
    {
      name: "another protocol of ours",
      bytes: bytes("REGISTER\r\nclientID: a\r\nIP: 1.2.3.4\r\nPort: 1\r\n\r\n"),
    },
  ];
}

/** So many members of a room, each listening. */
async function crowd(dialect: Dialect, port: number, size: number): Promise<Listener[]> {
  const members: Listener[] = [];
  for (let i = 0; i < size; i++) members.push(new Listener(await enter(dialect, port, i)));
  return members;
}

/** Sends so many messages at 100 a second, from members in turn, and measures their way to all others. */
async function talk(
  members: readonly Listener[],
  dialect: Dialect,
  messages: number,
): Promise<{ p99: number }> {
  const sentAt = new Map<string, number>();
  const latencies: number[] = [];
  for (const member of members) {
    const decoder = new TextDecoder();
    let rest = "";
    member.onBytes = (data) => {
      rest += decoder.decode(data);
      for (const [mark] of rest.matchAll(/\^\d{6}/g)) {
        latencies.push(performance.now() - sentAt.get(mark)!);
      }
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
  const all = messages * (members.length - 1);
  const waiting = performance.now();
  while (latencies.length < all && performance.now() - waiting < 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(latencies.length, all);
  latencies.sort((a, b) => a - b);
  return { p99: latencies[Math.floor(all * 0.99)]! };
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

/** Reads until the text has come, whatever comes before it. */
async function readUntil(peer: Peer, wanted: string): Promise<void> {
  let heard = "";
  while (!heard.includes(wanted)) heard += new TextDecoder().decode(await peer.read(1));
  assertMatch(heard, /./s);
}

/** Tries to enter until a connection is served; each that is closed is tried again. */
async function enterAtLast(dialect: Dialect, port: number, i: number): Promise<Peer> {
  for (;;) {
    try {
      return await enter(dialect, port, i);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Resolves once connections to the port are refused. */
async function refused(port: number): Promise<void> {
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
