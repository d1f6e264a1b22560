/**
 * What to change, by the mistake, where it is a mistake of the chatroom alone.
 *
 * @module
 */

import type { Hint } from "./case.ts";

/** Hints for the chatroom. */
export const CHATROOM_HINTS = {
  welcome: {
    cause: "a client is not welcomed",
    text: "accept_client() receives the name, sends 'Welcome', and adds the socket to `clients`.",
  },
  taken: {
    cause: "a name may be taken twice",
    text:
      "Look for the name in clients.values() first; send 'Name already taken', close, return False.",
  },
  joined: {
    cause: "the others are not told of a newcomer as the document has it",
    text:
      "Add the socket to `clients` first, then broadcast(socket, 'join'), which skips that socket.",
  },
  said: {
    cause: "a message does not reach the others as the document has it",
    text: "broadcast() sends f'{name}: {message}' to all sockets of `clients` but the sender's.",
  },
  left: {
    cause: "an exit is not told as the document has it",
    text:
      "At 'exit': broadcast(socket, 'exit') once, then close_client(socket), then leave the loop.",
  },
  exitWord: {
    cause: "exit is found where it is part of a text",
    text: "Compare the whole message: message == 'exit', not `in`, and not in another letter case.",
  },
  shutdown: {
    cause: "the clients are not told of a shutdown",
    text:
      "shutdown() sends 'server-shutdown' to every client, then closes the sockets; run() calls it " +
      "at KeyboardInterrupt.",
  },
  nameless: {
    cause: "a connection that closes before it says a name becomes a client",
    text: "b'' is not a name: close the socket and return False.",
  },
  newcomer: {
    cause: "a thread is given the wrong client",
    text:
      "list(clients)[-1] is the newest client when you look, not when it was accepted: hand the " +
      "socket over (in a queue, say) from accept_client().",
  },
  holdsUp: {
    cause: "a silent newcomer holds up the members",
    text:
      "Do not wait for a name while you hold the lock, nor in the loop that serves the members.",
  },
  leftTwice: {
    cause: "an exit is told twice",
    text: "Broadcast 'exit' in one place only, and only while the socket is in `clients`.",
  },
  udpJoin: {
    cause: "join is not taken as the document's client sends it",
    text: "A datagram is 'NAME:TEXT': cut it at the first ':', and TEXT 'join' is the joining.",
  },
  udpText: {
    cause: "a text does not reach the others as the document has it",
    text:
      "Append (address, message) to `messages`, and broadcast() sends the message, name and all, to " +
      "each address of `clients` but the sender's.",
  },
  udpColon: {
    cause: "a text is cut at a colon of its own",
    text: "Cut at the first ':' only: partition(':'), or split(':', 1).",
  },
  udpStranger: {
    cause: "an address that never joined is not told from a member",
    text: "Look the address up with clients.get() first, and drop the datagram of a stranger.",
  },
  commandWord: {
    cause: "join or exit is found where it is part of a text",
    text: "Compare the whole text: text == 'join', not `in`.",
  },
  datagram: {
    cause: "one bad datagram ends the server",
    text: "Put one try/except inside the loop, not around it, and unpack only what has a ':'.",
  },
} as const satisfies Record<string, Hint>;
