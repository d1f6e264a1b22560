/**
 * Writes the parts of README.md that are generated: the screens from real sessions, the limits from
 * their table, the figures from docs/performance.md; and the limits of each server on its page. They
 * stand between `<!-- begin NAME -->` and `<!-- end NAME -->`; `deno task readme` brings them up to date,
 * and a test tells when they are not.
 *
 * @module
 */

import { kebab, LIMITS } from "../lib/program.ts";
import { asText, SCREENS } from "./screens.ts";
import { draw, type Window } from "./windows.ts";

/** The generated parts by their names, and the picture. */
export interface Parts {
  /** What stands between the markers of each name. */
  readonly texts: Readonly<Record<string, string>>;
  /** The relay session as SVG, for docs/session.svg. */
  readonly picture: string;
}

/** Plays every session and collects the parts; `performance` is the text of docs/performance.md. */
export async function generate(performance: string): Promise<Parts> {
  const played: Record<string, Window[]> = {};
  for (const [name, play] of Object.entries(SCREENS)) played[name] = await play();
  // The first window is enough of a session as text; the picture shows both sides of one.
  const screens = Object.entries(played).map(([name, [first]]) =>
    [name, `\`\`\`\n${asText(first!)}\n\`\`\``] as const
  );
  return {
    texts: { ...Object.fromEntries(screens), limits: limitTable(), figures: figures(performance) },
    picture: draw([played["relay"]!], {
      width: 1180,
      title: "Two terminals: Alice and Bob in a relay chat",
    }),
  };
}

/** The page with each part in its place. Throws an `Error` when a place is missing. */
export function fill(page: string, texts: Parts["texts"]): string {
  for (const [name, text] of Object.entries(texts)) {
    const place = new RegExp(`(<!-- begin ${name} -->\n).*?(<!-- end ${name} -->)`, "s");
    if (!place.test(page)) throw new Error(`no place for ${name}`);
    page = page.replace(place, (_, begin, end) => `${begin}\n${text}\n\n${end}`);
  }
  return page;
}

function limitTable(): string {
  const rows = Object.entries(LIMITS).map(([name, [value, unit, help]]) => [
    `\`--${kebab(name)}\``,
    `${value.toLocaleString("en")} ${unit}`,
    help,
  ]);
  return table([["flag", "default", "what it limits"], ...rows]);
}

/** The servers whose limits stand on their pages, by the pages' names. */
const SERVERS: Readonly<Record<string, readonly string[]>> = {
  relay: ["server.ts", "relay"],
  channels: ["server.ts", "channels"],
  bridge: ["server.ts", "bridge"],
  overlay: ["overlay.ts"],
  chatroom: ["chatroom.ts", "server"],
};

/** Each page in docs/ with the limits that its server's `--help` shows. */
export async function pages(): Promise<{ url: URL; text: string }[]> {
  const root = new URL("../", import.meta.url);
  return await Promise.all(
    Object.entries(SERVERS).map(async ([name, server]) => {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", "--allow-net", ...server, "--help"],
        cwd: root,
      }).output();
      const help = new TextDecoder().decode(stdout);
      const rows = [...help.matchAll(/^ {2}(--[a-z-]+) N +(.*) \((\d+) (\S+)\)$/gm)]
        .map(([, flag, what, value, unit]) => [
          `\`${flag}\``,
          `${Number(value).toLocaleString("en")} ${unit}`,
          what!,
        ]);
      if (rows.length < 5) throw new Error(`${name} shows no limits`);
      const url = new URL(`docs/${name}.md`, root);
      const limits = table([["flag", "default", "what it limits"], ...rows]);
      return { url, text: fill(await Deno.readTextFile(url), { limits }) };
    }),
  );
}

/** Deliveries per second, a row for each shape and a column for each server; a table for each transport. */
function figures(performance: string): string {
  const measured = performance.split("\n")
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
    .filter((cells) => cells.length > 4 && /^[\d,]+$/.test(cells[2]!))
    .map(([shape, server, figure]) => ({ shape: shape!, server: server!, figure: figure! }));
  const byShape = Object.entries(Object.groupBy(measured, ({ shape }) => shape));
  const columns = (rows: typeof measured) => rows.map(({ server }) => server);
  const tables = Object.groupBy(byShape, ([, rows]) => columns(rows!).join());
  return Object.values(tables).map((shapes) =>
    table([
      ["deliveries/s", ...columns(shapes![0]![1]!)],
      ...shapes!.map(([shape, rows]) => [shape, ...rows!.map(({ figure }) => figure)]),
    ])
  ).join("\n\n");
}

/** A table as `deno fmt` wants it. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(3, ...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  );
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

if (import.meta.main) {
  const root = new URL("../", import.meta.url);
  const page = new URL("README.md", root);
  const performance = await Deno.readTextFile(new URL("docs/performance.md", root));
  const { texts, picture } = await generate(performance);
  await Deno.writeTextFile(page, fill(await Deno.readTextFile(page), texts));
  await Deno.writeTextFile(new URL("docs/session.svg", root), picture);
  for (const { url, text } of await pages()) await Deno.writeTextFile(url, text);
}
