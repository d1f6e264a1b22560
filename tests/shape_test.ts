/**
 * The shape of the project: each role a script of its own that reads top to bottom, few helpers, no
 * circles, and one file for each role that runs alone.
 *
 * @module
 */

import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { Peer, Program } from "./helpers.ts";

const root = new URL("../", import.meta.url);

/**
 * The most lines of each file, its comments included. Where a file is not yet as small as it is meant to
 * be, the second number says what is meant: until then the first one only ever falls.
 */
const LINES: Readonly<Record<string, readonly [most: number, meant?: number]>> = {
  "server.ts": [750],
  "client.ts": [1194, 1000],
  "overlay.ts": [650],
  "chatroom.ts": [1360, 1000],
  "check.ts": [300],
  "lib/net.ts": [584, 400],
  "lib/outbound.ts": [638, 400],
  "lib/program.ts": [383, 380],
  "lib/operator.ts": [350],
  "lib/console.ts": [457, 380],
  "lib/draw.ts": [200],
  "lib/datagrams.ts": [140],
};
const WIRE_LINES = [1707, 1550] as const;
const PRODUCT_LINES = [8398, 6900] as const;

/** The most modules that a role loads, itself and those it loads later included, without @std. */
const MODULES: Record<string, number> = {
  "server.ts": 9,
  "overlay.ts": 8,
  "chatroom.ts": 10,
  "client.ts": 13,
};
const ROLES = Object.keys(MODULES);

async function linesOf(path: string): Promise<number> {
  return (await Deno.readTextFile(new URL(path, root))).split("\n").length - 1;
}

async function modulesIn(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(new URL(dir, root))) {
    if (name.endsWith(".ts")) names.push(dir + name);
  }
  return names.sort();
}

/** What a module imports: at once, and (`later`) when a function asks for it. */
interface Imports {
  readonly now: readonly string[];
  readonly later: readonly string[];
}

/** The modules that are reached from `entry`, by their paths in the project, with their imports. */
async function graphOf(entry: string): Promise<Map<string, Imports>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-remote", entry],
    cwd: root,
  }).output();
  interface Dependency {
    readonly specifier: string;
    readonly isDynamic?: boolean;
    readonly code?: { readonly specifier: string };
  }
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; dependencies?: Dependency[] }[];
  };
  const path = (specifier: string) => specifier.replace(root.href, "");
  return new Map(
    await Promise.all(modules.map(async ({ specifier, dependencies = [] }) => {
      const types = await typesOnly(specifier);
      const list = (later: boolean) =>
        dependencies.filter((each) => each.code && (each.isDynamic ?? false) === later)
          .filter((each) => later || !types.has(each.specifier))
          .map(({ code }) => path(code!.specifier));
      return [path(specifier), { now: list(false), later: list(true) }] as const;
    })),
  );
}

/** What a module imports types from alone: nothing of that is loaded when it runs. */
async function typesOnly(module: string): Promise<Set<string>> {
  if (!module.startsWith("file:")) return new Set();
  const source = await Deno.readTextFile(new URL(module));
  const found = (pattern: RegExp) => [...source.matchAll(pattern)].map(([, from]) => from!);
  const values = new Set(found(/^(?:import|export) (?!type )[^;]*? from "([^"]+)"/gm));
  return new Set(found(/^import type [^;]*? from "([^"]+)"/gm).filter((from) => !values.has(from)));
}

function isProduct(path: string): boolean {
  return path.endsWith(".ts") && !path.startsWith("offline/");
}

Deno.test("no file has more lines than its budget, or than it had while it is over that", async () => {
  const over: string[] = [];
  const look = (
    what: string,
    lines: number,
    [most, meant = most]: readonly [most: number, meant?: number],
  ) => {
    if (lines > most) over.push(`${what} has ${lines} lines, over ${most}; ${meant} are meant`);
  };
  for (const [path, budget] of Object.entries(LINES)) look(path, await linesOf(path), budget);
  const sum = async (paths: string[]) =>
    (await Promise.all(paths.map(linesOf))).reduce((all, lines) => all + lines, 0);
  const wire = await sum(await modulesIn("lib/wire/"));
  look("lib/wire/", wire, WIRE_LINES);
  look("the product", await sum([...ROLES, ...await modulesIn("lib/")]) + wire, PRODUCT_LINES);
  assertEquals(over, []);
});

Deno.test("no comment and no code of a file hides in long lines, and the folders of roles are gone", async () => {
  const long: string[] = [];
  for (const path of [...ROLES, ...await modulesIn("lib/"), ...await modulesIn("lib/wire/")]) {
    const lines = (await Deno.readTextFile(new URL(path, root))).split("\n");
    // deno fmt breaks code at 100; a string or a comment may stand out a little.
    long.push(...lines.filter((line) => line.length > 120).map((line) => `${path}: ${line}`));
  }
  assertEquals(long, []);
  const top: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(root)) if (isDirectory) top.push(name);
  for (const gone of ["server", "client", "overlay"]) assert(!top.includes(gone), gone);
});

Deno.test("every product file says why in 15 to 25 lines of a hundred", async () => {
  const off: string[] = [];
  let [comments, all] = [0, 0];
  for (const path of [...ROLES, ...await modulesIn("lib/"), ...await modulesIn("lib/wire/")]) {
    const lines = (await Deno.readTextFile(new URL(path, root))).split("\n");
    comments += lines.filter((line) => /^\s*(\/\/|\/\*|\*)/.test(line)).length;
    all += lines.length;
  }
  const share = comments / all;
  if (share < 0.15 || share > 0.25) off.push(`${(share * 100).toFixed(1)} % are comments`);
  assertEquals(off, []);
});

Deno.test("no imports go in a circle, and a role imports no role", async () => {
  const graph = new Map<string, Imports>();
  for (const role of ROLES) {
    for (const [path, imports] of await graphOf(role)) graph.set(path, imports);
  }
  const done = new Set<string>();
  const visit = (path: string, way: string[]): void => {
    assert(!way.includes(path), `a circle: ${[...way, path].join(" -> ")}`);
    if (done.has(path) || !graph.has(path)) return;
    const { now, later } = graph.get(path)!;
    for (const next of [...now, ...later].filter(isProduct)) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  for (const [path, { now, later }] of graph) {
    for (const to of [...now, ...later]) assert(!ROLES.includes(to), `${path} imports ${to}`);
    if (!path.startsWith("lib/wire/")) continue;
    const outside = [...now, ...later].filter((to) => !to.startsWith("lib/wire/"));
    assertEquals(outside, [], path);
  }
});

Deno.test("a role loads few modules, and each helper serves two roles at least", async () => {
  const users = new Map((await modulesIn("lib/")).map((path) => [path, 0]));
  assert(users.size <= 7, `lib/ has ${users.size} modules`);
  for (const role of ROLES) {
    const reached = [...(await graphOf(role)).keys()].filter(isProduct);
    assert(reached.length <= MODULES[role]!, `${role} loads ${reached.length}: ${reached}`);
    for (const path of reached) if (users.has(path)) users.set(path, users.get(path)! + 1);
  }
  assertEquals([...users].filter(([, roles]) => roles < 2), []);
});

Deno.test("no server loads the console or a node: module on its way to listening", async () => {
  for (const role of ["server.ts", "overlay.ts", "chatroom.ts"]) {
    const graph = await graphOf(role);
    const loaded = new Set<string>();
    const load = (path: string): void => {
      if (loaded.has(path)) return;
      loaded.add(path);
      graph.get(path)?.now.forEach(load);
    };
    load(role);
    const wrong = [...loaded].filter((path) =>
      path.startsWith("node:") || /console|draw/.test(path)
    );
    assertEquals(wrong, [], role);
    if (role !== "chatroom.ts") continue;
    // The classes load from anywhere, where no configuration says what @std is.
    assertEquals([...loaded].filter((path) => path.includes("std")), []);
  }
});

/** Bundles a role to one file in an empty folder; returns the file's path. */
async function bundle(role: string, dir: string): Promise<string> {
  const file = `${dir}/${role.replace(".ts", ".js")}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "-o", file, role],
    cwd: root,
  }).output();
  const why = new TextDecoder().decode(stderr);
  if (!success && /npm|registry|dns|connect|download/i.test(why) && !Deno.env.has("CI")) {
    const text = `${role} is not bundled here: the bundler comes from npm, which is not reached\n`;
    await Deno.stderr.write(new TextEncoder().encode(text));
    return "";
  }
  assert(success, why);
  return file;
}

/** A dialogue with each role as one file that knows no configuration. */
const DIALOGUES: Record<string, (start: (args: string[]) => Program) => Promise<void>> = {
  async "server.ts"(start) {
    await using server = start(["relay", "0"]);
    using peer = await Peer.connect(await server.port());
    await peer.send("JOIN Al\n");
    await peer.expect("Al joined!Connected to server!\n");
  },
  async "client.ts"(start) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    await using client = start(["relay", "127.0.0.1", String(listener.addr.port)]);
    using peer = new Peer(await listener.accept());
    await client.type("JOIN Al");
    await peer.expect("JOIN Al\n");
  },
  async "overlay.ts"(start) {
    await using server = start(["-p", "0"]);
    const [, port] = await server.until(/at port (\d+)/);
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    await socket.send(new TextEncoder().encode("register Al"), {
      transport: "udp",
      hostname: "127.0.0.1",
      port: Number(port),
    });
    assertEquals(new TextDecoder().decode((await socket.receive())[0]), "welcome Al");
    socket.close();
  },
  async "chatroom.ts"(start) {
    await using server = start(["server", "--port", "0"]);
    using peer = await Peer.connect(await server.port());
    await peer.send("Al");
    await peer.expect("Welcome");
  },
};

for (const role of ROLES) {
  Deno.test(`${role} is one file that runs alone in an empty folder`, async () => {
    const dir = await Deno.makeTempDir();
    try {
      const file = await bundle(role, dir);
      if (file === "") return;
      const run = ["run", "--no-prompt", "--no-config", "--allow-net", "--unstable-net", file];
      await DIALOGUES[role]!((args) =>
        new Program(Deno.execPath(), [...run, ...args], { command: true, cwd: dir })
      );
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}
