/**
 * What cases of the bridge (CSE 150, "Let's Chat!") share: blocks of a type and headers, a server that
 * the check stands in for, and the sentences of the document.
 *
 * @module
 */

import { text } from "./bytes.ts";
import { Failure, type Hint } from "./case.ts";
import { type FakeServer, type Peer, sleep } from "./peer.ts";
import type { Program } from "./program.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

/** The document's sentences that cases rest on. */
export const SAYS = {
  port: "The server accepts TCP connections from clients on a designated port (your choice)",
  start: "When the server is started, it reports to terminal (stdout):",
  register: "Acknowledges receipt of REGISTER message and echos back contact information received",
  format: "The format of all messages exchanged is shown in Figure 1.",
  printsRegister: "REGISTER: <clientID:name> from <ip address>:<port>",
  printsBridge: "BRIDGE: <peer 1 contact info> <peer 2 contact info>",
  empty: "if no client has registered yet, then the header values are empty.",
  bridge:
    "When a BRIDGE request is received, the Server returns a BRIDGEACK to the client with previously stored contact information in the headers.",
  excluding: "(excluding requesting client contact information)",
  info:
    "the server outputs each registered user, the username, IP address and port number (See Section 5.7).",
  closed:
    "Client-Server: TCP connections between the server and client are closed after each request/response",
  clientCloses: "Clients close the TCP connection with the server after any operation",
  zeroLength:
    "This involves checking for zero-length messages as a signal that the connection has been closed, possibly due to the peer's program abruptly crashing.",
  handles: "The socket operations should handle any errors or exceptions thrown.",
  inUse:
    "An example of an error that you could experience is trying to use a port that is already in use by some other process.",
  controlC: "should be supported to end programs (server and client)",
  ignored: "any command not defined below can be ignored",
  running: "<clientID> running on <ip address:port>",
  registerHeaders: "The client provides the server with its contact information",
  bridgeHeaders: "clientID: name (clientID of requesting client)",
  wait:
    "the first client to contact the server (/register and /bridge) waits to be contacted by a peer",
  chat: "client initiates chat session with peer",
  example:
    "The communication should work as indicated in the conversation depicted below in Example 1 and not crash or lose any characters.",
  incoming: "Incoming chat request from <peer 1 contact info>",
  ends: "At that point the TCP connection is closed and the chat programs terminate.",
  fin: "Ensure your program is capable of detecting and appropriately responding to a",
  quitOutside: "outside of Chat mode, Client exits the program.",
  characters:
    "The chat messages will only include printable characters that do not cause line breaks: letters, digits, spaces and symbols (e.g. !@#\\$).",
  mayErr: "Each submission will be tested to make sure it works properly and can deal with errors.",
} as const;

/** Hints that only these cases give. */
export const BRIDGE_HINTS = {
  form: {
    cause: "a message is not in the form of Figure 1",
    text:
      "A message is its type, headers `Name: value`, and an empty line, each ended by '\\r\\n'.",
  },
  headers: {
    cause: "the contact is not the one of the headers",
    text: "Store and echo IP and Port of the headers, not the address that accept() gives.",
  },
  peer: {
    cause: "BRIDGE does not give the other client's contact",
    text: "Go through the registered clients, and skip the one whose clientID asks.",
  },
  nobody: {
    cause: "BRIDGE without a peer is not answered with empty values",
    text: "Send BRIDGEACK with the three headers and nothing behind their colons.",
  },
  printed: {
    cause: "the terminal does not show what the document has it show",
    text: "Print the line as section 5.7 has it, with flush=True.",
  },
  badRequest: {
    cause: "a request that cannot be understood ends the program",
    text: "Put the parsing of *one* request into try/except, and close that connection.",
  },
  stdinEnds: {
    cause: "the end of the server's input is not noticed",
    text:
      "select() says again and again that stdin is readable at its end: stop selecting it when a " +
      "read gives ''.",
  },
  staysConnected: {
    cause: "the connection with the server stays open",
    text: "Close the socket once the answer is read, and connect again for the next request.",
  },
  state: {
    cause: "the client does not do in its state what the document asks for",
    text: "Draw the states (IDLE, REGISTERED, WAIT, CHAT), and look which of them hears this.",
  },
  chatEnds: {
    cause: "the end of the chat does not end the program",
    text: "QUIT, b'' from recv() and OSError all mean the end: close the sockets, and leave.",
  },
} as const satisfies Record<string, Hint>;

/** A message in the form of Figure 1. */
export function block(
  type: string,
  headers: readonly (readonly [string, string | number])[],
): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${type}\r\n${lines}\r\n`;
}

/** A client's contact. */
export interface Contact {
  /** Its name. */
  readonly id: string;
  /** The address that it is reached at, as text. */
  readonly ip: string;
  /** The port that it listens on. */
  readonly port: number;
}

/** The headers of a contact, in the order of the document. */
export function contactHeaders({ id, ip, port }: Contact): [string, string | number][] {
  return [["clientID", id], ["IP", ip], ["Port", port]];
}

/** A message that came. */
export interface Message {
  /** Its first line. */
  readonly type: string;
  /** The values of its headers, by their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** All of it, as it came. */
  readonly raw: string;
}

/** Takes a message apart, whatever its lines end in. */
export function parse(raw: string): Message {
  const [type = "", ...lines] = raw.replaceAll("\r", "").split("\n");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^\s*([^:]+?)\s*:(.*)$/.exec(line) ?? [];
    if (name !== undefined) headers.set(name.toLowerCase(), value!.trim());
  }
  return { type: type.trim(), headers, raw };
}

/** Whether a message holds this contact. */
export function holds({ headers }: Message, { id, ip, port }: Contact): boolean {
  return headers.get("clientid") === id && headers.get("ip") === ip &&
    headers.get("port") === String(port);
}

/** Silence that ends a message without an empty line, in milliseconds. */
const QUIET_MS = 400;

/** Waits for a message of this type: to its empty line, or to the silence behind it where it has none. */
export async function hearsMessage(
  peer: Peer,
  type: string,
  { hint, within }: { hint?: Hint; within?: number } = {},
): Promise<Message> {
  const expect = { as: `a ${type}`, ...hint ? { hint } : {}, ...within ? { within } : {} };
  const [begin] = await peer.hearsMatch(new RegExp(`${type}[ \\t]*\\r?\\n`), expect);
  let rest = "";
  try {
    [rest] = await peer.hearsMatch(/^(?:[^\r\n]+\r?\n)*\r?\n/, { within: QUIET_MS });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    rest = text(peer.inbox.unread);
    peer.inbox.skip();
  }
  return parse(begin + rest);
}

// ---- a server that the check stands in for ----

/** Stands in for the server: answers REGISTER and BRIDGE as the document has it. */
export class Registrar {
  /** The listener behind it. */
  readonly fake: FakeServer;
  readonly #scene: Scene;
  readonly #peers: Peer[] = [];
  readonly #ports = new Map<string, number>();

  /** Listens; requests are answered one by one, by the methods. */
  constructor(scene: Scene) {
    this.#scene = scene;
    this.fake = scene.listen();
  }

  /** Starts a client under test with this server, and a port of its own to listen on. */
  client(name = "student1", peerport: number = freePort()): Program {
    this.#ports.set(name, peerport);
    return this.#scene.client({ name, port: this.fake.port, values: { peerport } });
  }

  /**
   * Waits for a request of this type: on a connection of its own, or on an earlier one, which only the
   * case that asks for a new one minds.
   */
  async hears(type: "REGISTER" | "BRIDGE"): Promise<{ peer: Peer; message: Message }> {
    const within = 2.5 * this.#scene.deadline;
    const limit = performance.now() + within;
    for (;;) {
      if (this.fake.waiting > 0) this.#peers.push(await this.fake.accepts("fake server"));
      const peer = this.#peers.find(({ inbox }) => text(inbox.unread).includes(type));
      if (peer) return { peer, message: await hearsMessage(peer, type) };
      if (performance.now() > limit) {
        throw new Failure(`a ${type}`, { where: "fake server", waited: within });
      }
      await sleep(10);
    }
  }

  /** Has the client register, and acknowledges it; resolves to what it registered. */
  async registers(client: Program, { status = true } = {}): Promise<Contact> {
    await client.types("/register");
    const { peer, message } = await this.hears("REGISTER");
    // A REGISTER that lacks something is the matter of one case: the others go on with what is known.
    const contact = {
      id: client.label,
      ip: message.headers.get("ip") ?? "127.0.0.1",
      port: this.#ports.get(client.label) ?? Number(message.headers.get("port")),
    };
    await peer.sends(
      block("REGACK", [
        ...contactHeaders(contact),
        ...status ? [["Status", "registered"] as const] : [],
      ]),
    );
    await this.closed(peer);
    return contact;
  }

  /** Has the client ask for a peer, and answers with this one, or with nobody. */
  async bridges(client: Program, contact?: Contact): Promise<void> {
    await client.types("/bridge");
    const { peer } = await this.hears("BRIDGE");
    await peer.sends(bridgeAck(contact));
    await this.closed(peer);
  }

  /** Waits a moment for the client to close; B-C-04 is the case that asks for it. */
  async closed(peer: Peer): Promise<void> {
    await attempt(() => peer.hearsEnd({ within: 300 }));
    await sleep(20);
  }
}

/** The answer to a REGISTER. */
export function regAck({ headers }: Message): string {
  const value = (name: string) => headers.get(name.toLowerCase()) ?? "";
  return block("REGACK", [
    ...["clientID", "IP", "Port"].map((name) => [name, value(name)] as const),
    ["Status", "registered"],
  ]);
}

/** The answer to a BRIDGE. */
export function bridgeAck(contact?: Contact): string {
  return block(
    "BRIDGEACK",
    contact ? contactHeaders(contact) : [["clientID", ""], ["IP", ""], ["Port", ""]],
  );
}
