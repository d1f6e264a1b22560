/**
 * A load generator for chat servers, in a process of its own: it connects many clients, lets some of
 * them send, and counts what the others get. A delivery is one message received by one client other than
 * its sender. A message carries one mark (`^`) and a number, so what is counted is whole messages.
 *
 * `load.ts PORT '{"dialect":"relay","clients":100,"senders":1,"messages":1000,"window":64}'` prints the
 * result as one line of JSON. With `"rate"` (messages a second in all) instead of `"window"` (most
 * undelivered messages of one sender) it measures latency. Exit code 1 when a delivery is missing.
 *
 * @module
 */

import { type Dialect, DIALECTS } from "./dialects.ts";

/** What to do; times in seconds, sizes in bytes. */
export interface Load {
  /** The kind of server, a name of `DIALECTS`. */
  dialect: string;
  /** Clients in the room. */
  clients: number;
  /** How many of them send. */
  senders: number;
  /** Messages of each sender. */
  messages: number;
  /** Most messages of one sender that are not delivered to all; throughput. */
  window?: number;
  /** Messages a second of all senders together; latency. */
  rate?: number;
}

/** What came of it. Latencies in microseconds from just before the write to just after the read. */
export interface Result {
  /** Messages received, by clients other than the sender. */
  deliveries: number;
  /** What it should have been. */
  expected: number;
  /** From the first write to the last read. */
  seconds: number;
  /** Percentiles of the latency. */
  p50: number;
  /** Percentiles of the latency. */
  p99: number;
  /** Percentiles of the latency. */
  p999: number;
}

const MARK = 0x5e;
const TEXT_BYTES = 64;
const TIMEOUT_MS = 60_000;
const SETTLE_MS = 300;
const encoder = new TextEncoder();

class Client {
  sent = 0;
  readonly #conn: Deno.TcpConn;
  readonly #onDelivery: (sequence: number) => void;
  #tail = "";
  #count = false;
  #heard = "";

  constructor(conn: Deno.TcpConn, onDelivery: (sequence: number) => void) {
    this.#conn = conn;
    this.#onDelivery = onDelivery;
  }

  async write(text: string): Promise<void> {
    let rest: Uint8Array = encoder.encode(text);
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
  }

  /** Introduces client `i` and waits until it is in. */
  async introduce(i: number, dialect: Dialect): Promise<void> {
    for (const part of dialect.hello(i)) await this.write(part);
    const buffer = new Uint8Array(4096);
    const decoder = new TextDecoder();
    while (dialect.welcome && !this.#heard.includes(dialect.welcome)) {
      const n = await this.#conn.read(buffer);
      if (n === null) throw new Error(`client ${i} was turned away: ${this.#heard}`);
      this.#heard += decoder.decode(buffer.subarray(0, n));
    }
  }

  /** From here on marks count. */
  start(): void {
    this.#count = true;
  }

  async listen(): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      for (let n; (n = await this.#conn.read(buffer)) !== null;) this.#take(buffer.subarray(0, n));
    } catch {
      // Closed at the end of the measurement.
    }
  }

  close(): void {
    this.#conn.close();
  }

  #take(bytes: Uint8Array): void {
    if (!this.#count) return;
    // A mark that was split over two reads: its digits are what is missing.
    let at = 0;
    if (this.#tail !== "") {
      at = Math.min(16 - this.#tail.length, bytes.length);
      this.#tail += String.fromCharCode(...bytes.subarray(0, at));
      if (this.#tail.length < 16) return;
      this.#onDelivery(Number(this.#tail.slice(1)));
      this.#tail = "";
    }
    while ((at = bytes.indexOf(MARK, at)) !== -1) {
      if (bytes.length - at < 16) {
        this.#tail = String.fromCharCode(...bytes.subarray(at));
        return;
      }
      this.#onDelivery(digits(bytes, at + 1));
      at += 16;
    }
  }
}

function digits(bytes: Uint8Array, from: number): number {
  let number = 0;
  for (let i = from; i < from + 15; i++) number = number * 10 + bytes[i]! - 0x30;
  return number;
}

/** Puts a load on the server at `port` of this machine and measures it. */
export async function run(port: number, load: Load): Promise<Result> {
  const dialect = DIALECTS[load.dialect]!;
  const total = load.senders * load.messages;
  const expected = total * (load.clients - 1);
  const sentAt = new Float64Array(total);
  const latencies = new Float64Array(expected);
  const filler = "x".repeat(TEXT_BYTES - 16);
  const done = Promise.withResolvers<void>();
  let deliveries = 0;
  let sent = 0;
  let lastAt = 0;
  let wake = () => {};

  const onDelivery = (sequence: number) => {
    lastAt = performance.now();
    latencies[deliveries++] = lastAt - sentAt[sequence]!;
    if (deliveries === expected) done.resolve();
    wake();
  };
  const clients = await connectAll(port, load, { dialect, onDelivery });
  const message = () => {
    sentAt[sent] = performance.now();
    return dialect.message(`^${String(sent++).padStart(15, "0")}${filler}`);
  };

  const startedAt = performance.now();
  const timer = setTimeout(() => done.resolve(), TIMEOUT_MS);
  if (load.rate) await sendAtRate(clients, load, message);
  else {wake = closedLoop(clients, load, {
      message,
      lag: () => sent - deliveries / (load.clients - 1),
    });}
  await done.promise;
  clearTimeout(timer);
  clients.forEach((client) => client.close());

  const sorted = latencies.subarray(0, deliveries).toSorted();
  const at = (share: number) =>
    Math.round((sorted[Math.floor(sorted.length * share)] ?? NaN) * 1000);
  const seconds = (lastAt - startedAt) / 1000;
  return { deliveries, expected, seconds, p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

async function connectAll(
  port: number,
  load: Load,
  { dialect, onDelivery }: { dialect: Dialect; onDelivery: (sequence: number) => void },
): Promise<Client[]> {
  const clients: Client[] = [];
  for (let i = 0; i < load.clients; i++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    const client = new Client(conn, onDelivery);
    await client.introduce(i, dialect);
    client.listen();
    clients.push(client);
  }
  // What is still under way of the others' arrival is not what is measured.
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  clients.forEach((client) => client.start());
  return clients;
}

/** Sends on whenever the window allows; the returned function is called at each delivery. */
function closedLoop(
  clients: Client[],
  load: Load,
  { message, lag }: { message: () => string; lag: () => number },
): () => void {
  const senders = clients.slice(0, load.senders);
  const window = (load.window ?? 64) * load.senders;
  let next = 0;
  const fill = () => {
    const texts = new Map<Client, string>();
    while (lag() < window && next < load.senders * load.messages) {
      const sender = senders[next++ % senders.length]!;
      texts.set(sender, (texts.get(sender) ?? "") + message());
    }
    for (const [sender, text] of texts) sender.write(text);
  };
  fill();
  return fill;
}

async function sendAtRate(clients: Client[], load: Load, message: () => string): Promise<void> {
  const startedAt = performance.now();
  for (let i = 0; i < load.senders * load.messages; i++) {
    const wait = startedAt + i * 1000 / load.rate! - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    clients[i % load.senders]!.write(message());
  }
}

if (import.meta.main) {
  const result = await run(Number(Deno.args[0]), JSON.parse(Deno.args[1]!));
  Deno.stdout.writeSync(encoder.encode(JSON.stringify(result) + "\n"));
  Deno.exitCode = result.deliveries === result.expected ? 0 : 1;
}
