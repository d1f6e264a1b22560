/** The channels client in a pseudo-terminal: `[Me] ` gives way to what comes in, and typing survives it. */

import { assertEquals } from "@std/assert/equals";
import { deadline, Peer } from "./helpers.ts";
import { hasScript, Pty } from "./pty.ts";

const frame = (message: string) => message.padEnd(200);
const CLIENT = new URL("../client.ts", import.meta.url).href;

Deno.test({
  name: "client.ts channels writes what comes in over [Me], and what is typed reappears below",
  ignore: !hasScript,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const args = [
      "run",
      "--quiet",
      "--allow-net",
      CLIENT,
      "channels",
      "Kay",
      "127.0.0.1",
      `${port}`,
    ];
    const pty = new Pty(args, { columns: 30, rows: 12 });
    using server = new Peer(await deadline(listener.accept(), "the client's connection"));
    await server.expect(frame("Kay"));
    await pty.begin();
    const shows = (...lines: string[]) =>
      pty.until((seen) =>
        JSON.stringify(seen.filter((line) => line !== "")) === JSON.stringify(lines)
      );
    await shows("[Me]");
    await server.send(frame("Alice has joined"));
    await shows("Alice has joined", "[Me]");

    await pty.type("Hel");
    await shows("Alice has joined", "[Me] Hel");
    await server.send(frame("[Alice] Hi \x1b[2J!"));
    await shows("Alice has joined", "[Alice] Hi \\x1b[2J!", "[Me] Hel");
    await pty.type("lo\r");
    await server.expect(frame("Hello"));
    await shows("Alice has joined", "[Alice] Hi \\x1b[2J!", "[Me] Hello", "[Me]");

    // Typed text over two rows of thirty columns.
    await pty.type("one two three four five six seven");
    await shows(
      "Alice has joined",
      "[Alice] Hi \\x1b[2J!",
      "[Me] Hello",
      "[Me] one two three four five s",
      "ix seven",
    );
    await server.send(frame("[Alice] between") + frame("a\nb"));
    const above = [
      "Alice has joined",
      "[Alice] Hi \\x1b[2J!",
      "[Me] Hello",
      "[Alice] between",
      "a",
      "b",
    ];
    await shows(...above, "[Me] one two three four five s", "ix seven");
    await pty.type("\r");
    await server.expect(frame("one two three four five six seven"));
    server.close();
    const end = await pty.end();
    assertEquals(end.includes(`Server at 127.0.0.1:${port} has`), true, end);
    assertEquals(end.includes("code=0"), true, end);
  },
});
