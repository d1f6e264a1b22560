/**
 * A room's messages on their way to all its members: gathered, and queued once for each.
 *
 * @module
 */

import type { Flow, Outbound } from "./outbound.ts";

const EMPTY: Uint8Array = new Uint8Array();
/** What one round of a fan-out gathers at most before it goes to the queues, where it is counted. */
const GATHER_BYTES = 16 * 1024;

/**
 * The members of one room as the receivers of the same bytes. Frames that go to the same members one
 * after the other are gathered and queued once for each member instead of once for each frame: this is
 * what a room's cost does not multiply by. Order is kept, with what is sent to a single member too.
 */
export class Fanout {
  readonly #flow: Flow;
  readonly #members = new Set<Outbound>();
  #gathered: Uint8Array = EMPTY;
  #length = 0;
  #lastLength = 0;
  #except: Outbound | undefined;
  #scheduled = false;

  /** A room without members. */
  constructor(flow: Flow) {
    this.#flow = flow;
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.size;
  }

  /** A queue is in one room at a time; it gets what is sent from now on. */
  add(member: Outbound): void {
    this.#flush();
    this.#members.add(member);
    member.belong(this);
  }

  /** The member still gets what was sent before. */
  delete(member: Outbound): void {
    this.#flush();
    if (this.#members.delete(member)) member.belong(undefined);
  }

  /** Sends the frame that `parts` make together to every member but `except`. */
  send(parts: readonly Uint8Array[], except?: Outbound): void {
    let length = 0;
    for (const part of parts) length += part.length;
    if (except !== this.#except || this.#length + length > GATHER_BYTES) {
      this.#flush();
      this.#except = except;
    }
    if (this.#length + length > this.#gathered.length) this.#grow(length);
    for (const part of parts) {
      this.#gathered.set(part, this.#length);
      this.#length += part.length;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#flow.gather(this);
  }

  /** @internal What `member` has still to get goes into its queue. */
  settle(member: Outbound): void {
    if (this.#length > 0 && this.#except !== member) this.#flush();
  }

  /** @internal */
  start(): void {
    this.#scheduled = false;
    this.#flush();
  }

  #grow(length: number): void {
    // The last round is the best guess at this one.
    const size = this.#length === 0 ? this.#lastLength : this.#length * 2;
    const larger = new Uint8Array(Math.max(this.#length + length, size));
    larger.set(this.#gathered.subarray(0, this.#length));
    this.#gathered = larger;
  }

  #flush(): void {
    if (this.#length === 0) return;
    // Emptied first: a member's `send` asks for the rest to be settled.
    const bytes = this.#gathered.subarray(0, this.#length);
    this.#gathered = EMPTY;
    this.#lastLength = this.#length;
    this.#length = 0;
    for (const member of this.#members) if (member !== this.#except) member.send(bytes);
  }
}
