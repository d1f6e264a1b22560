/**
 * Dialogues between a server and a few clients, played again and again with the same bytes cut at
 * different places: what everybody gets must not depend on that.
 *
 * @module
 */

import { escapeControl } from "../lib/operator.ts";
import type { Limits } from "../lib/program.ts";
import { HandTime, settled } from "./hand_time.ts";
import { Random } from "./random.ts";
import { fromBinary, type Line, type Portions, Stage } from "./stage.ts";

/** A client sends something. */
export interface Saying {
  /** Clients count from 0, and connect when they are first heard of. */
  readonly client: number;
  /** Bytes, a character for each. */
  readonly says: string;
  /** Whether they must be read at once, because the protocol says that a read is a message. */
  readonly whole?: boolean;
}

/** A client ends its side, or breaks the connection. */
export interface Leaving {
  /** As in {@linkcode Saying}. */
  readonly client: number;
  /** How. */
  readonly ends: "fin" | "reset";
}

/** One step of a dialogue; between two of them the server comes to rest. */
export type Step =
  | Saying
  | Leaving
  /** A datagram arrives from a port. */
  | { readonly port: number; readonly sends: string }
  /** Nothing happens for so many ms. */
  | { readonly silence: number };

/** What a protocol needs to be played. */
export interface Protocol {
  /** Runs its server until the stage is told to stop. */
  serve(stage: Stage): Promise<void>;
  /** Its limits: small, so that short dialogues reach them. */
  limits: Partial<Limits>;
  /** Invents a dialogue. */
  dialogue(random: Random): Step[];
  /** What many of the dialogues must bring about: else they talk past the server. */
  answers: readonly RegExp[];
}

/** How bytes are cut, and whether two steps of the same client are glued. */
interface Splitting extends Portions {
  glue(): boolean;
}

const SPLITTINGS: Record<string, (random: Random) => Splitting> = {
  "whole": () => ({ read: () => Infinity, write: () => Infinity, glue: () => false }),
  "byte by byte": () => ({ read: () => 1, write: () => Infinity, glue: () => false }),
  "at random": (random) => {
    const some = () => 1 + random.below(1 << random.below(8));
    return { read: some, write: some, glue: () => random.below(2) === 0 };
  },
};

/** Plays so many dialogues in every way; throws at the first one that differs, with its seed. */
export async function rehearse(
  protocol: Protocol,
  { seed, dialogues }: { seed: number; dialogues: number },
): Promise<void> {
  using time = new HandTime();
  const brought = protocol.answers.map(() => 0);
  for (let n = seed; n < seed + dialogues; n++) {
    const steps = protocol.dialogue(new Random(n));
    let whole: string | undefined;
    for (const [name, splitting] of Object.entries(SPLITTINGS)) {
      time.reset();
      const how = { protocol, time, splitting: splitting(new Random(~n)) };
      const transcript = await play(steps, how);
      whole ??= transcript;
      const isBug = transcript.includes("internal error");
      if (transcript === whole && !isBug) continue;
      const what = isBug ? "is a bug" : "differs";
      throw new Error(report({ n, name, what, steps, whole, transcript }));
    }
    protocol.answers.forEach((answer, i) => answer.test(whole!) && brought[i]!++);
  }
  brought.forEach((count, i) => {
    if (count >= dialogues / 200) return;
    throw new Error(`only ${count} of ${dialogues} dialogues bring about ${protocol.answers[i]}`);
  });
}

/** A client as it is played: its connection, and how that ended. */
interface Player {
  readonly line: Line;
  note: string;
}

/** Plays one dialogue; returns all that anybody got to hear, a part for each. */
async function play(
  steps: readonly Step[],
  { protocol, time, splitting }: { protocol: Protocol; time: HandTime; splitting: Splitting },
): Promise<string> {
  const stage = new Stage(protocol.limits);
  const { operator } = stage.serving;
  const players = new Map<number, Player>();
  let ended = false;
  const serving = protocol.serve(stage).then(() => ended = true);
  for (const [at, step] of steps.entries()) {
    if ("silence" in step) await time.pass(step.silence);
    else if ("sends" in step) stage.send(fromBinary(step.sends), step.port);
    else {
      let player = players.get(step.client);
      if (!player) {
        const line = stage.connect(50_000 + step.client, splitting);
        players.set(step.client, player = { line, note: "stayed to the end" });
      }
      act(player, step);
      if (isGluable(step, steps[at + 1]) && splitting.glue()) continue;
    }
    await settled();
    // A timer of no time is the next turn of the event loop, which comes by itself.
    await time.pass(0);
  }
  stage.stop();
  await settled();
  for (const { line } of players.values()) {
    line.end("fin");
    await settled();
  }
  // More than any wait for somebody who does not answer: only a server that hangs is left then.
  if (!ended) await time.pass(5000);
  if (!ended) throw new Error(`the server does not end: ${JSON.stringify(steps)}`);
  await serving;
  await operator.flush();
  operator.close();
  return transcribed(stage, players);
}

function act(player: Player, step: Saying | Leaving): void {
  const { line } = player;
  if ("says" in step) return line.say(fromBinary(step.says), step.whole);
  // All it had to hear by now is there, so who was first with the end is the same each time.
  player.note = line.over ? "was let go" : step.ends;
  line.end(step.ends);
}

function transcribed({ said, datagrams }: Stage, players: Map<number, Player>): string {
  return [
    ...[...players].map(([i, { line, note }]) => `client ${i} ${note}:\n${line.heard}`),
    `stdout:\n${said.stdout}`,
    `stderr:\n${said.stderr}`,
    `datagrams:\n${datagrams}`,
  ].join("\n--\n");
}

function isGluable(step: Step, next: Step | undefined): boolean {
  return next !== undefined && "says" in step && "says" in next && next.client === step.client &&
    !step.whole && !next.whole;
}

function report(
  { n, name, what, steps, whole, transcript }: {
    n: number;
    name: string;
    what: string;
    steps: readonly Step[];
    whole: string;
    transcript: string;
  },
): string {
  const show = (text: string) => text.split("\n").map((line) => escapeControl(line)).join("\n");
  return [
    `the dialogue of seed ${n} ${what} when it is played ${name}`,
    ...steps.map((step) => JSON.stringify(step)),
    "== whole",
    show(whole),
    `== ${name}`,
    show(transcript),
  ].join("\n");
}
