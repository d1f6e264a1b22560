/**
 * The long test: all servers at once, each with its members and its strangers, until nobody is left.
 *
 * @module
 */

import { resident } from "../../tests/crowd.ts";
import { Program } from "../../tests/helpers.ts";
import { Random } from "../../tests/random.ts";
import { playBridge } from "./bridge.ts";
import * as manners from "./manners.ts";
import { newTally, type Tally } from "./member.ts";
import { Room } from "./room.ts";

/** After so much of the time memory is at its level. */
const WARM_UP = 0.1;
/** How far a server's memory may be above that level in the end. */
const MOST_GROWTH_MIB = 24;
const SAMPLE_MS = 500;
const PROGRESS_MS = 10_000;
/** Far beyond what a server takes to close what has ended. */
const CLOSING_MS = 10_000;
/** A quiet server gives memory back after that. */
const SETTLE_MS = 5000;
const MIB = 1024 * 1024;
/** What a server may say on stderr in such company. */
const EXPECTED = [
  /^listening on /,
  /^.+ (joined|left)( \(and \d+ more\))?$/,
  /^a stranger (sent a name that is empty|sent no end of its name|was refused: the name)/,
  /^\[\d+\] (connected from|.* disconnected)/,
  /^\[\d+\] (sent no name: closed|without a name for \d+ ms: closed)/,
  /^(\[\d+\]|"[^"]*"|a client) .*(fell|took nothing) .*: cut/,
  /^"[^"]*" sent no line end within/,
  /^closed a connection that asked for "/,
  /^refused "/,
  /^BRIDGE from \S+, who is not registered/,
  /^127\.0\.0\.1 port \d+: (ignored \d+ bytes|dropped a message)/,
  /^overlay server 127\.0\.0\.1 port \d+ .*: link ended/,
  /^overlay server 127\.0\.0\.1 port \d+ sent no message: "/,
  /^\S+ moved from 127\.0\.0\.1 port \d+/,
];

/** A server that is watched. */
export interface Watched {
  /** What the table calls it. */
  readonly name: string;
  /** Its process. */
  readonly program: Program;
  /** What was counted of it. */
  readonly tally: Tally;
  /** In bytes: before anybody came, after the warm-up, the most, and with everybody gone. */
  readonly memory: { start: number; warm: number; peak: number; end: number };
  /** Open before anybody came, and with everybody gone. */
  readonly descriptors: { start: number; end: number };
}

/** How one or several servers are played with. */
type Play = (
  play: { random: Random; tallies: Readonly<Record<string, Tally>>; signal: AbortSignal },
) => Promise<void>;

/** Starts a server of these names; each is ended when the test is over, however it ends. */
type Start = (name: string, script: string, ...args: string[]) => Program;

/** Starts all servers; returns how they are played with. */
async function startAll(start: Start): Promise<Play[]> {
  const relay = start("relay", "server.ts", "relay", "0", "--users", "1000");
  const channels = start("channels", "server.ts", "channels", "0");
  const bridge = start("bridge", "server.ts", "bridge", "--port=0");
  const tcp = start("chatroom", "chatroom.ts", "server", "--port", "0");
  const udp = start("chatroom UDP", "chatroom.ts", "server", "--udp", "--port", "0");
  const overlays = await startOverlays(start);
  const bridgePort = await bridge.port("stdout");
  const channelsPort = await channels.port();
  await manners.found(channelsPort);
  const rooms = [
    manners.relay(await relay.port()),
    manners.channels(channelsPort),
    manners.chatroom(await tcp.port()),
    manners.chatroomDatagrams(await udp.port()),
    manners.overlay(overlays),
  ];
  return [
    ...rooms.map((room): Play => ({ random, tallies, signal }) =>
      new Room(room, random, tallies).play(signal)
    ),
    ({ random, tallies, signal }) =>
      playBridge(bridgePort, { random, tally: tallies["bridge"]!, signal }),
  ];
}

/** Three overlay servers in a chain, each joined to the one before it. */
async function startOverlays(start: Start): Promise<{ udp: number; tcp: number }[]> {
  const ports: { udp: number; tcp: number }[] = [];
  for (const i of [1, 2, 3]) {
    const before = ports.at(-1);
    const to = before ? ["-s", "127.0.0.1", "-t", String(before.tcp)] : [];
    const program = start(`overlay ${i}`, "overlay.ts", "-p", "0", "-o", "0", ...to);
    const [, udp] = await program.until(/server started on \S+ at port (\d+)/);
    const [, tcp] = await program.until(/overlay started at port (\d+)/);
    if (before) await program.until("connected to overlay server");
    ports.push({ udp: Number(udp), tcp: Number(tcp) });
  }
  return ports;
}

/**
 * Plays for `ms`; returns the servers with all that was counted. `onProgress` is told at the beginning
 * and every ten seconds.
 */
export async function soak(
  ms: number,
  seed: number,
  onProgress: (watched: readonly Watched[]) => void = () => {},
): Promise<Watched[]> {
  await using programs = new AsyncDisposableStack();
  const started: [name: string, program: Program][] = [];
  const plays = await startAll((name, script, ...args) => {
    const program = programs.use(new Program(script, [...args, "--host", "127.0.0.1"]));
    started.push([name, program]);
    return program;
  });
  const watched = started.map(([name, program]) => watch(name, program));
  const tallies = Object.fromEntries(watched.map(({ name, tally }) => [name, tally]));
  onProgress(watched);
  const telling = setInterval(() => onProgress(watched), PROGRESS_MS);
  const sampling = setInterval(() => {
    for (const { program: { pid }, memory } of watched) {
      memory.peak = Math.max(memory.peak, memoryOf(pid));
    }
  }, SAMPLE_MS);
  const warming = setTimeout(() => {
    for (const { program, memory } of watched) memory.warm = memoryOf(program.pid);
  }, ms * WARM_UP);
  const signal = AbortSignal.timeout(ms);
  await Promise.all(
    plays.map((play, i) => play({ random: new Random(seed + i), tallies, signal })),
  );
  clearInterval(telling);
  clearInterval(sampling);
  clearTimeout(warming);
  await closed(watched);
  await new Promise((resolve) => setTimeout(resolve, Math.min(SETTLE_MS, ms)));
  for (const { program, memory } of watched) memory.end = memoryOf(program.pid);
  // The last overlay server first: one whose neighbour has gone would look for it.
  for (const each of watched.toReversed()) await end(each);
  return watched;
}

function watch(name: string, program: Program): Watched {
  const start = memoryOf(program.pid);
  return {
    name,
    program,
    tally: newTally(),
    memory: { start, warm: start, peak: start, end: start },
    descriptors: { start: descriptorsOf(program.pid), end: 0 },
  };
}

/** What a process uses; nothing if it has ended, which shows when it shall. */
function memoryOf(pid: number): number {
  return look(() => resident(pid));
}

function descriptorsOf(pid: number): number {
  return look(() => [...Deno.readDirSync(`/proc/${pid}/fd`)].length);
}

function look(read: () => number): number {
  try {
    return read();
  } catch (error) {
    // It has ended; that it may not be looked at would be a figure that cannot fail.
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Waits until each server has no more descriptors open than at the beginning, but not for ever. */
async function closed(watched: readonly Watched[]): Promise<void> {
  const until = performance.now() + CLOSING_MS;
  for (const { program, descriptors: count } of watched) {
    do {
      count.end = descriptorsOf(program.pid);
      if (count.end <= count.start) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    } while (performance.now() < until);
  }
}

/** Ends a server, which must be in order and without a word that nobody expects. */
async function end({ program, tally }: Watched): Promise<void> {
  try {
    const code = await program.stop("SIGINT");
    if (code !== 0) tally.problems.push(`it ended with exit code ${code}`);
  } catch (error) {
    tally.problems.push(`it did not end: ${error}`);
  }
  const lines = program.stderr.split("\n").filter((line) => line !== "");
  const odd = lines.filter((line) => !EXPECTED.some((pattern) => pattern.test(line)));
  tally.problems.push(...odd.map((line) => `it said: ${line}`));
}

/** What is wrong with a server, in sentences. */
export function faults({ name, tally, memory, descriptors }: Watched): string[] {
  const growth = (memory.end - memory.warm) / MIB;
  return [
    tally.joins === 0 || tally.deliveries === 0 ? "nothing was heard" : "",
    tally.missing > 0 ? `${tally.missing} messages are missing` : "",
    tally.doubled > 0 ? `${tally.doubled} messages came twice` : "",
    growth > MOST_GROWTH_MIB ? `memory is ${growth.toFixed(1)} MiB above its level` : "",
    descriptors.end > descriptors.start ? "descriptors are left open" : "",
    ...new Set(tally.problems),
  ].filter((fault) => fault !== "").map((fault) => `${name}: ${fault}`);
}
