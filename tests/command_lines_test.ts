/**
 * The command lines of all programs: what is wrong with them is said in one line behind the usage, and what
 * cannot be had in one sentence. Nothing is opened, and stdout stays empty.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { Program } from "./helpers.ts";

const NOT_A_PORT = "port must be a whole number from 0 to 65535, not";

/** What is typed, and the reason behind the usage. */
const WRONG: [typed: string, reason: string][] = [
  ["server.ts", "missing PROTOCOL"],
  ["server.ts rely 1", "unknown protocol rely, did you mean relay?"],
  ["server.ts relay", "missing PORT"],
  ["server.ts relay 99999", `${NOT_A_PORT} "99999"`],
  ["server.ts relay 0 --user 1", "unknown option --user, did you mean --users?"],
  ["server.ts relay 0 --list=rows", '--list must be commas or lines, not "rows"'],
  ["server.ts channels", "missing PORT"],
  ["server.ts channels x", `${NOT_A_PORT} "x"`],
  [
    "server.ts channels 1 --introduce-m 5",
    "unknown option --introduce-m, did you mean --introduce-ms?",
  ],
  ["server.ts channels 0 --channels 0", '--channels must be a whole number of at least 1, not "0"'],
  ["server.ts bridge", "missing --port"],
  ["server.ts bridge --port", "--port needs a value"],
  ["server.ts bridge -p=65536", `${NOT_A_PORT} "65536"`],
  ["server.ts bridge -p0 --contact=x", "unknown option --contact, did you mean --contacts?"],
  ["client.ts", "missing PROTOCOL"],
  ["client.ts relay localhost", "missing PORT"],
  ["client.ts bridge", "missing --id and --port and --server"],
  [
    "client.ts bridge --id=a:b\tc -p0 --server=127.0.0.1:1",
    '--id must be one word of at most 64 bytes, not "a:b\\tc"',
  ],
  ["client.ts bridge --id=a -p0 --server=x", '--server must be ADDRESS:PORT, not "x"'],
  ["client.ts overlay", "missing -s ADDR and -p PORT and -n NAME"],
  ["client.ts overlay -s 127.0.0.1 -p 9000", "missing -n NAME"],
  [
    "client.ts overlay -s 127.0.0.1 -p 9000 -n Tommy:Trojan",
    'the name must be one word of at most 64 bytes without ":", not "Tommy:Trojan"',
  ],
  ["overlay.ts", "missing -p PORT"],
  ["overlay.ts -o 9100", "missing -p PORT"],
  ["overlay.ts -p", "-p needs a value"],
  ["overlay.ts -p 65536", `${NOT_A_PORT} "65536"`],
  ["overlay.ts -p 0 -s 127.0.0.1", "-s and -t go together"],
  ["overlay.ts -p 0 -t 9100", "-s and -t go together"],
  ["overlay.ts -p 0 --hots x", "unknown option --hots, did you mean --host?"],
  ["overlay.ts 9000", "unexpected argument 9000"],
  ["chatroom.ts", "missing server or client"],
  ["chatroom.ts serve", "server or client expected, not serve, did you mean server?"],
  ["chatroom.ts client", "missing --name"],
  ["chatroom.ts server --port x", `${NOT_A_PORT} "x"`],
];

Deno.test("programs show their usage, say what is wrong with a command line, and end with 2", async () => {
  for (const [typed, reason] of WRONG) {
    const [script, ...args] = typed.split(" ");
    await using program = new Program(script!, args);
    assertEquals([typed, await program.code(), program.stdout], [typed, 2, ""]);
    assert(program.stderr.startsWith(`usage: ${script} `), program.stderr);
    assert(program.stderr.endsWith(`\n${reason}\n`), program.stderr);
  }
});

Deno.test("programs say in one sentence that their port is taken, in whatever form it is given", async () => {
  using tcp = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const udp = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const port = (udp.addr as Deno.NetAddr).port;
  const taken = "the port is taken, try another one or 0 for a free one";
  try {
    for (
      const typed of [
        "server.ts relay TCP",
        "server.ts channels TCP",
        "server.ts bridge --port=TCP",
        "server.ts bridge --port TCP",
        "server.ts bridge -p=TCP",
        "server.ts bridge -p TCP",
        "server.ts bridge -pTCP",
        "client.ts bridge --id=a --server 127.0.0.1:1 --port=TCP",
        "client.ts bridge --id=a --server 127.0.0.1:1 -pTCP",
        "overlay.ts -p UDP",
        "overlay.ts -p 0 -o TCP",
      ]
    ) {
      const [script, ...args] = typed.split(" ");
      const given = args.map((arg) =>
        arg.replace("TCP", `${tcp.addr.port}`).replace("UDP", `${port}`)
      );
      await using program = new Program(script!, given);
      assertEquals([typed, await program.code(), program.stdout], [typed, 1, ""]);
      const where = typed.endsWith("UDP") ? `0.0.0.0:${port} (UDP)` : `0.0.0.0:${tcp.addr.port}`;
      assertEquals(program.stderr, `cannot listen on ${where}: ${taken}\n`);
    }
  } finally {
    udp.close();
  }
});

Deno.test("programs say in one sentence what keeps them from joining", async () => {
  for (
    const [typed, stdout, stderr] of [
      // The document has words of its own for this one, on stdout and before any prompt.
      [
        "client.ts channels A localhost 1",
        "Unable to connect to localhost:1\n",
        /^cannot connect to localhost:1: [^\n]+\n$/,
      ],
      [
        "client.ts relay 127.0.0.1 1",
        "",
        /^cannot connect to 127\.0\.0\.1:1: nothing listens[^\n]+\n$/,
      ],
      [
        "client.ts relay no.such.host.invalid 8001",
        "",
        /^cannot connect to no\.such\.host\.invalid:8001: [^\n]+\n$/,
      ],
      [
        "chatroom.ts client -n A --port 1",
        "",
        /^cannot join: cannot connect to 127\.0\.0\.1:1: [^\n]+\n$/,
      ],
      ["chatroom.ts client -n A:B --udp", "", /^cannot join: over UDP a name must not [^\n]+\n$/],
    ] as const
  ) {
    const [script, ...args] = typed.split(" ");
    await using program = new Program(script!, args);
    assertEquals([typed, await program.code(), program.stdout], [typed, 1, stdout]);
    assertMatch(program.stderr, stderr);
  }
});
