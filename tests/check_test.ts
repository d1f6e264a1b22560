import { assert } from "@std/assert/assert";
import { assertEquals } from "@std/assert/equals";
import { assertMatch } from "@std/assert/match";
import { assertStringIncludes } from "@std/assert/string-includes";
import { assertRejects } from "@std/assert/rejects";
import { bytes, hexView } from "../check/bytes.ts";
import { Failure } from "../check/case.ts";
import { random } from "../check/faults.ts";
import { Inbox } from "../check/inbox.ts";
import { splitCommand } from "../check/program.ts";
import { freePort } from "../check/scene.ts";
import { SUITES } from "../check/suites.ts";
import { OURS } from "./students/mistakes.ts";

/** What a run of the check has left behind. */
interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const decoder = new TextDecoder();

/** Runs the check as a person does. */
async function check(...args: string[]): Promise<Run> {
  const { code, stdout, stderr } = await start(...args).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function start(...args: string[]): Deno.Command {
  const own = ["run", "--allow-net", "--allow-run", "check.ts", ...args];
  return new Deno.Command(Deno.execPath(), {
    args: own,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** A word that no other process has in its command line. */
function token(): string {
  return `mark-${crypto.randomUUID()}`;
}

function awkward(habit: string, mark: string): string {
  return `python3 tests/students/awkward_server.py {port} ${habit} ${mark}`;
}

/** How many processes still have the word in their command line. */
async function left(mark: string): Promise<string> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-fa", mark] }).output();
  return decoder.decode(stdout);
}

/** The verdicts in a JSON report, by id. */
function verdicts({ out }: Run): Record<string, string> {
  const { cases } = JSON.parse(out) as { cases: { id: string; verdict: string }[] };
  return Object.fromEntries(cases.map(({ id, verdict }) => [id, verdict]));
}

// ---- programs with awkward habits ----

const GOOD = {
  "R-S-02": "passed",
  "R-S-02.started": "passed",
  "R-S-14": "passed",
  "R-S-14.sender": "passed",
};
const NOT_STARTED = {
  "R-S-02": "failed",
  "R-S-02.started": "could not run",
  "R-S-14": "could not run",
  "R-S-14.sender": "could not run",
};

/** What becomes of two cases, and the exit code, for a server with each habit. */
const HABITS: Record<string, { code: number; expected: Record<string, string> }> = {
  "none": { code: 0, expected: GOOD },
  "hangs": { code: 3, expected: NOT_STARTED },
  "exits": { code: 3, expected: NOT_STARTED },
  "crashes": { code: 3, expected: NOT_STARTED },
  "forks": { code: 0, expected: GOOD },
  "forks-and-exits": { code: 0, expected: GOOD },
  "floods": { code: 1, expected: { ...GOOD, "R-S-02.started": "failed" } },
  "closes-stdout": { code: 1, expected: { ...GOOD, "R-S-02.started": "failed" } },
  "ignores-sigterm": { code: 0, expected: GOOD },
  "elsewhere": { code: 0, expected: GOOD },
  "slow": { code: 0, expected: GOOD },
  "dies-later": {
    code: 1,
    expected: { ...NOT_STARTED, "R-S-02": "passed", "R-S-02.started": "passed" },
  },
};

Deno.test("check.ts gives awkward programs a verdict each, and leaves nothing of them running", async () => {
  const habits = Object.entries(HABITS);
  const wrong: string[] = [];
  const workers = Array.from({ length: 4 }, async () => {
    for (let next = habits.shift(); next; next = habits.shift()) {
      const [habit, { code, expected }] = next;
      const mark = token();
      const only = "R-S-02,R-S-14";
      const run = await check("relay", "--server", awkward(habit, mark), "--only", only, "--json");
      const got = { code: run.code, expected: verdicts(run) };
      if (JSON.stringify(got) !== JSON.stringify({ code, expected })) {
        wrong.push(`${habit}: ${JSON.stringify(got)}`);
      }
      const stays = await left(mark);
      if (stays !== "") wrong.push(`${habit} left ${stays}`);
    }
  });
  await Promise.all(workers);
  assertEquals(wrong, []);
});

Deno.test("check.ts says how a program ended, and shows the end of its stderr", async () => {
  const run = await check("relay", "--server", awkward("crashes", token()), "--only", "R-S-02");
  assertEquals(run.code, 3);
  assertStringIncludes(run.out, "ended with exit code 1");
  assertStringIncludes(run.out, "ValueError: a bug");
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  Deno.test(`check.ts leaves nothing running when ${signal} ends it`, async () => {
    const mark = token();
    const server = awkward("ignores-sigterm", mark);
    const child = start("relay", "--server", server, "--repeat", "50").spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    while (!(await left(mark)).includes("awkward_server.py")) await pause(50);
    child.kill(signal);
    while (!(await reader.read()).done);
    await child.stderr.cancel();
    const { code } = await child.status;
    assertEquals(code, signal === "SIGINT" ? 130 : 137);
    // The guard learns of the check's end from its closed pipe, and needs a moment to act.
    for (let i = 0; i < 100 && await left(mark) !== ""; i++) await pause(50);
    assertEquals(await left(mark), "");
  });
}

Deno.test("check.ts leaves no grandchild running when SIGKILL ends it", async () => {
  const mark = token();
  // The program is a child of its group's first process, as one that a script starts is.
  const sleeps = `sh -c 'python3 -c "import time; time.sleep(60)" "$0"; exit' ${mark} {port}`;
  const child = start("relay", "--server", sleeps).spawn();
  while ((await left(mark)).split("time.sleep").length < 3) await pause(50);
  child.kill("SIGKILL");
  await Promise.all([child.stdout.cancel(), child.stderr.cancel(), child.status]);
  for (let i = 0; i < 100 && await left(mark) !== ""; i++) await pause(50);
  assertEquals(await left(mark), "");
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

// ---- bad use, and what is said without running anything ----

const MISUSE: [args: string[], sentence: RegExp][] = [
  [[], /^Which protocol\? There are relay/],
  [["rely"], /^There is no protocol rely; relay perhaps\?/],
  [["relay"], /^Nothing to check: give the command/],
  [["relay", "--server", "python3 server.py"], /^The command of the server has no \{port\}/],
  [["relay", "--server", "python3 'server.py {port}"], /^a ' is not closed/],
  [["relay", "--server", "x {port}", "--only", "R-S-99"], /^There is no case R-S-99/],
  [
    ["relay", "--server", "x {port}", "--only", "R-C-05"],
    /^R-C-05 is a case of the client, and no/,
  ],
  [["relay", "--server", "x {port}", "--level", "most"], /^There is no level most/],
  [["relay", "--server", "x {port}", "--repeat", "0"], /^--repeat needs a whole number/],
  [["relay", "--server", "x {port}", "--at", "nowhere"], /^nowhere is not HOST:PORT/],
  [["relay", "--sever", "x {port}"], /^There is no option --sever/],
  [["relay", "--course", "cse150"], /^The course cse150 is about bridge, not relay/],
  [["relay", "--explain", "R-S-99"], /^There is no case R-S-99/],
  [["relay", "--server", "x {port}", "--junit", "a.xml"], /it needs --allow-write=a\.xml\.$/],
  [
    ["relay", "--server", "python3 gone.py {port}", "--only", "R-S-02"],
    /^There is no file .*gone\.py\.$/,
  ],
  [["fault", "--listen", "9000"], /^--listen PORT and --to HOST:PORT are needed\.$/],
  [["fault", "--listen", "9000", "--to", "a:1", "drop=1"], /^drop=1 is no mode here/],
];

Deno.test("check.ts answers bad use with one sentence and exit code 2", async () => {
  for (const [args, sentence] of MISUSE) {
    const { code, err } = await check(...args);
    assertEquals(code, 2, `${args.join(" ")}: ${err}`);
    assertMatch(err.trimEnd(), sentence);
    assertEquals(err.trimEnd().split("\n").length, 1);
  }
});

Deno.test("check.ts --list and --explain run nothing", async () => {
  const list = await check("relay", "--list");
  assertEquals(list.code, 0);
  assertMatch(list.out, /R-S-28 +extra +2 +two requests in one write/);
  const one = await check("relay", "--explain", "R-S-08");
  assertStringIncludes(one.out, "Too Many Users");
  assertStringIncludes(one.out, "Hint: ");
});

Deno.test("every case has an id of its own, points, a hint, and needs that exist", async () => {
  for (const [protocol, load] of Object.entries(SUITES)) {
    const suites = await load();
    const ids = suites.flatMap(({ cases }) => cases.map(({ id }) => id));
    assertEquals(new Set(ids).size, ids.length, protocol);
    for (const { gate, cases } of suites) {
      // Cases of a pair stand alone where each starts programs of its own.
      assert(gate === "" || cases.some(({ id }) => id === gate), `there is no gate ${gate}`);
      for (const { id, level, points, hint, needs = [], parts = {} } of cases) {
        assert(hint?.cause && hint.text, `${id} has no hint`);
        for (const each of needs) {
          assert(cases.some((other) => other.id === each), `${id}: ${each}`);
        }
        for (const each of [{ level, points }, ...Object.values(parts)]) {
          // What only finds out how a program speaks may stand as the gate, and is worth nothing.
          if (id === gate && each.points === 0) continue;
          assertEquals(each.points > 0, each.level !== "info", `${id}: ${each.points} points`);
        }
      }
    }
  }
});

// ---- Parley's own programs ----

Deno.test("check.ts passes Parley's own programs of every protocol at every level", async () => {
  const missed = await Promise.all(
    Object.entries(OURS).map(async ([protocol, given]) => {
      const commands = Object.entries(given).flatMap(([name, command]) => [
        `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        command!,
      ]);
      const { out } = await check(protocol, ...commands, "--level", "must,should,extra", "--json");
      const { cases } = JSON.parse(out) as { cases: { id: string; verdict: string }[] };
      assert(cases.length > 0);
      // K-14 asks for Python's own threading.Event.
      return cases.filter(({ id, verdict }) => verdict !== (id === "K-14" ? "skipped" : "passed"));
    }),
  );
  assertEquals(missed.flat(), []);
});

// ---- what a run says ----

Deno.test("check.ts calls unsteady what passes only sometimes, and fails it", async () => {
  const starts = await Deno.makeTempFile();
  const server = awkward("unsteady", starts);
  // It leaves an unknown recipient unanswered at every other start, so that one of two rounds fails.
  const run = await check(
    "relay",
    "--server",
    server,
    "--only",
    "R-S-16",
    "--repeat",
    "2",
    "--json",
  );
  await Deno.remove(starts);
  assertEquals([run.code, verdicts(run)["R-S-16"]], [1, "unsteady"]);
});

Deno.test("check.ts shows what was sent, what came, the document's sentence, a hint and a command", async () => {
  const server = "python3 tests/students/relay_server.py {port} --mistake one-recv";
  const { code, out } = await check("relay", "--server", server, "--only", "R-S-28");
  assertEquals(code, 0); // It is an extra, which the document does not ask for.
  assertStringIncludes(out, String.raw`→ "MESG Bob one\nMESG Bob two\n"   26 bytes, one write`);
  assertStringIncludes(out, 'Bob: expected no "MESG" here');
  assertMatch(out, /\^\^ byte \d+/);
  assertStringIncludes(out, "Hint: TCP is a stream");
  assertStringIncludes(out, "What to fix first\n  1. one recv() is taken for one message (R-S-28)");
  assertStringIncludes(out, `check.ts relay --server '${server}' --only R-S-28 --trace`);
});

Deno.test("check.ts --fault says once what passes in whole messages only", async () => {
  const server = "python3 tests/students/relay_server.py {port} --mistake one-recv";
  const { code, out } = await check(
    "relay",
    "--server",
    server,
    "--only",
    "R-S-14",
    "--fault",
    "7",
  );
  assertEquals(code, 1);
  assertEquals(out.match(/failed in pieces: one recv\(\) is taken for one message/g)?.length, 1);
});

Deno.test("check.ts writes reports that programs can read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const points = `${folder}/points.json`;
    await Deno.writeTextFile(
      points,
      JSON.stringify({ "R-S-14": 5, "R-S-16": { points: 2, visibility: "hidden" } }),
    );
    const server = "python3 tests/students/relay_server.py {port} --mistake recipient-unchecked";
    const files = ["junit", "html", "gradescope"].flatMap((
      each,
    ) => [`--${each}`, `${folder}/${each}`]);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "--allow-net",
          "--allow-run",
          `--allow-write=${folder}`,
          `--allow-read=${folder}`,
        ],
        ...["check.ts", "relay", "--server", server, "--only", "R-S-14,R-S-16", "--tap"],
        ...files,
        ...["--points", points],
      ],
    }).output();
    assertMatch(
      decoder.decode(stdout),
      /^TAP version 14\n1\.\.3\nok 1 - R-S-14 .*\nok 2 .*\nnot ok 3 - R-S-16/,
    );
    const junit = await Deno.readTextFile(`${folder}/junit`);
    assertMatch(junit, /<testsuite name="relay server" tests="3" failures="1" errors="0"/);
    const page = await Deno.readTextFile(`${folder}/html`);
    assertMatch(page, /^<!doctype html>[^]*<table class="dialogue">[^]*<\/html>\n$/);
    assert(!/\b(src|href)="(?!#)/.test(page), "a page that needs nothing else");
    const { score, output, tests } = JSON.parse(await Deno.readTextFile(`${folder}/gradescope`));
    assertEquals([score, output], [6, "2 of 2 visible cases passed, 1 more count."]);
    assertEquals(tests[2].visibility, "hidden");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("check.ts --each goes on over submissions that end at once or are not there, and makes a table", async () => {
  const folder = await Deno.makeTempDir();
  const source = await Deno.readTextFile("tests/students/awkward_server.py");
  const habits = { ann: "none", bob: "exits", carl: undefined, dora: "none" };
  try {
    for (const [name, habit] of Object.entries(habits)) {
      await Deno.mkdir(`${folder}/in/${name}`, { recursive: true });
      if (habit === undefined) continue;
      const program = source.replace("sys.argv[2]", JSON.stringify(habit));
      await Deno.writeTextFile(`${folder}/in/${name}/server.py`, program);
    }
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...[
          "run",
          "--allow-net",
          "--allow-run",
          `--allow-write=${folder}`,
          `--allow-read=${folder}`,
        ],
        ...["check.ts", "relay", "--server", "python3 server.py {port}", "--only", "R-S-02,R-S-14"],
        ...["--each", `${folder}/in/*`, "--jobs", "4", "--out", `${folder}/out`],
      ],
    }).output();
    assertEquals(code, 1);
    const said = decoder.decode(stdout);
    assertStringIncludes(said, "other people's programs with your rights");
    assertStringIncludes(said, "most failed: R-S-02 2\ndid not start: bob, carl\n");
    assertEquals(
      (await Deno.readTextFile(`${folder}/out/table.csv`)).split("\n").slice(0, 2),
      ["case,ann,bob,carl,dora", "R-S-02,passed,failed,failed,passed"],
    );
    const report = JSON.parse(await Deno.readTextFile(`${folder}/out/ann.json`));
    assertEquals(report.cases[0].verdict, "passed");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("check.ts --at plays against a server that runs, and skips aloud what needs one of its own", async () => {
  const port = 9000 + Math.floor(Math.random() * 900);
  const child = new Deno.Command("python3", {
    args: ["tests/students/awkward_server.py", String(port), "none"],
    stdin: "null",
    stdout: "null",
  }).spawn();
  try {
    const run = await check(
      "relay",
      "--at",
      `127.0.0.1:${port}`,
      "--only",
      "R-S-14,R-S-34",
      "--json",
    );
    assertEquals(verdicts(run), {
      "R-S-14": "passed",
      "R-S-14.sender": "passed",
      "R-S-34": "skipped",
    });
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
});

Deno.test("check.ts lets a small difference pass with a remark, and fails it with --strict", async () => {
  const server = "python3 tests/students/awkward_server.py {port} shouts";
  const loose = await check("relay", "--server", server, "--only", "R-S-02");
  assertEquals(loose.code, 0);
  assertStringIncludes(
    loose.out,
    `passes, but: server's stdout: "THE CHAT SERVER STARTED" where the document has "The Chat Server Started"`,
  );
  const strict = await check("relay", "--server", server, "--only", "R-S-02", "--strict", "--json");
  assertEquals([strict.code, verdicts(strict)["R-S-02.started"]], [1, "failed"]);
});

Deno.test("check.ts fault cuts and delays by its seed, says so, and forwards every byte", async () => {
  const echo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echoing = (async () => {
    for await (const conn of echo) await conn.readable.pipeTo(conn.writable).catch(() => {});
  })();
  const port = freePort();
  const args = ["fault", "--listen", `${port}`, "--to", `127.0.0.1:${echo.addr.port}`];
  const proxy = start(...args, "--seed", "7", "--dir", "up", "split=1..5", "delay=0..3").spawn();
  const said = proxy.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await said.read();
  const sent = "every byte of this arrives, in pieces";
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(sent));
  let got = "";
  const buffer = new Uint8Array(1000);
  while (got.length < sent.length) {
    got += decoder.decode(buffer.subarray(0, await conn.read(buffer) ?? 0));
  }
  assertEquals(got, sent);
  proxy.kill("SIGINT");
  let log = "";
  for (let more = await said.read(); !more.done; more = await said.read()) log += more.value;
  const [, sizes = ""] = /#1 up at 0: pieces of ([\d+]+) bytes/.exec(log) ?? [];
  const pieces = sizes.split("+").map(Number);
  assertEquals(pieces.reduce((sum, size) => sum + size, 0), sent.length);
  assert(pieces.every((size) => size >= 1 && size <= 5), sizes);
  // The first decisions of seed 7: they are the same in every run.
  const next = random("7 1 up");
  assertEquals(pieces[0], 1 + Math.floor(next() * 5));
  await proxy.stderr.cancel();
  assertEquals((await proxy.status).code, 0);
  echo.close();
  await echoing;
});

// ---- what reports are made of ----

Deno.test("splitCommand() takes a command apart as a shell does", { permissions: "none" }, () => {
  const command = `python3 client.py --id='a b' "c \\"d\\" \\x" e\\ f ''`;
  assertEquals(splitCommand(command), ["python3", "client.py", "--id=a b", `c "d" \\x`, "e f", ""]);
});

Deno.test("hexView() points at the byte that differs", { permissions: "none" }, () => {
  const view = hexView(bytes("Alice: one.BCST two and more"), 11);
  assertEquals(view[0]!.slice(0, 32), "41 6c 69 63 65 3a 20 6f 6e 65 2e");
  assertEquals(view[1], `${" ".repeat(33)}^^ byte 11`);
});

Deno.test("an inbox fails at the first byte that differs, and only after its deadline", async () => {
  const remarks: string[] = [];
  const watch = { deadline: 50, arrived: () => {}, remark: (each: string) => remarks.push(each) };
  const inbox = new Inbox("Bob", watch);
  inbox.add(bytes("welcome alice\r\nAlice: one\n"));
  await inbox.line("welcome alice");
  assertEquals(remarks.length, 1);
  const failure = await assertRejects(() => inbox.contains("Alice: two"), Failure);
  assertEquals([failure.mark, failure.waited], ["welcome alice\r\nAlice: ".length, 50]);
  await inbox.lacks("two", { before: "one" });
  inbox.end("FIN");
  const ended = await assertRejects(() => inbox.contains("more"), Failure);
  assertStringIncludes(ended.expected, "it was ended (FIN) before that");
});
