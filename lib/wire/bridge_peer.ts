/**
 * What two bridge clients (CSE 150, "Let's Chat!") say to each other: ours, and those that others have
 * written for the same document, each of which has its own way of putting a chat line on the wire.
 *
 * @module
 */

import {
  appended,
  type Block,
  chatText,
  type Contact,
  type Header,
  kept,
  MAX_HEADERS,
  MESSAGES,
  parseBlock,
  values,
} from "./bridge.ts";

/** What a peer says. */
export type PeerFrame =
  /** It asks for a chat: who it says it is, as far as it says so. */
  | { readonly type: "CHAT"; readonly from: Partial<Contact> }
  /** A chat line, without its end. */
  | { readonly type: "line"; readonly text: string }
  /** The chat is over. */
  | { readonly type: "QUIT" };

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

/** The peers of this assignment that write no line ends are heard after this silence. */
const BARE_MS = 150;
/** A message may be missing its final empty line. */
const BLOCK_MS = 1000;
/** A pasted page is far below; a stream without line ends must not fill the memory. */
const LINE_BYTES = 8 * 1024 * 1024;
const LF = 0x0a;
const EMPTY: Uint8Array = new Uint8Array();
const encoder = new TextEncoder();
// Lossy: a line with a broken character in it is still a line that the person wants to see.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

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
  #rest: Uint8Array = EMPTY;
  #style: LineStyle = { form: "line", end: "\n" };
  #foreign = false;
  #canonical = false;
  /** The peer has ended a chat line; it is held to line ends from there on. */
  #terminated = false;
  #asked = false;
  /** A word that is a message only if what follows says so: ended in LF, from a peer like ours. */
  #held: "CHAT" | "QUIT" | undefined;
  /** The lines of the message that is not complete yet. */
  #block: { lines: string[]; eol: string } | undefined;
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
    if (this.#held) return BARE_MS;
    if (this.#block) return BLOCK_MS;
    return this.#rest.length > 0 && this.#bare() ? BARE_MS : undefined;
  }

  /** To be called when a line was sent to the peer: what it sends now is an answer. */
  answered(): void {
    this.#afterLine = false;
  }

  /** Returns what `bytes` complete. */
  push(bytes: Uint8Array): PeerFrame[] {
    const out: PeerFrame[] = [];
    const all = appended(this.#rest, bytes);
    let start = 0;
    for (
      let end = all.indexOf(LF, this.#rest.length);
      end !== -1;
      end = all.indexOf(LF, start)
    ) {
      const line = decoder.decode(all.subarray(start, end));
      if (line.endsWith("\r")) this.#line(line.slice(0, -1), "\r\n", out);
      else this.#line(line, "\n", out);
      start = end + 1;
    }
    this.#rest = this.#over ? EMPTY : kept(all, { start, read: bytes });
    if (this.#rest.length > LINE_BYTES) {
      this.error = new PeerError(`no line end within ${LINE_BYTES} bytes`);
      this.#rest = EMPTY;
    }
    return out;
  }

  /** Returns what counts as complete because nothing has followed. */
  silence(): PeerFrame[] {
    const out: PeerFrame[] = [];
    this.#release(out);
    if (this.#block || (this.#rest.length > 0 && this.#bare())) this.#finish(out);
    return out;
  }

  /** Returns what is left: a peer that has ended its side adds nothing to it. */
  end(): PeerFrame[] {
    const out: PeerFrame[] = [];
    this.#release(out);
    if (this.#block || this.#rest.length > 0) this.#finish(out);
    return out;
  }

  /** Whatever follows QUIT is its own rest: headers, an empty line. */
  #quit(out: PeerFrame[]): void {
    this.#over = true;
    out.push({ type: "QUIT" });
  }

  /** Whether the rest can be a whole line of a peer that writes no line ends. */
  #bare(): boolean {
    if (!this.#terminated) return true;
    // It is asked after each read: a long rest is not decoded for it.
    return this.#foreign && this.#rest.length === 4 && decoder.decode(this.#rest) === "QUIT";
  }

  #line(text: string, eol: string, out: PeerFrame[]): void {
    if (this.#over) return;
    if (this.#held) {
      if (this.#held === "QUIT" && text === "") {
        this.#held = undefined;
        this.#quit(out);
        return;
      }
      if (this.#held === "CHAT" && /^(message|type)\s*:/i.test(text)) {
        this.#held = undefined;
        this.#block = { lines: ["CHAT"], eol };
      }
      this.#release(out);
    }
    if (this.#block) {
      if (text === "" || text.includes(":")) return this.#header(text, out);
      // No header: the message has ended without its empty line.
      this.#close(out);
    }
    if (this.#style.form === "bare" && eol === "\r\n" && /.QUIT$/.test(text)) {
      // A last line without an end, and the message behind it, in one read.
      this.#say(text.slice(0, -"QUIT".length), out);
      text = "QUIT";
    }
    const certain = eol === "\r\n" || this.#foreign;
    if (text === "QUIT" || text === "CHAT") {
      if (text === "QUIT" && certain) this.#quit(out);
      else if (certain || (this.#called && !this.#asked)) this.#block = { lines: [text], eol };
      else this.#held = text;
      return;
    }
    this.#text(text, eol, out);
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
    if (this.#called && !this.#asked) this.#foreign = true;
    this.#asked = true;
    out.push({ type: "line", text });
  }

  #header(text: string, out: PeerFrame[]): void {
    const { lines } = this.#block!;
    if (text === "") return this.#close(out);
    if (lines.length > MAX_HEADERS) {
      this.error = new PeerError(`more than ${MAX_HEADERS} headers`);
      this.#block = undefined;
      return;
    }
    lines.push(text);
  }

  /** The message that was gathered is complete. */
  #close(out: PeerFrame[]): void {
    const { lines, eol } = this.#block!;
    this.#block = undefined;
    const block = parseBlock(lines.join("\n"));
    if (block.type === "QUIT" || /^quit$/i.test(values(block, "Type")[0] ?? "")) {
      this.#quit(out);
      return;
    }
    const text = values(block, "Message")[0];
    const first = !this.#asked;
    this.#asked = true;
    if (text === undefined || (first && this.#called)) this.#chat(block, lines, { eol, out });
    if (text === undefined) return;
    this.#foreign = true;
    this.#style = { form: "block", headers: block.headers, eol };
    out.push({ type: "line", text });
  }

  #chat(block: Block, lines: string[], { eol, out }: { eol: string; out: PeerFrame[] }): void {
    const [id] = values(block, "clientID");
    const [ip] = values(block, "IP");
    const port = Number(values(block, "Port")[0]);
    const from = { ...id && { id }, ...ip && { ip }, ...port && { port } };
    // To the byte as ours write it: order, case and line ends.
    const text = id && ip && port && chatText({ id, ip, port });
    const exact = text === [...lines, "", ""].join(eol);
    if (exact && this.#called) this.#canonical = true;
    else this.#foreign = true;
    out.push({ type: "CHAT", from });
  }

  #release(out: PeerFrame[]): void {
    const text = this.#held;
    this.#held = undefined;
    if (text) this.#text(text, "\n", out);
  }

  /** What waits is complete as it is. */
  #finish(out: PeerFrame[]): void {
    const text = decoder.decode(this.#rest).replace(/\r$/, "");
    this.#rest = EMPTY;
    if (this.#block) {
      const header = text.includes(":");
      if (header) this.#header(text, out);
      if (this.#block) this.#close(out);
      if (header) return;
    }
    // The second half of the empty line behind a QUIT or a line.
    if (text === "") return;
    if (!this.#terminated) {
      this.#foreign = true;
      this.#style = { form: "bare" };
    }
    if (text === "QUIT") this.#quit(out);
    else if (text === "CHAT" && this.#called && !this.#asked) {
      this.#block = { lines: [text], eol: "\n" };
      this.#close(out);
    } else this.#say(text, out);
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
