/**
 * Measures every server in the same shapes in one session, beside a baseline in Deno and the chat
 * servers that are installed, and writes `docs/performance.md` with the table and a plot of it. Figures
 * are worth something only beside each other: `deno task bench`, or `deno task bench relay bytes` for a
 * few.
 *
 * @module
 */

import type { Load, Result } from "./load.ts";
import { type Bar, plot } from "./plot.ts";

/** A server to measure. */
interface Target {
  /** Its name in the table. */
  readonly name: string;
  /** How to talk to it, a name of `DIALECTS`. */
  readonly dialect: string;
  /** The command that serves on this port. */
  command(port: number): string[];
}

/** A load, and its name in the table. */
type Shape = Omit<Load, "dialect"> & { readonly name: string };

/** What one target did in one shape. Memory in MiB, times in seconds. */
interface Row extends Result {
  readonly target: string;
  readonly shape: string;
  readonly cpu: number;
  readonly memory: number;
}

const own = (...args: string[]) => [Deno.execPath(), "run", "--allow-net", ...args];
const path = (name: string) => new URL(`../${name}`, import.meta.url).pathname;

const TARGETS: Target[] = [
  {
    name: "bytes in Deno",
    dialect: "bytes",
    command: (port) => own(path("bench/baseline.ts"), `${port}`),
  },
  {
    name: "relay",
    dialect: "relay",
    command: (port) => own(path("server.ts"), "relay", `${port}`, "--users", "5000"),
  },
  {
    name: "channels",
    dialect: "channels",
    command: (port) => own(path("server.ts"), "channels", `${port}`),
  },
  {
    name: "chatroom",
    dialect: "chatroom",
    command: (port) => own(path("chatroom.ts"), "server", "--port", `${port}`),
  },
  {
    name: "ncat --broker",
    dialect: "bytes",
    command: (port) => ["ncat", "-l", "127.0.0.1", `${port}`, "--broker", "-m", "5000"],
  },
  {
    name: "ngircd",
    dialect: "irc",
    command: (port) => ["ngircd", "-n", "-f", ngircdConfig(port)],
  },
];

const SHAPES: Shape[] = [
  { name: "10 clients, window 64", clients: 10, senders: 1, messages: 30_000, window: 64 },
  { name: "100 clients, window 64", clients: 100, senders: 1, messages: 8000, window: 64 },
  { name: "1000 clients, window 64", clients: 1000, senders: 1, messages: 1000, window: 64 },
  { name: "100 clients, window 1", clients: 100, senders: 1, messages: 3000, window: 1 },
  { name: "100 clients, 100 senders", clients: 100, senders: 100, messages: 80, window: 1 },
  { name: "100 clients, 1000 messages/s", clients: 100, senders: 10, messages: 300, rate: 1000 },
];

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function ngircdConfig(port: number): string {
  const file = Deno.makeTempFileSync({ suffix: ".conf" });
  Deno.writeTextFileSync(
    file,
    `[Global]\nName = bench.example.net\nInfo = bench\nPorts = ${port}\nListen = 127.0.0.1\n` +
      "MotdPhrase = none\n[Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 10\n" +
      "MaxPenaltyTime = 0\n[Options]\nDNS = no\nIdent = no\nPAM = no\n",
  );
  return file;
}

/** Measures one target in one shape; undefined where it is not installed or could not do it. */
async function measure(target: Target, shape: Shape): Promise<Row | undefined> {
  const port = freePort();
  const [file, ...args] = target.command(port);
  let server: Deno.ChildProcess;
  try {
    server = new Deno.Command(file!, { args, stdin: "null", stdout: "null", stderr: "null" })
      .spawn();
  } catch {
    return undefined;
  }
  try {
    if (!await answers(port)) return undefined;
    const { name, ...load } = shape;
    const generator = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-net",
        path("bench/load.ts"),
        String(port),
        JSON.stringify({ ...load, dialect: target.dialect }),
      ],
      stderr: "null",
    });
    const { code, stdout } = await generator.output();
    if (code !== 0) return undefined;
    const result: Result = JSON.parse(new TextDecoder().decode(stdout));
    return { target: target.name, shape: name, ...result, ...usage(server.pid) };
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
}

/** Whether something accepts connections at the port within a few seconds. */
async function answers(port: number): Promise<boolean> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
  return false;
}

/** CPU seconds and peak memory of a process, as Linux counts them. */
function usage(pid: number): { cpu: number; memory: number } {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  const peak = /VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  // Clock ticks are hundredths of a second on every Linux that Deno runs on.
  return { cpu: (Number(stat[11]) + Number(stat[12])) / 100, memory: Number(peak![1]) / 1024 };
}

function number(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2);
}

/** The rows as a Markdown table, a shape after the other. */
function table(rows: Row[]): string {
  const head = ["shape", "server", "deliveries/s", "p50 µs", "p99 µs", "p99.9 µs", "CPU s", "MiB"];
  const lines = rows.map((row) => [
    row.shape,
    row.target,
    ...[row.deliveries / row.seconds, row.p50, row.p99, row.p999, row.cpu].map(number),
    row.memory.toFixed(0),
  ]);
  const text = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, i) => i < 2 ? "---" : "--:");
  return [text(head), text(rule), ...lines.map(text)].join("\n");
}

function page(rows: Row[], missing: string[]): string {
  const left = missing.length ? `\nNot measured: ${missing.join("; ")}.\n` : "";
  return `# Performance

Written by \`deno task bench\`. Each server and the load generator ran as processes of their own on the
same machine in one session, one after the other, with messages of 64 bytes of text. A delivery is one
message that one client other than its sender has received. Only ratios between rows of the same shape
mean something: the machine, and the generator on it, set the scale.

"bytes in Deno" is a relay that passes on whatever it reads, without a protocol and without bounds: what
Deno itself can do.

![deliveries per second](performance.svg)

${table(rows)}
${left}`;
}

/** Runs it; names of targets on the command line choose some. Returns the exit code. */
export async function main(names: readonly string[]): Promise<number> {
  const targets = TARGETS.filter(({ name, dialect }) =>
    names.length === 0 || names.includes(name) || names.includes(dialect)
  );
  const rows: Row[] = [];
  const missing: string[] = [];
  for (const shape of SHAPES) {
    for (const target of targets) {
      const row = await measure(target, shape);
      if (row) rows.push(row);
      else missing.push(`${target.name} with ${shape.name}`);
      say(row ? table([row]).split("\n")[2]! : `| ${shape.name} | ${target.name} | not measured |`);
    }
  }
  if (names.length > 0) return 0;
  const bars: Bar[] = rows.map(({ shape, target, deliveries, seconds }) => ({
    group: shape,
    name: target,
    value: deliveries / seconds,
  }));
  await Deno.mkdir(path("docs"), { recursive: true });
  await Deno.writeTextFile(path("docs/performance.md"), page(rows, missing));
  const closed = bars.filter(({ group }) => !group.includes("messages/s"));
  await Deno.writeTextFile(path("docs/performance.svg"), plot(closed, "deliveries per second"));
  say("wrote docs/performance.md and docs/performance.svg");
  return 0;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
