/**
 * How a long test speaks with the rooms.
 *
 * @module
 */

import { FixedSplitter, LineSplitter } from "../../lib/net.ts";
import { DIALECTS, frame } from "../../tests/crowd.ts";
import { Peer } from "../../tests/helpers.ts";
import type { Random } from "../../tests/random.ts";
import { type Door, misbehave, misbehaveDatagrams } from "./faults.ts";
import { type Events, openDatagrams, openStream } from "./lines.ts";
import type { Manners } from "./room.ts";

/** Relay and chatroom over TCP, as {@linkcode DIALECTS} has them. */
function lines(name: "relay" | "chatroom", port: number, door: Omit<Door, "port" | "hello">) {
  const { hello, welcome, message, delivered } = DIALECTS[name]!;
  return {
    server: () => name,
    open: (_: number, on: Events) =>
      openStream(port, { splitter: new LineSplitter({ maxBytes: 65536 }), on }),
    hello,
    welcome,
    message,
    delivered,
    textBytes: 2000,
    window: 1000,
    fault: (random: Random) => misbehave({ ...door, port, hello }, random),
  };
}

/** The relay room at a port. */
export function relay(port: number): Manners {
  return {
    ...lines("relay", port, {
      noise: "BCST noise\nMESG nobody x\nLIST\nnothing\n",
      client: { args: ["relay", "127.0.0.1", `${port}`], types: "JOIN %\n", shows: "Connected" },
    }),
    message: (text, to) => to === undefined ? `BCST ${text}\n` : `MESG u${to} ${text}\n`,
    direct: "sometimes",
    bye: "QUIT\n",
  };
}

/** The chatroom at a TCP port. */
export function chatroom(port: number): Manners {
  const args = ["client", "--name", "%", "--port", `${port}`];
  return {
    ...lines("chatroom", port, {
      noise: "noise\njoin\n\n",
      client: { script: "chatroom.ts", args },
    }),
    direct: "never",
    bye: "exit\n",
  };
}

/** The channels at a port; a founder must have made them. */
export function channels(port: number): Manners {
  const { message, delivered, welcome } = DIALECTS["channels"]!;
  const go = (place: number) => frame(`/join c${place}`) + frame("/?");
  const hello = (i: number) => frame(`u${i}`) + go(0);
  const noise = frame("noise") + frame("/list") + frame("/join") + frame("/join nowhere");
  const args = ["channels", "%", "127.0.0.1", `${port}`];
  const door = { port, hello, noise, client: { args, types: "/list\n", shows: "c0" } };
  return {
    server: () => "channels",
    open: (_, on) => openStream(port, { splitter: new FixedSplitter(200), on }),
    hello,
    welcome,
    message,
    delivered,
    direct: "never",
    places: { count: CHANNELS, go },
    textBytes: 150,
    window: 1000,
    fault: (random) => misbehave(door, random),
  };
}

const CHANNELS = 3;

/** Makes the channels, which stay when their founder has left. */
export async function found(port: number): Promise<void> {
  using founder = await Peer.connect(port);
  await founder.send(frame("founder"));
  for (let place = 0; place < CHANNELS; place++) await founder.send(frame(`/create c${place}`));
  await founder.halfClose();
  await founder.rest();
}

/** Three overlay servers in a chain, by the ports of their clients and of each other. */
export function overlay(ports: readonly { udp: number; tcp: number }[]): Manners {
  const at = (i: number) => i % ports.length;
  const hello = (i: number) => `register u${i}`;
  return {
    server: (i) => `overlay ${at(i) + 1}`,
    open: (i, on) => Promise.resolve(openDatagrams(ports[at(i)]!.udp, { on })),
    hello,
    welcome: (i) => `welcome u${i}`,
    message: (text, to) => `sendto u${to} ${text}`,
    delivered: (text, from) => `recvfrom u${from} ${text}`,
    direct: "always",
    textBytes: 250,
    window: 60,
    fault: (random) => {
      const { udp, tcp } = random.pick(ports);
      const args = ["overlay", "-s", "127.0.0.1", "-p", `${udp}`, "-n", "%"];
      const client = { args, shows: "registered" };
      const door = { port: udp, hello, noise: "sendto nobody noise", client };
      if (random.below(2) === 0) return misbehaveDatagrams(door, random);
      // A server that is none.
      const passages = { hello: (i: number) => `u${i} to nobody: x\n`, noise: "a to b: noise\n" };
      return misbehave({ ...door, port: tcp, ...passages }, random);
    },
  };
}

/** The chatroom at a UDP port. */
export function chatroomDatagrams(port: number): Manners {
  const hello = (i: number) => `u${i}:join`;
  const args = ["client", "--udp", "--name", "%", "--port", `${port}`];
  const client = { script: "chatroom.ts", args };
  const door = { port, hello, noise: "noise", client, bye: "%:exit" };
  return {
    server: () => "chatroom UDP",
    open: (i, on) => Promise.resolve(openDatagrams(port, { bye: `u${i}:exit`, on })),
    hello,
    welcome: () => "Welcome",
    message: (text) => text,
    delivered: (text, from) => `u${from}:${text}`,
    direct: "never",
    textBytes: 250,
    window: 60,
    fault: (random) => misbehaveDatagrams(door, random),
  };
}
