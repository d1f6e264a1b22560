/**
 * What the cases of the chatroom share: which commands its suites run, clients that enter it over TCP
 * and over UDP, and texts that have no end of their own.
 *
 * @module
 */

import { quoted } from "./bytes.ts";
import { type Commands, DidNotStart, Failure, type Given, type Hint } from "./case.ts";
import { HINTS } from "./hints.ts";
import { type Expect, firstDifference } from "./inbox.ts";
import type { Peer, UdpPeer } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import { attempt, type Scene } from "./scene.ts";

/** How long a program may take to start, in usual deadlines: a machine may be busy. */
export const START = 5;

// ---- commands ----

/** The program that stands in for the document's server.py and client.py, and obeys the class cases. */
const DRIVER = decodeURIComponent(new URL("./chatroom_driver.py", import.meta.url).pathname);

/** The words that run something of a `--python FILE`, or undefined where none was given. */
export function python(given: Given, ...words: string[]): string[] | undefined {
  if (given["python"] === undefined) return undefined;
  const [file = "", ...rest] = splitCommand(given["python"]);
  return ["python3", DRIVER, file, ...words, ...rest];
}

/** The commands of a suite that needs a server only, or a client only. */
export function commands(role: string, words: readonly string[] | undefined): Commands | undefined {
  return words && { [role]: words };
}

/** The words of a command that was given, or undefined. */
export function words(command: string | undefined): string[] | undefined {
  return command === undefined ? undefined : splitCommand(command);
}

// ---- TCP ----

/** Silence behind a welcome from which on no more of it comes, in milliseconds. */
const WELCOME_MS = 60;

/** A client that has said its name and was welcomed, in whatever words around `Welcome`. */
export async function enter(
  scene: Scene,
  name: string,
  options: { resets?: boolean; hint?: Hint } = {},
): Promise<Peer> {
  const peer = await scene.connect(name, options);
  await peer.sends(name);
  await peer.hears("Welcome", {
    within: START * scene.deadline,
    ...options.hint ? { hint: options.hint } : {},
  });
  await settles(peer);
  return peer;
}

/** A client that enters, of which the members hear: in what words is another case's business. */
export async function joinedBy(
  scene: Scene,
  name: string,
  { members, ...options }: { members: readonly Peer[]; resets?: boolean },
): Promise<Peer> {
  const peer = await enter(scene, name, options);
  for (const member of members) await attempt(() => member.hearsMatch(/\S/));
  await settles(...members);
  return peer;
}

/** Alice and Bob, who have entered in this order; Alice has heard of Bob. */
export async function aliceAndBob(
  scene: Scene,
  options: { resets?: boolean } = {},
): Promise<{ alice: Peer; bob: Peer }> {
  const alice = await enter(scene, "Alice");
  return { alice, bob: await joinedBy(scene, "Bob", { members: [alice], ...options }) };
}

/**
 * The next text that a client hears, with nothing before it. Texts have no end on this wire: two may come
 * in one read, and a line end behind each passes.
 */
export async function hearsNext(
  scene: Scene,
  peer: Peer,
  { text, ...expect }: Expect & { text: string },
): Promise<void> {
  await endsOfLine(scene, peer);
  try {
    await peer.hearsExactly(text, expect);
  } catch (error) {
    // The line end may have come behind the text before, in a read of its own.
    if (!(error instanceof Failure) || !await endsOfLine(scene, peer)) throw error;
    await peer.hearsExactly(text, expect);
  }
}

/** Takes line ends that have come behind the last text; false when there are none. */
async function endsOfLine(scene: Scene, peer: Peer): Promise<boolean> {
  const [ends] = await peer.hearsMatch(/^[\r\n]*/);
  if (ends === "") return false;
  scene.remark("the server puts a line end behind each text");
  return true;
}

/** Waits until nothing more comes, and forgets what has come. */
export async function settles(...peers: Peer[]): Promise<void> {
  for (const peer of peers) {
    await peer.inbox.quiet(WELCOME_MS);
    peer.inbox.skip();
  }
}

// ---- UDP ----

/** How often a first datagram is sent again while nothing answers it, in milliseconds. */
const AGAIN_MS = 500;

/** How a client of the UDP chatroom says things: the document's way, or that of the program under test. */
export interface Dialect {
  readonly join: (name: string) => string;
  readonly text: (name: string, text: string) => string;
}

/** The document's way: `'{client_name}:{text}'`. */
export const DOCUMENTED: Dialect = {
  join: (name) => `${name}:join`,
  text: (name, text) => `${name}:${text}`,
};

/** The way that the program under test understands, as the first case has found out. */
export function dialect(scene: Scene): Dialect {
  return (scene.facts.get("dialect") as Dialect | undefined) ?? DOCUMENTED;
}

/** Sends a first datagram until it is answered, wherever the server listens; resolves to the answer. */
export async function asks(
  scene: Scene,
  peer: UdpPeer,
  { said, server, port, within = START * scene.deadline }: {
    said: string;
    server: Program;
    port: number;
    within?: number;
  },
): Promise<string> {
  const limit = performance.now() + within;
  for (let tries = 0;; tries++) {
    // A server that listens on the machine's own address hears nothing that comes to 127.0.0.1.
    const hosts = scene.hosts(tries * 4);
    for (const hostname of hosts) await peer.sends(said, { transport: "udp", hostname, port });
    try {
      const { data, from } = await peer.takes({ within: AGAIN_MS });
      peer.to = { transport: "udp", hostname: from.hostname, port };
      scene.facts.set("host", from.hostname);
      // An answer that was long in coming is followed by that to the second try.
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, WELCOME_MS));
      peer.skip();
      return new TextDecoder().decode(data);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (!server.lives) {
        throw new DidNotStart(`an answer to ${quoted(said)}, and the server has ended`, {
          where: "server",
        });
      }
      if (performance.now() > limit) throw error;
    }
  }
}

/** A client of the UDP chatroom under test that has joined; any answer is taken for its welcome. */
export async function joins(scene: Scene, name: string): Promise<UdpPeer> {
  const server = scene.server();
  const peer = scene.udp(name);
  await asks(scene, peer, { said: dialect(scene).join(name), server, port: scene.port });
  return peer;
}

/** A member says something. */
export async function says(scene: Scene, peer: UdpPeer, text: string): Promise<void> {
  await peer.sends(dialect(scene).text(peer.name, text));
}

/** The next datagram that a client hears must be this text. */
export async function takesNext(
  scene: Scene,
  peer: UdpPeer,
  text: string,
  { hint, ...expect }: Expect = {},
): Promise<void> {
  const hinted = hint ? { hint } : {};
  let data: Uint8Array;
  try {
    ({ data } = await peer.takes(expect));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`the datagram ${quoted(text)}`, { ...error, ...hinted });
  }
  const got = new TextDecoder().decode(data);
  if (got === text) return;
  const plain = (each: string) => each.replaceAll(": ", ":").trim().toLowerCase();
  if (plain(got) === plain(text)) {
    return scene.remark(`${peer.name}: ${quoted(got)} where the document has ${quoted(text)}`);
  }
  const mark = firstDifference(data, new TextEncoder().encode(text));
  throw new Failure(`the datagram ${quoted(text)}`, {
    where: peer.name,
    got: data,
    mark,
    ...hinted,
  });
}

/** Fails unless a newcomer of either transport is served as usual. */
export async function stillServes(play: () => Promise<void>, hint: Hint): Promise<void> {
  try {
    await play();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`normal service afterwards: ${error.expected}`, { ...error, hint });
  }
}

/** Ends a server by Ctrl-C, which it has 3 s for. */
export async function shutsDown(scene: Scene, server: Program): Promise<void> {
  await server.ends({ within: 1.5 * scene.deadline, hint: HINTS.interrupt });
}

/** A client ends after `server-shutdown`, at once or at the next Enter, and does not show the word. */
export async function endsAtShutdown(scene: Scene, client: Program): Promise<void> {
  if (await attempt(() => client.ends())) {
    await client.types("");
    await client.ends();
    scene.remark("after server-shutdown it ends at the next Enter only");
  }
  await scene.part("shown", () => {
    const got = client.out.text;
    if (got.includes("server-shutdown")) {
      scene.fail("no word of server-shutdown", { where: "client's stdout", got });
    }
  });
}

/** A client shows what comes while nothing is typed; when it does not, an Enter tells why. */
export async function showsAtOnce(
  client: Program,
  { pattern, as }: { pattern: RegExp; as: string },
): Promise<void> {
  const failure = await attempt(() => client.printsMatch(pattern, { as }));
  if (!failure) return;
  await client.types("hello");
  const never = await attempt(() => client.printsMatch(pattern, { as }));
  const hint = never ? HINTS.notFlushed : HINTS.blockedInput;
  throw new Failure(failure.expected, { ...failure, hint });
}
