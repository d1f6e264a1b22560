/**
 * A load generator for chat servers, in a process of its own: it connects many clients, lets some of
 * them send, and counts what the others get. A delivery is one message received by one client other than
 * its sender.
 *
 * `load.ts PORT '{"dialect":"relay","clients":100,"senders":1,"messages":1000,"window":64}'` prints the
 * result as one line of JSON. With `"rate"` (messages a second in all) instead of `"window"` it measures
 * latency. Exit code 1 when a delivery is missing or came twice.
 *
 * @module
 */

import { type Client, enter } from "./clients.ts";
import { DIALECTS } from "./dialects.ts";
import { type Result, Tally } from "./tally.ts";
import { type Usage, usage } from "./usage.ts";

/** What to do. */
export interface Load {
  /** The kind of server, a name of `DIALECTS`. */
  dialect: string;
  /** Clients in all. */
  clients: number;
  /** Rooms that they are spread over evenly. Default: 1. */
  rooms?: number;
  /** How many of them send; of as many rooms as possible. */
  senders: number;
  /** Messages of each sender; none at all measures what idle clients cost. */
  messages: number;
  /** Most messages, on average of each sender, that have not reached all their receivers. */
  window?: number;
  /** Messages a second of all senders together. */
  rate?: number;
  /** The server's process, to see what it uses meanwhile. */
  pid?: number;
}

/** How many clients come at once. */
const CROWD = 50;
/** What their coming set going is over by then. */
const SETTLE_MS = 300;
/** Idle clients: the server has had time to give back what their coming took. */
const IDLE_MS = 6000;

/** Puts a load on the server at `port` of this machine and measures it. */
export async function run(port: number, load: Load): Promise<Result & Usage> {
  const members = load.clients / (load.rooms ?? 1);
  const receivers = DIALECTS[load.dialect]!.direct ? 1 : members - 1;
  const tally = new Tally({ messages: load.senders * load.messages, receivers, members });
  const clients = await enterAll(port, load, tally);
  await new Promise((resolve) => setTimeout(resolve, load.messages > 0 ? SETTLE_MS : IDLE_MS));
  const before = usage(load.pid);
  if (load.rate) await sendAtRate(clients, load, tally);
  else sendInWindow(clients, load, tally);
  await tally.finished();
  const after = usage(load.pid);
  clients.forEach((client) => client.close());
  return { ...tally.result(), ...after, cpu: after.cpu - before.cpu };
}

async function enterAll(port: number, load: Load, tally: Tally): Promise<Client[]> {
  const dialect = DIALECTS[load.dialect]!;
  const { rooms = 1 } = load;
  const one = (i: number) => {
    const hello = dialect.hello(i, i % rooms);
    const member = Math.floor(i / rooms);
    return enter(port, dialect, { hello, onMessage: (n) => tally.delivered(n, member) });
  };
  const clients: Client[] = [];
  while (clients.length < load.clients) {
    // First one in each room, who makes it.
    const many = Math.min(clients.length === 0 ? rooms : CROWD, load.clients - clients.length);
    const crowd = Array.from({ length: many }, (_, i) => one(clients.length + i));
    clients.push(...await Promise.all(crowd));
  }
  return clients;
}

/** Sends on whenever the window allows. */
function sendInWindow(clients: Client[], load: Load, tally: Tally): void {
  const { message } = DIALECTS[load.dialect]!;
  const total = load.senders * load.messages;
  const window = (load.window ?? 64) * load.senders;
  tally.onDelivery = () => {
    const texts = new Map<number, string[]>();
    while (tally.sent - tally.complete < window && tally.sent < total) {
      const sender = tally.sent % load.senders;
      const said = message(tally.next(), sender, clients.length);
      texts.get(sender)?.push(said) ?? texts.set(sender, [said]);
    }
    for (const [sender, said] of texts) clients[sender]!.say(said);
  };
  tally.onDelivery();
}

async function sendAtRate(clients: Client[], load: Load, tally: Tally): Promise<void> {
  const { message } = DIALECTS[load.dialect]!;
  const startedAt = performance.now();
  for (let i = 0; i < load.senders * load.messages; i++) {
    const wait = startedAt + i * 1000 / load.rate! - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    const sender = i % load.senders;
    clients[sender]!.say([message(tally.next(), sender, clients.length)]);
  }
}

if (import.meta.main) {
  const result = await run(Number(Deno.args[0]), JSON.parse(Deno.args[1]!));
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(result) + "\n"));
  Deno.exitCode = result.lost === 0 && result.repeated === 0 ? 0 : 1;
}
