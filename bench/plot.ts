/**
 * A bar chart as SVG.
 *
 * @module
 */

import { escaped, svg } from "../tools/svg.ts";

/** One bar; bars of the same group stand together. */
export interface Bar {
  /** What the group is called. */
  readonly group: string;
  /** What the bar is called; the same name has the same colour everywhere. */
  readonly name: string;
  /** Its length. */
  readonly value: number;
}

const WIDTH = 860;
const LEFT = 150;
const BAR = 15;
/** A colour for each server, that can be read on light and on dark ground, and is no other's. */
const COLOURS: Readonly<Record<string, string>> = {
  "C relay": "#8b949e",
  "bytes in Deno": "#6b7f99",
  "datagrams in Deno": "#9a8f6b",
  relay: "#3b82f6",
  channels: "#10a37f",
  chatroom: "#d97706",
  overlay: "#9333ea",
  "ncat --broker": "#dc2626",
  ngircd: "#db5a9c",
};

/** Draws the bars from left to right, each group with a heading, on a scale of its own. */
export function plot(bars: readonly Bar[], title: string): string {
  const note = "each group has a scale of its own; a colour is one server in all of them";
  const parts = [
    text({ x: 10, y: 22, size: 15, bold: true }, title),
    text({ x: 10, y: 40, size: 12 }, note),
  ];
  let y = 52;
  for (const group of new Set(bars.map((bar) => bar.group))) {
    const members = bars.filter((bar) => bar.group === group);
    const longest = Math.max(...members.map((bar) => bar.value));
    y += 20;
    parts.push(text({ x: 10, y, size: 12, bold: true }, group));
    y += 6;
    for (const { name, value } of members) {
      const width = Math.max(1, (value / longest) * (WIDTH - LEFT - 110));
      const colour = COLOURS[name] ?? "#808a94";
      const box = `x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}"`;
      parts.push(text({ x: 20, y: y + 10, size: 11 }, name), `<rect ${box} fill="${colour}"/>`);
      const figure = Math.round(value).toLocaleString("en");
      parts.push(text({ x: LEFT + width + 6, y: y + 10, size: 11 }, figure));
      y += BAR;
    }
  }
  const style = "\n  text { font-family: sans-serif; }\n";
  return svg({ title: `${title}: ${note}`, width: WIDTH, height: y + 12, style }, parts);
}

function text(
  { x, y, size, bold = false }: { x: number; y: number; size: number; bold?: boolean },
  content: string,
): string {
  const weight = bold ? ' font-weight="bold"' : "";
  const at = `x="${x.toFixed(1)}" y="${y}"`;
  return `<text ${at} font-size="${size}"${weight}>${escaped(content)}</text>`;
}
