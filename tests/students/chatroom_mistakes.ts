/**
 * The mistakes of the chatroom's student, and the cases that show each.
 *
 * @module
 */

import type { Given, Hint } from "../../check/case.ts";
import { CHATROOM_HINTS } from "../../check/chatroom_hints.ts";
import { HINTS } from "../../check/hints.ts";
import type { Mistake } from "./mistakes.ts";

/** How the student of the chatroom is started: the check brings the document's server.py and client.py. */
export const CHATROOM_STUDENTS: Given = { python: "tests/students/chatroom.py" };

/** What the ids of a role's cases begin with. */
const PREFIXES = {
  "TCP server": "T-S-",
  "TCP client": "T-C-",
  "UDP server": "U-S-",
  "UDP client": "U-C-",
  classes: "K-",
} as const;

function of(
  role: keyof typeof PREFIXES,
  mistake: string,
  { hint, fails }: { hint: Hint; fails: string },
): Mistake {
  const ids = fails.split(" ").map((each) => PREFIXES[role] + each);
  return { protocol: "chatroom", role, command: "python", mistake, hint, fails: ids };
}

/** Every mistake of the chatroom's student. */
export const CHATROOM_MISTAKES: readonly Mistake[] = [
  of("TCP server", "no-welcome", { hint: CHATROOM_HINTS.welcome, fails: "01" }),
  of("TCP server", "taken-welcome", { hint: CHATROOM_HINTS.taken, fails: "02" }),
  of("TCP server", "own-words", { hint: CHATROOM_HINTS.joined, fails: "03" }),
  of("TCP server", "join-before-table", { hint: CHATROOM_HINTS.joined, fails: "03" }),
  of("TCP server", "no-name", { hint: CHATROOM_HINTS.said, fails: "04" }),
  of("TCP server", "echo", { hint: CHATROOM_HINTS.said, fails: "03 04" }),
  of("TCP server", "left-twice", { hint: CHATROOM_HINTS.left, fails: "05 21" }),
  of("TCP server", "name-stays", { hint: HINTS.neverRemoved, fails: "06 07.name" }),
  of("TCP server", "ghost", { hint: HINTS.neverRemoved, fails: "07 07.name 09" }),
  of("TCP server", "leaves-silently", { hint: HINTS.othersNotTold, fails: "07 09" }),
  of("TCP server", "eof-loop", { hint: HINTS.endOfStream, fails: "07 07.name 08" }),
  of("TCP server", "send-raises", { hint: HINTS.deadClient, fails: "07 09" }),
  of("TCP server", "reset-kills", { hint: HINTS.deadClient, fails: "09" }),
  of("TCP server", "silent-shutdown", { hint: CHATROOM_HINTS.shutdown, fails: "10" }),
  of("TCP server", "interrupt-traceback", { hint: HINTS.interrupt, fails: "10 10.traceback" }),
  of("TCP server", "threads-stay", { hint: HINTS.interrupt, fails: "10" }),
  of("TCP server", "exit-inside", { hint: CHATROOM_HINTS.exitWord, fails: "13" }),
  of("TCP server", "exit-any-case", { hint: CHATROOM_HINTS.exitWord, fails: "13" }),
  of("TCP server", "strict-decode", { hint: HINTS.undecodable, fails: "16.cut 17 17.name" }),
  of("TCP server", "name-under-lock", { hint: CHATROOM_HINTS.holdsUp, fails: "18" }),
  of("TCP server", "nameless", { hint: CHATROOM_HINTS.nameless, fails: "19" }),
  of("TCP server", "last-of-list", { hint: CHATROOM_HINTS.newcomer, fails: "20 21" }),
  of("TCP server", "no-lock", { hint: HINTS.sharedTable, fails: "21" }),

  of("TCP client", "name-with-colon", { hint: CHATROOM_HINTS.name, fails: "01.exact" }),
  of("TCP client", "welcome-equal", { hint: CHATROOM_HINTS.containsWelcome, fails: "02" }),
  of("TCP client", "taken-goes-on", { hint: CHATROOM_HINTS.refused, fails: "03 11" }),
  of("TCP client", "client-adds-name", { hint: CHATROOM_HINTS.bareText, fails: "04" }),
  of("TCP client", "shows-after-enter", { hint: HINTS.blockedInput, fails: "05 09" }),
  of("TCP client", "no-exit", { hint: CHATROOM_HINTS.exits, fails: "06 07" }),
  of("TCP client", "client-hangs", { hint: CHATROOM_HINTS.exits, fails: "06 07 08 13" }),
  of("TCP client", "interrupt-traceback", { hint: HINTS.interrupt, fails: "07" }),
  of("TCP client", "shutdown-ignored", { hint: CHATROOM_HINTS.heedsShutdown, fails: "08" }),
  of("TCP client", "shutdown-shown", { hint: CHATROOM_HINTS.shutdownShown, fails: "08.shown" }),
  of("TCP client", "shutdown-inside", { hint: CHATROOM_HINTS.shutdownWord, fails: "09" }),
  of("TCP client", "client-eof-loop", { hint: HINTS.spins, fails: "10" }),
  of("TCP client", "refused-traceback", { hint: HINTS.traceback, fails: "11" }),
  of("TCP client", "input-end", { hint: HINTS.endOfInput, fails: "13" }),

  of("UDP server", "join-first", { hint: CHATROOM_HINTS.udpJoin, fails: "01" }),
  of("UDP server", "no-welcome", { hint: CHATROOM_HINTS.udpJoin, fails: "01" }),
  of("UDP server", "own-words", { hint: CHATROOM_HINTS.joined, fails: "02" }),
  of("UDP server", "echo", { hint: CHATROOM_HINTS.joined, fails: "02 05" }),
  of("UDP server", "taken-welcome", { hint: CHATROOM_HINTS.taken, fails: "03" }),
  of("UDP server", "no-name", { hint: CHATROOM_HINTS.udpText, fails: "04" }),
  of("UDP server", "name-stays", { hint: HINTS.neverRemoved, fails: "06 07" }),
  of("UDP server", "command-inside", { hint: CHATROOM_HINTS.commandWord, fails: "08" }),
  of("UDP server", "last-colon", { hint: CHATROOM_HINTS.udpColon, fails: "09" }),
  of("UDP server", "stranger-heard", { hint: CHATROOM_HINTS.udpStranger, fails: "10" }),
  of("UDP server", "stranger-key-error", { hint: CHATROOM_HINTS.udpStranger, fails: "10" }),
  of("UDP server", "silent-shutdown", { hint: CHATROOM_HINTS.shutdown, fails: "11" }),
  of("UDP server", "interrupt-traceback", { hint: HINTS.interrupt, fails: "11" }),
  of("UDP server", "strict-decode", { hint: HINTS.undecodable, fails: "13" }),
  of("UDP server", "empty-datagram", { hint: CHATROOM_HINTS.datagram, fails: "13.empty" }),

  of("UDP client", "join-first", { hint: CHATROOM_HINTS.udpSend, fails: "01.exact" }),
  of("UDP client", "taken-goes-on", { hint: CHATROOM_HINTS.refused, fails: "03" }),
  of("UDP client", "bare-text", { hint: CHATROOM_HINTS.udpSend, fails: "04" }),
  of("UDP client", "shows-after-enter", { hint: HINTS.blockedInput, fails: "05 11" }),
  of("UDP client", "new-port", { hint: CHATROOM_HINTS.onePort, fails: "10" }),
  of("UDP client", "strict-decode", { hint: HINTS.undecodable, fails: "11" }),
  of("UDP client", "no-exit", { hint: CHATROOM_HINTS.exits, fails: "06 07" }),
  of("UDP client", "client-hangs", { hint: CHATROOM_HINTS.exits, fails: "06 07 08 09 12" }),
  of("UDP client", "interrupt-traceback", { hint: HINTS.interrupt, fails: "07" }),
  of("UDP client", "shutdown-ignored", { hint: CHATROOM_HINTS.heedsShutdown, fails: "08" }),
  of("UDP client", "shutdown-shown", { hint: CHATROOM_HINTS.shutdownShown, fails: "08.shown" }),
  of("UDP client", "input-end", { hint: HINTS.endOfInput, fails: "12" }),

  of("classes", "renamed", { hint: CHATROOM_HINTS.classNames, fails: "01.variables" }),
  of("classes", "late-bind", { hint: CHATROOM_HINTS.binds, fails: "02" }),
  of("classes", "accept-none", { hint: CHATROOM_HINTS.returns, fails: "03 03.udp" }),
  of("classes", "name-stays", { hint: CHATROOM_HINTS.table, fails: "05 06 06.udp" }),
  of("classes", "no-name", { hint: CHATROOM_HINTS.said, fails: "07" }),
  of("classes", "echo", { hint: CHATROOM_HINTS.said, fails: "07" }),
  of("classes", "silent-shutdown", { hint: CHATROOM_HINTS.shutdown, fails: "08 08.udp" }),
  of("classes", "one-event", { hint: CHATROOM_HINTS.shutdown, fails: "08 12 12.udp" }),
  of("classes", "shutdown-once", { hint: CHATROOM_HINTS.twice, fails: "08.twice" }),
  of("classes", "messages-strings", { hint: CHATROOM_HINTS.tuples, fails: "09" }),
  of("classes", "empty-broadcast", { hint: CHATROOM_HINTS.emptyList, fails: "10" }),
  of("classes", "connect-none", { hint: CHATROOM_HINTS.returns, fails: "11 11.udp" }),
  of("classes", "client-hangs", { hint: CHATROOM_HINTS.exits, fails: "13" }),
  of("classes", "own-event", { hint: CHATROOM_HINTS.event, fails: "14" }),
];
