/**
 * Draws the state diagrams of the bridge client that the document's Part 0 asks for. In
 * `docs/bridge-plain.svg` stand the document's own states; `docs/bridge-states.svg` is the whole table
 * that the client runs on. Where things stand is said here; what there is to draw, the table says, and
 * what finds no place is an error.
 *
 * Run it with `deno run --allow-write=docs tools/state_diagram.ts` after a change of the table.
 *
 * @module
 */

import { escaped, svg } from "./svg.ts";
import { type Action, type State, TABLE, type Transition, type Trigger } from "../client.ts";

/** Left, top, width and height. */
type Box = readonly [x: number, y: number, width: number, height: number];
type Point = readonly [x: number, y: number];

const WIDTH = 1180;
const HEIGHT = 940;
const LINE = 20;

const BOXES: Readonly<Record<Exclude<State, "END">, Box>> = {
  IDLE: [40, 100, 150, 44],
  REGISTERING: [40, 230, 240, 66],
  REGISTERED: [40, 390, 160, 44],
  BRIDGING: [400, 235, 270, 90],
  WAIT: [780, 110, 130, 44],
  BRIDGED: [760, 350, 210, 66],
  CALLING: [720, 480, 260, 90],
  "CHAT reading": [280, 735, 270, 66],
  "CHAT writing": [640, 735, 270, 66],
};
const END: Point = [1120, 790];
const END_RADIUS = 18;

/** States that share transitions: these are drawn once, from the frame around the states. */
interface Frame {
  readonly title: string;
  readonly box: Box;
  readonly states: readonly State[];
  readonly shared: readonly Trigger[];
}

const FRAMES: readonly Frame[] = [
  {
    title: "outside a chat",
    box: [16, 56, 1010, 522],
    states: ["IDLE", "REGISTERING", "REGISTERED", "BRIDGING", "WAIT", "BRIDGED", "CALLING"],
    shared: ["/quit"],
  },
  {
    title: "CHAT",
    box: [16, 650, 954, 220],
    states: ["CHAT writing", "CHAT reading"],
    shared: ["/quit", "QUIT or FIN", "second CHAT"],
  },
  {
    title: "in turns",
    box: [250, 690, 690, 160],
    states: ["CHAT writing", "CHAT reading"],
    shared: ["CHAT crosses", "busy"],
  },
];

/** The way of an arrow, and where its label stands: beside a point, before, behind or around it. */
interface Route {
  readonly points: readonly Point[];
  readonly label: Point;
  readonly anchor?: "start" | "end";
}

const ROUTES: Readonly<Record<string, Route>> = {
  "IDLE > REGISTERING": { points: [[115, 144], [115, 230]], label: [125, 182], anchor: "start" },
  "REGISTERING > REGISTERED": {
    points: [[115, 296], [115, 390]],
    label: [125, 338],
    anchor: "start",
  },
  "REGISTERED > BRIDGING": {
    points: [[200, 412], [330, 412], [330, 280], [400, 280]],
    label: [212, 434],
    anchor: "start",
  },
  "BRIDGING > WAIT": { points: [[470, 235], [470, 122], [780, 122]], label: [625, 92] },
  "WAIT > BRIDGING": { points: [[780, 144], [600, 144], [600, 235]], label: [690, 166] },
  "BRIDGING > BRIDGED": { points: [[470, 325], [470, 400], [760, 400]], label: [600, 420] },
  "BRIDGED > BRIDGING": { points: [[760, 366], [640, 366], [640, 325]], label: [700, 336] },
  "BRIDGED > CALLING": { points: [[865, 416], [865, 480]], label: [855, 442], anchor: "end" },
  "CALLING > CHAT writing": {
    points: [[800, 570], [800, 735]],
    label: [810, 598],
    anchor: "start",
  },
  "WAIT > CHAT reading": {
    points: [[910, 132], [1000, 132], [1000, 628], [440, 628], [440, 735]],
    label: [455, 600],
    anchor: "start",
  },
  "CHAT reading > CHAT writing": { points: [[550, 752], [640, 752]], label: [595, 705] },
  "CHAT writing > CHAT reading": { points: [[640, 784], [550, 784]], label: [595, 818] },
  "in turns > CHAT reading": {
    points: [[250, 830], [215, 830], [215, 768], [280, 768]],
    label: [205, 795],
    anchor: "end",
  },
  "in turns > BRIDGED": {
    points: [[940, 740], [1044, 740], [1044, 383], [970, 383]],
    label: [1054, 560],
    anchor: "start",
  },
  "outside a chat > END": {
    points: [[1026, 80], [1120, 80], [1120, 772]],
    label: [1110, 200],
    anchor: "end",
  },
  "CHAT > END": { points: [[970, 790], [1102, 790]], label: [1036, 812] },
};

type Arrow = [trigger: Trigger, transition: Transition];

function arrows(state: State): Arrow[] {
  return Object.entries(TABLE[state]) as Arrow[];
}

/** The transitions that a frame draws; throws when its states do not share them after all. */
function common({ title, states, shared }: Frame): Arrow[] {
  return shared.map((trigger) => {
    const rows = states.map((state) => ({ state, transition: TABLE[state][trigger] }));
    const first = rows[0]!.transition;
    const alike = rows.every(({ transition }) => transition?.[0] === first?.[0]) &&
      (rows.every(({ transition }) => transition?.[1] === first?.[1]) ||
        rows.every(({ state, transition }) => transition?.[1] === state));
    if (!first || !alike) throw new Error(`${title} do not share ${trigger}`);
    return [trigger, first];
  });
}

/** The whole drawing, from the table; throws when the table holds what has no place in it. */
export function drawStates(): string {
  const drawn = new Set<string>();
  const parts: string[] = [];
  for (const each of FRAMES) {
    const { title, states } = each;
    const all = common(each);
    // What leaves every state of the frame where it is stands beside the title.
    const staying = all.filter(([trigger]) =>
      states.every((state) => TABLE[state][trigger]![1] === state)
    );
    for (const [trigger] of all) states.forEach((state) => drawn.add(`${state} ${trigger}`));
    parts.push(frame(each, staying));
    parts.push(...routes(title, all.filter((arrow) => !staying.includes(arrow))));
  }
  for (const [state, box] of Object.entries(BOXES) as [State, Box][]) {
    const own = arrows(state).filter(([trigger]) => !drawn.has(`${state} ${trigger}`));
    const inside = own.filter((arrow) => isInside(state, arrow));
    parts.push(...routes(state, own.filter((arrow) => !inside.includes(arrow))));
    parts.push(stateBox(state, box, inside));
  }
  return document(parts);
}

/** Whether an arrow is a line in its state's box: it leads back, or is one that WAIT shows. */
function isInside(state: State, [trigger, [, to]]: Arrow): boolean {
  return to === state || to === "back" || (trigger === "CHAT comes" && state !== "WAIT");
}

/** One arrow for each state that `arrows` lead to. */
function routes(from: string, arrows: readonly Arrow[]): string[] {
  return [...Map.groupBy(arrows, ([, transition]) => transition[1])].map(([to, group]) => {
    const route = ROUTES[`${from} > ${to}`];
    if (!route) throw new Error(`no route from ${from} to ${to}`);
    const path = route.points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x} ${y}`).join(" ");
    const lines = group.flatMap(([trigger, [action]]) => [trigger, action]);
    const [x, y] = route.label;
    const label = lines.map((line, i) =>
      text(line, [x, y + i * LINE], {
        class: i % 2 === 0 ? "event" : "action",
        anchor: route.anchor ?? "middle",
      })
    );
    return `<path class="arrow" d="${path}"/>\n${label.join("\n")}`;
  });
}

function frame(
  { title, box: [x, y, width, height] }: Frame,
  staying: readonly Arrow[],
): string {
  const inside = staying.map(([trigger, [action]]) => `${trigger} / ${action}`);
  const heading = [title, ...inside].join(" · ");
  return `<rect class="frame" x="${x}" y="${y}" width="${width}" height="${height}" rx="14"/>\n` +
    text(heading, [x + 16, y + 21], { class: "title", anchor: "start" });
}

function stateBox(state: State, [x, y, width, height]: Box, inside: readonly Arrow[]): string {
  const lines = inside.map(([trigger, [action, to]]) => [trigger, action, to] as const)
    .map(internal);
  const top = y + (height - (lines.length + 1) * LINE) / 2 + 13;
  const middle = x + width / 2;
  return [
    `<rect class="state" x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/>`,
    text(state, [middle, top], { class: "name", anchor: "middle" }),
    ...lines.map((line, i) =>
      text(line, [middle, top + (i + 1) * LINE], { class: "inside", anchor: "middle" })
    ),
  ].join("\n");
}

function internal([trigger, action, to]: readonly [Trigger, Action, State | "back"]): string {
  if (trigger === "CHAT comes") return `${trigger}: as in WAIT`;
  return `${trigger} / ${action}${to === "back" ? ", back" : ""}`;
}

function text(
  content: string,
  [x, y]: Point,
  { class: name, anchor }: { class: string; anchor: string },
): string {
  const at = `x="${x}" y="${y}" text-anchor="${anchor}"`;
  return `<text class="${name}" ${at}>${escaped(content)}</text>`;
}

const STYLE = `
  text { font: 15px "DejaVu Sans", Verdana, sans-serif; }
  .event { font-weight: bold; }
  .action, .inside, .note { font-style: italic; fill: var(--soft); }
  .name { font-size: 16px; font-weight: bold; }
  .title { fill: var(--soft); }
  .heading { font-size: 18px; font-weight: bold; }
  .state { fill: var(--box); stroke: var(--line); stroke-width: 1.5; }
  .frame { fill: none; stroke: var(--rim); stroke-dasharray: 6 5; }
  .arrow { fill: none; stroke: var(--line); stroke-width: 1.5; marker-end: url(#head); }
`;
const ARROW_HEAD =
  `<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path class="fill-line" d="M0 0L10 5L0 10z"/></marker></defs>`;

function endMark([x, y]: Point, radius: number): string {
  return `<circle cx="${x}" cy="${y}" r="${radius}" class="stroke-text" fill="none" stroke-width="1.5"/>\n` +
    `<circle cx="${x}" cy="${y}" r="${radius - 6}" class="fill-text"/>`;
}

function document(parts: readonly string[]): string {
  const [endX, endY] = END;
  const notes = [
    "bold: what happens; italic: what the client does; back: to the state in which it was asked. CHAT comes in BRIDGING only from WAIT on.",
    "/quit stands for Control-C and the end of the input, too. What is not drawn changes nothing.",
  ];
  const title = "Bridge client: states, events and actions";
  return svg({ title, width: WIDTH, height: HEIGHT, style: STYLE }, [
    ARROW_HEAD,
    text(title, [20, 34], { class: "heading", anchor: "start" }),
    `<circle cx="290" cy="122" r="8" class="fill-text"/>`,
    `<path class="arrow" d="M282 122 L190 122"/>`,
    ...parts,
    endMark(END, END_RADIUS),
    text("END", [endX, endY + 38], { class: "name", anchor: "middle" }),
    ...notes.map((note, i) => text(note, [20, 900 + i * LINE], { class: "note", anchor: "start" })),
  ]);
}

// ---- the document's own states ----

type Plain = Exclude<State, "REGISTERING" | "BRIDGING" | "CALLING" | "END">;

const PLAIN_BOXES: Readonly<Record<Plain, Box>> = {
  IDLE: [40, 70, 130, 46],
  REGISTERED: [330, 70, 150, 46],
  BRIDGED: [650, 70, 150, 46],
  WAIT: [330, 215, 150, 46],
  "CHAT reading": [330, 370, 150, 46],
  "CHAT writing": [650, 370, 150, 46],
};

/** An arrow between two of these states, and the way through the table that it stands for. */
interface PlainArrow extends Route {
  readonly from: Plain;
  readonly through: readonly Trigger[];
  readonly says: readonly [event: string, ...actions: string[]];
}

/** All arrows of the plain diagram but those to the end. */
export const PLAIN: readonly PlainArrow[] = [
  {
    from: "IDLE",
    through: ["/register", "REGACK"],
    says: ["/register", "REGISTER, REGACK"],
    points: [[170, 93], [330, 93]],
    label: [250, 60],
  },
  {
    from: "REGISTERED",
    through: ["/bridge", "BRIDGEACK, a peer"],
    says: ["/bridge", "BRIDGE, a peer"],
    points: [[480, 93], [650, 93]],
    label: [565, 60],
  },
  {
    from: "REGISTERED",
    through: ["/bridge", "BRIDGEACK, empty"],
    says: ["/bridge", "BRIDGE, nobody there"],
    points: [[405, 116], [405, 215]],
    label: [415, 160],
    anchor: "start",
  },
  {
    from: "WAIT",
    through: ["CHAT comes"],
    says: ["CHAT comes", "show who calls"],
    points: [[405, 261], [405, 370]],
    label: [415, 311],
    anchor: "start",
  },
  {
    from: "BRIDGED",
    through: ["/chat", "connected"],
    says: ["/chat", "connect, send CHAT"],
    points: [[725, 116], [725, 370]],
    label: [715, 240],
    anchor: "end",
  },
  {
    from: "CHAT reading",
    through: ["line received"],
    says: ["a line comes", "show it"],
    points: [[480, 383], [650, 383]],
    label: [565, 357],
  },
  {
    from: "CHAT writing",
    through: ["line typed"],
    says: ["a line is typed", "send it"],
    points: [[650, 403], [480, 403]],
    label: [565, 422],
  },
];
const PLAIN_END: Point = [105, 393];

/** The plain drawing; throws when the table does not lead where an arrow does. */
export function drawPlain(): string {
  const boxes = Object.entries(PLAIN_BOXES) as [State, Box][];
  const ways = PLAIN.map(({ from, through, says, points, label: [x, y], anchor = "middle" }) => {
    const end = through.reduce<State>((state, trigger) => {
      const to = TABLE[state][trigger]?.[1];
      if (to === undefined || to === "back") throw new Error(`${state} has no way by ${trigger}`);
      return to;
    }, from);
    const [last, [left, top, width, height]] = [points.at(-1)!, PLAIN_BOXES[end as Plain]];
    const meets = last[0] >= left && last[0] <= left + width && last[1] >= top &&
      last[1] <= top + height;
    if (!meets) throw new Error(`the arrow from ${from} does not lead to ${end}`);
    const path = points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${px} ${py}`).join(" ");
    const lines = says.map((line, i) =>
      text(line, [x, y + i * LINE], { class: i === 0 ? "event" : "action", anchor })
    );
    return `<path class="arrow" d="${path}"/>\n${lines.join("\n")}`;
  });
  const [endX, endY] = PLAIN_END;
  const title = "Bridge client: the document's states";
  return svg({ title, width: 860, height: 480, style: STYLE }, [
    ARROW_HEAD,
    text(title, [20, 34], { class: "heading", anchor: "start" }),
    ...ways,
    `<path class="arrow" d="M330 393 L125 393"/>`,
    text("/quit, QUIT or FIN", [228, 368], { class: "event", anchor: "middle" }),
    text("close", [228, 385], { class: "action", anchor: "middle" }),
    endMark(PLAIN_END, END_RADIUS),
    text("END", [endX, endY + 38], { class: "name", anchor: "middle" }),
    ...boxes.map(([state, box]) => stateBox(state, box, [])),
    text("From CHAT writing, too; /quit and Control-C lead to END from every state.", [20, 464], {
      class: "note",
      anchor: "start",
    }),
  ]);
}

if (import.meta.main) {
  const docs = new URL("../docs/", import.meta.url);
  await Deno.writeTextFile(new URL("bridge-states.svg", docs), drawStates());
  await Deno.writeTextFile(new URL("bridge-plain.svg", docs), drawPlain());
}
