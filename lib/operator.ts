/**
 * What a server tells the person who runs it: the document's lines on stdout, and sentences on stderr.
 *
 * @module
 */

import { escapeControl } from "./escape.ts";
import { type Flow, Outbound } from "./outbound.ts";

/** The operator's end of a server. */
export interface Operator {
  /** Prints one line of the document on stdout. Never waits; a stuck stdout slows floods only. */
  print(line: string): void;
  /**
   * Prints a sentence on stderr, at most one a second of each `kind`; the next one says how many were
   * left out. Control characters are escaped: sentences quote what peers send.
   */
  note(sentence: string, kind?: string): void;
  /** Resolves when stdout has taken all lines, or has been closed. */
  flush(): Promise<void>;
  /** Stops printing; what was not flushed is dropped. */
  close(): void;
}

/** Where an operator's lines go; tests pass their own. */
export interface OperatorOptions {
  /** Standard output by default. */
  stdout?: { write(bytes: Uint8Array): Promise<number> };
  /** Standard error by default. */
  stderr?: { writeSync(bytes: Uint8Array): number };
}

const NOTE_EVERY_MS = 1000;
const GATHER_MS = 10;
const GATHER_CHARS = 16 * 1024;
const encoder = new TextEncoder();

/** Opens the operator's end; its stdout is a reader of `flow` like any other. */
export function openOperator(flow: Flow, options: OperatorOptions = {}): Operator {
  const stderr = options.stderr ?? Deno.stderr;
  const stdout = new Outbound(options.stdout ?? Deno.stdout, flow, { drop: true });
  const silenced = new Map<string, { until: number; count: number }>();
  let lines = "";
  let timer: ReturnType<typeof setTimeout> | undefined;

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    const dropped = stdout.dropped;
    stdout.send(encoder.encode(lines));
    lines = "";
    if (stdout.dropped > dropped) note("standard output is stuck: status lines are dropped");
  }

  function note(sentence: string, kind = sentence): void {
    const now = flow.clock.now();
    const last = silenced.get(kind);
    if (last && now < last.until) {
      last.count++;
      return;
    }
    // Kinds are few and fixed; should one be made of what peers send, it must not pile up.
    if (silenced.size > 100) silenced.clear();
    silenced.set(kind, { until: now + NOTE_EVERY_MS, count: 0 });
    const more = last?.count ? ` (and ${last.count} more)` : "";
    try {
      stderr.writeSync(encoder.encode(`${escapeControl(sentence)}${more}\n`));
    } catch {
      // Nobody reads it.
    }
  }

  return {
    print(line) {
      // One write serves all the lines of a moment: each costs a thread's wake-up, unlike a socket's.
      timer ??= setTimeout(send, GATHER_MS);
      lines += line + "\n";
      if (lines.length > GATHER_CHARS) send();
    },
    note,
    flush() {
      send();
      return stdout.drained();
    },
    close() {
      clearTimeout(timer);
      stdout.discard();
    },
  };
}
