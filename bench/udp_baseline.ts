/**
 * What Deno itself can do: a relay of datagrams that knows `register` and `sendto` of the overlay
 * protocol and nothing else. It checks nothing, bounds nothing and prints nothing but its port.
 *
 * `udp_baseline.ts [PORT]`
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

if (import.meta.main) {
  const port = Number(Deno.args[0] ?? 0);
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port });
  const names = new Map<string, Deno.Addr>();
  Deno.stdout.writeSync(encoder.encode(`${(socket.addr as Deno.NetAddr).port}\n`));
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const [bytes, from] = await socket.receive(buffer);
    const [command, name] = decoder.decode(bytes.subarray(0, 64)).split(" ", 2) as [string, string];
    if (command === "register") {
      names.set(name, from);
      socket.send(encoder.encode(`welcome ${name}`), from);
    } else {
      // As long as what the protocol would send, and as much work for the kernel.
      socket.send(bytes.slice(), names.get(name)!);
    }
  }
}
