/**
 * Points: by the weights that a course's document gives, elsewhere by level.
 *
 * @module
 */

import { type Level, LEVELS } from "./case.ts";
import type { Result } from "./run.ts";

/** One row of a score. */
export interface Row {
  readonly what: string;
  readonly points: number;
  readonly max: number;
}

/** What a course's document gives. */
export interface Course {
  readonly protocol: string;
  /** The commands that it shows. */
  readonly given: Readonly<Record<string, string>>;
  /** The rows of its rubric: what counts for each, and for how much. */
  readonly rows: readonly { what: string; max: number; counts: (result: Result) => boolean }[];
}

/** Whether a result is one of those that a course asks for: it gives nothing for robustness. */
const asked = ({ level }: Result) => level === "must" || level === "should";

/** The courses whose documents give weights. */
export const COURSES: Readonly<Record<string, Course>> = {
  csc138: {
    protocol: "relay",
    given: { server: "python3 server.py {port}", client: "python3 client.py {host} {port}" },
    rows: (["JOIN", "LIST", "MESG", "BCST", "QUIT"] as const).map((what) => ({
      what: `${what} Functionality`,
      max: what === "QUIT" ? 10 : 15,
      counts: (result: Result) => result.topic === what && asked(result),
    })),
  },
  cse150: {
    protocol: "bridge",
    given: {
      server: "python3 Server.py --port={port}",
      client: "python3 client.py --id='{name}' --port={peerport} --server='{host}:{port}'",
    },
    rows: [
      {
        what: "Part 1: Client Requests to Server",
        max: 10,
        counts: (result) => result.topic === "Part 1" && asked(result),
      },
      {
        what: "Part 2: the server",
        max: 20,
        counts: (result) => result.role === "server" && asked(result),
      },
      {
        what: "Part 2: the client",
        max: 20,
        counts: (result) => result.role === "client" && asked(result),
      },
    ],
  },
  csci353: {
    protocol: "overlay",
    given: {
      server: "python3 server.py -p {port}",
      client: "python3 client.py -s {host} -p {port} -n {name}",
    },
    rows: [1, 2, 3, 4, 5].map((n) => ({
      what: `Test ${n}`,
      max: 20,
      counts: (result: Result) => result.id === `O-P-0${n}`,
    })),
  },
};

/** What the levels weigh where no course says so, of 100. */
const WEIGHTS: Readonly<Record<Level, number>> = { must: 70, should: 20, extra: 10, info: 0 };

/** The rows of a score: those of the course, or one a level. Rows that nothing was played for are left out. */
export function score(results: readonly Result[], course?: Course): Row[] {
  const rows = course?.rows ?? LEVELS.filter((level) => WEIGHTS[level] > 0).map((level) => ({
    what: level,
    max: WEIGHTS[level],
    counts: (result: Result) => result.level === level,
  }));
  return rows.flatMap(({ what, max, counts }) => {
    const own = results.filter((result) => counts(result) && result.verdict !== "skipped");
    const of = own.reduce((sum, result) => sum + result.max, 0);
    if (of === 0) return [];
    const got = own.reduce((sum, result) => sum + result.points, 0);
    return [{ what, points: round(max * got / of), max }];
  });
}

/** What rows make together. */
export function total(rows: readonly Row[]): { points: number; max: number } {
  return {
    points: round(rows.reduce((sum, { points }) => sum + points, 0)),
    max: rows.reduce((sum, { max }) => sum + max, 0),
  };
}

function round(points: number): number {
  return Math.round(points * 100) / 100;
}
