import { assertEquals } from "@std/assert/equals";
import { type Clock, Fanout, Flow, Outbound, type OutboundOptions } from "../lib/outbound.ts";

const permissions = "none";
const bytes = (text: string) => new TextEncoder().encode(text);

/** A clock that is turned by hand. */
class HandClock implements Clock {
  #now = 0;
  #timers = new Set<{ ms: number; at: number; tick: () => void }>();

  now(): number {
    return this.#now;
  }

  every(ms: number, tick: () => void): () => void {
    const timer = { ms, at: this.#now + ms, tick };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get running(): number {
    return this.#timers.size;
  }

  async turn(ms: number): Promise<void> {
    for (const end = this.#now + ms; this.#now < end;) {
      this.#now += 10;
      for (const timer of [...this.#timers]) {
        if (timer.at > this.#now) continue;
        timer.at += timer.ms;
        timer.tick();
      }
      await settle();
    }
  }
}

/** A reader that takes as many bytes as it is told to. */
class Reader {
  readonly writes: string[] = [];
  #pending: { data: Uint8Array; resolve: (count: number) => void } | undefined;
  #open = true;

  write = (data: Uint8Array): Promise<number> => {
    this.writes.push(new TextDecoder().decode(data));
    if (this.#open) return Promise.resolve(data.length);
    return new Promise((resolve) => this.#pending = { data, resolve });
  };

  stop(): this {
    this.#open = false;
    return this;
  }

  async take(count?: number): Promise<void> {
    const { data, resolve } = this.#pending!;
    this.#pending = undefined;
    resolve(count ?? data.length);
    await settle();
  }
}

/** Lets all that is ready happen. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function setUp(options: OutboundOptions = {}, reader = new Reader()) {
  const clock = new HandClock();
  const flow = new Flow({ softBytes: 100, hardBytes: 1000, stuckMs: 10_000 }, clock);
  const cuts: (string | undefined)[] = [];
  const outbound = new Outbound(reader, flow, { onCut: (why) => cuts.push(why), ...options });
  return { clock, flow, reader, outbound, cuts };
}

Deno.test("Outbound joins what is sent in one turn, in order", { permissions }, async () => {
  const { outbound, reader } = setUp();
  for (const each of ["a", "b", "c"]) outbound.send(bytes(each));
  assertEquals([reader.writes, outbound.backlog], [[], 3]);
  await outbound.drained();
  outbound.send(bytes("d"));
  await outbound.drained();
  assertEquals([reader.writes, outbound.backlog], [["abc", "d"], 0]);
  outbound.discard();
});

Deno.test("Outbound goes on where a write was partial, with what came meanwhile behind", {
  permissions,
}, async () => {
  const { outbound, reader } = setUp({}, new Reader().stop());
  outbound.send(bytes("abcdef"));
  await settle();
  outbound.send(bytes("gh"));
  outbound.send(bytes("i"));
  await reader.take(2);
  await reader.take();
  assertEquals(reader.writes, ["abcdef", "cdef", "ghi"]);
  outbound.discard();
});

Deno.test(
  "Outbound writes each frame by itself where frames must not be joined",
  { permissions },
  async () => {
    const { outbound, reader } = setUp({ join: false });
    for (const each of ["a", "b", "c"]) outbound.send(bytes(each));
    await outbound.drained();
    assertEquals(reader.writes, ["a", "b", "c"]);
    outbound.discard();
  },
);

Deno.test(
  "Outbound cuts a reader at the bound, once, and forgets what was queued",
  { permissions },
  async () => {
    const { outbound, cuts, clock } = setUp({}, new Reader().stop());
    for (let i = 0; i < 30; i++) outbound.send(bytes("x".repeat(100)));
    assertEquals(cuts, ["fell 1100 bytes behind, over 1000"]);
    assertEquals(outbound.backlog, 0);
    outbound.send(bytes("more"));
    await outbound.drained();
    assertEquals([cuts.length, clock.running], [1, 0]);
  },
);

Deno.test(
  "Outbound drops and counts instead, where that is asked for",
  { permissions },
  async () => {
    const { outbound, cuts, reader } = setUp({ drop: true }, new Reader().stop());
    for (let i = 0; i < 12; i++) outbound.send(bytes("x".repeat(100)));
    assertEquals([cuts, outbound.dropped], [[], 2]);
    await settle();
    await reader.take();
    outbound.send(bytes("after"));
    await settle();
    assertEquals(reader.writes.at(-1), "after");
    outbound.discard();
  },
);

Deno.test("Outbound cuts a reader that takes nothing for 10 s, and none that takes a little", {
  permissions,
}, async () => {
  const { outbound, cuts, clock, reader } = setUp({}, new Reader().stop());
  outbound.send(bytes("x".repeat(50)));
  await clock.turn(8000);
  await reader.take(1);
  await clock.turn(9000);
  assertEquals(cuts, []);
  await clock.turn(3000);
  assertEquals(cuts, ["took nothing for 10 s with 49 bytes waiting"]);
});

Deno.test("Flow holds a sender while its reader moves, and lets it go when there is room", {
  permissions,
}, async () => {
  const { outbound, flow, reader } = setUp({}, new Reader().stop());
  outbound.send(bytes("x".repeat(100)));
  assertEquals(flow.hold(), undefined);
  outbound.send(bytes("y".repeat(50)));
  let held = true;
  flow.hold()!.then(() => held = false);
  await settle();
  assertEquals(held, true);
  await reader.take(100);
  assertEquals(held, false);
  assertEquals(flow.hold(), undefined);
  outbound.discard();
});

Deno.test(
  "Flow lets talk pass a reader without progress, and a flood only slowly",
  { permissions },
  async () => {
    const { outbound, flow, clock, cuts } = setUp({}, new Reader().stop());
    outbound.send(bytes("x".repeat(150)));
    let passed = 0;
    flow.hold()!.then(() => passed++);
    await clock.turn(190);
    assertEquals(passed, 0);
    await clock.turn(50);
    assertEquals(passed, 1);
    // Talk: ten bytes now and then are never held for long.
    for (let i = 0; i < 5; i++) {
      await clock.turn(200);
      outbound.send(bytes("talk talk "));
      assertEquals(flow.hold(), undefined);
      await clock.turn(50);
    }
    assertEquals([passed, cuts], [1, []]);
    outbound.discard();
  },
);

Deno.test(
  "Outbound lets everybody go who waits for it when it is discarded",
  { permissions },
  async () => {
    const { outbound, flow, clock } = setUp({}, new Reader().stop());
    outbound.send(bytes("x".repeat(500)));
    const waiting = Promise.all([flow.hold(), outbound.drained()]);
    outbound.discard();
    await waiting;
    assertEquals(clock.running, 0);
  },
);

Deno.test(
  "Fanout sends to all but one, in order with what is sent to one",
  { permissions },
  async () => {
    const flow = new Flow({ softBytes: 100, hardBytes: 1000, stuckMs: 10_000 }, new HandClock());
    const readers = [new Reader(), new Reader(), new Reader()];
    const members = readers.map((reader) => new Outbound(reader, flow));
    const room = new Fanout(flow);
    members.slice(0, 2).forEach((member) => room.add(member));
    room.send([bytes("1"), bytes(":a ")], members[0]);
    room.send([bytes("2 ")], members[0]);
    members[1]!.send(bytes("only "));
    room.send([bytes("3 ")]);
    room.add(members[2]!);
    room.send([bytes("4 ")]);
    room.delete(members[0]!);
    room.send([bytes("5 ")]);
    await settle();
    assertEquals(readers.map((reader) => reader.writes), [["3 4 "], ["1:a 2 only 3 4 5 "], [
      "4 5 ",
    ]]);
    members.forEach((member) => member.discard());
  },
);

Deno.test("Flow waits until nearly all of a large room is served", {
  permissions,
}, async () => {
  const { clock, flow, outbound } = setUp();
  const room = new Fanout(flow);
  const readers = Array.from({ length: 160 }, () => new Reader().stop());
  const members = readers.map((reader) => new Outbound(reader, flow));
  members.slice(0, 128).forEach((member) => room.add(member));
  room.send([bytes("small")]);
  assertEquals(flow.round(), undefined);
  members.slice(128).forEach((member) => room.add(member));
  await settle();

  const say = async () => {
    let over = false;
    room.send([bytes("large")]);
    flow.round()!.then(() => over = true);
    await settle();
    return () => over;
  };
  // The first 128 still have the small one to take: only the other 32 begin a write.
  const first = await say();
  for (const reader of readers.slice(128, 157)) await reader.take();
  assertEquals(first(), false);
  await readers[157]!.take();
  assertEquals(first(), true);
  for (const reader of readers.slice(0, 128)) {
    await reader.take();
    await reader.take();
  }
  // Two are stuck by now and are no part of it; of the others, those that leave are over, too.
  const second = await say();
  for (const reader of readers.slice(0, 140)) await reader.take();
  assertEquals(second(), false);
  members.slice(140).forEach((member) => member.discard());
  await settle();
  assertEquals(second(), true);
  for (const queue of [...members, outbound]) queue.discard();
  assertEquals([flow.round(), clock.running], [undefined, 0]);
});
