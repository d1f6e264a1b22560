/**
 * Sending never waits on a peer. Each connection has one bounded queue with one write under way, a room
 * is one log of bytes that its members read at their own pace, and one {@linkcode Flow} a server slows
 * the senders whose readers are behind but moving.
 *
 * A broadcast is appended to its room's log once, however many members there are. When the running code
 * is done, each member that is not writing takes all that it has not had yet in one write: the number of
 * writes is what a relay's time goes to.
 *
 * @module
 */

import { Bytes } from "./wire/framing.ts";

// ---- flow ----

/** What an {@linkcode Outbound} writes to. */
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
  /** Backlog of one reader from which the senders that cause it are read more slowly. */
  softBytes: number;
  /** Backlog of one reader at which it is cut. */
  hardBytes: number;
  /** Time without progress after which a reader with a backlog is cut. */
  stuckMs: number;
}

/** A reader that has not moved for so long holds up nobody but a flood, and that ever less. */
const STALL_MS = 200;
/**
 * A flood may fill the queue of a reader that stands still in so long and not sooner. The kernel reports
 * progress a third of its send buffer at a time: a reader of 2 MiB/s seems to stand still for 0.8 s.
 */
const FLOOD_MS = 2000;
const HOLD_TICK_MS = 20;
const SWEEP_MS = 1000;
/** What a released sender is expected to add: all at once must not fill the queue they waited for. */
const RELEASE_BYTES = 16 * 1024;
/** How long what senders have sent is taken for what they send. */
const ALIKE_MS = 50;
/** Where more than that send alike, nobody's bytes are a good part of anything. */
const MANY_SENDERS = 100;
/** The runtime begins so many writes in a turn of its event loop, and then reads (row: 1000 clients). */
const TURN_WRITES = 128;
/** Longest piece of a room's log; a reader that is far behind takes one for each write. */
const PIECE_BYTES = 64 * 1024;

const EMPTY: Uint8Array = new Uint8Array();
const REAL_CLOCK: Clock = {
  now: () => performance.now(),
  every: (ms, tick) => {
    const timer = setInterval(tick, ms);
    return () => clearInterval(timer);
  },
};

/** The outbound queues of one server, and the senders that wait for them. */
export class Flow {
  /** Whose frame is being handled: what is sent meanwhile counts as its own. Set by the session loop. */
  sender: Outbound | undefined;
  /** @internal The queues that are over the soft mark. */
  readonly behind: Set<Outbound> = new Set();
  readonly #queues = new Set<Outbound>();
  #held: { reader: Outbound; sender: Outbound | undefined; go: () => void }[] = [];
  /** Where the frame that is being handled went, while anybody is behind. */
  #touched: (Outbound | Fanout)[] = [];
  /** How many send as much as each other, and until when that is taken for true. */
  #alike = 1;
  #alikeUntil = 0;
  #due: Outbound[] = [];
  #rooms: Fanout[] = [];
  #turns: (() => void)[] = [];
  #stopSweep: (() => void) | undefined;
  #stopTick: (() => void) | undefined;

  /** A flow with these limits. */
  constructor(readonly limits: FlowLimits, readonly clock: Clock = REAL_CLOCK) {}

  /**
   * Ends the handling of a frame: returns what to wait for before the next one of the same peer, or
   * undefined. Where the frame has a `sender`, that is a reader the frame went to and of whose backlog
   * the sender's own bytes are a good part, so that talk never waits for a flood; else any reader.
   */
  hold(): Promise<void> | undefined {
    const { sender } = this;
    const touched = this.#touched;
    this.sender = undefined;
    if (touched.length > 0) this.#touched = [];
    if (this.behind.size === 0) return undefined;
    for (const reader of this.behind) {
      if (sender && !(reader.hears(touched) && this.#floods(sender, reader))) continue;
      if (reader.blocks()) return this.#wait(reader, sender);
    }
    return undefined;
  }

  /**
   * Whether the sender's bytes of the last second are a good part of a backlog: half of its share at
   * least, if all who send as much as it does had an equal one.
   */
  #floods(sender: Outbound, { backlog }: Outbound): boolean {
    const now = this.clock.now();
    if (now >= this.#alikeUntil) {
      const recent = [...this.#queues].map((queue) => queue.recent);
      const sum = recent.reduce((sum, each) => sum + each, 0);
      const squares = recent.reduce((sum, each) => sum + each ** 2, 0);
      this.#alike = Math.min(MANY_SENDERS, sum ** 2 / squares);
      this.#alikeUntil = now + ALIKE_MS;
    }
    return 2 * this.#alike * sender.recent >= backlog;
  }

  #wait(reader: Outbound, sender: Outbound | undefined): Promise<void> {
    // What it waits for is its own doing for as long as it waits.
    if (sender) sender.held = true;
    this.#stopTick ??= this.clock.every(HOLD_TICK_MS, () => this.release());
    return new Promise((go) => this.#held.push({ reader, sender, go }));
  }

  /** @internal Lets go as many held senders as their readers have room for. */
  release(): void {
    if (this.#held.length === 0) return;
    let more = 0;
    this.#held = this.#held.filter(({ reader, sender, go }) => {
      if (reader.blocks(more)) return true;
      more += RELEASE_BYTES;
      if (sender) sender.held = false;
      go();
      return false;
    });
    if (this.#held.length > 0) return;
    this.#stopTick?.();
    this.#stopTick = undefined;
  }

  /**
   * Waits until a large room has what was just sent to it, or returns undefined at once. A session that
   * read on before would make many small writes for each member of what could be one.
   */
  round(): Promise<void> | undefined {
    return this.#rooms.find((room) => room.size > TURN_WRITES)?.round();
  }

  /** Waits for a turn of the event loop that no other waiting session has, in the order of asking. */
  turn(): Promise<void> {
    return new Promise((go) => {
      if (this.#turns.push(go) === 1) setTimeout(this.#nextTurn);
    });
  }

  readonly #nextTurn = (): void => {
    this.#turns.shift()!();
    if (this.#turns.length > 0) setTimeout(this.#nextTurn);
  };

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
    this.behind.delete(queue);
    this.release();
    if (this.#queues.size > 0) return;
    this.#stopSweep?.();
    this.#stopSweep = undefined;
  }

  /** @internal Takes note of what was sent where. */
  sent(bytes: number, to: Outbound | Fanout): void {
    const { sender } = this;
    if (!sender) return;
    if (this.behind.size > 0) this.#touched.push(to);
    sender.recentNow += bytes;
  }

  /** @internal Writing starts once the running code is done, so that its frames share one write. */
  schedule(to: Outbound | Fanout): void {
    if (this.#due.length + this.#rooms.length === 0) queueMicrotask(this.#start);
    if (to instanceof Fanout) this.#rooms.push(to);
    else this.#due.push(to);
  }

  readonly #start = (): void => {
    const rooms = this.#rooms;
    const due = this.#due;
    this.#rooms = [];
    this.#due = [];
    for (const room of rooms) room.start();
    for (const queue of due) queue.start();
  };
}

// ---- outbound ----

/** How one {@linkcode Outbound} differs from the ordinary. */
export interface OutboundOptions {
  /**
   * Called once, when the queue gives its reader up: why, as a sentence without its subject, or
   * undefined when the reader was gone already.
   */
  onCut?(reason: string | undefined): void;
  /** A bound of its own in bytes, instead of the flow's `hardBytes`. */
  hardBytes?: number;
  /** False: each frame is a write of its own, for peers that take a read for a message. */
  join?: boolean;
  /** True: what passes the bound is dropped and counted instead of cutting the reader. */
  drop?: boolean;
}

/** Where a member's own frames stand in the log of its room, and what of the log it sent itself. */
interface Mark {
  /** Position in the log; 0 outside of a room. */
  readonly at: number;
  /** What the member alone is sent there. */
  readonly bytes: Uint8Array;
  /** So many bytes of the log from there on came from the member. */
  skip: number;
}

/**
 * The outbound queue of one connection.
 *
 * 1. `send` MUST NOT wait or throw, and MUST keep the order of all that the peer is sent, its room's
 *    broadcasts included.
 * 2. A frame MUST NOT be changed after it was sent: many queues may hold the same bytes.
 * 3. At most one write MUST be under way; what waits meanwhile goes out together after it.
 * 4. A peer MUST be cut, and `onCut` told why, that would have more than `hardBytes` waiting, or has
 *    bytes waiting and takes none for `stuckMs`.
 * 5. The owner MUST call `discard` when the connection is closed, and `onCut` MUST NOT send.
 */
export class Outbound {
  /** Whether what waits is joined into one write; may change while the queue is in use. */
  join: boolean;
  /** Frames that were dropped at the bound; only with `drop`. */
  dropped = 0;
  /** @internal Bytes that this peer has sent since the last sweep. */
  recentNow = 0;
  /** @internal Whether this peer waits for a reader. */
  held = false;
  #recentBefore = 0;
  readonly #sink: Sink;
  readonly #flow: Flow;
  readonly #options: OutboundOptions;
  readonly #hardBytes: number;
  #room: Fanout | undefined;
  /** How far it has read the log of its room. */
  #at = 0;
  #marks: Mark[] = [];
  /** Bytes of the log still to be read that this peer sent itself. */
  #skips = 0;
  /** Bytes that wait outside of the log, those of the write that is under way included. */
  #own = 0;
  #current: Uint8Array = EMPTY;
  #round: Round | undefined;
  #scheduled = false;
  #open = true;
  #progressAt = 0;
  #backlogThen = 0;
  #moved = false;
  #idleMs = 0;
  #drains: (() => void)[] = [];

  /** A queue in front of `sink`; the caller keeps owning the connection behind it. */
  constructor(sink: Sink, flow: Flow, options: OutboundOptions = {}) {
    this.#sink = sink;
    this.#flow = flow;
    this.#options = options;
    this.#hardBytes = options.hardBytes ?? flow.limits.hardBytes;
    this.join = options.join ?? true;
    flow.add(this);
  }

  /** Bytes that were sent and that the kernel has not taken yet. */
  get backlog(): number {
    return this.#room ? this.#own + this.#room.end - this.#at - this.#skips : this.#own;
  }

  /** @internal Bytes that this peer has sent in the last second or two. */
  get recent(): number {
    return this.recentNow + this.#recentBefore;
  }

  /** Queues a whole frame. Does nothing once the queue has given up or was discarded. */
  send(frame: Uint8Array): void {
    if (!this.#open || frame.length === 0) return;
    if (!this.#fits(frame.length)) return;
    this.#marks.push({ at: this.#room?.end ?? 0, bytes: frame, skip: 0 });
    this.#own += frame.length;
    this.#flow.sent(frame.length, this);
    this.#schedule();
  }

  /** Resolves when all that was sent is with the kernel, or the queue has given up. */
  drained(): Promise<void> {
    if (this.backlog === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drains.push(resolve));
  }

  /** Forgets what is queued and lets everybody go who waits for it. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#room = undefined;
    this.#marks = [];
    this.#own = 0;
    this.#ended();
    this.#flow.remove(this);
    for (const go of this.#drains.splice(0)) go();
  }

  /** Gives the reader up: discards the queue and tells the owner why. */
  cut(reason?: string): void {
    if (!this.#open) return;
    this.discard();
    this.#options.onCut?.(reason);
  }

  /** @internal From here on it reads the room's log. */
  enter(room: Fanout): void {
    this.#room = room;
    this.#at = room.end;
    this.#marks = this.#marks.map((mark) => ({ ...mark, at: room.end }));
  }

  /** @internal It reads the log no more, and keeps of it what was sent before. */
  exit(): void {
    const own = this.backlog;
    this.#marks = this.#take(Infinity).map((bytes) => ({ at: 0, bytes, skip: 0 }));
    this.#room = undefined;
    this.#own = own;
    if (this.#marks.length > 0) this.#schedule();
  }

  /** @internal The next bytes of the log are its own. */
  skip(room: Fanout, bytes: number): void {
    if (this.#room !== room) return;
    const last = this.#marks.at(-1);
    if (!last && this.#at === room.end) return void (this.#at += bytes);
    this.#skips += bytes;
    if (last && last.at + last.skip === room.end) last.skip += bytes;
    else this.#marks.push({ at: room.end, bytes: EMPTY, skip: bytes });
  }

  /** @internal Whether it hears what is sent to one of these. */
  hears(targets: readonly (Outbound | Fanout)[]): boolean {
    // What is printed about a frame may come later than the frame.
    return targets.includes(this.#room ?? this) || targets.includes(this) ||
      this.#options.drop === true;
  }

  /** @internal Whether a flood that adds `more` bytes has to wait for this reader. */
  blocks(more = 0): boolean {
    const { backlog } = this;
    const { softBytes } = this.#flow.limits;
    if (backlog === 0 || backlog + more <= softBytes) return false;
    const stalledMs = this.#flow.clock.now() - this.#progressAt - STALL_MS;
    const from = Math.max(softBytes, this.#backlogThen);
    const allowed = from + Math.max(0, stalledMs) * (this.#hardBytes - from) / FLOOD_MS;
    return stalledMs <= 0 || backlog + more > allowed;
  }

  /** @internal Called every `ms` milliseconds: cuts a reader that has long taken nothing. */
  sweep(ms: number): void {
    if (!this.held) {
      this.#recentBefore = this.recentNow;
      this.recentNow = 0;
    }
    this.#idleMs = this.backlog > 0 && !this.#moved ? this.#idleMs + ms : 0;
    this.#moved = false;
    const { stuckMs } = this.#flow.limits;
    if (this.#idleMs < stuckMs || this.#options.drop) return;
    this.cut(`took nothing for ${stuckMs / 1000} s with ${this.backlog} bytes waiting`);
  }

  /** @internal Whether a write of its own is about to begin. */
  get scheduled(): boolean {
    return this.#scheduled;
  }

  /** @internal Begins a write, unless one is under way. Returns how far it has read the room's log. */
  hear(room: Fanout, round: Round | undefined): number {
    const begins = this.#current.length === 0;
    this.start();
    if (begins && this.#current.length > 0) this.#round = round?.begins();
    this.#fits(0);
    return this.#room === room ? this.#at : room.end;
  }

  /** @internal Begins a write, unless one is under way. */
  start(): void {
    this.#scheduled = false;
    if (this.#current.length > 0 || !this.#open) return;
    if (this.join || this.#room || this.#marks.length < 2) {
      this.#current = this.#next();
      this.#own = this.#current.length;
    } else this.#current = this.#marks.shift()!.bytes;
    if (this.#current.length > 0) this.#write();
    else if (this.#drains.length > 0) { for (const go of this.#drains.splice(0)) go(); }
  }

  /** The next write: what is its own with what comes before it, else a piece of the log as it is. */
  #next(): Uint8Array {
    if (this.#marks.length > 0) return joined(this.#take(PIECE_BYTES));
    // Where most members are: the bytes are the same for all of them, and nobody copies any.
    return this.#room && this.#at < this.#room.end ? this.#read(this.#room.end) : EMPTY;
  }

  #schedule(): void {
    if (this.#current.length > 0 || this.#scheduled) return;
    this.#scheduled = true;
    this.#flow.schedule(this);
  }

  /** Whether the reader may have so many bytes more waiting; if not, it is cut, or they are dropped. */
  #fits(more: number): boolean {
    const backlog = this.backlog + more;
    // A frame that is larger than the bound may wait when nothing else does.
    if (backlog > this.#hardBytes && backlog > Math.max(more, this.#current.length)) {
      if (this.#options.drop) this.dropped++;
      else this.cut(`fell ${backlog} bytes behind, over ${this.#hardBytes}`);
      return false;
    }
    if (backlog > this.#flow.limits.softBytes && !this.#flow.behind.has(this)) {
      this.#flow.behind.add(this);
      this.#moves(backlog);
    }
    return true;
  }

  #moves(backlog: number): void {
    this.#progressAt = this.#flow.clock.now();
    this.#backlogThen = backlog;
  }

  /** Takes what waits, in order: all that is its own, and then of the log no more than `most` needs. */
  #take(most: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (const { at, bytes, skip } of this.#marks) {
      while (this.#at < at) parts.push(this.#read(at));
      if (bytes.length > 0) parts.push(bytes);
      this.#at += skip;
    }
    this.#marks = [];
    this.#skips = 0;
    const end = this.#room?.end ?? 0;
    const until = Math.min(end, this.#at + most);
    while (this.#at < until) parts.push(this.#read(end));
    return parts;
  }

  #read(to: number): Uint8Array {
    const bytes = this.#room!.read(this.#at, to);
    this.#at += bytes.length;
    return bytes;
  }

  #write(): void {
    this.#sink.write(this.#current).then(this.#wrote, this.#failed);
  }

  readonly #wrote = (count: number): void => {
    if (!this.#open) return;
    this.#moved = true;
    this.#own -= count;
    if (this.#flow.behind.has(this)) {
      this.#moves(this.backlog);
      if (this.backlog <= this.#flow.limits.softBytes) this.#flow.behind.delete(this);
      this.#flow.release();
    }
    const all = count === this.#current.length;
    this.#current = all ? EMPTY : this.#current.subarray(count);
    if (!all) return this.#write();
    this.#ended();
    this.start();
  };

  readonly #failed = (): void => this.cut();

  #ended(): void {
    this.#round?.ends();
    this.#round = undefined;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length < 2) return parts[0] ?? EMPTY;
  const all = new Bytes(parts.reduce((bytes, part) => bytes + part.length, 0));
  for (const part of parts) all.add(part);
  return all.view();
}

// ---- fan-out ----

/** A piece of a room's log. An old piece must not refer to a newer one: it would keep it from dying young. */
interface Piece {
  readonly start: number;
  readonly bytes: Bytes;
}

/** The writes to a large room that begin together. */
class Round {
  readonly over: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #left = 0;
  #few = -1;

  begins(): this {
    this.#left++;
    return this;
  }

  /** No more of them begin. The slowest sixteenth is not worth the others' waiting. */
  begun(): void {
    this.#few = this.#left++ / 16;
    this.ends();
  }

  ends(): void {
    if (--this.#left <= this.#few) this.over.resolve();
  }
}

/** The members of one room: all are sent the same bytes, but for what each has sent itself. */
export class Fanout {
  /** @internal How many bytes have been sent to the room. */
  end = 0;
  readonly #flow: Flow;
  readonly #members = new Set<Outbound>();
  /** The log from the first byte on that a member has still to read. */
  #pieces: Piece[] = [{ start: 0, bytes: new Bytes() }];
  #scheduled = false;
  #round: Round | undefined;
  /** What was last read of the log, and from where to where: most members read the same. */
  #shared = { from: -1, to: -1, bytes: EMPTY };

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
    this.#members.add(member);
    member.enter(this);
  }

  /** The member still gets what was sent before. */
  delete(member: Outbound): void {
    if (this.#members.delete(member)) member.exit();
  }

  /** Sends the frame that `parts` make together to every member but `except`. */
  send(parts: readonly Uint8Array[], except?: Outbound): void {
    let length = 0;
    for (const part of parts) length += part.length;
    // What is queued must be seen to be, by those who wait for readers.
    if (this.#pieces.at(-1)!.bytes.length + length > PIECE_BYTES) this.#start();
    const { bytes } = this.#pieces.at(-1)!;
    for (const part of parts) bytes.add(part);
    except?.skip(this, length);
    this.end += length;
    this.#flow.sent(length, this);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#flow.schedule(this);
  }

  /** @internal Resolves when nearly all of the writes that begin next are over. */
  round(): Promise<void> {
    return (this.#round ??= new Round()).over.promise;
  }

  /** @internal Begins the writes of all members that are not writing. */
  start(): void {
    this.#scheduled = false;
    this.#start();
  }

  #start(): void {
    const round = this.#round;
    this.#round = undefined;
    let read = this.end;
    const late: Outbound[] = [];
    for (const member of this.#members) {
      // The many first: a sender that heard its own answer first would send on before they have theirs.
      if (member.scheduled) late.push(member);
      else read = Math.min(read, member.hear(this, round));
    }
    for (const member of late) read = Math.min(read, member.hear(this, round));
    round?.begun();
    const { length } = this.#pieces.at(-1)!.bytes;
    while (this.#pieces.length > 1 && this.#pieces[1]!.start <= read) this.#pieces.shift();
    // The log of a room that has read all of it takes no memory.
    if (read === this.end) this.#pieces = [];
    else if (length < PIECE_BYTES / 2) return;
    this.#shared = { from: -1, to: -1, bytes: EMPTY };
    // The last piece is the best guess at the next one (row: 10 clients).
    const bytes = new Bytes(Math.max(64, Math.min(PIECE_BYTES, length + (length >> 3))));
    this.#pieces.push({ start: this.end, bytes });
  }

  /** @internal The bytes of the log from `from` to `to`, or to the end of a piece. */
  read(from: number, to: number): Uint8Array {
    if (from === this.#shared.from && to === this.#shared.to) return this.#shared.bytes;
    const { start, bytes } = this.#pieces.findLast((piece) => piece.start <= from)!;
    this.#shared = { from, to, bytes: bytes.view(from - start, to - start) };
    return this.#shared.bytes;
  }
}
