/**
 * Cases for the four classes of the chatroom (Assignment 02), called one method at a time by a driver:
 * chatroom_driver.py for a chatroom.py, chatroom_driver.ts for a chatroom.ts.
 *
 * @module
 */

import { type Case, Failure, Skipped, type Suite } from "./case.ts";
import { CHATROOM_HINTS } from "./chatroom_hints.ts";
import { commands, hearsNext, python, settles, START, takesNext, words } from "./chatroom_stage.ts";
import { type Peer, sleep, type UdpPeer } from "./peer.ts";
import type { Program } from "./program.ts";
import { attempt, freePort, type Scene } from "./scene.ts";

// ---- the driver ----

/** How a value of the program under test travels; see chatroom_driver.py. */
type Shown =
  | null
  | boolean
  | number
  | string
  | { socket: number }
  | { address: [string, number] }
  | { tuple: Shown[] }
  | { list: Shown[] }
  | { dict: [Shown, Shown][] }
  | { type: string };

/** What can be asked of the driver. */
interface Call {
  readonly do: "new" | "methods" | "variables" | "get" | "set?" | "call";
  readonly on: string;
  readonly name: string;
  readonly args?: readonly unknown[];
}

/** A class that this case talks to, and its name there. */
interface Target {
  readonly driver: Driver;
  readonly on: string;
}

/** A process with the classes, which obeys. */
class Driver {
  readonly program: Program;
  readonly #scene: Scene;
  readonly #peer: Peer;
  #calls = 0;

  private constructor(scene: Scene, program: Program, peer: Peer) {
    this.#scene = scene;
    this.program = program;
    this.#peer = peer;
  }

  /** Starts one. */
  static async start(scene: Scene): Promise<Driver> {
    const fake = scene.listen();
    const program = scene.start("driver", { name: "classes", values: { link: fake.port } });
    const peer = await fake.accepts("driver", { within: START * scene.deadline });
    return new Driver(scene, program, peer);
  }

  /** Makes an object of a class. */
  async makes(kind: string, ...args: unknown[]): Promise<Target> {
    const on = `${kind} ${++this.#calls}`;
    await this.ask({ do: "new", on, name: kind, args });
    return { driver: this, on };
  }

  /** Begins a call that may wait for what the check does next. */
  async begins(call: Call): Promise<{ id: number; call: Call }> {
    const id = ++this.#calls;
    await this.#peer.sends(JSON.stringify({ id, ...call }) + "\n");
    return { id, call };
  }

  /** The result of a call that has begun. */
  async result(
    { id, call }: { id: number; call: Call },
    { within = this.#scene.deadline } = {},
  ): Promise<Shown> {
    this.#peer.inbox.rewind();
    const what = `${call.on.split(" ")[0]}.${call.name}()`;
    const [line] = await this.#peer.hearsMatch(new RegExp(`^\\{"id": ?${id},.*$(?=\\n)`, "m"), {
      within,
      as: `${what} to return`,
    });
    const { error, result } = JSON.parse(line);
    if (error === undefined) return result;
    throw new Failure(`${what} to return, and it raised an exception`, {
      where: "the classes",
      got: new TextEncoder().encode(error),
    });
  }

  /** Calls, and waits for the result. */
  async ask(call: Call): Promise<Shown> {
    return await this.result(await this.begins(call));
  }
}

function call({ driver, on }: Target, name: string, ...args: unknown[]): Promise<Shown> {
  return driver.ask({ do: "call", on, name, args });
}

/** A variable of an object. */
function get({ driver, on }: Target, name: string): Promise<Shown> {
  return driver.ask({ do: "get", on, name });
}

/** Fails unless events of an object are set. */
async function areSet(scene: Scene, { driver, on }: Target, ...names: string[]): Promise<void> {
  for (const name of names) {
    const set = await driver.ask({ do: "set?", on, name });
    scene.expect(set === true, `${name} to be set`, { where: on, got: JSON.stringify(set) });
  }
}

/** Fails unless a value is this one. */
function is(scene: Scene, got: Shown, expected: Shown, what: string): void {
  const [want, have] = [JSON.stringify(expected), JSON.stringify(got)];
  if (want !== have) scene.fail(`${what} to be ${want}`, { where: what, got: have });
}

// ---- servers and clients by their classes ----

/** A ServerTCP, and how clients reach it. */
async function serverTcp(scene: Scene): Promise<Target & { port: number }> {
  const port = freePort();
  const driver = await Driver.start(scene);
  return { ...await driver.makes("ServerTCP", port), port };
}

/** A client that a ServerTCP accepts; resolves to what accept_client() returned, too. */
async function accepted(
  scene: Scene,
  server: Target & { port: number },
  name: string,
): Promise<{ peer: Peer; returned: Shown }> {
  const peer = await scene.connect(name, { port: server.port });
  await peer.sends(name);
  // A server that looks for a moment whether somebody waits may look a moment too early.
  const returned = await call(server, "accept_client");
  return { peer, returned };
}

/** A ServerTCP with these clients, which have heard all of each other. */
async function room(
  scene: Scene,
  ...names: string[]
): Promise<{ server: Target & { port: number }; peers: Peer[] }> {
  const server = await serverTcp(scene);
  const peers: Peer[] = [];
  for (const name of names) {
    const { peer } = await accepted(scene, server, name);
    // In what words they hear of a newcomer is another case's business.
    for (const member of peers) await attempt(() => member.hearsMatch(/\S/));
    peers.push(peer);
    await settles(...peers);
  }
  return { server, peers };
}

/** A ServerUDP, and a client's socket that it may send to. */
async function serverUdp(
  scene: Scene,
  driver: Driver | undefined = undefined,
): Promise<Target & { port: number }> {
  const port = freePort();
  const target = await (driver ?? await Driver.start(scene)).makes("ServerUDP", port);
  return { ...target, port };
}

/** A client that a ServerUDP is told of. */
function member(scene: Scene, name: string): { peer: UdpPeer; address: { address: unknown[] } } {
  const peer = scene.udp(name);
  // The server sends from the machine's own address, whichever that is.
  return { peer, address: { address: [scene.host, peer.port] } };
}

/** What accept_client() of a ServerUDP gets. */
function joining(name: string): string {
  return `${name}:join`;
}

// ---- what there must be ----

/** The document's methods, by class. */
const METHODS: Record<string, string[]> = {
  ServerTCP: [
    "__init__",
    "accept_client",
    "close_client",
    "broadcast",
    "shutdown",
    "get_clients_number",
    "handle_client",
    "run",
  ],
  ClientTCP: ["__init__", "connect_server", "send", "receive", "run"],
  ServerUDP: [
    "__init__",
    "accept_client",
    "close_client",
    "broadcast",
    "shutdown",
    "get_clients_number",
    "run",
  ],
  ClientUDP: ["__init__", "connect_server", "send", "receive", "run"],
};

const CLIENT_VARIABLES = [
  "server_addr",
  "client_socket",
  "server_port",
  "client_name",
  "exit_run",
  "exit_receive",
];

/** Its instance variables, by class. */
const VARIABLES: Record<string, string[]> = {
  ServerTCP: ["server_port", "server_socket", "clients", "run_event", "handle_event"],
  ClientTCP: CLIENT_VARIABLES,
  ServerUDP: ["server_port", "server_socket", "clients", "messages"],
  ClientUDP: CLIENT_VARIABLES,
};

/** Makes an object of each class. */
async function oneOfEach(driver: Driver): Promise<Record<string, Target>> {
  const made: Record<string, Target> = {};
  for (const kind of Object.keys(METHODS)) {
    const name = kind.startsWith("Client") ? ["Alice"] : [];
    made[kind] = await driver.makes(kind, ...name, freePort());
  }
  return made;
}

const SHAPE_CASES: Case[] = [
  {
    id: "K-01",
    title: "the four classes are there",
    level: "must",
    points: 1,
    quote: "You are required to adhere to the class structure, method descriptions, and naming " +
      "conventions for both methods and instance variables as outlined in the sections below.",
    hint: CHATROOM_HINTS.classNames,
    parts: {
      methods: {
        title: "with all 25 methods",
        level: "must",
        points: 1,
        hint: CHATROOM_HINTS.classNames,
      },
      variables: {
        title: "and all 21 instance variables",
        level: "must",
        points: 1,
        hint: CHATROOM_HINTS.classNames,
      },
    },
    async run(scene) {
      const driver = await Driver.start(scene);
      const made = await oneOfEach(driver);
      const lacking = async (what: "methods" | "variables", names: Record<string, string[]>) => {
        const missing: string[] = [];
        for (const [kind, args] of Object.entries(names)) {
          const on = made[kind]!.on;
          const list = await driver.ask({ do: what, on, name: kind, args }) as { list?: Shown[] };
          const some = (Array.isArray(list) ? list : list.list ?? []) as string[];
          missing.push(...some.map((each) => `${kind}.${each}`));
        }
        scene.expect(missing.length === 0, `${missing.join(", ")}`, { where: "the classes" });
      };
      await scene.part("methods", () => lacking("methods", METHODS));
      await scene.part("variables", () => lacking("variables", VARIABLES));
    },
  },
  {
    id: "K-02",
    title: "the constructor of a server binds the port",
    level: "must",
    points: 2,
    quote:
      "This method initializes the server socket, binds it to the local address and the given server " +
      "port server_port, and sets the socket to listen for incoming connections.",
    hint: CHATROOM_HINTS.binds,
    async run(scene) {
      const { port, driver } = await serverTcp(scene);
      await scene.connect("Alice", { port });
      const { port: udp } = await serverUdp(scene, driver);
      const free = await attempt(() => void scene.udp("somebody else", { port: udp }).dispose())
        .catch((error) => {
          if (error instanceof Deno.errors.AddrInUse) return "in use";
          throw error;
        });
      scene.expect(free === "in use", `port ${udp} to be in use`, { where: "ServerUDP" });
    },
  },
  {
    id: "K-14",
    title: "the events are threading.Event",
    level: "should",
    points: 1,
    quote: "run_event: A threading event to control the server's running state.",
    hint: CHATROOM_HINTS.event,
    async run(scene) {
      const made = await oneOfEach(await Driver.start(scene));
      const python = await get(made["ServerTCP"]!, "__class__");
      if (python === null) throw new Skipped("threading.Event is Python's alone");
      for (const [kind, names] of Object.entries(VARIABLES)) {
        for (const name of names.filter((each) => /^exit_|_event$/.test(each))) {
          is(scene, await get(made[kind]!, name), { type: "Event" }, `${kind}.${name}`);
        }
      }
    },
  },
];

// ---- servers ----

const SERVER_CASES: Case[] = [
  {
    id: "K-03",
    title: "accept_client() returns True, and False for a name that is taken",
    level: "must",
    points: 2,
    quote: "Returns True if the client's name is unique.",
    hint: CHATROOM_HINTS.returns,
    parts: {
      udp: {
        title: "UDP",
        level: "must",
        points: 1,
        quote:
          "calls the broadcast() method to broadcast the message to all connected clients and then " +
          "returns True.",
      },
      idle: { title: "when nobody waits", level: "info", points: 0, quote: "" },
    },
    async run(scene) {
      const server = await serverTcp(scene);
      const first = await accepted(scene, server, "Alice");
      const second = await accepted(scene, server, "Alice");
      await scene.part("udp", async () => {
        const udp = await serverUdp(scene, server.driver);
        const [alice, again] = [member(scene, "Alice"), member(scene, "second Alice")] as const;
        const returned = await call(udp, "accept_client", alice.address, joining("Alice"));
        is(scene, returned, true, "ServerUDP.accept_client()");
        const refused = await call(udp, "accept_client", again.address, joining("Alice"));
        is(scene, refused, false, "ServerUDP.accept_client() of a name that is taken");
      });
      await scene.part("idle", async () => {
        const waiting = await server.driver.begins({
          do: "call",
          on: server.on,
          name: "accept_client",
          args: [],
        });
        const waits = await attempt(() => server.driver.result(waiting, { within: 1000 }));
        scene.note(`with nobody there accept_client() ${waits ? "waits" : "returns"}`);
      });
      is(scene, first.returned, true, "ServerTCP.accept_client()");
      is(scene, second.returned, false, "ServerTCP.accept_client() of a name that is taken");
    },
  },
  {
    id: "K-04",
    title: "clients holds sockets and names",
    level: "must",
    points: 2,
    quote: "Adds the client socket as a key and the name as a value in the clients dictionary.",
    hint: CHATROOM_HINTS.table,
    parts: {
      udp: {
        title: "UDP: addresses and names",
        level: "must",
        points: 1,
        quote:
          "Adds the client's address client_addr as a key and the name as a value in the clients " +
          "dictionary.",
      },
    },
    async run(scene) {
      const { server, peers } = await room(scene, "Alice", "Bob");
      await scene.part("udp", async () => {
        const udp = await serverUdp(scene, server.driver);
        const { address } = member(scene, "Alice");
        await call(udp, "accept_client", address, joining("Alice"));
        const expected = { dict: [[address, "Alice"]] } as Shown;
        is(scene, await get(udp, "clients"), expected, "ServerUDP.clients");
      });
      const expected = { dict: peers.map(({ name, port }) => [{ socket: port }, name]) } as Shown;
      is(scene, await get(server, "clients"), expected, "ServerTCP.clients");
    },
  },
  {
    id: "K-05",
    title: "get_clients_number() counts",
    level: "must",
    points: 3,
    quote:
      "This method returns the number of currently connected clients by simply returning the length " +
      "of the clients dictionary.",
    hint: CHATROOM_HINTS.table,
    async run(scene) {
      const server = await serverTcp(scene);
      const udp = await serverUdp(scene, server.driver);
      const counts = async (count: number) => {
        for (const each of [server, udp]) {
          is(scene, await call(each, "get_clients_number"), count, `${each.on} number of clients`);
        }
      };
      await counts(0);
      for (const [i, name] of ["Alice", "Bob"].entries()) {
        await accepted(scene, server, name);
        await call(udp, "accept_client", member(scene, name).address, joining(name));
        await counts(i + 1);
      }
      for (const [i, client] of ["Alice", "Bob"].entries()) {
        for (const each of [server, udp]) await call(each, "close_client", { client });
        await counts(1 - i);
      }
    },
  },
  {
    id: "K-06",
    title: "close_client() returns True, and False for one that is no client any more",
    level: "must",
    points: 2,
    quote: "It returns True if the client was successfully removed, otherwise False.",
    hint: CHATROOM_HINTS.returns,
    parts: {
      udp: {
        title: "UDP",
        level: "must",
        points: 1,
        quote: "The method returns True if the client was successfully removed, otherwise False.",
      },
    },
    async run(scene) {
      const { server } = await room(scene, "Alice");
      const twice = async (target: Target) => {
        const what = `${target.on.split(" ")[0]}.close_client()`;
        const client = { client: "Alice" };
        is(scene, await call(target, "close_client", client), true, what);
        is(scene, await call(target, "close_client", client), false, `${what}, a second time,`);
      };
      await scene.part("udp", async () => {
        const udp = await serverUdp(scene, server.driver);
        await call(udp, "accept_client", member(scene, "Alice").address, joining("Alice"));
        await twice(udp);
      });
      await twice(server);
    },
  },
  {
    id: "K-07",
    title: "broadcast() of join, exit and any other message",
    level: "must",
    points: 4,
    quote:
      "This broadcast message is then sent to all connected clients except for the one who sent it, " +
      "represented by client_socket_sent.",
    hint: CHATROOM_HINTS.said,
    async run(scene) {
      const { server, peers } = await room(scene, "Alice", "Bob", "Carl");
      const [alice, bob, carl] = peers as [Peer, Peer, Peer];
      const texts = { join: "User Bob joined", exit: "User Bob left", hello: "Bob: hello" };
      for (const [message, text] of Object.entries(texts)) {
        await call(server, "broadcast", { client: "Bob" }, message);
        for (const peer of [alice, carl]) await hearsNext(scene, peer, { text });
      }
      await call(server, "broadcast", { client: "Alice" }, "enough");
      await bob.hearsNot("Bob", { before: "enough" });
    },
  },
  {
    id: "K-08",
    title: "shutdown() tells all, closes all, and sets both events",
    level: "must",
    points: 3,
    quote:
      "It then proceeds to close all client sockets, sets the run_event and handle_event to stop the " +
      "server's operation, and finally closes the server socket.",
    hint: CHATROOM_HINTS.shutdown,
    parts: {
      udp: {
        title: "UDP: it tells all",
        level: "must",
        points: 1,
        quote:
          "This method shuts down the server by sending a 'server-shutdown' message to all connected " +
          "clients and then closing their connections (close_client() method can be called for this).",
      },
      twice: {
        title: "a second call is harmless",
        level: "should",
        points: 1,
        quote: "",
        hint: CHATROOM_HINTS.twice,
      },
    },
    async run(scene) {
      const { server, peers } = await room(scene, "Alice", "Bob");
      await scene.part("udp", async () => {
        const udp = await serverUdp(scene, server.driver);
        const { peer, address } = member(scene, "Alice");
        await call(udp, "accept_client", address, joining("Alice"));
        await call(udp, "shutdown");
        await peer.hears("server-shutdown", { strictCase: true });
      });
      await call(server, "shutdown");
      await scene.part("twice", async () => void await call(server, "shutdown"));
      for (const peer of peers) {
        await hearsNext(scene, peer, { text: "server-shutdown" });
        await peer.hearsEnd();
      }
      await areSet(scene, server, "run_event", "handle_event");
    },
  },
  {
    id: "K-09",
    title: "messages holds tuples of address and text",
    level: "must",
    points: 2,
    quote:
      "When storing elements in the messages list, each element is a tuple containing the client's " +
      "address who sent the message and the message content.",
    hint: CHATROOM_HINTS.tuples,
    async run(scene) {
      const udp = await serverUdp(scene);
      const { address } = member(scene, "Alice");
      await call(udp, "accept_client", address, joining("Alice"));
      const shown = JSON.stringify(await get(udp, "messages"));
      const pair = `{"tuple":[${JSON.stringify(address)},"`;
      scene.expect(shown.startsWith(`{"list":[${pair}`) && shown.includes("Alice"), pair, {
        where: "ServerUDP.messages",
        got: shown,
      });
    },
  },
  {
    id: "K-10",
    title: "UDP broadcast() with no message is harmless",
    level: "should",
    points: 1,
    quote:
      "This method broadcasts the most recent message in the messages list to all connected clients " +
      "in clients except for the client who sent the message.",
    hint: CHATROOM_HINTS.emptyList,
    async run(scene) {
      await call(await serverUdp(scene), "broadcast");
    },
  },
];

// ---- clients ----

/** A ClientTCP that has connected to the check, and what connect_server() returned. */
async function clientTcp(
  scene: Scene,
  { answer, driver }: { answer: string; driver?: Driver },
): Promise<{ client: Target; server: Peer; returned: Shown }> {
  const port = freePort();
  const fake = scene.listen(port);
  const own = driver ?? await Driver.start(scene);
  const client = await own.makes("ClientTCP", "Alice", port);
  const connecting = await own.begins({
    do: "call",
    on: client.on,
    name: "connect_server",
    args: [],
  });
  const server = await fake.accepts("server");
  await server.hears("Alice");
  await server.sends(answer);
  return { client, server, returned: await own.result(connecting) };
}

/** The same for a ClientUDP. */
async function clientUdp(
  scene: Scene,
  { answer, driver }: { answer: string; driver: Driver },
): Promise<{ client: Target; server: UdpPeer; returned: Shown }> {
  const port = freePort();
  const server = scene.udp("server", { port });
  const client = await driver.makes("ClientUDP", "Alice", port);
  const connecting = await driver.begins({
    do: "call",
    on: client.on,
    name: "connect_server",
    args: [],
  });
  await takesNext(scene, server, "Alice:join");
  await server.sends(answer);
  return { client, server, returned: await driver.result(connecting) };
}

/** Calls receive(), sends `server-shutdown`, and looks at what becomes of the client. */
async function shutsDown(
  scene: Scene,
  { client, server }: { client: Target; server: Peer | UdpPeer },
): Promise<void> {
  const receiving = await client.driver.begins({
    do: "call",
    on: client.on,
    name: "receive",
    args: [],
  });
  await sleep(100);
  await server.sends("server-shutdown");
  await client.driver.result(receiving);
  await areSet(scene, client, "exit_run", "exit_receive");
}

const CLIENT_CASES: Case[] = [
  {
    id: "K-11",
    title: "connect_server() returns True, and False where it is refused",
    level: "must",
    points: 2,
    quote: "The method returns True if the connection is successful; otherwise, it returns False.",
    hint: CHATROOM_HINTS.returns,
    parts: {
      udp: { title: "UDP", level: "must", points: 1, quote: "Otherwise, it returns False." },
    },
    async run(scene) {
      const { client: { driver }, returned } = await clientTcp(scene, { answer: "Welcome" });
      await scene.part("udp", async () => {
        const welcomed = await clientUdp(scene, { answer: "Welcome", driver });
        is(scene, welcomed.returned, true, "ClientUDP.connect_server()");
        const refused = await clientUdp(scene, { answer: "Name already taken", driver });
        is(scene, refused.returned, false, "ClientUDP.connect_server() that is refused");
      });
      is(scene, returned, true, "ClientTCP.connect_server()");
      const refused = await clientTcp(scene, { answer: "Name already taken", driver });
      is(scene, refused.returned, false, "ClientTCP.connect_server() that is refused");
      const alone = await driver.makes("ClientTCP", "Alice", freePort());
      const nobody = await call(alone, "connect_server");
      is(scene, nobody, false, "ClientTCP.connect_server() where nobody listens");
    },
  },
  {
    id: "K-12",
    title: "receive() ends at server-shutdown, and both events are set",
    level: "must",
    points: 2,
    quote:
      "If the message is 'server-shutdown', which indicates that the server is shutting down, the " +
      "method sets the exit_run and exit_receive events to stop the client's operation and exits the " +
      "loop.",
    hint: CHATROOM_HINTS.heedsShutdown,
    parts: { udp: { title: "UDP", level: "must", points: 1 } },
    async run(scene) {
      const tcp = await clientTcp(scene, { answer: "Welcome" });
      await scene.part("udp", async () => {
        await shutsDown(
          scene,
          await clientUdp(scene, { answer: "Welcome", driver: tcp.client.driver }),
        );
      });
      await shutsDown(scene, tcp);
    },
  },
  {
    id: "K-13",
    title: "run() returns after exit",
    level: "must",
    points: 2,
    quote:
      "at which point the client sends 'exit' message to the server to notify it of the client's " +
      "leaving, sets the exit_receive event to stop the client's receiving operation and exits the loop.",
    hint: CHATROOM_HINTS.exits,
    async run(scene) {
      const port = freePort();
      const fake = scene.listen(port);
      const driver = await Driver.start(scene);
      const client = await driver.makes("ClientTCP", "Alice", port);
      const running = await driver.begins({ do: "call", on: client.on, name: "run", args: [] });
      const server = await fake.accepts("server");
      await server.hears("Alice");
      await server.sends("Welcome");
      await sleep(60);
      await driver.program.types("exit");
      await server.hears("exit");
      await server.closes();
      await driver.result(running);
      await areSet(scene, client, "exit_receive");
    },
  },
];

/** Cases for the four classes. */
export const CHATROOM_CLASSES: Suite = {
  protocol: "chatroom",
  role: "classes",
  gate: "K-01",
  unframed: true,
  commands: (given) => {
    const driver = words(given["driver"]);
    const own = driver && [...driver, "obey", "{link}"];
    return commands("driver", own ?? python(given, "obey", "{link}"));
  },
  cases: [...SHAPE_CASES, ...SERVER_CASES, ...CLIENT_CASES],
};
