import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { built } from "../bench/fanout.ts";
import { measure } from "../bench/measure.ts";
import { page, type Row, table } from "../bench/report.ts";
import { TCP, UDP_ALL, UDP_ONE } from "../bench/servers.ts";
import { numberAt, Tally } from "../bench/tally.ts";
import { bytes, installed } from "./helpers.ts";

const target = (name: string) => TCP.find((each) => each.name === name)!;

Deno.test("the load generator counts each delivery of each server once", async () => {
  const shape = { name: "a moment", clients: 6, senders: 2, messages: 50, window: 4 };
  const everyone = 2 * 50 * 5;
  const rooms = { ...shape, rooms: 2 };
  const all = await Promise.all([
    measure(target("relay"), shape),
    measure(target("channels"), rooms),
    measure(target("chatroom"), { ...shape, rate: 1000 }),
    measure(UDP_ONE[1]!, shape),
    measure(UDP_ALL[1]!, shape),
  ]);
  assertEquals(all.map((each) => each!.deliveries), [everyone, 200, everyone, 100, everyone]);
  assertEquals(all.map((each) => [each!.lost, each!.repeated]), Array(5).fill([0, 0]));
});

Deno.test({
  name: "the load generator in C counts the same deliveries, and the relay in C makes them",
  ignore: !await installed("cc"),
  async fn() {
    await built("fanout");
    await built("limit");
    const shape = { name: "a moment", clients: 6, senders: 2, messages: 500, window: 4 };
    for (const name of ["C relay", "bytes in Deno", "relay", "channels", "chatroom"]) {
      const { deliveries, lost } = (await measure(target(name), shape))!;
      assertEquals([name, deliveries, lost], [name, 2 * 500 * 5, 0]);
    }
  },
});

Deno.test("measure() is undefined for a server that is not installed", async () => {
  const absent = { name: "x", dialect: "bytes", command: () => ["/there/is/no/such/server"] };
  const shape = { name: "a moment", clients: 2, senders: 1, messages: 1 };
  assertEquals(await measure(absent, shape), undefined);
});

Deno.test({
  name: "Tally tells a delivery that came twice from one that is missing",
  permissions: "none",
  fn() {
    const tally = new Tally({ messages: 2, receivers: 2, members: 3 });
    const [first] = [tally.next(), tally.next()];
    assertEquals(first.length, 64);
    assertEquals(numberAt(bytes("u1: ^000000000000042xx"), 4), 42);
    for (const [message, member] of [[0, 1], [0, 1], [0, 2], [1, 2]] as const) {
      tally.delivered(message, member);
    }
    const { deliveries, lost, repeated } = tally.result();
    assertEquals({ deliveries, lost, repeated }, { deliveries: 3, lost: 1, repeated: 1 });
    assertEquals(tally.complete, 1);
  },
});

Deno.test({
  name: "page() has a row for each measurement, with its ratio, and says what is missing",
  permissions: "none",
  fn() {
    const figures = { lost: 0, repeated: 0, p50: 1, p99: 30, p999: 40, cpu: 0.5, peak: 50 };
    const base = { ...figures, deliveries: 4000, seconds: 2, memory: 0 };
    const row: Row = {
      ...base,
      target: "relay",
      shape: "s",
      deliveries: 3000,
      base,
      latency: false,
    };
    assertMatch(
      table([row]),
      /\| s \| relay \| 1,500 \| 0\.75 \| 1 \| 30 \| 40 \| 0\.50 \| 50 \| 0 \|/,
    );
    const slow = { ...row, p99: 60, latency: true };
    const size = { what: "idle", of: "relay", value: 91.4, unit: "MiB", bound: 100 };
    const text = page([slow], {
      sizes: [size],
      missing: ["ngircd is not installed"],
      generator: "load.ts",
    });
    assertMatch(text, /\| s \| relay \| 1,500 \| 2\.00 \|/);
    assertMatch(text, /\| idle \| relay \| 91 MiB \| 100 MiB \|/);
    assertMatch(text, /Not measured: ngircd is not installed\./);
  },
});
