import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { decodeFromCompressedBase64, encodeIntoCompressedBase64 } from "hdr-histogram-js";
import { BROADCAST, KEEP_ALIVE, OTHER, phoenix, plain, socketIo } from "../../bench/load/dialects.js";
import {
  clientFrame,
  compressedFrame,
  decompressed,
  frameSize,
  Opcode,
  readFrames,
  serverFrame,
} from "../../bench/load/frames.js";
import { rotated } from "../../bench/load/main.js";
import { Measurement, STRETCH } from "../../bench/load/measurement.js";
import { parseOptions } from "../../bench/load/options.js";
import { busyTicks, cpuTicks, pssBytes } from "../../bench/load/os-process.js";
import { median, type Outcome, toRows } from "../../bench/load/results.js";
import { payloadOfWords, SCENARIOS } from "../../bench/load/scenarios.js";
import { payloadOf } from "../../src/cli/load/payload.js";

const linuxOnly = process.platform === "linux" ? {} : { skip: "the load benchmark reads /proc" };

const problemOf = (...args: string[]): string => {
  const parsed = parseOptions(args);
  return typeof parsed === "object" && "problem" in parsed ? parsed.problem : "no problem";
};
const optionsOf = (...args: string[]) => {
  const parsed = parseOptions(args);
  if (parsed === "help" || "problem" in parsed) throw new Error(`refused: ${JSON.stringify(parsed)}`);
  return parsed;
};

test("without options all scenarios are measured three times, quickly the main ones once", () => {
  assert.deepEqual(optionsOf(), {
    ...{ scenarios: SCENARIOS, quick: false, rounds: 3, out: "bench/results", profile: false, scale: false },
  });
  assert.equal(optionsOf("--quick").rounds, 1);
  const quick = optionsOf("--quick").scenarios.map(({ name }) => name);
  assert.deepEqual(quick, ["echo-1", "echo-16", "fan-out", "fan-out-50", "idle", "connect"]);
  assert.deepEqual(
    optionsOf("--quick", "--only", "channels").scenarios.map(({ name }) => name),
    ["channels"],
  );
  assert.equal(optionsOf("--quick", "--rounds", "2").rounds, 2);
  assert.equal(optionsOf("--out=elsewhere").out, "elsewhere");
  assert.equal(parseOptions(["--help"]), "help");
});

test("--only takes part of a name, and a whole name means that one alone", () => {
  const only = (...parts: string[]) => optionsOf(...parts.flatMap((part) => ["--only", part])).scenarios;
  assert.deepEqual(
    only("echo-1").map(({ name }) => name),
    ["echo-1"],
  );
  assert.deepEqual(
    only("fan-o", "idle").map(({ name }) => name),
    ["fan-out", "fan-out-50", "idle", "fan-out-topics"],
  );
});

test("a bad option is refused in one line that names it", () => {
  for (const args of [["--fast"], ["echo"], ["--rounds"], ["--rounds", "0"], ["--rounds", "21"], ["--rounds", "x"]]) {
    const problem = problemOf(...args);
    assert.match(problem, /--help/);
    assert.doesNotMatch(problem, /\n/);
    assert.ok(problem.includes(args.at(-1) as string), problem);
  }
  assert.match(problemOf("--scale", "--only", "echo-1"), /--scale goes with neither/);
  assert.match(problemOf("--only", "ecco"), /"ecco"/);
  assert.match(problemOf("--quick=1"), /"--quick=1"/);
  assert.match(problemOf("--out", "--quick"), /--out needs a value/);
});

test("a client's frame is masked, with the length in the fewest bytes", () => {
  for (const [length, head] of [
    [0, 6],
    [125, 6],
    [126, 8],
    [65_535, 8],
    [65_536, 14],
  ] as const) {
    const frame = clientFrame("é".repeat(length >> 1) + "x".repeat(length & 1));
    assert.equal(frame.length, head + length);
    assert.equal(frame[0], 0x81);
    const mask = frame.subarray(head - 4, head);
    const text = frame.subarray(head).map((byte, i) => byte ^ (mask[i & 3] as number));
    assert.equal(Buffer.from(text).toString(), "é".repeat(length >> 1) + "x".repeat(length & 1));
  }
});

test("a compressed frame says so, and holds what was said", () => {
  const frame = compressedFrame("hello hello hello");
  assert.equal(frame[0], 0xc1);
  const body = frame.subarray(6).map((byte, i) => byte ^ (frame[2 + (i & 3)] as number));
  assert.equal(decompressed(Buffer.from(body)).toString(), "hello hello hello");
});

test("the size of a frame is known as soon as its length is, and until then how many bytes that takes", () => {
  for (const [text, needed] of [
    ["a", [2, 2, 3]],
    ["b".repeat(300), [2, 2, 4, 4, 304]],
  ] as const) {
    const frame = serverFrame(text);
    needed.forEach((size, bytes) => {
      assert.equal(frameSize(Buffer.concat([Buffer.from("xx"), frame.subarray(0, bytes)]), 2), size, `${bytes} bytes`);
    });
  }
});

test("frames are read whole, wherever the chunks end", () => {
  const texts = ["", "a", "b".repeat(125), "c".repeat(126), "d".repeat(3000)];
  const bytes = Buffer.concat(texts.map((text) => serverFrame(text)));
  for (let end = 0; end <= bytes.length; end++) {
    const read: string[] = [];
    const data = bytes.subarray(0, end);
    const rest = readFrames(data, (opcode, start, stop) => {
      assert.equal(opcode, Opcode.text);
      read.push(data.toString("utf8", start, stop));
    });
    assert.deepEqual(read, texts.slice(0, read.length));
    assert.equal(rest, Buffer.concat(read.map((text) => serverFrame(text))).length);
    if (end === bytes.length) assert.equal(read.length, texts.length);
  }
  const fragment = Buffer.from([0x01, 1, 0x61]);
  assert.throws(() => readFrames(fragment, () => {}), /fragmented/);
});

test("each dialect knows the answer to its own request, broadcasts, and what keeps a connection", () => {
  const refOf = (dialect: ReturnType<typeof phoenix>, text: string): number => {
    const data = Buffer.from(`..${text}`);
    return dialect.refOf(data, 2, data.length);
  };
  const origin = "ws://127.0.0.1:1";
  const channels = phoenix(origin, { topic: 'a "b"', event: "ask", params: { token: "t" } });
  assert.equal(channels.url.href, "ws://127.0.0.1:1/socket/websocket?token=t&vsn=2.0.0");
  assert.deepEqual(JSON.parse(channels.on(0).request(17, "{}")), ["1", "17", 'a "b"', "ask", {}]);
  assert.deepEqual(JSON.parse(channels.on(2).join(3)), ["3", "3", 'a "b"-2', "phx_join", {}]);
  assert.deepEqual(JSON.parse(channels.on(2).crash(4, 3)), ["3", "4", 'a "b"-2', "crash", {}]);
  assert.equal(refOf(channels, '["1","17","a","phx_reply",{}]'), 17);
  assert.equal(refOf(channels, '[null,null,"a","shout",{}]'), BROADCAST);
  assert.equal(refOf(channels, '["123","17","a","phx_reply",{}]'), 17);
  assert.equal(refOf(channels, '["1",null,"a","push",{}]'), OTHER);
  assert.equal(channels.isCrash('["1","1","a","phx_error",{}]'), true);
  assert.equal(channels.isCrash('["1",null,"a","push",{}]'), false);
  assert.equal(channels.refusal('["1","1","a","phx_reply",{"status":"ok","response":{}}]'), null);
  assert.match(channels.refusal('["1","1","a","phx_reply",{"status":"error","response":{}}]') ?? "", /"error"/);
  assert.equal(refOf(plain(origin), '{"id":17,"payload":{}}'), 17);
  assert.equal(refOf(plain(origin), '{"event":"shout","payload":{}}'), BROADCAST);
  const io = socketIo(origin);
  assert.equal(refOf(io, '4317[{"n":1}]'), 17);
  assert.equal(refOf(io, '42["shout",{}]'), BROADCAST);
  assert.equal(refOf(io, "2"), KEEP_ALIVE);
});

test("a payload has the size asked for and carries its number", () => {
  assert.equal(payloadOf(64, 12_345).length, 64);
  assert.equal(JSON.parse(payloadOf(64, 12_345)).n, 12_345);
  assert.equal(payloadOfWords(4096, 12_345).length, 4096);
  assert.equal(JSON.parse(payloadOfWords(4096, 12_345)).n, 12_345);
  const compressed = compressedFrame(payloadOfWords(4096, 0)).length;
  assert.ok(compressed > 4096 / 6 && compressed < 4096 / 2, `4 KB of words take ${compressed} bytes`);
});

test("processor time is counted behind a name with brackets and spaces in it", () => {
  assert.equal(cpuTicks("7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20"), 42);
  assert.equal(pssBytes("00 ---p [rollup]\nRss:  9 kB\nPss:   3 kB\nPss_Anon: 1 kB\n"), 3072);
  assert.equal(busyTicks("cpu  1 2 3 1000 2000 4 5 6 0 0\ncpu0 9 9 9\n"), 21);
  assert.throws(() => pssBytes("Rss: 9 kB\n"), /Pss/);
});

test("a row has the medians of its rounds, the ratios to ws, and says when the generator was the limit", () => {
  const [scenario] = SCENARIOS;
  if (scenario === undefined) throw new Error("there is no scenario");
  const outcome = (server: "joist" | "ws", cpus: readonly number[], generatorCpuMicros: number): Outcome => ({
    ...{ scenario, server, problems: [] },
    measured: cpus.map((serverCpuMicros) => ({
      ...{
        messages: 1000,
        windowMs: 100,
        windowMicros: { from: 0, to: 0 },
        serverCpuMicros,
        generatorCpuMicros,
        othersCpuMicros: 0,
        pssBytes: 1,
        failures: 0,
      },
      ...{ latency: encodeIntoCompressedBase64(new Measurement(process.pid).latency), samples: [] },
    })),
  });
  const [joist, ws] = toRows([outcome("joist", [1000, 9000, 2000], 50_000), outcome("ws", [4000], 95_000)]);
  assert.equal(joist?.cpuMicros, 2);
  assert.deepEqual(joist?.cpuRange, [1, 9]);
  assert.deepEqual(joist?.toWs, { cpu: 0.5, rate: 1, memory: null });
  assert.equal(joist?.perSecond, 10_000);
  assert.equal(joist?.generatorBound, false);
  assert.equal(ws?.generatorBound, true);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("each round begins with another server", () => {
  assert.deepEqual(rotated(["a", "b", "c"], 4), ["b", "c", "a"]);
});

test(
  "of an open loop counts what was meant for the window, however late it comes; what never comes fails",
  linuxOnly,
  async () => {
    const measurement = new Measurement(process.pid);
    const early = performance.now();
    measurement.expect(early, 1);
    const measured = measurement.window({ warmUpMs: 0, windowMs: 100, lateMs: 300 });
    while (!measurement.measuring) await delay(1);
    const meant = performance.now();
    measurement.expect(meant, 4);
    measurement.arrive(early);
    measurement.arrive(meant);
    while (measurement.measuring) await delay(1);
    measurement.arrive(meant);
    measurement.arrive(meant);
    const { messages, failures, latency, samples } = await measured;
    assert.equal(messages, 2, "what came within the window");
    assert.equal(failures, 1);
    assert.equal(decodeFromCompressedBase64(latency).totalCount, 3, "what was meant for the window, and came");
    assert.ok(samples.length >= 2 && samples.every(({ pssBytes }) => pssBytes > 0));
  },
);

test("a measurement that wants messages goes on until it has them, but not for ever", linuxOnly, async () => {
  const measurement = new Measurement(process.pid);
  const measured = measurement.window({ warmUpMs: 20, windowMs: 200, minMessages: 3 });
  while (!measurement.measuring) {
    measurement.count(performance.now());
    await delay(1);
  }
  const startMs = performance.now();
  // One message too few: only the limit ends it.
  for (let i = 0; i < 2; i++) measurement.count(startMs);
  const { messages, windowMs } = await measured;
  assert.equal(messages, 2);
  assert.ok(windowMs >= 200 * STRETCH - 5, `${windowMs} ms`);
});
