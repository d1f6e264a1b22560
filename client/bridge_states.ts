/**
 * The bridge client (CSE 150, "Let's Chat!", Part 0) as a state machine: the table that the client runs
 * on, and that `docs/bridge-states.svg` is drawn from.
 *
 * @module
 */

/** Where a client stands. The three CHAT states are the document's CHAT mode. */
export type State =
  | "IDLE"
  | "REGISTERING"
  | "REGISTERED"
  | "BRIDGING"
  | "WAIT"
  | "BRIDGED"
  | "CALLING"
  | "CHAT writing"
  | "CHAT reading"
  | "CHAT duplex"
  | "END";

/** What happens to a client. `/quit` stands for Control-C and the end of the input, too. */
export type Trigger =
  | "/register"
  | "/bridge"
  | "/chat"
  | "/quit"
  | "line typed"
  | "REGACK"
  | "BRIDGEACK, empty"
  | "BRIDGEACK, a peer"
  | "no answer"
  | "connected"
  | "CHAT comes"
  | "CHAT crosses"
  | "second CHAT"
  | "both want duplex"
  | "line received"
  | "QUIT or FIN";

/** What a client does about it. */
export type Action =
  | "send REGISTER"
  | "send BRIDGE"
  | "connect to the peer"
  | "send CHAT"
  | "go on"
  | "say why"
  | "take calls"
  | "keep the contact"
  | "show the request"
  | "take that call instead"
  | "turn it away"
  | "send the line"
  | "keep it for our turn"
  | "show the line"
  | "lift the turns"
  | "send QUIT, close"
  | "close";

/** One arrow of the diagram. */
export interface Transition {
  /** What is done on the way. */
  readonly action: Action;
  /** The state after it; `back` is the state in which what was under way had begun. */
  readonly to: State | "back";
}

/** The arrows that leave one state, by what sets them off. */
export type Row = { readonly [trigger in Trigger]?: Transition };

const to = (action: Action, to: State | "back"): Transition => ({ action, to });

const LEAVE: Row = { "/quit": to("close", "END") };
const ANSWERED_NOT: Row = { "no answer": to("say why", "back") };
const CALLED: Row = { "CHAT comes": to("show the request", "CHAT reading") };

/** What is the same in every state of a chat, which `state` is one of. */
function chatting(state: State): Row {
  return {
    "second CHAT": to("turn it away", state),
    "/quit": to("send QUIT, close", "END"),
    "QUIT or FIN": to("close", "END"),
  };
}

const CROSSED: Row = {
  // Both have called at once: of the two calls, both keep the one of the client that sorts first.
  "CHAT crosses": to("take that call instead", "CHAT reading"),
  "both want duplex": to("lift the turns", "CHAT duplex"),
};

/** The machine. What is not in a state's row changes nothing there. */
export const TABLE: Readonly<Record<State, Row>> = {
  IDLE: { "/register": to("send REGISTER", "REGISTERING"), ...LEAVE },
  REGISTERING: { REGACK: to("go on", "REGISTERED"), ...ANSWERED_NOT, ...LEAVE },
  REGISTERED: { "/bridge": to("send BRIDGE", "BRIDGING"), ...LEAVE },
  BRIDGING: {
    "BRIDGEACK, empty": to("take calls", "WAIT"),
    "BRIDGEACK, a peer": to("keep the contact", "BRIDGED"),
    ...ANSWERED_NOT,
    ...CALLED,
    ...LEAVE,
  },
  WAIT: { "/bridge": to("send BRIDGE", "BRIDGING"), ...CALLED, ...LEAVE },
  BRIDGED: {
    "/chat": to("connect to the peer", "CALLING"),
    // The peer may be gone, and somebody else there.
    "/bridge": to("send BRIDGE", "BRIDGING"),
    ...CALLED,
    ...LEAVE,
  },
  CALLING: {
    connected: to("send CHAT", "CHAT writing"),
    ...ANSWERED_NOT,
    ...CALLED,
    ...LEAVE,
  },
  "CHAT writing": {
    "line typed": to("send the line", "CHAT reading"),
    // Out of turn, or the peer's last word before it leaves: messages are shown as they arrive.
    "line received": to("show the line", "CHAT writing"),
    ...CROSSED,
    ...chatting("CHAT writing"),
  },
  "CHAT reading": {
    "line received": to("show the line", "CHAT writing"),
    "line typed": to("keep it for our turn", "CHAT reading"),
    ...CROSSED,
    ...chatting("CHAT reading"),
  },
  "CHAT duplex": {
    "line typed": to("send the line", "CHAT duplex"),
    "line received": to("show the line", "CHAT duplex"),
    ...chatting("CHAT duplex"),
  },
  END: {},
};

/** Whether an answer is awaited in this state: what is typed waits until it is there. */
export function isPending(state: State): boolean {
  return state === "REGISTERING" || state === "BRIDGING" || state === "CALLING";
}

/** Whether this is the document's CHAT mode. */
export function isChat(state: State): boolean {
  return state.startsWith("CHAT ");
}

/** The machine's memory: the state, and the one to go back to. */
export interface Position {
  /** Where the client stands. */
  readonly state: State;
  /** Where it stood before what is under way. */
  readonly before: State;
}

/** Where every client begins. */
export const START: Position = { state: "IDLE", before: "IDLE" };

/** Takes one step; undefined when the trigger means nothing in this state. */
export function step(
  { state, before }: Position,
  trigger: Trigger,
): { position: Position; action: Action } | undefined {
  const transition = TABLE[state][trigger];
  if (!transition) return undefined;
  const { action, to } = transition;
  if (to !== "back") return { position: { state: to, before: state }, action };
  return { position: { state: before, before }, action };
}
