import { assertEquals } from "@std/assert/equals";
import { faults, soak } from "../tools/soak/soaking.ts";

Deno.test("soak() accounts for every message when all servers are used for a moment", async () => {
  assertEquals((await soak(500, 1)).flatMap(faults), []);
});
