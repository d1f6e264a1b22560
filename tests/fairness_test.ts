/**
 * What one peer can do to the others: nothing that they notice, and nothing that stays. Each test has its
 * control in the same run, because a busy machine delays both.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { type Dialect, DIALECTS, enter, Listener, resident, startRoom } from "./crowd.ts";
import { deadline, Peer, text as textOf } from "./helpers.ts";

const MIB = 1024 * 1024;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How long messages take from one member to another, in ms: the 99th percentile of 100 of them. */
async function talk(from: Peer, { to, dialect }: { to: Listener; dialect: Dialect }) {
  const latencies: number[] = [];
  let heard = "";
  let arrived = Promise.withResolvers<void>();
  let mark = "";
  to.onBytes = (data) => {
    const all = heard + textOf(data);
    if (mark !== "" && all.includes(mark)) arrived.resolve();
    heard = all.slice(-mark.length);
  };
  for (let n = 0; n < 100; n++) {
    mark = `^${String(n).padStart(3, "0")}^`;
    heard = "";
    arrived = Promise.withResolvers();
    const began = performance.now();
    await from.send(dialect.message(mark));
    await deadline(arrived.promise, `message ${n}`);
    latencies.push(performance.now() - began);
    await pause(10);
  }
  return latencies.sort((a, b) => a - b)[98]!;
}

/** Sends without a pause until it is told to stop or is cut; what it sends is whole messages. */
async function flood(peer: Peer, { message, stop }: { message: string; stop: AbortSignal }) {
  const batch = message.repeat(Math.ceil(32_768 / message.length));
  try {
    while (!stop.aborted) await peer.send(batch);
  } catch {
    // The test is over.
  }
}

/**
 * Whether members are delayed by what `disturb` begins and `calm` ends: by 50 ms at most, or ten times as
 * long as the control on a busy machine. A busy machine delays some rounds; what one peer does to the
 * others is in all of them.
 */
async function assertPrompt(
  measure: () => Promise<number>,
  { disturb }: { disturb: () => Promise<() => Promise<void>> },
): Promise<void> {
  const rounds: string[] = [];
  for (let round = 0; round < 3; round++) {
    const control = await measure();
    const calm = await disturb();
    const p99 = await measure();
    await calm();
    if (p99 < Math.max(50, 10 * control)) return;
    rounds.push(`p99 ${p99} ms, ${control} ms without`);
  }
  throw new Error(rounds.join("; "));
}

for (const name of ["relay", "channels"]) {
  const dialect = DIALECTS[name]!;

  Deno.test(`${name}: who talks is not delayed by a flood that waits for a slow reader`, async () => {
    const { server, port } = await startRoom(dialect);
    await using _ = server;
    using flooder = new Listener(await enter(dialect, port, 0));
    using talker = new Listener(await enter(dialect, port, 1));
    using listener = new Listener(await enter(dialect, port, 2));
    const message = dialect.message("x".repeat(100));
    let i = 3;
    await assertPrompt(() => talk(talker.peer, { to: listener, dialect }), {
      async disturb() {
        const slow = await enter(dialect, port, i++);
        const stop = new AbortController();
        let bytes = 0;
        const reading = (async () => {
          const buffer = new Uint8Array(65_536);
          for (; !stop.signal.aborted; await pause(30)) bytes += await slow.conn.read(buffer) ?? 0;
        })();
        const flooding = flood(flooder.peer, { message, stop: stop.signal });
        // The kernel takes some megabytes first; then the reader has a backlog, and the flood waits.
        await pause(500);
        return async () => {
          stop.abort();
          await reading;
          slow.close();
          await flooding;
          assert(bytes > 500_000, `the slow reader got ${bytes} bytes`);
          assert(!server.stderr.includes("cut"), server.stderr);
        };
      },
    });
  });

  Deno.test(`${name}: who asks for much gets it in turns, and the others have theirs`, async () => {
    const { server, port } = await startRoom(dialect);
    await using _ = server;
    using asker = new Listener(await enter(dialect, port, 0));
    using talker = new Listener(await enter(dialect, port, 1));
    using listener = new Listener(await enter(dialect, port, 2));
    const message = name === "relay" ? "LIST\n" : dialect.message("/list");
    await assertPrompt(() => talk(talker.peer, { to: listener, dialect }), {
      async disturb() {
        const stop = new AbortController();
        const asking = flood(asker.peer, { message, stop: stop.signal });
        await pause(300);
        return async () => {
          stop.abort();
          await asking;
        };
      },
    });
  });
}

Deno.test("relay: 100 clients that send 60 kB of line ends each take a bounded memory, and the second hundred no more", async () => {
  const dialect = DIALECTS["relay"]!;
  const { server, port } = await startRoom(dialect);
  await using _ = server;
  const data = "\n".repeat(60_000);
  let peak = 0;
  const watch = setInterval(() => peak = Math.max(peak, resident(server.pid)), 20);
  const crowd = async () => {
    const peers = await Promise.all(Array.from({ length: 100 }, () => Peer.connect(port)));
    await Promise.all(peers.map(async (peer) => {
      await peer.send(data + "LIST\n");
      // Behind the line ends comes a question: they are handled when it is answered.
      await peer.expect('Unregistered User. Use "JOIN <username>" to Register.\n');
    }));
    peers.forEach((peer) => peer.close());
    return peak;
  };
  try {
    const before = resident(server.pid);
    const first = await crowd();
    const bound = 100 * MIB + 100 * 64 * 1024 + 4 * 100 * data.length;
    const figures = `${before / MIB} MiB before, ${first / MIB} MiB with them`;
    assert(first < bound, `${figures}, over ${bound / MIB}`);
    const second = await crowd();
    // V8's young generation grows to 32 MiB in a process's life, whatever makes it.
    assert(
      second < first * 1.1 + 32 * MIB,
      `${figures}, ${second / MIB} MiB with the second hundred`,
    );
  } finally {
    clearInterval(watch);
  }
});

Deno.test("relay: who comes while descriptors are short is told so or closed, and does not wait", async () => {
  const dialect = DIALECTS["relay"]!;
  const { server, port } = await startRoom(dialect, { before: "ulimit -n 100" });
  await using _ = server;
  using member = await enter(dialect, port, 0);
  const crowd = await Promise.all(Array.from({ length: 150 }, () => Peer.connect(port)));
  try {
    await server.until(/out of descriptors at \d+ connections, from now on at most \d+/, "stderr");
    // Those that are in stay; each of the others hears the end, most of them after the word.
    const most = Promise.withResolvers<void>();
    const ends: string[] = [];
    for (const peer of crowd) {
      peer.rest().catch(() => new Uint8Array()).then((said) => {
        if (ends.push(textOf(said)) === 60) most.resolve();
      });
    }
    await deadline(most.promise, "60 of 150 to be told or closed");
    assert(ends.includes("Too Many Users\n"), "nobody was told");
  } finally {
    crowd.forEach((peer) => peer.close());
  }
  await member.send("LIST\n");
  await member.expect("u0\n");
});
