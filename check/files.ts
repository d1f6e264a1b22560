/**
 * Reports in files: JUnit, HTML and Gradescope.
 *
 * @module
 */

import { gradescopeText, junitText, parsePoints, weighed, type Worth } from "./formats.ts";
import { htmlText } from "./html.ts";
import { Misuse, type Options } from "./options.ts";
import type { Row } from "./points.ts";
import type { Style } from "./report.ts";
import type { Result } from "./run.ts";

/** Says which permission a file needs, before anything is played. */
export async function permitFiles({ junit, html, gradescope, points }: Options): Promise<void> {
  for (
    const [name, file, kind] of [
      ["junit", junit, "write"],
      ["html", html, "write"],
      ["gradescope", gradescope, "write"],
      ["points", points, "read"],
    ] as const
  ) {
    if (file === undefined) continue;
    const { state } = await Deno.permissions.query({ name: kind, path: file });
    if (state !== "granted") {
      throw new Misuse(`--${name} ${kind}s ${file}: it needs --allow-${kind}=${file}.`);
    }
  }
}

/** The reports that are written to files. */
export class Report {
  readonly #options: Options;
  readonly #style: Style;
  readonly #worths: ReadonlyMap<string, Worth>;

  private constructor(options: Options, style: Style, worths: ReadonlyMap<string, Worth>) {
    this.#options = options;
    this.#style = style;
    this.#worths = worths;
  }

  /** Reads the points, and writes a Gradescope report that is valid from now on. */
  static async open(options: Options, style: Style): Promise<Report> {
    const { points, gradescope } = options;
    let worths = new Map<string, Worth>();
    try {
      if (points !== undefined) worths = parsePoints(await Deno.readTextFile(points));
    } catch (error) {
      throw new Misuse(`--points ${points}: ${error instanceof Error ? error.message : error}.`);
    }
    if (gradescope !== undefined) {
      const before = "The check has not come to its end: nothing is scored yet.";
      const text = gradescopeText([], { rows: [], worths, style, before });
      await Deno.writeTextFile(gradescope, text);
    }
    return new Report(options, style, worths);
  }

  /** Results with the points that a file gives them. */
  weigh(results: readonly Result[]): Result[] {
    return weighed(results, this.#worths);
  }

  /** Writes every file that was asked for. */
  async write(results: readonly Result[], rows: readonly Row[]): Promise<void> {
    const { protocol, junit, html, gradescope } = this.#options;
    const [style, worths] = [this.#style, this.#worths];
    if (junit !== undefined) await Deno.writeTextFile(junit, junitText(protocol, results, style));
    if (html !== undefined) {
      await Deno.writeTextFile(html, htmlText(`Check of ${protocol}`, results, { rows }));
    }
    if (gradescope !== undefined) {
      await Deno.writeTextFile(gradescope, gradescopeText(results, { rows, worths, style }));
    }
  }
}
