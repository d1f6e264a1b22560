/**
 * A client with nothing but a console, for tests that need a real process: shows what arrives on the
 * given loopback port, and answers each typed line.
 *
 * @module
 */

import { openConsole } from "../lib/console.ts";
import { typedLines } from "../client.ts";

const [port] = Deno.args;
const terminal = openConsole({
  split: typedLines,
  prompt: "[Me] ",
  commands: ["/list", "/join"],
  onInterrupt: () => {
    terminal.show("interrupted");
    terminal.close();
  },
});
terminal.note(terminal.interactive ? "on a terminal" : "on a pipe");
const conn = port === undefined ? undefined : await Deno.connect({ port: Number(port) });

async function receive(conn: Deno.Conn): Promise<void> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(1024);
  let partial = "";
  for (let read = await conn.read(buffer); read !== null; read = await conn.read(buffer)) {
    const lines = (partial + decoder.decode(buffer.subarray(0, read), { stream: true })).split(
      "\n",
    );
    partial = lines.pop()!;
    for (const line of lines) terminal.show(line);
  }
}

const receiving = conn && receive(conn).catch(() => {});
for (let line = await terminal.readLine(); line !== null; line = await terminal.readLine()) {
  terminal.show(line === "pid" ? `pid ${Deno.pid}` : `typed ${JSON.stringify(line)}`);
}
conn?.close();
await receiving;
await terminal.close();
