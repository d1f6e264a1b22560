/**
 * Terminals drawn as SVG, for the pages that show a session.
 *
 * @module
 */

import { escaped, svg } from "./svg.ts";

/** A part of a row in one colour. */
export interface Span {
  /** What it says. */
  readonly text: string;
  /** A colour of SVG. Default: that of all output. */
  readonly colour?: string;
}

/** What one terminal shows. */
export interface Window {
  /** Stands in its title bar. */
  readonly title: string;
  /** The command that was typed first. */
  readonly command: string;
  /** The rows below it. */
  readonly rows: readonly (readonly Span[])[];
}

/** What a person typed. */
export const TYPED = "#ffd479";
const COMMAND = "#8fb573";
const LINE = 20;
const MARGIN = 16;
const BAR = 34;
const STYLE = `
  text { font: 14px "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; fill: #dfe5ec; }
  .title { fill: #c8d0da; }
  .window { fill: var(--screen); stroke: var(--edge); }
`;

/** Draws rows of windows, those of a row side by side, on a ground that is `width` pixels wide. */
export function draw(
  rows: readonly (readonly Window[])[],
  { width, title }: { width: number; title: string },
): string {
  let y = MARGIN;
  const windows: string[] = [];
  for (const row of rows) {
    const each = (width - MARGIN) / row.length - MARGIN;
    const height = Math.max(...row.map(heightOf));
    row.forEach((window, i) => {
      windows.push(drawWindow(window, { x: MARGIN + i * (each + MARGIN), y, width: each, height }));
    });
    y += height + MARGIN;
  }
  return svg({ title, width, height: y, style: STYLE, ground: "desk" }, windows);
}

function heightOf({ rows }: Window): number {
  return BAR + MARGIN * 1.5 + (rows.length + 1) * LINE;
}

function drawWindow(
  { title, command, rows }: Window,
  { x, y, width, height }: { x: number; y: number; width: number; height: number },
): string {
  const all = [[{ text: `$ ${command}`, colour: COMMAND }], ...rows];
  const texts = all.map((row, i) => {
    const top = y + BAR + MARGIN + (i + 0.5) * LINE;
    return `<text x="${x + MARGIN}" y="${top}">${row.map(drawSpan).join("")}</text>`;
  });
  return [
    `<rect class="window" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/>`,
    `<path class="stroke-edge" d="M${x} ${y + BAR} h${width}"/>`,
    `<text class="title" x="${x + MARGIN}" y="${y + 22}">${title}</text>`,
    ...texts,
  ].join("\n");
}

function drawSpan({ text, colour }: Span): string {
  return colour ? `<tspan style="fill: ${colour}">${escaped(text)}</tspan>` : escaped(text);
}
