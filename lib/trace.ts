/**
 * `--trace FILE`: all that goes over a program's sockets, both ways, as a line of text for each read and
 * each write, for people who want to see what their own program should send.
 *
 * ```
 * 12:00:00.123 127.0.0.1:50692 <- 11 "JOIN Alice\n" 4a 4f 49 4e 20 41 6c 69 63 65 0a
 * ```
 *
 * `<-` came from the peer and `->` went to it; then the number of bytes, the text with what is not
 * printable escaped, and the bytes in hex.
 *
 * @module
 */

import { escapeControl } from "./escape.ts";
import { StartError } from "./serving.ts";

/** The trace of this process, if it keeps one: sockets are opened in many places, the file is one. */
let file: { writeSync(bytes: Uint8Array): number } | undefined;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Starts the trace of this process in a new file. Rejects with a {@linkcode StartError} when it cannot
 * be written.
 */
export async function startTrace(path: string): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "write", path });
  if (state !== "granted") {
    throw new StartError(`cannot write the trace ${path}: run it with --allow-write=${path}`);
  }
  try {
    file = await Deno.open(path, { write: true, create: true, truncate: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/\s*\(os error.*$/s, "") : error;
    throw new StartError(`cannot write the trace ${path}: ${reason}`);
  }
}

/** Traces a connection's reads and writes, where this process keeps a trace. Returns the connection. */
export function traced<Conn extends Deno.TcpConn>(conn: Conn): Conn {
  if (!file) return conn;
  const peer = name(conn.remoteAddr);
  const read = conn.read.bind(conn);
  const write = conn.write.bind(conn);
  const closeWrite = conn.closeWrite.bind(conn);
  conn.read = async (buffer) => {
    const count = await read(buffer);
    if (count === null) note(peer, "<-", "end of stream");
    else note(peer, "<-", buffer.subarray(0, count));
    return count;
  };
  conn.write = async (bytes) => {
    const count = await write(bytes);
    note(peer, "->", bytes.subarray(0, count));
    return count;
  };
  conn.closeWrite = () => {
    note(peer, "->", "end of stream");
    return closeWrite();
  };
  return conn;
}

/** Traces a socket's datagrams, where this process keeps a trace. Returns the socket. */
export function tracedDatagrams(socket: Deno.DatagramConn): Deno.DatagramConn {
  if (!file) return socket;
  const receive = socket.receive.bind(socket);
  const send = socket.send.bind(socket);
  socket.receive = async (buffer) => {
    const [bytes, from] = await receive(buffer);
    note(name(from as Deno.NetAddr), "<-", bytes);
    return [bytes, from];
  };
  socket.send = (bytes, to) => {
    note(name(to as Deno.NetAddr), "->", bytes);
    return send(bytes, to);
  };
  return socket;
}

/** One line of a trace. */
export function line(
  now: Date,
  { peer, way, what }: { peer: string; way: "<-" | "->"; what: Uint8Array | string },
): string {
  const head = `${now.toISOString().slice(11, 23)} ${peer} ${way}`;
  if (typeof what === "string") return `${head} ${what}\n`;
  const text = escapeControl(decoder.decode(what).replaceAll(/[\\"]/g, "\\$&"))
    .replaceAll("\\x0a", "\\n").replaceAll("\\x0d", "\\r");
  const hex = Array.from(what, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return `${head} ${what.length} "${text}"${hex && ` ${hex}`}\n`;
}

function note(peer: string, way: "<-" | "->", what: Uint8Array | string): void {
  try {
    file?.writeSync(encoder.encode(line(new Date(), { peer, way, what })));
  } catch {
    // A full disk ends the trace, not the program.
    file = undefined;
  }
}

function name({ hostname, port }: Deno.NetAddr): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
