/**
 * Nobody who watches a server can stop it: its standard output, its standard error and its trace may be
 * pipes that are never read. A server whose streams are read is the control in each test.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { deadline, Peer } from "./helpers.ts";

const LISTS = 60_000;
const UNREGISTERED = 'Unregistered User. Use "JOIN <username>" to Register.\n';
/** From the signal to the end of the process, in ms: what spec.md promises. */
const END_MS = 5000;

/** A relay server whose output is read by nobody (or, as the control, thrown away). */
class Watched implements AsyncDisposable {
  readonly port: number;
  readonly child: Deno.ChildProcess;

  readonly #read: boolean;

  private constructor(child: Deno.ChildProcess, port: number, read: boolean) {
    this.child = child;
    this.port = port;
    this.#read = read;
  }

  static async start(args: string[], { read }: { read: boolean }): Promise<Watched> {
    // The port is asked for by number: nobody reads the line that would tell another one.
    const held = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = held.addr;
    held.close();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "server.ts", "relay", String(port), ...args],
      cwd: new URL("../", import.meta.url),
      stdin: "null",
      stdout: read ? "null" : "piped",
      stderr: read ? "null" : "piped",
    }).spawn();
    const watched = new Watched(child, port, read);
    await watched.connect().then((peer) => peer.close());
    return watched;
  }

  /** Connects once the server listens. */
  async connect(): Promise<Peer> {
    for (;;) {
      try {
        return await Peer.connect(this.port);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** A stranger asks so often that the lines about it fill every pipe; each time it is answered. */
  async flood(): Promise<void> {
    using peer = await this.connect();
    const batch = "LIST\n".repeat(1000);
    const answered = this.#count(peer, UNREGISTERED.length * LISTS);
    for (let sent = 0; sent < LISTS; sent += 1000) await peer.send(batch);
    await deadline(answered, "the answers to the flood");
  }

  async #count(peer: Peer, bytes: number): Promise<void> {
    const buffer = new Uint8Array(65536);
    for (let got = 0; got < bytes;) {
      const count = await peer.conn.read(buffer);
      if (count === null) throw new Error(`${got} of ${bytes} bytes were answered`);
      got += count;
    }
  }

  /** A newcomer is served, and leaves. */
  async serves(name: string): Promise<void> {
    using peer = await this.connect();
    await peer.send(`JOIN ${name}\n`);
    await peer.expect(`${name} joined!Connected to server!\n`);
  }

  /** One SIGTERM; resolves to the exit code and the time it took in ms. */
  async terminate(): Promise<{ code: number; ms: number }> {
    const since = performance.now();
    this.child.kill("SIGTERM");
    const { code } = await deadline(this.child.status, "the end of the server");
    return { code, ms: performance.now() - since };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.child.status;
    if (this.#read) return;
    await this.child.stdout.cancel();
    await this.child.stderr.cancel();
  }
}

for (const read of [true, false]) {
  const whose = read ? "read by somebody" : "read by nobody";
  Deno.test(`a server whose output is ${whose} serves on, and one SIGTERM ends it`, async () => {
    await using server = await Watched.start([], { read });
    await server.flood();
    await server.serves("Al");
    const { code, ms } = await server.terminate();
    assertEquals(code, 0);
    assert(ms < END_MS, `it took ${ms} ms`);
  });
}

Deno.test("a server whose notes and trace fill a pipe that nobody reads serves on and ends", async () => {
  await using server = await Watched.start(["--trace", "-"], { read: false });
  using stranger = await server.connect();
  // Each is a line for the trace and, escaped, four characters for each of its bytes.
  for (let n = 0; n < 200; n++) {
    await stranger.send(`JOIN ${"\x01".repeat(4000)}\n`);
    await stranger.line();
  }
  await server.serves("Bo");
  const { code, ms } = await server.terminate();
  assertEquals(code, 0);
  assert(ms < END_MS, `it took ${ms} ms`);
});
