/**
 * `TextLineStream`, over the runtime's own `TransformStream`.
 *
 * @module
 */

/** What a {@linkcode TextLineStream} can be told. */
export interface TextLineStreamOptions {
  /** True: a CR alone ends a line, too. Default: false. */
  allowCR?: boolean;
}

/** Splits text into lines at LF and CRLF. A last line without an end counts. */
export class TextLineStream extends TransformStream<string, string> {
  /** A stream for one text. */
  constructor({ allowCR = false }: TextLineStreamOptions = {}) {
    let rest = "";
    super({
      transform(chunk, controller) {
        rest += chunk;
        // A CR at the end may be the first half of a CRLF.
        const ends = allowCR ? /\r\n|\n|\r(?!$)/g : /\r?\n/g;
        let from = 0;
        for (const end of rest.matchAll(ends)) {
          controller.enqueue(rest.slice(from, end.index));
          from = end.index + end[0].length;
        }
        rest = rest.slice(from);
      },
      flush(controller) {
        if (rest === "") return;
        controller.enqueue(allowCR && rest.endsWith("\r") ? rest.slice(0, -1) : rest);
      },
    });
  }
}
