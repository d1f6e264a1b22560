/**
 * What Deno itself can do with datagrams: a relay that takes a `sendto` for one client, and all else for
 * everybody but its sender. It checks nothing, bounds nothing and prints nothing. `udp_baseline.ts PORT`.
 *
 * @module
 */

if (import.meta.main) {
  const decoder = new TextDecoder();
  const port = Number(Deno.args[0]);
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port });
  const clients = new Map<string, Deno.Addr>();
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const [view, from] = await socket.receive(buffer);
    // Sending is not waited for, so the next datagram must not come into the same bytes.
    const bytes = view.slice();
    const [first, second] = decoder.decode(bytes.subarray(0, 32)).split(/[ :]/, 2);
    if (first === "sendto") {
      socket.send(bytes, clients.get(second!)!);
    } else if (first === "register" || second === "join") {
      clients.set(first === "register" ? second! : first!, from);
      socket.send(new TextEncoder().encode("welcome, Welcome"), from);
    } else {
      for (const [name, each] of clients) if (name !== first) socket.send(bytes, each);
    }
  }
}
