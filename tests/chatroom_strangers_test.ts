/**
 * The chatroom beside programs of other people: Python clients and servers as the document's skeleton
 * suggests them, and scripts that take the classes without any configuration.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { ClientTCP, ServerTCP } from "../chatroom.ts";
import { deadline, Peer, Program } from "./helpers.ts";

function python(script: string, ...args: string[]): Program {
  return new Program("python3", ["-u", "-c", script, ...args], { command: true });
}

/** Says its name, reads idly, and prints each read as a list of its texts. */
const READER = `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"Reader")
while True:
    data = s.recv(1024)
    if not data: break
    print(repr(data.decode()))
`;

Deno.test("two texts of two clients within 1 ms reach an idle reader as two reads, 99 times of 100", async () => {
  const tries = Number(Deno.env.get("CHATROOM_TRIES") ?? 100);
  const server = new ServerTCP(0);
  const ended = server.run();
  await using reader = python(READER, `${server.server_port}`);
  await reader.until("'Welcome'\n");
  const [one, two] = [
    await Peer.connect(server.server_port),
    await Peer.connect(server.server_port),
  ];
  await one.send("One\n");
  await one.expect("Welcome\n");
  await two.send("Two\n");
  await two.expect("Welcome\n");
  await one.expect("User Two joined\n");
  await reader.until("'User Two joined'\n");
  for (let i = 0; i < tries; i++) {
    await Promise.all([one.send(`a${i}\n`), two.send(`b${i}\n`)]);
    await reader.until(new RegExp(`One: a${i}(?!\\d)`));
    await reader.until(new RegExp(`Two: b${i}(?!\\d)`));
  }
  one.close();
  two.close();
  server.run_event.set();
  await deadline(ended, "the end of run()");
  assertEquals(await reader.code(), 0);
  const single = reader.stdout.match(/^'(One: a|Two: b)\d+'$/gm)!.length / 2;
  if (tries !== 100) say(`${single} of ${tries} as two reads`);
  assert(single >= 0.99 * tries, `${single} of ${tries} as two reads`);
});

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** The document's skeleton: a thread that receives, a loop that sends what is typed. */
const SKELETON = `
import socket, sys, threading
s = socket.socket()
s.connect(("127.0.0.1", int(sys.argv[2])))
s.send(sys.argv[1].encode())
data = s.recv(1024).decode()
if not (WELCOME): sys.exit("refused: " + data)
print("in")
def receive():
    while True:
        text = s.recv(1024).decode()
        if text == "server-shutdown" or not text: break
        print("<" + text + ">")
threading.Thread(target=receive, daemon=True).start()
for line in sys.stdin:
    text = line.rstrip("\\n")
    s.send(text.encode())
    if text == "exit": break
s.close()
`;

for (const test of [`"Welcome" in data`, `data == "Welcome"`]) {
  Deno.test(`a Python client with ${test} chats with our server and with our client`, async () => {
    await using server = new Program("chatroom.ts", ["server", "--port", "0"]);
    const port = await server.port();
    await using kim = python(SKELETON.replace("WELCOME", test), "Kim", `${port}`);
    await kim.until("in\n");
    await using kay = new Program("chatroom.ts", ["client", "-n", "Kay", "--port", `${port}`]);
    await kim.until("<User Kay joined>\n");
    await using max = new Program("chatroom.ts", [
      "client",
      "-n",
      "Max",
      "--port",
      `${port}`,
      "--lines",
    ]);
    await kim.until("<User Max joined>\n");
    await kim.type("hello");
    await kay.until("Kim: hello\n");
    await max.until("Kim: hello\n");
    await kay.type("one");
    await kim.until("<Kay: one>\n");
    await kay.type("two");
    await kim.until("<Kay: two>\n");
    await max.type("three");
    await kim.until("<Max: three>\n");
    await kim.type("exit");
    await kay.until("User Kim left\n");
    assertEquals(await kim.code(), 0);
    assertEquals(kay.stdout, "User Max joined\nKim: hello\nMax: three\nUser Kim left\n");
    assertEquals(max.stdout, "Kim: hello\nKay: one\nKay: two\nUser Kim left\n");
    assertEquals(await server.stop(), 0);
    assertEquals([await kay.code(), await max.code()], [0, 0]);
  });
}

/** Lets Kay in, then says what its arguments are, each a write; ends when it has read exit. */
const SERVER = `
import socket, sys, time
l = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % l.getsockname()[1])
before, behind = eval(sys.argv[1]), eval(sys.argv[2])
c, _ = l.accept()
print(repr(c.recv(1024)))
def say(text):
    c.sendall((before + text + behind).encode())
    time.sleep(0.05)
say("Welcome")
say("User Kim joined")
while True:
    data = c.recv(1024)
    print(repr(data))
    if data == b"flood":
        for i in range(20000): c.sendall(b"Kim: ")
        time.sleep(0.3)
        say("Kay 2: here")
    elif data == b"exit": break
    else: say("Kim: you said " + data.decode())
say("server-shutdown")
c.close()
`;

for (
  const [how, before, behind] of [["bare", "", ""], ["with \\n before", "\n", ""], [
    "with \\n behind",
    "",
    "\n",
  ]]
) {
  Deno.test(`our client chats with a Python server that sends texts ${how}, and outlives its flood`, async () => {
    await using server = python(SERVER, JSON.stringify(before), JSON.stringify(behind));
    const port = await server.port("stdout");
    await using kay = new Program("chatroom.ts", ["client", "-n", "Kay", "--port", `${port}`]);
    await kay.until("User Kim joined\n");
    await kay.type("hello");
    await kay.until("Kim: you said hello\n");
    await kay.type("flood");
    await kay.until("Kay 2: here\n");
    await kay.type("still here");
    await kay.until("Kim: you said still here\n");
    await kay.type("exit");
    assertEquals([await kay.code(), await server.code()], [0, 0]);
    // What the server sends has not changed how the client writes.
    assertMatch(server.stdout, /b'Kay'\nb'hello'\nb'flood'\nb'still here'\nb'exit'\n$/);
    const texts = kay.stdout.replaceAll("\n", "").replaceAll(/Kim: (?!you)/g, "");
    assertEquals(
      texts,
      "User Kim joinedKim: you said helloKay 2: hereKim: you said still here",
    );
  });
}

Deno.test("Control-C drops what waits for its turn with a note, and says exit by itself", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const args = ["client", "-n", "Kay", "--port", `${listener.addr.port}`];
  await using kay = new Program("chatroom.ts", args);
  await kay.write(Array.from({ length: 1000 }, (_, i) => `text ${i}\n`).join(""));
  using server = new Peer(await deadline(listener.accept(), "the client"));
  await server.expect("Kay");
  await server.send("Welcome");
  await server.expect("text 0text 1text 2");
  kay.signal("SIGINT");
  const said = new TextDecoder().decode(await server.rest());
  assertMatch(said, /^(text \d+){0,40}exit$/);
  server.close();
  assertEquals(await kay.code(), 0);
  assertEquals(kay.stderr, "joined as Kay\nwhat was not sent yet is dropped\n");
});

/** Copies what the classes need to an empty folder. */
async function aside(): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/lib/wire`, { recursive: true });
  await Deno.copyFile("chatroom.ts", `${folder}/chatroom.ts`);
  for (const path of ["lib", "lib/wire"]) {
    for await (const { name, isFile } of Deno.readDir(path)) {
      if (isFile) await Deno.copyFile(`${path}/${name}`, `${folder}/${path}/${name}`);
    }
  }
  return folder;
}

Deno.test("the classes load and run without a configuration, and UDP says which flag it needs", async () => {
  const folder = await aside();
  await Deno.writeTextFile(
    `${folder}/server.ts`,
    `
    import { ServerTCP } from "./chatroom.ts";
    const server = new ServerTCP(0);
    console.error("listening on 127.0.0.1:" + server.server_port);
    await server.run();`,
  );
  await Deno.writeTextFile(
    `${folder}/client.ts`,
    `
    import { ClientTCP } from "./chatroom.ts";
    await new ClientTCP(Deno.args[0], Number(Deno.args[1])).run();`,
  );
  await Deno.writeTextFile(
    `${folder}/udp.ts`,
    `
    import { ServerUDP } from "./chatroom.ts";
    try { new ServerUDP(0); } catch (error) { console.log(error.message); }`,
  );
  const run = (script: string, ...args: string[]) => {
    const flags = ["run", "--no-config", "--no-prompt", "--no-remote", "--no-npm", "--allow-net"];
    return new Program(Deno.execPath(), [...flags, `${folder}/${script}`, ...args], {
      command: true,
    });
  };
  try {
    await using server = run("server.ts");
    const port = `${await server.port()}`;
    await using kay = run("client.ts", "Kay", port);
    await kay.until("joined as Kay\n", "stderr");
    await using max = run("client.ts", "Max", port);
    await kay.until("User Max joined\n");
    await max.type("hello");
    await kay.until("Max: hello\n");
    assertEquals(await server.stop(), 0);
    assertEquals([await kay.code(), await max.code()], [0, 0]);
    await using udp = run("udp.ts");
    assertEquals(await udp.code(), 0);
    assertMatch(udp.stdout, /^[^\n]*--unstable-net[^\n]*\n$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an override of any method takes effect, and the next accept_client() is under way at once", async () => {
  const calls: string[] = [];
  let accepting = 0;
  class Loud extends ServerTCP {
    override async accept_client() {
      accepting++;
      const is = await super.accept_client();
      calls.push(`accept ${is}`);
      return is;
    }
    override async handle_client(socket: Deno.TcpConn) {
      calls.push(`handle ${this.clients.get(socket)}`);
      await super.handle_client(socket);
      calls.push("handled");
    }
    override broadcast(socket: Deno.TcpConn, message: string) {
      calls.push(`broadcast ${message}`);
      const special = message === "join" || message === "exit";
      super.broadcast(socket, special ? message : message.toUpperCase());
    }
    override close_client(socket: Deno.TcpConn) {
      calls.push(`close ${this.clients.get(socket)}`);
      return super.close_client(socket);
    }
    override async shutdown() {
      calls.push("shutdown");
      await super.shutdown();
    }
  }
  const server = new Loud(0);
  const ended = server.run();
  using silent = await Peer.connect(server.server_port);
  using alice = await Peer.connect(server.server_port);
  await alice.send("Alice\n");
  await alice.expect("Welcome\n");
  using bob = await Peer.connect(server.server_port);
  await bob.send("Bob\n");
  await bob.expect("Welcome\n");
  await alice.expect("User Bob joined\n");
  assertEquals(accepting, 4);
  await bob.send("hi\n");
  await alice.expect("Bob: HI\n");
  await bob.send("exit\n");
  await alice.expect("User Bob left\n");
  await bob.expectEnd();
  bob.close();
  silent.close();
  server.run_event.set();
  await alice.expect("server-shutdown\n");
  alice.close();
  await deadline(ended, "the end of run()");
  const expected = [
    "broadcast join",
    "accept true",
    "handle Alice",
    "broadcast join",
    "accept true",
  ]
    .concat("handle Bob", "broadcast hi", "broadcast exit", "close Bob", "handled");
  assertEquals(calls.filter((call) => call !== "accept false").slice(0, 10), expected);
  assertEquals(calls.includes("shutdown") && calls.includes("close Alice"), true);
});

Deno.test("an override of accept_client() that accepts in its own way is served", async () => {
  class Own extends ServerTCP {
    override async accept_client() {
      const socket = await this.server_socket.accept();
      this.clients.set(socket, `guest ${this.clients.size}`);
      return true;
    }
  }
  const server = new Own(0);
  const ended = server.run();
  using one = await Peer.connect(server.server_port);
  using two = await Peer.connect(server.server_port);
  // Which of them is known to be in when the first speaks is not ours to say: it asks until it is heard.
  const heard = deadline(two.conn.read(new Uint8Array(100)), "the first guest");
  const asking = setInterval(() => one.send("hi"), 50);
  assert((await heard)! > 0);
  clearInterval(asking);
  server.run_event.set();
  await deadline(ended, "the end of run()");
});

Deno.test("without lines, 20 clients lose nothing of what each says, joined or not", async () => {
  const server = new ServerTCP(0);
  const ended = server.run();
  const heard = new Map<string, string>();
  const clients = Array.from({ length: 20 }, (_, i) => {
    const name = `u${i}`;
    heard.set(name, "");
    return new ClientTCP(name, server.server_port, {
      show: (text) => heard.set(name, heard.get(name)! + text),
    });
  });
  for (const client of clients) assertEquals(await client.connect_server(), true);
  const receiving = clients.map((client) => client.receive());
  await Promise.all(clients.map(async (client) => {
    for (let i = 0; i < 20; i++) await client.send(`[${i}]`);
  }));
  const whole = () =>
    clients.every(({ client_name }) =>
      clients.every((other) => {
        if (other.client_name === client_name) return true;
        const texts = heard.get(client_name)!.matchAll(
          new RegExp(`${other.client_name}: ((\\[\\d+\\])+)`, "g"),
        );
        return [...texts].map((match) => match[1]).join("") ===
          Array.from({ length: 20 }, (_, i) => `[${i}]`).join("");
      })
    );
  const until = performance.now() + 10_000;
  while (!whole() && performance.now() < until) await new Promise((go) => setTimeout(go, 50));
  assert(whole(), JSON.stringify([...heard]));
  server.run_event.set();
  await deadline(Promise.all([ended, ...receiving]), "the end of run()");
  for (const client of clients) client.client_socket!.close();
});
