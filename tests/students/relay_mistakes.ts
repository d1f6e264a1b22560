/**
 * The mistakes of the relay's students, and the cases that show them.
 *
 * @module
 */

import type { Given, Hint } from "../../check/case.ts";
import { HINTS } from "../../check/hints.ts";
import { RELAY_CLIENT } from "../../check/relay_client.ts";
import { RELAY_SERVER } from "../../check/relay_server.ts";
import type { Mistake } from "./mistakes.ts";

/** How the students' programs are started. */
export const RELAY_STUDENTS: Given = {
  server: "python3 tests/students/relay_server.py {port}",
  client: "python3 tests/students/relay_client.py {host} {port}",
};

const CASES = [...RELAY_SERVER.cases, ...RELAY_CLIENT.cases];

/** The hint of a case or of a part of one. */
function hintOf(id: string): Hint {
  const [caseId, part] = id.split(".");
  const test = CASES.find((each) => each.id === caseId)!;
  return part === undefined ? test.hint : test.parts![part]!.hint ?? test.hint;
}

/** A mistake of the server; its hint is that of the first case unless another is named. */
function server(mistake: string, fails: readonly string[], hint = hintOf(fails[0]!)): Mistake {
  return { protocol: "relay", role: "server", command: "server", mistake, hint, fails };
}

/** A mistake of the client; its hint is that of the first case unless another is named. */
function client(mistake: string, fails: readonly string[], hint = hintOf(fails[0]!)): Mistake {
  return { protocol: "relay", role: "client", command: "client", mistake, hint, fails };
}

/** The mistakes, those of the server first. */
export const RELAY_MISTAKES: readonly Mistake[] = [
  server("one-recv", ["R-S-27", "R-S-28"], HINTS.oneRecv),
  server("no-buffer", ["R-S-27"], HINTS.oneRecv),
  server("counts-connections", ["R-S-09"]),
  server("eleven", ["R-S-08", "R-S-08.closed", "R-S-08.list"]),
  server("slot-kept", ["R-S-10"]),
  server("vanished-kept", ["R-S-11", "R-S-30"], HINTS.neverRemoved),
  server("rst-kills", ["R-S-31"], HINTS.deadClient),
  server("join-in-accept", ["R-S-26"], HINTS.blockedAccept),
  server("dict-changed", ["R-S-33"], HINTS.sharedTable),
  server("shared-name", ["R-S-33"], HINTS.sharedBuffer),
  server("joined-text", ["R-S-04"], HINTS.exactText),
  server("split-join", ["R-S-15"], HINTS.rebuiltText),
  server("substring", ["R-S-15"], HINTS.prefixCommand),
  server("any-case", ["R-S-25"]),
  server("no-registration", ["R-S-13", "R-S-17", "R-S-21"]),
  server("broadcast-to-all", ["R-S-21.hears"]),
  server("join-again", ["R-S-05"]),
  server("first-listed", ["R-S-12"]),
  server("no-sender", ["R-S-14.sender"], HINTS.exactText),
  server("recipient-unchecked", ["R-S-16"]),
  server("unknown-ignored", ["R-S-24"]),
  server("quit-open", ["R-S-22", "R-S-23", "R-S-33"]),
  server("left-untold", ["R-S-22.told"], HINTS.othersNotTold),
  server("blank-line", ["R-S-29"]),
  server("mesg-words", ["R-S-18"]),
  server("strict-decode", ["R-S-32"], HINTS.undecodable),
  server("unflushed", ["R-S-02.started", "R-S-34"], HINTS.notFlushed),
  server("no-usage", ["R-S-01"], HINTS.usage),
  server("port-traceback", ["R-S-35"], HINTS.portTaken),
  server("never-ends", ["R-S-35.interrupt"], HINTS.interrupt),
  client("name-appended", ["R-C-03", "R-C-03.list", "R-C-04", "R-C-13"]),
  client("private-protocol", ["R-C-02"]),
  client("split-join", ["R-C-03"]),
  client("known-only", ["R-C-04"]),
  client("waits-for-enter", ["R-C-05", "R-C-11"], HINTS.blockedInput),
  client("first-line", ["R-C-07", "R-C-08"]),
  client("one-byte-less", ["R-C-05"], HINTS.cut),
  client("quit-stays", ["R-C-09.alone", "R-C-14"]),
  client("spins", ["R-C-10", "R-C-11"], HINTS.spins),
  client("stdin-spins", ["R-C-14"], HINTS.spins),
  client("blank-line", ["R-C-13"]),
  client("traceback", ["R-C-12"], HINTS.traceback),
  client("unflushed", ["R-C-05"], HINTS.notFlushed),
];
