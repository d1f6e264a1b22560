/**
 * The ways to a server in a long test: a connection, or a socket for datagrams.
 *
 * @module
 */

import { type Splitter, tryClose } from "../../lib/net.ts";
import { bytes, Peer, text } from "../../tests/helpers.ts";

/** A way to a server and back. */
export interface Line {
  /** Sends it as one frame. */
  send(data: string): Promise<void>;
  /** Ends our side only; resolves when the server has ended its own. */
  end(): Promise<void>;
  /** Closes it. */
  close(): void;
}

/** What happens on a way. */
export interface Events {
  /** A frame has come; blanks at its end are cut. */
  frame(frame: string): void;
  /** The server has ended it, or it was closed. */
  end(): void;
}

/** Opens a connection. */
export async function openStream(
  port: number,
  { splitter, on }: { splitter: Splitter<Uint8Array>; on: Events },
): Promise<Line> {
  const peer = await Peer.connect(port);
  const ended = (async () => {
    const buffer = new Uint8Array(65536);
    try {
      for (let n; (n = await peer.conn.read(buffer)) !== null;) {
        for (const each of splitter.push(buffer.subarray(0, n))) on.frame(text(each).trimEnd());
      }
    } catch {
      // Closed by ourselves, or reset, which is an end like any other.
    }
    on.end();
  })();
  let sent = Promise.resolve();
  return {
    send: (data) => sent = sent.then(() => peer.send(data)),
    end: async () => {
      await sent.then(() => peer.halfClose()).catch(() => {});
      await ended;
    },
    close: () => peer.close(),
  };
}

/** Opens a socket for datagrams, each of them a frame; `bye` is said when it is closed. */
export function openDatagrams(port: number, { bye, on }: { bye?: string; on: Events }): Line {
  const socket = listenDatagrams();
  // One after the other: the runtime does not keep several sends in order when it is busy.
  let sent = Promise.resolve();
  const send = (data: string) => sent = sent.then(() => sendDatagram(socket, { port, data }));
  (async () => {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const [data, from] = await socket.receive(buffer);
        // This port may have been another's, to whom somebody still sends.
        if ((from as Deno.NetAddr).port === port) on.frame(text(data).trimEnd());
      }
    } catch {
      // Closed by ourselves.
    }
  })();
  return {
    send,
    end: () => Promise.resolve(),
    close: () => void (bye ? send(bye) : Promise.resolve()).finally(() => tryClose(socket)),
  };
}

/** A socket on a free port. */
export function listenDatagrams(): Deno.DatagramConn {
  return Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
}

/** Sends to a port of this machine. */
export async function sendDatagram(
  socket: Deno.DatagramConn,
  { port, data }: { port: number; data: string | Uint8Array },
): Promise<void> {
  await socket.send(bytes(data), { transport: "udp", hostname: "127.0.0.1", port });
}
