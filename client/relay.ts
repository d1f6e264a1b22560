/**
 * The relay client (CSC/CPE 138): sends each typed line as it is and shows each line it receives.
 *
 * ```
 * Enter JOIN followed by your username: JOIN Alice
 * Alice joined!Connected to server!
 * ```
 *
 * Run it with `deno run --allow-net client.ts relay 127.0.0.1 8001`; `nc -l 8001` shows what it sends.
 *
 * @module
 */

import { completer, type Console, converse, Names, openConsole } from "../lib/console.ts";
import {
  connect,
  frames,
  FrameTooLongError,
  isDisconnect,
  LineSplitter,
  tryClose,
  within,
} from "../lib/net.ts";
import { Flow, Outbound } from "../lib/outbound.ts";
import { limits, parseOptions, port, shutdownOnSignals, TIMESTAMPS_HELP } from "../lib/program.ts";
import { broadcaster, COMMANDS, line, named, parseRequest, PROMPT } from "../lib/wire/relay.ts";

/** Some servers write no line ends: what they sent is shown after this silence. */
const BARE_MS = 100;
/** Some servers do not close after QUIT. */
const QUIT_MS = 2000;
/** No list of users is that long; a stream without line ends must not fill the memory. */
const LINE_BYTES = 1024 * 1024;

/**
 * A broadcast as its sender sees it. The document says that it does not go to its sender, and shows it
 * in the sender's window: the client shows it there itself, next to the server's notice, and not again
 * where a server sends it, too.
 */
export class OwnBroadcasts {
  #waiting: string[] = [];
  #seen = new Set<string>();
  #shown = new Set<string>();

  /** Takes note of a typed line. */
  typed(text: string): void {
    const request = parseRequest(new TextEncoder().encode(text));
    // What waits from before a JOIN was refused: a server broadcasts for registered users only.
    if (request.type === "JOIN") this.#waiting = [];
    if (request.type !== "BCST") return;
    this.#waiting.push(text.slice("BCST ".length));
    this.#seen.clear();
    this.#shown.clear();
  }

  /** What is to be shown for a received line. */
  received(text: string): string[] {
    if (this.#shown.delete(text)) return [];
    const name = broadcaster(text);
    if (name === undefined) {
      if (this.#waiting.length > 0) this.#seen.add(text);
      return [text];
    }
    const own = this.#waiting.shift();
    if (own === undefined) return [text];
    const echo = `${name}: ${own}`;
    if (this.#seen.delete(echo)) return [text];
    this.#shown.add(echo);
    return [text, echo];
  }
}

/**
 * Sends what is typed until the person leaves, a piped file at the pace of the server; then says QUIT,
 * unless that was typed.
 */
async function type(
  console: Console,
  outbound: Outbound,
  { flow, own }: { flow: Flow; own: OwnBroadcasts },
): Promise<void> {
  for (;;) {
    const typed = await console.readLine();
    console.setPrompt("");
    // An empty line ends the session on some servers.
    if (typed?.trim() === "") continue;
    const request = typed ?? "QUIT";
    own.typed(request);
    outbound.send(line(request));
    const pause = flow.hold();
    if (pause) await pause;
    if (/^QUIT(\s|$)/.test(request)) return await outbound.drained();
  }
}

/** Shows what the server sends until it ends. */
async function listen(conn: Deno.TcpConn, console: Console, own: OwnBroadcasts): Promise<void> {
  const lines = new LineSplitter({ maxBytes: LINE_BYTES, bareMs: BARE_MS, strict: false });
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  try {
    for await (const batch of frames(conn, lines)) {
      for (const each of batch) {
        for (const shown of own.received(decoder.decode(each))) console.show(shown);
      }
      await console.drained();
    }
  } catch (error) {
    if (error instanceof FrameTooLongError) {
      console.note(`the server sent nonsense: ${error.message}`);
    } else if (!isDisconnect(error)) throw error;
  }
}

/** Chats over `conn` until the person leaves (exit code 0) or the server does (1). */
async function chat(
  conn: Deno.TcpConn,
  console: Console,
  { where, signal }: { where: string; signal: AbortSignal },
): Promise<number> {
  const flow = new Flow(limits());
  // One write a line: some servers take what one read brings for one request.
  const outbound = new Outbound(conn, flow, { join: false, onCut: () => tryClose(conn) });
  const own = new OwnBroadcasts();
  console.setPrompt(PROMPT);
  if (!console.interactive) console.write(PROMPT);
  const typing = type(console, outbound, { flow, own });
  const listening = listen(conn, console, own);
  // A signal is an end of the input: QUIT is sent, and what the server still says is shown.
  signal.addEventListener("abort", () => {
    console.close();
    within(QUIT_MS, listening).then(() => outbound.discard());
  });
  const first = await converse(conn, { console, outbound, typing, listening, leaveMs: QUIT_MS });
  if (first === "gone") console.note(`the server at ${where} has ended the connection`);
  return first === "left" ? 0 : 1;
}

/** How the client is called. */
export const USAGE = `usage: client.ts relay HOST PORT

example: client.ts relay 127.0.0.1 8001

  HOST                    the server's name or address
  PORT                    the server's port
${TIMESTAMPS_HELP}
Then type: ${COMMANDS.join(", ")}.
`;

/** Runs the client from its command line; returns the exit code. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | number> {
  const options = await parseOptions(args, { words: ["HOST", "PORT"], booleans: ["timestamps"] });
  if (options.help) return "help";
  const [hostname, portText] = options.words as [string, string];
  const number = port(portText, 1);
  using shutdown = shutdownOnSignals();
  const conn = await connect(hostname, { port: number, signal: shutdown.signal });
  if (!conn) return 0;
  const names = new Names(named);
  const console = openConsole({
    names,
    complete: completer(COMMANDS.map((command) => command.split(" ")[0]!), names),
    timestamps: options.booleans["timestamps"] === true,
    onInterrupt: shutdown.request,
  });
  return await chat(conn, console, { where: `${hostname}:${number}`, signal: shutdown.signal });
}
