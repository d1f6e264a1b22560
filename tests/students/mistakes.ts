/**
 * The mistakes that the students' programs in this folder can make, each a switch, and the cases that
 * show it. Without a switch every must and should passes; with one exactly its cases fail.
 *
 * @module
 */

import type { Given, Hint } from "../../check/case.ts";
import { BRIDGE_MISTAKES, BRIDGE_STUDENTS } from "./bridge_mistakes.ts";
import { CHANNELS_MISTAKES, CHANNELS_STUDENTS } from "./channels_mistakes.ts";
import { CHATROOM_MISTAKES, CHATROOM_STUDENTS } from "./chatroom_mistakes.ts";
import { OVERLAY_MISTAKES, OVERLAY_STUDENTS } from "./overlay_mistakes.ts";
import { RELAY_MISTAKES, RELAY_STUDENTS } from "./relay_mistakes.ts";

/** One mistake of one program. */
export interface Mistake {
  readonly protocol: string;
  /** The role as its suite has it: `server`, `client`, `TCP server`, … */
  readonly role: string;
  /** Which command gets the switch: `server`, `client`, `python`, … */
  readonly command: keyof Given & string;
  /** The switch: `--mistake one-recv`. */
  readonly mistake: string;
  /** The hint that must come first. */
  readonly hint: Hint;
  /** Ids of the cases and parts of level must, should and extra that fail, and no others. */
  readonly fails: readonly string[];
}

/** How the students' programs are started, by protocol. */
export const STUDENTS: Readonly<Record<string, Given>> = {
  relay: RELAY_STUDENTS,
  channels: CHANNELS_STUDENTS,
  bridge: BRIDGE_STUDENTS,
  overlay: OVERLAY_STUDENTS,
  chatroom: CHATROOM_STUDENTS,
};

const DENO = `${Deno.execPath()} run --allow-net`;

/** How Parley's own programs are started, by protocol. */
export const OURS: Readonly<Record<string, Given>> = {
  relay: {
    server: `${DENO} server.ts relay {port}`,
    client: `${DENO} client.ts relay {host} {port}`,
  },
  channels: {
    server: `${DENO} server.ts channels {port}`,
    client: `${DENO} client.ts channels {name} {host} {port}`,
  },
  bridge: {
    server: `${Deno.execPath()} run --allow-net server.ts bridge --port={port}`,
    client:
      `${Deno.execPath()} run --allow-net client.ts bridge --id={name} --port={peerport} --server={host}:{port}`,
  },
  overlay: {
    server: `${DENO} overlay.ts -p {port}`,
    client: `${DENO} client.ts overlay -s {host} -p {port} -n {name}`,
  },
  chatroom: {
    server: `${DENO} chatroom.ts server --port {port}`,
    client: `${DENO} chatroom.ts client --port {port} --name {name}`,
    udpServer: `${DENO} chatroom.ts server --udp --port {port}`,
    udpClient: `${DENO} chatroom.ts client --udp --port {port} --name {name}`,
    driver: `${DENO} --allow-read check/chatroom_driver.ts chatroom.ts`,
  },
};

/** Every mistake. */
export const MISTAKES: readonly Mistake[] = [
  ...RELAY_MISTAKES,
  ...CHANNELS_MISTAKES,
  ...BRIDGE_MISTAKES,
  ...OVERLAY_MISTAKES,
  ...CHATROOM_MISTAKES,
];
