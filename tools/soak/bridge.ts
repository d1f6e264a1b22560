/**
 * Clients of the bridge server under a long test: they register and ask, and each answer is checked.
 *
 * @module
 */

import { Peer, text } from "../../tests/helpers.ts";
import type { Random } from "../../tests/random.ts";
import { misbehave } from "./faults.ts";
import type { Tally } from "./member.ts";

const CLIENTS = 50;
const AT_ONCE = 8;
const PAUSE_MS = 20;
/** What a real client that was killed has registered is at a port of its own. */
const REAL = "real";

function contact(id: number): string {
  return `clientID: c${id}\r\nIP: 127.0.0.1\r\nPort: ${3000 + id}\r\n`;
}

/** Talks to the server at `port` until `signal` is aborted. */
export async function playBridge(
  port: number,
  { random, tally, signal }: { random: Random; tally: Tally; signal: AbortSignal },
): Promise<void> {
  const door = {
    port,
    hello: () => `REGISTER\r\n${contact(0)}\r\n`,
    noise: "BRIDGE\r\nclientID: nobody\r\n\r\nCHAT\r\n\r\n",
    client: {
      args: ["bridge", `--id=${REAL}`, "--port=0", `--server=127.0.0.1:${port}`],
      types: "/register\n/bridge\n/id\n",
      shows: REAL,
    },
  };
  const tasks = new Set<Promise<void>>();
  while (!signal.aborted) {
    if (tasks.size < AT_ONCE) {
      const fault = random.below(8) === 0;
      const task: Promise<void> = (fault ? misbehave(door, random) : visit(port, random, tally))
        .catch((error) => void tally.problems.push(String(error)))
        .finally(() => tasks.delete(task));
      tasks.add(task);
    }
    await new Promise((resolve) => setTimeout(resolve, random.below(PAUSE_MS)));
  }
  await Promise.all(tasks);
}

/** One connection: a client registers, and asks some times, one after the other or all at once. */
async function visit(port: number, random: Random, tally: Tally): Promise<void> {
  const id = random.below(CLIENTS);
  const requests = [`REGISTER\r\n${contact(id)}\r\n`];
  for (let times = random.below(4); times > 0; times--) {
    requests.push(`BRIDGE\r\nclientID: c${id}\r\n\r\n`);
  }
  tally.joins++;
  tally.messages += requests.length;
  using peer = await Peer.connect(port);
  let answered = 0;
  try {
    const glued = random.below(2) === 0;
    if (glued) await peer.send(requests.join(""));
    for (const request of requests) {
      if (!glued) await peer.send(request);
      if (isAnswer(await block(peer), { id, request })) answered++;
    }
    if (random.below(2) === 0) {
      await peer.halfClose();
      tally.doubled += text(await peer.rest()).split("ACK\r\n").length - 1;
    }
  } finally {
    tally.deliveries += answered;
    tally.missing += requests.length - answered;
  }
}

/** The next message of the server. */
async function block(peer: Peer): Promise<string> {
  let all = "";
  for (let line = ""; line !== "\r"; all += line + "\n") line = await peer.line();
  return all;
}

function isAnswer(answer: string, { id, request }: { id: number; request: string }): boolean {
  if (request.startsWith("REGISTER")) {
    return answer === `REGACK\r\n${contact(id)}Status: registered\r\n\r\n`;
  }
  const peer = /^BRIDGEACK\r\nclientID: (?:c(\d+)|real)\r\n/.exec(answer);
  if (!peer) return answer === "BRIDGEACK\r\nclientID: \r\nIP: \r\nPort: \r\n\r\n";
  const other = peer[1] === undefined ? undefined : Number(peer[1]);
  return other === undefined || (other !== id && answer === `BRIDGEACK\r\n${contact(other)}\r\n`);
}
