/**
 * What cases of clients share, whatever the protocol: the first connection to a server that the check
 * stands in for, and floods.
 *
 * @module
 */

import { DidNotStart, Failure } from "./case.ts";
import { HINTS } from "./hints.ts";
import { type FakeServer, type Peer, sleep } from "./peer.ts";
import type { Program } from "./program.ts";
import type { Scene } from "./scene.ts";

/** What a client that floods writes at least, and one that does not never reaches, in half a second. */
const FLOOD_BYTES = 4096;

/** Waits for a client's connection; a client that ends without one has not started. */
export async function accepted(scene: Scene, fake: FakeServer, client: Program): Promise<Peer> {
  const within = scene.deadline * 2.5;
  const limit = performance.now() + within;
  while (fake.waiting === 0) {
    if (!client.lives || performance.now() > limit) {
      const end = client.lives ? "" : `, and it ended with exit code ${client.code}`;
      throw new DidNotStart(`a connection to port ${fake.port}${end}`, {
        where: client.label,
        ...client.lives ? { waited: within } : { hint: HINTS.doesNotStart },
      });
    }
    await sleep(20);
  }
  return await fake.accepts("fake server");
}

/** Fails when what a program prints or sends in half a second is a flood. */
export async function noFlood(count: () => number, where: string): Promise<void> {
  const before = count();
  // A flood is something that comes: half a second is long enough for one, and proves nothing else.
  await sleep(500);
  if (count() - before < FLOOD_BYTES) return;
  throw new Failure(
    `less than ${FLOOD_BYTES} bytes in half a second, and ${count() - before} came`,
    {
      where,
      hint: HINTS.spins,
    },
  );
}
