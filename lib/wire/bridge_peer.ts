/**
 * What two bridge clients (CSE 150, "Let's Chat!") say to each other: ours, and those that others have
 * written for the same document, each of which has its own way of putting a chat line on the wire.
 *
 * @module
 */

import {
  type Block,
  chatText,
  type Contact,
  type Header,
  MAX_HEADERS,
  MESSAGES,
  parseBlock,
  values,
} from "./bridge.ts";
import { Bytes } from "./framing.ts";

/** What a peer says. */
export type PeerFrame =
  /** It asks for a chat: who it says it is, as far as it says so. */
  | { readonly type: "CHAT"; readonly from: Partial<Contact> }
  /** A chat line, without its end. */
  | { readonly type: "line"; readonly text: string }
  /** The chat is over; `busy`: it never began, the peer is in another one. */
  | { readonly type: "QUIT"; readonly busy: boolean };

/** How a peer puts its chat lines on the wire; ours are answered in the same way. */
export type LineStyle =
  /** A line with this end. */
  | { readonly form: "line"; readonly end: string }
  /** Each write is a line, nothing marks its end. */
  | { readonly form: "bare" }
  /** A CHAT message with these headers, one of which holds the text. */
  | { readonly form: "block"; readonly headers: readonly Header[]; readonly eol: string };

/** A peer sent more without an end than any chat line has. */
export class PeerError extends Error {
  /** The class, for messages. */
  override readonly name = "PeerError";
}

/** The peers of this assignment that write no line ends are heard after this silence, in ms. */
const BARE_MS = 150;
/** From a peer that has ended its lines so far it is more likely that the rest of a line is late. */
const MIXED_MS = 400;
/** A message may be missing its final empty line. */
const BLOCK_MS = 1000;
/** A pasted page is far below; a stream without line ends must not fill the memory. */
const LINE_BYTES = 8 * 1024 * 1024;
const LF = 0x0a;
const encoder = new TextEncoder();
// Lossy: a line with a broken character in it is still a line that the person wants to see.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What must follow a word in a line of its own for that word to begin a message. */
const FOLLOWS: Record<string, RegExp> = { QUIT: /^$/, CHAT: /^(message|type)\s*:/i };
/** Others call the request CHATREQ, INVITE and so on. */
const REQUEST_WORD = /^[A-Za-z][\w-]*$/;
const REQUEST_FOLLOWS = /^clientid\s*:/i;

/**
 * Splits what a peer sends into {@linkcode PeerFrame}s.
 *
 * A line that merely reads QUIT and the message QUIT differ in their line ends only: messages of ours end
 * lines in CRLF, chat lines of ours in LF. Whatever shows that the peer is not ours (another line end,
 * another CHAT, no line end at all) makes the word alone enough.
 */
export class PeerSplitter {
  /** Any bytes make frames, up to a bound. */
  error: PeerError | undefined;
  readonly #called: boolean;
  readonly #rest = new Bytes();
  #style: LineStyle = { form: "line", end: "\n" };
  #foreign = false;
  #canonical = false;
  /** The peer has ended a chat line. */
  #terminated = false;
  /** The peer has said its first word. */
  #spoken = false;
  /** The lines of what may be a message, and whether it is one: else what follows has to say so. */
  #block: { lines: string[]; eol: string; sure: boolean } | undefined;
  /** An empty line may follow that belongs to the line before. */
  #afterLine = false;
  #over = false;

  /** A splitter for one stream; `called`: the peer has called us and shall say CHAT first. */
  constructor({ called }: { called: boolean }) {
    this.#called = called;
  }

  /** How the peer writes its lines, as far as it has written any. */
  get style(): LineStyle {
    return this.#style;
  }

  /** Whether the peer has shown itself to be one of ours, or at least nothing else. */
  get ours(): boolean {
    return !this.#foreign && (this.#canonical || this.#terminated);
  }

  /** For how long, in ms, what waits may still be added to. */
  get patienceMs(): number | undefined {
    if (this.#block?.sure && this.#block.lines[0] !== "QUIT") return BLOCK_MS;
    if (this.#rest.length > 0) return this.#terminated ? MIXED_MS : BARE_MS;
    return this.#block && BARE_MS;
  }

  /** To be called when a line was sent to the peer: what it sends now is an answer. */
  answered(): void {
    this.#afterLine = false;
  }

  /** Returns what `bytes` complete. */
  push(bytes: Uint8Array): PeerFrame[] {
    const out: PeerFrame[] = [];
    const searched = this.#rest.length;
    this.#rest.add(bytes);
    const all = this.#rest.view();
    let start = 0;
    for (let end = all.indexOf(LF, searched); end !== -1; end = all.indexOf(LF, start)) {
      const line = decoder.decode(all.subarray(start, end));
      if (line.endsWith("\r")) this.#line(line.slice(0, -1), "\r\n", out);
      else this.#line(line, "\n", out);
      start = end + 1;
    }
    this.#rest.drop(this.#over ? all.length : start);
    if (this.#rest.length > LINE_BYTES) {
      this.error = new PeerError(`no line end within ${LINE_BYTES} bytes`);
      this.#rest.take();
    }
    return out;
  }

  /** Returns what counts as complete because nothing has followed: all that waits. */
  silence(): PeerFrame[] {
    const out: PeerFrame[] = [];
    const text = decoder.decode(this.#rest.view()).replace(/\r$/, "");
    this.#rest.take();
    const header = this.#block?.sure && text.includes(":");
    if (header) this.#header(text, out);
    if (this.#block) this.#close(out);
    // Empty: the second half of the empty line behind a QUIT or a line.
    if (header || text === "" || this.#over) return out;
    this.#foreign = true;
    // A peer that has ended lines before can read them, and may read nothing else.
    if (!this.#terminated) this.#style = { form: "bare" };
    if (text === "QUIT") this.#quit(out);
    else if (text === "CHAT" && this.#opening) {
      this.#chat(parseBlock(text), [text], { eol: "", out });
    } else this.#say(text, out);
    return out;
  }

  /** Returns what is left: a peer that has ended its side adds nothing to it. */
  end(): PeerFrame[] {
    return this.silence();
  }

  /** Whether the peer's first word is still to come, and has to be a request. */
  get #opening(): boolean {
    return this.#called && !this.#spoken;
  }

  #line(text: string, eol: string, out: PeerFrame[]): void {
    if (this.#over) return;
    if (this.#block) {
      const { sure, lines: [word] } = this.#block;
      const follows = FOLLOWS[word!] ?? REQUEST_FOLLOWS;
      if (sure ? text === "" || text.includes(":") : follows.test(text)) {
        this.#block.sure = true;
        return this.#header(text, out);
      }
      // No header: the message has ended without its empty line, or it was none.
      this.#close(out);
    }
    if (this.#style.form === "bare" && eol === "\r\n" && /.QUIT$/.test(text)) {
      // A last line without an end, and the message behind it, in one read.
      this.#say(text.slice(0, -"QUIT".length), out);
      text = "QUIT";
    }
    const certain = eol === "\r\n" || this.#foreign;
    // Its headers may say more where it is the answer to a call.
    if (text === "QUIT" && certain && (this.#called || this.#spoken)) return this.#quit(out);
    const known = text === "QUIT" || text === "CHAT";
    if (known || (this.#opening && REQUEST_WORD.test(text))) {
      this.#block = { lines: [text], eol, sure: known && (certain || this.#opening) };
    } else this.#text(text, eol, out);
  }

  #text(text: string, eol: string, out: PeerFrame[]): void {
    if (eol === "\r\n") this.#foreign = true;
    if (text === "" && this.#afterLine) {
      // Some end a chat line as a message, with an empty line.
      this.#style = { form: "line", end: eol + eol };
      this.#afterLine = false;
      return;
    }
    if (this.#style.form !== "line" || this.#style.end !== eol + eol) {
      this.#style = { form: "line", end: eol };
    }
    this.#afterLine = this.#foreign;
    this.#terminated = true;
    this.#say(text, out);
  }

  #say(text: string, out: PeerFrame[]): void {
    // Text before any CHAT: the connection itself was the request, as no client of ours does it.
    if (this.#opening) this.#foreign = true;
    this.#spoken = true;
    out.push({ type: "line", text });
  }

  /** Whatever follows QUIT is its own rest: headers, an empty line. */
  #quit(out: PeerFrame[], block?: Block): void {
    this.#over = true;
    const busy = block !== undefined && /^busy$/i.test(values(block, "Status")[0] ?? "");
    out.push({ type: "QUIT", busy });
  }

  #header(text: string, out: PeerFrame[]): void {
    const { lines } = this.#block!;
    if (text === "") return this.#close(out);
    if (lines.length > MAX_HEADERS) {
      this.error = new PeerError(`more than ${MAX_HEADERS} headers`);
      this.#block = undefined;
    } else lines.push(text);
  }

  /** The message that was gathered is complete; a word that has not become one is a line. */
  #close(out: PeerFrame[]): void {
    const { lines, eol, sure } = this.#block!;
    this.#block = undefined;
    if (!sure) return this.#text(lines[0]!, eol, out);
    const block = parseBlock(lines.join("\n"));
    if (block.type === "QUIT" || /^quit$/i.test(values(block, "Type")[0] ?? "")) {
      return this.#quit(out, block);
    }
    const text = values(block, "Message")[0];
    if (text === undefined || this.#opening) this.#chat(block, lines, { eol, out });
    this.#spoken = true;
    if (text === undefined) return;
    this.#foreign = true;
    this.#style = { form: "block", headers: block.headers, eol };
    out.push({ type: "line", text });
  }

  #chat(block: Block, lines: string[], { eol, out }: { eol: string; out: PeerFrame[] }): void {
    const [id, ip, port] = ["clientID", "IP", "Port"].map((name) => values(block, name)[0]);
    const from = { ...id && { id }, ...ip && { ip }, ...Number(port) && { port: Number(port) } };
    // To the byte as ours write it: order, case and line ends.
    const text = id && ip && port && chatText({ id, ip, port: Number(port) });
    if (this.#called && text === [...lines, "", ""].join(eol)) this.#canonical = true;
    else this.#foreign = true;
    this.#spoken = true;
    out.push({ type: "CHAT", from });
  }
}

/** The bytes of a chat line for a peer that writes its own in this style; none for an empty bare one. */
export function formatLine(text: string, style: LineStyle, own: Contact): Uint8Array {
  if (style.form === "bare") return encoder.encode(text);
  if (style.form === "line") return encoder.encode(text + style.end);
  const headers = style.headers.map(({ name, value }) =>
    `${name}: ${HEADER_VALUES[name.toLowerCase()]?.(text, own) ?? value}`
  );
  return encoder.encode(["CHAT", ...headers, "", ""].join(style.eol));
}

/** QUIT for such a peer, in the writes that it takes. */
export function quitParts({ form }: LineStyle): Uint8Array[] {
  // The reader of bare texts compares one with the word; the rest makes the message complete.
  return form === "bare"
    ? ["QUIT", "\r\n\r\n"].map((part) => encoder.encode(part))
    : [MESSAGES.quit];
}

const HEADER_VALUES: Record<string, (text: string, own: Contact) => string | number> = {
  message: (text) => text,
  clientid: (_, own) => own.id,
  ip: (_, own) => own.ip,
  port: (_, own) => own.port,
};
