/**
 * The mistakes that programs of these assignments make most, and what to say of each. Cases of all
 * protocols share them, so that one mistake is reported once.
 *
 * @module
 */

import type { Hint } from "./case.ts";

/** What to change, by the mistake. */
export const HINTS = {
  doesNotStart: {
    cause: "the program ends before anything is asked of it",
    text:
      "Run the command by hand, in the same folder: the last line of its stderr says why it ends.",
  },
  oneRecv: {
    cause: "one recv() is taken for one message",
    text:
      "TCP is a stream: one recv() may bring half a message or three. Keep what you have read in a " +
      "buffer for each connection, and cut the messages out of it.",
  },
  cut: {
    cause: "what is longer than one recv() is lost",
    text:
      "recv(n) brings at most n bytes and leaves the rest for the next call: go on until you have all.",
  },
  sharedBuffer: {
    cause: "one buffer or one name for all clients",
    text:
      "The buffer and the name belong to the connection: keep them in a dict with the socket as key, " +
      "or in variables of the client's own thread.",
  },
  endOfStream: {
    cause: "the end of a connection is not noticed",
    text:
      "recv() returns b'' when the other side has closed. Leave the loop then, and never treat b'' " +
      "as a message.",
  },
  neverRemoved: {
    cause: "a client that vanishes is never removed",
    text:
      "Do in `finally` what QUIT does: take the client out of every table, and close its socket.",
  },
  othersNotTold: {
    cause: "the others are not told that somebody left",
    text:
      "A client that vanishes has left as much as one that says so: tell the others in both cases.",
  },
  deadClient: {
    cause: "a dead client takes others with it",
    text:
      "Wrap each send() and recv() of *one* client in try/except OSError: a dead client is that " +
      "client's problem, and the loop over the others goes on.",
  },
  blockedAccept: {
    cause: "a silent client blocks the newcomers",
    text:
      "Accept at once, and read the client's first message in its own thread (or with select), never " +
      "in the accept loop.",
  },
  sharedTable: {
    cause: "a table is changed while another thread walks over it",
    text: "Take a lock around every use of the table, and walk over list(clients.items()).",
  },
  undecodable: {
    cause: "bytes that are not UTF-8 end the program or the client",
    text: "decode() raises UnicodeDecodeError: decode whole messages, with errors='replace'.",
  },
  rebuiltText: {
    cause: "the text is taken apart and put together again",
    text: "Blanks in a text are part of it: use split(' ', 2) and keep the rest as it is.",
  },
  prefixCommand: {
    cause: "a command is looked for anywhere in the text",
    text: "Compare the first word, or the whole text, with ==; `in` and startswith find too much.",
  },
  clientDecides: {
    cause: "the server leaves checks to its own client",
    text:
      "The server cannot trust the client: other people's clients send whatever they like. Check on " +
      "the server.",
  },
  privateProtocol: {
    cause: "the program speaks a protocol of its own",
    text:
      "Your program must work with *other people's* programs: compare the bytes above with those " +
      "that the document shows.",
  },
  exactText: {
    cause: "a text differs from the document's",
    text:
      "Copy the text from the document, letter for letter; the first byte that differs is marked.",
  },
  traceback: {
    cause: "an exception reaches the user",
    text: "Catch the exception (OSError for sockets) and print a sentence that says what failed.",
  },
  interrupt: {
    cause: "Ctrl-C does not end the program cleanly",
    text:
      "Catch KeyboardInterrupt, close the sockets, and make threads daemon=True so that none keeps " +
      "the program alive.",
  },
  endOfInput: {
    cause: "the end of input is not noticed",
    text:
      "'' from sys.stdin.readline() (EOFError from input()) means that nothing more will be typed: " +
      "leave the loop.",
  },
  spins: {
    cause: "the program runs in circles when the other side has gone",
    text:
      "b'' from recv() and '' from stdin mean the end, and they come at once, again and again: leave " +
      "the loop, do not `continue`.",
  },
  blockedInput: {
    cause: "nothing is shown while the program waits for a line",
    text:
      "input() blocks: read the socket in a thread of its own, or use select on the socket *and* " +
      "sys.stdin.",
  },
  notFlushed: {
    cause: "the output stays in a buffer",
    text: "print(..., flush=True), or run with python3 -u: on a pipe print() keeps its text back.",
  },
  portTaken: {
    cause: "a port in use is not handled",
    text:
      "setsockopt(SOL_SOCKET, SO_REUSEADDR, 1) before bind(), and catch OSError with a sentence that " +
      "names the port.",
  },
  usage: {
    cause: "missing arguments are not handled",
    text: "Check len(sys.argv) (or use argparse) first; print how the program is called, and end.",
  },
} as const satisfies Record<string, Hint>;
