/**
 * What a case plays with: the programs under test, the check's own peers, and the dialogue in which
 * everything that happens is written down.
 *
 * @module
 */

import { bytes } from "./bytes.ts";
import { type Case, type Commands, DidNotStart, Failure, type Hint, Skipped } from "./case.ts";
import { HINTS } from "./hints.ts";
import { FakeServer, Peer, type PeerWatch, resettable, UdpPeer, wireOf } from "./peer.ts";
import { fillIn, type Launcher, Program } from "./program.ts";

/** One entry of the dialogue. */
export interface Entry {
  /** Milliseconds since the case began. */
  readonly at: number;
  readonly who: string;
  /** `→` sent by the check, `←` came from the program, `·` something else happened. */
  readonly arrow: "→" | "←" | "·";
  readonly data?: Uint8Array;
  readonly note: string;
}

/** What came of one part of a case, the case itself being the part without a name. */
export interface PartOutcome {
  readonly name: string | undefined;
  readonly failure: Error | undefined;
  readonly remarks: readonly string[];
  /** How many entries the dialogue had by then. */
  readonly upTo: number;
}

/** What scenes of one suite share. */
export interface Stage {
  readonly commands: Commands;
  readonly launcher: Launcher;
  /** The usual deadline, in milliseconds. */
  readonly deadline: number;
  /** What cases found out about the program for the cases behind them. */
  readonly facts: Map<string, unknown>;
  /** A server that runs already, in place of one that is started. */
  readonly at?: { readonly host: string; readonly port: number };
  /** The folder that programs run in. */
  readonly cwd?: string;
  /** Cuts what the peers of a case write into pieces, by the id of the case. */
  readonly faults?: (caseId: string) => PeerWatch["faults"];
}

/** What a start of a program can be told. */
export interface Start {
  /** What it is called in the dialogue; a client's `{name}`, too. */
  readonly name?: string;
  /** Words behind those of the command. */
  readonly args?: readonly string[];
  /** More placeholders, or others than usual: `{ port, host, name, peerport, … }`. */
  readonly values?: Readonly<Record<string, string | number>>;
  /** The words of the command are these and no others. */
  readonly words?: readonly string[];
  /** A folder of its own for what it writes; with `list`, what it wrote is printed at its end. */
  readonly folder?: "own" | "list";
}

/** How long a program has to accept its first connection, in deadlines of 2 s. */
const START_DEADLINES = 2.5;
/** Ports are taken from here to below the ephemeral range. */
const [LOWEST_PORT, HIGHEST_PORT] = [10_000, 32_000];

const taken = new Set<number>();

/** A port that nobody listens on, TCP or UDP, and that no other scene has been given. */
export function freePort(): number {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT));
    if (taken.has(port)) continue;
    try {
      Deno.listen({ hostname: "0.0.0.0", port }).close();
      Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port }).close();
      taken.add(port);
      return port;
    } catch {
      // Somebody has it.
    }
  }
}

/** What goes wrong in `play`, or undefined: for a case that has more to try before it fails. */
export async function attempt(play: () => Promise<unknown> | void): Promise<Failure | undefined> {
  try {
    await play();
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

/** One playing of one case. */
export class Scene {
  /** Everything that happened, in order. */
  readonly dialogue: Entry[] = [];
  /** What was found that is never scored. */
  readonly notes: string[] = [];
  /** What came of the parts that were tried. */
  readonly outcomes: PartOutcome[] = [];
  /** What this suite's cases found out for the cases behind them. */
  readonly facts: Map<string, unknown>;
  /** The usual deadline, in milliseconds. */
  readonly deadline: number;
  /** What peers and programs report to. */
  readonly watch: PeerWatch;
  /** Programs under test that were started, in order. */
  readonly programs: Program[] = [];
  readonly #stage: Stage;
  readonly #case: Case;
  readonly #start = performance.now();
  readonly #disposables: { dispose(): void }[] = [];
  #remarks: string[] = [];
  #server: Program | undefined;
  #host: string | undefined;
  #reached = false;
  #port: number | undefined;

  /** A scene for one playing. */
  constructor(stage: Stage, test: Case) {
    this.#stage = stage;
    this.#case = test;
    this.facts = stage.facts;
    this.deadline = stage.deadline;
    this.#host = stage.at?.host;
    this.#port = stage.at?.port;
    const faults = stage.faults?.(test.id);
    this.watch = {
      deadline: stage.deadline,
      arrived: (who, data) => this.#log(who, "←", "", data),
      sent: (who, data, how) => this.#log(who, "→", how, data),
      did: (who, what) => this.#log(who, "·", what),
      remark: (sentence) => this.remark(sentence),
      ...faults ? { faults } : {},
    };
  }

  #log(who: string, arrow: Entry["arrow"], note: string, data?: Uint8Array): void {
    this.dialogue.push({
      at: performance.now() - this.#start,
      who,
      arrow,
      note,
      ...data ? { data } : {},
    });
  }

  // ---- what is said of the program ----

  /** Says what was found where the document leaves something open; never scored. */
  note(sentence: string): void {
    if (!this.notes.includes(sentence)) this.notes.push(sentence);
  }

  /** Says of a small difference that passes, but for `--strict`. */
  remark(sentence: string): void {
    if (!this.#remarks.includes(sentence)) this.#remarks.push(sentence);
  }

  /** Fails the case, or the part that is being tried. */
  fail(
    expected: string,
    details: { where?: string; got?: Uint8Array | string; hint?: Hint } = {},
  ): never {
    throw new Failure(expected, {
      where: details.where ?? "the program",
      ...details.got === undefined ? {} : { got: bytes(details.got) },
      ...details.hint ? { hint: details.hint } : {},
    });
  }

  /** Fails unless the condition holds. */
  expect(
    condition: boolean,
    expected: string,
    details?: { where?: string; got?: Uint8Array | string; hint?: Hint },
  ): void {
    if (!condition) this.fail(expected, details);
  }

  /** Tries a part with a level of its own, declared in `parts`; the case goes on when it fails. */
  async part(name: string, play: () => Promise<void> | void): Promise<boolean> {
    if (!this.#case.parts?.[name]) throw new Error(`${this.#case.id} declares no part ${name}`);
    const outer = this.#remarks;
    this.#remarks = [];
    const failure = await attempt(play);
    this.outcomes.push({ name, failure, remarks: this.#remarks, upTo: this.dialogue.length });
    this.#remarks = outer;
    return failure === undefined;
  }

  /** Plays the case itself, and takes note of what comes of it. */
  async play(): Promise<void> {
    let failure: Error | undefined;
    try {
      await this.#case.run(this);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    const upTo = this.dialogue.length;
    this.outcomes.push({ name: undefined, failure, remarks: this.#remarks, upTo });
  }

  // ---- programs under test ----

  /** Whether the server under test runs already, so that none is started. */
  get runs(): boolean {
    return this.#stage.at !== undefined;
  }

  /** The port of the server under test, whether it runs yet or not. */
  get port(): number {
    return this.#port ??= freePort();
  }

  /** Where the server under test was found to listen; 127.0.0.1 until a connection was made. */
  get host(): string {
    return this.#host ?? (this.facts.get("host") as string | undefined) ?? "127.0.0.1";
  }

  /** The server under test; the first call starts it. */
  server(start: Start = {}): Program {
    if (this.#stage.at) throw new Skipped("it needs a server process of its own");
    return this.#server ??= this.start("server", {
      ...start,
      values: { port: this.port, ...start.values },
    });
  }

  /** A client under test that is to connect to `port`. */
  client(start: Start & { port: number }): Program {
    const values = { port: start.port, host: "127.0.0.1", peerport: 0, ...start.values };
    return this.start("client", { ...start, values });
  }

  /** Starts a program under test, by the name of its command: `server`, `client`. */
  start(role: string, { name = role, args = [], values = {}, words, folder }: Start = {}): Program {
    const command = this.#stage.commands[role];
    if (!words && !command) throw new Skipped(`no command for the ${role} was given`);
    const filled = words ?? fillIn([...command!, ...args], { name, ...values });
    this.#log(name, "·", `is started: ${filled.join(" ")}`);
    const program = this.#stage.launcher.start(name, filled, {
      watch: this.watch,
      ...folder === undefined ? {} : { folder },
      ...this.#stage.cwd === undefined ? {} : { cwd: this.#stage.cwd },
    });
    this.programs.push(program);
    return program;
  }

  /** Starts a program without the words that hold placeholders, and the options in front of them. */
  startBare(role: string): Program {
    const command = this.#stage.commands[role];
    if (!command || this.#stage.at) throw new Skipped(`no command for the ${role} was given`);
    const words = command.filter((word, i) => {
      const next = command[i + 1] ?? "";
      return !/\{\w+\}/.test(word) && !(/^-\w+$/.test(word) && /^\{\w+\}/.test(next));
    });
    return this.start(role, { words });
  }

  // ---- peers ----

  /**
   * Connects to the server under test, which is started if it was not yet. The first connection is tried
   * for 5 s: no other one finds out whether the server is up, because it may serve one at a time.
   */
  async connect(
    name: string,
    { reading = true, resets = false, port = this.port }: {
      /** Whether what comes is read at once; if not, once something is expected. */
      reading?: boolean;
      /** Whether this peer may end with an RST. */
      resets?: boolean;
      /** Another port than the server's. */
      port?: number;
    } = {},
  ): Promise<Peer> {
    if (!this.#stage.at && port === this.port) this.server();
    const wire = await this.#dial(
      port,
      async (host) =>
        resets
          ? await resettable(host, port)
          : wireOf(await Deno.connect({ hostname: host, port })),
    );
    const peer = new Peer(name, wire, this.watch, { reading });
    const end = this.facts.get("end");
    if (typeof end === "string") peer.end = end;
    this.watch.did(name, "is connected");
    this.#disposables.push(peer);
    return peer;
  }

  async #dial<T>(port: number, connect: (host: string) => Promise<T>): Promise<T> {
    const program = this.#server;
    const patience = this.deadline * START_DEADLINES;
    const limit = performance.now() + patience;
    let afterEnd = 0;
    for (let tries = 0;; tries++) {
      for (const host of this.hosts(tries)) {
        try {
          const wire = await connect(host);
          this.#host = host;
          this.facts.set("host", host);
          this.#reached = true;
          return wire;
        } catch (error) {
          if (error instanceof Deno.errors.NotCapable) throw error;
        }
      }
      // One that forks itself into the background ends with 0, and is there a moment later.
      const over = program?.code !== undefined && (program.code !== 0 || ++afterEnd > 40);
      if (program && over) {
        await program.ended;
        const expected =
          `the server to accept connections on port ${port}, and it ended with exit ` +
          `code ${program.code}`;
        // A server that took a connection has started; what ended it is the matter of the case.
        if (this.#reached) throw new Failure(expected, { where: "server" });
        throw new DidNotStart(expected, { where: "server", hint: HINTS.doesNotStart });
      }
      if (performance.now() > limit) {
        const Kind = this.#reached ? Failure : DidNotStart;
        throw new Kind(`the server to accept connections on port ${port}`, {
          where: "server",
          waited: patience,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Where the server may listen: loopback first, the machine's own addresses when that takes long. */
  hosts(tries: number): string[] {
    if (this.#host !== undefined) return [this.#host];
    const known = this.facts.get("host");
    const first = [...new Set([...typeof known === "string" ? [known] : [], "127.0.0.1"])];
    // One that was found on loopback is there the next time, too; elsewhere is looked for now and then.
    if (tries < (known === undefined ? 40 : 120) || tries % 5 !== 0) return first;
    const own = (this.facts.get("addresses") as string[] | undefined) ?? this.#ownAddresses();
    return [...new Set([...first, "127.0.1.1", "::1", ...own])];
  }

  /** The addresses of this machine, as `hostname -I` has them; none where there is no such command. */
  #ownAddresses(): string[] {
    let addresses: string[] = [];
    try {
      const { stdout } = new Deno.Command("hostname", { args: ["-I"], stderr: "null" })
        .outputSync();
      addresses = new TextDecoder().decode(stdout).split(/\s+/).filter((each) => each !== "");
    } catch {
      // This system has another way; loopback must do.
    }
    this.facts.set("addresses", addresses);
    return addresses;
  }

  /** A listener that stands in for a server, on all addresses. */
  listen(port = freePort()): FakeServer {
    const listener = Deno.listen({ hostname: "0.0.0.0", port, transport: "tcp" });
    const server = new FakeServer(listener, this.watch);
    this.#disposables.push(server);
    return server;
  }

  /** A UDP socket: a client of the server under test, or on a given port one that stands in for it. */
  udp(name: string, { port = 0 }: { port?: number } = {}): UdpPeer {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port });
    const peer = new UdpPeer(name, socket, this.watch);
    peer.to = port === 0 ? { transport: "udp", hostname: this.host, port: this.port } : undefined;
    this.#disposables.push(peer);
    return peer;
  }

  /** Ends everything that this scene has opened. */
  async close(): Promise<void> {
    for (const each of this.#disposables) each.dispose();
    await Promise.all(this.programs.map((program) => program.kill()));
  }
}
