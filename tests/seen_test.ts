/**
 * What a person sees of what others send: nothing of it commands the terminal or passes for somebody
 * else's words, and all other text is shown as it is. On the wire it stays as it came.
 */

import { assertEquals } from "@std/assert/equals";
import { call, chat, FakeServer, NOBODY, register, registered } from "./bridge_play.ts";
import { type Dialect, DIALECTS, enter, frame, startRoom } from "./crowd.ts";
import { bytes, deadline, Peer, Program, text } from "./helpers.ts";
import { Client } from "./overlay_net.ts";
import { hasScript, Pty } from "./pty.ts";

/** What is sent, and what is seen of it. */
const TEXTS: [sent: string, seen: string][] = [
  ["clear\x1b[2J\x1b[H", "clear\\x1b[2J\\x1b[H"],
  ["\x1b]52;c;ZXZpbA==\x07 clipboard", "\\x1b]52;c;ZXZpbA==\\x07 clipboard"],
  ["C1 \u009b2J \u009d0;title\u009c", "C1 \\x9b2J \\x9d0;title\\x9c"],
  ["paid\r[Me] I owe you", "paid\\x0d[Me] I owe you"],
  ["rub\x08\x7fout", "rub\\x08\\x7fout"],
  ["\u202egpj.exe \u2066isolate\u2069", "\\u202egpj.exe \\u2066isolate\\u2069"],
  ["a\ttab", "a\ttab"],
  ["👍🏽 👩‍👩‍👧 e\u0301 日本語 \u200fשלום", "👍🏽 👩‍👩‍👧 e\u0301 日本語 \u200fשלום"],
];
/** Only datagrams and frames can hold line ends inside; each would forge a line of its own. */
const LINES: [sent: string, seen: string] = ["hi\n[Me] forged", "hi\\x0a[Me] forged"];

/** A line as it stands in the cells of a screen, which know no tab. */
function cells(line: string): string {
  return line.replace(/^([^\t]*)\t/, (_, head) => head.padEnd((head.length & ~7) + 8));
}

/** A server that a client in a pseudo-terminal has reached, or a peer of it. */
interface Sender {
  say(text: string): Promise<unknown>;
  end(): void;
}

/** How each client is started and reached, and in which form it is sent and shows what Eve says. */
interface Scene {
  args: string[];
  /** The port for `args`, and what waits for the client there. */
  open(): { port: number; reached(pty: Pty): Promise<Sender> };
  said(text: string): string;
  shown(text: string): string;
  /** Whether a message may hold a line end. */
  lines?: boolean;
}

function tcp(greet: (peer: Peer) => Promise<void>): Scene["open"] {
  return () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    return {
      port: listener.addr.port,
      async reached() {
        const peer = new Peer(await deadline(listener.accept(), "the client"));
        listener.close();
        await greet(peer);
        return { say: (text) => peer.send(text), end: () => peer.close() };
      },
    };
  };
}

function udp(welcome: string): Scene["open"] {
  return () => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    return {
      port: (socket.addr as Deno.NetAddr).port,
      async reached() {
        const [, from] = await deadline(socket.receive(), "the client");
        const say = (text: string) => socket.send(bytes(text), from);
        await say(welcome);
        return { say, end: () => socket.close() };
      },
    };
  };
}

function bridge(): ReturnType<Scene["open"]> {
  const server = new FakeServer();
  return {
    port: server.port,
    async reached(pty) {
      let waits = 0;
      await pty.until((lines) => {
        waits = Number(/running on 127\.0\.0\.1:(\d+)$/m.exec(lines.join("\n"))?.[1]);
        return waits > 0;
      });
      await pty.type("/register\r/bridge\r");
      await server.answer(register("Kay", waits), registered("Kay", waits));
      await server.answer("BRIDGE\r\nclientID: Kay\r\n\r\n", NOBODY);
      server[Symbol.dispose]();
      const peer = await Peer.connect(waits);
      await peer.send(call("Eve\u202e", 1));
      return { say: (text) => peer.send(text), end: () => peer.close() };
    },
  };
}

const SCENES: Record<string, Scene> = {
  "client.ts relay": {
    args: ["client.ts", "relay", "127.0.0.1", "PORT"],
    open: tcp(() => Promise.resolve()),
    said: (text) => `Eve: ${text}\n`,
    shown: (text) => `Eve: ${text}`,
  },
  "client.ts channels": {
    args: ["client.ts", "channels", "Kay", "127.0.0.1", "PORT"],
    open: tcp((peer) => peer.expect(frame("Kay"))),
    said: (text) => frame(`[Eve] ${text}`),
    shown: (text) => `[Eve] ${text}`,
    lines: true,
  },
  "client.ts bridge": {
    args: ["client.ts", "bridge", "--id=Kay", "--port=0", "--server=127.0.0.1:PORT"],
    open: bridge,
    said: (text) => `Eve says ${text}\n`,
    shown: (text) => `Eve says ${text}`,
  },
  "client.ts overlay": {
    args: ["client.ts", "overlay", "-s", "127.0.0.1", "-p", "PORT", "-n", "Kay"],
    open: udp("welcome Kay"),
    said: (text) => `recvfrom Eve ${text}`,
    shown: (text) => `Eve: ${text}`,
    lines: true,
  },
  "chatroom.ts client": {
    args: ["chatroom.ts", "client", "-n", "Kay", "--port", "PORT"],
    open: tcp((peer) => peer.send("Welcome\n")),
    said: (text) => `Eve: ${text}\n`,
    shown: (text) => `Eve: ${text}`,
  },
  "chatroom.ts client --udp": {
    args: ["chatroom.ts", "client", "--udp", "-n", "Kay", "--port", "PORT"],
    open: udp("Welcome"),
    said: (text) => `Eve:${text}`,
    shown: (text) => `Eve:${text}`,
    lines: true,
  },
};

/** Starts a scene's client in a pseudo-terminal, `input` being its standard input in a shell's words. */
async function play(scene: Scene, input = ""): Promise<{ pty: Pty; sender: Sender }> {
  const { port, reached } = scene.open();
  const [script, ...args] = scene.args.map((each) => each.replace("PORT", `${port}`));
  const url = new URL(`../${script}`, import.meta.url).href;
  const run = ["run", "--quiet", "--allow-net", url, ...args, input];
  const pty = new Pty(run, { columns: 80, rows: 30 });
  return { pty, sender: await reached(pty) };
}

async function sees(pty: Pty, expected: readonly string[]): Promise<void> {
  const wanted = JSON.stringify(expected.map(cells));
  await pty.until((lines) => {
    // The first may stand behind a prompt.
    const eves = lines.flatMap((line) => /\[?Eve.*/.exec(line) ?? []);
    return JSON.stringify(eves.slice(-expected.length)) === wanted;
  });
}

for (const [name, scene] of Object.entries(SCENES)) {
  const texts = scene.lines ? [...TEXTS, LINES] : TEXTS;
  const shown = texts.map(([, seen]) => scene.shown(seen));

  // The screen throws at every sequence that the line editor has no use for.
  Deno.test({
    name: `${name} shows a person what is said, and obeys none of it`,
    ignore: !hasScript,
    async fn() {
      const { pty, sender } = await play(scene);
      for (const [sent] of texts) await sender.say(scene.said(sent));
      await sees(pty, shown);
      if (name === "client.ts bridge") {
        const caller = "Incoming chat request from Eve\\u202e 127.0.0.1:1";
        assertEquals(pty.vt.lines.find((line) => line.startsWith("Incoming")), caller);
      }
      await pty.type("\x03");
      sender.end();
      await pty.end();
    },
  });

  if (scene.open === bridge || name.endsWith("--udp") || name.endsWith("overlay")) continue;
  Deno.test({
    name: `${name} shows the same on a terminal when its input is a file`,
    ignore: !hasScript,
    async fn() {
      const { pty, sender } = await play(scene, "</dev/null");
      await sender.say(texts.map(([sent]) => scene.said(sent)).join(""));
      await sees(pty, shown);
      sender.end();
      await pty.end();
    },
  });
}

Deno.test({
  name: "chatroom.ts client says why it is not let in, in words that do nothing",
  ignore: !hasScript,
  async fn() {
    const refuses = tcp((peer) => peer.send("\x1b]52;c;eA==\x07Name already taken"));
    const { pty, sender } = await play({ ...SCENES["chatroom.ts client"]!, open: refuses });
    await pty.until((lines) => lines.join().includes("Name already taken"));
    sender.end();
    const end = await pty.end();
    assertEquals(/cannot join: .*/.exec(end)?.[0], CANNOT_JOIN);
  },
});

const CANNOT_JOIN = "cannot join: \\x1b]52;c;eA==\\x07Name already taken";

/** Two members of a room who are beyond the notices of each other's coming. */
async function two(dialect: Dialect, port: number): Promise<[Peer, Peer]> {
  const zero = await enter(dialect, port, 0);
  const one = await enter(dialect, port, 1);
  await one.send(dialect.message("here"));
  const wanted = dialect.delivered("here", 1);
  for (let heard = ""; !heard.endsWith(wanted);) heard += text(await zero.read(1));
  return [zero, one];
}

for (const [name, dialect] of Object.entries(DIALECTS)) {
  Deno.test(`${name}: what is said arrives byte for byte`, async () => {
    const { server, port } = await startRoom(dialect);
    await using _ = server;
    const [zero, one] = await two(dialect, port);
    using _zero = zero;
    using _one = one;
    for (const [sent] of TEXTS) {
      await one.send(dialect.message(sent));
      await zero.expect(dialect.delivered(sent, 1));
    }
  });
}

Deno.test("bridge: what one client's pipe says arrives at the other's byte for byte", async () => {
  await using both = await chat();
  for (const [i, [sent]] of TEXTS.entries()) {
    await both.bob.type(sent);
    await both.alice.until(`\n${sent}\n`);
    await both.alice.type(`your turn ${i}`);
    await both.bob.until(`your turn ${i}\n`);
  }
});

Deno.test("overlay and chatroom --udp: what is said arrives byte for byte, and is printed safely", async () => {
  await using overlay = new Program("overlay.ts", ["-p", "0"]);
  const [, port] = await overlay.until(/at port (\d+)\n/);
  using alice = await Client.register(Number(port), "Alice");
  using bob = await Client.register(Number(port), "Bob");
  await using chatroom = new Program("chatroom.ts", ["server", "--udp", "--port", "0"]);
  const at = await chatroom.port();
  using eve = new Client(at);
  using kay = new Client(at);
  for (const [client, name] of [[kay, "Kay"], [eve, "Eve"]] as const) {
    await client.send(`${name}:join`);
    await client.expect("Welcome");
  }
  await kay.expect("User Eve joined");
  for (const [sent] of [...TEXTS, LINES]) {
    await bob.send(`sendto Alice ${sent}`);
    await alice.expect(`recvfrom Bob ${sent}`);
    await eve.send(`Eve:${sent}`);
    await kay.expect(`Eve:${sent}`);
  }
  assertEquals([await overlay.stop(), await chatroom.stop()], [0, 0]);
  const printed = overlay.stdout.split("\n").filter((line) => line.startsWith("Bob to"));
  assertEquals(printed, [...TEXTS, LINES].map(([, seen]) => `Bob to Alice: ${seen}`));
});

Deno.test("servers tell their operators of odd names and requests in words that do nothing", async () => {
  // A name with control characters is refused; one that turns the line around is a name.
  const odd = "\u202e\u2066Eve";
  const safe = "\\u202e\\u2066Eve";
  await using channels = new Program("server.ts", ["channels", "0"]);
  using member = await Peer.connect(await channels.port());
  await member.send(frame(odd));
  member.close();
  await channels.until(`[1] ${safe} disconnected\n`, "stderr");
  await using bridge = new Program("server.ts", ["bridge", "--port=0"]);
  using client = await Peer.connect(await bridge.port("stdout"));
  await client.send("\u009b2J\u202eEve\r\n\r\n");
  await bridge.until('closed a connection that asked for "\\x9b2J\\u202eEve"\n', "stderr");
});
