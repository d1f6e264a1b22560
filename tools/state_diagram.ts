/**
 * Draws `docs/bridge-states.svg`, the state diagram of the bridge client that the document's Part 0 asks
 * for, from the table that the client runs on. Where things stand is said here; what there is to draw,
 * the table says, and what finds no place is an error.
 *
 * Run it with `deno run --allow-write=docs tools/state_diagram.ts` after a change of the table.
 *
 * @module
 */

import { type Action, type State, TABLE, type Transition, type Trigger } from "../client.ts";

/** Left, top, width and height. */
type Box = readonly [x: number, y: number, width: number, height: number];
type Point = readonly [x: number, y: number];

const WIDTH = 1400;
const HEIGHT = 960;
const LINE = 17;

const BOXES: Readonly<Record<Exclude<State, "END">, Box>> = {
  IDLE: [50, 120, 170, 44],
  REGISTERING: [50, 250, 230, 62],
  REGISTERED: [50, 400, 170, 44],
  BRIDGING: [500, 240, 230, 62],
  WAIT: [880, 145, 150, 44],
  BRIDGED: [880, 345, 150, 44],
  CALLING: [840, 460, 230, 62],
  "CHAT reading": [340, 735, 240, 62],
  "CHAT writing": [820, 735, 240, 62],
};
const END: Point = [1320, 820];
const END_RADIUS = 18;

/** States that share transitions: these are drawn once, from the frame around the states. */
interface Frame {
  readonly title: string;
  readonly note?: string;
  readonly box: Box;
  readonly states: readonly State[];
  readonly shared: readonly Trigger[];
}

const FRAMES: readonly Frame[] = [
  {
    title: "outside a chat",
    box: [20, 60, 1200, 510],
    states: ["IDLE", "REGISTERING", "REGISTERED", "BRIDGING", "WAIT", "BRIDGED", "CALLING"],
    shared: ["/quit"],
  },
  {
    title: "takes calls",
    note: "BRIDGING: only when it was asked before",
    box: [470, 90, 720, 460],
    states: ["BRIDGING", "WAIT", "BRIDGED", "CALLING"],
    shared: ["CHAT comes"],
  },
  {
    title: "CHAT",
    box: [60, 640, 1060, 240],
    states: ["CHAT writing", "CHAT reading"],
    shared: ["/quit", "QUIT or FIN", "second CHAT"],
  },
  {
    title: "in turns",
    box: [310, 690, 780, 160],
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
  "IDLE > REGISTERING": { points: [[135, 164], [135, 250]], label: [145, 203], anchor: "start" },
  "REGISTERING > REGISTERED": {
    points: [[135, 312], [135, 400]],
    label: [145, 352],
    anchor: "start",
  },
  "REGISTERED > BRIDGING": {
    points: [[220, 422], [350, 422], [350, 271], [500, 271]],
    label: [360, 345],
    anchor: "start",
  },
  "BRIDGING > WAIT": { points: [[560, 240], [560, 157], [880, 157]], label: [720, 134] },
  "WAIT > BRIDGING": { points: [[880, 177], [670, 177], [670, 240]], label: [775, 195] },
  "BRIDGING > BRIDGED": { points: [[560, 302], [560, 377], [880, 377]], label: [720, 395] },
  "BRIDGED > BRIDGING": { points: [[880, 357], [670, 357], [670, 302]], label: [775, 334] },
  "BRIDGED > CALLING": { points: [[955, 389], [955, 460]], label: [965, 421], anchor: "start" },
  "CALLING > CHAT writing": {
    points: [[955, 522], [955, 735]],
    label: [965, 605],
    anchor: "start",
  },
  "takes calls > CHAT reading": {
    points: [[540, 550], [540, 735]],
    label: [550, 605],
    anchor: "start",
  },
  "CHAT reading > CHAT writing": { points: [[580, 755], [820, 755]], label: [700, 732] },
  "CHAT writing > CHAT reading": { points: [[820, 777], [580, 777]], label: [700, 795] },
  "in turns > CHAT reading": {
    points: [[310, 815], [275, 815], [275, 766], [340, 766]],
    label: [265, 787],
    anchor: "end",
  },
  "in turns > BRIDGED": {
    points: [[1090, 760], [1150, 760], [1150, 367], [1030, 367]],
    label: [1140, 640],
    anchor: "end",
  },
  "outside a chat > END": {
    points: [[1220, 315], [1320, 315], [1320, 802]],
    label: [1310, 480],
    anchor: "end",
  },
  "CHAT > END": { points: [[1120, 820], [1302, 820]], label: [1210, 760] },
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
    const inside = own.filter(([, [, to]]) => to === state || to === "back");
    parts.push(...routes(state, own.filter((arrow) => !inside.includes(arrow))));
    parts.push(stateBox(state, box, inside));
  }
  return document(parts);
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
  { title, note, box: [x, y, width, height] }: Frame,
  staying: readonly Arrow[],
): string {
  const inside = staying.map(([trigger, [action]]) => `${trigger} / ${action}`);
  const heading = [title, ...note ? [note] : [], ...inside].join(" · ");
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
  return `${trigger} / ${action}${to === "back" ? " ↩" : ""}`;
}

function text(
  content: string,
  [x, y]: Point,
  { class: name, anchor }: { class: string; anchor: string },
): string {
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text class="${name}" x="${x}" y="${y}" text-anchor="${anchor}">${safe}</text>`;
}

const STYLE = `
  text { font: 13px "DejaVu Sans", Verdana, sans-serif; fill: #1c2733; }
  .event { font-weight: bold; }
  .action, .inside, .note { font-style: italic; fill: #44566b; }
  .name { font-size: 15px; font-weight: bold; }
  .title { fill: #5b6b7d; }
  .heading { font-size: 18px; font-weight: bold; }
  .state { fill: #eaf2fd; stroke: #2f5d9b; stroke-width: 1.5; }
  .frame { fill: none; stroke: #93a1b1; stroke-dasharray: 6 5; }
  .arrow { fill: none; stroke: #2f5d9b; stroke-width: 1.5; marker-end: url(#head); }
`;

function document(parts: readonly string[]): string {
  const [endX, endY] = END;
  const notes = [
    "bold: what happens; italic: what the client does. ↩ back to the state that it was asked in.",
    "/quit stands for Control-C and the end of the input, too. What is not drawn changes nothing.",
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">`,
    `<style>${STYLE}</style>`,
    `<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L10 5L0 10z" fill="#2f5d9b"/></marker></defs>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text("Bridge client: states, events and actions", [20, 34], {
      class: "heading",
      anchor: "start",
    }),
    `<circle cx="320" cy="142" r="8" fill="#1c2733"/>`,
    `<path class="arrow" d="M312 142 L220 142"/>`,
    ...parts,
    `<circle cx="${endX}" cy="${endY}" r="${END_RADIUS}" fill="none" stroke="#1c2733" stroke-width="1.5"/>`,
    `<circle cx="${endX}" cy="${endY}" r="${END_RADIUS - 6}" fill="#1c2733"/>`,
    text("END", [endX, endY + 38], { class: "name", anchor: "middle" }),
    ...notes.map((note, i) => text(note, [20, 920 + i * LINE], { class: "note", anchor: "start" })),
    "</svg>\n",
  ].join("\n");
}

if (import.meta.main) {
  await Deno.writeTextFile(new URL("../docs/bridge-states.svg", import.meta.url), drawStates());
}
