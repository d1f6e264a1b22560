import { assertEquals } from "@std/assert/equals";
import { assertRejects } from "@std/assert/rejects";
import { Flag } from "../chatroom.ts";

function pure(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

pure("Flag.wait() resolves when the flag is set, or with false after its time", async () => {
  const event = new Flag();
  const waiting = event.wait();
  assertEquals(await event.wait(0.001), false);
  event.set();
  assertEquals(await waiting, true);
  assertEquals([event.is_set(), await event.wait(), await event.wait(1)], [true, true, true]);
  event.clear();
  assertEquals([event.is_set(), await event.wait(0.001)], [false, false]);
});

pure("Flag.unless() settles as its promise does while the flag is clear", async () => {
  const event = new Flag();
  assertEquals(await event.unless(Promise.resolve(1)), 1);
  await assertRejects(() => event.unless(Promise.reject(new Error("broken"))), Error, "broken");
});

pure(
  "Flag.unless() resolves to undefined once the flag is set, whatever comes later",
  async () => {
    const event = new Flag();
    const late = Promise.withResolvers<number>();
    const first = event.unless(late.promise);
    event.set();
    assertEquals(await first, undefined);
    assertEquals(await event.unless(late.promise), undefined);
    // Nobody is left to hear of it.
    late.reject(new Error("too late"));
    await assertRejects(() => late.promise);
  },
);
