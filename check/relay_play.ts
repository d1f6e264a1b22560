/**
 * What the cases of the relay protocol (CSC/CPE 138) share: registering, and reading a list.
 *
 * The document does not say where a request ends, nor what a JOIN is answered with, so the first case
 * finds out both, and the others go by it.
 *
 * @module
 */

import type { Hint } from "./case.ts";
import { Failure } from "./case.ts";
import type { Peer } from "./peer.ts";
import { sleep } from "./peer.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

/** Silence that ends an answer of unknown length, in milliseconds. */
const QUIET_MS = 80;

/** The document's sentence on who gets service at all. */
export const MUST_REGISTER =
  "Note that the client must be registered for the service to receive any “services”";

/** Waits until what a peer asked for has been answered, by whatever; false when nothing came. */
export async function answered(peer: Peer, within: number): Promise<boolean> {
  try {
    await peer.hearsMatch(/\S/, { within });
    await peer.inbox.quiet(QUIET_MS);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

/** Whether requests that end so are understood; if so, the cases behind this one use it. */
async function speaks(
  scene: Scene,
  end: string,
  { names: [first, second], port }: { names: [string, string]; port: number },
): Promise<boolean> {
  const one = await scene.connect(first, { port });
  const other = await scene.connect(second, { port });
  one.end = other.end = end;
  await one.says(`JOIN ${first}`);
  let joined = "name";
  const named = () => attempt(() => one.hears(first, { within: scene.deadline / 2 }));
  if (await named()) {
    await one.says("LIST");
    joined = await named() ? "quiet" : "list";
  }
  await other.says(`JOIN ${second}`);
  await answered(other, scene.deadline / 4);
  await other.says(`MESG ${first} is this for me?`);
  const within = scene.deadline / 2;
  if (await attempt(() => one.hears("is this for me?", { within }))) return false;
  scene.facts.set("end", end);
  scene.facts.set("joined", joined);
  return true;
}

/**
 * Finds out where a request ends for the server under test: `"\\n"`, or `""` where one write is one
 * request, or undefined where neither is understood. Cases go by it from then on.
 */
export async function findDialect(scene: Scene): Promise<string | undefined> {
  if (await speaks(scene, "\n", { names: ["Zed", "Yan"], port: scene.port })) return "\n";
  // A server that took the newline for a part of the name still has it: the bare form gets a fresh one.
  const port = scene.runs ? scene.port : freePort();
  if (port !== scene.port) scene.start("server", { name: "second server", values: { port } });
  if (await speaks(scene, "", { names: ["Zoe", "Yul"], port })) return "";
  return undefined;
}

/** Connects a client, and registers it; what the server says to it is left behind. */
export async function join(
  scene: Scene,
  name: string,
  { resets = false, port }: { resets?: boolean; port?: number } = {},
): Promise<Peer> {
  const peer = await scene.connect(name, { resets, ...port === undefined ? {} : { port } });
  await register(scene, peer, name);
  return peer;
}

/** Registers a connected client, and waits until the server has done it. */
export async function register(scene: Scene, peer: Peer, name: string): Promise<void> {
  await peer.says(`JOIN ${name}`);
  if (await confirmed(scene, peer, name)) return;
  scene.fail(`an answer to JOIN ${name}`, { where: peer.name, got: peer.inbox.all });
}

/** Whether a JOIN is seen to have been done, in the way that the first case found. */
async function confirmed(scene: Scene, peer: Peer, name: string): Promise<boolean> {
  const way = scene.facts.get("joined") ?? "name";
  if (way === "quiet") return await sleep(300).then(() => true);
  if (way === "list") {
    // An answer without the name may come first; two requests at once would be another case.
    await answered(peer, 300);
    await peer.says("LIST");
  }
  try {
    await peer.hears(name);
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
  return true;
}

/** The names in the answer to a LIST, every word of it, and the answer itself. */
export async function list(peer: Peer): Promise<{ names: string[]; answer: string }> {
  await peer.inbox.quiet(QUIET_MS);
  peer.inbox.skip();
  const start = peer.inbox.all.length;
  await peer.says("LIST");
  // The asker is on its own list; a server that leaves it out is quiet after what it says instead.
  await peer.hears(peer.name, { within: 500 }).catch(() => answered(peer, 1500));
  await peer.inbox.quiet(QUIET_MS);
  const answer = new TextDecoder().decode(peer.inbox.all.subarray(start));
  peer.inbox.skip();
  return { names: answer.match(/[A-Za-z0-9]+/g) ?? [], answer };
}

/** Waits until a name is no longer on the list. */
export async function gone(
  scene: Scene,
  peer: Peer,
  { name, hint }: { name: string; hint: Hint },
): Promise<void> {
  const limit = performance.now() + scene.deadline;
  for (;;) {
    const { names, answer } = await list(peer);
    if (!names.includes(name)) return;
    if (performance.now() > limit) {
      scene.fail(`LIST without ${name}`, { where: peer.name, got: answer, hint });
    }
    await sleep(100);
  }
}

/** Fails unless a registered client still gets service. */
export async function served(scene: Scene, peer: Peer, hint?: Hint): Promise<void> {
  const { names, answer } = await list(peer);
  scene.expect(names.includes(peer.name), `LIST to be answered, with ${peer.name} in it`, {
    where: peer.name,
    got: answer,
    ...hint ? { hint } : {},
  });
}

/** Names for many clients. */
export const TEN = ["Ann", "Ben", "Cat", "Dan", "Eva", "Fay", "Gus", "Hal", "Ida", "Jon"] as const;

/** Ten registered clients. */
export async function joinTen(scene: Scene): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const name of TEN) peers.push(await join(scene, name));
  return peers;
}
