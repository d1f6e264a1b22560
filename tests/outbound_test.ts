import { assertEquals } from "@std/assert/equals";
import { type Clock, Fanout, Flow, Outbound, type OutboundOptions } from "../lib/outbound.ts";
import { Random } from "./random.ts";

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
  /** All that it has taken. */
  heard = "";
  #pending: { data: Uint8Array; resolve: (count: number) => void } | undefined;
  #open = true;

  write = (data: Uint8Array): Promise<number> => {
    this.writes.push(new TextDecoder().decode(data));
    if (this.#open) return Promise.resolve(this.#hear(data));
    return new Promise((resolve) => this.#pending = { data, resolve });
  };

  stop(): this {
    this.#open = false;
    return this;
  }

  /** How many bytes wait for it to take them. */
  get pending(): number | undefined {
    return this.#pending?.data.length;
  }

  async take(count?: number): Promise<void> {
    const { data, resolve } = this.#pending!;
    this.#pending = undefined;
    resolve(this.#hear(data.subarray(0, count)));
    await settle();
  }

  #hear(data: Uint8Array): number {
    this.heard += new TextDecoder().decode(data);
    return data.length;
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

/** A room of so many members whose readers take nothing more when they are stopped. */
function roomOf(size: number, flow: Flow) {
  const room = new Fanout(flow);
  const readers = Array.from({ length: size }, () => new Reader());
  const members = readers.map((reader) => new Outbound(reader, flow));
  members.forEach((member) => room.add(member));
  return { room, readers, members };
}

/** Handles a frame as a session does: what is said goes to the room. Whether the sender has to wait. */
function says(from: Outbound, { flow, room, bytes: size }: {
  flow: Flow;
  room: Fanout;
  bytes: number;
}): Promise<void> | undefined {
  flow.sender = from;
  room.send([new Uint8Array(size)], from);
  return flow.hold();
}

Deno.test("Flow holds who floods a slow reader, and nobody who talks beside the flood", {
  permissions,
}, async () => {
  const clock = new HandClock();
  const flow = new Flow({ softBytes: 1000, hardBytes: 100_000, stuckMs: 10_000 }, clock);
  const { room, readers, members } = roomOf(4, flow);
  const [flooder, talker, , other] = members as [Outbound, Outbound, Outbound, Outbound];
  const elsewhere = new Fanout(flow);
  room.delete(other);
  elsewhere.add(other);
  readers[2]!.stop();
  for (let i = 0; i < 3; i++) {
    assertEquals(says(flooder, { flow, room, bytes: 400 }), undefined);
    await settle();
  }
  let held = true;
  says(flooder, { flow, room, bytes: 400 })!.then(() => held = false);
  await settle();
  for (let second = 0; second < 5; second++) {
    // The reader moves all the time, and the flooder waits for that long.
    for (let i = 0; i < 10; i++) {
      assertEquals(says(talker, { flow, room, bytes: 20 }), undefined, `second ${second}`);
      await readers[2]!.take(1);
      await clock.turn(100);
    }
    assertEquals(held, true, `second ${second}`);
  }
  // A flood in another room has nothing to do with this reader, however large it is.
  for (let i = 0; i < 10; i++) {
    assertEquals(says(other, { flow, room: elsewhere, bytes: 400 }), undefined);
    await settle();
  }
  members.forEach((member) => member.discard());
  await settle();
  assertEquals([held, clock.running], [false, 0]);
});

Deno.test(
  "Flow holds each of many that flood a slow reader together",
  { permissions },
  async () => {
    const clock = new HandClock();
    const flow = new Flow({ softBytes: 64_000, hardBytes: 1_000_000, stuckMs: 10_000 }, clock);
    const { room, readers, members } = roomOf(81, flow);
    readers[80]!.stop();
    const senders = members.slice(0, 80);
    let sent = 0;
    let free = [...senders];
    for (let round = 0; round < 50; round++) {
      for (const sender of [...free]) {
        sent++;
        const pause = says(sender, { flow, room, bytes: 500 });
        if (!pause) continue;
        free = free.filter((each) => each !== sender);
        pause.then(() => free.push(sender));
      }
      // Everybody moves, and the slow reader only so that it never stands still.
      await settle();
      await readers[80]!.take(1);
      await clock.turn(10);
    }
    assertEquals([free.length, members[80]!.backlog < 128_000], [0, true], `sent ${sent}`);
    members.forEach((member) => member.discard());
  },
);

Deno.test("leaving a room costs the same, however many are in it, and all get one write for it", {
  permissions,
}, async () => {
  const flow = new Flow({ softBytes: 64_000, hardBytes: 1e6, stuckMs: 10_000 }, new HandClock());
  /** All leave a room but the last; returns ms for each. */
  async function leave(size: number): Promise<number> {
    const { room, readers, members } = roomOf(size, flow);
    room.send([bytes("before ")]);
    const began = performance.now();
    for (const leaver of members.slice(0, -1)) {
      room.delete(leaver);
      room.send([bytes("-")]);
    }
    const took = performance.now() - began;
    await settle();
    // Who leaves hears what was said before, and nothing of what comes after.
    assertEquals(readers[0]!.writes, ["before "]);
    assertEquals(readers.at(-2)!.heard, `before ${"-".repeat(size - 2)}`);
    assertEquals(readers.at(-1)!.heard, `before ${"-".repeat(size - 1)}`);
    assertEquals(readers.at(-1)!.writes.length < 3, true);
    members.forEach((member) => member.discard());
    return took / size;
  }
  const few: number[] = [];
  const many: number[] = [];
  // The machine may be busy during some of them: the quickest of three shows what has to be paid.
  for (let i = 0; i < 3; i++) {
    few.push(await leave(200));
    many.push(await leave(6000));
  }
  const ratio = Math.min(...many) / Math.min(...few);
  assertEquals(ratio < 12, true, `each leaver of 6,000 costs ${ratio} times as much`);
});

Deno.test(
  "Fanout and Outbound keep each member's order, whatever is sent, taken, joined and left",
  {
    permissions,
  },
  async () => {
    const random = new Random(7);
    for (let game = 0; game < 200; game++) {
      const flow = new Flow({ softBytes: 1e6, hardBytes: 1e7, stuckMs: Infinity }, new HandClock());
      const room = new Fanout(flow);
      const readers = Array.from({ length: 4 }, () => new Reader());
      const members = readers.map((reader) => new Outbound(reader, flow));
      const expected = members.map(() => "");
      const inside = new Set<number>();
      const slow = random.below(5);
      if (slow < 4) readers[slow]!.stop();
      for (let step = 0; step < 60; step++) {
        const who = random.below(4);
        const text = `${step}${"x".repeat(random.below(2) * random.below(9000))},`;
        switch (random.below(5)) {
          case 0:
            if (inside.delete(who)) room.delete(members[who]!);
            else room.add((inside.add(who), members[who]!));
            break;
          case 1:
            members[who]!.send(bytes(text));
            expected[who] += text;
            break;
          case 2:
            await settle();
            if (readers[slow]?.pending) {
              await readers[slow]!.take(
                1 + random.below(readers[slow]!.pending!),
              );
            }
            break;
          default:
            room.send([bytes(text.slice(0, 2)), bytes(text.slice(2))], members[who]!);
            for (const i of inside) if (i !== who) expected[i] += text;
        }
      }
      await settle();
      while (readers[slow]?.pending) await readers[slow]!.take();
      assertEquals(readers.map((reader) => reader.heard), expected, `game ${game}`);
      assertEquals(members.map((member) => member.backlog), [0, 0, 0, 0]);
      members.forEach((member) => member.discard());
    }
  },
);
