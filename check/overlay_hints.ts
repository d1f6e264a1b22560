/**
 * What to change, by the mistake, where it is a mistake of the overlay alone.
 *
 * @module
 */

import type { Hint } from "./case.ts";

/** Hints for the overlay. */
export const OVERLAY_HINTS = {
  started: {
    cause: "the server does not say that it has started",
    text:
      "print(f'server started on 127.0.0.1 at port {port}', flush=True) once the socket is bound.",
  },
  registered: {
    cause: "register is not answered",
    text: "recvfrom() gives data and address; sendto(b'welcome NAME', address) is the answer.",
  },
  hyphen: {
    cause: "names with a hyphen are refused",
    text: "The course's script uses names like client1-48213: take any one word for a name.",
  },
  delivered: {
    cause: "sendto does not reach a client of the same server",
    text:
      "Look the name up in your dict of names, and send `recvfrom SENDER MESSAGE` to that address.",
  },
  unknown: {
    cause: "a message for an unknown client is not logged",
    text: "Print `NAME is not registered with server`; the sender is told nothing.",
  },
  stranger: {
    cause: "a sender that has not registered gets somebody's name",
    text: "Find the sender by its address, and drop the datagram when the address is not known.",
  },
  out: {
    cause: "a message for another server's client does not go out on the links",
    text: "Where the name is not local, send `FROM to NAME: MESSAGE` on every TCP link.",
  },
  in: {
    cause: "a message that comes on a link does not reach the local client",
    text:
      "Read each link in a thread of its own, take `FROM to NAME: MESSAGE` apart, and deliver it.",
  },
  transit: {
    cause: "a message for neither is not passed on",
    text: "A name that is not local goes on to the other links, wherever the message came from.",
  },
  linkLines: {
    cause: "messages on a link have no end",
    text:
      "Put '\\n' behind each message on a link, and cut at it when reading: TCP joins two sends.",
  },
  colon: {
    cause: "the message is cut at the wrong place",
    text: "Cut at the first ': ' (partition, or split(': ', 1)): the message may hold another one.",
  },
  deadLink: {
    cause: "a link that is gone takes the server with it",
    text: "recv() returning b'' or raising OSError ends that link: take it off the list, go on.",
  },
  onceRound: {
    cause: "a message for nobody goes round for ever",
    text:
      "Do not send a message back where it came from, nor a second time: remember what went out.",
  },
  datagram: {
    cause: "one bad datagram ends the server",
    text:
      "Put one try/except inside the loop, not around it, and look at how many words there are.",
  },
  registers: {
    cause: "the client does not register by itself",
    text: "Send `register NAME` right after the start, before anything is typed.",
  },
  connected: {
    cause: "the client says that it is connected before it is",
    text: "Print `connected to server and registered NAME` when the welcome has come, not before.",
  },
  onePort: {
    cause: "the client sends from more than one port",
    text: "Make one UDP socket at the start and use it for everything: its port is who you are.",
  },
  sendto: {
    cause: "what is typed does not go out as it is",
    text: "A typed `sendto NAME MESSAGE` is the datagram: send the line unchanged.",
  },
  recvfrom: {
    cause: "a message is not shown as the document shows it",
    text: "`recvfrom NAME MESSAGE` is for the program; a person sees `NAME: MESSAGE`.",
  },
  badLine: {
    cause: "a line that is no command ends the client",
    text: "Look at how many words there are before you unpack them.",
  },
  lineEnd: {
    cause: "a line end becomes part of the name",
    text: "strip() what recvfrom() brings: nc and some clients send a line end.",
  },
  exits: {
    cause: "exit does not end the client",
    text: "Leave the loop at `exit`, print `terminating client...`, and make threads daemon=True.",
  },
} as const satisfies Record<string, Hint>;
