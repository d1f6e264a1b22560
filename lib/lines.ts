/**
 * What is typed or piped into a program, as lines.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";

/** So many characters without a line end are a line: an endless one must not fill the memory. */
const MOST_CHARACTERS = 1024 * 1024;

/**
 * Takes bytes apart into lines without their ends (LF or CRLF). A last line without an end counts, one
 * that goes on for more than a megabyte is given in parts, and invalid UTF-8 is replaced.
 */
export function typedLines(input: ReadableStream<Uint8Array>): ReadableStream<string> {
  let length = 0;
  const bounded = new TransformStream<string, string>({
    transform(text, controller) {
      const end = text.lastIndexOf("\n");
      length = end === -1 ? length + text.length : text.length - end - 1;
      const tooLong = length > MOST_CHARACTERS;
      if (tooLong) length = 0;
      controller.enqueue(tooLong ? text + "\n" : text);
    },
  });
  return input.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .pipeThrough(bounded)
    .pipeThrough(new TextLineStream());
}
