/**
 * A bar chart as SVG.
 *
 * @module
 */

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
const COLOURS = ["#6b7280", "#2563eb", "#059669", "#d97706", "#9333ea", "#dc2626", "#0891b2"];

/** Draws the bars from left to right, each group with a heading, on a scale of its own. */
export function plot(bars: readonly Bar[], title: string): string {
  const names = [...new Set(bars.map((bar) => bar.name))];
  const parts: string[] = [text({ x: 10, y: 22, size: 15, bold: true }, title)];
  let y = 36;
  for (const group of new Set(bars.map((bar) => bar.group))) {
    const members = bars.filter((bar) => bar.group === group);
    const longest = Math.max(...members.map((bar) => bar.value));
    y += 20;
    parts.push(text({ x: 10, y, size: 12, bold: true }, group));
    y += 6;
    for (const { name, value } of members) {
      const width = Math.max(1, (value / longest) * (WIDTH - LEFT - 110));
      const colour = COLOURS[names.indexOf(name) % COLOURS.length]!;
      const box = `x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}"`;
      parts.push(text({ x: 20, y: y + 10, size: 11 }, name), `<rect ${box} fill="${colour}"/>`);
      const figure = Math.round(value).toLocaleString("en");
      parts.push(text({ x: LEFT + width + 6, y: y + 10, size: 11 }, figure));
      y += BAR;
    }
  }
  const height = y + 12;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function text(
  { x, y, size, bold = false }: { x: number; y: number; size: number; bold?: boolean },
  content: string,
): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const weight = bold ? ' font-weight="bold"' : "";
  return `<text x="${
    x.toFixed(1)
  }" y="${y}" font-size="${size}"${weight} fill="#111827">${escaped}</text>`;
}
