/**
 * Plays the bridge document's Example 1 with three real processes and writes what their terminals show
 * as `docs/bridge-session.svg`: the screenshot that the document's section 7 asks for.
 *
 * Run it with `deno run --allow-net --allow-run --allow-read --allow-write=docs tools/bridge_session.ts`;
 * the ports 5555, 2500 and 1500 must be free.
 *
 * @module
 */

import { draw, TYPED, type Window } from "./windows.ts";

const SERVER_PORT = 5555;
const ALICE_PORT = 2500;
const BOB_PORT = 1500;
/** Far beyond what a line takes, on a busy machine too. */
const LINE_MS = 20_000;

/** A program in its terminal: its lines in the order in which they appeared. */
class Terminal {
  readonly command: string;
  readonly lines: { text: string; typed: boolean }[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pumps: Promise<unknown>;
  readonly #prompt: string;
  #changed = Promise.withResolvers<void>();

  constructor(args: string[], prompt: string) {
    this.command = `deno run --allow-net ${args.join(" ")}`;
    this.#prompt = prompt;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-net", ...args],
      cwd: new URL("..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#pumps = Promise.all([this.#pump(this.#child.stdout), this.#pump(this.#child.stderr)]);
  }

  /** Types a line; a terminal would show it behind the program's prompt. */
  async type(line: string): Promise<void> {
    this.lines.push({ text: this.#prompt + line, typed: true });
    await this.#stdin.write(new TextEncoder().encode(line + "\n"));
  }

  /** Waits until a line is there. */
  async shows(line: string): Promise<void> {
    const deadline = setTimeout(() => {
      throw new Error(`${this.command} does not show ${line}`);
    }, LINE_MS);
    while (!this.lines.some(({ text, typed }) => !typed && text === line)) {
      await this.#changed.promise;
    }
    clearTimeout(deadline);
  }

  /** Waits for the end, by Control-C where it does not come by itself. */
  async end(interrupt = false): Promise<void> {
    if (interrupt) this.#child.kill("SIGINT");
    const { code } = await this.#child.status;
    await this.#pumps;
    await this.#stdin.close().catch(() => {});
    if (code !== 0) throw new Error(`${this.command} ended with exit code ${code}`);
  }

  async #pump(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const more of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + more).split("\n");
      rest = lines.pop()!;
      this.lines.push(...lines.map((text) => ({ text, typed: false })));
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}

async function play(): Promise<Terminal[]> {
  const where = `127.0.0.1:${SERVER_PORT}`;
  const [a, b] = [`Alice 127.0.0.1:${ALICE_PORT}`, `Bob 127.0.0.1:${BOB_PORT}`];
  const start = (id: string, port: number) =>
    new Terminal(["client.ts", "bridge", `--id=${id}`, `--port=${port}`, `--server=${where}`], ">");

  const server = new Terminal(["server.ts", "bridge", `--port=${SERVER_PORT}`], "");
  await server.shows(`Server listening on ${where}`);
  const alice = start("Alice", ALICE_PORT);
  await alice.shows(`Alice running on 127.0.0.1:${ALICE_PORT}`);
  await alice.type("/id");
  await alice.shows("Alice");
  await alice.type("/register");
  await server.shows(`REGISTER: Alice from 127.0.0.1:${ALICE_PORT} received`);
  await alice.type("/bridge");
  await server.shows(`BRIDGE: ${a}`);
  const bob = start("Bob", BOB_PORT);
  await bob.shows(`Bob running on 127.0.0.1:${BOB_PORT}`);
  await bob.type("/id");
  await bob.shows("Bob");
  await bob.type("/register");
  await server.shows(`REGISTER: Bob from 127.0.0.1:${BOB_PORT} received`);
  await bob.type("/bridge");
  await server.shows(`BRIDGE: ${b} ${a}`);
  await server.type("/info");
  await server.shows(b);
  await bob.type("/chat");
  await alice.shows(`Incoming chat request from ${b}`);
  for (
    const [from, to, line] of [
      [bob, alice, "Hello Alice"],
      [alice, bob, "How are you doing, Bob?"],
      [bob, alice, "Doing well, Alice. Time for coffee?"],
      [alice, bob, "Sorry Bob, I'm too busy."],
      [bob, alice, "Okay Alice, another time."],
    ] as const
  ) {
    await from.type(line);
    await to.shows(line);
  }
  await alice.type("/quit");
  await alice.end();
  await bob.end();
  await server.end(true);
  return [server, alice, bob];
}

function windowOf(title: string, { command, lines }: Terminal): Window {
  const rows = lines.map(({ text, typed }) => [typed ? { text, colour: TYPED } : { text }]);
  return { title, command, rows };
}

if (import.meta.main) {
  const [server, alice, bob] = await play();
  const svg = draw([
    [windowOf("Terminal 1: server", server!)],
    [windowOf("Terminal 2: Alice", alice!), windowOf("Terminal 3: Bob", bob!)],
  ], {
    width: 1610,
    title: "Three terminals: the bridge server, Alice and Bob, from start to end",
  });
  await Deno.writeTextFile(new URL("../docs/bridge-session.svg", import.meta.url), svg);
}
