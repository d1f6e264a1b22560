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
  name: {
    cause: "the client does not say its name first",
    text: "connect_server() connects, sends the name and nothing else, then waits for the answer.",
  },
  containsWelcome: {
    cause: "a welcome in other words is not taken",
    text: "'Welcome' in answer, not ==: other people's servers say Welcome! or Welcome Alice.",
  },
  refused: {
    cause: "a refusal is not heeded",
    text: "Where connect_server() returns False, run() must not go on: return.",
  },
  bareText: {
    cause: "the client sends more than the text",
    text: "send(text) sends text.encode(): the name stands before it when the server passes it on.",
  },
  shutdownWord: {
    cause: "server-shutdown is found where it is part of a text",
    text: "Compare the whole message: message == 'server-shutdown', not `in`.",
  },
  exits: {
    cause: "an exit is not told, or does not end the client",
    text: "At 'exit': send 'exit', set exit_receive, leave the loop; make threads daemon=True.",
  },
  heedsShutdown: {
    cause: "server-shutdown does not end the client",
    text: "receive() sets exit_run and exit_receive and returns; the main loop looks at exit_run.",
  },
  shutdownShown: {
    cause: "server-shutdown is shown as a message",
    text: "Look whether the message is 'server-shutdown' before you show it.",
  },
  udpJoins: {
    cause: "the client does not join",
    text: "connect_server() calls send('join') and waits for an answer: 'Welcome' is success.",
  },
  udpSend: {
    cause: "a datagram is not NAME:TEXT",
    text: "send(text) sends f'{self.client_name}:{text}', 'join' and 'exit' included.",
  },
  onePort: {
    cause: "the client sends from more than one port",
    text: "Make one UDP socket in __init__ and use it for everything: its port is who you are.",
  },
  classNames: {
    cause: "a class, method or variable has another name, or is missing",
    text: "Take the names from the document, letter for letter: others call them.",
  },
  binds: {
    cause: "the constructor does not bind the port",
    text:
      "bind((address, server_port)), and listen() for TCP, belong into __init__, not into run().",
  },
  returns: {
    cause: "a method does not return what the document says",
    text: "Return True and False in every path: a path without a return returns None.",
  },
  table: {
    cause: "clients does not hold what the document says",
    text:
      "The socket (UDP: the address) is the key and the name is the value; add at the welcome, " +
      "delete in close_client().",
  },
  tuples: {
    cause: "messages does not hold tuples",
    text: "messages.append((client_addr, text)), with the address as recvfrom() gave it.",
  },
  emptyList: {
    cause: "an empty list of messages is not expected",
    text: "Look whether there is a message before you take messages[-1].",
  },
  twice: {
    cause: "a second shutdown fails",
    text: "run() and a test may both call shutdown(): closing what is closed must do no harm.",
  },
  event: {
    cause: "an event is something else",
    text: "threading.Event(): is_set(), set() and wait() are what others call on it.",
  },
} as const satisfies Record<string, Hint>;
