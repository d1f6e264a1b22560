/**
 * Plays the samples of the five documents with real servers and real clients, each a process of its own on
 * a free port, and shows what each window shows: `deno task demo`, or `deno task demo relay` for one.
 * Ends with 0 only when every line was right.
 *
 * @module
 */

/** Far beyond what a line takes, on a busy machine too. */
const LINE_MS = 20_000;
const COLOURS = [37, 36, 33, 35, 32, 34, 96, 93];

/** A window opens, in the order of the table; a port that it tells is `{NAME}` in later arguments. */
interface Program {
  readonly opens: string;
  readonly args: readonly string[];
  /** The line that has the port, on stdout or stderr, for later programs. */
  readonly port?: RegExp;
}

/** Who types what (nothing: it happens by itself), and what each window shows for it, exactly. */
interface Step {
  readonly who?: string;
  readonly types?: string;
  readonly shows: Readonly<Record<string, readonly string[]>>;
  /** Whose program ends by it. */
  readonly ends?: readonly string[];
}

/** A document's sample. */
interface Sample {
  readonly title: string;
  readonly steps: readonly (Program | Step | string)[];
}

const LISTENING = /listening on \S+:(\d+)/;
const deno = (...args: string[]) => args;

// ---- relay (CSC/CPE 138) ----

const USERS = ["Alice", "Bob", "Alex", "Mike", "Trudy"] as const;
const PROMPT = "Enter JOIN followed by your username: ";

function joining(who: string, i: number): (Program | Step)[] {
  const others = USERS.slice(0, i).map((other) => [other, [`${who} joined!\n`]]);
  return [
    { opens: who, args: deno("client.ts", "relay", "127.0.0.1", "{Server}") },
    { shows: { [who]: [PROMPT] } },
    {
      who,
      types: `JOIN ${who}`,
      shows: {
        [who]: [`${who} joined!Connected to server!\n`],
        ...Object.fromEntries(others),
      },
    },
  ];
}

function leaving(who: string, others: readonly string[]): Step {
  return {
    who,
    types: "QUIT",
    shows: {
      [who]: [`${who} is quitting the chat server\n`],
      ...Object.fromEntries(others.map((other) => [other, [`${who} left\n`]])),
    },
    ends: [who],
  };
}

const RELAY: Sample = {
  title: "relay: the four test cases of the programming project (CSC/CPE 138)",
  steps: [
    { opens: "Server", args: deno("server.ts", "relay", "0"), port: LISTENING },
    ...USERS.flatMap(joining),
    "Test case 1: Alice broadcasts",
    {
      who: "Alice",
      types: "BCST Hello",
      shows: {
        Alice: ["Alice is sending a broadcast\n", "Alice: Hello\n"],
        ...Object.fromEntries(USERS.slice(1).map((other) => [other, ["Alice: Hello\n"]])),
      },
    },
    "Test case 2: Mike sends Bob a private message",
    { who: "Mike", types: "MESG Bob How are you?", shows: { Bob: ["Mike: How are you?\n"] } },
    "Test case 3: Trudy asks who is there",
    { who: "Trudy", types: "LIST", shows: { Trudy: ["Alice,Bob,Alex,Mike,Trudy\n"] } },
    "Test case 4: Alex quits",
    leaving("Alex", USERS.filter((user) => user !== "Alex")),
  ],
};

// ---- channels (CEG 4188) ----

const WIPE = "\r    \r";
const ME = "[Me] ";

const CHANNELS: Sample = {
  title: "channels: Panda and Alice of the bonus question (CEG 4188)",
  steps: [
    { opens: "Server", args: deno("server.ts", "channels", "0"), port: LISTENING },
    { opens: "Panda", args: deno("client.ts", "channels", "Panda", "localhost", "{Server}") },
    { shows: { Panda: [ME] } },
    {
      who: "Panda",
      types: "Hello world!",
      shows: {
        Panda: [
          ME,
          `${WIPE}Not currently in any channel. Must join a channel before sending messages.\n`,
          ME,
        ],
      },
    },
    { who: "Panda", types: "/create 168_tas", shows: { Panda: [ME] } },
    { who: "Panda", types: "/list", shows: { Panda: [ME, `${WIPE}168_tas\n`, ME] } },
    { opens: "Alice", args: deno("client.ts", "channels", "Alice", "127.0.0.1", "{Server}") },
    { shows: { Alice: [ME] } },
    { who: "Alice", types: "/list", shows: { Alice: [ME, `${WIPE}168_tas\n`, ME] } },
    {
      who: "Alice",
      types: "/join 168_tas",
      shows: { Alice: [ME], Panda: [`${WIPE}Alice has joined\n`, ME] },
    },
    {
      who: "Alice",
      types: "Hi everyone! Does anyone know what we're doing on the first day of lecture?",
      shows: {
        Alice: [ME],
        Panda: [
          `${WIPE}[Alice] Hi everyone! Does anyone know what we're doing on the first day of lecture?\n`,
          ME,
        ],
      },
    },
    {
      who: "Panda",
      types: "^C",
      shows: { Alice: [`${WIPE}Panda has left\n`, ME] },
      ends: ["Panda"],
    },
  ],
};

// ---- bridge (CSE 150) ----

const ADDRESS = "127.0.0.1:{Server}";
const chatLine = (who: string, to: string, types: string): Step => ({
  who,
  types,
  shows: { [to]: [`${types}\n`] },
});

function meeting(who: string): (Program | Step)[] {
  const args = deno("client.ts", "bridge", `--id=${who}`, "--port=0", `--server=${ADDRESS}`);
  const where = `127.0.0.1:{${who}}`;
  return [
    { opens: who, args, port: new RegExp(`${who} running on \\S+:(\\d+)`) },
    { shows: { [who]: [`${who} running on ${where}\n`] } },
    { who, types: "/id", shows: { [who]: [`${who}\n`] } },
    { who, types: "/register", shows: { Server: [`REGISTER: ${who} from ${where} received\n`] } },
  ];
}

const BRIDGE: Sample = {
  title: "bridge: Example 1 of Let's Chat! (CSE 150)",
  steps: [
    { opens: "Server", args: deno("server.ts", "bridge", "--port=0"), port: LISTENING },
    { shows: { Server: [`Server listening on ${ADDRESS}\n`] } },
    ...meeting("Alice"),
    { who: "Alice", types: "/bridge", shows: { Server: ["BRIDGE: Alice 127.0.0.1:{Alice}\n"] } },
    ...meeting("Bob"),
    {
      who: "Bob",
      types: "/bridge",
      shows: { Server: ["BRIDGE: Bob 127.0.0.1:{Bob} Alice 127.0.0.1:{Alice}\n"] },
    },
    {
      who: "Bob",
      types: "/chat",
      shows: { Alice: ["Incoming chat request from Bob 127.0.0.1:{Bob}\n"] },
    },
    chatLine("Bob", "Alice", "Hello Alice"),
    chatLine("Alice", "Bob", "How are you doing, Bob?"),
    chatLine("Bob", "Alice", "Doing well, Alice. Time for coffee?"),
    chatLine("Alice", "Bob", "Sorry Bob, I'm too busy."),
    chatLine("Bob", "Alice", "Okay Alice, another time."),
    { who: "Alice", types: "/quit", shows: {}, ends: ["Alice", "Bob"] },
  ],
};

// ---- overlay (CSCI 353) ----

const OVERLAY: Sample = {
  title: "overlay: part 3 of programming assignment 1 (CSCI 353), with two servers",
  steps: [
    {
      opens: "Server1",
      args: deno("overlay.ts", "-p", "0", "-o", "0"),
      port: /server started on \S+ at port (\d+)\nserver overlay started at port (\d+)/,
    },
    {
      shows: {
        Server1: [
          "server started on 127.0.0.1 at port {Server1}\n",
          "server overlay started at port {Server1 2}\n",
        ],
      },
    },
    {
      opens: "Server2",
      args: deno("overlay.ts", "-p", "0", "-s", "127.0.0.1", "-t", "{Server1 2}"),
      port: /server started on \S+ at port (\d+)/,
    },
    {
      shows: {
        Server2: [
          "server started on 127.0.0.1 at port {Server2}\n",
          "connected to overlay server at 127.0.0.1 port {Server1 2}\n",
        ],
        Server1: ["server overlay connection from host 127.0.0.1 port *\n"],
      },
    },
    ...["Alice", "Bob"].flatMap((who, i): (Program | Step)[] => [
      {
        opens: who,
        args: deno("client.ts", "overlay", "-s", "127.0.0.1", "-p", `{Server${i + 1}}`, "-n", who),
      },
      {
        shows: {
          [who]: [`connected to server and registered ${who}\n`],
          [`Server${i + 1}`]: [`${who} registered from host 127.0.0.1 port *\n`],
        },
      },
    ]),
    ...[["Alice", "Bob", "hello from server 1", 1, 2], ["Bob", "Alice", "and back", 2, 1]].map(
      ([from, to, text, here, there]): Step => ({
        who: `${from}`,
        types: `sendto ${to} ${text}`,
        shows: {
          [`Server${here}`]: [
            `${from} to ${to}: ${text}\n`,
            `${to} is not registered with server\n`,
            `Sending message to overlay server: ${from} to ${to}: ${text}\n`,
          ],
          [`Server${there}`]: [`Received from overlay server: ${from} to ${to}: ${text}\n`],
          [`${to}`]: [`${from}: ${text}\n`],
        },
      }),
    ),
    ...["Alice", "Bob"].map((who): Step => ({
      who,
      types: "exit",
      shows: { [who]: ["terminating client...\n"] },
      ends: [who],
    })),
    ...["Server2", "Server1"].map((who): Step => ({
      who,
      types: "^C",
      shows: { [who]: ["terminating server...\n"] },
      ends: [who],
    })),
  ],
};

// ---- chatroom (Assignment 02) ----

const CHATROOM: Sample = {
  title: "chatroom: users join, talk and leave (Assignment 02), over TCP",
  steps: [
    { opens: "Server", args: deno("chatroom.ts", "server", "--port", "0"), port: LISTENING },
    ...["Alice", "Bob"].flatMap((who): (Program | Step)[] => [
      {
        opens: who,
        args: deno("chatroom.ts", "client", "--name", who, "--port", "{Server}"),
        // A client says on stderr under which name it is in.
        port: new RegExp(`(${who})`),
      },
      { shows: who === "Bob" ? { Alice: ["User Bob joined\n"] } : {} },
    ]),
    { who: "Bob", types: "Hello", shows: { Alice: ["Bob: Hello\n"] } },
    { who: "Alice", types: "Hi, Bob", shows: { Bob: ["Alice: Hi, Bob\n"] } },
    { who: "Bob", types: "exit", shows: { Alice: ["User Bob left\n"] }, ends: ["Bob"] },
    { who: "Server", types: "^C", shows: {}, ends: ["Alice", "Server"] },
  ],
};

const SAMPLES: Readonly<Record<string, Sample>> = {
  relay: RELAY,
  channels: CHANNELS,
  bridge: BRIDGE,
  overlay: OVERLAY,
  chatroom: CHATROOM,
};

// ---- playing them ----

const colourful = Deno.stdout.isTerminal() && !Deno.noColor;
let wrong = 0;

/** A process, and the window it would have. */
class Window {
  readonly name: string;
  readonly #say: (line: string) => void;
  readonly #colour: number;
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pumps: Promise<unknown>;
  #unread = "";
  #said = "";
  #ended = false;
  #changed = Promise.withResolvers<void>();

  constructor(
    name: string,
    args: readonly string[],
    { colour, say }: { colour: number; say: (line: string) => void },
  ) {
    this.name = name;
    this.#say = say;
    this.#colour = colour;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-net", ...args],
      cwd: new URL("..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    this.#pumps = Promise.all([
      this.#pump(this.#child.stdout, (more) => this.#unread += more),
      this.#pump(this.#child.stderr, () => {}),
    ]).then(() => {
      this.#ended = true;
      this.#changed.resolve();
    });
  }

  /** Waits for what the program says of its ports. */
  async ports(pattern: RegExp): Promise<string[]> {
    return await this.#until(() => pattern.exec(this.#said)?.slice(1), `${pattern}`);
  }

  /** Shows a typed line as a terminal would, and sends it, or Control-C. */
  async type(line: string): Promise<void> {
    this.#show(line, "1");
    if (line === "^C") this.#child.kill("SIGINT");
    else await this.#stdin.write(new TextEncoder().encode(line + "\n"));
  }

  /** Waits for the next text, and shows it; `*` stands for a number that cannot be known. */
  async expect(text: string): Promise<void> {
    const [before, after] = text.split("*") as [string, string?];
    const got = await this.#until(() => {
      const line = /^[^\n]*\n/.exec(this.#unread)?.[0] ?? this.#unread;
      const long = after === undefined ? this.#unread.length >= text.length : line.endsWith("\n");
      return long ? (after === undefined ? this.#unread.slice(0, text.length) : line) : undefined;
    }, JSON.stringify(text));
    this.#unread = this.#unread.slice(got.length);
    const right = after === undefined
      ? got === text
      : got.startsWith(before) && got.endsWith(after);
    const shown = got.replaceAll("\r", "").trim();
    if (shown !== "" && got !== ME) this.#show(shown);
    if (!right) this.#complain(`${this.name} should have shown ${JSON.stringify(text)}`);
  }

  /** Waits for the end: nothing more may be shown, and the exit code must be 0. */
  async end(): Promise<void> {
    await this.#until(() => this.#ended || undefined, "its end");
    const { code } = await this.#child.status;
    await this.#pumps;
    await this.#stdin.close().catch(() => {});
    const rest = this.#unread.replaceAll(/\r| |\n/g, "").replaceAll("[Me]", "");
    if (rest !== "") {
      this.#complain(`${this.name} showed too much: ${JSON.stringify(this.#unread)}`);
    }
    if (code !== 0) this.#complain(`${this.name} ended with exit code ${code}`);
  }

  /** Ends it however it stands. */
  async close(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#pumps;
    await this.#child.status;
    await this.#stdin.abort().catch(() => {});
  }

  async #until<T>(found: () => T | undefined, what: string): Promise<T> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed.resolve();
    }, LINE_MS);
    try {
      for (;;) {
        const value = found();
        if (value !== undefined) return value;
        if (this.#ended) throw new Error(`${this.name} ended without ${what}: ${this.#said}`);
        if (late) throw new Error(`${this.name} does not show ${what}: ${this.#said}`);
        await this.#changed.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #pump(stream: ReadableStream<Uint8Array>, add: (more: string) => void): Promise<void> {
    for await (const more of stream.pipeThrough(new TextDecoderStream())) {
      add(more);
      this.#said += more;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }

  #complain(sentence: string): void {
    complain(sentence, this.#say);
  }

  #show(line: string, style = ""): void {
    const label = this.name.padEnd(7);
    if (!colourful) return this.#say(`${label} ${style ? ">" : "|"} ${line}`);
    const colour = `\x1b[${this.#colour}m`;
    this.#say(
      `${colour}${label} ${style ? ">" : "|"}\x1b[0m ${style && `\x1b[${style}m`}${line}\x1b[0m`,
    );
  }
}

/** Plays one sample; `say` takes each line that its windows show. */
async function play({ title, steps }: Sample, say: (line: string) => void): Promise<void> {
  const windows = new Map<string, Window>();
  const ports = new Map<string, string>();
  const filled = (text: string) =>
    text.replace(/\{([^}]+)\}/g, (_, name) => ports.get(name) ?? "?");
  say(colourful ? `\n\x1b[1m${title}\x1b[0m` : `\n${title}`);
  try {
    for (const step of steps) {
      if (typeof step === "string") say(step);
      else if ("opens" in step) {
        const { opens, args, port } = step;
        const window = new Window(opens, args.map(filled), {
          colour: COLOURS[windows.size % COLOURS.length]!,
          say,
        });
        windows.set(opens, window);
        const found = port ? await window.ports(port) : [];
        found.forEach((each, i) => ports.set(i === 0 ? opens : `${opens} ${i + 1}`, each));
      } else {
        const { who, types, shows, ends = [] } = step;
        if (who && types) await windows.get(who)!.type(types);
        for (const [name, texts] of Object.entries(shows)) {
          for (const text of texts) await windows.get(name)!.expect(filled(text));
        }
        for (const name of ends) await windows.get(name)!.end();
      }
    }
  } finally {
    await Promise.all([...windows.values()].map((window) => window.close()));
  }
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

function complain(sentence: string, tell: (line: string) => void): void {
  wrong++;
  tell(`WRONG: ${sentence}`);
}

const NEXT = `
What to try next, each command in a terminal of its own:
  deno run --allow-net server.ts relay 8001            a server, here for relay
  deno run --allow-net client.ts relay 127.0.0.1 8001  a client; start two
  deno task check relay --server 'python3 server.py {port}'
                                                       what is wrong with your server`;

/** Plays the samples that are named, or all; returns the exit code. */
export async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !Object.hasOwn(SAMPLES, name));
  if (unknown !== undefined) {
    say(`no sample is called ${unknown}: they are ${Object.keys(SAMPLES).join(", ")}`);
    return 2;
  }
  // All are played at once, for the time that programs take to start, and shown one after the other.
  const chosen = names.length > 0 ? names : Object.keys(SAMPLES);
  const played = chosen.map(async (name) => {
    const lines: string[] = [];
    const tell = (line: string) => void lines.push(line);
    await play(SAMPLES[name]!, tell).catch((error: Error) => complain(error.message, tell));
    return lines;
  });
  for (const sample of played) for (const line of await sample) say(line);
  say(wrong === 0 ? "\nEvery line was right." : `\n${wrong} lines were wrong.`);
  if (wrong === 0) say(NEXT);
  return wrong === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
