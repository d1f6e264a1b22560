/**
 * The programs that are handed out: one for each role and protocol, with the protocol baked in.
 *
 * @module
 */

/** One executable. */
export interface Program {
  /** Its name, without the ending that Windows adds. */
  readonly name: string;
  /** The script of its role. */
  readonly script: string;
  /** What stands before the arguments that people type. */
  readonly args: readonly string[];
  /** The permissions that are baked in. */
  readonly permissions: readonly string[];
}

const NET = ["--allow-net"];
/** A terminal says by TERM when it can show no colours and no line editor. */
const TERMINAL = [...NET, "--allow-env=TERM"];

/** All of them. */
export const PROGRAMS: readonly Program[] = [
  // The contact file is wherever --contacts says.
  {
    name: "bridge-server",
    script: "server.ts",
    args: ["bridge"],
    permissions: [...NET, "--allow-read", "--allow-write"],
  },
  { name: "bridge-client", script: "client.ts", args: ["bridge"], permissions: TERMINAL },
  { name: "channels-server", script: "server.ts", args: ["channels"], permissions: NET },
  { name: "channels-client", script: "client.ts", args: ["channels"], permissions: TERMINAL },
  { name: "relay-server", script: "server.ts", args: ["relay"], permissions: NET },
  { name: "relay-client", script: "client.ts", args: ["relay"], permissions: TERMINAL },
  { name: "overlay-server", script: "overlay.ts", args: [], permissions: NET },
  { name: "overlay-client", script: "client.ts", args: ["overlay"], permissions: TERMINAL },
  { name: "chatroom-server", script: "chatroom.ts", args: ["server"], permissions: NET },
  { name: "chatroom-client", script: "chatroom.ts", args: ["client"], permissions: TERMINAL },
];

/** What `deno compile` makes executables for. */
export const TARGETS: readonly string[] = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];
