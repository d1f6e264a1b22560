/**
 * What every TCP server keeps up while others misbehave at its door: crowds, spam, strangers, signals.
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { bridged, call, register, registered } from "./bridge_play.ts";
import {
  cpuUntilIdle,
  type Dialect,
  DIALECTS,
  enter,
  frame,
  readUntil,
  refused,
  resident,
  type RoomOptions,
  startRoom,
} from "./crowd.ts";
import { bytes, deadline, Peer, Program, text } from "./helpers.ts";
import { Client } from "./overlay_net.ts";

const MIB = 1024 * 1024;
/** The kernel takes some 4 MiB for a connection whose reader does not. */
const OWED_BYTES = 6 * MIB;
/** Limits at which nobody is cut, or waits, for what {@linkcode OWED_BYTES} are owed. */
const PATIENT = ["--drain-ms", "60000", "--soft-bytes", `${32 * MIB}`];

/** Between two looks at something that tells nobody when it changes. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A server and those who use it all the while. */
interface Door extends AsyncDisposable {
  readonly server: Program;
  readonly port: number;
  /** Those who were there before are served as ever. */
  goesOn(): Promise<void>;
  /** Somebody new comes and is served; rejects when that one is not let in. */
  welcomes(): Promise<void>;
  /** Somebody who never reads is sent more than the kernel takes. */
  owes(): Promise<void>;
}

async function room(dialect: Dialect, options: RoomOptions): Promise<Door> {
  const { server, port } = await startRoom(dialect, options);
  const zero = await enter(dialect, port, 0);
  const one = await enter(dialect, port, 1);
  const members = [zero, one];
  let count = 1;
  const says = async (peer: Peer, i: number) => {
    const text = `message ${++count}`;
    await peer.send(dialect.message(text));
    await readUntil(zero, dialect.delivered(text, i));
  };
  return {
    server,
    port,
    goesOn: () => says(one, 1),
    async welcomes() {
      const i = ++count;
      using peer = await enter(dialect, port, i);
      await says(peer, i);
    },
    async owes() {
      members.push(await enter(dialect, port, ++count));
      await says(one, 1);
      const text = "x".repeat(dialect === DIALECTS["channels"] ? 190 : 4000);
      const times = Math.ceil(OWED_BYTES / text.length);
      const hears = zero.read(times * dialect.delivered(text, 1).length);
      await one.send(dialect.message(text).repeat(times));
      await hears;
    },
    async [Symbol.asyncDispose]() {
      for (const each of members) each.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function bridge({ args = [], ...options }: RoomOptions): Promise<Door> {
  const server = new Program("server.ts", ["bridge", "--port=0", ...args], options);
  const port = await server.port("stdout");
  const alice = await Peer.connect(port);
  await alice.send(register("Alice", 1) + register("Bob", 2));
  await alice.expect(registered("Alice", 1) + registered("Bob", 2));
  return {
    server,
    port,
    async goesOn() {
      await alice.send("BRIDGE\r\nclientID: Alice\r\n\r\n");
      await alice.expect(bridged("Bob", 2));
    },
    async welcomes() {
      using bob = await Peer.connect(port);
      await bob.send(register("Bob", 2));
      await bob.expect(registered("Bob", 2));
    },
    async owes() {
      const [asked, answer] = [register, registered].map((of) => of("x".repeat(64), 1));
      const many = asked!.repeat(Math.ceil(OWED_BYTES / answer!.length));
      await alice.send(many + register("Last", 1));
      await server.until("REGISTER: Last from");
    },
    async [Symbol.asyncDispose]() {
      alice.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function overlay({ args = [], ...options }: RoomOptions): Promise<Door> {
  const server = new Program("overlay.ts", ["-p", "0", "-o", "0", ...args], options);
  const [, udp] = await server.until(/server started on 127\.0\.0\.1 at port (\d+)\n/);
  const [, tcp] = await server.until(/overlay started at port (\d+)\n/);
  const alice = await Client.register(Number(udp), "Alice");
  const neighbour = await Peer.connect(Number(tcp));
  let count = 0;
  const says = async (peer: Peer) => {
    await peer.send(`Zoe to Alice: ${++count}\n`);
    await alice.expect(`recvfrom Zoe ${count}`);
  };
  const peers = [neighbour];
  return {
    server,
    port: Number(tcp),
    async goesOn() {
      await says(neighbour);
      await alice.send("sendto Alice hello");
      await alice.expect("recvfrom Alice hello");
    },
    async welcomes() {
      const peer = await Peer.connect(Number(tcp));
      let over = false;
      const end = peer.rest().catch(() => {}).then(() => over = true);
      try {
        const place = `port ${peer.conn.localAddr.port}\n`;
        while (!server.stdout.includes(place)) {
          if (over) throw new Error("turned away");
          await pause(5);
        }
        await says(peer);
      } finally {
        peer.close();
        await end;
      }
    },
    async owes() {
      const debtor = await Peer.connect(Number(tcp));
      peers.push(debtor);
      await says(debtor);
      const line = (n: number) => `Zoe to Nobody: ${n} ${"x".repeat(4000)}\n`;
      const many = Array.from({ length: Math.ceil(OWED_BYTES / 4000) }, (_, n) => line(n));
      await neighbour.send(many.join(""));
      await says(neighbour);
    },
    async [Symbol.asyncDispose]() {
      for (const each of [alice, ...peers]) each[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const DOORS: Record<string, (options: RoomOptions) => Promise<Door>> = {
  ...Object.fromEntries(
    Object.entries(DIALECTS).map(([name, dialect]) =>
      [name, (options: RoomOptions) => room(dialect, options)] as const
    ),
  ),
  bridge,
  overlay,
};

const STRANGERS: Record<string, Uint8Array> = {
  "an HTTP request": bytes("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"),
  "a TLS hello": Uint8Array.fromHex(
    `16030100310100002d0303${"a5".repeat(32)}00000213010100`,
  ),
  "a telnet negotiation": Uint8Array.fromHex("fffd01fffd03fffb1f"),
  "a relay client": bytes("JOIN stranger\n"),
  "a channels client": bytes(frame("stranger") + frame("/list")),
  "a chatroom client": bytes("stranger"),
  "a bridge client": bytes(register("stranger", 1)),
  "a bridge client that calls": bytes(call("stranger", 1)),
  "an overlay server": bytes("stranger to nobody: hello\n"),
};

/** No kind of sentence more than once in each second that has begun; who comes and goes is always said. */
function assertRare(stderr: string, seconds: number): void {
  const kinds = new Map<string, number>();
  for (const line of stderr.split("\n").slice(0, -1)) {
    if (/ (joined|left)$/.test(line)) continue;
    const kind = line.replace(/ \(and \d+ more\)$/, "").replace(/".*"/, '""').replaceAll(
      /\d+/g,
      "",
    );
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  for (const [kind, times] of kinds) {
    assert(times <= Math.ceil(seconds), `${times} times in ${seconds} s: ${kind}: ${stderr}`);
  }
}

for (const [name, open] of Object.entries(DOORS)) {
  Deno.test(`${name}: 300 connections at 128 descriptors hold up nobody, and a fresh one is served`, async () => {
    await using door = await open({ before: "ulimit -n 128" });
    const crowd = await Promise.all(
      Array.from({ length: 300 }, () => Peer.connect(door.port).catch(() => undefined)),
    );
    await door.server.until(/out of descriptors|server full/, "stderr");
    await door.goesOn();
    for (const peer of crowd) peer?.close();
    const started = performance.now();
    let refusal: unknown = "";
    for (let took = 0; refusal !== undefined; took = performance.now() - started) {
      assert(took < 2000, `a fresh client waited ${took} ms: ${refusal}`);
      refusal = await door.welcomes().catch(async (error) => (await pause(20), error));
    }
    await door.goesOn();
  });

  Deno.test(`${name}: 50 connections that never end a line are cut, and nothing is left of them`, async () => {
    await using door = await open({});
    const { pid } = door.server;
    const before = resident(pid);
    const spam = "x".repeat(64 * 1024);
    const endless = await Promise.all(Array.from({ length: 50 }, () => Peer.connect(door.port)));
    const heard = await Promise.all(endless.map(async (peer) => {
      const hears = peer.rest();
      // The server closes long before a MiB; writing on into that is what a broken client does.
      for (let sent = 0; sent < MIB; sent += spam.length) await peer.send(spam).catch(() => {});
      // To channels they are whole messages, which have no end but the stream's.
      await peer.halfClose().catch(() => {});
      const answers = text(await hears);
      peer.close();
      return answers;
    }));
    const limit = / (536|4096|16384) bytes/;
    if (name === "relay") assertMatch(heard.join(""), limit);
    else if (name !== "channels") await door.server.until(limit, "stderr");
    const used = await cpuUntilIdle(pid);
    assert(used < 1000, `${used} ms of CPU with nothing to do`);
    const grown = (resident(pid) - before) / MIB;
    // Channels has answered each of a quarter of a million messages: that leaves garbage.
    assert(grown < (name === "channels" ? 96 : 32), `${grown} MiB are not given back`);
    await door.goesOn();
  });

  Deno.test(`${name}: strangers at the door disturb nobody`, async () => {
    await using door = await open({});
    const started = performance.now();
    for (const [stranger, data] of Object.entries(STRANGERS)) {
      if (stranger === `a ${name} client`) continue;
      for (let i = 0; i < 20; i++) {
        using peer = await Peer.connect(door.port);
        await peer.send(data).catch(() => {});
        await peer.halfClose().catch(() => {});
        await peer.rest();
      }
      await door.goesOn().catch((error) => {
        throw new Error(`${stranger}: ${error}`);
      });
    }
    await door.welcomes();
    assertRare(door.server.stderr, (performance.now() - started) / 1000);
  });

  Deno.test(`${name}: a second signal ends the server at once`, async () => {
    const bound = name === "overlay" ? "--link-bytes" : "--hard-bytes";
    await using door = await open({ args: [...PATIENT, bound, `${64 * MIB}`] });
    await door.owes();
    door.server.signal("SIGINT");
    await deadline(refused(door.port), "the listener's end");
    door.server.signal("SIGINT");
    assertEquals(await door.server.code(), 130);
  });
}

Deno.test("datagrams of strangers disturb nobody in the overlay or the chatroom", async () => {
  await using door = await overlay({});
  const [, udp] = await door.server.until(/server started on 127\.0\.0\.1 at port (\d+)\n/);
  await using chatroom = new Program("chatroom.ts", ["server", "--udp", "--port", "0"]);
  const port = await chatroom.port();
  using alice = new Client(port);
  using bob = new Client(port);
  await alice.send("Alice:join");
  await alice.expect("Welcome");
  await bob.send("Bob:join");
  await bob.expect("Welcome");
  await alice.expect("User Bob joined");
  const started = performance.now();
  for (const data of Object.values(STRANGERS)) {
    using one = new Client(Number(udp));
    using other = new Client(port);
    for (let i = 0; i < 20; i++) await Promise.all([one.send(data), other.send(data)]);
    await door.goesOn();
    await bob.send("Bob:undisturbed");
    await alice.expect("Bob:undisturbed");
  }
  const seconds = (performance.now() - started) / 1000;
  for (const each of [door.server, chatroom]) assertRare(each.stderr, seconds);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`bridge: ${signal} under load ends with 0 within 3 s, and what was accepted is answered`, async () => {
    await using door = await bridge({});
    using peer = await Peer.connect(door.port);
    const flood = (async () => {
      for (let n = 0;; n += 100) {
        await peer.send(Array.from({ length: 100 }, (_, i) => register(`c${n + i}`, 1)).join(""));
      }
    })().catch(() => {});
    await peer.read(registered("c0", 1).length);
    const started = performance.now();
    door.server.signal(signal);
    const answers = text(await peer.rest());
    peer.close();
    await flood;
    assertEquals(await door.server.code(), 0);
    const took = performance.now() - started;
    assert(took < 3000, `it took ${took} ms`);
    const accepted = door.server.stdout.match(/REGISTER: c\d+ from/g)!.length;
    const all = Array.from({ length: accepted - 1 }, (_, n) => registered(`c${n + 1}`, 1));
    assertEquals(answers, all.join(""));
  });

  Deno.test(`overlay: ${signal} under load ends with 0 within 3 s, and what was accepted is passed on`, async () => {
    await using door = await overlay({});
    using from = await Peer.connect(door.port);
    using to = await Peer.connect(door.port);
    const said = (n: number) => `Zoe to Nobody: ${n}\n`;
    await from.send(said(0));
    await to.expect(said(0));
    const flood = (async () => {
      for (let n = 1;; n += 100) {
        await from.send(Array.from({ length: 100 }, (_, i) => said(n + i)).join(""));
      }
    })().catch(() => {});
    await to.expect(said(1));
    const started = performance.now();
    door.server.signal(signal);
    const passed = text(await to.rest());
    to.close();
    from.close();
    await flood;
    assertEquals(await door.server.code(), 0);
    const took = performance.now() - started;
    assert(took < 3000, `it took ${took} ms`);
    const accepted = door.server.stdout.match(/^Sending message/gm)!.length;
    assertEquals(passed, Array.from({ length: accepted - 2 }, (_, n) => said(n + 2)).join(""));
  });
}
