/**
 * Programs under test: how they are started, watched and ended. Each is a process group of its own, so
 * that whatever it forks ends with it, and a guard ends all of them when the check itself is killed.
 *
 * @module
 */

import { bytes } from "./bytes.ts";
import { DidNotStart, Failure, type Hint, Skipped } from "./case.ts";
import { HINTS } from "./hints.ts";
import { type Expect, Inbox } from "./inbox.ts";
import type { PeerWatch } from "./peer.ts";

/** What is kept of an output; the rest is counted. */
const KEPT_BYTES = 65_536;
/** Where reading an output ends: a program that floods waits for its pipe from then on. */
const READ_BYTES = 1 << 21;
/** How long a program may live, in milliseconds. */
const LIFE_MS = 120_000;
/** Between SIGTERM and SIGKILL, in milliseconds. */
const TERM_MS = 2000;

/** Between looks at how busy the machine is, in milliseconds. */
const LOOK_MS = 5000;

/** Splits a command by a shell's rules for quotes and backslashes; nothing is expanded. */
export function splitCommand(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  const parts = command.matchAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)|(\s+)|([^\s'"\\]+)|(.)/gs);
  for (const [, single, double, escaped, blank, plain, stray] of parts) {
    if (stray !== undefined) throw new SyntaxError(`a ${stray} is not closed in: ${command}`);
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") +
        (single ?? double?.replace(/\\([\\"$`])/g, "$1") ?? escaped ?? plain ?? "");
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Words of a command with `{port}` and such filled in; an unknown placeholder stays as it is. */
export function fillIn(
  words: readonly string[],
  values: Readonly<Record<string, string | number>>,
): string[] {
  return words.map((word) =>
    word.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole))
  );
}

// ---- the guard ----

/**
 * Ends process groups that are still on its list when its input ends, which is when the check is no
 * more, for whatever reason, and removes the folders that programs were given.
 */
const GUARD = `
trap '' INT TERM HUP
live=
while read op pid; do
  if [ "$op" = + ]; then live="$live $pid"; continue; fi
  rest=
  for each in $live; do [ "$each" = "$pid" ] || rest="$rest $each"; done
  live=$rest
done
for each in $live; do kill -s KILL -- "-$each" 2>/dev/null || kill -s KILL "$each" 2>/dev/null; done
rm -rf "\${TMPDIR:-/tmp}/$0"
exit 0
`;

/**
 * Runs a command in a folder of its own that shows the files of the folder it was started in. What one
 * run writes there is gone for the next one; called with `list`, the run's files are printed at its end.
 * A folder whose program had to be killed is left to the guard, so all are in the one that it knows.
 */
const OWN_FOLDER = `
folders="\${TMPDIR:-/tmp}/$1"
shift
mkdir -p "$folders" && folder=$(mktemp -d "$folders/XXXXXX") || exec "$@"
for each in "$PWD"/* "$PWD"/.[!.]*; do [ -e "$each" ] && ln -s "$each" "$folder/"; done
cd "$folder"
trap : INT TERM HUP
# The shell's own words on how a program ended are not the program's.
exec 3>&2 2>/dev/null
"$@" 2>&3 3>&-
code=$?
[ "$0" = list ] && find . -type f
cd / && rm -rf "$folder"
exit $code
`;

/** Starts programs, each in a group of its own where the system can, and knows which still live. */
export class Launcher {
  /** Whether programs have groups of their own; without, grandchildren may stay. */
  readonly groups: boolean;
  readonly #guard: Deno.ChildProcess | undefined;
  readonly #guardInput: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #folders: string;
  readonly #live = new Set<Program>();
  #over = false;
  #busy = 1;
  #watching: ReturnType<typeof setInterval> | undefined;

  private constructor(groups: boolean, guard?: Deno.ChildProcess, folders = "") {
    this.groups = groups;
    this.#guard = guard;
    this.#folders = folders;
    this.#guardInput = guard?.stdin.getWriter();
  }

  /** Finds out what the system can do, and starts the guard. */
  static async open(): Promise<Launcher> {
    const quiet = { stdout: "null", stderr: "null" } as const;
    let launcher: Launcher;
    try {
      await new Deno.Command("setsid", { args: ["true"], stdin: "null", ...quiet }).output();
      const folders = `parley-check-${crypto.randomUUID()}`;
      const args = ["sh", "-c", GUARD, folders];
      const guard = new Deno.Command("setsid", { args, stdin: "piped", ...quiet }).spawn();
      launcher = new Launcher(true, guard, folders);
    } catch {
      launcher = new Launcher(false);
    }
    await launcher.#look();
    launcher.#watching = setInterval(() => launcher.#look(), LOOK_MS);
    return launcher;
  }

  /** How many programs want each processor, from 1 to 4: a program on a busy machine answers late. */
  get busy(): number {
    return this.#busy;
  }

  async #look(): Promise<void> {
    try {
      const args = ["-c", "cat /proc/loadavg && getconf _NPROCESSORS_ONLN"];
      const { stdout } = await new Deno.Command("sh", { args, stderr: "null" }).output();
      const [load = NaN, ...rest] = new TextDecoder().decode(stdout).trim().split(/\s+/).map(
        Number,
      );
      const wanted = load / rest.at(-1)!;
      this.#busy = Number.isNaN(wanted) ? 1 : Math.min(4, Math.max(1, wanted));
    } catch {
      // This system has no such file: its deadlines stay as they are.
    }
  }

  /** Starts a program; throws `DidNotStart` when there is no such command. */
  start(label: string, words: readonly string[], options: StartOptions): Program {
    if (this.#over) throw new Skipped("the run was ended");
    const own = options.folder === undefined || !this.groups
      ? words
      : ["sh", "-c", OWN_FOLDER, options.folder, this.#folders, ...words];
    const [command = "", ...args] = this.groups ? ["setsid", ...own] : own;
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(command, {
        args,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        env: { PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" },
        ...options.cwd === undefined ? {} : { cwd: options.cwd },
      }).spawn();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new DidNotStart(`${words[0]} to start: ${reason}`, { where: label });
    }
    this.#tell("+", child.pid);
    const program = new Program(label, child, { watch: options.watch, groups: this.groups });
    this.#live.add(program);
    program.gone.then(() => {
      this.#live.delete(program);
      this.#tell("-", child.pid);
    });
    return program;
  }

  #tell(op: "+" | "-", pid: number): void {
    this.#guardInput?.write(bytes(`${op} ${pid}\n`)).catch(() => {});
  }

  /** Ends every program that still lives, and the guard. */
  async close(): Promise<void> {
    clearInterval(this.#watching);
    await Promise.all([...this.#live].map((program) => program.kill()));
    await this.#guardInput?.close().catch(() => {});
    await this.#guard?.status;
  }

  /** Kills at once whatever still lives, and starts nothing more: for an end that cannot wait. */
  killAll(): void {
    this.#over = true;
    for (const program of this.#live) program.signal("SIGKILL");
  }
}

/** What a start needs to know beside the command. */
export interface StartOptions {
  readonly watch: PeerWatch;
  /** A folder of its own for what it writes; with `list`, what it wrote is printed at its end. */
  readonly folder?: "own" | "list";
  readonly cwd?: string;
}

// ---- a program ----

/** A program under test. */
export class Program {
  /** What it is called in reports: `server`, `Mike`. */
  readonly label: string;
  /** Its standard output. */
  readonly out: Inbox;
  /** Its standard error. */
  readonly err: Inbox;
  /** Resolves to its exit code once it has ended by itself or was killed; 128 + n for signal n. */
  readonly ended: Promise<number>;
  /** Resolves once it and its group were killed. */
  readonly gone: Promise<void>;
  /** Its exit code, or undefined while it lives. */
  code: number | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #watch: PeerWatch;
  readonly #groups: boolean;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #readers: ReadableStreamDefaultReader<Uint8Array>[];
  readonly #pumps: Promise<unknown>;
  readonly #life: ReturnType<typeof setTimeout>;
  readonly #gone = Promise.withResolvers<void>();
  #inputOpen = true;
  #asked = false;

  /** Takes over a child whose three streams are piped. */
  constructor(
    label: string,
    child: Deno.ChildProcess,
    { watch, groups }: { watch: PeerWatch; groups: boolean },
  ) {
    this.label = label;
    this.#child = child;
    this.#watch = watch;
    this.#groups = groups;
    this.#input = child.stdin.getWriter();
    this.out = new Inbox(`${label}'s stdout`, watch, KEPT_BYTES);
    this.err = new Inbox(`${label}'s stderr`, watch, KEPT_BYTES);
    this.#readers = [child.stdout.getReader(), child.stderr.getReader()];
    const [out, err] = this.#readers;
    this.#pumps = Promise.all([pump(out!, this.out), pump(err!, this.err)]);
    this.#life = setTimeout(() => this.kill(), LIFE_MS);
    this.ended = child.status.then(async ({ code }) => {
      this.code = code;
      watch.did(label, `ended with exit code ${code}`);
      // A grandchild may hold the pipes open for as long as it likes.
      await atMost(200, this.#pumps);
      this.out.end("end of the program");
      this.err.end("end of the program");
      return code;
    });
    this.gone = this.#gone.promise;
  }

  /** Its process, and the group that it is started in. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it still runs. */
  get lives(): boolean {
    return this.code === undefined;
  }

  /** Whether the check has told it to end. */
  get wasTold(): boolean {
    return this.#asked;
  }

  /** Types a line. */
  async types(line: string): Promise<void> {
    await this.feeds(line + "\n");
  }

  /** Writes to its standard input as it is. */
  async feeds(data: string | Uint8Array): Promise<void> {
    this.#watch.sent(`${this.label}'s keyboard`, bytes(data), "typed");
    await this.#input.write(bytes(data)).catch(() => {});
  }

  /** Ends its standard input, as Ctrl-D does. */
  async endsInput(): Promise<void> {
    if (!this.#inputOpen) return;
    this.#inputOpen = false;
    this.#watch.did(`${this.label}'s keyboard`, "ends (Ctrl-D)");
    await this.#input.close().catch(() => {});
  }

  /** Waits until its stdout shows the text. */
  async prints(text: string, expect?: Expect): Promise<string> {
    return await this.#shown(this.out.contains(text, expect));
  }

  /** Waits until its stdout shows all texts, in any order. */
  async printsAll(texts: readonly string[], expect?: Expect): Promise<void> {
    await this.#shown(this.out.containsAll(texts, expect));
  }

  /** Waits until a whole line of its stdout is this text. */
  async printsLine(text: string, expect?: Expect): Promise<string> {
    return await this.#shown(this.out.line(text, expect));
  }

  /** Waits until its stdout matches. */
  async printsMatch(
    pattern: RegExp,
    expect?: Expect & { as?: string },
  ): Promise<RegExpExecArray> {
    return await this.#shown(this.out.matches(pattern, expect));
  }

  /** A program that shows nothing at all while it lives has its output in a buffer, most likely. */
  async #shown<T>(expectation: Promise<T>): Promise<T> {
    try {
      return await expectation;
    } catch (error) {
      const silent = error instanceof Failure && this.lives && this.out.total === 0;
      if (!silent || error.hint) throw error;
      const { expected, where, waited } = error;
      const late = waited === undefined ? {} : { waited };
      throw new Failure(expected, { where, ...late, got: this.out.all, hint: HINTS.notFlushed });
    }
  }

  /** Sends a signal to its group, as a terminal does for Ctrl-C (SIGINT). */
  signals(signal: Deno.Signal): void {
    this.#asked = true;
    this.#watch.did(
      this.label,
      signal === "SIGINT" ? "is told to end by Ctrl-C" : `gets ${signal}`,
    );
    this.signal(signal);
  }

  /** Sends a signal to its group, without a word in the dialogue. */
  signal(signal: Deno.Signal): void {
    try {
      Deno.kill(this.#groups ? -this.#child.pid : this.#child.pid, signal);
    } catch {
      // It and its group are gone already.
    }
  }

  /** Waits until it ends by itself; resolves to its exit code. */
  async ends({ within = this.#watch.deadline, hint }: Expect = {}): Promise<number> {
    this.#asked = true;
    const code = await atMost(within, this.ended);
    if (code !== undefined) return code;
    throw new Failure(`${this.label} to end`, {
      where: this.label,
      waited: within,
      ...hint ? { hint } : {},
    });
  }

  /** Fails when it has ended. */
  alive(hint?: Hint): void {
    if (this.code === undefined) return;
    throw new Failure(`${this.label} to go on, and it ended with exit code ${this.code}`, {
      where: this.label,
      ...hint ? { hint } : {},
    });
  }

  /** Fails when what it wrote to stderr (or stdout) holds a traceback of an exception. */
  noTraceback(hint?: Hint): void {
    for (const inbox of [this.err, this.out]) {
      const at = inbox.text.search(/Traceback \(most recent call last\)|^\s+at .*:\d+:\d+\)?$/m);
      if (at === -1) continue;
      throw new Failure("no traceback", {
        where: inbox.where,
        ...hint ? { hint } : {},
      });
    }
  }

  /** Ends it and whatever it has forked: SIGTERM to its group, 2 s, SIGKILL. */
  async kill({ patience = TERM_MS } = {}): Promise<void> {
    this.#asked = true;
    clearTimeout(this.#life);
    if (this.lives) this.signal("SIGTERM");
    await atMost(patience, this.ended);
    // Its group may outlive it: a server that forks itself into the background does.
    this.signal("SIGKILL");
    await this.ended;
    await atMost(500, this.#pumps);
    for (const reader of this.#readers) await reader.cancel().catch(() => {});
    await this.#input.close().catch(() => {});
    this.#gone.resolve();
  }
}

/** What a promise resolves to, or undefined when that takes longer than `ms`. */
export async function atMost<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  inbox: Inbox,
): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return inbox.end("EOF");
      inbox.add(value);
      // From here on the program waits for its pipe, which is what keeps a flood off the machine.
      if (inbox.total > READ_BYTES) return;
    }
  } catch {
    inbox.end("EOF");
  }
}
