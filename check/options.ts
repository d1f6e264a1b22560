/**
 * The command line of the check.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { type Given, type Level, LEVELS } from "./case.ts";
import { COURSES } from "./points.ts";

/** What was asked for. */
export interface Options {
  readonly protocol: string;
  readonly given: Given;
  readonly at: { readonly host: string; readonly port: number } | undefined;
  readonly only: readonly string[];
  readonly levels: readonly Level[];
  readonly strict: boolean;
  readonly trace: boolean;
  readonly slow: number;
  readonly repeat: number;
  readonly seed: number;
  /** The seed of `--fault`, when it was given. */
  readonly fault: number | undefined;
  readonly course: string | undefined;
  readonly list: boolean;
  readonly explain: string | undefined;
  readonly json: boolean;
  readonly tap: boolean;
  readonly junit: string | undefined;
  readonly gradescope: string | undefined;
  readonly html: string | undefined;
  readonly points: string | undefined;
  readonly each: string | undefined;
  readonly jobs: number;
  readonly out: string | undefined;
  readonly help: boolean;
}

/** A command line that cannot be followed, with a sentence that says why. */
export class Misuse extends Error {
  override name = "Misuse";
}

const STRINGS = [
  "server",
  "client",
  "python",
  "driver",
  "udp-server",
  "udp-client",
  "at",
  "level",
  "slow",
  "repeat",
  "seed",
  "fault",
  "course",
  "explain",
  "junit",
  "gradescope",
  "html",
  "points",
  "each",
  "jobs",
  "out",
] as const;
const BOOLEANS = ["strict", "trace", "list", "json", "tap", "help"] as const;

/** Takes the command line apart; throws `Misuse` for one that cannot be followed. */
export function parseOptions(args: readonly string[], protocols: readonly string[]): Options {
  const parsed = parseArgs([...args], {
    string: [...STRINGS, "only"],
    boolean: [...BOOLEANS],
    collect: ["only"],
    alias: { help: "h" },
    unknown: (arg) => {
      if (!arg.startsWith("-")) return true;
      throw new Misuse(`There is no option ${arg.split("=")[0]}; --help shows them all.`);
    },
  });
  for (const name of STRINGS) {
    if (parsed[name] === "") throw new Misuse(`--${name} needs a value.`);
  }
  const { course } = parsed;
  if (course !== undefined && !Object.hasOwn(COURSES, course)) {
    throw new Misuse(`There is no course ${course}; there are ${Object.keys(COURSES).join(", ")}.`);
  }
  const known = course === undefined ? undefined : COURSES[course]!;
  const [first, ...more] = parsed._.map(String);
  const protocol = first ?? known?.protocol;
  if (more.length > 0) {
    throw new Misuse(`${more[0]} is one word too many: put a command in quotes.`);
  }
  if (!parsed.help) checkProtocol(protocol, protocols);
  if (known && protocol !== known.protocol) {
    throw new Misuse(`The course ${course} is about ${known.protocol}, not ${protocol}.`);
  }
  const { list, explain, json, tap, junit, gradescope, html, points, each, out } = parsed;
  return {
    protocol: protocol ?? "",
    given: {
      ...given(parsed),
      // Commands of the document, where none at all was given.
      ...known && !parsed.server && !parsed.client && !parsed.at ? known.given : {},
    },
    at: address(parsed.at),
    only: parsed.only.map(String).flatMap((each) => each.split(",")).filter((each) => each !== ""),
    levels: levels(parsed.level),
    strict: parsed.strict,
    trace: parsed.trace,
    slow: number("slow", parsed.slow, { otherwise: 1, least: 0.1 }),
    repeat: number("repeat", parsed.repeat, { otherwise: 1, whole: true }),
    seed: number("seed", parsed.seed, { otherwise: 1, least: 0, whole: true }),
    fault: parsed.fault === undefined
      ? undefined
      : number("fault", parsed.fault, { otherwise: 1, least: 0, whole: true }),
    course,
    jobs: number("jobs", parsed.jobs, { otherwise: 1, whole: true }),
    help: parsed.help,
    ...{ list, explain, json, tap, junit, gradescope, html, points, each, out },
  };
}

function given(parsed: Readonly<Record<string, unknown>>): Given {
  const of = (name: string) => parsed[name] as string | undefined;
  return {
    server: of("server"),
    client: of("client"),
    python: of("python"),
    driver: of("driver"),
    udpServer: of("udp-server"),
    udpClient: of("udp-client"),
  };
}

function checkProtocol(protocol: string | undefined, protocols: readonly string[]): void {
  const names = protocols.join(", ");
  if (protocol === undefined) throw new Misuse(`Which protocol? There are ${names}.`);
  if (protocols.includes(protocol)) return;
  const near = protocols.find((each) => each[0] === protocol[0]);
  throw new Misuse(
    `There is no protocol ${protocol}${near ? `; ${near} perhaps?` : ""} There are ${names}.`,
  );
}

function levels(asked: string | undefined): readonly Level[] {
  if (asked === undefined) return LEVELS;
  return asked.split(",").map((each) => {
    const level = LEVELS.find((one) => one === each);
    if (level) return level;
    throw new Misuse(`There is no level ${each}; there are ${LEVELS.join(", ")}.`);
  });
}

function number(
  name: string,
  value: string | undefined,
  { otherwise, least = 1, whole = false }: { otherwise: number; least?: number; whole?: boolean },
): number {
  if (value === undefined) return otherwise;
  const n = Number(value);
  if (n >= least && Number.isFinite(n) && (!whole || Number.isInteger(n))) return n;
  throw new Misuse(
    `--${name} needs a ${whole ? "whole " : ""}number from ${least} on, not ${value}.`,
  );
}

/** Takes `HOST:PORT` apart. */
export function address(value: string | undefined): { host: string; port: number } | undefined {
  if (value === undefined) return undefined;
  const match = /^\[?([^\]]*?)\]?:(\d+)$/.exec(value);
  const port = Number(match?.[2]);
  if (match?.[1] && port >= 1 && port <= 65_535) return { host: match[1], port };
  throw new Misuse(`${value} is not HOST:PORT.`);
}
