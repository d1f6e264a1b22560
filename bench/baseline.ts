/**
 * What a relay costs in Deno that does nothing but relay: each chunk that it reads goes to every other
 * connection, joined with what is waiting there. No protocol, no bounds. `baseline.ts PORT [rooms]`; with
 * rooms, what a connection says first names its room.
 *
 * @module
 */

class Peer {
  readonly #conn: Deno.TcpConn;
  #waiting: Uint8Array[] = [];
  #writing = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  send(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (!this.#writing) this.#pump();
  }

  async #pump(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#waiting.length > 0) {
        let bytes = this.#waiting.length === 1 ? this.#waiting[0]! : concat(this.#waiting);
        this.#waiting = [];
        while (bytes.length > 0) bytes = bytes.subarray(await this.#conn.write(bytes));
      }
    } catch {
      // Its reading side ends it.
    }
    this.#writing = false;
  }
}

function concat(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const rooms = new Map<string, Set<Peer>>();

/** The members of a room, which is made when it is first named. */
function members(room: string): Set<Peer> {
  const peers = rooms.get(room) ?? new Set();
  rooms.set(room, peers);
  return peers;
}

async function relay(conn: Deno.TcpConn, asked: boolean): Promise<void> {
  conn.setNoDelay(true);
  const self = new Peer(conn);
  const buffer = new Uint8Array(asked ? 1024 : 65536);
  let peers = new Set<Peer>();
  try {
    const named = asked ? await conn.read(buffer) ?? 0 : 0;
    peers = members(new TextDecoder().decode(buffer.subarray(0, named)));
    peers.add(self);
    for (let n; (n = await conn.read(buffer)) !== null;) {
      const bytes = buffer.slice(0, n);
      for (const peer of peers) if (peer !== self) peer.send(bytes);
    }
    conn.close();
  } catch {
    // Reset.
  }
  peers.delete(self);
}

if (import.meta.main) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
  for await (const conn of listener) relay(conn, Deno.args[1] === "rooms");
}
