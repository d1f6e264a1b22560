/**
 * From bytes to whole frames, whatever a protocol's frames are. Text is decoded above this layer, once for
 * each frame.
 *
 * @module
 */

const LF = 0x0a;
const CR = 0x0d;
const EMPTY: Uint8Array = new Uint8Array();

/** Bytes put together from pieces, in a buffer that grows by doubling. */
export class Bytes {
  readonly #least: number;
  #buffer: Uint8Array = EMPTY;
  #length = 0;

  /** None yet; the first takes a buffer of `least` bytes. */
  constructor(least = 64) {
    this.#least = least;
  }

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** Appends a copy of `bytes`. What `view` and `take` have returned stays as it was. */
  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#least, length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  /** The bytes from `from` to `to`, or to the last one, without a copy. */
  view(from = 0, to: number = this.#length): Uint8Array {
    return this.#buffer.subarray(from, Math.min(to, this.#length));
  }

  /** Forgets the first `count` bytes. */
  drop(count: number): void {
    if (count === 0) return;
    this.#buffer = this.#buffer.slice(count, this.#length);
    this.#length = this.#buffer.length;
  }

  /** Returns all of it with `end` behind, without a copy where it can, and starts anew. */
  take(end: Uint8Array = EMPTY): Uint8Array {
    if (this.#length === 0) return end;
    this.add(end);
    const all = this.view();
    this.#buffer = EMPTY;
    this.#length = 0;
    return all;
  }
}

/** Splits a stream of bytes into frames, and holds the incomplete rest. */
export interface Splitter<Frame> {
  /**
   * Takes the next bytes and returns the frames they complete, which may be views of the bytes. With
   * `most` it may stop after so many frames and set `taken`.
   */
  push(bytes: Uint8Array, most?: number): Frame[];
  /** How many of the bytes the last `push` took; the others MUST be pushed again. Undefined: all. */
  readonly taken?: number | undefined;
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
  /** Bytes without a line end after which `error` is a {@linkcode FrameTooLongError}. */
  maxBytes: number;
  /** Silence in ms after which bytes without a line end count as a line. Undefined: never. */
  bareMs?: number | undefined;
  /** False: bare lines are taken even from a peer that has sent a line end. Default true. */
  strict?: boolean;
}

/**
 * Lines that end in LF or CRLF, returned without their end. A peer that has once sent a line end is held
 * to lines: the part of a line that it leaves unfinished at its end is dropped. The unfinished line of a
 * peer that writes no line ends counts.
 */
export class LineSplitter implements Splitter<Uint8Array> {
  /** A {@linkcode FrameTooLongError} once the peer has sent too much without a line end. */
  error: FrameTooLongError | undefined;
  /** Whether the peer has sent a line end so far. */
  terminated = false;
  /** See {@linkcode Splitter}. */
  taken = 0;
  readonly #options: LineOptions;
  readonly #rest: Bytes = new Bytes();

  /** A splitter for one stream. */
  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** See {@linkcode LineOptions.bareMs}: counts while bare bytes wait. */
  get patienceMs(): number | undefined {
    return this.#waitsBare ? this.#options.bareMs : undefined;
  }

  /** What waits without a line end; a view until the next `push`. */
  get waiting(): Uint8Array {
    return this.#rest.view();
  }

  get #waitsBare(): boolean {
    return this.#rest.length > 0 && (!this.terminated || this.#options.strict === false);
  }

  /** Returns the lines that `bytes` complete. */
  push(bytes: Uint8Array, most = Infinity): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let from = 0;
    // Only the new bytes are searched, so that a long line costs no more for arriving in pieces.
    while (from < bytes.length) {
      const at = bytes[from] === LF ? from : bytes.indexOf(LF, from);
      if (at === -1) break;
      if (lines.length === most || this.#tooLong(at - from)) break;
      // An empty line is no view: peers that send nothing else would fill the memory with them.
      const line = this.#rest.take(at > from ? bytes.subarray(from, at) : EMPTY);
      lines.push(line[line.length - 1] === CR ? line.subarray(0, -1) : line);
      this.terminated = true;
      from = at + 1;
    }
    this.taken = lines.length === most ? from : bytes.length;
    const rest = bytes.subarray(from, this.taken);
    if (rest.length > 0 && !this.#tooLong(rest.length)) this.#rest.add(rest);
    return lines;
  }

  /** Returns the bare line that waits, if any. */
  silence(): Uint8Array[] {
    return this.#waitsBare ? [this.#rest.take()] : [];
  }

  /** As `silence`, where bare lines are taken at all. */
  end(): Uint8Array[] {
    return this.#options.bareMs === undefined ? [] : this.silence();
  }

  #tooLong(more: number): boolean {
    const { maxBytes } = this.#options;
    if (!this.error && this.#rest.length + more > maxBytes) {
      this.error = new FrameTooLongError(maxBytes);
      this.#rest.take();
    }
    return this.error !== undefined;
  }
}

/** How a {@linkcode FixedSplitter} tells of a peer that sends a part of a frame and falls silent. */
export interface Unfinished {
  /** The silence in ms. */
  afterMs: number;
  /** Called with the bytes of the frame so far. */
  tell(bytes: number): void;
}

/** Frames of always the same size in bytes. What is left of one at the end of the stream is dropped. */
export class FixedSplitter implements Splitter<Uint8Array> {
  /** Any bytes make frames. */
  readonly error: undefined = undefined;
  readonly #size: number;
  readonly #unfinished: Unfinished | undefined;
  readonly #rest: Bytes;

  /** A splitter for frames of `size` bytes. */
  constructor(size: number, unfinished?: Unfinished) {
    this.#size = size;
    this.#rest = new Bytes(size);
    this.#unfinished = unfinished;
  }

  /** Silence completes no frame: it is only told of. */
  get patienceMs(): number | undefined {
    return this.pending > 0 ? this.#unfinished?.afterMs : undefined;
  }

  /** Bytes of the frame that is not complete yet. */
  get pending(): number {
    return this.#rest.length;
  }

  /** Returns the frames that `bytes` complete. */
  push(bytes: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let from = 0;
    for (let to; (to = from + this.#size - this.pending) <= bytes.length; from = to) {
      frames.push(this.#rest.take(bytes.subarray(from, to)));
    }
    if (from < bytes.length) this.#rest.add(bytes.subarray(from));
    return frames;
  }

  /** A half frame is none. */
  silence(): Uint8Array[] {
    this.#unfinished?.tell(this.pending);
    return [];
  }

  /** A half frame is none. */
  end(): Uint8Array[] {
    return [];
  }
}
