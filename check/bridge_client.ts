/**
 * Cases for a client of the bridge (CSE 150, "Let's Chat!"). The check stands in for the server; how two
 * clients chat is theirs to design, so a chat is one between two copies of the program under test.
 *
 * @module
 */

import { quoted, text } from "./bytes.ts";
import { BRIDGE_HINTS, bridgeAck, type Contact, regAck, Registrar, SAYS } from "./bridge.ts";
import { type Case, DidNotStart, Failure, type Suite } from "./case.ts";
import { noFlood } from "./client_play.ts";
import { HINTS } from "./hints.ts";
import { type Peer, sleep } from "./peer.ts";
import { type Program, splitCommand } from "./program.ts";
import { staysQuiet } from "./quiet.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

/** Between lines that a client must take apart, in milliseconds. */
const APART_MS = 60;

// ---- two copies that chat ----

/** Two copies of the program under test in a chat; it is Bob's turn to write. */
interface Chat {
  readonly alice: Program;
  readonly bob: Program;
  /** What Alice registered. */
  readonly contact: Contact;
}

/** Waits until a client runs: lines that wait for it together would be no person's. */
async function runs(scene: Scene, client: Program): Promise<void> {
  await attempt(() => client.out.contains("running on", { within: 2.5 * scene.deadline }));
}

/** Gives a client the time to fail, and fails when it did. */
async function harmless(scene: Scene, client: Program): Promise<void> {
  await attempt(() => client.err.contains("Traceback", { within: scene.deadline / 4 }));
  if (client.err.text.includes("Traceback")) await attempt(() => client.ends());
  client.noTraceback();
  client.alive();
}

/** Brings Alice into WAIT, and resolves to her contact. */
async function waits(registrar: Registrar): Promise<{ alice: Program; contact: Contact }> {
  const alice = registrar.client("Alice");
  const contact = await registrar.registers(alice);
  await registrar.bridges(alice);
  await sleep(APART_MS);
  return { alice, contact };
}

/** Brings two copies into a chat, over `port` where something listens between them. */
async function chats(scene: Scene, { port }: { port?: number } = {}): Promise<Chat> {
  const registrar = new Registrar(scene);
  const { alice, contact } = await waits(registrar);
  const bob = registrar.client("Bob");
  await registrar.registers(bob);
  await registrar.bridges(
    bob,
    port === undefined ? contact : { ...contact, ip: "127.0.0.1", port },
  );
  await sleep(APART_MS);
  await bob.types("/chat");
  if (port === undefined) await accepts(alice);
  return { alice, bob, contact };
}

/** Waits until Alice has seen the request of a chat, in whatever words. */
async function accepts(alice: Program): Promise<void> {
  await attempt(() => alice.printsMatch(/incoming|bob/i));
  await sleep(APART_MS);
}

/** One line from one window to the other. */
async function line(from: Program, to: Program, words: string): Promise<void> {
  await from.types(words);
  await to.prints(words);
  await sleep(APART_MS);
}

/** Fails unless both programs end, and without a traceback. */
async function bothEnd(...programs: Program[]): Promise<void> {
  for (const each of programs) await each.ends({ hint: BRIDGE_HINTS.chatEnds });
  for (const each of programs) each.noTraceback(BRIDGE_HINTS.chatEnds);
}

/** Carries bytes between two connections until one of them ends. */
async function carry(one: Peer, other: Peer): Promise<void> {
  while (one.inbox.ended === undefined && other.inbox.ended === undefined) {
    for (const [from, to] of [[one, other], [other, one]] as const) {
      const came = from.inbox.unread;
      if (came.length === 0) continue;
      from.inbox.skip();
      await to.sends(came);
    }
    await sleep(5);
  }
}

/** A chat that goes through the check: its end towards Alice can be reset. */
async function chatsThrough(scene: Scene): Promise<Chat & { near: Peer; far: Peer }> {
  const between = scene.listen();
  const chat = await chats(scene, { port: between.port });
  const near = await between.accepts("Bob's side", { within: 2 * scene.deadline });
  const { port } = chat.contact;
  const far = await scene.connect("Alice's side", { port, resets: true });
  carry(near, far);
  await accepts(chat.alice);
  return { ...chat, near, far };
}

// ---- the terminal ----

const TERMINAL: Case[] = [
  {
    id: "B-C-00",
    title: "connects to the server on /register",
    level: "must",
    points: 1,
    quote: "client sends a REGISTER message to server",
    hint: {
      cause: "the client does not connect to the server it is given",
      text: "Cut --server at the colon: connect((ip, int(port))) when /register is typed.",
    },
    steps: "start with --server={host}:{port}, type /register → a connection and REGISTER",
    parts: {
      dialect: {
        title: "what it says to another copy of itself",
        level: "info",
        points: 0,
        quote:
          "You design this message (and headers if needed) following the message format given above",
      },
    },
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      await client.types("/register");
      const failure = await attempt(() => registrar.hears("REGISTER"));
      if (failure) {
        const end = client.lives ? "" : `, and it ended with exit code ${client.code}`;
        throw new DidNotStart(`a connection and a REGISTER${end}`, {
          where: "fake server",
          ...client.lives ? {} : { hint: HINTS.doesNotStart },
        });
      }
      scene.facts.set("no chat", true);
      await scene.part("dialect", () => notesDialect(scene));
    },
  },
  {
    id: "B-C-01",
    title: "it prints its name and its address",
    level: "must",
    points: 2,
    quote: SAYS.running,
    hint: BRIDGE_HINTS.printed,
    steps: "start → `student1 running on IP:PORT`",
    async run(scene) {
      const port = freePort();
      const client = new Registrar(scene).client("student1", port);
      await client.printsMatch(new RegExp(`^[> ]*student1 running on \\S+:${port}[ \\r]*$`, "m"), {
        as: `the line "student1 running on <ip address>:${port}"`,
        within: 2 * scene.deadline,
      });
    },
  },
  {
    id: "B-C-02",
    title: "/id",
    level: "must",
    points: 1,
    quote: "the clientID of the user is displayed in the client terminal",
    hint: BRIDGE_HINTS.printed,
    steps: "type `/id` → student1",
    async run(scene) {
      const client = new Registrar(scene).client();
      await runs(scene, client);
      await client.types("/id");
      await client.printsMatch(/^[> ]*student1[ \r]*$/m, { as: 'the line "student1"' });
    },
  },
  {
    id: "B-C-14",
    title: "Control-C",
    level: "must",
    points: 2,
    quote: SAYS.controlC,
    hint: HINTS.interrupt,
    steps: "Control-C before /register, behind it, in WAIT, and in a chat → ends; so does the peer",
    parts: {
      chat: {
        title: "in a chat, which ends the peer, too",
        level: "must",
        points: 1,
        quote: SAYS.ends,
        hint: HINTS.interrupt,
      },
    },
    async run(scene) {
      for (const steps of ["", "register", "wait"]) {
        const registrar = new Registrar(scene);
        const client = registrar.client();
        await runs(scene, client);
        if (steps !== "") await registrar.registers(client);
        if (steps === "wait") await registrar.bridges(client);
        await sleep(APART_MS);
        client.signals("SIGINT");
        await client.ends();
        client.noTraceback(HINTS.interrupt);
      }
      if (scene.facts.has("no chat")) return;
      await scene.part("chat", async () => {
        const { alice, bob } = await chats(scene);
        bob.signals("SIGINT");
        await bob.ends();
        bob.noTraceback(HINTS.interrupt);
        await bothEnd(alice);
      });
    },
  },
  {
    id: "B-C-15",
    title: "/quit outside of a chat",
    level: "must",
    points: 2,
    quote: SAYS.quitOutside,
    hint: BRIDGE_HINTS.state,
    steps: "type `/quit` before /register, behind it, and in WAIT → ends",
    async run(scene) {
      for (const steps of ["", "register", "wait"]) {
        const registrar = new Registrar(scene);
        const client = registrar.client();
        if (steps !== "") await registrar.registers(client);
        if (steps === "wait") await registrar.bridges(client);
        await sleep(APART_MS);
        await client.types("/quit");
        await client.ends(steps === "wait" ? { hint: HINTS.blockedInput } : {});
      }
    },
  },
  {
    id: "B-C-19",
    title: "/bridge before /register, /chat before /bridge",
    level: "should",
    points: 1,
    quote: "Clients must REGISTER before they can BRIDGE",
    hint: BRIDGE_HINTS.state,
    steps: "type `/chat`, then `/bridge` → harmless: no traceback, and it goes on",
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      await runs(scene, client);
      await client.types("/chat");
      await harmless(scene, client);
      await client.types("/bridge");
      // A client that asks all the same gets an answer.
      await attempt(async () => {
        const peer = await registrar.fake.accepts("fake server", { within: 500 });
        scene.note("/bridge before /register goes out");
        await peer.sends(bridgeAck());
      });
      await harmless(scene, client);
    },
  },
  {
    id: "B-C-20",
    title: "an unknown command",
    level: "must",
    points: 1,
    quote: SAYS.ignored,
    hint: {
      cause: "an unknown command is not ignored",
      text: "Pass over every line that is none of the commands, outside of a chat.",
    },
    steps: "type `/foo` → ignored",
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      await runs(scene, client);
      await client.types("/foo");
      await sleep(APART_MS);
      await registrar.registers(client);
    },
  },
  {
    id: "B-C-23",
    title: "its own port is in use",
    level: "must",
    points: 1,
    quote: SAYS.inUse,
    hint: HINTS.portTaken,
    steps: "start with a --port that is taken → a message, no traceback",
    async run(scene) {
      const taken = scene.listen();
      const registrar = new Registrar(scene);
      const client = registrar.client("student1", taken.port);
      // Some listen at once, some once they have nobody to chat with: until it ends it goes on.
      const within = 2.5 * scene.deadline;
      await attempt(() => client.out.contains("running on", { within }));
      await attempt(() => client.ends({ within: scene.deadline / 4 }));
      if (client.lives) await attempt(() => registrar.registers(client));
      if (client.lives) await attempt(() => registrar.bridges(client));
      if (client.lives) await sleep(4 * APART_MS);
      client.noTraceback(HINTS.portTaken);
      const said = (client.out.text + client.err.text).replace(/^.*running on.*$/m, "");
      scene.expect(/[a-z]{3}/i.test(said), "a message that the port is in use", {
        where: "student1",
        got: said,
      });
    },
  },
  {
    id: "B-C-24",
    title: "the end of its input in WAIT, and in a chat",
    level: "extra",
    points: 1,
    quote: "",
    hint: HINTS.endOfInput,
    steps: "end stdin → ends, or is quiet",
    async run(scene) {
      const { alice } = await waits(new Registrar(scene));
      const { bob } = await chats(scene);
      for (const each of [alice, bob]) {
        await each.endsInput();
        await noFlood(() => each.out.total, each.out.where);
        await sleep(APART_MS);
        if (each.lives) await staysQuiet(scene, each);
        each.noTraceback(HINTS.endOfInput);
      }
    },
  },
];

/** Has two copies chat through the check, and notes what they say. */
async function notesDialect(scene: Scene): Promise<void> {
  const { alice, bob, near, far } = await chatsThrough(scene);
  const parts: string[] = [];
  const said = (from: Peer) => {
    const got = text(from.inbox.all).slice(parts.join("").length);
    parts.push(got);
    return quoted(got);
  };
  scene.note(`CHAT is ${said(near)}`);
  scene.facts.delete("no chat");
  await line(bob, alice, "first");
  scene.note(`a line is ${said(near)}`);
  await line(alice, bob, "second");
  await bob.types("/quit");
  await attempt(() => near.hearsEnd());
  await sleep(APART_MS);
  scene.note(`QUIT is ${said(near)}`);
  far.dispose();
}

// ---- the server ----

const SERVER: Case[] = [
  {
    id: "B-C-03",
    title: "/register sends REGISTER",
    level: "must",
    points: 4,
    quote: SAYS.registerHeaders,
    hint: BRIDGE_HINTS.form,
    steps: "type `/register` → REGISTER, clientID, IP, Port, an empty line, each ended by CR LF",
    parts: {
      order: {
        title: "the headers in the document's order",
        level: "should",
        points: 1,
        hint: BRIDGE_HINTS.form,
      },
    },
    async run(scene) {
      const registrar = new Registrar(scene);
      const port = freePort();
      const client = registrar.client("student1", port);
      await client.types("/register");
      const { message } = await registrar.hears("REGISTER");
      const got = { where: "fake server", got: message.raw };
      const { headers } = message;
      const names = ["clientid", "ip", "port"].filter((name) => headers.has(name));
      await scene.part("order", () => {
        const order = [...headers.keys()].filter((name) => names.includes(name));
        scene.expect(order.join() === names.join(), "clientID, IP, Port", got);
      });
      scene.expect(headers.get("clientid") === "student1", "clientID: student1", got);
      scene.expect(headers.get("port") === String(port), `Port: ${port}`, got);
      scene.expect((headers.get("ip") ?? "") !== "", "an IP", got);
      scene.expect(
        /^REGISTER\r\n(?:(?:clientID|IP|Port): ?[^\r\n]+\r\n)+\r\n$/.test(message.raw),
        "the form of Figure 1, each line ended by CR LF",
        got,
      );
    },
  },
  {
    id: "B-C-04",
    title: "the connection is closed behind REGACK",
    level: "must",
    points: 2,
    quote: SAYS.clientCloses,
    hint: BRIDGE_HINTS.staysConnected,
    steps: "REGACK → the client closes within 2 s",
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      await client.types("/register");
      const { peer, message } = await registrar.hears("REGISTER");
      await peer.sends(regAck(message));
      await peer.hearsEnd();
    },
  },
  {
    id: "B-C-05",
    title: "/bridge sends BRIDGE, over a new connection",
    level: "must",
    points: 3,
    quote: SAYS.bridgeHeaders,
    hint: BRIDGE_HINTS.form,
    steps:
      "/register, /bridge → a second connection: BRIDGE, clientID, an empty line; closed behind the answer",
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      await client.types("/register");
      const { peer: first, message } = await registrar.hears("REGISTER");
      await first.sends(regAck(message));
      await registrar.closed(first);
      await client.types("/bridge");
      const { peer, message: request } = await registrar.hears("BRIDGE");
      scene.expect(peer !== first, "a new connection", {
        where: "fake server",
        hint: BRIDGE_HINTS.staysConnected,
      });
      scene.expect(
        /^BRIDGE\r\nclientID: ?student1\r\n\r\n$/.test(request.raw),
        '"BRIDGE\\r\\nclientID: student1\\r\\n\\r\\n"',
        { where: "fake server", got: request.raw },
      );
      await peer.sends(bridgeAck());
      await peer.hearsEnd({ hint: BRIDGE_HINTS.staysConnected });
    },
  },
  {
    id: "B-C-06",
    title: "REGACK without Status",
    level: "should",
    points: 1,
    quote: SAYS.register,
    hint: {
      cause: "REGACK without Status is not understood",
      text: "The course's own server leaves Status out: take a REGACK for what it is without it.",
    },
    steps: "REGACK without Status → /bridge goes out",
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      await registrar.registers(client, { status: false });
      await registrar.bridges(client);
      client.noTraceback();
    },
  },
  {
    id: "B-C-16",
    title: "no server listens",
    level: "must",
    points: 2,
    quote: SAYS.handles,
    hint: HINTS.traceback,
    steps: "/register with a server that does not listen → a sentence, no traceback",
    parts: {
      lives: {
        title: "it goes on",
        level: "should",
        points: 1,
        quote: SAYS.handles,
        hint: HINTS.traceback,
      },
    },
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      registrar.fake.stops();
      await runs(scene, client);
      await client.types("/register");
      await attempt(() => client.err.contains("refused"));
      await sleep(APART_MS);
      client.noTraceback(HINTS.traceback);
      const said = (client.out.text + client.err.text).replace(/^.*running on.*$/m, "");
      scene.expect(said.trim() !== "", "a sentence that says so", { where: "student1" });
      await scene.part("lives", async () => {
        client.alive();
        await client.types("/id");
        await attempt(() => client.prints("student1", { within: scene.deadline / 4 }));
        client.alive();
      });
    },
  },
  {
    id: "B-C-17",
    title: "the server closes without an answer",
    level: "should",
    points: 1,
    quote: SAYS.zeroLength,
    hint: HINTS.endOfStream,
    steps: "REGISTER → the server closes → no traceback",
    async run(scene) {
      const registrar = new Registrar(scene);
      const client = registrar.client();
      await client.types("/register");
      const { peer } = await registrar.hears("REGISTER");
      await peer.closes();
      await sleep(4 * APART_MS);
      client.noTraceback(HINTS.endOfStream);
      if (client.lives) await staysQuiet(scene, client);
    },
  },
  {
    id: "B-C-18",
    title: "BRIDGEACK in two pieces",
    level: "extra",
    points: 2,
    quote: "",
    hint: HINTS.oneRecv,
    needs: ["B-C-08"],
    steps: "BRIDGEACK cut within its headers → /chat connects to the address in it",
    async run(scene) {
      const registrar = new Registrar(scene);
      const peer = scene.listen();
      const client = registrar.client();
      await registrar.registers(client);
      await client.types("/bridge");
      const { peer: server } = await registrar.hears("BRIDGE");
      const ack = bridgeAck({ id: "Alice", ip: "127.0.0.1", port: peer.port });
      await server.drips(ack, { sizes: [18, ack.length], apart: 2 * APART_MS });
      await registrar.closed(server);
      await client.types("/chat");
      await peer.accepts("fake peer");
    },
  },
];

// ---- the peer ----

const PEER: Case[] = [
  {
    id: "B-C-07",
    title: "the first client waits to be contacted",
    level: "must",
    points: 3,
    quote: SAYS.wait,
    hint: BRIDGE_HINTS.state,
    steps: "an empty BRIDGEACK → its --port accepts a connection",
    async run(scene) {
      const registrar = new Registrar(scene);
      const port = freePort();
      const client = registrar.client("Alice", port);
      await registrar.registers(client);
      await registrar.bridges(client);
      const failure = await attempt(() => scene.connect("peer", { port }));
      if (failure) {
        throw new Failure(`Alice to accept a connection on port ${port}`, { where: "Alice" });
      }
    },
  },
  {
    id: "B-C-08",
    title: "/chat connects to the peer",
    level: "must",
    points: 2,
    quote: SAYS.chat,
    hint: {
      cause: "/chat does not connect to the peer's address",
      text: "connect() to IP and Port of the BRIDGEACK, the port as int().",
    },
    steps: "a BRIDGEACK with an address, /chat → a connection there",
    async run(scene) {
      const registrar = new Registrar(scene);
      const peer = scene.listen();
      const client = registrar.client("Bob");
      await registrar.registers(client);
      await registrar.bridges(client, { id: "Alice", ip: "127.0.0.1", port: peer.port });
      await client.types("/chat");
      await peer.accepts("fake peer");
    },
  },
  {
    id: "B-C-09",
    title: "Example 1, between two copies",
    level: "must",
    points: 8,
    quote: SAYS.example,
    hint: HINTS.oneRecv,
    needs: ["B-C-07", "B-C-08"],
    steps: "the document's five lines, in turns → each in the other's window",
    async run(scene) {
      const { alice, bob } = await chats(scene);
      await line(bob, alice, "Hello Alice");
      await line(alice, bob, "How are you doing, Bob?");
      await line(bob, alice, "Doing well, Alice. Time for coffee?");
      await line(alice, bob, "Sorry Bob, I'm too busy.");
      await line(bob, alice, "Okay Alice, another time.");
    },
  },
  {
    id: "B-C-10",
    title: "it prints the request of a chat",
    level: "must",
    points: 2,
    quote: SAYS.incoming,
    hint: BRIDGE_HINTS.printed,
    needs: ["B-C-07", "B-C-08"],
    steps: "Bob chats → Alice prints `Incoming chat request from Bob IP:PORT`",
    async run(scene) {
      const registrar = new Registrar(scene);
      const { alice, contact } = await waits(registrar);
      const port = freePort();
      const bob = registrar.client("Bob", port);
      await registrar.registers(bob);
      await registrar.bridges(bob, contact);
      await sleep(APART_MS);
      await bob.types("/chat");
      const [, seen] = await alice.printsMatch(
        /^[> ]*Incoming chat request from Bob \S+:(\d+)[ \r]*$/m,
        { as: `the line "Incoming chat request from Bob <ip address>:${port}"` },
      );
      if (seen !== String(port)) {
        scene.remark(
          `the port in it is ${seen}, and Bob registered ${port}: it is that of accept()`,
        );
      }
    },
  },
  {
    id: "B-C-11",
    title: "/quit ends both",
    level: "must",
    points: 4,
    quote: "The TCP connections are then closed, and the chat program terminates.",
    hint: BRIDGE_HINTS.chatEnds,
    needs: ["B-C-07", "B-C-08"],
    steps: "/quit in the own turn, of Bob and of Alice → both end within 2 s",
    parts: {
      reading: {
        title: "in the other's turn, too",
        level: "should",
        points: 1,
        quote: "Chatting peers end the session when one user enters /quit or Control-C.",
        hint: HINTS.blockedInput,
      },
    },
    async run(scene) {
      const first = await chats(scene);
      await first.bob.types("/quit");
      await bothEnd(first.bob, first.alice);
      const second = await chats(scene);
      await line(second.bob, second.alice, "Hello Alice");
      await second.alice.types("/quit");
      await bothEnd(second.alice, second.bob);
      await scene.part("reading", async () => {
        const { alice, bob } = await chats(scene);
        await alice.types("/quit");
        for (const each of [alice, bob]) await each.ends({ hint: HINTS.blockedInput });
      });
    },
  },
  {
    id: "B-C-12",
    title: "the peer is killed",
    level: "must",
    points: 3,
    quote: SAYS.zeroLength,
    hint: BRIDGE_HINTS.chatEnds,
    needs: ["B-C-07", "B-C-08"],
    steps: "kill -9 of the client that writes → the other ends within 2 s, no traceback",
    parts: {
      writing: {
        title: "in the own turn, too",
        level: "should",
        points: 1,
        quote: SAYS.zeroLength,
        hint: HINTS.blockedInput,
      },
    },
    async run(scene) {
      const { alice, bob } = await chats(scene);
      bob.signals("SIGKILL");
      await bothEnd(alice);
      await scene.part("writing", async () => {
        const other = await chats(scene);
        other.alice.signals("SIGKILL");
        await other.bob.ends({ hint: HINTS.blockedInput });
        other.bob.noTraceback(BRIDGE_HINTS.chatEnds);
      });
    },
  },
  {
    id: "B-C-13",
    title: "the peer resets the connection",
    level: "should",
    points: 2,
    quote: SAYS.handles,
    hint: BRIDGE_HINTS.chatEnds,
    needs: ["B-C-07", "B-C-08"],
    steps: "RST in the other's turn → ends within 2 s, no traceback",
    async run(scene) {
      const { alice, far } = await chatsThrough(scene);
      far.resets();
      await bothEnd(alice);
    },
  },
  {
    id: "B-C-21",
    title: "symbols, blanks, and 1,000 characters",
    level: "should",
    points: 2,
    quote: SAYS.characters,
    hint: HINTS.rebuiltText,
    needs: ["B-C-07", "B-C-08"],
    steps:
      "a line with symbols and blanks, a line of 1,000 characters → the same in the other window",
    async run(scene) {
      const { alice, bob } = await chats(scene);
      await line(bob, alice, "a  b   c: !@#$%^&*()_+-=[]{}|;'\",.<>/?");
      const long = Array.from({ length: 200 }, (_, i) => String(1000 + i)).join(" ") + "!";
      await alice.types(long);
      await bob.prints(long, { hint: HINTS.oneRecv });
    },
  },
  {
    id: "B-C-22",
    title: "twenty turns",
    level: "should",
    points: 2,
    quote: SAYS.example,
    hint: HINTS.oneRecv,
    needs: ["B-C-07", "B-C-08"],
    steps: "twenty lines in turns, each as soon as the one before is shown → all, in order",
    async run(scene) {
      const { alice, bob } = await chats(scene);
      for (let i = 0; i < 20; i++) {
        const [from, to] = i % 2 === 0 ? [bob, alice] : [alice, bob];
        await from.types(`turn number ${i}.`);
        await to.prints(`turn number ${i}.`);
      }
    },
  },
];

/** Cases for a client of the bridge. */
export const BRIDGE_CLIENT: Suite = {
  protocol: "bridge",
  role: "client",
  gate: "B-C-00",
  placeholders: { client: ["name", "peerport", "port"] },
  commands: ({ client }) => client === undefined ? undefined : { client: splitCommand(client) },
  cases: [...TERMINAL, ...SERVER, ...PEER].sort((a, b) => a.id < b.id ? -1 : 1),
};
