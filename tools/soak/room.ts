/**
 * A room under a long test: members come, talk, move and leave, others misbehave among them, and each
 * message of a member is followed to everybody who must hear it.
 *
 * @module
 */

import { within } from "../../lib/net.ts";
import type { Random } from "../../tests/random.ts";
import type { Events, Line } from "./lines.ts";
import { Member, PATIENCE_MS, type Tally } from "./member.ts";

/** How the members of one protocol behave; they are numbers from 0 on. */
export interface Manners {
  /** Names the server that member `i` is with: there may be several that are one room. */
  server(i: number): string;
  /** Opens a way for member `i`. */
  open(i: number, on: Events): Promise<Line>;
  /** What a member says to be in. */
  hello(i: number): string;
  /** The frame that tells it that it is in. */
  welcome(i: number): string;
  /** A message to all others, or to one. */
  message(text: string, to: number | undefined): string;
  /** The same as it arrives. */
  delivered(text: string, from: number): string;
  /** What a member says who leaves; without it, the end of the connection says it. */
  readonly bye?: string;
  /** Whether messages are to one member only. */
  readonly direct: "never" | "sometimes" | "always";
  /** How a member goes to another part of the room, if there are several; it is welcomed again. */
  readonly places?: { count: number; go(place: number): string };
  /** Most bytes of a text. */
  readonly textBytes: number;
  /** Most messages on their way: datagrams must not be lost in a full queue. */
  readonly window: number;
  /** Does what must not disturb the others. */
  fault(random: Random): Promise<void>;
}

const [FEWEST, MOST] = [3, 12];
const FAULTS_AT_ONCE = 4;
const PAUSE_MS = 20;
const FILLER = ["lorem ", "ipsum ", "grüße ", "世界 ", "🙂 ", "שלום ", "%s \\ ", "\t"];

/** A room of one protocol. */
export class Room {
  readonly #manners: Manners;
  readonly #random: Random;
  readonly #tallies: Readonly<Record<string, Tally>>;
  readonly #members = new Set<Member>();
  readonly #tasks = new Set<Promise<void>>();
  /** Numbers that nobody has; each one's messages go on counting when it is given again. */
  readonly #free = Array.from({ length: 2 * MOST }, (_, i) => i);
  readonly #said = new Map<number, number>();
  #faults = 0;

  /** Nobody is in it yet; `tallies` are by the names of its servers. */
  constructor(manners: Manners, random: Random, tallies: Readonly<Record<string, Tally>>) {
    this.#manners = manners;
    this.#random = random;
    this.#tallies = tallies;
  }

  /** Plays until `signal` is aborted; then everybody leaves. */
  async play(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#step();
      await new Promise((resolve) => setTimeout(resolve, this.#random.below(PAUSE_MS)));
    }
    await Promise.all(this.#tasks);
    for (const member of this.#members) this.#begin(member.id, this.#leave(member));
    await Promise.all(this.#tasks);
  }

  #step(): void {
    const random = this.#random;
    const settled = [...this.#members].filter(({ place }) => place !== -1);
    const what = random.below(100);
    if (this.#members.size < FEWEST || (what < 4 && this.#members.size < MOST)) {
      const id = this.#free.shift()!;
      this.#begin(id, this.#join(id));
    } else if (settled.length > FEWEST && what < 8) {
      const member = random.pick(settled);
      this.#begin(member.id, this.#leave(member));
    } else if (settled.length > 0 && what < 13 && this.#manners.places) {
      const member = random.pick(settled);
      this.#begin(member.id, this.#move(member));
    } else if (what < 18) {
      if (this.#faults >= FAULTS_AT_ONCE) return;
      this.#faults++;
      this.#begin(0, this.#manners.fault(random).finally(() => this.#faults--));
    } else if (settled.length > 1) {
      const member = random.pick(settled);
      for (let burst = random.below(4); burst >= 0; burst--) this.#talk(member, settled);
    }
  }

  async #join(id: number): Promise<void> {
    const tally = this.#tally(id);
    const member = new Member(id, tally);
    this.#members.add(member);
    member.line = await this.#manners.open(id, {
      frame: (frame) => member.hear(frame),
      end: () => {
        if (this.#members.has(member)) tally.problems.push(`member ${id} was cut`);
      },
    });
    await member.ask(this.#manners.hello(id), this.#welcome(id));
    tally.joins++;
    member.place = 0;
  }

  async #leave(member: Member): Promise<void> {
    member.place = -1;
    await member.drained();
    this.#members.delete(member);
    const { bye } = this.#manners;
    const how = this.#random.below(3);
    if (bye !== undefined && how < 2) await member.line.send(bye);
    // To close at once may take back what was said and is still on its way.
    if (how === 2) await this.#heardByAll(member);
    else await within(PATIENCE_MS, member.line.end());
    member.line.close();
    this.#free.push(member.id);
  }

  async #move(member: Member): Promise<void> {
    const places = this.#manners.places!;
    member.place = -1;
    await member.drained();
    const place = this.#random.below(places.count);
    await member.ask(places.go(place), this.#welcome(member.id));
    member.place = place;
  }

  #talk(member: Member, settled: readonly Member[]): void {
    const manners = this.#manners;
    const others = settled.filter((each) => each.place === member.place && each !== member);
    const onTheWay = settled.reduce((count, each) => count + each.waiting(), 0);
    if (others.length === 0 || onTheWay >= manners.window) return;
    const direct = manners.direct === "always" ||
      (manners.direct === "sometimes" && this.#random.below(4) === 0);
    const to = direct ? this.#random.pick(others) : undefined;
    const n = this.#said.get(member.id) ?? 0;
    this.#said.set(member.id, n + 1);
    const text = this.#text(`#${member.id}.${n}# `);
    const frame = manners.delivered(text, member.id).trimEnd();
    for (const each of to ? [to] : others) each.expect(member.id, { n, frame });
    this.#tally(member.id).messages++;
    this.#begin(member.id, member.line.send(manners.message(text, to?.id)));
  }

  #text(mark: string): string {
    let text = mark;
    for (let words = this.#random.below(40); words > 0; words--) text += this.#random.pick(FILLER);
    while (new TextEncoder().encode(text).length >= this.#manners.textBytes) {
      text = text.slice(0, text.length / 2).toWellFormed();
    }
    return text + ".";
  }

  async #heardByAll(member: Member): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while ([...this.#members].some((each) => each.waiting(member.id) > 0)) {
      if (performance.now() > until) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #welcome(id: number): string {
    return this.#manners.welcome(id).trimEnd();
  }

  #tally(id: number): Tally {
    return this.#tallies[this.#manners.server(id)]!;
  }

  /** Lets something go on beside the rest; what it rejects with is a problem of that member's server. */
  #begin(id: number, task: Promise<void>): void {
    const watched: Promise<void> = task
      .catch((error) => void this.#tally(id).problems.push(String(error)))
      .finally(() => this.#tasks.delete(watched));
    this.#tasks.add(watched);
  }
}
