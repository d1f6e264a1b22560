/**
 * What every drawing of this project has: a title that is read aloud, and colours for light and for dark
 * ground, whichever the reader's system prefers.
 *
 * @module
 */

/** The colours of a drawing by their roles; written `var(--NAME)` in a style, and
 * `fill-NAME` or `stroke-NAME` as a class. */
const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  ground: ["#ffffff", "#0d1117"],
  text: ["#1c2733", "#e6edf3"],
  soft: ["#44566b", "#a9b6c4"],
  line: ["#2f5d9b", "#79aef2"],
  box: ["#eaf2fd", "#15273f"],
  rim: ["#93a1b1", "#5c6b7c"],
  // Terminals are dark on either ground; their surroundings follow it.
  desk: ["#e8ecf1", "#0d1117"],
  screen: ["#1b222b", "#1b222b"],
  edge: ["#333e4a", "#3d4957"],
};

/** Fills and strokes by class, for parts that name no colour in a style of their own. */
const CLASSES = Object.keys(COLOURS).map((name) =>
  `  .fill-${name} { fill: var(--${name}); }\n  .stroke-${name} { stroke: var(--${name}); }\n`
).join("");

/** The rules with each `var(--NAME)` written out: not every viewer of drawings knows variables. */
function rules(style: string, at: 0 | 1): string {
  return style.replace(/var\(--(\w+)\)/g, (_, name) => COLOURS[name]![at]);
}

/** A drawing, `width` by `height` pixels on ground of the named colour, out of these parts. */
export function svg(
  { title, width, height, style = "", ground = "ground" }: {
    title: string;
    width: number;
    height: number;
    style?: string;
    ground?: string;
  },
  parts: readonly string[],
): string {
  const used = CLASSES.split("\n").filter((rule) => {
    const [, name] = /^ {2}\.(\S+)/.exec(rule) ?? [];
    return name !== undefined && (name === `fill-${ground}` || parts.join().includes(`"${name}`));
  });
  const all = ["  text { fill: var(--text); }", ...used, ...style.split("\n").filter(Boolean)];
  const coloured = all.filter((rule) => rule.includes("var(--"));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${escaped(title)}</title>`,
    "<style>",
    ...all.map((rule) => rules(rule, 0)),
    "  @media (prefers-color-scheme: dark) {",
    ...coloured.map((rule) => `  ${rules(rule, 1)}`),
    "  }",
    "</style>",
    `<rect class="fill-${ground}" width="${width}" height="${height}"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** A text as it may stand between tags. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
