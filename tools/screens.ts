/**
 * The sessions that README.md shows: real programs, in real pseudo-terminals, as a person sees them.
 *
 * @module
 */

import { Program } from "../tests/helpers.ts";
import { Pty } from "../tests/pty.ts";
import type { Span, Window } from "./windows.ts";

/** The ports that the pages show stand for the free ones that the programs ran on. */
type Ports = readonly (readonly [real: number | string, shown: number])[];

/** A person at a terminal of 76 columns. */
class Person {
  readonly #title: string;
  readonly #command: string;
  readonly #pty: Pty;

  constructor(title: string, command: string, args: string) {
    this.#title = title;
    this.#command = `deno run --allow-net ${command}`;
    this.#pty = new Pty(["run", "--quiet", "--allow-net", args], {
      columns: 76,
      rows: 40,
      env: "TERM=xterm",
    });
  }

  async begins(): Promise<void> {
    await this.#pty.begin();
  }

  /** Waits until a line ends so. */
  async sees(end: string): Promise<void> {
    await this.#pty.until((lines) => lines.some((line) => line.endsWith(end)));
  }

  /** Types a line and waits until what comes of it is there. */
  async types(line: string, end = line): Promise<void> {
    await this.#pty.type(`${line}\r`);
    await this.sees(end);
  }

  /** What the terminal showed, once its program has ended, by itself where nothing is typed. */
  async leaves(keys: string, ports: Ports = []): Promise<Window> {
    await this.#pty.type(keys);
    const end = (await this.#pty.end()).split("\n").findIndex((row) => row === "code=0");
    if (end === -1) throw new Error(`${this.#command} failed: ${this.#pty.vt.lines.join("\n")}`);
    const shown = this.#pty.vt.coloured.slice(0, end).map((row) => replaced(row, ports));
    return { title: this.#title, command: this.#command, rows: shown.map(spans) };
  }
}

function replaced(row: string, ports: Ports): string {
  return ports.reduce((text, [real, shown]) => text.replaceAll(`:${real}`, `:${shown}`), row);
}

/** How the terminal colours of `lib/console.ts` look on the dark ground of the drawings. */
const FILLS: Readonly<Record<number, string>> = {
  31: "#e06c75",
  32: "#98c379",
  33: "#d19a66",
  35: "#c678dd",
  36: "#56b6c2",
  91: "#ff8b92",
  92: "#b5e890",
  94: "#6cb6ff",
  95: "#e0a3f0",
  96: "#7fdbe6",
};

/** Neighbours of one colour as one part. */
function spans(row: string): Span[] {
  const parts: { text: string; colour?: string }[] = [];
  // deno-lint-ignore no-control-regex
  for (const [, code, character] of row.matchAll(/(?:\x1b\[(\d+)m)?([^\x1b])/gu)) {
    const colour = FILLS[Number(code)];
    const last = parts.at(-1);
    if (last && last.colour === colour) last.text += character;
    else parts.push(colour ? { text: character!, colour } : { text: character! });
  }
  return parts;
}

/** Two people and one server; each play is what its protocol's document is about. */
export const SCREENS: Readonly<Record<string, () => Promise<Window[]>>> = {
  async relay() {
    await using server = new Program("server.ts", ["relay", "0"]);
    const port = await server.port();
    const person = (title: string) =>
      new Person(
        title,
        "client.ts relay 127.0.0.1 8001",
        `client.ts relay 127.0.0.1 ${port}`,
      );
    const alice = person("Alice");
    await alice.begins();
    await alice.types("JOIN Alice", "Alice joined!Connected to server!");
    const bob = person("Bob");
    await bob.begins();
    await bob.types("JOIN Bob", "Bob joined!Connected to server!");
    await alice.sees("Bob joined!");
    await bob.types("LIST", "Alice,Bob");
    await bob.types("MESG Alice How are you?");
    await alice.sees("Bob: How are you?");
    await alice.types("BCST Hello, everybody", "Alice: Hello, everybody");
    await bob.sees("Alice: Hello, everybody");
    const left = await alice.leaves("QUIT\r");
    await bob.sees("Alice left");
    return [left, await bob.leaves("QUIT\r")];
  },

  async channels() {
    await using server = new Program("server.ts", ["channels", "0"]);
    const port = await server.port();
    const person = (name: string) =>
      new Person(
        name,
        `client.ts channels ${name} 127.0.0.1 55555`,
        `client.ts channels ${name} 127.0.0.1 ${port}`,
      );
    const alice = person("Alice");
    await alice.begins();
    await alice.types("Hello?", "Must join a channel before sending messages.");
    await alice.types("/create 168_tas");
    await alice.types("/list", "168_tas");
    const scott = person("Scott");
    await scott.begins();
    await scott.types("/join 168_tas");
    await alice.sees("Scott has joined");
    await alice.types("Hello world!");
    await scott.sees("[Alice] Hello world!");
    await scott.types("Hi, Alice");
    await alice.sees("[Scott] Hi, Alice");
    const left = await alice.leaves("\x04");
    await scott.sees("Alice has left");
    return [left, await scott.leaves("\x04")];
  },

  async bridge() {
    await using server = new Program("server.ts", ["bridge", "--port=0"]);
    const port = await server.port("stdout");
    const ports: [real: string, shown: number][] = [];
    const person = async (id: string, shown: number) => {
      const options = (at: number, to: number) =>
        `client.ts bridge --id=${id} --port=${at} --server=127.0.0.1:${to}`;
      const one = new Person(id, options(shown, 5555), options(0, port));
      await one.begins();
      await one.types("/register");
      const [, , real] = await server.until(
        new RegExp(`REGISTER: (${id}) from \\S+:(\\d+) received`),
      );
      ports.push([real!, shown]);
      await one.types("/bridge");
      await server.until(`BRIDGE: ${id} `);
      return one;
    };
    const alice = await person("Alice", 2500);
    const bob = await person("Bob", 1500);
    await bob.types("/chat");
    await alice.sees(`Incoming chat request from Bob 127.0.0.1:${ports[1]![0]}`);
    await bob.types("Time for coffee?");
    await alice.sees("Time for coffee?");
    await alice.types("In ten minutes");
    await bob.sees("In ten minutes");
    const left = await alice.leaves("/quit\r", ports);
    return [left, await bob.leaves("", ports)];
  },

  async overlay() {
    await using first = new Program("overlay.ts", ["-p", "0", "-o", "0"]);
    const [, udp] = await first.until(/server started on \S+ at port (\d+)\n/);
    const [, tcp] = await first.until(/server overlay started at port (\d+)\n/);
    await using second = new Program("overlay.ts", ["-p", "0", "-s", "127.0.0.1", "-t", tcp!]);
    const [, far] = await second.until(/server started on \S+ at port (\d+)\n/);
    await second.until("connected to overlay server");
    const person = async (name: string, shown: number, real: string) => {
      const options = (port: number | string) =>
        `client.ts overlay -s 127.0.0.1 -p ${port} -n ${name}`;
      const one = new Person(name, options(shown), options(real));
      await one.begins();
      await one.sees(`connected to server and registered ${name}`);
      return one;
    };
    const alice = await person("Alice", 9000, udp!);
    const bob = await person("Bob", 9001, far!);
    await alice.types("sendto Bob Hello from the other server");
    await bob.sees("Alice: Hello from the other server");
    await bob.types("sendto Alice It is one overlay");
    await alice.sees("Bob: It is one overlay");
    return [await alice.leaves("exit\r"), await bob.leaves("exit\r")];
  },

  async chatroom() {
    await using server = new Program("chatroom.ts", ["server", "--port", "0"]);
    const port = await server.port();
    const person = (name: string) =>
      new Person(
        name,
        `chatroom.ts client --name ${name}`,
        `chatroom.ts client --name ${name} --port ${port}`,
      );
    const alice = person("Alice");
    await alice.begins();
    // Only what the others hear says that somebody is in.
    const bob = person("Bob");
    await bob.begins();
    await alice.sees("User Bob joined");
    await alice.types("Hello, Bob");
    await bob.sees("Alice: Hello, Bob");
    await bob.types("Hi");
    await alice.sees("Bob: Hi");
    const left = await bob.leaves("exit\r");
    await alice.sees("User Bob left");
    return [await alice.leaves("exit\r"), left];
  },
};

/** A window as text, as it stands in a page. */
export function asText({ command, rows }: Window): string {
  const lines = rows.map((row) => row.map(({ text }) => text).join(""));
  return [`$ ${command}`, ...lines].join("\n");
}
