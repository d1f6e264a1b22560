/**
 * From a command line to an exit code: help, usage errors and failures are said in one place.
 *
 * @module
 */

import { suggestion, UsageError } from "./options.ts";
import { StartError } from "./serving.ts";
import { startTrace } from "./trace.ts";

/** A protocol as a role runs it. */
export interface Protocol {
  /** How it is called, with its options. */
  readonly USAGE: string;
  /**
   * Carries a command line out. Returns "help" when it asks for that, else an exit code or nothing for
   * 0. Throws a {@linkcode UsageError} or a {@linkcode StartError} for the person who typed it.
   */
  run(args: readonly string[]): Promise<"help" | number | void>;
}

/** What a role is made of. */
export interface Role {
  /** Its protocols by their names, loaded when they are asked for. */
  protocols: Readonly<Record<string, () => Promise<Protocol>>>;
  /** How it is called when no protocol is named. */
  usage: string;
  /** What is missing then. Default: "PROTOCOL". */
  word?: string;
}

/** Runs the protocol that `args` begin with; returns the exit code. */
export async function runRole(args: readonly string[], role: Role): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--help" || name === "-h") return say(role.usage);
  const known = Object.keys(role.protocols);
  const { word = "PROTOCOL" } = role;
  if (name === undefined) return complain(`missing ${word}`, role.usage);
  if (!known.includes(name)) {
    const what = role.word ? `${word} expected, not` : "unknown protocol";
    return complain(`${what} ${name}${suggestion(name, known)}`, role.usage);
  }
  return await runProtocol(await role.protocols[name]!(), rest);
}

/** Runs one protocol; returns the exit code. */
export async function runProtocol(protocol: Protocol, args: readonly string[]): Promise<number> {
  try {
    const [trace, rest] = takeTrace(args);
    if (trace !== undefined) await startTrace(trace);
    const result = await protocol.run(rest);
    return result === "help" ? say(protocol.USAGE + TRACE_HELP) : result ?? 0;
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, protocol.USAGE);
    if (error instanceof StartError) return fail(error.message);
    throw error;
  }
}

/** Every command takes `--trace FILE`: it is taken out here, so that no protocol has to know of it. */
function takeTrace(args: readonly string[]): [file: string | undefined, rest: readonly string[]] {
  const at = args.findIndex((arg) => arg === "--trace" || arg.startsWith("--trace="));
  if (at === -1) return [undefined, args];
  const glued = args[at]!.startsWith("--trace=");
  const path = glued ? args[at]!.slice("--trace=".length) : args[at + 1];
  if (!path || (!glued && path.startsWith("-"))) throw new UsageError("--trace needs a value");
  return [path, args.toSpliced(at, glued ? 1 : 2)];
}

const TRACE_HELP = "  --trace FILE            write all that goes over the sockets to a file\n";

function say(usage: string): number {
  Deno.stdout.writeSync(new TextEncoder().encode(usage));
  return 0;
}

/** Usage, and behind it the reason, where a person looks first. */
function complain(reason: string, usage: string): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`${usage}\n${reason}\n`));
  return 2;
}

function fail(sentence: string): number {
  Deno.stderr.writeSync(new TextEncoder().encode(`${sentence}\n`));
  return 1;
}
