/**
 * Connections that end at every stage of a session. A process that is killed leaves its peers what a close
 * leaves them: the end of the stream or, where it had not read everything, a reset.
 */

import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { bridgedTo, call, register, waiting } from "./bridge_play.ts";
import { frame } from "./crowd.ts";
import { deadline, Peer, Program } from "./helpers.ts";
import { Client } from "./overlay_net.ts";
import { bridge, CLIENTS, ends, room, type Scene } from "./scenes.ts";

const PROMPT = "Enter JOIN followed by your username: ";
const WIPE = "\r    \r";
/** What a server has said when it goes, what its client shows of it until then, and how that ends. */
type Loss = [said: string, shown: string, stdout: string, stderr: RegExp, code: number];

const WITHOUT_ANSWER = /^cannot join: the server has closed the connection without an answer\n$/;
const GONE_FROM = /^the server at 127\.0\.0\.1:\d+ has ended the connection\n$/;
const DISCONNECTED = `${WIPE}Server at 127.0.0.1:PORT has disconnected\n`;
const VANISHED = /^joined as Kay\nthe server has vanished\n$/;
const ENDED = /^joined as Kay\nthe server has shut down\n$/;

const LOSSES: Record<string, { typed: string; losses: Loss[] }> = {
  relay: {
    typed: "JOIN Kay\n",
    losses: [
      ["", PROMPT, PROMPT, GONE_FROM, 1],
      ["Kay joi", "Kay joi\n", `${PROMPT}Kay joi\n`, GONE_FROM, 1],
      ["Kay joined!\n", "joined!\n", `${PROMPT}Kay joined!\n`, GONE_FROM, 1],
      ["Kay joined!\nAl: ha", "ha\n", `${PROMPT}Kay joined!\nAl: ha\n`, GONE_FROM, 1],
    ],
  },
  channels: {
    typed: "",
    losses: [
      ["", "[Me] ", `[Me] ${DISCONNECTED}`, /^$/, 0],
      ["Al has", "[Me] ", `[Me] ${DISCONNECTED}`, /^$/, 0],
      [
        frame("Al has joined") + "[Al] ha",
        "joined\n[Me] ",
        `[Me] ${WIPE}Al has joined\n[Me] ${DISCONNECTED}`,
        /^$/,
        0,
      ],
    ],
  },
  chatroom: {
    typed: "",
    losses: [
      ["", "", "", WITHOUT_ANSWER, 1],
      ["Wel", "", "", /^cannot join: [^\n]+\n$/, 1],
      ["Welcome", "", "", VANISHED, 1],
      ["Welcome\n", "", "", VANISHED, 1],
      ["Welcome\nAl: hallo\n", "hallo\n", "Al: hallo\n", VANISHED, 1],
      [
        "Welcome\nAl: haserver-shutdown",
        "haserver-shutdown\n",
        "Al: haserver-shutdown\n",
        ENDED,
        0,
      ],
    ],
  },
};

for (const [name, { typed, losses }] of Object.entries(LOSSES)) {
  for (const end of ["ends", "resets"] as const) {
    Deno.test(`${name}: a client ends in order when its server ${end} the connection, at any stage`, async () => {
      await Promise.all(losses.map(async ([said, shown, stdout, stderr, code]) => {
        using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        const { port } = listener.addr;
        const [script, ...args] = CLIENTS[name as keyof typeof CLIENTS](port);
        await using client = new Program(script, args);
        await client.write(typed);
        const conn = await deadline(listener.accept(), "the client");
        // All that it sends, its name or what it types, or only the beginning: closing then resets.
        const size = end === "resets" ? 1 : name === "channels" ? 200 : Math.max(typed.length, 3);
        using server = new Peer(conn);
        await deadline(conn.read(new Uint8Array(size)), "the client's first bytes");
        await server.send(said);
        await client.until(shown);
        server.close();
        const label = `after ${JSON.stringify(said)}: `;
        assertEquals([label, await client.code()], [label, code]);
        assertEquals(label + client.stdout, label + stdout.replace("PORT", `${port}`));
        assertMatch(client.stderr, stderr);
      }));
    });
  }
}

/** What a peer has sent when it goes, what the others hear of that, and whether it was answered. */
type Stage = [sent: string, heard: string[], answered?: "answered"];

interface Stages {
  scene: () => Promise<Scene>;
  stages: Stage[];
}

const BOB = [frame("Bob"), frame("/join x"), frame("Bob has joined"), frame("Bob has left")];
const REGISTER = register("Bob", 1);
const RECEIVED = "REGISTER: Bob from 127.0.0.1:1 received\n";

const STAGES: Record<string, Stages> = {
  relay: {
    scene: room("relay"),
    stages: [
      ["", []],
      ["JO", []],
      // Others write no line ends: their last request ends with the stream.
      ["JOIN Bo", ["Bo joined!\n", "Bo left\n"]],
      ["JOIN Bob\n", ["Bob joined!\n", "Bob left\n"], "answered"],
      ["JOIN Bob\nBCST hal", ["Bob joined!\n", "Bob left\n"], "answered"],
      ["JOIN Bob\nBCST hallo\n", ["Bob joined!\n", "Bob: hallo\n", "Bob left\n"], "answered"],
    ],
  },
  channels: {
    scene: room("channels"),
    stages: [
      ["", []],
      ["Bo", []],
      [BOB[0]!, []],
      [BOB[0]! + frame("hallo"), [], "answered"],
      [BOB[0]! + BOB[1]!, BOB.slice(2)],
      [BOB[0]! + BOB[1]! + "hal", BOB.slice(2)],
      [BOB[0]! + BOB[1]! + frame("/?") + "hal", BOB.slice(2), "answered"],
      [BOB[0]! + BOB[1]! + frame("hallo"), [BOB[2]!, frame("[Bob] hallo"), BOB[3]!]],
    ],
  },
  chatroom: {
    scene: room("chatroom"),
    stages: [
      ["", []],
      ["Bob", ["User Bob joined\n", "User Bob left\n"], "answered"],
      ["Bob\n", ["User Bob joined\n", "User Bob left\n"], "answered"],
      ["Bob\nhal", ["User Bob joined\n", "User Bob left\n"], "answered"],
      ["Bob\nhallo\n", ["User Bob joined\n", "Bob: hallo\n", "User Bob left\n"], "answered"],
    ],
  },
  bridge: {
    scene: bridge,
    stages: [
      ["", []],
      ["REGIS", []],
      ["REGISTER\r\nclientID: Bo", []],
      // Nothing but the empty line is missing: the end of the stream stands for it.
      [REGISTER.slice(0, -2), [RECEIVED]],
      [REGISTER, [RECEIVED], "answered"],
      [`${REGISTER}BRIDGE\r\ncli`, [RECEIVED], "answered"],
    ],
  },
};

/** Ways to go. A reset comes of closing with something unread: after an answer of which one byte is. */
const WAYS = {
  closes: (peer: Peer) => Promise.resolve(peer.close()),
  "ends its side": async (peer: Peer) => {
    await peer.halfClose();
    await peer.rest();
  },
  resets: async (peer: Peer) => {
    await deadline(peer.conn.read(new Uint8Array(1)), "an answer");
    peer.close();
  },
};

for (const [name, { scene: start, stages }] of Object.entries(STAGES)) {
  for (const [way, go] of Object.entries(WAYS)) {
    Deno.test(`${name}: a peer ${way} at any stage, and the others hear what was whole`, async () => {
      await using scene = await start();
      let heard = "";
      for (const [sent, wanted, answered] of stages) {
        if (way === "resets" && !answered) continue;
        using peer = await Peer.connect(scene.port);
        await peer.send(sent);
        await go(peer);
        heard += wanted.join("");
        // A server is heard from its beginning on, a witness from where it was.
        if (name === "bridge") await scene.hears(heard);
        else for (const each of wanted) await scene.hears(each);
      }
      await ends(scene);
    });
  }
}

Deno.test("overlay: a neighbour goes at any stage, and whole messages have arrived", async () => {
  await using server = new Program("overlay.ts", ["-p", "0", "-o", "0"]);
  const [, udp] = await server.until(/server started on 127\.0\.0\.1 at port (\d+)\n/);
  const [, tcp] = await server.until(/overlay started at port (\d+)\n/);
  using alice = await Client.register(Number(udp), "Alice");
  for (
    const [sent, heard] of [
      ["", []],
      ["Bob to Al", []],
      // Others write no line ends: their last message ends with the stream.
      ["Bob to Alice: hal", ["recvfrom Bob hal"]],
      ["Bob to Alice: hallo\n", ["recvfrom Bob hallo"]],
      ["Bob to Alice: one\nBob to Al", ["recvfrom Bob one"]],
    ] as const
  ) {
    for (const [way, go] of Object.entries(WAYS)) {
      // What arrives without a line end counts after a silence, too, but not at a reset.
      if (way === "resets" && sent.endsWith("hal")) continue;
      using peer = await Peer.connect(Number(tcp));
      await peer.send(sent);
      for (const each of heard) if (!sent.endsWith("hal")) await alice.expect(each);
      // A message for somebody unknown goes out on the link: that is what is left unread.
      if (way === "resets") {
        await server.until(`port ${peer.conn.localAddr.port}\n`);
        await alice.send("sendto Nobody hello");
      }
      await go(peer);
      for (const each of heard) if (sent.endsWith("hal")) await alice.expect(each);
    }
  }
  await alice.send("sendto Alice still here");
  await alice.expect("recvfrom Alice still here");
  assertEquals(await server.stop(), 0);
});

for (const way of ["closes", "resets"] as const) {
  Deno.test(`bridge: a client ends in order when its peer ${way} at any stage of a call`, async () => {
    using callee = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    for (const [said, shown] of [["", ""], ["hal", "hal\n"], ["hallo\n", "hallo\n"]] as const) {
      await using client = await bridgedTo("Kay", { id: "Al", port: callee.addr.port });
      await client.type("/chat");
      const conn = await deadline(callee.accept(), "a call");
      using peer = new Peer(conn);
      const size = way === "resets" ? 1 : call("Kay", client.waits).length;
      await deadline(conn.read(new Uint8Array(size)), "CHAT");
      await peer.send(said);
      const all = `Kay running on 127.0.0.1:${client.waits}\n${shown}`;
      await client.until(all);
      peer.close();
      assertEquals([await client.code(), client.stdout], [0, all]);
      assertEquals(client.stderr, "the peer has ended the chat\n");
    }
  });
}

Deno.test("bridge: a caller goes at any stage, and one that has said nothing was none", async () => {
  const chat = call("Al", 1);
  for (
    const [said, shown] of [
      // A peer that ends its side has said all of CHAT that it will.
      ["CHAT\r\nclientID: A", "Incoming chat request from A 127.0.0.1:PORT\n"],
      [chat, "Incoming chat request from Al 127.0.0.1:1\n"],
      [`${chat}hal`, "Incoming chat request from Al 127.0.0.1:1\nhal\n"],
    ] as const
  ) {
    await using client = await waiting("Kay");
    (await Peer.connect(client.waits)).close();
    using peer = await Peer.connect(client.waits);
    const { port } = peer.conn.localAddr;
    await peer.send(said);
    peer.close();
    assertEquals([await client.code(), client.stderr], [0, "the peer has ended the chat\n"]);
    const all = `Kay running on 127.0.0.1:${client.waits}\n${shown.replace("PORT", `${port}`)}`;
    assertEquals(client.stdout, all);
  }
});
