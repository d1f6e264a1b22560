/**
 * What strangers do to the servers in a long test, and what must not disturb anybody else.
 *
 * @module
 */

import { Peer, Program } from "../../tests/helpers.ts";
import type { Random } from "../../tests/random.ts";
import { listenDatagrams, sendDatagram } from "./lines.ts";

/** What a stranger needs to misbehave at a port. */
export interface Door {
  /** Where it is. */
  readonly port: number;
  /** What lets number `i` in. */
  hello(i: number): string;
  /** Something to say that is no member's message. */
  readonly noise: string;
  /** A real client: its arguments with % for its name, what is typed, and what it then shows, if anything. */
  readonly client: { args: string[]; script?: string; types?: string; shows?: string };
}

/** Strangers get numbers that no member has. */
const STRANGERS = 1_000_000;
/** Starting a real client costs more than all else. */
const REAL_CLIENTS = 80;
const GREETINGS = [
  "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x03",
  "REGISTER\r\nclientID: ?\r\n\r\n",
  "BCST nobody\nQUIT\n",
  " ".repeat(400),
];
/** One that takes nothing for so long is no reason for a server to do anything. */
const SILENT_MS = 3000;
let strangers = STRANGERS;

/** Comes through a door over TCP and misbehaves. */
export async function misbehave(door: Door, random: Random): Promise<void> {
  const stranger = ++strangers;
  if (random.below(REAL_CLIENTS) === 0) return await killClient(door, stranger);
  using peer = await Peer.connect(door.port);
  // A server may close at any time what breaks its rules.
  const send = (data: string | Uint8Array) => peer.send(data).catch(() => {});
  switch (random.below(6)) {
    case 0: // nonsense, and a close at once
      return await send(random.bytes(1 + random.below(2000)));
    case 1: // another protocol, and a half-close
      await send(random.pick(GREETINGS));
      return await ended(peer);
    case 2: // in the room, and half-closed
      await send(door.hello(stranger) + door.noise);
      return await ended(peer);
    case 3: // in the room, and reset: what is unread is dropped
      await send(door.hello(stranger) + door.noise);
      return await pause(random.below(500));
    case 4: // in the room, and never reading
      await send(door.hello(stranger) + door.noise);
      return await pause(random.below(SILENT_MS));
    case 5: // no end of a line
      await send(door.hello(stranger) + "x".repeat(random.below(64 * 1024)));
      return await pause(random.below(200));
  }
}

async function ended(peer: Peer): Promise<void> {
  await peer.halfClose().catch(() => {});
  await peer.rest();
}

/** A real client joins, and is killed. */
async function killClient({ client }: Door, i: number): Promise<void> {
  const { script = "client.ts", args, types, shows } = client;
  const fill = (text: string) => text.replaceAll("%", `k${i}`);
  await using program = new Program(script, args.map(fill));
  if (types) await program.write(fill(types));
  if (shows) await program.until(shows);
  else await pause(1000);
  program.signal("SIGKILL");
  await program.code();
}

/** Sends datagrams that nobody wants, or joins and is not heard of for a while. */
export async function misbehaveDatagrams(
  door: Door & { bye?: string },
  random: Random,
): Promise<void> {
  const stranger = ++strangers;
  if (random.below(REAL_CLIENTS) === 0) return await killClient(door, stranger);
  const socket = listenDatagrams();
  const { port } = door;
  const send = (data: string | Uint8Array) => sendDatagram(socket, { port, data });
  try {
    if (random.below(2) === 0) {
      for (let n = random.below(8); n >= 0; n--) await send(random.bytes(random.below(600)));
      return await send(door.noise);
    }
    await send(door.hello(stranger));
    await send(door.noise);
    await pause(random.below(SILENT_MS));
    if (door.bye) await send(door.bye.replaceAll("%", `u${stranger}`));
  } finally {
    socket.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
