/**
 * The servers that are measured, each as a process of its own.
 *
 * @module
 */

import { DIALECTS } from "./dialects.ts";

/** A server to measure. */
export interface Target {
  /** Its name in the table. */
  readonly name: string;
  /** How to talk to it, a name of `DIALECTS`. */
  readonly dialect: string;
  /** What its ratio is taken of, where that is not itself. */
  readonly baseline?: string;
  /** Set for the servers of this project. */
  readonly own?: true;
  /** The command that serves on this port, with the file that `config` is in. */
  command(port: number, file: string): string[];
  /** What stands in its configuration file, if it needs one. */
  config?(port: number): string;
}

/** A path in this project. */
export function path(name: string): string {
  return new URL(`../${name}`, import.meta.url).pathname;
}

/** The command that runs a script of ours, as people run it. */
export function own(script: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "--allow-net", path(script), ...args];
}

/** The same server out of another checkout of this project, measured in turns with today's. */
export function before(target: Target, checkout: string): Target {
  const here = path("");
  const root = checkout.endsWith("/") ? checkout : `${checkout}/`;
  return {
    ...target,
    name: `${target.name} before`,
    command: (port, file) =>
      target.command(port, file).map((arg) =>
        arg.startsWith(here) ? root + arg.slice(here.length) : arg
      ),
  };
}

const LIMIT = "C relay";
const BYTES = "bytes in Deno";
const DATAGRAMS = "datagrams in Deno";

/** What is measured over TCP: the baseline, our servers, and what is installed of others. */
export const TCP: readonly Target[] = [
  {
    name: LIMIT,
    dialect: "bytes",
    baseline: BYTES,
    command: (port) => [path("dist/limit"), `${port}`],
  },
  {
    name: BYTES,
    dialect: "bytes",
    command: (port) => own("bench/baseline.ts", `${port}`),
  },
  {
    name: "relay",
    own: true,
    dialect: "relay",
    baseline: BYTES,
    command: (port) => own("server.ts", "relay", `${port}`, "--users", "10000"),
  },
  {
    name: "channels",
    own: true,
    dialect: "channels",
    baseline: BYTES,
    command: (port) => own("server.ts", "channels", `${port}`),
  },
  {
    name: "chatroom",
    own: true,
    dialect: "chatroom",
    baseline: BYTES,
    command: (port) => own("chatroom.ts", "server", "--port", `${port}`),
  },
  {
    name: "ncat --broker",
    dialect: "bytes",
    baseline: BYTES,
    command: (port) => ["ncat", "-l", "127.0.0.1", `${port}`, "--broker", "-m", "5000"],
  },
  {
    name: "ngircd",
    dialect: "irc",
    baseline: BYTES,
    command: (_port, file) => ["ngircd", "-n", "-f", file],
    config: (port) =>
      `[Global]\nName = bench.example.net\nInfo = bench\nPorts = ${port}\nListen = 127.0.0.1\n` +
      "MotdPhrase = none\n[Limits]\nMaxConnections = 0\nMaxConnectionsIP = 0\nMaxJoins = 10\n" +
      "MaxPenaltyTime = 0\n[Options]\nDNS = no\nIdent = no\nPAM = no\n",
  },
];

/** The baseline for servers that have rooms. */
export const BYTES_IN_ROOMS: Target = {
  name: "bytes in Deno",
  dialect: "bytes in rooms",
  command: (port) => own("bench/baseline.ts", `${port}`, "rooms"),
};

/** What is measured over UDP, one receiver for each message. */
export const UDP_ONE: readonly Target[] = [
  {
    name: DATAGRAMS,
    dialect: "overlay",
    command: (port) => own("bench/udp_baseline.ts", `${port}`),
  },
  {
    name: "overlay",
    own: true,
    dialect: "overlay",
    baseline: DATAGRAMS,
    command: (port) => own("overlay.ts", "-p", `${port}`),
  },
];

/** What is measured over UDP, all others being receivers of each message. */
export const UDP_ALL: readonly Target[] = [
  {
    name: DATAGRAMS,
    dialect: "chatroom-udp",
    command: (port) => own("bench/udp_baseline.ts", `${port}`),
  },
  {
    name: "chatroom",
    own: true,
    dialect: "chatroom-udp",
    baseline: DATAGRAMS,
    command: (port) => own("chatroom.ts", "server", "--udp", "--port", `${port}`),
  },
];

/** A server that runs, until it is disposed of. */
export interface Running extends AsyncDisposable {
  /** Where it serves. */
  readonly port: number;
  /** Its process. */
  readonly pid: number;
}

/** Starts a server on a free port; undefined when the machine does not have it. */
export async function start(target: Target): Promise<Running | undefined> {
  const port = freePort();
  const file = target.config && await Deno.makeTempFile({ suffix: ".conf" });
  try {
    if (file) await Deno.writeTextFile(file, target.config!(port));
    const [command, ...args] = target.command(port, file ?? "");
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    const child = new Deno.Command(command!, options).spawn();
    const running = { port, pid: child.pid, [Symbol.asyncDispose]: () => stop(child) };
    try {
      // Over UDP the clients ask until they are answered.
      if (DIALECTS[target.dialect]!.transport !== "udp") await answers(port);
      return running;
    } catch (error) {
      await stop(child);
      throw new Error(`${target.name} does not serve`, { cause: error });
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    if (file) await Deno.remove(file);
  }
}

async function stop(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
  await child.status;
}

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Waits until something accepts connections at the port; rejects after a few seconds. */
async function answers(port: number): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
