import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { flameGraph, kindOf } from "../../bench/load/report/flame.js";
import { htmlReport } from "../../bench/load/report/page.js";
import { type CpuProfile, readProfiles, shortPath, threadProfile } from "../../bench/load/report/profile.js";
import type { Row } from "../../bench/load/results.js";
import { SCENARIOS, type Scenario } from "../../bench/load/scenarios.js";

const node = (id: number, functionName: string, children: number[] = [], url = ""): CpuProfile["nodes"][number] => ({
  ...{ id, children, callFrame: { functionName, url, lineNumber: 9 } },
});
/** root → outer → (inner, inner of elsewhere), idle; a sample every 10 µs from 1000 on. */
const profile: CpuProfile = {
  nodes: [
    node(1, "(root)", [2, 5]),
    node(2, "outer", [3, 4], "file:///x/dist/src/runtime/turns.js"),
    node(3, "inner", [], "file:///x/node_modules/ws/lib/receiver.js"),
    node(4, "", [], "node:net"),
    node(5, "(idle)"),
  ],
  startTime: 990,
  samples: [3, 2, 5, 3, 4, 3],
  timeDeltas: [10, 10, 10, 10, 10, 10],
};

test("a thread's profile is a tree of what it did within the window, without the time it was idle", () => {
  const found = threadProfile("I/O thread", profile, { from: 1010, to: 1050 });
  assert.equal(found?.lengthMicros, 40);
  assert.equal(found?.root.micros, 30);
  const [outer] = found?.root.children.values() ?? [];
  assert.deepEqual([outer?.name, outer?.where, outer?.micros], ["outer", "src/runtime/turns.js:10", 30]);
  assert.deepEqual(
    [...(outer?.children.values() ?? [])].map(({ name, where, micros }) => [name, where, micros]),
    [
      ["inner", "ws/lib/receiver.js:10", 10],
      ["(anonymous)", "node:net:10", 10],
    ],
  );
  assert.equal(threadProfile("a", profile, { from: 5000, to: 6000 }), null);
});

test("no path of somebody's machine gets into a report", () => {
  assert.equal(shortPath("file:///x/y/node_modules/a/node_modules/@b/c/d.js"), "@b/c/d.js");
  assert.equal(shortPath("file:///x/y/dist/bench/load/servers/ws.js"), "bench/load/servers/ws.js");
  assert.equal(shortPath("node:internal/timers"), "node:internal/timers");
});

test("the profiles of a folder are those of a server's threads, the main thread first", () => {
  const folder = mkdtempSync(join(tmpdir(), "profiles-"));
  try {
    for (const thread of [10, 0, 2]) {
      writeFileSync(join(folder, `CPU.20260101.120000.77.${thread}.001.cpuprofile`), JSON.stringify(profile));
    }
    writeFileSync(join(folder, "notes.txt"), "no profile");
    const found = readProfiles(folder, "I/O thread", { from: 0, to: 5000 });
    assert.deepEqual(
      found.map(({ title }) => title),
      ["I/O thread", "thread 2", "thread 10"],
    );
    assert.deepEqual(readProfiles(join(folder, "none"), "I/O thread", { from: 0, to: 1 }), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a flame graph has a box a function, as wide as its part of the busy time, coloured by whose it is", () => {
  const thread = threadProfile("I/O <thread>", profile, { from: 1000, to: 1050 });
  assert.ok(thread !== null);
  const drawn = flameGraph(thread);
  assert.match(drawn, /I\/O &#60;thread&#62;, busy 0 of 0 ms/);
  assert.equal(drawn.match(/<rect /g)?.length, 4);
  assert.match(
    drawn,
    /<title>inner ws\/lib\/receiver\.js:10: 50\.0 %<\/title><rect class="package" x="0\.0" y="\d+" width="539\.5"/,
  );
  const kind = (name: string, where: string) => kindOf({ name, where, micros: 1, children: new Map() }, 1);
  assert.deepEqual(
    [kind("a", "src/a.js:1"), kind("a", "node:net:1"), kind("a", "bench/a.js:1"), kind("writev", "")],
    ["joist", "node", "app", "native"],
  );
  assert.equal(kind("(garbage collector)", ""), "gc");
});

test("a report is one page that fetches nothing and runs no script, with plots of latency, throughput and memory", () => {
  const [scenario] = SCENARIOS as readonly [Scenario];
  const row: Row = {
    ...{ scenario: scenario.name, server: "joist", rounds: 1, messages: 10, cpuMicros: 1, cpuRange: [1, 1] },
    ...{ perSecond: 10, serverProcessors: 1, generatorProcessors: 0, othersProcessors: 0, generatorBound: false },
    ...{ latency: { "50": 100, "99": 2000 }, pssBytes: 2 ** 20, bytesEach: null, crashesPerSecond: null, failures: 0 },
    ...{ problems: ["a <problem>"], toWs: { cpu: 0.5, rate: 2, memory: null } },
    samples: [
      { ms: 0, messages: 0, pssBytes: 2 ** 20 },
      { ms: 500, messages: 5, pssBytes: 2 ** 21 },
    ],
  };
  const thread = threadProfile("I/O thread", profile, { from: 1000, to: 1050 });
  const profiles = [{ scenario: scenario.name, server: "joist", threads: thread === null ? [] : [thread] }] as const;
  const page = htmlReport({ rows: [row], scenarios: [scenario], machine: "a machine", profiles });
  for (const part of ["Latency", "Messages a second", "Memory (PSS)", "Where joist spends its time", "0.50x"]) {
    assert.ok(page.includes(part), part);
  }
  assert.ok(page.includes("a &#60;problem&#62;"));
  assert.doesNotMatch(page, /<script|https?:|src=|@import|NaN|undefined/);
});
