#!/usr/bin/env -S deno run --allow-net --allow-run
/**
 * The check: the same cases against anybody's program of one of the five assignments.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { LEVELS } from "./check/case.ts";
import { quoted } from "./check/bytes.ts";
import { Launcher } from "./check/program.ts";
import { runSuite } from "./check/run.ts";
import { SUITES } from "./check/suites.ts";

/** Runs the check; returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const options = parseArgs(args, {
    string: [
      "server",
      "client",
      "python",
      "driver",
      "udp-server",
      "udp-client",
      "only",
      "slow",
      "repeat",
    ],
    boolean: ["strict", "trace"],
    collect: ["only"],
  });
  const suites = await SUITES[String(options._[0])]!();
  const launcher = await Launcher.open();
  let bad = 0;
  for (const suite of suites) {
    const { server, client, python, driver } = options;
    const given = {
      server,
      client,
      python,
      driver,
      udpServer: options["udp-server"],
      udpClient: options["udp-client"],
    };
    const commands = suite.commands(given);
    if (!commands) continue;
    const facts = new Map();
    await runSuite(suite, {
      commands,
      launcher,
      deadline: 2000 * Number(options.slow ?? 1),
      facts,
    }, {
      levels: LEVELS,
      only: options.only.flatMap((each) => each.split(",")),
      strict: options.strict,
      repeat: Number(options.repeat ?? 1),
      atOnce: 4,
      tell(result) {
        say(result.verdict.padEnd(14), result.id, result.title, result.reason ?? "");
        for (const each of [...result.notes, ...result.remarks]) say("    ", each);
        if (result.error) say(result.error);
        if (result.failure || options.trace) {
          if (result.failure) bad++;
          for (const { at, who, arrow, note, data } of result.dialogue) {
            say("   ", at.toFixed(0), who, arrow, note, data ? quoted(data) : "");
          }
          say("   ", result.failure?.message, result.hint.text);
          for (const each of result.remains) say("   ", each.label, each.code, each.stderr);
        }
      },
    });
  }
  await launcher.close();
  return bad > 0 ? 1 : 0;
}

function say(...words: unknown[]): void {
  Deno.stdout.writeSync(new TextEncoder().encode(words.join(" ") + "\n"));
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
