/**
 * The check's own ends of conversations: a TCP connection that writes and reads literal bytes, a
 * listener that stands in for a server, and a UDP socket.
 *
 * @module
 */

import { bytes, concat } from "./bytes.ts";
import { Failure } from "./case.ts";
import { type Expect, Inbox, type Watch } from "./inbox.ts";

/** What a peer needs of its case. */
export interface PeerWatch extends Watch {
  /** Tells of bytes that were sent, and how. */
  readonly sent: (who: string, data: Uint8Array, how: string) => void;
  /** Tells of something else that a peer did: closed, reset. */
  readonly did: (who: string, what: string) => void;
  /** Cuts what is written into pieces with pauses, where faults are asked for. */
  readonly faults?: (data: Uint8Array) => { piece: Uint8Array; pause: number }[];
}

/** The few things that a TCP connection must be able to do. */
export interface Wire {
  read(into: Uint8Array): Promise<number | null>;
  write(data: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  reset?(): void;
  readonly localPort: number;
}

/** A wire over a connection of Deno's. */
export function wireOf(conn: Deno.TcpConn): Wire {
  conn.setNoDelay(true);
  return {
    read: (into) => conn.read(into),
    write: (data) => conn.write(data),
    closeWrite: () => conn.closeWrite(),
    close: () => conn.close(),
    localPort: conn.localAddr.port,
  };
}

/** Pause between pieces that are to arrive apart, in milliseconds. */
const APART_MS = 20;
/** Silence behind a request that has no end of its own, in milliseconds. */
const BARE_MS = 100;

/** One TCP connection of the check's own, with a name for the dialogue. */
export class Peer {
  /** Its name in the dialogue. */
  readonly name: string;
  /** What came over it. */
  readonly inbox: Inbox;
  /** What `says` puts behind a text; "" where the program takes one write for one request. */
  end = "\n";
  readonly #wire: Wire;
  readonly #watch: PeerWatch;
  #pumping: Promise<void> | undefined;
  #closed = false;
  #saidAt = -Infinity;
  #heardBy = 0;

  /** Takes a connection over; one that is not `reading` leaves what comes to the kernel. */
  constructor(name: string, wire: Wire, watch: PeerWatch, { reading = true } = {}) {
    this.name = name;
    this.inbox = new Inbox(name, watch);
    this.#wire = wire;
    this.#watch = watch;
    if (reading) this.reads();
  }

  /** The port of this end. */
  get port(): number {
    return this.#wire.localPort;
  }

  /** Begins to read, where it was not reading yet. */
  reads(): void {
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const n = await this.#wire.read(buffer);
        if (n === null) return this.inbox.end("FIN");
        this.inbox.add(buffer.slice(0, n));
      }
    } catch (error) {
      if (!this.#closed) this.inbox.end(error instanceof Error ? reset(error) : "lost");
    }
  }

  /** Sends all of it in one write. */
  async sends(data: string | Uint8Array): Promise<void> {
    const all = bytes(data);
    const cut = this.#watch.faults?.(all);
    if (!cut) return await this.#write(all, "one write");
    for (const { piece, pause } of cut) {
      await this.#write(piece, "a piece");
      await sleep(pause);
    }
  }

  /** Sends a request of text: with its line end, or bare where the program takes a write for a request. */
  async says(text: string | Uint8Array): Promise<void> {
    // Two requests that arrive as one are a case of their own, and nothing that others may stumble over.
    const early = this.#saidAt + APART_MS - performance.now();
    if (early > 0 && this.inbox.total === this.#heardBy) await sleep(early);
    this.#saidAt = performance.now();
    this.#heardBy = this.inbox.total;
    await this.sends(concat([bytes(text), bytes(this.end)]));
    if (this.end === "") await sleep(BARE_MS);
  }

  /** Sends it in pieces of these sizes, the last size again and again, each apart from the next. */
  async drips(
    data: string | Uint8Array,
    { sizes = [1], apart = APART_MS }: { sizes?: readonly number[]; apart?: number } = {},
  ): Promise<void> {
    const all = bytes(data);
    let at = 0;
    for (let i = 0; at < all.length; i++) {
      const size = sizes[Math.min(i, sizes.length - 1)]!;
      await this.#write(all.subarray(at, at + size), "a piece");
      at += size;
      if (at < all.length) await sleep(apart);
    }
  }

  async #write(data: Uint8Array, how: string): Promise<void> {
    this.#watch.sent(this.name, data, how);
    try {
      let rest = data;
      while (rest.length > 0) rest = rest.subarray(await this.#wire.write(rest));
    } catch {
      // The program has closed; what was expected of it is missed by the next expectation.
      this.inbox.end("RST");
    }
  }

  /** Waits until the text has come. */
  async hears(text: string, expect?: Expect): Promise<string> {
    this.reads();
    return await this.inbox.contains(text, expect);
  }

  /** Waits until all texts have come, in any order. */
  async hearsAll(texts: readonly string[], expect?: Expect): Promise<void> {
    this.reads();
    await this.inbox.containsAll(texts, expect);
  }

  /** Waits until a whole line is this text. */
  async hearsLine(text: string, expect?: Expect): Promise<string> {
    this.reads();
    return await this.inbox.line(text, expect);
  }

  /** Waits for exactly these bytes, nothing before them. */
  async hearsExactly(data: string | Uint8Array, expect?: Expect): Promise<void> {
    this.reads();
    await this.inbox.exactly(data, expect);
  }

  /** Waits until something matches. */
  async hearsMatch(
    pattern: RegExp,
    expect?: Expect & { as?: string },
  ): Promise<RegExpExecArray> {
    this.reads();
    return await this.inbox.matches(pattern, expect);
  }

  /** Waits for that many bytes, and takes them. */
  async hearsBytes(length: number, expect?: Expect): Promise<Uint8Array> {
    this.reads();
    return await this.inbox.bytes(length, expect);
  }

  /** Waits for the sentinel, and fails when one of the texts (or anything) came before it. */
  async hearsNot(
    unwanted: string | readonly string[] | undefined,
    expect: Expect & { before: string },
  ): Promise<void> {
    this.reads();
    await this.inbox.lacks(unwanted, expect);
  }

  /** Waits until the program closes this connection, by FIN or RST. */
  async hearsEnd(expect?: Expect): Promise<string> {
    this.reads();
    return await this.inbox.closed(expect);
  }

  /** Fails when the program has closed this connection. */
  open(): void {
    const how = this.inbox.ended;
    if (how === undefined) return;
    throw new Failure(`the connection of ${this.name} to stay open, and it was closed (${how})`, {
      where: this.name,
      got: this.inbox.all,
    });
  }

  /** Sends FIN, and goes on reading. */
  async halfCloses(): Promise<void> {
    this.#watch.did(this.name, "sends FIN, still reads");
    await this.#wire.closeWrite().catch(() => {});
  }

  /** Closes with FIN, as a program does that ends. */
  async closes(): Promise<void> {
    if (this.#closed) return;
    this.#watch.did(this.name, "closes (FIN)");
    // Closing over unread bytes would be an RST: FIN first, and a moment for it.
    await this.#wire.closeWrite().catch(() => {});
    this.#shut(() => this.#wire.close());
  }

  /** Closes with RST, as a program does that crashes. */
  resets(): void {
    this.#watch.did(this.name, "resets (RST)");
    this.#shut(() => (this.#wire.reset ?? this.#wire.close)());
  }

  /** Ends the connection, without a word, at the end of a case. */
  dispose(): void {
    if (!this.#closed) this.#shut(() => this.#wire.close());
  }

  #shut(close: () => void): void {
    this.#closed = true;
    try {
      close();
    } catch {
      // It was closed already.
    }
  }
}

function reset(error: Error): string {
  return error instanceof Deno.errors.ConnectionReset || /reset/i.test(error.message)
    ? "RST"
    : error.message;
}

/** Resolves after `ms`: for what must arrive apart, never to prove that nothing comes. */
export function sleep(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Connects to a port so that the connection can be reset: `node:net` is the only one that has a word for
 * it.
 */
export async function resettable(host: string, port: number): Promise<Wire> {
  const { connect } = await import("node:net");
  const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  const chunks: Uint8Array[] = [];
  let ended: Error | true | undefined;
  let wake = () => {};
  socket.on("data", (chunk: Uint8Array) => (chunks.push(chunk), wake()));
  socket.on("end", () => (ended ??= true, wake()));
  socket.on("error", (error: Error) => (ended ??= error, wake()));
  socket.on("close", () => (ended ??= true, wake()));
  return {
    localPort: socket.localPort!,
    async read(into) {
      while (chunks.length === 0 && ended === undefined) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      const chunk = chunks.shift();
      if (chunk === undefined) {
        if (ended === true) return null;
        throw ended;
      }
      if (chunk.length > into.length) chunks.unshift(chunk.subarray(into.length));
      const part = chunk.subarray(0, into.length);
      into.set(part);
      return part.length;
    },
    write: (data) =>
      new Promise((resolve, reject) =>
        socket.write(data.slice(), (error) => error ? reject(error) : resolve(data.length))
      ),
    closeWrite: () => new Promise((resolve) => socket.end(() => resolve())),
    close: () => void socket.destroy(),
    reset: () => void socket.resetAndDestroy(),
  };
}

/** A listener that stands in for a server. */
export class FakeServer {
  /** The port that it listens on. */
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #watch: PeerWatch;
  readonly #peers: Peer[] = [];
  readonly #waiting: Deno.TcpConn[] = [];
  #wake: () => void = () => {};

  /** Takes a listener over, and accepts from now on. */
  constructor(listener: Deno.TcpListener, watch: PeerWatch) {
    this.#listener = listener;
    this.#watch = watch;
    this.port = listener.addr.port;
    this.#accept();
  }

  async #accept(): Promise<void> {
    try {
      for (;;) {
        this.#waiting.push(await this.#listener.accept());
        this.#wake();
      }
    } catch {
      // The listener was closed.
    }
  }

  /** How many connections came that `accepts` has not given out yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for the next connection, and names it. One that is not `reading` leaves what comes unread, so
   * that closing it is an RST.
   */
  async accepts(
    name: string,
    { within = this.#watch.deadline, reading = true, hint }: Expect & { reading?: boolean } = {},
  ): Promise<Peer> {
    const limit = performance.now() + within;
    while (this.#waiting.length === 0) {
      const left = limit - performance.now();
      if (left <= 0) {
        throw new Failure("a connection", {
          where: `the fake server on port ${this.port}`,
          waited: within,
          ...hint ? { hint } : {},
        });
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
    const peer = new Peer(name, wireOf(this.#waiting.shift()!), this.#watch, { reading });
    this.#watch.did(name, "is connected");
    this.#peers.push(peer);
    return peer;
  }

  /** Listens no more; connections stay. */
  stops(): void {
    try {
      this.#listener.close();
    } catch {
      // It was closed already.
    }
  }

  /** Ends it and its connections. */
  dispose(): void {
    this.stops();
    for (const peer of this.#peers) peer.dispose();
    for (const conn of this.#waiting) conn.close();
  }
}

/** A datagram and where it came from. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly from: Deno.NetAddr;
}

/** A UDP socket of the check's own. Every datagram is a message; texts are looked for in each apart. */
export class UdpPeer {
  /** Its name in the dialogue. */
  readonly name: string;
  /** The port of this end. */
  readonly port: number;
  /** Everything that came, in order. */
  readonly all: Datagram[] = [];
  /** Where `sends` sends to; a fake server answers the last sender where nothing else is set. */
  to: Deno.NetAddr | undefined;
  readonly #socket: Deno.DatagramConn;
  readonly #watch: PeerWatch;
  #next = 0;
  #wake: () => void = () => {};
  #closed = false;

  /** Takes a socket over, and reads from now on. */
  constructor(name: string, socket: Deno.DatagramConn, watch: PeerWatch) {
    this.name = name;
    this.#socket = socket;
    this.#watch = watch;
    this.port = (socket.addr as Deno.NetAddr).port;
    this.#pump();
  }

  async #pump(): Promise<void> {
    while (!this.#closed) {
      try {
        const [data, from] = await this.#socket.receive(new Uint8Array(65_536));
        this.all.push({ data: data.slice(), from: from as Deno.NetAddr });
        this.#watch.arrived(this.name, data.slice());
        this.#wake();
      } catch (error) {
        if (this.#closed || error instanceof Deno.errors.BadResource) return;
      }
    }
  }

  /** Sends one datagram, to `to` or to the sender of the last that came. */
  async sends(data: string | Uint8Array, to?: Deno.NetAddr): Promise<void> {
    const target = to ?? this.to ?? this.all.at(-1)?.from;
    if (!target) throw new Error(`${this.name} does not know where to send`);
    this.#watch.sent(this.name, bytes(data), "one datagram");
    await this.#socket.send(bytes(data), target).catch(() => {});
  }

  /** Waits for the next datagram, and takes it. */
  async takes({ within = this.#watch.deadline, hint }: Expect = {}): Promise<Datagram> {
    return await this.#take(() => true, {
      expected: "a datagram",
      within,
      ...hint ? { hint } : {},
    });
  }

  /** Waits until a datagram is exactly this text; those before it are skipped. */
  async hears(text: string, expect: Expect = {}): Promise<Datagram> {
    let near: Datagram | undefined;
    const found = await this.#take(({ data }) => {
      const got = latinText(data);
      if (got === text) return true;
      if (same(got, text, expect)) near = { data, from: this.all.at(-1)!.from };
      return near !== undefined;
    }, { expected: `the datagram ${JSON.stringify(text)}`, ...expect });
    if (near) {
      this.#watch.remark(
        `${this.name}: ${JSON.stringify(latinText(found.data))} where the document has ${
          JSON.stringify(text)
        }`,
      );
    }
    return found;
  }

  /** Waits until a datagram contains the text; those before it are skipped. */
  async hearsWith(text: string, expect: Expect = {}): Promise<Datagram> {
    return await this.#take(({ data }) => latinText(data).includes(text), {
      expected: `a datagram with ${JSON.stringify(text)}`,
      ...expect,
    });
  }

  /** Waits for the sentinel, and fails when a datagram with one of the texts (or any) came before it. */
  async hearsNot(
    unwanted: string | readonly string[] | undefined,
    { before, ...expect }: Expect & { before: string },
  ): Promise<void> {
    const start = this.#next;
    await this.hearsWith(before, expect);
    const texts = unwanted === undefined ? undefined : [unwanted].flat();
    for (const { data } of this.all.slice(start, this.#next - 1)) {
      const got = latinText(data);
      if (texts && !texts.some((each) => got.includes(each))) continue;
      throw new Failure(
        texts
          ? `no ${texts.map((each) => JSON.stringify(each)).join(" or ")} here`
          : "nothing here",
        { where: this.name, got: data, mark: 0, ...expect.hint ? { hint: expect.hint } : {} },
      );
    }
  }

  /** Forgets what has come so far. */
  skip(): void {
    this.#next = this.all.length;
  }

  async #take(
    test: (datagram: Datagram) => boolean,
    { expected, within = this.#watch.deadline, hint }: Expect & { expected: string },
  ): Promise<Datagram> {
    const limit = performance.now() + within;
    for (let at = this.#next;;) {
      for (; at < this.all.length; at++) {
        if (!test(this.all[at]!)) continue;
        this.#next = at + 1;
        return this.all[at]!;
      }
      const left = limit - performance.now();
      if (left <= 0) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
    throw new Failure(expected, {
      where: this.name,
      got: concat(this.all.slice(this.#next).map(({ data }) => data)),
      mark: 0,
      waited: within,
      ...hint ? { hint } : {},
    });
  }

  /** Closes the socket: whatever is sent here from now on is for nobody. */
  dispose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}

function latinText(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** Whether two texts differ only in letter case, in CR, or in blanks and line ends at the end. */
function same(got: string, text: string, { strictCase }: Expect): boolean {
  const plain = (each: string) => {
    const trimmed = each.replace(/\r/g, "").trimEnd();
    return strictCase ? trimmed : trimmed.toLowerCase();
  };
  return plain(got) === plain(text);
}
