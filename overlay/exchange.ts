/**
 * What an overlay server does with each message. It knows no sockets.
 *
 * @module
 */

import { escapeControl, type Limits, type Operator } from "../lib/program.ts";
import {
  DATAGRAM_BYTES,
  oneLine,
  parseDatagram,
  parsePassage,
  passage,
  recvfrom,
  recvfromPrefix,
  SERVER,
  welcome,
} from "../lib/wire/overlay.ts";
import { LoopGuard } from "./guard.ts";
import type { Junction, Link } from "./links.ts";

/** A registered name. */
interface Client {
  readonly name: string;
  readonly address: Deno.NetAddr;
  /** `recvfrom Alice ` in bytes, for what it sends. */
  readonly prefix: Uint8Array;
}

/** What an {@linkcode Exchange} needs of the world around it. */
export interface ExchangeOptions {
  /** Takes the operator's lines and sentences. */
  operator: Pick<Operator, "print" | "note">;
  /** Sends a datagram, without waiting for it. */
  deliver: (datagram: Uint8Array, to: Deno.NetAddr) => void;
  /** The limits in force. */
  limits: Pick<Limits, "clients" | "lineBytes">;
  /** Milliseconds since a fixed moment. */
  now: () => number;
}

/** The registered names, the links, and what each message does to them. */
export class Exchange implements Junction {
  readonly #options: ExchangeOptions;
  readonly #guard: LoopGuard;
  readonly #clients = new Map<string, Client>();
  // By host, then by port: faster than putting a key of both together for each datagram.
  readonly #senders = new Map<string, Map<number, Client>>();
  readonly #links = new Set<Link>();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** An exchange without clients and links. */
  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#guard = new LoopGuard(options.now);
  }

  /** Handles a client's datagram. */
  datagram(bytes: Uint8Array, from: Deno.NetAddr): void {
    const request = parseDatagram(bytes);
    if (request.type === "register") return this.#register(request.name, from);
    if (request.type === "sendto") return this.#sendto(request, from);
    this.#note(`ignored ${bytes.length} bytes that are no request`, from);
  }

  /** Sends messages for unknown names on `link`, too. */
  opened(link: Link): void {
    this.#links.add(link);
    this.#guard.opened(link.id);
  }

  /** Forgets the link. */
  closed(link: Link): void {
    this.#links.delete(link);
    this.#guard.closed(link.id);
  }

  /** Handles a line that `link` has brought; false when it is no message. */
  passed(line: Uint8Array, link: Link): boolean {
    const message = parsePassage(line);
    if (!message) return false;
    const { from, to, text } = message;
    const shown = this.#shown(from, to, text);
    if (!this.#guard.arrived(shown, link.id)) return true;
    this.#options.operator.print(SERVER.received(shown));
    const client = this.#clients.get(to);
    if (client) {
      this.#deliver(recvfrom(recvfromPrefix(from), text), client);
      return true;
    }
    this.#options.operator.print(SERVER.notRegistered(to));
    // Never back to where it came from.
    if (this.#links.size > 1) this.#send(shown, passage(from, to, text), link);
    return true;
  }

  #register(name: string, from: Deno.NetAddr): void {
    const { operator, deliver, limits } = this.#options;
    const known = this.#clients.get(name);
    if (!known && this.#clients.size >= limits.clients) {
      return this.#note(`refused to register ${name}: ${limits.clients} names are the limit`, from);
    }
    // Registered twice from one address is a welcome that was lost: there is nothing new to say.
    if (known && isSame(known.address, from)) {
      this.#sender(from.hostname).set(from.port, known);
    } else {
      if (known) this.#forget(known);
      const client = { name, address: from, prefix: recvfromPrefix(name) };
      this.#clients.set(name, client);
      this.#sender(from.hostname).set(from.port, client);
      operator.print(SERVER.registered(name, from.hostname, from.port));
    }
    deliver(welcome(name), from);
  }

  #sendto({ to, text }: { to: string; text: Uint8Array }, address: Deno.NetAddr): void {
    const { operator } = this.#options;
    const sender = this.#senders.get(address.hostname)?.get(address.port);
    if (!sender) return this.#note("dropped a message from an address without a name", address);
    const shown = this.#shown(sender.name, to, text);
    operator.print(shown);
    const client = this.#clients.get(to);
    if (client) return this.#deliver(recvfrom(sender.prefix, text), client);
    operator.print(SERVER.notRegistered(to));
    if (this.#links.size > 0) this.#forward(sender, to, oneLine(text));
  }

  #forward(sender: Client, to: string, text: Uint8Array): void {
    const line = passage(sender.name, to, text);
    const { lineBytes } = this.#options.limits;
    // A longer line would end the link at a neighbour who keeps the same limit.
    if (line.length - 1 > lineBytes) {
      const what = `a message of ${text.length} bytes for ${to} is too long for the overlay`;
      return this.#note(`${what}, whose lines hold ${lineBytes}`, sender.address);
    }
    const shown = this.#shown(sender.name, to, text);
    this.#guard.originated(shown);
    this.#send(shown, line);
  }

  /** Sends a line on every link but `except`. */
  #send(shown: string, line: Uint8Array, except?: Link): void {
    this.#options.operator.print(SERVER.sending(shown));
    for (const link of this.#links) if (link !== except) link.outbound.send(line);
  }

  #deliver(datagram: Uint8Array, { name, address }: Client): void {
    // `recvfrom` takes more room than `sendto` when the sender's name is longer.
    if (datagram.length <= DATAGRAM_BYTES) return this.#options.deliver(datagram, address);
    this.#note(`a message for ${name} is too long for one datagram: dropped`, address);
  }

  #sender(hostname: string): Map<number, Client> {
    let ports = this.#senders.get(hostname);
    if (!ports) this.#senders.set(hostname, ports = new Map());
    return ports;
  }

  /** Takes a client's address away from it, so that nobody else writes in its name. */
  #forget(client: Client): void {
    const { hostname, port } = client.address;
    const ports = this.#senders.get(hostname);
    if (ports?.get(port) === client) ports.delete(port);
    if (ports?.size === 0) this.#senders.delete(hostname);
  }

  /** A message as it is printed: one line, whatever is in it. */
  #shown(from: string, to: string, text: Uint8Array): string {
    return SERVER.message(from, to, escapeControl(this.#decoder.decode(text)));
  }

  #note(what: string, { hostname, port }: Deno.NetAddr): void {
    // One kind for all: a flood of them must not become a flood of sentences.
    this.#options.operator.note(`${hostname} port ${port}: ${what}`, "datagram");
  }
}

function isSame(one: Deno.NetAddr, other: Deno.NetAddr): boolean {
  return one.port === other.port && one.hostname === other.hostname;
}
