/**
 * A load generator for the overlay server, in a process of its own: clients in a circle, each of which
 * sends to the next one, so many datagrams at a time. What comes first tells a client to send one more.
 *
 * `udp_load.ts PORT '{"clients":10,"window":16,"messages":20000}'` prints the result as one line of JSON.
 * Exit code 1 when a datagram was lost.
 *
 * @module
 */

/** What to do. */
export interface Load {
  /** Clients in the circle. */
  clients: number;
  /** Most messages of one client that have not arrived. */
  window: number;
  /** Messages of each client. */
  messages: number;
  /** Bytes of each message's text; 64 by default. */
  bytes?: number;
}

/** What came of it. */
export interface Result {
  /** Messages that have arrived. */
  deliveries: number;
  /** What it should have been. */
  expected: number;
  /** From the first send to the last arrival. */
  seconds: number;
}

/** Loopback is faster by far: what has not come by then is lost. */
const LOST_MS = 1000;
const encoder = new TextEncoder();

/** Registers a client as `name` on the server's port; rejects when there is no answer in a second. */
async function register(name: string, to: Deno.NetAddr): Promise<Deno.DatagramConn> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const late = setTimeout(() => socket.close(), LOST_MS);
  await socket.send(encoder.encode(`register ${name}`), to);
  await socket.receive();
  clearTimeout(late);
  return socket;
}

/** Sends and counts until all has arrived, or nothing has for a second. */
export async function run(port: number, load: Load): Promise<Result> {
  const { clients, window, messages, bytes = 64 } = load;
  const server: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const sockets: Deno.DatagramConn[] = [];
  for (let i = 0; i < clients; i++) sockets.push(await register(`c${i}`, server));
  const expected = clients * messages;
  const started = performance.now();
  let lastAt = started;
  let deliveries = 0;
  const close = () => sockets.splice(0).forEach((socket) => socket.close());
  const watch = setInterval(() => performance.now() - lastAt > LOST_MS && close(), LOST_MS / 4);

  async function circle(i: number): Promise<void> {
    const [own, previous] = [sockets[i]!, sockets[(i + clients - 1) % clients]!];
    // What arrives here is from the previous client, who may then send the next one.
    const datagram = encoder.encode(`sendto c${i} ${"x".repeat(bytes)}`);
    const buffer = new Uint8Array(65_536);
    let sent = Math.min(window, messages);
    for (let n = 0; n < sent; n++) await previous.send(datagram, server);
    try {
      for (let got = 0; got < messages; got++) {
        await own.receive(buffer);
        deliveries++;
        lastAt = performance.now();
        // Not awaited: it is with the kernel already, and never more of them than the window.
        if (sent++ < messages) previous.send(datagram, server);
      }
    } catch {
      // Closed: the rest is lost.
    }
  }

  await Promise.all(sockets.map((_, i) => circle(i)));
  clearInterval(watch);
  close();
  return { deliveries, expected, seconds: (lastAt - started) / 1000 };
}

if (import.meta.main) {
  const [port, load = '{"clients":10,"window":16,"messages":20000}'] = Deno.args;
  const result = await run(Number(port), JSON.parse(load));
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(result)}\n`));
  Deno.exitCode = result.deliveries === result.expected ? 0 : 1;
}
