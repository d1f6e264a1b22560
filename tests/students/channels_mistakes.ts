/**
 * The mistakes of the channels' students, and the cases that show each.
 *
 * @module
 */

import type { Given, Hint } from "../../check/case.ts";
import { CHANNELS_HINTS } from "../../check/channels.ts";
import { CHANNELS_CLIENT } from "../../check/channels_client.ts";
import { CHANNELS_SERVER } from "../../check/channels_server.ts";
import { HINTS } from "../../check/hints.ts";
import type { Mistake } from "./mistakes.ts";

/** How the students of the channels are started. */
export const CHANNELS_STUDENTS: Given = {
  server: "python3 tests/students/channels_server.py {port}",
  client: "python3 tests/students/channels_client.py {name} {host} {port}",
};

const SUITES = { server: CHANNELS_SERVER, client: CHANNELS_CLIENT };

/** A mistake; its hint is that of the first case unless another is named. */
function of(role: "server" | "client", mistake: string, { fails, hint }: {
  fails: string;
  hint?: Hint;
}): Mistake {
  const ids = fails.split(" ").map((each) => `${role === "server" ? "C-S-" : "C-C-"}${each}`);
  const first = SUITES[role].cases.find(({ id }) => id === ids[0])!;
  return {
    protocol: "channels",
    role,
    command: role,
    mistake,
    hint: hint ?? first.hint,
    fails: ids,
  };
}

/** Every mistake of the channels' students. */
export const CHANNELS_MISTAKES: readonly Mistake[] = [
  of("server", "one-recv", { fails: "21 22 23 24 25 27" }),
  of("server", "equals-200", { fails: "23 24" }),
  of("server", "rest-lost", { fails: "23 24" }),
  of("server", "one-buffer", { fails: "21 25 26 27 32", hint: HINTS.oneRecv }),
  of("server", "half-taken", { fails: "27" }),
  of("server", "name-in-accept", { fails: "26" }),
  of("server", "rst-kills", { fails: "32" }),
  of("server", "empty-name", { fails: "20" }),
  of("server", "unpadded", { fails: "02" }),
  of("server", "zero-padded", { fails: "02" }),
  of("server", "unaligned", { fails: "29" }),
  of("server", "name-answered", { fails: "01" }),
  of("server", "create-answered", { fails: "03", hint: CHANNELS_HINTS.notWelcome }),
  of("server", "list-commas", { fails: "04" }),
  of("server", "list-cut", { fails: "06" }),
  of("server", "newcomer-told", { fails: "03 07", hint: CHANNELS_HINTS.notWelcome }),
  of("server", "notice-text", { fails: "07" }),
  of("server", "join-stays", { fails: "08" }),
  of("server", "create-stays", { fails: "09" }),
  of("server", "left-untold", { fails: "08 09 19 32", hint: HINTS.othersNotTold }),
  of("server", "twice-member", { fails: "30" }),
  of("server", "echo", { fails: "10", hint: CHANNELS_HINTS.audience }),
  of("server", "everywhere", { fails: "10", hint: CHANNELS_HINTS.audience }),
  of("server", "no-brackets", { fails: "10" }),
  of("server", "error-texts", { fails: "11 12 13 14 15 16", hint: HINTS.exactText }),
  of("server", "unchecked", { fails: "11 12 13 14 15 16" }),
  of("server", "error-leaves", { fails: "17 18" }),
  of("server", "prefix", { fails: "31" }),
  of("server", "substring", { fails: "31" }),
  of("server", "newline-kept", { fails: "28" }),
  of("server", "ascii", { fails: "34" }),
  of("client", "one-recv", { fails: "07 08 12" }),
  of("client", "equals-200", { fails: "08 15", hint: HINTS.oneRecv }),
  of("client", "rest-lost", { fails: "08" }),
  of("client", "half-shown", { fails: "12" }),
  of("client", "unpadded", { fails: "01 02" }),
  of("client", "no-name", { fails: "01", hint: CHANNELS_HINTS.noName }),
  of("client", "private-protocol", { fails: "02 03", hint: HINTS.privateProtocol }),
  of("client", "slash-lost", { fails: "03" }),
  of("client", "no-prompt", { fails: "04" }),
  of("client", "me-left", { fails: "06" }),
  of("client", "wipe-short", { fails: "06" }),
  of("client", "strip-both", { fails: "13" }),
  of("client", "banner", { fails: "17" }),
  of("client", "disconnected-text", { fails: "10", hint: HINTS.exactText }),
  of("client", "connect-traceback", { fails: "11", hint: HINTS.traceback }),
  of("client", "spins", { fails: "10", hint: HINTS.spins }),
  of("client", "stdin-spins", { fails: "14", hint: HINTS.spins }),
  of("client", "unflushed", { fails: "05 15", hint: HINTS.notFlushed }),
  of("client", "waits-for-enter", { fails: "05", hint: HINTS.blockedInput }),
  of("client", "first-line", { fails: "09" }),
];
