/**
 * The names that clients learn from what they show: found, completed and coloured.
 */

import { assertEquals } from "@std/assert/equals";
import { type FindNames, paint } from "../lib/draw.ts";
import { named as bridge } from "../lib/wire/bridge.ts";
import { named as channels } from "../lib/wire/channels.ts";
import { named as chatroom } from "../lib/wire/chatroom.ts";
import { named as overlay } from "../lib/wire/overlay.ts";
import { named as relay } from "../lib/wire/relay.ts";

const options = { permissions: "none" } as const;

const LINES: [protocol: string, find: FindNames, line: string, names: string[]][] = [
  ["relay", relay, "Alice: Bob: hi", ["Alice"]],
  ["relay", relay, "Alice joined!Connected to server!", ["Alice"]],
  ["relay", relay, "Alice joined!", ["Alice"]],
  ["relay", relay, "Alice left", ["Alice"]],
  ["relay", relay, "Alice is sending a broadcast", ["Alice"]],
  ["relay", relay, "Alice,Bob,Alex", ["Alice", "Bob", "Alex"]],
  ["relay", relay, "Too Many Users", []],
  ["relay", relay, "Unknown Message", []],
  ["channels", channels, "[Alice] [Bob] hi", ["Alice"]],
  ["channels", channels, "[Alice]", ["Alice"]],
  ["channels", channels, "Alice Liddell has joined", ["Alice Liddell"]],
  ["channels", channels, "Alice has left", ["Alice"]],
  ["channels", channels, "No channel named x exists. Try '/create x'?", []],
  ["bridge", bridge, "Incoming chat request from Alice 127.0.0.1:2500", ["Alice"]],
  ["bridge", bridge, "Alice: hi", []],
  ["overlay", overlay, "Alice: hi", ["Alice"]],
  ["overlay", overlay, "connected to server and registered Alice", []],
  ["chatroom", chatroom, "User Alice joined", ["Alice"]],
  ["chatroom", chatroom, "User Alice left", ["Alice"]],
  ["chatroom", chatroom, "Alice: hi: you", ["Alice"]],
  ["chatroom", chatroom, "Alice:hi", ["Alice"]],
  ["chatroom", chatroom, "Welcome", []],
];

for (const [protocol, find, line, names] of LINES) {
  Deno.test(
    `${protocol}: named() finds ${names.join(", ") || "nobody"} in ${line}`,
    options,
    () => {
      assertEquals(find(line).map(([start, end]) => line.slice(start, end)), names);
    },
  );
}

Deno.test("paint() paints each name, always in the same colour, and nothing else", options, () => {
  const alice = paint("Alice: Alice", relay).replace(/: Alice$/, "");
  // deno-lint-ignore no-control-regex
  assertEquals(alice.replace(/^\x1b\[\d\dm/, "").replace(/\x1b\[39m$/, ""), "Alice");
  assertEquals(paint("Bob,Alice", relay).endsWith(alice), true);
  assertEquals(paint("Too Many Users", relay), "Too Many Users");
});
