/**
 * Faults on the way: a seeded schedule that cuts, delays and joins what is written, and a proxy for TCP
 * and UDP that does so between any two programs, prints each decision, and can be replayed.
 *
 * @module
 */

/** A generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function random(seed: string): () => number {
  let state = 0x9e3779b9;
  for (const char of seed) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Cuts each write into pieces of 1 to 5 bytes, or a few, with pauses of 0 to 30 ms between them. */
export function schedule(
  seed: string,
): (data: Uint8Array) => { piece: Uint8Array; pause: number }[] {
  const next = random(seed);
  return (data) => {
    const pieces: { piece: Uint8Array; pause: number }[] = [];
    // A long text in pieces of a few bytes would take a case beyond its time.
    const most = Math.max(5, Math.ceil(data.length / 20));
    for (let at = 0; at < data.length;) {
      const size = 1 + Math.floor(next() * most);
      const piece = data.subarray(at, at + size);
      at += piece.length;
      pieces.push({ piece, pause: at < data.length ? Math.floor(next() * 31) : 0 });
    }
    return pieces;
  };
}
