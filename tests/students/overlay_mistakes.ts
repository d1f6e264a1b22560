/**
 * The mistakes of the overlay's students, and the cases that show each.
 *
 * @module
 */

import type { Given, Hint } from "../../check/case.ts";
import { HINTS } from "../../check/hints.ts";
import { OVERLAY_HINTS } from "../../check/overlay_hints.ts";
import type { Mistake } from "./mistakes.ts";

/** How the students of the overlay are started. */
export const OVERLAY_STUDENTS: Given = {
  server: "python3 tests/students/overlay_server.py -p {port}",
  client: "python3 tests/students/overlay_client.py -s {host} -p {port} -n {name}",
};

function of(
  role: "server" | "client",
  mistake: string,
  { hint, fails }: { hint: Hint; fails: string },
): Mistake {
  const prefix = role === "server" ? "O-S-" : "O-C-";
  const ids = fails.split(" ").map((each) => prefix + each);
  return { protocol: "overlay", role, command: role, mistake, hint, fails: ids };
}

/** Every mistake of the overlay's students. */
export const OVERLAY_MISTAKES: readonly Mistake[] = [
  of("server", "no-usage", { hint: HINTS.usage, fails: "01" }),
  of("server", "not-flushed", {
    hint: HINTS.notFlushed,
    fails: "02 04 06.printed 08 15 16 17 19 21 23 29",
  }),
  of("server", "no-welcome", { hint: OVERLAY_HINTS.registered, fails: "03" }),
  of("server", "capital-welcome", { hint: HINTS.exactText, fails: "03.exact" }),
  of("server", "own-port", { hint: HINTS.exactText, fails: "04" }),
  of("server", "letters-only", { hint: OVERLAY_HINTS.hyphen, fails: "05" }),
  of("server", "no-sender", { hint: OVERLAY_HINTS.delivered, fails: "06 21" }),
  of("server", "split-join", { hint: HINTS.rebuiltText, fails: "07" }),
  of("server", "words-reversed", { hint: HINTS.rebuiltText, fails: "07" }),
  of("server", "tells-sender", { hint: OVERLAY_HINTS.unknown, fails: "08" }),
  of("server", "unknown-unsaid", { hint: OVERLAY_HINTS.unknown, fails: "08 19 23 29" }),
  of("server", "last-sender", { hint: OVERLAY_HINTS.stranger, fails: "09" }),
  of("server", "try-outside", {
    hint: OVERLAY_HINTS.datagram,
    fails: "12 12.nameless 12.textless 12.empty 12.bytes 12.long",
  }),
  of("server", "newline-in-name", { hint: OVERLAY_HINTS.lineEnd, fails: "13" }),
  of("server", "interrupt-traceback", { hint: HINTS.interrupt, fails: "14 14.linked" }),
  of("server", "own-words", { hint: HINTS.exactText, fails: "14 14.linked" }),
  of("server", "threads-stay", { hint: HINTS.interrupt, fails: "14.linked" }),
  of("server", "one-way-link", {
    hint: OVERLAY_HINTS.in,
    fails: "21 23 27 27.split 28 29 29.reset",
  }),
  of("server", "no-transit", { hint: OVERLAY_HINTS.transit, fails: "23" }),
  of("server", "one-link", { hint: OVERLAY_HINTS.out, fails: "24" }),
  of("server", "no-line-end", { hint: OVERLAY_HINTS.linkLines, fails: "26" }),
  of("server", "one-recv", { hint: OVERLAY_HINTS.linkLines, fails: "26 27 27.split" }),
  of("server", "last-colon", { hint: OVERLAY_HINTS.colon, fails: "28" }),
  of("server", "link-kills", { hint: OVERLAY_HINTS.deadLink, fails: "29 29.reset" }),
  of("server", "eof-loop", { hint: HINTS.spins, fails: "29" }),
  of("server", "reset-traceback", { hint: OVERLAY_HINTS.deadLink, fails: "29.reset" }),
  of("server", "refused-traceback", { hint: HINTS.traceback, fails: "30" }),
  of("server", "taken-traceback", { hint: HINTS.portTaken, fails: "31" }),
  of("server", "ring", { hint: OVERLAY_HINTS.onceRound, fails: "32" }),

  of("client", "no-usage", { hint: HINTS.usage, fails: "01" }),
  of("client", "no-register", { hint: OVERLAY_HINTS.registers, fails: "02" }),
  of("client", "new-port", { hint: OVERLAY_HINTS.onePort, fails: "02.port" }),
  of("client", "connected-early", { hint: OVERLAY_HINTS.connected, fails: "03.before 12" }),
  of("client", "own-protocol", { hint: OVERLAY_HINTS.sendto, fails: "04" }),
  of("client", "raw-recvfrom", { hint: OVERLAY_HINTS.recvfrom, fails: "05" }),
  of("client", "hears-after-input", { hint: HINTS.blockedInput, fails: "06 07.shown 08 15" }),
  of("client", "joins-words", { hint: HINTS.rebuiltText, fails: "07" }),
  of("client", "split-join", { hint: HINTS.rebuiltText, fails: "07.shown" }),
  of("client", "hangs-at-exit", { hint: HINTS.interrupt, fails: "09 10 12 13 16" }),
  of("client", "own-words", { hint: HINTS.exactText, fails: "09 10" }),
  of("client", "interrupt-traceback", { hint: HINTS.interrupt, fails: "10 12 13" }),
  of("client", "unpacks-line", { hint: OVERLAY_HINTS.badLine, fails: "14" }),
  of("client", "strict-decode", { hint: HINTS.undecodable, fails: "15" }),
  of("client", "stdin-loop", { hint: HINTS.endOfInput, fails: "16" }),
  of("client", "letters-only", { hint: OVERLAY_HINTS.hyphen, fails: "17" }),
];
