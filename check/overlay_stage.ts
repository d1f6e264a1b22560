/**
 * What the cases of the overlay share: its servers, its clients, and the links between servers.
 *
 * @module
 */

import { DidNotStart, Failure } from "./case.ts";
import { HINTS } from "./hints.ts";
import { type Peer, sleep, type UdpPeer } from "./peer.ts";
import type { Program } from "./program.ts";
import { freePort, type Scene } from "./scene.ts";

/** A server of the overlay under test, and the ports that it was given. */
export interface Served {
  readonly program: Program;
  /** For clients, UDP. */
  readonly port: number;
  /** For other servers, TCP; it is listened on only where that was asked for. */
  readonly overlay: number;
  /** When it was started, as performance.now() has it. */
  readonly since: number;
}

/** How a server is started. */
export interface Serve {
  readonly name?: string;
  /** Whether it takes links of other servers (`-o`). */
  readonly listens?: boolean;
  /** The port of the server that it connects to (`-s` and `-t`). */
  readonly to?: number;
  /** The port for its clients; a free one where it is left out. */
  readonly port?: number;
}

/** Starts a server; the first one of a scene is the scene's server. */
export function serve(scene: Scene, { name, listens, to, port }: Serve = {}): Served {
  const overlay = freePort();
  const since = performance.now();
  const args = [
    ...to === undefined ? [] : ["-s", "127.0.0.1", "-t", `${to}`],
    ...listens ? ["-o", `${overlay}`] : [],
  ];
  if (name === undefined && port === undefined) {
    return { program: scene.server({ args }), port: scene.port, overlay, since };
  }
  const own = port ?? freePort();
  const program = scene.start("server", { name: name ?? "server", args, values: { port: own } });
  return { program, port: own, overlay, since };
}

/** The words of a command without the options that the check fills in. */
export function bare(words: readonly string[]): string[] {
  const filled = (word: string | undefined) => word?.includes("{") ?? false;
  const option = (word: string) => /^--?\w+$/.test(word);
  return words.filter((word, i) => !filled(word) && !(option(word) && filled(words[i + 1])));
}

/** How often a registration is sent while its answer does not come, in milliseconds. */
const AGAIN_MS = 500;
/** How long a program may take to start, in usual deadlines: a machine may be busy. */
export const START = 5;
/** From a line on stdout until what it says surely holds, in milliseconds. */
const SETTLE_MS = 30;

/** Waits until a server has said something on stdout, or for a second. */
async function saysSomething({ program }: Served): Promise<void> {
  const limit = performance.now() + 1000;
  while (program.lives && program.out.total === 0 && performance.now() < limit) await sleep(20);
}

/**
 * A client that has registered: any answer is taken for its welcome, so that its wording is one case's
 * business.
 */
export async function register(scene: Scene, server: Served, name: string): Promise<UdpPeer> {
  const peer = stranger(scene, server, name);
  await saysSomething(server);
  const limit = performance.now() + START * scene.deadline;
  for (;;) {
    await peer.sends(`register ${name}`);
    try {
      await peer.takes({ within: Math.min(AGAIN_MS, scene.deadline) });
      return peer;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (!server.program.lives) {
        const expected = `the server to answer "register ${name}", and it has ended`;
        throw new DidNotStart(expected, { where: server.program.label });
      }
      if (performance.now() > limit) throw error;
    }
  }
}

/** A client that has not registered. */
export function stranger(scene: Scene, { port }: Served, name: string): UdpPeer {
  const peer = scene.udp(name);
  peer.to = { transport: "udp", hostname: "127.0.0.1", port };
  return peer;
}

/** Waits until a text has been printed `count` times, or for a second: its wording is another case's. */
export async function shows(
  { deadline }: Scene,
  { out }: Program,
  { text, count = 1 }: { text: string; count?: number },
): Promise<void> {
  const limit = performance.now() + deadline / 2;
  const seen = () => out.text.split(text).length - 1;
  while (seen() < count && performance.now() < limit) await sleep(10);
  // What is printed may be printed a moment before it holds.
  await sleep(SETTLE_MS);
}

/** A link to a server that listens for other servers: the check is the neighbour. */
export async function link(scene: Scene, server: Served, name: string): Promise<Peer> {
  const { program, overlay } = server;
  const before = program.out.text.split("connection from").length - 1;
  const peer = await scene.connect(name, { port: overlay, resets: true });
  await shows(scene, program, { text: "connection from", count: before + 1 });
  return peer;
}

/** A server that has opened a link of its own to the check, and the check's end of it. */
export async function linkedTo(
  scene: Scene,
  options: Serve = {},
): Promise<{ server: Served; right: Peer }> {
  const fake = scene.listen();
  const server = serve(scene, { ...options, to: fake.port });
  const right = await fake.accepts("right", { within: START * scene.deadline });
  await shows(scene, server.program, { text: "connected to" });
  return { server, right };
}

/** The last line of a program's stdout that is not blank. */
export function lastLine({ out }: Program): string {
  return out.text.trimEnd().split("\n").at(-1)?.trim() ?? "";
}

/** Ends a program by Ctrl-C, and looks at how it goes. */
export async function interrupts(program: Program, last: string): Promise<void> {
  program.signals("SIGINT");
  await program.ends({ hint: HINTS.interrupt });
  program.noTraceback(HINTS.interrupt);
  endsWith(program, last);
}

/** Fails unless the last line is this one. */
export function endsWith(program: Program, last: string): void {
  if (lastLine(program) === last) return;
  throw new Failure(`the last line "${last}"`, {
    where: program.out.where,
    got: program.out.all,
    hint: HINTS.exactText,
  });
}
