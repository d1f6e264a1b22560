/**
 * Bytes compared and shown: where two differ first, and in a view that a person can read.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of a text; bytes stay as they are. */
export function bytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** Text of bytes, each that is not UTF-8 as U+FFFD. */
export function text(data: Uint8Array): string {
  return decoder.decode(data);
}

/** One character a byte, so that offsets in the text are offsets in the bytes. */
export function latin(data: string | Uint8Array): string {
  const all = bytes(data);
  let out = "";
  // A call takes only so many arguments.
  for (let at = 0; at < all.length; at += 8192) {
    out += String.fromCharCode(...all.subarray(at, at + 8192));
  }
  return out;
}

/** Pieces of bytes as one. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Bytes in double quotes, with escapes for what cannot be seen; cut after `max` bytes, with a note. */
export function quoted(data: string | Uint8Array, max = 200): string {
  const all = bytes(data);
  const shown = text(all.subarray(0, max)).replace(
    // deno-lint-ignore no-control-regex
    /[\\"\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (char) => ESCAPES[char] ?? escaped(char.charCodeAt(0)),
  );
  return `"${shown}"${all.length > max ? ` … ${all.length} bytes in all` : ""}`;
}

function escaped(code: number): string {
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}

/** A line of somebody's without what would drive the terminal that it is shown on. */
export function printable(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?");
}

const ESCAPES: Record<string, string> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  '"': '\\"',
  "\\": "\\\\",
};

/** The byte of `got` at which what looks most like `expected` goes wrong; its end where nothing does. */
export function nearest(got: Uint8Array, expected: Uint8Array): { at: number; matched: number } {
  let best = { at: got.length, matched: 0 };
  for (let start = 0; start < got.length; start++) {
    let length = 0;
    while (length < expected.length && got[start + length] === expected[length]) length++;
    // One common byte says nothing; two or more are a text that goes wrong behind them.
    if (length > best.matched && (length > 1 || length === expected.length)) {
      best = { at: start + length, matched: length };
    }
  }
  return best;
}

const BYTES_A_LINE = 20;

/** Bytes in hex, and as characters behind that. */
function hexLine(part: Uint8Array): string {
  const hex = [...part].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const chars = [...part].map((byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."
  );
  return `${hex.padEnd(BYTES_A_LINE * 3 - 1)}   ${chars.join("")}`;
}

/** All bytes in hex, 20 a line. */
export function hexLines(data: Uint8Array): string[] {
  return Array.from(
    { length: Math.ceil(data.length / BYTES_A_LINE) },
    (_, i) => hexLine(data.subarray(i * BYTES_A_LINE, (i + 1) * BYTES_A_LINE)),
  );
}

/** A hex view of 20 bytes a line around `mark`, which is pointed at. */
export function hexView(data: Uint8Array, mark?: number): string[] {
  const markLine = Math.floor((mark ?? data.length) / BYTES_A_LINE);
  const first = Math.max(0, markLine - 3);
  const lines: string[] = [];
  if (first > 0) lines.push(`… ${first * BYTES_A_LINE} bytes before`);
  for (let line = first; line <= markLine + 2 && line * BYTES_A_LINE < data.length; line++) {
    const part = data.subarray(line * BYTES_A_LINE, (line + 1) * BYTES_A_LINE);
    lines.push(hexLine(part));
    if (mark !== undefined && line === markLine) {
      const gap = " ".repeat((mark % BYTES_A_LINE) * 3);
      lines.push(`${gap}^^ byte ${mark}${mark >= data.length ? ": nothing more came" : ""}`);
    }
  }
  if (mark !== undefined && mark > 0 && mark === data.length && mark % BYTES_A_LINE === 0) {
    lines.push(`^^ byte ${mark}: nothing more came`);
  }
  return lines;
}
