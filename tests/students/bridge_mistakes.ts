/**
 * The mistakes of the bridge's students, and the cases that show each.
 *
 * @module
 */

import { BRIDGE_HINTS } from "../../check/bridge.ts";
import { BRIDGE_CLIENT } from "../../check/bridge_client.ts";
import { BRIDGE_SERVER } from "../../check/bridge_server.ts";
import type { Given, Hint } from "../../check/case.ts";
import { HINTS } from "../../check/hints.ts";
import type { Mistake } from "./mistakes.ts";

/** How the students of the bridge are started. */
export const BRIDGE_STUDENTS: Given = {
  server: "python3 tests/students/bridge_server.py --port={port}",
  client:
    "python3 tests/students/bridge_client.py --id={name} --port={peerport} --server={host}:{port}",
};

const SUITES = { server: BRIDGE_SERVER, client: BRIDGE_CLIENT };

/** A mistake; its hint is that of the first case unless another is named. */
function of(role: "server" | "client", mistake: string, { fails, hint }: {
  fails: string;
  hint?: Hint;
}): Mistake {
  const ids = fails.split(" ").map((each) => `${role === "server" ? "B-S-" : "B-C-"}${each}`);
  const [caseId, part] = ids[0]!.split(".");
  const first = SUITES[role].cases.find(({ id }) => id === caseId)!;
  const own = part === undefined ? first.hint : first.parts![part]!.hint ?? first.hint;
  return { protocol: "bridge", role, command: role, mistake, hint: hint ?? own, fails: ids };
}

/** Every mistake of the bridge's students. */
export const BRIDGE_MISTAKES: readonly Mistake[] = [
  of("server", "one-recv", { fails: "15" }),
  of("server", "one-at-a-time", { fails: "14" }),
  of("server", "zero-bytes", { fails: "12" }),
  of("server", "zero-spins", { fails: "12", hint: HINTS.spins }),
  of("server", "rst-kills", { fails: "13" }),
  of("server", "serves-once", { fails: "10 16" }),
  of("server", "bad-request", { fails: "16" }),
  of("server", "no-status", { fails: "02.status" }),
  of("server", "no-blank-line", { fails: "02.form" }),
  of("server", "line-feeds", { fails: "02.form" }),
  of("server", "peer-address", { fails: "02 03 08 09", hint: BRIDGE_HINTS.headers }),
  of("server", "own-contact", { fails: "04 05 07 09", hint: BRIDGE_HINTS.peer }),
  of("server", "first-contact", { fails: "04 06", hint: BRIDGE_HINTS.peer }),
  of("server", "alone-silent", { fails: "04" }),
  of("server", "alone-none", { fails: "04" }),
  of("server", "bridge-unprinted", { fails: "07" }),
  of("server", "register-text", { fails: "03" }),
  of("server", "start-text", { fails: "01" }),
  of("server", "info-missing", { fails: "08" }),
  of("server", "info-format", { fails: "08" }),
  of("server", "info-twice", { fails: "08" }),
  of("server", "port-traceback", { fails: "21" }),
  of("server", "early-start-text", { fails: "21" }),
  of("server", "control-c", { fails: "22" }),
  of("server", "never-ends", { fails: "22" }),
  of("server", "other-input", { fails: "23" }),
  of("server", "stdin-end", { fails: "24" }),
  of("server", "stdin-spins", { fails: "24", hint: HINTS.spins }),
  of("server", "unflushed", { fails: "01 03 07 08 09", hint: HINTS.notFlushed }),
  of("client", "one-recv", { fails: "18" }),
  of("client", "chat-one-recv", { fails: "21", hint: HINTS.oneRecv }),
  of("client", "cut", { fails: "21", hint: HINTS.oneRecv }),
  of("client", "split-join", { fails: "21" }),
  of("client", "start-text", { fails: "01" }),
  of("client", "incoming-text", { fails: "10" }),
  of("client", "id-missing", { fails: "02" }),
  of("client", "no-port", { fails: "03" }),
  of("client", "line-feeds", { fails: "03 05" }),
  of("client", "header-order", { fails: "03.order" }),
  of("client", "stays-connected", { fails: "04 05", hint: BRIDGE_HINTS.staysConnected }),
  of("client", "one-connection", { fails: "04 05", hint: BRIDGE_HINTS.staysConnected }),
  of("client", "needs-status", { fails: "06" }),
  of("client", "other-port", { fails: "07 23", hint: BRIDGE_HINTS.state }),
  of("client", "wrong-peer", { fails: "08" }),
  of("client", "accept-blocks", { fails: "15", hint: HINTS.blockedInput }),
  of("client", "quit-unsent", { fails: "11" }),
  of("client", "quit-on-turn", { fails: "11.reading" }),
  of("client", "quit-unheard", { fails: "11 12 13 14.chat", hint: BRIDGE_HINTS.chatEnds }),
  of("client", "quit-idle", { fails: "15" }),
  of("client", "peer-spins", { fails: "12 13", hint: BRIDGE_HINTS.chatEnds }),
  of("client", "peer-traceback", { fails: "13" }),
  of("client", "control-c", { fails: "14", hint: HINTS.interrupt }),
  of("client", "never-ends", { fails: "14", hint: HINTS.interrupt }),
  of("client", "server-traceback", { fails: "16", hint: HINTS.traceback }),
  of("client", "answer-traceback", { fails: "17", hint: HINTS.endOfStream }),
  of("client", "chat-traceback", { fails: "19" }),
  of("client", "unknown-ends", { fails: "20" }),
  of("client", "port-traceback", { fails: "23" }),
  of("client", "stdin-spins", { fails: "24", hint: HINTS.spins }),
  of("client", "unflushed", { fails: "01 02 09 10 11 21 22", hint: HINTS.notFlushed }),
];
