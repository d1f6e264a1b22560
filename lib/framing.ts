/**
 * Framing: from the bytes that a connection happens to deliver to whole frames, before any text is
 * decoded. A splitter is pure and holds what is incomplete; {@linkcode frames} reads a connection
 * through one.
 *
 * @module
 */

const LF = 0x0a;
const CR = 0x0d;
const EMPTY: Uint8Array = new Uint8Array();

/** The least that a link carries at once: shorter reads are not the first part of a longer write. */
export const SEGMENT_BYTES = 536;

/** What {@linkcode frames} reads from. */
export interface Source {
  /** Reads into the buffer: how many bytes, or null at the end of the stream. */
  read(buffer: Uint8Array): Promise<number | null>;
}

/** Splits a stream of bytes into frames, and holds the incomplete rest. */
export interface Splitter<Frame> {
  /** Takes the next bytes and returns the frames they complete; these may be views of the bytes. */
  push(bytes: Uint8Array): Frame[];
  /** For how many ms of silence to wait before `silence` is called, or undefined: not at all. */
  readonly patienceMs: number | undefined;
  /** Returns what counts as a frame because nothing has followed for `patienceMs`. */
  silence(): Frame[];
  /** Returns what counts as a frame because the stream has ended. */
  end(): Frame[];
  /** Set once the stream cannot be followed further; `push` returns no frame from there on. */
  readonly error: Error | undefined;
}

/** The peer sent more than the limit without ending its frame; the stream cannot be followed further. */
export class FrameTooLongError extends Error {
  /** The class, for messages. */
  override readonly name = "FrameTooLongError";
  /** A refusal that names `limit`, in bytes. */
  constructor(readonly limit: number) {
    super(`no line end within ${limit} bytes`);
  }
}

/** How a {@linkcode LineSplitter} reads lines. */
export interface LineOptions {
  /** Bytes without a line end after which `push` throws a {@linkcode FrameTooLongError}. */
  maxBytes: number;
  /**
   * Silence in ms after which bytes without a line end count as a line, for peers that write none.
   * Undefined: never.
   */
  bareMs?: number | undefined;
  /** False: bare lines are taken even from a peer that has sent a line end. Default true. */
  strict?: boolean;
}

/**
 * Lines that end in LF or CRLF, returned without their end. A peer that has once sent a line end is
 * held to lines. An unfinished line at the end of the stream is returned only to such as send none.
 */
export class LineSplitter implements Splitter<Uint8Array> {
  readonly #options: LineOptions;
  readonly #rest: Accumulator = new Accumulator();
  #terminated = false;
  #error: FrameTooLongError | undefined;

  /** A splitter for one stream. */
  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** Whether the peer has sent a line end so far. */
  get terminated(): boolean {
    return this.#terminated;
  }

  /** A {@linkcode FrameTooLongError} once the peer has sent too much without a line end. */
  get error(): FrameTooLongError | undefined {
    return this.#error;
  }

  /** See {@linkcode LineOptions.bareMs}: counts while bare bytes wait. */
  get patienceMs(): number | undefined {
    return this.#rest.length > 0 && this.#bare ? this.#options.bareMs : undefined;
  }

  get #bare(): boolean {
    return !this.#terminated || this.#options.strict === false;
  }

  /** Returns the lines that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let from = 0;
    // Only the new bytes are searched, so that a long line costs no more for arriving in pieces.
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      if (this.#tooLong(at - from)) return lines;
      const line = this.#rest.take(bytes.subarray(from, at));
      lines.push(line.at(-1) === CR ? line.subarray(0, -1) : line);
      this.#terminated = true;
      from = at + 1;
    }
    if (from < bytes.length && !this.#tooLong(bytes.length - from)) {
      this.#rest.add(bytes.subarray(from));
    }
    return lines;
  }

  /** Returns the bare line that waits, if any. */
  silence(): Uint8Array[] {
    return this.#rest.length > 0 && this.#bare ? [this.#rest.take()] : [];
  }

  /** As `silence`: the unfinished line of a peer that writes line ends is dropped. */
  end(): Uint8Array[] {
    return this.#options.bareMs === undefined ? [] : this.silence();
  }

  #tooLong(more: number): boolean {
    const { maxBytes } = this.#options;
    if (this.#error === undefined && this.#rest.length + more > maxBytes) {
      this.#error = new FrameTooLongError(maxBytes);
      this.#rest.take();
    }
    return this.#error !== undefined;
  }
}

/** Frames of always the same size in bytes. What is left of one at the end of the stream is dropped. */
export class FixedSplitter implements Splitter<Uint8Array> {
  /** Silence completes no frame. */
  readonly patienceMs: undefined = undefined;
  /** Any bytes make frames. */
  readonly error: undefined = undefined;
  readonly #size: number;
  // Made when a frame first comes in pieces: most never do.
  #rest: Uint8Array = EMPTY;
  #filled = 0;

  /** A splitter for frames of `size` bytes. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Bytes of the frame that is not complete yet. */
  get pending(): number {
    return this.#filled;
  }

  /** Returns the frames that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let from = 0;
    if (this.#filled > 0) {
      from = Math.min(this.#size - this.#filled, bytes.length);
      this.#rest.set(bytes.subarray(0, from), this.#filled);
      this.#filled += from;
      if (this.#filled < this.#size) return frames;
      frames.push(this.#rest.slice());
      this.#filled = 0;
    }
    for (; bytes.length - from >= this.#size; from += this.#size) {
      frames.push(bytes.subarray(from, from + this.#size));
    }
    this.#filled = bytes.length - from;
    if (this.#filled > 0) {
      if (this.#rest.length === 0) this.#rest = new Uint8Array(this.#size);
      this.#rest.set(bytes.subarray(from));
    }
    return frames;
  }

  /** A half frame is none. */
  silence(): Uint8Array[] {
    return [];
  }

  /** A half frame is none. */
  end(): Uint8Array[] {
    return [];
  }
}

// An idle member is read with so little; who fills it is given more until it has long needed less.
const MIN_READ = SEGMENT_BYTES;
const SMALL_READS = 256;
const MAX_READ = 65536;

/**
 * Reads `source` through `splitter` and yields the frames of each read together. A frame's bytes are
 * valid until the next batch is asked for. Ends at the end of the stream; rejects with the read's own
 * error, or with the splitter's.
 */
export async function* frames<Frame>(
  source: Source,
  splitter: Splitter<Frame>,
): AsyncGenerator<Frame[], void, void> {
  let buffer = new Uint8Array(MIN_READ);
  let small = 0;
  for (;;) {
    const reading = source.read(buffer);
    const patience = splitter.patienceMs;
    if (patience !== undefined && !await settles(reading, patience)) {
      const batch = splitter.silence();
      if (batch.length > 0) yield batch;
    }
    const count = await reading;
    if (count === null) break;
    const batch = splitter.push(buffer.subarray(0, count));
    if (batch.length > 0) yield batch;
    if (splitter.error) throw splitter.error;
    if (count === buffer.length && count < MAX_READ) buffer = new Uint8Array(count * 4);
    small = count < MIN_READ ? small + 1 : 0;
    if (small === SMALL_READS && buffer.length > MIN_READ) buffer = new Uint8Array(MIN_READ);
  }
  const batch = splitter.end();
  if (batch.length > 0) yield batch;
}

/** Whether `promise` settles within `ms`. */
async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true, () => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Bytes put together from pieces, in a buffer that grows by doubling. */
class Accumulator {
  #buffer: Uint8Array = EMPTY;
  length = 0;

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(64, length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.length);
    this.length = length;
  }

  /** Returns all of it with `end` behind, and starts anew. */
  take(end: Uint8Array = EMPTY): Uint8Array {
    if (this.length === 0) return end;
    this.add(end);
    const all = this.#buffer.subarray(0, this.length);
    this.#buffer = EMPTY;
    this.length = 0;
    return all;
  }
}
