/**
 * A server in the test's own process, on a free port.
 *
 * @module
 */

import type { Serving } from "../lib/net.ts";
import { type Clock, Flow } from "../lib/outbound.ts";
import { openOperator } from "../lib/operator.ts";
import { type Limits, limits } from "../lib/program.ts";

/** A server that is running. */
export interface Served extends AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  /** What the operator has seen on stdout; complete once the server is disposed of. */
  readonly lines: string[];
  /** What the operator has been told on stderr. */
  readonly notes: string[];
}

/** Starts `serve` on a free port of loopback; disposing of it ends it in order. */
export function served<Options extends object>(
  serve: (listener: Deno.TcpListener, serving: Serving & Options) => Promise<void>,
  options: Options & { limits?: Partial<Limits>; clock?: Clock },
): Served {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const controller = new AbortController();
  const lines: string[] = [];
  const notes: string[] = [];
  const add = (to: string[]) => (data: Uint8Array) => {
    to.push(...new TextDecoder().decode(data).trimEnd().split("\n"));
    return data.length;
  };
  const inForce = limits(options.limits);
  const flow = new Flow(inForce, options.clock);
  const operator = openOperator(flow, {
    stdout: { write: (data) => Promise.resolve(add(lines)(data)) },
    stderr: { write: (data) => Promise.resolve(add(notes)(data)) },
  });
  const { signal } = controller;
  const ended = serve(listener, { ...options, signal, limits: inForce, flow, operator });
  return {
    port: listener.addr.port,
    lines,
    notes,
    async [Symbol.asyncDispose]() {
      controller.abort();
      await ended;
      await operator.flush();
      operator.close();
    },
  };
}
