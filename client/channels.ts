/**
 * The channels client (CEG 4188's bonus question): sends its name, then each typed line in frames of 200
 * bytes, and writes each frame it receives over the `[Me] ` that waits for the next line.
 *
 * ```
 * [Me] /join 168_tas
 * Alice has joined
 * [Me] Hello world!
 * ```
 *
 * Run it with `deno run --allow-net client.ts channels Scott 127.0.0.1 55555`.
 *
 * @module
 */

import { completer, type Console, converse, Names, openConsole } from "../lib/console.ts";
import { connect, FixedSplitter, frames, isDisconnect, tryClose, within } from "../lib/net.ts";
import { Flow, Outbound } from "../lib/outbound.ts";
import {
  escapeControl,
  limits,
  parseOptions,
  port,
  shutdownOnSignals,
  StartError,
  TIMESTAMPS_HELP,
  UsageError,
} from "../lib/program.ts";
import {
  frame,
  FRAME_BYTES,
  named,
  parseName,
  strip,
  TEXTS,
  typedFrames,
} from "../lib/wire/channels.ts";

const COMMANDS = ["/create", "/join", "/list"];
/** How long a server gets to take in the end of our stream. */
const LEAVE_MS = 2000;
/** So much waits for the server before more is read: a short typed line is a frame of 200 bytes. */
const WAITING_BYTES = 32 * 1024;

/** Shows frames and prompts: the document's bytes on a pipe, a line editor's lines on a terminal. */
interface Screen {
  prompt(): void;
  frame(text: string): void;
  gone(text: string): void;
}

function screen(console: Console): Screen {
  if (console.interactive) {
    return {
      prompt: () => {},
      // An empty frame writes over the prompt only, and that is redrawn anyway.
      frame: (text) => {
        if (text !== "") console.show(text, { keepLines: isListing(text) });
      },
      gone: (text) => console.show(text),
    };
  }
  // Lines piped in, answers on the screen: it is a person's terminal that must be safe.
  const safe = Deno.stdout.isTerminal() ? escapeControl : (text: string) => text;
  const wipe = `${TEXTS.wipe}\r`;
  return {
    prompt: () => console.write(TEXTS.prefix),
    frame: (text) => {
      const shown = safe(text, { keepLines: isListing(text) });
      console.write(`${wipe}${shown}${text && "\n"}${TEXTS.prefix}`);
    },
    gone: (text) => console.write(`${wipe}${text}\n`),
  };
}

/** Members in notices and messages, and channels in lists: whatever can be typed again. */
function namesIn(line: string): readonly (readonly [number, number])[] {
  return isListing(line) ? [[0, line.length]] : named(line);
}

/** Whether a frame is a list of channels: words only. Lines in any other would be forged messages. */
function isListing(text: string): boolean {
  return /^\S+(\n\S+)*$/.test(text);
}

/** Sends what is typed until the input ends, a piped file at the pace of the server. */
async function type(console: Console, outbound: Outbound, shown: Screen): Promise<void> {
  shown.prompt();
  for (let typed; (typed = await console.readLine()) !== null;) {
    for (const each of typedFrames(typed)) {
      outbound.send(each);
      if (outbound.backlog >= WAITING_BYTES) await outbound.drained();
    }
    shown.prompt();
  }
  await outbound.drained();
}

/** Shows what the server sends until it ends. */
async function listen(conn: Deno.TcpConn, console: Console, shown: Screen): Promise<void> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  try {
    for await (const batch of frames(conn, new FixedSplitter(FRAME_BYTES))) {
      for (const each of batch) shown.frame(decoder.decode(strip(each)));
      await console.drained();
    }
  } catch (error) {
    if (!isDisconnect(error)) throw error;
  }
}

/** Chats over `conn` until the person leaves, or the server does, which `gone` says. */
async function chat(
  conn: Deno.TcpConn,
  console: Console,
  { hello, gone, signal }: { hello: Uint8Array; gone: string; signal: AbortSignal },
): Promise<void> {
  const outbound = new Outbound(conn, new Flow(limits()), {
    onCut: (reason) => {
      if (reason) console.note(`the server ${reason}`);
      tryClose(conn);
    },
  });
  const shown = screen(console);
  let leaving = false;
  signal.addEventListener("abort", () => {
    console.close();
    // The end of a file waits until all of it is sent; a person who interrupts does not.
    within(LEAVE_MS, outbound.drained()).then(() => {
      if (outbound.backlog > 0) outbound.cut();
    });
  });
  outbound.send(hello);
  const typing = type(console, outbound, shown).then(() => {
    leaving = true;
    // Not awaited: behind a write that is stuck it would wait, too.
    conn.closeWrite().catch(() => {});
  });
  const listening = listen(conn, console, shown).then(() => {
    if (!leaving) shown.gone(gone);
  });
  await converse(conn, { console, outbound, typing, listening, leaveMs: LEAVE_MS });
}

/** How the client is called. */
export const USAGE = `usage: client.ts channels NAME HOST PORT

example: client.ts channels Scott 127.0.0.1 55555

  NAME                    the name that the others see
  HOST                    the server's name or address
  PORT                    the server's port
${TIMESTAMPS_HELP}
Then type messages, or: /create CHANNEL, /join CHANNEL, /list.
`;

/** Runs the client from its command line; returns the exit code. Throws what `main` shows. */
export async function run(args: readonly string[]): Promise<"help" | number> {
  const options = await parseOptions(args, {
    words: ["NAME", "HOST", "PORT"],
    booleans: ["timestamps"],
  });
  if (options.help) return "help";
  const [name, hostname, portText] = options.words as [string, string, string];
  const number = port(portText, 1);
  const hello = frame(name);
  // A server would close on it without a word.
  if (parseName(hello) === undefined) throw new UsageError("NAME must not be empty");
  using shutdown = shutdownOnSignals();
  const { signal } = shutdown;
  const conn = await connect(hostname, { port: number, signal }).catch(async (error) => {
    if (!(error instanceof StartError)) throw error;
    // The document's own sentence on stdout; ours, on stderr, says why.
    const console = openConsole();
    console.write(`${TEXTS.cannotConnect(hostname, number)}\n`);
    await console.close();
    throw error;
  });
  if (!conn) return 0;
  const names = new Names(namesIn);
  const console = openConsole({
    prompt: TEXTS.prefix,
    names,
    complete: completer(COMMANDS, names),
    timestamps: options.booleans["timestamps"] === true,
    onInterrupt: shutdown.request,
  });
  await chat(conn, console, { hello, gone: TEXTS.disconnected(hostname, number), signal });
  return 0;
}
