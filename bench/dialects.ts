/**
 * How to talk to each kind of chat server under load: how a client introduces itself, and what it sends
 * so that every other client of its room gets it.
 *
 * @module
 */

/** One kind of server. Texts are what goes over the wire; `i` counts clients, the first one is 0. */
export interface Dialect {
  /** What client `i` sends first, to be in room `room`; the first `rooms` clients are one in each. */
  hello(i: number, room: number): string;
  /** What the server's answer to the hello contains once the client is in, if it answers at all. */
  welcome?: string;
  /** A message of client `i`, one of `clients`, with this text. */
  message(text: string, i: number, clients: number): string;
  /** What it is carried by. Default: tcp. */
  transport?: "udp";
  /** Set where a message has one receiver instead of the whole room. */
  direct?: true;
  /** The same hello and message in the templates of `fanout.c`, for one room. */
  templates?: readonly string[];
}

const frame = (text: string) => text.padEnd(200);

/** The kinds of servers that can be measured, by their names. */
export const DIALECTS: Readonly<Record<string, Dialect>> = {
  relay: {
    hello: (i) => `JOIN u${i}\n`,
    welcome: "Connected to server!",
    message: (text) => `BCST ${text}\n`,
    templates: ["-H", "JOIN u%i\\n", "-M", "BCST %m%x\\n"],
  },
  channels: {
    // Nothing is answered to a name or a join: a question that is answered stands behind them.
    hello: (i, room) =>
      [`u${i}`, `/${i === room ? "create" : "join"} x${room}`, "/?"].map(frame).join(""),
    welcome: "/? is not a valid",
    message: frame,
    templates: ["-P", "200", "-F", "u0|/create x", "-H", "u%i|/join x", "-M", "%m%x"],
  },
  // A name with a line end asks for lines: bare texts would be paced.
  chatroom: {
    hello: (i) => `u${i}\n`,
    welcome: "Welcome\n",
    message: (text) => `${text}\n`,
    templates: ["-H", "u%i\\n", "-M", "%m%x\\n"],
  },
  // Whatever one says, all the others get: the baseline, and ncat --broker.
  bytes: {
    hello: () => "",
    message: (text) => `${text}\n`,
    templates: ["-M", "%m%x\\n"],
  },
  "bytes in rooms": { hello: (_, room) => `${room}\n`, message: (text) => `${text}\n` },
  irc: {
    hello: (i) => `NICK u${i}\r\nUSER u${i} 0 * :u\r\nJOIN #x\r\n`,
    welcome: " 366 ",
    message: (text) => `PRIVMSG #x :${text}\r\n`,
    templates: [
      "-H",
      "NICK u%i\\r\\nUSER u%i 0 * :u\\r\\nJOIN #x\\r\\n",
      "-M",
      "PRIVMSG #x :%m%x\\r\\n",
    ],
  },
  // The clients are a circle: each one sends to the next.
  overlay: {
    transport: "udp",
    direct: true,
    hello: (i) => `register u${i}`,
    welcome: "welcome",
    message: (text, i, clients) => `sendto u${(i + 1) % clients} ${text}`,
  },
  "chatroom-udp": {
    transport: "udp",
    hello: (i) => `u${i}:join`,
    welcome: "Welcome",
    message: (text, i) => `u${i}:${text}`,
  },
};
