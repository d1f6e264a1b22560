import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { bytes, deadline, Peer, Program, text } from "./helpers.ts";

/** A client of the test's own that hears who joins. */
interface Witness extends Disposable {
  hear(text: string): Promise<void>;
  leave(): Promise<void>;
}

async function tcpWitness(port: number): Promise<Witness> {
  const peer = await Peer.connect(port);
  await peer.send("Witness\n");
  await peer.expect("Welcome\n");
  return {
    hear: (text) => peer.expect(`${text}\n`),
    leave: () => peer.send("exit\n"),
    [Symbol.dispose]: () => peer.close(),
  };
}

async function udpWitness(port: number): Promise<Witness> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const send = async (data: string) => {
    await socket.send(bytes(data), { transport: "udp", hostname: "127.0.0.1", port });
  };
  const hear = async (expected: string) => {
    const [data] = await deadline(socket.receive(), expected);
    assertEquals(text(data), expected);
  };
  await send("Witness:join");
  await hear("Welcome");
  return { hear, leave: () => send("Witness:exit"), [Symbol.dispose]: () => socket.close() };
}

for (const [transport, flags] of [["TCP", []], ["UDP", ["--udp"]]] as const) {
  const startServer = () => new Program("chatroom.ts", ["server", "--port", "0", ...flags]);
  const startClient = (name: string, port: number, option = "--name") =>
    new Program("chatroom.ts", ["client", option, name, "--port", String(port), ...flags]);
  const said = (name: string, text: string) =>
    transport === "TCP" ? `${name}: ${text}\n` : `${name}:${text}\n`;

  /** Starts two clients; both are in, Bob after Alice. */
  const two = async (port: number): Promise<[alice: Program, bob: Program]> => {
    using witness = transport === "TCP" ? await tcpWitness(port) : await udpWitness(port);
    const alice = startClient("Alice", port);
    await witness.hear("User Alice joined");
    const bob = startClient("Bob", port, "-n");
    await witness.hear("User Bob joined");
    await witness.leave();
    for (const each of [alice, bob]) await each.until("User Witness left\n");
    return [alice, bob];
  };

  Deno.test(`chatroom.ts over ${transport}: two chat, one leaves, the server shuts down`, async () => {
    await using server = startServer();
    const port = await server.port();
    const [alice, bob] = await two(port);
    await using _alice = alice;
    await using _bob = bob;
    await bob.type("hello everybody");
    await alice.until(said("Bob", "hello everybody"));
    await alice.type("join");
    await alice.type("");
    await alice.type("and: again");
    await bob.until(said("Alice", "and: again"));
    await bob.type("exit");
    assertEquals(await bob.code(), 0);
    await alice.until("User Bob left\n");
    assertEquals(
      alice.stdout,
      "User Bob joined\nUser Witness left\n" + said("Bob", "hello everybody") + "User Bob left\n",
    );
    // Over UDP `Alice:join` joins: she is in, and nobody hears of it.
    const joined = transport === "TCP" ? said("Alice", "join") : "";
    assertEquals(bob.stdout, `User Witness left\n${joined}${said("Alice", "and: again")}`);
    assertEquals(await server.stop(), 0);
    // `server-shutdown` is not shown: it ends the client.
    assertEquals(await alice.code(), 0);
    assertEquals(server.stdout, "");
    assertEquals(alice.stderr, "joined as Alice\nthe server has shut down\n");
    assertEquals(bob.stderr, "joined as Bob\n");
    assertMatch(server.stderr, /^Alice joined$/m);
    assertMatch(server.stderr, /^Bob left$/m);
    assertEquals(alice.stdout.endsWith("User Bob left\n"), true);
  });

  Deno.test(`chatroom.ts over ${transport}: Control-C leaves, and a taken name is refused in a sentence`, async () => {
    await using server = startServer();
    const port = await server.port();
    const [alice, bob] = await two(port);
    await using _alice = alice;
    await using _bob = bob;
    await using second = startClient("Alice", port);
    assertEquals(await second.code(), 1);
    assertEquals([second.stdout, second.stderr], ["", "cannot join: Name already taken\n"]);
    assertEquals(await bob.stop(), 0);
    await alice.until("User Bob left\n");
    assertEquals(await alice.stop("SIGTERM"), 0);
    assertEquals(await server.stop("SIGTERM"), 0);
    assertEquals([alice.stderr, bob.stderr], ["joined as Alice\n", "joined as Bob\n"]);
    assertMatch(server.stderr, /was refused: .* is taken/);
  });
}
