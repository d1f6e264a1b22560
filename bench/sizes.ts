/**
 * What a server costs beside its throughput: memory of members that say nothing, time to start, and how
 * a message's cost grows with the number of rooms.
 *
 * @module
 */

import { measure, median } from "./measure.ts";
import { BYTES_IN_ROOMS, own, type Target, TCP, UDP_ONE } from "./servers.ts";

/** One figure of the second table. */
export interface Size {
  /** What was measured. */
  readonly what: string;
  /** Of which program. */
  readonly of: string;
  /** The figure. */
  readonly value: number;
  /** What it is counted in. */
  readonly unit: string;
  /** What it must not exceed. */
  readonly bound: number;
}

/** How much to measure. */
export interface Extent {
  /** Of how many runs the median is taken. */
  readonly runs: number;
  /** What the numbers of members and messages are divided by. */
  readonly scale: number;
}

const ROLES = [
  ["server.ts", "bridge"],
  ["server.ts", "channels"],
  ["server.ts", "relay"],
  ["client.ts", "bridge"],
  ["client.ts", "channels"],
  ["client.ts", "overlay"],
  ["client.ts", "relay"],
  ["overlay.ts"],
  ["chatroom.ts", "server"],
  ["chatroom.ts", "client"],
] as const;

const SERVERS = [
  ["server.ts", "bridge", "--port=0"],
  ["server.ts", "channels", "0"],
  ["server.ts", "relay", "0"],
  ["overlay.ts", "-p", "0"],
  ["chatroom.ts", "server", "--port", "0"],
  ["chatroom.ts", "server", "--udp", "--port", "0"],
] as const;

const TARGETS: readonly Target[] = [...TCP, ...UDP_ONE];
/** Not the chatroom over UDP: each who comes is told to all in datagrams, for minutes. */
const IDLE = ["relay", "channels", "chatroom", "overlay"];

/** All of them, one after the other. */
export async function* sizes(extent: Extent): AsyncGenerator<Size> {
  for (const [script, ...args] of ROLES) {
    const value = await middle(extent, () => helpTime(own(script, ...args, "--help")));
    yield { what: "`--help`", of: [script, ...args].join(" "), value, unit: "ms", bound: 200 };
  }
  for (const [script, ...args] of SERVERS) {
    const value = await middle(extent, () => listeningTime(own(script, ...args)));
    yield { what: "listening", of: [script, ...args].join(" "), value, unit: "ms", bound: 300 };
  }
  for (const target of TARGETS.filter(({ name }) => IDLE.includes(name))) {
    const clients = 5000 / extent.scale;
    const rooms = target.dialect === "channels" ? clients / 10 : 1;
    const load = { name: `${clients} idle members`, clients, rooms, senders: 0, messages: 0 };
    const { memory } = (await measure(target, load))!;
    yield { what: load.name, of: target.name, value: memory, unit: "MiB", bound: 100 };
  }
  // The baseline shows what the machine itself does when there are more connections.
  for (const target of [BYTES_IN_ROOMS, TARGETS.find(({ name }) => name === "channels")!]) {
    const many = 1000 / extent.scale;
    const value = await roomScaling(target, { ...extent, many });
    const what = `cost per message, ${many} rooms to 10`;
    yield { what, of: target.name, value, unit: "times", bound: 1.3 };
  }
}

/** CPU time for each delivery with `many` rooms of ten members over that with 10 such rooms. */
async function roomScaling(
  target: Target,
  { runs, scale, many }: Extent & { many: number },
): Promise<number> {
  const cost = async (rooms: number) => {
    const messages = 60_000 / scale / rooms;
    // Ten messages are under way in all: as many share a write, however many rooms there are.
    const load = { clients: rooms * 10, rooms, senders: rooms, messages, window: 10 / rooms };
    const { cpu, deliveries } = (await measure(target, { name: `${rooms} rooms`, ...load }))!;
    return cpu / deliveries;
  };
  const ratios: number[] = [];
  for (let i = 0; i < runs; i++) ratios.push(1 / await cost(10) * await cost(many));
  return median(ratios, (ratio) => ratio);
}

/** The median; once more before, so that all is compiled and in the system's memory. */
async function middle({ runs }: Extent, time: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  await time();
  for (let i = 0; i < runs; i++) times.push(await time());
  return median(times, (ms) => ms);
}

async function helpTime([file, ...args]: string[]): Promise<number> {
  const startedAt = performance.now();
  const { code } = await new Deno.Command(file!, { args, stderr: "null" }).output();
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}`);
  return performance.now() - startedAt;
}

/** What a server says first is where it listens. */
async function listeningTime([file, ...args]: string[]): Promise<number> {
  const startedAt = performance.now();
  const child = new Deno.Command(file!, { args, stdin: "null", stdout: "piped", stderr: "piped" })
    .spawn();
  const readers = [child.stdout.getReader(), child.stderr.getReader()];
  await Promise.race(readers.map((reader) => reader.read()));
  const time = performance.now() - startedAt;
  child.kill("SIGKILL");
  await child.status;
  await Promise.all(readers.map((reader) => reader.cancel()));
  return time;
}
