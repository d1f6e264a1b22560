import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { receiveAll } from "../lib/datagrams.ts";
import { bytes, text } from "./helpers.ts";

const permissions = "none";
const FROM = { transport: "udp", hostname: "127.0.0.1", port: 9 } as const;

/** A socket on which so many datagrams have come, each its number, and which then is closed. */
function socketOf(count: number): Deno.DatagramConn {
  let received = 0;
  const receive = (buffer: Uint8Array) => {
    if (received === count) return Promise.reject(new Deno.errors.BadResource("closed"));
    const { written } = new TextEncoder().encodeInto(String(received++), buffer);
    return Promise.resolve([buffer.subarray(0, written), FROM]);
  };
  return { receive } as unknown as Deno.DatagramConn;
}

Deno.test("receiveAll() hands all datagrams on in order, those that wait for room too", {
  permissions,
}, async () => {
  const heard: string[] = [];
  await receiveAll(socketOf(1000), {
    handle: (data) => heard.push(text(data)),
    room: () => heard.length % 100 === 0 ? Promise.resolve() : undefined,
  });
  assertEquals(heard, Array.from({ length: 1000 }, (_, i) => String(i)));
});

Deno.test("receiveAll() keeps no more of a flood than 16 MiB, however small its datagrams are", {
  permissions,
}, async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const kept: Uint8Array[] = [];
  const all = receiveAll(socketOf(100_000), {
    handle: (data) => kept.push(data),
    room: () => promise,
  });
  // By then all have come: nothing but microtasks is between them.
  await new Promise((done) => setTimeout(done));
  resolve();
  await all;
  assert(kept.length > 1000 && kept.length < 20_000, `${kept.length} were kept`);
  assertEquals(kept[0]!.buffer.byteLength, bytes("0").length);
});
