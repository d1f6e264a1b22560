/**
 * Sending never waits on a peer: one bounded queue per connection, one writer for it, a room's fan-out over
 * many queues, and one {@linkcode Flow} per server that slows the senders whose readers are behind but moving.
 *
 * What is waiting is joined into one write, because writes are what a relay spends its time on.
 *
 * @module
 */

// ---- round ----

/** A reader that just now takes nothing more keeps nobody longer than that. */
const ROUND_MS = 20;

/** Writes to a large room that began together. */
export class Round {
  /** Resolves when nearly all of them are done: a few slow readers are not worth the others' time. */
  readonly done: Promise<void>;
  #left = 0;
  #most = 0;
  #over: () => void;

  /** Begins without writes; its time runs from here on. */
  constructor(clock: Clock) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    const stop = clock.every(ROUND_MS, () => this.#over());
    this.#over = () => {
      this.#over = () => {};
      stop();
      resolve();
    };
  }

  /** One more write belongs to it. */
  began(): void {
    this.#left++;
  }

  /** No more writes will belong to it. */
  started(): void {
    this.#most = this.#left / 16;
    this.#look();
  }

  /** One of its writes has ended, well or not. */
  ended(): void {
    this.#left--;
    this.#look();
  }

  #look(): void {
    if (this.#left <= this.#most) this.#over();
  }
}

// ---- fanout ----

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

// ---- outbound ----

/** What an {@linkcode Outbound} writes to: a connection or standard output. */
export interface Sink {
  /** Writes at least one of the bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** The clock and the timer of a {@linkcode Flow}; tests pass one that they turn by hand. */
export interface Clock {
  /** Milliseconds since a fixed moment. */
  now(): number;
  /** Calls `tick` every `ms` milliseconds until the returned function is called. */
  every(ms: number, tick: () => void): () => void;
}

/** The limits that a {@linkcode Flow} keeps, in bytes and milliseconds. */
export interface FlowLimits {
  /** Backlog of one reader from which its senders are read more slowly. */
  softBytes: number;
  /** Backlog of one reader at which it is cut. */
  hardBytes: number;
  /** Time without progress after which a reader with a backlog is cut. */
  stuckMs: number;
}

/** How one {@linkcode Outbound} differs from the ordinary. */
export interface OutboundOptions {
  /**
   * Called once, when the queue gives its reader up: why, as a sentence without its subject, or
   * undefined when the reader was gone already.
   */
  onCut?: (reason: string | undefined) => void;
  /** A bound of its own in bytes, instead of the flow's `hardBytes`. */
  hardBytes?: number;
  /** False: each frame is a write of its own, for peers that take a read for a message. */
  join?: boolean;
  /** True: what passes the bound is dropped and counted instead of cutting the reader. */
  drop?: boolean;
}

/** Without progress for so long, a reader no longer stops a conversation, only a flood. */
const STALL_MS = 200;
/** The kernel reports progress a third of its send buffer at a time: up to 0.8 s at 2 MiB/s. */
const FLOOD_MS = 2000;
/** How often held senders are looked at; short beside what a person notices. */
const HOLD_TICK_MS = 20;
const SWEEP_MS = 1000;
/** What one released sender is expected to add before it asks again. */
const RELEASE_BYTES = 16 * 1024;
/** The runtime begins so many writes in one turn of its event loop; before the next one it reads. */
const TURN_WRITES = 128;

const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
};

/** The outbound queues of one server, and the senders that wait for them. */
export class Flow {
  /** The limits in force. */
  readonly limits: FlowLimits;
  /** What it measures time with. */
  readonly clock: Clock;
  readonly #queues = new Set<Outbound>();
  readonly #held = new Set<Outbound>();
  #due: Outbound[] = [];
  #rooms: Fanout[] = [];
  #over: Outbound[] = [];
  #round: Round | undefined;
  #stopSweep?: () => void;
  #stopTick?: () => void;

  /** A flow with these limits, in bytes and milliseconds. */
  constructor(limits: FlowLimits, clock: Clock = REAL_CLOCK) {
    this.limits = limits;
    this.clock = clock;
  }

  /**
   * Waits until the readers that were put over the soft mark since the last call have room again, or
   * returns undefined at once when there are none.
   *
   * A session MUST call this right after each frame it handled, with no `await` between: what stands
   * in the list is then what this session's frame did.
   */
  hold(): Promise<void> | undefined {
    if (this.#over.length === 0) return undefined;
    const over = this.#over;
    this.#over = [];
    return Promise.all(over.map((queue) => queue.room())).then(() => undefined);
  }

  /**
   * Waits until a large room has what was just sent to it, or returns undefined at once. A session that
   * read on before would make many small writes for each member of what could be one.
   */
  round(): Promise<void> | undefined {
    if (!this.#rooms.some((room) => room.size > TURN_WRITES)) return undefined;
    this.#round ??= new Round(this.clock);
    return this.#round.done;
  }

  /** Resolves when every queue is empty or has given up. */
  async drained(): Promise<void> {
    await Promise.all([...this.#queues].map((queue) => queue.drained()));
  }

  /** @internal */
  add(queue: Outbound): void {
    this.#queues.add(queue);
    if (this.limits.stuckMs === Infinity) return;
    this.#stopSweep ??= this.clock.every(SWEEP_MS, () => {
      for (const each of this.#queues) each.sweep(SWEEP_MS);
    });
  }

  /** @internal */
  remove(queue: Outbound): void {
    this.#queues.delete(queue);
    this.settle(queue);
    if (this.#queues.size > 0) return;
    this.#stopSweep?.();
    this.#stopSweep = undefined;
  }

  /** @internal Writing starts once the running code is done, so that its frames share one write. */
  schedule(queue: Outbound): void {
    if (this.#due.push(queue) === 1 && this.#rooms.length === 0) queueMicrotask(this.#start);
  }

  /** @internal As `schedule`, for the members of a room. */
  gather(room: Fanout): void {
    if (this.#rooms.push(room) === 1 && this.#due.length === 0) queueMicrotask(this.#start);
  }

  readonly #start = (): void => {
    const single = this.#due;
    const rooms = this.#rooms;
    const round = this.#round;
    this.#due = [];
    this.#rooms = [];
    this.#round = undefined;
    for (const room of rooms) room.start();
    const members = this.#due;
    this.#due = [];
    // The many first: a sender that hears its own answer first would send on before they have theirs.
    for (const queue of members) queue.start(round);
    for (const queue of single) queue.start();
    round?.started();
  };

  /** @internal */
  passed(queue: Outbound): void {
    this.#over.push(queue);
  }

  /** @internal */
  wait(queue: Outbound): void {
    this.#held.add(queue);
    this.#stopTick ??= this.clock.every(HOLD_TICK_MS, () => {
      for (const each of this.#held) each.release();
    });
  }

  /** @internal */
  settle(queue: Outbound): void {
    if (!this.#held.delete(queue) || this.#held.size > 0) return;
    this.#stopTick?.();
    this.#stopTick = undefined;
  }
}

/**
 * The outbound queue of one connection.
 *
 * - `send` is synchronous, keeps order and never throws.
 * - A frame MUST NOT be changed after it was sent: many queues may hold the same bytes.
 * - The owner MUST call `discard` when the connection is closed.
 */
export class Outbound {
  /** Whether what is waiting is joined into one write; may change while the queue is in use. */
  join: boolean;
  readonly #sink: Sink;
  readonly #flow: Flow;
  readonly #options: OutboundOptions;
  readonly #hardBytes: number;
  #queue: Uint8Array[] = [];
  #current: Uint8Array = EMPTY;
  #backlog = 0;
  #writing = false;
  #scheduled = false;
  #open = true;
  #dropped = 0;
  #progressAt = 0;
  #credit = 0;
  #creditAt = 0;
  #moved = false;
  #idleMs = 0;
  #fanout: Fanout | undefined;
  #round: Round | undefined;
  #senders: (() => void)[] = [];
  #drains: (() => void)[] = [];

  /** A queue in front of `sink`; the caller keeps owning the connection behind it. */
  constructor(sink: Sink, flow: Flow, options: OutboundOptions = {}) {
    this.#sink = sink;
    this.#flow = flow;
    this.#options = options;
    this.join = options.join ?? true;
    this.#hardBytes = options.hardBytes ?? flow.limits.hardBytes;
    flow.add(this);
  }

  /** Bytes that were sent and that the kernel has not taken yet. */
  get backlog(): number {
    return this.#backlog;
  }

  /** Frames that were dropped at the bound; only with `drop`. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Queues a whole frame. Does nothing once the queue has given up or was discarded. */
  send(frame: Uint8Array): void {
    // What was sent to the whole room before comes first.
    this.#fanout?.settle(this);
    if (!this.#open || frame.length === 0) return;
    if (this.#backlog + frame.length > this.#hardBytes && this.#full(frame)) return;
    this.#queue.push(frame);
    const before = this.#backlog;
    this.#backlog += frame.length;
    if (this.#backlog > this.#flow.limits.softBytes) {
      // The clock of a stall starts where the backlog passes the mark.
      if (before <= this.#flow.limits.softBytes) this.#moves();
      else this.#credit = Math.max(-RELEASE_BYTES, this.#credit - frame.length);
      this.#flow.passed(this);
    }
    if (this.#writing || this.#scheduled) return;
    this.#scheduled = true;
    this.#flow.schedule(this);
  }

  /** Resolves when all that was sent is with the kernel, or the queue has given up. */
  drained(): Promise<void> {
    this.#fanout?.settle(this);
    if (this.#backlog === 0 || !this.#open) return Promise.resolve();
    return new Promise((resolve) => this.#drains.push(resolve));
  }

  /** Forgets what is queued and lets everybody go who waits for it. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ended();
    this.#queue = [];
    this.#backlog = 0;
    this.#flow.remove(this);
    for (const go of [...this.#senders.splice(0), ...this.#drains.splice(0)]) go();
  }

  /** Gives the reader up: discards the queue and tells the owner why. */
  cut(reason?: string): void {
    if (!this.#open) return;
    this.discard();
    this.#options.onCut?.(reason);
  }

  /** @internal */
  belong(fanout: Fanout | undefined): void {
    this.#fanout = fanout;
  }

  /** @internal Resolves when a sender that filled this queue may go on. */
  room(): Promise<void> {
    if (this.#room() > 0 || !this.#open) return Promise.resolve();
    this.#flow.wait(this);
    return new Promise((resolve) => this.#senders.push(resolve));
  }

  /** @internal Lets as many held senders go as there is room for. */
  release(): void {
    // Nothing waits for the reader any more: nobody waits for it either.
    let room = this.#backlog === 0 ? Infinity : this.#room();
    while (room > 0 && this.#senders.length > 0) {
      this.#senders.shift()!();
      room -= RELEASE_BYTES;
    }
    if (this.#senders.length === 0) this.#flow.settle(this);
  }

  /** @internal Called every `ms` milliseconds: gives up a reader that has long taken nothing. */
  sweep(ms: number): void {
    this.#idleMs = this.#backlog > 0 && !this.#moved ? this.#idleMs + ms : 0;
    this.#moved = false;
    const { stuckMs } = this.#flow.limits;
    if (this.#idleMs < stuckMs || this.#options.drop) return;
    this.cut(`took nothing for ${stuckMs / 1000} s with ${this.#backlog} bytes waiting`);
  }

  /** @internal Starts writing what is queued, as a part of `round` where it is one. */
  start(round?: Round): void {
    this.#scheduled = false;
    if (this.#writing || !this.#open || this.#queue.length === 0) return;
    this.#writing = true;
    this.#round = round;
    round?.began();
    this.#next();
  }

  /**
   * What senders may add now, in bytes. Over the soft mark it is nothing while the reader moves. From
   * {@linkcode STALL_MS} without progress on it is a credit that grows so slowly that the bound is
   * {@linkcode FLOOD_MS} away: talk never waits for a reader that is stuck, and a flood does not run
   * over a slow one before the kernel shows that it moves.
   */
  #room(): number {
    const { softBytes } = this.#flow.limits;
    if (this.#backlog <= softBytes) return softBytes - this.#backlog + 1;
    const now = this.#flow.clock.now();
    const from = Math.max(this.#creditAt, this.#progressAt + STALL_MS);
    if (now <= from) return 0;
    const earned = (now - from) * (this.#hardBytes - softBytes) / FLOOD_MS;
    this.#credit = Math.min(softBytes, this.#credit + earned);
    this.#creditAt = now;
    return this.#credit;
  }

  /** The reader moves: what was earned while it did not is gone. */
  #moves(): void {
    this.#progressAt = this.#flow.clock.now();
    this.#credit = 0;
  }

  #full(frame: Uint8Array): boolean {
    if (this.#options.drop) {
      this.#dropped++;
      return true;
    }
    // One frame larger than the bound may pass when nothing else waits.
    if (this.#backlog === 0) return false;
    this.cut(`fell ${this.#backlog + frame.length} bytes behind, over ${this.#hardBytes}`);
    return true;
  }

  #next(): void {
    if (this.join || this.#queue.length === 1) {
      const frames = this.#queue;
      this.#queue = [];
      this.#current = joined(frames);
    } else {
      this.#current = this.#queue.shift()!;
    }
    this.#write();
  }

  #write(): void {
    this.#sink.write(this.#current).then(this.#wrote, this.#failed);
  }

  readonly #wrote = (count: number): void => {
    if (!this.#open) return;
    this.#moved = true;
    this.#backlog -= count;
    if (this.#senders.length > 0 || this.#backlog > this.#flow.limits.softBytes) {
      this.#moves();
      this.release();
    }
    if (count < this.#current.length) {
      this.#current = this.#current.subarray(count);
      this.#write();
      return;
    }
    this.#ended();
    if (this.#queue.length > 0) this.#next();
    else {
      this.#writing = false;
      this.#current = EMPTY;
      for (const go of this.#drains.splice(0)) go();
    }
  };

  #ended(): void {
    this.#round?.ended();
    this.#round = undefined;
  }

  readonly #failed = (): void => this.cut();
}

let lastFrames: readonly Uint8Array[] = [];
let lastJoined: Uint8Array = EMPTY;

/** Joins frames. Members of one room mostly wait for the same ones: the last join is used again. */
function joined(frames: readonly Uint8Array[]): Uint8Array {
  if (frames.length === 1) return frames[0]!;
  if (frames.length === lastFrames.length && frames.every((frame, i) => frame === lastFrames[i])) {
    return lastJoined;
  }
  lastJoined = new Uint8Array(frames.reduce((bytes, frame) => bytes + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    lastJoined.set(frame, at);
    at += frame.length;
  }
  lastFrames = frames;
  return lastJoined;
}
