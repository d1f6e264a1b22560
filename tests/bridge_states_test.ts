import { assertEquals } from "@std/assert/equals";
import { assertStringIncludes } from "@std/assert/string-includes";
import { type State, TABLE, type Trigger } from "../client.ts";
import { drawPlain, drawStates } from "../tools/state_diagram.ts";

/** Walks through the table; a trigger that means nothing is written as such. */
function walk(...triggers: Trigger[]): string[] {
  let [state, before]: State[] = ["IDLE", "IDLE"];
  return triggers.map((trigger) => {
    const [action, to] = TABLE[state!][trigger] ?? [];
    if (!action || !to) return `${state}: nothing`;
    [state, before] = [to === "back" ? before : to, state];
    return `${action}: ${state}`;
  });
}

Deno.test("docs/bridge-states.svg is what the table draws", async () => {
  const file = new URL("../docs/bridge-states.svg", import.meta.url);
  assertEquals(await Deno.readTextFile(file), drawStates());
});

Deno.test("docs/bridge-plain.svg is what the table leads to", async () => {
  const file = new URL("../docs/bridge-plain.svg", import.meta.url);
  assertEquals(await Deno.readTextFile(file), drawPlain());
});

Deno.test({
  name: "drawStates() shows every state, trigger and action of the table",
  permissions: "none",
  fn() {
    const drawing = drawStates();
    for (const [state, row] of Object.entries(TABLE)) {
      assertStringIncludes(drawing, `>${state}</text>`);
      for (const [trigger, [action]] of Object.entries(row)) {
        assertStringIncludes(drawing, trigger);
        assertStringIncludes(drawing, action);
      }
    }
  },
});

Deno.test({
  name:
    "the table leads the first client through WAIT and the second past it, as the document says",
  permissions: "none",
  fn() {
    assertEquals(walk("/register", "REGACK", "/bridge", "BRIDGEACK, empty", "CHAT comes"), [
      "send REGISTER: REGISTERING",
      "go on: REGISTERED",
      "send BRIDGE: BRIDGING",
      "take calls: WAIT",
      "show the request: CHAT reading",
    ]);
    assertEquals(
      walk("/register", "REGACK", "/bridge", "BRIDGEACK, a peer", "/chat", "connected").slice(3),
      ["keep the contact: BRIDGED", "connect to the peer: CALLING", "send CHAT: CHAT writing"],
    );
  },
});

Deno.test({
  name: "the table goes back to where it was asked when there is no answer",
  permissions: "none",
  fn() {
    assertEquals(walk("/register", "no answer"), [
      "send REGISTER: REGISTERING",
      "say why: IDLE",
    ]);
    const known: Trigger[] = ["/register", "REGACK", "/bridge", "BRIDGEACK, a peer"];
    assertEquals(walk(...known, "/bridge", "no answer", "/chat", "no answer").slice(5), [
      "say why: BRIDGED",
      "connect to the peer: CALLING",
      "say why: BRIDGED",
    ]);
    assertEquals(walk("/register", "REGACK", "/bridge", "no answer").at(-1), "say why: REGISTERED");
  },
});

Deno.test({
  name: "the table knows /quit in every state but the last, and leads to that at once",
  permissions: "none",
  fn() {
    for (const state of Object.keys(TABLE) as State[]) {
      assertEquals(TABLE[state]["/quit"]?.[1], state === "END" ? undefined : "END");
    }
  },
});

Deno.test({
  name: "the table leaves no state that awaits an answer without an answer and an end",
  permissions: "none",
  fn() {
    const pending = (Object.keys(TABLE) as State[]).filter((state) => TABLE[state]["no answer"]);
    assertEquals(pending, ["REGISTERING", "BRIDGING", "CALLING"]);
    for (const state of pending) {
      assertEquals(TABLE[state]["no answer"], ["say why", "back"]);
      assertEquals(Object.keys(TABLE[state]).length > 2, true);
    }
  },
});
