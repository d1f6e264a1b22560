import { assertEquals } from "@std/assert/equals";
import { assertRejects } from "@std/assert/rejects";
import { assertThrows } from "@std/assert/throws";
import { parseOptions, port, UsageError, wholeNumber } from "../lib/program.ts";

const permissions = "none";
const SPEC = {
  words: ["HOST"],
  strings: ["port", "id"],
  booleans: ["udp"],
  alias: { port: "p" },
  limits: ["lineBytes"],
} as const;

Deno.test(
  "parseOptions() takes options in every way people write them",
  { permissions },
  async () => {
    for (
      const written of [
        ["--port=5555", "h"],
        ["--port", "5555", "h"],
        ["-p=5555", "h"],
        ["-p", "5555", "h"],
        ["-p5555", "h"],
        ["h", "-p5555"],
      ]
    ) {
      const options = await parseOptions(written, SPEC);
      assertEquals([options.strings["port"], options.words], ["5555", ["h"]], written.join(" "));
    }
    const all = await parseOptions(["8", "--udp", "--id=-x", "--line-bytes", "10"], SPEC);
    assertEquals(
      [all.words, all.booleans["udp"], all.strings["id"], all.limits.lineBytes, all.limits.drainMs],
      [["8"], true, "-x", 10, 2000],
    );
    assertEquals((await parseOptions(["--help"], SPEC)).help, true);
    assertEquals((await parseOptions(["-h"], SPEC)).help, true);
  },
);

Deno.test("parseOptions() says in a sentence what is wrong", { permissions }, async () => {
  for (
    const [written, reason] of [
      [[], "missing HOST"],
      [["a", "b"], "unexpected argument b"],
      [["a", "--prot", "1"], "unknown option --prot, did you mean --port?"],
      [["a", "-z"], "unknown option -z"],
      [["a", "--_=1"], "unknown option --_=1"],
      [["a", "--port"], "--port needs a value"],
      [["a", "-p"], "--port needs a value"],
      [["a", "--port", "--udp"], "--port needs a value"],
      [["a", "--port="], "--port needs a value"],
      [["a", "--udp=1"], "--udp takes no value"],
      [["a", "--port", "--help"], "--port needs a value"],
      [["a", "--line-bytes", "-1"], '--line-bytes must be a whole number of at least 0, not "-1"'],
      [["a", "--line-bytes", "x"], '--line-bytes must be a whole number of at least 0, not "x"'],
    ] as const
  ) {
    const error = await assertRejects(() => parseOptions(written, SPEC), UsageError);
    assertEquals(error.message.startsWith(reason), true, `${written}: ${error.message}`);
  }
});

Deno.test("port() and wholeNumber() refuse what is out of bounds", { permissions }, () => {
  assertEquals([port("0"), port("65535"), wholeNumber("7", { name: "n" })], [0, 65535, 7]);
  for (const wrong of ["", "-1", "65536", "1e3", "0x10", "80 ", "1.5", "eighty"]) {
    assertThrows(() => port(wrong), UsageError, "port must be a whole number from 0 to 65535");
  }
  assertThrows(() => port("0", 1), UsageError, "from 1 to 65535");
});
