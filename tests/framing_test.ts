import { assertEquals } from "@std/assert/equals";
import { assertRejects } from "@std/assert/rejects";
import { FixedSplitter, frames, FrameTooLongError, LineSplitter } from "../lib/net.ts";

const permissions = "none";
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("LineSplitter hears the same lines at every split and glued", { permissions }, () => {
  const all = bytes("one\r\n\nhällo\nlast\nrest");
  for (let at = 0; at <= all.length; at++) {
    const lines = new LineSplitter({ maxBytes: 100 });
    const heard = [...lines.push(all.slice(0, at)), ...lines.push(all.slice(at))];
    assertEquals(heard.map(text), ["one", "", "hällo", "last"]);
    assertEquals(lines.end(), []);
  }
  const lines = new LineSplitter({ maxBytes: 100 });
  const heard = [...all].flatMap((byte) => lines.push(Uint8Array.of(byte)));
  assertEquals(heard.map(text), ["one", "", "hällo", "last"]);
});

Deno.test(
  "LineSplitter takes bare text after a silence, until the first line end",
  { permissions },
  () => {
    const lines = new LineSplitter({ maxBytes: 100, bareMs: 50 });
    assertEquals(lines.patienceMs, undefined);
    assertEquals(lines.push(bytes("ba")), []);
    assertEquals(lines.patienceMs, 50);
    assertEquals(lines.push(bytes("re")), []);
    assertEquals(lines.silence().map(text), ["bare"]);
    assertEquals(lines.push(bytes("line\nha")).map(text), ["line"]);
    assertEquals([lines.patienceMs, lines.silence(), lines.end()], [undefined, [], []]);
  },
);

Deno.test("LineSplitter gives up past its limit, however the bytes come", { permissions }, () => {
  for (const size of [1, 3, 7, 50]) {
    const lines = new LineSplitter({ maxBytes: 10 });
    const all = bytes(`ok\n${"x".repeat(10)}\n${"y".repeat(11)}\nmore\n`);
    const heard: string[] = [];
    for (let at = 0; at < all.length; at += size) {
      heard.push(...lines.push(all.slice(at, at + size)).map(text));
    }
    assertEquals(heard, ["ok", "x".repeat(10)]);
    assertEquals(lines.error instanceof FrameTooLongError, true);
    assertEquals(lines.error?.limit, 10);
  }
});

Deno.test("FixedSplitter hears the same frames at every split and drops a half one", {
  permissions,
}, () => {
  const all = bytes("aaaabbbbccccdd");
  for (let at = 0; at <= all.length; at++) {
    const fixed = new FixedSplitter(4);
    const heard = [...fixed.push(all.slice(0, at)), ...fixed.push(all.slice(at))];
    assertEquals(heard.map(text), ["aaaa", "bbbb", "cccc"]);
    assertEquals([fixed.pending, fixed.end()], [2, []]);
  }
});

/** A source that gives these reads, an error where one stands among them, and then the end. */
function source(...reads: (string | Error)[]) {
  return {
    read(buffer: Uint8Array): Promise<number | null> {
      const next = reads.shift();
      if (next instanceof Error) return Promise.reject(next);
      if (next === undefined) return Promise.resolve(null);
      buffer.set(bytes(next));
      return Promise.resolve(next.length);
    },
  };
}

async function collect(from: ReturnType<typeof source>, lines: LineSplitter): Promise<string[][]> {
  const batches: string[][] = [];
  for await (const batch of frames(from, lines)) batches.push(batch.map(text));
  return batches;
}

Deno.test(
  "frames() yields what each read completes, to the end of the stream",
  { permissions },
  async () => {
    const lines = new LineSplitter({ maxBytes: 100 });
    assertEquals(await collect(source("a\nb\nc", "d\n", "e"), lines), [["a", "b"], ["cd"]]);
    const bare = new LineSplitter({ maxBytes: 100, bareMs: 50 });
    assertEquals(await collect(source("bare"), bare), [["bare"]]);
  },
);

Deno.test(
  "frames() yields what came before an error, then rejects with it",
  { permissions },
  async () => {
    const heard: string[] = [];
    const read = async (from: ReturnType<typeof source>) => {
      for await (const batch of frames(from, new LineSplitter({ maxBytes: 3 }))) {
        heard.push(
          ...batch.map(text),
        );
      }
    };
    await assertRejects(() => read(source("ok\ntoo long\n")), FrameTooLongError, "within 3 bytes");
    await assertRejects(() => read(source("a\n", new Error("reset"))), Error, "reset");
    assertEquals(heard, ["ok", "a"]);
  },
);
