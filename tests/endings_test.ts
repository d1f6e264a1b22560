/**
 * Programs whose input or output is closed, or who are killed, or whose server is.
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { register, registered } from "./bridge_play.ts";
import { cpuUntilIdle, DIALECTS, enter, frame, readUntil } from "./crowd.ts";
import { bytes, deadline, Peer, Program } from "./helpers.ts";
import { Client } from "./overlay_net.ts";
import {
  bridge,
  CLIENTS,
  type Command,
  ends,
  overlay,
  room,
  type Scene,
  udpRoom,
} from "./scenes.ts";

/** A real client of each kind, whose name is Kay. */
interface Kay {
  scene(): Promise<Scene>;
  /** What Kay types to be in, and what is heard and shown then. */
  typed?: string;
  joined: string;
  shows: string;
  /** What is heard once Kay has left, if anybody is told. */
  left?: string;
  /** All of stdout when the input is closed from the start. */
  atOnce: RegExp;
  /** What is typed after the server was killed, where the client cannot know it. */
  next?: string;
  /** What the client says on stderr once it is in, if anything. */
  notes?: string;
  /** How the client ends after that; PORT stands for the server's. */
  killed: { code: number; stdout: RegExp; stderr: string };
}

const GONE = "the server at 127.0.0.1:PORT has ended the connection\n";

const KAYS: Record<keyof typeof CLIENTS, Kay> = {
  relay: {
    scene: room("relay"),
    typed: "JOIN Kay",
    joined: "Kay joined!\n",
    shows: "Kay joined!Connected to server!\n",
    left: "Kay left\n",
    atOnce: /^Enter JOIN followed by your username: $/,
    killed: { code: 1, stdout: /server!\n$/, stderr: GONE },
  },
  channels: {
    scene: room("channels"),
    typed: "/join x",
    joined: frame("Kay has joined"),
    shows: "[Me] [Me] ",
    left: frame("Kay has left"),
    atOnce: /^\[Me\] $/,
    killed: {
      code: 0,
      stdout: /\[Me\] \r {4}\rServer at 127\.0\.0\.1:PORT has disconnected\n$/,
      stderr: "",
    },
  },
  chatroom: {
    scene: room("chatroom"),
    joined: "User Kay joined\n",
    shows: "",
    left: "User Kay left\n",
    atOnce: /^$/,
    notes: "joined as Kay\n",
    killed: {
      code: 1,
      stdout: /^u0: hello\n$/,
      stderr: "joined as Kay\nthe server has vanished\n",
    },
  },
  "chatroom over UDP": {
    scene: udpRoom,
    joined: "User Kay joined",
    shows: "",
    left: "User Kay left",
    atOnce: /^$/,
    next: "exit",
    notes: "joined as Kay\n",
    killed: { code: 0, stdout: /^Witness:hello\n$/, stderr: "joined as Kay\n" },
  },
  overlay: {
    scene: overlay,
    joined: "Kay registered from host",
    shows: "connected to server and registered Kay\n",
    atOnce: /^connected to server and registered Kay\nterminating client\.\.\.\n$/,
    next: "sendto Witness hello\nexit",
    killed: { code: 0, stdout: /\nterminating client\.\.\.\n$/, stderr: "" },
  },
  bridge: {
    scene: bridge,
    typed: "/register",
    joined: "REGISTER: Kay from",
    shows: "Kay running on",
    atOnce: /^Kay running on 127\.0\.0\.1:\d+\n$/,
    next: "/bridge\n/quit",
    killed: {
      code: 0,
      stdout: /^Kay running on 127\.0\.0\.1:\d+\n$/,
      stderr:
        "cannot connect to 127.0.0.1:PORT: nothing listens there, is the server running and " +
        "the port right?\n",
    },
  },
};

/** Starts Kay's client, and waits until Kay is in. */
async function comes(name: keyof typeof CLIENTS, scene: Scene): Promise<Program> {
  const kay = KAYS[name];
  const [script, ...args] = CLIENTS[name](scene.port);
  const client = new Program(script, args);
  if (kay.typed) await client.type(kay.typed);
  await scene.hears(kay.joined);
  await client.until(kay.shows);
  // The others hear of somebody before that one hears of being in.
  if (kay.shows === "") {
    await scene.say("hello");
    await client.until("hello\n");
  }
  return client;
}

/**
 * A program whose output goes to somebody who reads one line and quits, with `2>&1` all that it says. On
 * stderr come its process number, then `quit`, and `code=` with its exit code.
 */
class Piped extends Program {
  constructor([script, ...args]: Command, redirect: "" | "2>&1" = "") {
    const run = `{ sh -c 'echo pid=$$ >&3; exec "$@"' sh "$@" ${redirect}; echo code=$? >&3; }`;
    const pager = "{ head -n 1; exec <&-; echo quit >&3; }";
    const command = [Deno.execPath(), "run", "--no-prompt", "--allow-net", script, ...args];
    super("sh", ["-c", `{ ${run} | ${pager}; } 3>&2`, "sh", ...command], { command: true });
  }

  /** The program's own number; the process that a test holds is the shell. */
  async real(): Promise<number> {
    const [, pid] = await this.until(/pid=(\d+)\n/, "stderr");
    return Number(pid);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    // It would outlive the shell, and keep its end of the pipes.
    if (!this.stderr.includes("code=")) Deno.kill(await this.real(), "SIGKILL");
    await super[Symbol.asyncDispose]();
  }
}

for (const name of Object.keys(CLIENTS) as (keyof typeof CLIENTS)[]) {
  const kay = KAYS[name];
  Deno.test(`${name}: a client leaves when its input is closed, at once or later`, async () => {
    await using scene = await kay.scene();
    const [script, ...args] = CLIENTS[name](scene.port);
    for (const before of ["exec </dev/null", "exec <&-"]) {
      await using client = new Program(script, args, { before });
      assertEquals([await client.code(), client.stderr], [0, kay.notes ?? ""]);
      assertMatch(client.stdout, kay.atOnce);
      // Who needs no word to be in was in.
      if (kay.typed === undefined && kay.left) {
        await scene.hears(kay.joined);
        await scene.hears(kay.left);
      }
    }
    await using client = await comes(name, scene);
    await client.endInput();
    assertEquals([await client.code(), client.stderr], [0, kay.notes ?? ""]);
    if (kay.left) await scene.hears(kay.left);
  });

  Deno.test(`${name}: a client leaves when nobody reads its output any more`, async () => {
    await using scene = await kay.scene();
    await using client = new Piped(CLIENTS[name](scene.port));
    if (kay.typed) await client.type(kay.typed);
    await scene.hears(kay.joined);
    const say = () => name === "bridge" ? client.type("/id") : scene.say("hallo");
    // The first may be the line that is read, or the first that is not.
    await say();
    await client.until("quit\n", "stderr");
    await say().catch(() => {});
    await client.until("code=", "stderr");
    const ended = client.stderr.replace(kay.notes ?? "", "");
    assertMatch(ended, /^pid=\d+\n(quit\ncode=0|code=0\nquit)\n$/);
    assertEquals(client.stdout.split("\n").length, 2);
    if (kay.left) await scene.hearsAtLast(kay.left);
  });

  Deno.test(`${name}: a killed client has left, and the server goes on`, async () => {
    await using scene = await kay.scene();
    await using client = await comes(name, scene);
    await client.stop("SIGKILL");
    // Without a connection nobody can know.
    if (kay.left && kay.next === undefined) await scene.hears(kay.left);
    await scene.say("still here");
    await ends(scene);
  });

  Deno.test(`${name}: a client says that its server was killed, and ends`, async () => {
    await using scene = await kay.scene();
    await using client = await comes(name, scene);
    await scene.server.stop("SIGKILL");
    if (kay.next) await client.type(kay.next);
    const { code, stdout, stderr } = kay.killed;
    const actual = (text: string) => text.replaceAll("PORT", `${scene.port}`);
    assertEquals([await client.code(), client.stderr], [code, actual(stderr)]);
    assertMatch(client.stdout, new RegExp(actual(stdout.source)));
  });
}

Deno.test("chatroom over UDP: a client gives up in a sentence when no server answers", async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  const [script, ...args] = CLIENTS["chatroom over UDP"](port);
  try {
    await using client = new Program(script, args);
    for (let tries = 0; tries < 5; tries++) {
      const [data] = await deadline(socket.receive(), "a try to join");
      assertEquals(data, bytes("Kay:join"));
    }
    assertEquals([await client.code(), client.stdout], [1, ""]);
    const sentence = `no answer from 127.0.0.1:${port}, is the server running?`;
    assertEquals(client.stderr, `cannot join: ${sentence}\n`);
  } finally {
    socket.close();
  }
});

/** Servers, what of their output is read by somebody who quits, and somebody who uses them. */
const SERVERS: Record<string, Serving> = {
  relay: { command: DIALECTS["relay"]!.command, says: "stderr", use: talk("relay") },
  // These say nothing on stdout alone.
  channels: { command: DIALECTS["channels"]!.command, redirect: "2>&1", use: talk("channels") },
  chatroom: { command: DIALECTS["chatroom"]!.command, redirect: "2>&1", use: talk("chatroom") },
  bridge: {
    command: ["server.ts", "bridge", "--port=0"],
    async use(port) {
      using peer = await Peer.connect(port);
      await peer.send(register("Bob", 1));
      await peer.expect(registered("Bob", 1));
    },
  },
  overlay: {
    command: ["overlay.ts", "-p", "0"],
    async use(port) {
      using alice = await Client.register(port, "Alice");
      await alice.send("sendto Alice hello");
      await alice.expect("recvfrom Alice hello");
    },
  },
};

interface Serving {
  command: Command;
  redirect?: "2>&1";
  /** Which stream says the port, if it is not the one that is read. */
  says?: "stderr";
  use(port: number): Promise<void>;
}

function talk(name: string): Serving["use"] {
  return async (port) => {
    using zero = await enter(DIALECTS[name]!, port, 0);
    using one = await enter(DIALECTS[name]!, port, 1);
    for (const text of ["one", "two", "three"]) {
      await one.send(DIALECTS[name]!.message(text));
      await readUntil(zero, DIALECTS[name]!.delivered(text, 1));
    }
  };
}

for (const [name, { command, redirect, use, says = "stdout" }] of Object.entries(SERVERS)) {
  Deno.test(`${name}: a server goes on when nobody reads its output any more, and without input`, async () => {
    await using server = new Piped(command, redirect);
    await server.endInput();
    const [, port] = await server.until(/(?:listening on \S+:|at port )(\d+)\n/, says);
    await server.until("quit\n", "stderr");
    await use(Number(port));
    const used = await cpuUntilIdle(await server.real());
    assert(used < 500, `${used} ms of CPU for nothing`);
    Deno.kill(await server.real(), "SIGTERM");
    await server.until("code=0\n", "stderr");
    assertEquals(server.stderr.match(/error|^ {4}at /m), null);
  });
}
