/**
 * Which suites there are.
 *
 * @module
 */

import type { Suite } from "./case.ts";

/** The suites of each protocol, loaded when they are asked for. */
export const SUITES: Readonly<Record<string, () => Promise<readonly Suite[]>>> = {
  relay: async () => [
    (await import("./relay_server.ts")).RELAY_SERVER,
    (await import("./relay_client.ts")).RELAY_CLIENT,
    (await import("./relay_pair.ts")).RELAY_PAIR,
  ],
  channels: async () => [
    (await import("./channels_server.ts")).CHANNELS_SERVER,
    (await import("./channels_client.ts")).CHANNELS_CLIENT,
    (await import("./channels_pair.ts")).CHANNELS_PAIR,
  ],
  bridge: async () => [
    (await import("./bridge_server.ts")).BRIDGE_SERVER,
    (await import("./bridge_client.ts")).BRIDGE_CLIENT,
  ],
  overlay: async () => [
    (await import("./overlay_server.ts")).OVERLAY_SERVER,
    (await import("./overlay_client.ts")).OVERLAY_CLIENT,
    (await import("./overlay_pair.ts")).OVERLAY_PAIR,
  ],
  chatroom: async () => [
    (await import("./chatroom_tcp_server.ts")).CHATROOM_TCP_SERVER,
    (await import("./chatroom_tcp_client.ts")).CHATROOM_TCP_CLIENT,
    (await import("./chatroom_udp_server.ts")).CHATROOM_UDP_SERVER,
    (await import("./chatroom_udp_client.ts")).CHATROOM_UDP_CLIENT,
    (await import("./chatroom_classes.ts")).CHATROOM_CLASSES,
  ],
};
