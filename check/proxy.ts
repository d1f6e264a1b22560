/**
 * A proxy that makes faults on the way between two programs: `check.ts fault`. Every decision comes from
 * the seed, is printed with the offset of the bytes that it is about, and is the same in the next run.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { concat } from "./bytes.ts";
import { random } from "./faults.ts";
import { address, Misuse } from "./options.ts";
import { resettable, sleep, type Wire, wireOf } from "./peer.ts";

const USAGE = `usage: check.ts fault --listen PORT --to HOST:PORT [--udp] [--seed N] MODE=VALUE ...

Forwards connections (with --udp: datagrams) and makes faults on the way.

  split=N or A..B     pieces of so many bytes        delay=A..B        milliseconds before each piece
  glue=MS             holds bytes so long, and joins rate=N            bytes a second
  stall=AFTER         forwards no more after N bytes fin=AFTER         closes after N bytes
  half-close=AFTER    FIN one way after N bytes      rst=AFTER         resets after N bytes
  garbage=RATE        bytes that nobody sent (0..1)  cut-utf8=1        cuts inside of characters
  drop=RATE dup=RATE reorder=RATE  datagrams only

  --dir up|down|both  from the client to the server, back, or both (the default)
  --conn N            faults for the Nth connection only
  SIGUSR1             cuts everything off, and again: lets it through

example: check.ts fault --listen 9000 --to 127.0.0.1:8001 --seed 7 split=1..5 delay=0..30
`;

/** Numbers between which a decision is drawn. */
type Range = readonly [least: number, most: number];

const TCP_MODES = [
  "split",
  "delay",
  "glue",
  "rate",
  "stall",
  "fin",
  "half-close",
  "rst",
  "garbage",
  "cut-utf8",
];
const UDP_MODES = ["delay", "drop", "dup", "reorder"];

/** What a proxy does. */
interface Plan {
  readonly listen: number;
  readonly to: { readonly host: string; readonly port: number };
  readonly seed: string;
  readonly dir: string;
  readonly conn: number | undefined;
  readonly modes: ReadonlyMap<string, Range>;
  readonly put: (text: string) => void;
  /** Whether everything is cut off at the moment. */
  readonly cut: () => boolean;
}

/** Runs the proxy until SIGINT or SIGTERM; returns the exit code. */
export async function runProxy(
  args: readonly string[],
  put: (text: string) => void,
): Promise<number> {
  const parsed = parseArgs([...args], {
    string: ["listen", "to", "seed", "dir", "conn"],
    boolean: ["udp", "help"],
    unknown: (arg) => {
      if (!arg.startsWith("-")) return true;
      throw new Misuse(
        `There is no option ${arg.split("=")[0]} here; check.ts fault --help shows them.`,
      );
    },
  });
  if (parsed.help || args.length === 0) {
    put(USAGE);
    return parsed.help ? 0 : 2;
  }
  const { dir = "both", seed = "1", conn, udp } = parsed;
  if (!["up", "down", "both"].includes(dir)) {
    throw new Misuse(`--dir is up, down or both, not ${dir}.`);
  }
  const to = address(parsed.to);
  if (!to || !/^\d+$/.test(parsed.listen ?? "")) {
    throw new Misuse("--listen PORT and --to HOST:PORT are needed.");
  }
  const modes = new Map(parsed._.map((word) => mode(String(word), udp ? UDP_MODES : TCP_MODES)));
  let cut = false;
  const plan: Plan = {
    listen: Number(parsed.listen),
    to,
    seed,
    dir,
    conn: conn === undefined ? undefined : Number(conn),
    modes,
    put,
    cut: () => cut,
  };
  const end = new AbortController();
  const stop = () => end.abort();
  const partition = () => {
    cut = !cut;
    put(`everything is ${cut ? "cut off" : "let through"}\n`);
  };
  const signals: [Deno.Signal, () => void][] = Deno.build.os === "windows"
    ? [["SIGINT", stop]]
    : [["SIGINT", stop], ["SIGTERM", stop], ["SIGUSR1", partition]];
  for (const [signal, act] of signals) Deno.addSignalListener(signal, act);
  const again = `check.ts fault ${args.join(" ")}${
    parsed.seed === undefined ? ` --seed ${seed}` : ""
  }`;
  put(`replay with: ${again}\n`);
  try {
    await (udp ? forwardDatagrams(plan, end.signal) : forwardConnections(plan, end.signal));
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Misuse(`Port ${plan.listen} is in use: choose another for --listen.`);
  } finally {
    for (const [signal, act] of signals) Deno.removeSignalListener(signal, act);
  }
  return 0;
}

/** Takes `split=1..5` apart. */
function mode(word: string, known: readonly string[]): [string, Range] {
  const [, name = "", least, most] = /^([a-z0-9-]+)=([\d.]+?)(?:\.\.(\d+))?$/.exec(word) ?? [];
  if (!known.includes(name)) {
    throw new Misuse(`${word} is no mode here; there are ${known.join(", ")}.`);
  }
  const range: Range = [Number(least), Number(most ?? least)];
  if (range.some(Number.isNaN) || range[0] > range[1]) {
    throw new Misuse(`${word}: ${range} is no range.`);
  }
  return [name, range];
}

function draw([least, most]: Range, next: () => number): number {
  return least + Math.floor(next() * (most - least + 1));
}

// ---- TCP ----

async function forwardConnections(plan: Plan, signal: AbortSignal): Promise<void> {
  const listener = Deno.listen({ port: plan.listen, transport: "tcp" });
  signal.addEventListener("abort", () => listener.close());
  for (let id = 1;; id++) {
    let conn: Deno.TcpConn;
    try {
      conn = await listener.accept();
    } catch {
      return;
    }
    connection(plan, { id, conn, signal }).catch((error) => plan.put(`#${id} ${error.message}\n`));
  }
}

async function connection(
  plan: Plan,
  { id, conn, signal }: { id: number; conn: Deno.TcpConn; signal: AbortSignal },
): Promise<void> {
  const client = wireOf(conn);
  let server: Wire;
  try {
    server = await resettable(plan.to.host, plan.to.port);
  } catch (error) {
    client.close();
    throw error;
  }
  plan.put(`#${id} is connected\n`);
  const close = () => [client, server].forEach((wire) => void attemptClose(() => wire.close()));
  signal.addEventListener("abort", close);
  const faulty = plan.conn === undefined || plan.conn === id;
  const way = (name: string) => faulty && (plan.dir === "both" || plan.dir === name);
  const both = [
    new Way(plan, { id, name: "up", from: client, to: server, faulty: way("up") }),
    new Way(plan, { id, name: "down", from: server, to: client, faulty: way("down") }),
  ];
  await Promise.allSettled(both.map((each) => each.run()));
  signal.removeEventListener("abort", close);
  close();
  plan.put(`#${id} is over\n`);
}

function attemptClose(close: () => void): void {
  try {
    close();
  } catch {
    // It was closed already.
  }
}

/** One direction of a connection. */
class Way {
  readonly #plan: Plan;
  readonly #label: string;
  readonly #from: Wire;
  readonly #to: Wire;
  readonly #modes: ReadonlyMap<string, Range>;
  readonly #next: () => number;
  #offset = 0;
  #held: Promise<number | null> | undefined;
  readonly #buffer = new Uint8Array(16_384);

  constructor(
    plan: Plan,
    { id, name, from, to, faulty }: {
      id: number;
      name: string;
      from: Wire;
      to: Wire;
      faulty: boolean;
    },
  ) {
    this.#plan = plan;
    this.#label = `#${id} ${name}`;
    this.#from = from;
    this.#to = to;
    this.#modes = faulty ? plan.modes : new Map();
    this.#next = random(`${plan.seed} ${id} ${name}`);
  }

  /** Forwards until the end of the stream, or until a fault ends it. */
  async run(): Promise<void> {
    for (;;) {
      const data = await this.#read();
      if (!data) return await this.#to.closeWrite();
      for (const piece of this.#pieces(this.#spoiled(data))) {
        if (!await this.#forward(piece)) return;
      }
    }
  }

  #say(what: string): void {
    this.#plan.put(`${this.#label} at ${this.#offset}: ${what}\n`);
  }

  #drawn(name: string): number | undefined {
    const range = this.#modes.get(name);
    return range && draw(range, this.#next);
  }

  /** The next bytes; with `glue` all that come within its time, joined. */
  async #read(): Promise<Uint8Array | undefined> {
    const first = await this.#take();
    const glue = this.#drawn("glue");
    if (first === null || glue === undefined) return first ?? undefined;
    const chunks = [first];
    for (const until = performance.now() + glue;;) {
      const left = until - performance.now();
      const more = left > 0 ? await Promise.race([this.#take(), sleep(left)]) : undefined;
      if (!more) break;
      chunks.push(more);
    }
    const all = concat(chunks);
    if (chunks.length > 1) this.#say(`${chunks.length} reads joined to ${all.length} bytes`);
    return all;
  }

  /** One read. A read that `glue` did not wait for is the next one's. */
  async #take(): Promise<Uint8Array | null> {
    this.#held ??= this.#from.read(this.#buffer);
    const n = await this.#held;
    this.#held = undefined;
    return n === null ? null : this.#buffer.slice(0, n);
  }

  /** The bytes with garbage among them, where it is asked for. */
  #spoiled(data: Uint8Array): Uint8Array {
    const [rate = 0] = this.#modes.get("garbage") ?? [];
    if (rate === 0 || this.#next() >= rate) return data;
    const at = Math.floor(this.#next() * (data.length + 1));
    const garbage = Uint8Array.from(
      { length: 1 + Math.floor(this.#next() * 8) },
      () => this.#next() * 256,
    );
    this.#say(`garbage behind ${at} bytes: ${garbage.toHex()}`);
    return concat([data.subarray(0, at), garbage, data.subarray(at)]);
  }

  #pieces(data: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = [];
    for (let rest = data; rest.length > 0;) {
      let size = this.#drawn("split") ?? rest.length;
      // A byte of the form 10xxxxxx goes on with the character of the byte before it.
      const inside = this.#modes.has("cut-utf8")
        ? rest.findIndex((byte, i) => i > 0 && (byte & 0xc0) === 0x80)
        : -1;
      if (inside > 0) size = Math.min(size, inside);
      pieces.push(rest.subarray(0, Math.max(1, size)));
      rest = rest.subarray(Math.max(1, size));
    }
    if (pieces.length > 1) {
      this.#say(`pieces of ${pieces.map(({ length }) => length).join("+")} bytes`);
    }
    return pieces;
  }

  /** Forwards a piece after its delay; false where a fault ends this direction. */
  async #forward(piece: Uint8Array): Promise<boolean> {
    const delay = this.#drawn("delay") ?? 0;
    if (delay > 0) this.#say(`${piece.length} bytes ${delay} ms later`);
    await sleep(delay);
    const [rate] = this.#modes.get("rate") ?? [];
    if (rate) await sleep(1000 * piece.length / rate);
    while (this.#plan.cut()) await sleep(50);
    for (let rest = this.#upTo(piece); rest.length > 0;) {
      const n = await this.#to.write(rest);
      this.#offset += n;
      rest = rest.subarray(n);
    }
    return await this.#goesOn();
  }

  /** What of a piece is still to be forwarded where a fault has its place inside of it. */
  #upTo(piece: Uint8Array): Uint8Array {
    const ends = ["stall", "fin", "half-close", "rst"].flatMap((name) =>
      this.#modes.get(name)?.[0] ?? []
    );
    return piece.subarray(
      0,
      Math.max(0, Math.min(piece.length, ...ends.map((at) => at - this.#offset))),
    );
  }

  async #goesOn(): Promise<boolean> {
    const due = (name: string) => this.#offset >= (this.#modes.get(name)?.[0] ?? Infinity);
    if (due("rst")) {
      this.#say(this.#to.reset ? "RST" : "closed (an RST where bytes are unread)");
      attemptClose(() => (this.#to.reset ?? this.#to.close)());
      attemptClose(() => this.#from.close());
      return false;
    }
    if (due("fin")) {
      this.#say("closed");
      attemptClose(() => this.#to.close());
      attemptClose(() => this.#from.close());
      return false;
    }
    if (due("half-close")) {
      this.#say("FIN, the other direction goes on");
      await this.#to.closeWrite();
      return false;
    }
    if (!due("stall")) return true;
    this.#say("stalled: nothing more is forwarded");
    // Reading goes on, or the sender would notice; what is read goes nowhere.
    while (await this.#take());
    return false;
  }
}

// ---- UDP ----

async function forwardDatagrams(plan: Plan, signal: AbortSignal): Promise<void> {
  const open = (port: number) =>
    Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port });
  const front = open(plan.listen);
  const back = new Map<string, Deno.DatagramConn>();
  signal.addEventListener("abort", () => [front, ...back.values()].forEach((each) => each.close()));
  const server: Deno.NetAddr = { transport: "udp", hostname: plan.to.host, port: plan.to.port };
  const up = datagrams(plan, "up");
  try {
    for (;;) {
      const [data, from] = await front.receive(new Uint8Array(65_536));
      const client = from as Deno.NetAddr;
      const key = `${client.hostname}:${client.port}`;
      let own = back.get(key);
      if (!own) {
        own = open(0);
        back.set(key, own);
        answers(own, { front, client, down: datagrams(plan, `down to ${key}`) });
      }
      const socket = own;
      up(data.slice(), (each) => void socket.send(each, server).catch(() => {}));
    }
  } catch {
    // The sockets were closed.
  }
}

async function answers(
  own: Deno.DatagramConn,
  { front, client, down }: {
    front: Deno.DatagramConn;
    client: Deno.NetAddr;
    down: (data: Uint8Array, send: (data: Uint8Array) => void) => void;
  },
): Promise<void> {
  try {
    for (;;) {
      const [data] = await own.receive(new Uint8Array(65_536));
      down(data.slice(), (each) => void front.send(each, client).catch(() => {}));
    }
  } catch {
    // The sockets were closed.
  }
}

/** Decides what becomes of each datagram of one direction. */
function datagrams(
  { modes, seed, dir, put, cut }: Plan,
  name: string,
): (data: Uint8Array, send: (data: Uint8Array) => void) => void {
  const next = random(`${seed} ${name}`);
  const hits = (mode: string) => next() < (modes.get(mode)?.[0] ?? 0);
  const faulty = dir === "both" || name.startsWith(dir);
  let count = 0;
  let kept: (() => void) | undefined;
  return (data, send) => {
    const say = (what: string) => put(`${name}, datagram ${count}: ${what}\n`);
    count++;
    if (cut()) return say("cut off");
    if (!faulty) return send(data);
    if (hits("drop")) return say("dropped");
    const delay = modes.has("delay") ? draw(modes.get("delay")!, next) : 0;
    if (delay > 0) say(`${delay} ms later`);
    const go = () => void setTimeout(() => send(data), delay);
    if (hits("dup")) {
      say("twice");
      go();
    }
    if (!kept && hits("reorder")) {
      say("behind the next one");
      kept = go;
      return;
    }
    go();
    kept?.();
    kept = undefined;
  };
}
