/**
 * The overlay client (CSCI 353, programming assignment 1): registers with its server in a datagram,
 * sends `sendto <name> <message>` as it is typed, and shows what comes.
 *
 * ```
 * connected to server and registered Alice
 * Bob: Hello
 * terminating client...
 * ```
 *
 * Run it with `deno run --allow-net client.ts overlay -s 127.0.0.1 -p 9000 -n Alice`;
 * `nc -u -l 9000` shows what it sends.
 *
 * @module
 */

import { completer, type Console, Names, openConsole } from "../lib/console.ts";
import { sleep, tryClose } from "../lib/net.ts";
import {
  connectReason,
  parseOptions,
  port,
  shutdownOnSignals,
  StartError,
  TIMESTAMPS_HELP,
  tracedDatagrams,
  UsageError,
  wholeNumber,
} from "../lib/program.ts";
import {
  CLIENT,
  COMMANDS,
  DATAGRAM_BYTES,
  isName,
  named,
  parseNotice,
  register,
  typed,
} from "../lib/wire/overlay.ts";

/** Datagrams get lost: the first one, and the answer to it. */
const REGISTER_TRIES = 5;
const RETRY_MS = 1000;
const RECEIVE_BYTES = 65_536;

/** A registration under way. */
export interface Registration {
  /** Sends `register`. */
  send: () => Promise<unknown>;
  /** Aborted once the server has answered, or the person has left. */
  signal: AbortSignal;
  /** Resolves after so many ms, or when the signal is aborted. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Between two tries, in ms. Default: 1000. */
  retryMs?: number;
}

/** Sends `register` until `signal` is aborted, five times at most; false when nothing came of it. */
export async function introduce(registration: Registration): Promise<boolean> {
  const { send, signal, wait = sleep, retryMs = RETRY_MS } = registration;
  for (let tries = 0; tries < REGISTER_TRIES && !signal.aborted; tries++) {
    await send();
    await wait(retryMs, signal);
  }
  return signal.aborted;
}

/** Shows what the server sends until the socket is closed; `welcomed` is called for each welcome. */
async function listen(
  socket: Deno.DatagramConn,
  { console, server, welcomed }: { console: Console; server: Deno.NetAddr; welcomed: () => void },
): Promise<void> {
  const buffer = new Uint8Array(RECEIVE_BYTES);
  let host: string | undefined;
  for (;;) {
    let received: [Uint8Array, Deno.Addr];
    try {
      received = await socket.receive(buffer);
    } catch {
      return;
    }
    const from = received[1] as Deno.NetAddr;
    // Anybody can send a datagram here. The server's name may have been typed, so its address is
    // learned from its first answer.
    if (from.port !== server.port || (host !== undefined && from.hostname !== host)) continue;
    host = from.hostname;
    const notice = parseNotice(received[0]);
    if (notice.type === "welcome") welcomed();
    else console.show(notice.line);
    await console.drained();
  }
}

/** The document has no such word: it is ours, for a person at a terminal. */
const HELP = `sendto <name> <message>   sends a message to somebody anywhere on the overlay
exit                      leaves
Tab completes, and the arrow keys bring back what was typed`;

/** Sends what is typed until the person leaves. */
async function type(
  console: Console,
  send: (datagram: Uint8Array) => Promise<unknown>,
): Promise<void> {
  for (;;) {
    const line = await console.readLine();
    if (line === null || line.trim() === "exit") return;
    const datagram = typed(line);
    if (console.interactive && /^\/?help\s*$/.test(line)) console.note(HELP);
    else if (!datagram) {
      if (line.trim() !== "") console.note(`not sent, type ${COMMANDS.join(" or ")}`);
    } else if (datagram.length > DATAGRAM_BYTES) {
      console.note(`not sent: longer than the ${DATAGRAM_BYTES} bytes that a datagram holds`);
    } else {
      await send(datagram).catch((error) => console.note(`not sent: ${connectReason(error)}`));
    }
  }
}

/** How the client is called, taken apart. */
export interface ClientOptions {
  /** The server; its host as it was typed. */
  server: Deno.NetAddr;
  /** What to register as. */
  name: string;
  /** Between two tries to register, in ms. */
  retryMs: number;
}

/** Registers and chats through `socket` until the person leaves; returns the exit code. */
async function chat(
  socket: Deno.DatagramConn,
  { server, name, retryMs, console, left }: ClientOptions & { console: Console; left: AbortSignal },
): Promise<number> {
  const welcome = new AbortController();
  const send = (datagram: Uint8Array) => socket.send(datagram, server);
  const first = () =>
    send(register(name)).catch((error) => {
      throw new StartError(cannot(server, connectReason(error)));
    });
  const listening = listen(socket, {
    console,
    server,
    welcomed: () => {
      // The answer to a try that was not lost after all.
      if (welcome.signal.aborted) return;
      console.show(CLIENT.registered(name));
      welcome.abort();
    },
  });
  const signal = AbortSignal.any([welcome.signal, left]);
  try {
    if (!await introduce({ send: first, signal, retryMs })) {
      throw new StartError(cannot(server, "no answer, is the server running and the port right?"));
    }
    if (!left.aborted) await type(console, send);
  } finally {
    tryClose(socket);
    await listening;
  }
  console.show(CLIENT.terminating);
  return 0;
}

function cannot({ hostname, port }: Deno.NetAddr, reason: string): string {
  return `cannot register with ${hostname} port ${port}: ${reason}`;
}

/** How the client is called. */
export const USAGE = `usage: client.ts overlay -s ADDR -p PORT -n NAME

example: client.ts overlay -s 127.0.0.1 -p 9000 -n Alice

  -s ADDR                 the server's address
  -p PORT                 the server's UDP port
  -n NAME                 your name, one word of letters and digits
  --retry-ms N            time between two of ${REGISTER_TRIES} tries to register (${RETRY_MS} ms)
${TIMESTAMPS_HELP}
Then type: ${COMMANDS.join(", ")}.
`;

/** Runs the client from its command line; returns the exit code. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | number> {
  const parsed = await parseOptions(args, {
    strings: ["s", "p", "n", "retry-ms"],
    booleans: ["timestamps"],
  });
  if (parsed.help) return "help";
  const options = clientOptions(parsed.strings);
  using shutdown = shutdownOnSignals();
  const hostname = options.server.hostname.includes(":") ? "::" : "0.0.0.0";
  const socket = tracedDatagrams(Deno.listenDatagram({ transport: "udp", hostname, port: 0 }));
  const names = new Names(named);
  const console = openConsole({
    names,
    complete: completer(["sendto", "exit", "help"], names),
    timestamps: parsed.booleans["timestamps"] === true,
    onInterrupt: shutdown.request,
  });
  const { signal: left } = shutdown;
  // A signal is an end of the input: the words for it are the same.
  left.addEventListener("abort", () => console.close());
  try {
    return await chat(socket, { ...options, console, left });
  } finally {
    tryClose(socket);
    await console.close();
  }
}

function clientOptions({ s, p, n, ...rest }: Record<string, string | undefined>): ClientOptions {
  const missing = Object.entries({ "-s ADDR": s, "-p PORT": p, "-n NAME": n })
    .filter(([, value]) => value === undefined).map(([name]) => name);
  if (s === undefined || p === undefined || n === undefined) {
    throw new UsageError(`missing ${missing.join(" and ")}`);
  }
  if (!isName(n)) {
    throw new UsageError(
      `the name must be one word of letters and digits, not ${JSON.stringify(n)}`,
    );
  }
  return {
    server: { transport: "udp", hostname: s, port: port(p, 1) },
    name: n,
    retryMs: wholeNumber(rest["retry-ms"] ?? String(RETRY_MS), { name: "--retry-ms", min: 1 }),
  };
}
