/**
 * A fair turn: what one client asks for in a flood delays nobody else's talk. In each test two talk in the
 * same way and at the same time to a server of their own that nobody floods, which is the control: a busy
 * machine delays both.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { Peer, Program } from "./helpers.ts";

/** What the talk of others may be delayed by; on a busy machine it is 10 times the control. */
const MOST_MS = 50;
const TEXTS = 200;

/** A room in which somebody floods. */
interface Scene {
  readonly name: string;
  readonly server: string[];
  /** Brings in what the flood is over; resolves to who was brought in. */
  crowd(port: number): Promise<Peer[]>;
  /** Brings the two in who talk: what the first sends, the second hears. */
  talkers(port: number): Promise<[from: Peer, to: Peer]>;
  says(i: number): string;
  hears(i: number): string;
  /** Brings in the client that floods, and what it sends again and again. */
  flooder(port: number): Promise<[peer: Peer, flood: string]>;
}

async function joined(port: number, name: string): Promise<Peer> {
  const peer = await Peer.connect(port);
  await peer.send(`JOIN ${name}\n`);
  await peer.expect(`${name} joined!Connected to server!\n`);
  return peer;
}

function relay(users: number): Scene {
  return {
    name: `relay: a thousand LISTs at a time of ${users} users`,
    server: ["relay", "0", "--users", `${users}`],
    crowd: async (port) => {
      const peers: Peer[] = [];
      for (let i = 0; i < users - 3; i++) peers.push(await joined(port, `user${i}`));
      return peers;
    },
    talkers: async (port) => {
      const from = await joined(port, "From");
      const to = await joined(port, "To");
      await from.expect("To joined!\n");
      return [from, to];
    },
    says: (i) => `MESG To ${i}\n`,
    hears: (i) => `From: ${i}\n`,
    flooder: async (port) => [await joined(port, "Flooder"), "LIST\n".repeat(1000)],
  };
}

const frame = (text: string) => text.padEnd(200);

const channels: Scene = {
  name: "channels: /create and /list of 5,000 channels",
  server: ["channels", "0"],
  async crowd(port) {
    const peer = await Peer.connect(port);
    const creates = Array.from({ length: 5000 }, (_, i) => frame(`/create channel-${i}`)).join("");
    await peer.send(frame("Maker") + creates + frame("/?"));
    await peer.read(200);
    return [peer];
  },
  async talkers(port) {
    const from = await Peer.connect(port);
    await from.send(frame("From") + frame("/create talk") + frame("/?"));
    await from.read(200);
    const to = await Peer.connect(port);
    await to.send(frame("To") + frame("/join talk"));
    await from.expect(frame("To has joined"));
    return [from, to];
  },
  says: (i) => frame(`${i}`),
  hears: (i) => frame(`[From] ${i}`),
  async flooder(port) {
    const peer = await Peer.connect(port);
    await peer.send(frame("Flooder"));
    const pairs = Array.from(
      { length: 500 },
      (_, i) => frame(`/create more-${i}`) + frame("/list"),
    );
    return [peer, pairs.join("")];
  },
};

/** How long the server has run so far, in ms: what others take of the processor is not the flood's doing. */
function ran(server: Program): number {
  return Number(Deno.readTextFileSync(`/proc/${server.pid}/schedstat`).split(" ")[0]) / 1e6;
}

/** The time in ms within which 99 of 100 texts are heard: on the clock, or of the server's own if that is less. */
async function p99({ server, talkers: [from, to] }: Open, { says, hears }: Scene): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < TEXTS; i++) {
    const [start, running] = [performance.now(), ran(server)];
    await from.send(says(i));
    await to.expect(hears(i));
    times.push(Math.min(performance.now() - start, ran(server) - running));
  }
  return times.sort((a, b) => a - b)[Math.floor(TEXTS * 0.99) - 1]!;
}

/** Floods and reads what is answered, until it is told to stop. */
async function flood([peer, text]: [Peer, string], signal: AbortSignal): Promise<number> {
  let heard = 0;
  const buffer = new Uint8Array(65536);
  const reading = (async () => {
    for (let n; (n = await peer.conn.read(buffer).catch(() => null)) !== null;) heard += n;
  })();
  while (!signal.aborted) await peer.send(text).catch(() => {});
  peer.close();
  await reading;
  return heard;
}

/** A server with two who talk to each other. */
interface Open extends AsyncDisposable {
  readonly server: Program;
  readonly port: number;
  readonly talkers: [from: Peer, to: Peer];
}

async function open(scene: Scene): Promise<Open> {
  const server = new Program("server.ts", scene.server);
  const port = await server.port();
  const crowd = await scene.crowd(port);
  const talkers = await scene.talkers(port);
  return {
    server,
    port,
    talkers,
    async [Symbol.asyncDispose]() {
      for (const each of [...crowd, ...talkers]) each.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

for (const scene of [relay(8), relay(300), channels]) {
  Deno.test(`a flood delays nobody else: ${scene.name}`, async () => {
    await using flooded = await open(scene);
    await using control = await open(scene);
    const flooder = await scene.flooder(flooded.port);
    // What the others are told of the flooder's coming.
    if (scene.server[0] === "relay") {
      for (const each of flooded.talkers) await each.expect("Flooder joined!\n");
    }
    const stop = new AbortController();
    const flooding = flood(flooder, stop.signal);
    const [ms, without] = await Promise.all([p99(flooded, scene), p99(control, scene)]);
    stop.abort();
    flooder[0].close();
    const heard = await flooding;
    assert(heard > 100_000, `only ${heard} bytes were answered to the flood`);
    assert(ms <= Math.max(MOST_MS, 10 * without), `${ms} ms with the flood, ${without} ms without`);
  });
}
