/**
 * Runs the calls of the check's class cases for a `chatroom.ts`, as chatroom_driver.py does for a
 * chatroom.py: it connects to the check, takes one JSON line a call, and answers each with one.
 *
 * `deno run --allow-net --allow-read --unstable-net check/chatroom_driver.ts FILE obey PORT`
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";

/** One call of the check; chatroom_driver.py says what each does. */
interface Call {
  readonly id: number;
  readonly do: "new" | "methods" | "variables" | "get" | "set?" | "call";
  readonly on: string;
  readonly name: string;
  readonly args?: readonly unknown[];
}

// deno-lint-ignore no-explicit-any -- the classes are another program's, known by name only.
type Known = any;

const classes: Known = await import(new URL(Deno.args[0]!, `file://${Deno.cwd()}/`).href);
const objects = new Map<string, Known>();
/** Clients that a case has named: it may name them again after they have left. */
const named = new Map<Known, Map<string, unknown>>();

/** What of a value can travel: sockets by the port of their peer, addresses as host and port. */
function shown(value: Known): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value !== "object") return value;
  // A list of messages is an array of pairs, which are the document's tuples.
  if (Array.isArray(value)) {
    return Array.isArray(value[0]) ? { list: value.map(shown) } : { tuple: value.map(shown) };
  }
  if ("hostname" in value) return { address: [value.hostname, value.port] };
  if ("remoteAddr" in value) return { socket: value.remoteAddr.port };
  if (typeof value[Symbol.iterator] !== "function") return { type: value.constructor.name };
  return { dict: [...value].map((pair: Known) => pair.map(shown)) };
}

/** A client's socket or address for its name, an address for host and port. */
function meant(argument: Known, target: Known): unknown {
  if (argument?.client !== undefined) {
    const known = named.get(target) ?? new Map();
    for (const [key, name] of target.clients) known.set(name, key);
    named.set(target, known);
    return known.get(argument.client);
  }
  if (argument?.address === undefined) return argument;
  const [hostname, port] = argument.address;
  return { transport: "udp", hostname, port };
}

async function obey({ do: what, on, name, args = [] }: Call): Promise<unknown> {
  if (what === "new") return void objects.set(on, new classes[name](...args));
  if (what === "methods") {
    const methods: Known = classes[name]?.prototype ?? {};
    return args.filter((each) =>
      each !== "__init__" && typeof methods[each as string] !== "function"
    );
  }
  const target = objects.get(on);
  if (what === "variables") return args.filter((each) => !((each as string) in target));
  if (what === "get") return shown(target[name]);
  if (what === "set?") return target[name].is_set();
  return shown(await target[name](...args.map((each) => meant(each, target))));
}

const link = await Deno.connect({ port: Number(Deno.args[2]) });
const encoder = new TextEncoder();

async function answer(call: Call): Promise<void> {
  const reply = await obey(call).then(
    (result) => ({ id: call.id, result: result ?? null }),
    (error) => ({ id: call.id, error: `${error?.stack ?? error}` }),
  );
  await link.write(encoder.encode(JSON.stringify(reply) + "\n"));
}

const lines = link.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
// A call may wait for what a later call brings about.
for await (const line of lines) answer(JSON.parse(line)).catch(() => Deno.exit(1));
Deno.exit(0);
