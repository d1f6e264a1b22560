/**
 * Every limit that a server keeps, in one table: the flag that sets it, its default, its unit and the
 * sentence that `--help` shows. The numbers are those of the specification's "Common" part.
 *
 * @module
 */

/** One limit: the flag without its dashes, the default, the unit shown to people, and what it is for. */
export interface Limit {
  /** The option that sets it, without the two dashes. */
  readonly flag: string;
  /** The value when nobody asks for another. */
  readonly value: number;
  /** The unit as it is printed behind a value. */
  readonly unit: string;
  /** One line of help. */
  readonly help: string;
}

/** The table. Sizes are in bytes and times in milliseconds unless the unit says otherwise. */
export const LIMITS = {
  lineBytes: {
    flag: "line-bytes",
    value: 4096,
    unit: "bytes",
    help: "longest line that is taken; a longer one is answered with an error",
  },
  unterminatedBytes: {
    flag: "unterminated-bytes",
    value: 16384,
    unit: "bytes",
    help: "bytes without a line end after which a connection is closed",
  },
  introduceMs: {
    flag: "introduce-ms",
    value: 60_000,
    unit: "ms",
    help: "time to introduce oneself where the protocol asks for it",
  },
  connections: {
    flag: "connections",
    value: 0,
    unit: "connections",
    help: "most connections at once; 0: what the descriptor limit allows, less a reserve",
  },
  softBytes: {
    flag: "soft-bytes",
    value: 64 * 1024,
    unit: "bytes",
    help: "backlog of one reader from which its senders are read more slowly",
  },
  hardBytes: {
    flag: "hard-bytes",
    value: 1024 * 1024,
    unit: "bytes",
    help: "backlog of one reader at which it is cut",
  },
  linkBytes: {
    flag: "link-bytes",
    value: 4 * 1024 * 1024,
    unit: "bytes",
    help: "backlog of one overlay link at which it is cut",
  },
  clients: {
    flag: "clients",
    value: 65_536,
    unit: "names",
    help: "most registered names of a server that never hears of their end",
  },
  stuckMs: {
    flag: "stuck-ms",
    value: 10_000,
    unit: "ms",
    help: "time without progress after which a reader with a backlog is cut",
  },
  drainMs: {
    flag: "drain-ms",
    value: 2000,
    unit: "ms",
    help: "time that a shutdown gives to what is still queued",
  },
  rate: {
    flag: "rate",
    value: 0,
    unit: "messages/s",
    help: "most messages per second taken from one connection; 0: no limit",
  },
} as const satisfies Record<keyof Limits, Limit>;

/** The values in force, by the table's names. */
export interface Limits {
  /** In bytes: longest line that is taken; a longer one is answered with an error. */
  lineBytes: number;
  /** In bytes: bytes without a line end after which a connection is closed. */
  unterminatedBytes: number;
  /** In ms: time to introduce oneself where the protocol asks for it. */
  introduceMs: number;
  /** In connections: most connections at once; 0: what the descriptor limit allows, less a reserve. */
  connections: number;
  /** In bytes: backlog of one reader from which its senders are read more slowly. */
  softBytes: number;
  /** In bytes: backlog of one reader at which it is cut. */
  hardBytes: number;
  /** In bytes: backlog of one overlay link at which it is cut. */
  linkBytes: number;
  /** In names: most registered names of a server that never hears of their end. */
  clients: number;
  /** In ms: time without progress after which a reader with a backlog is cut. */
  stuckMs: number;
  /** In ms: time that a shutdown gives to what is still queued. */
  drainMs: number;
  /** In messages/s: most messages per second taken from one connection; 0: no limit. */
  rate: number;
}

/** The table's defaults, with `changes` laid over them. */
export function limits(changes: Partial<Limits> = {}): Limits {
  const entries = Object.entries(LIMITS).map(([name, limit]) => [name, limit.value]);
  return { ...Object.fromEntries(entries) as Limits, ...changes };
}
