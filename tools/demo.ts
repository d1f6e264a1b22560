/**
 * Plays the four test cases of the relay document with a real server and five real clients, each a
 * process of its own on a free port, and shows what each window shows. Ends with 0 only when every line
 * was right.
 *
 * @module
 */

const SERVER = "Server";
/** The document's users, in its order of joining. */
const USERS = ["Alice", "Bob", "Alex", "Mike", "Trudy"] as const;
/** Far beyond what a line takes, on a busy machine too. */
const LINE_MS = 20_000;
const COLOURS: Record<string, number> = {
  [SERVER]: 37,
  Alice: 36,
  Bob: 33,
  Alex: 35,
  Mike: 32,
  Trudy: 34,
};

/** Who types what, and which lines each window shows for it; `test` opens a test case. */
interface Step {
  readonly test?: string;
  readonly who: string;
  readonly types: string;
  readonly shows: Readonly<Record<string, readonly string[]>>;
}

const JOINING: Step[] = USERS.map((who, i) => ({
  who,
  types: `JOIN ${who}`,
  shows: {
    [who]: [`${who} joined!Connected to server!`],
    ...Object.fromEntries(USERS.slice(0, i).map((other) => [other, [`${who} joined!`]])),
    [SERVER]: [`${who} Joined the Chatroom`],
  },
}));

const STEPS: Step[] = [
  ...JOINING,
  {
    test: "Test case 1: Alice broadcasts",
    who: "Alice",
    types: "BCST Hello",
    shows: {
      Alice: ["Alice is sending a broadcast", "Alice: Hello"],
      ...Object.fromEntries(USERS.slice(1).map((other) => [other, ["Alice: Hello"]])),
      [SERVER]: ["[1] Alice: BCST"],
    },
  },
  {
    test: "Test case 2: Mike sends Bob a private message",
    who: "Mike",
    types: "MESG Bob How are you?",
    shows: { Bob: ["Mike: How are you?"], [SERVER]: ["[4] Mike: MESG to Bob"] },
  },
  {
    test: "Test case 3: Trudy asks who is there",
    who: "Trudy",
    types: "LIST",
    shows: { Trudy: ["Alice,Bob,Alex,Mike,Trudy"], [SERVER]: ["[5] Trudy: LIST"] },
  },
  leaving("Alex", USERS.filter((user) => user !== "Alex"), "Test case 4: Alex quits"),
  leaving("Alice", ["Bob", "Mike", "Trudy"], "The others go home"),
  leaving("Bob", ["Mike", "Trudy"]),
  leaving("Mike", ["Trudy"]),
  leaving("Trudy", []),
];

function leaving(who: typeof USERS[number], others: readonly string[], test?: string): Step {
  const id = USERS.indexOf(who) + 1;
  const shows = {
    [who]: [`${who} is quitting the chat server`],
    ...Object.fromEntries(others.map((other) => [other, [`${who} left`]])),
    [SERVER]: [`[${id}] ${who}: QUIT`, `[${id}] ${who}: disconnected`],
  };
  return { ...test === undefined ? {} : { test }, who, types: "QUIT", shows };
}

const PROMPT = "Enter JOIN followed by your username: ";
const colourful = Deno.stdout.isTerminal();
let wrong = 0;

/** A process, and the window it would have. */
class Window {
  readonly #label: string;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<string>;
  #unread = "";

  constructor(label: string, args: string[]) {
    this.#label = label;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-net", ...args],
      cwd: new URL("..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: label === SERVER ? "piped" : "inherit",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#stdout = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Waits for the port that a server says it listens on. */
  async port(): Promise<string> {
    let said = "";
    for await (const more of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      said += more;
      const port = /listening on \S+:(\d+)\n/.exec(said)?.[1];
      if (port) return port;
    }
    throw new Error(`the server did not start: ${said}`);
  }

  /** Shows a typed line as a terminal would, and sends it. */
  async type(line: string): Promise<void> {
    const prompt = line.startsWith("JOIN ") ? PROMPT : "";
    if (prompt) await this.#read((unread) => unread.startsWith(prompt) ? prompt : undefined);
    this.#show(prompt + line, "1");
    await this.#stdin.write(new TextEncoder().encode(line + "\n"));
  }

  /** Waits for the next line, shows it, and says so when it is not the right one. */
  async expect(line: string | RegExp): Promise<void> {
    const got = await this.#read((unread) => /^.*\n/.exec(unread)?.[0]);
    const right = typeof line === "string" ? got === `${line}\n` : line.test(got);
    this.#show(got.trimEnd());
    if (!right) complain(`${this.#label} should have shown: ${line}`);
  }

  /** Waits for the end: nothing more may be shown, and the exit code must be 0. */
  async end(): Promise<void> {
    await this.#stdin.close().catch(() => {});
    const rest = await this.#rest();
    const { code } = await this.#child.status;
    if (rest !== "") complain(`${this.#label} showed too much: ${JSON.stringify(rest)}`);
    if (code !== 0) complain(`${this.#label} ended with exit code ${code}`);
  }

  /** Sends Control-C. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async #read(match: (unread: string) => string | undefined): Promise<string> {
    const timer = setTimeout(() => fail(`${this.#label} shows nothing more`), LINE_MS);
    let found: string | undefined;
    while ((found = match(this.#unread)) === undefined) {
      const { value, done } = await this.#stdout.read();
      if (done) fail(`${this.#label} ended after ${JSON.stringify(this.#unread)}`);
      this.#unread += value;
    }
    clearTimeout(timer);
    this.#unread = this.#unread.slice(found.length);
    return found;
  }

  async #rest(): Promise<string> {
    for (;;) {
      const { value, done } = await this.#stdout.read();
      if (done) return this.#unread;
      this.#unread += value;
    }
  }

  #show(line: string, style = ""): void {
    const label = this.#label.padEnd(6);
    if (!colourful) return say(`${label} | ${line}`);
    const colour = `\x1b[${COLOURS[this.#label]}m`;
    say(`${colour}${label} |\x1b[0m ${style && `\x1b[${style}m`}${line}\x1b[0m`);
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

function complain(sentence: string): void {
  wrong++;
  say(`WRONG: ${sentence}`);
}

function fail(sentence: string): never {
  say(`WRONG: ${sentence}`);
  Deno.exit(1);
}

/** Plays all of it; returns the exit code. */
async function main(): Promise<number> {
  const windows: Record<string, Window> = {
    [SERVER]: new Window(SERVER, ["server.ts", "relay", "0"]),
  };
  const server = windows[SERVER]!;
  const port = await server.port();
  await server.expect("The Chat Server Started");
  for (const step of STEPS) {
    if (step.test) say(`\n${step.test}`);
    if (!windows[step.who]) {
      windows[step.who] = new Window(step.who, ["client.ts", "relay", "127.0.0.1", port]);
      await server.expect(/^Connected with \('127\.0\.0\.1', \d+\)\n$/);
    }
    await windows[step.who]!.type(step.types);
    for (const [who, lines] of Object.entries(step.shows)) {
      for (const line of lines) await windows[who]!.expect(line);
    }
    if (step.types === "QUIT") await windows[step.who]!.end();
  }
  server.interrupt();
  await server.end();
  say(wrong === 0 ? "\nEvery line was right." : `\n${wrong} lines were wrong.`);
  return wrong === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main();
