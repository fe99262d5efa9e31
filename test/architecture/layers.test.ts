/**
 * Holds every import of src/ and workers/ against the folder map. The map is the data below; changing it is a decision
 * record. What the checker must catch is tested on made-up sources at the end, so that it is known to be able to fail.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findRoot, importsOf, readSources, resolveImport, type Sources } from "./imports.js";

/** The runtime's face: what every row from `otp` down sees of the runtime. */
const face = "src/runtime/process.ts";

/** Folder → what its files may import besides each other: folders, or single files. Imports point up this list only. */
const folderMap: Readonly<Record<string, readonly string[]>> = {
  "src/core": [],
  "src/runtime": ["src/core"],
  "src/otp": ["src/core", face],
  "src/pubsub": ["src/core", "src/otp", face],
  "src/tracker": ["src/core", "src/otp", "src/pubsub", face],
  "src/channels": ["src/core", "src/otp", "src/pubsub", face],
  "src/presence": ["src/core", "src/otp", "src/pubsub", "src/tracker", "src/channels", face],
  "src/transports": ["src/core", "src/otp", "src/pubsub", "src/channels/transport.ts", face],
  "src/cluster": ["src/core", "src/otp", "src/pubsub", face],
  "src/endpoint": [
    ...["src/core", "src/otp", "src/pubsub", "src/tracker", "src/channels", "src/presence"],
    // It starts the threads: see docs/decisions/0006-the-endpoint-starts-the-runtime.md.
    ...["src/transports", "src/cluster", face, "src/runtime/runtime.ts"],
  ],
  "src/observer": ["src/core", "src/otp", "src/runtime/inspect.ts", face],
  "src/testing": [
    ...["src/core", "src/runtime", "src/otp", "src/pubsub", "src/tracker", "src/channels", "src/presence"],
    ...["src/transports", "src/cluster", "src/endpoint", "src/observer"],
  ],
  "src/cli": [
    ...["src/core", "src/runtime", "src/otp", "src/pubsub", "src/tracker", "src/channels", "src/presence"],
    ...["src/transports", "src/cluster", "src/endpoint", "src/observer", "src/testing"],
  ],
  workers: ["src/runtime"],
};

/** What a browser client shares has no threads and no sockets in it, nor has anything it imports. */
const sharedWithBrowsers = (file: string): boolean =>
  file.startsWith("src/core/") || file.startsWith("src/client/") || file === "src/channels/protocol.ts";
const threadsAndSockets = new Set([
  ...["node:worker_threads", "node:net", "node:tls", "node:dgram", "node:http", "node:https", "node:http2"],
  ...["node:child_process", "node:cluster", "ws", "piscina"],
]);

const maxLines = 400;
/** Files that may be longer (up to 600 lines), each with the reason. */
const longFiles: Readonly<Record<string, string>> = {};

const root = findRoot();
const sources = readSources(root, ["src", "workers"]);

test("every import of src and workers is allowed by the folder map", () => {
  assert.ok(sources.size > 0, "no sources were found");
  assertNone(layerProblems(sources));
});

test("no file is part of a cycle of imports", () => {
  assertNone(cycleProblems(sources));
});

test("what browsers share reaches neither threads nor sockets", () => {
  assertNone(browserProblems(sources));
});

test(`no file is longer than ${maxLines} lines, unless it is listed here with a reason`, () => {
  assertNone(lengthProblems(sources, longFiles));
});

test("an import that points down the folder map is caught, type or value", () => {
  const problems = layerProblems(
    sourcesOf({
      "src/core/pid.ts": 'import type { Mailbox } from "../runtime/mailbox.js";',
      "src/channels/socket.ts": 'export { WebSocketTransport } from "../transports/websocket.js";',
      "src/transports/websocket.ts": 'const { Channel } = await import("../channels/channel.js");',
      "src/pubsub/pubsub.ts": 'export type Test = import("../testing/clock.js").VirtualClock;',
      "workers/scheduler.ts": 'import { start } from "../src/otp/application.js";',
      "src/runtime/mailbox.ts": "",
      "src/channels/channel.ts": "",
      "src/testing/clock.ts": "",
      "src/otp/application.ts": "",
    }),
  );
  assert.deepEqual(problems, [
    "src/core/pid.ts may not import src/runtime/mailbox.ts",
    "src/channels/socket.ts may not import src/transports/websocket.ts",
    "src/transports/websocket.ts may not import src/channels/channel.ts",
    "src/pubsub/pubsub.ts may not import src/testing/clock.ts",
    "workers/scheduler.ts may not import src/otp/application.ts",
  ]);
});

test("what is behind the runtime's face is caught, and the face itself is not", () => {
  const problems = layerProblems(
    sourcesOf({
      "src/otp/gen-server.ts":
        'import { spawn } from "../runtime/process.js";\nimport { Ring } from "../runtime/ring.js";',
      "src/observer/snapshot.ts": 'import { inspect } from "../runtime/inspect.js";',
      "src/runtime/process.ts": 'import { Ring } from "./ring.js";',
      "src/runtime/ring.ts": "",
      "src/runtime/inspect.ts": "",
    }),
  );
  assert.deepEqual(problems, ["src/otp/gen-server.ts may not import src/runtime/ring.ts"]);
});

test("an import of a door, of a file that is not there, or from outside of the map is caught", () => {
  const problems = layerProblems(
    sourcesOf({
      "src/index.ts": 'export { spawn } from "./runtime/process.js";',
      "src/otp/task.ts": 'import { spawn } from "../index.js";\nimport { start } from "joist";',
      "src/otp/registry.ts": 'import { gone } from "./gone.js";',
      "src/utils/misc.ts": "",
      "src/runtime/process.ts": "",
    }),
  );
  assert.deepEqual(problems, [
    "src/otp/task.ts imports src/index.ts, a door for users of the package: import the file that defines the thing",
    'src/otp/task.ts imports "joist", a door for users of the package: import the file that defines the thing',
    "src/otp/registry.ts imports src/otp/gone.ts, which does not exist",
    "src/utils/misc.ts is in no folder of the folder map",
  ]);
});

test("a cycle of value imports is caught with its way round; type imports make no cycle", () => {
  const cycle = cycleProblems(
    sourcesOf({
      "src/otp/a.ts": 'import { b } from "./b.js";',
      "src/otp/b.ts": 'import { c } from "./c.js";',
      "src/otp/c.ts": 'import { type A, a } from "./a.js";',
    }),
  );
  assert.deepEqual(cycle, ["src/otp/a.ts → src/otp/b.ts → src/otp/c.ts → src/otp/a.ts"]);
  const types = { "src/otp/a.ts": 'import { b } from "./b.js";', "src/otp/b.ts": 'import type { A } from "./a.js";' };
  assert.deepEqual(cycleProblems(sourcesOf(types)), []);
});

test("a thread or socket module is caught behind a file that browsers share", () => {
  const problems = browserProblems(
    sourcesOf({
      "src/channels/protocol.ts": 'import { frame } from "./frame.js";',
      "src/channels/frame.ts": 'import { Socket } from "node:net";',
      "src/core/pid.ts": 'import type { Worker } from "node:worker_threads";',
    }),
  );
  assert.deepEqual(problems, [
    "src/channels/protocol.ts reaches node:net through src/channels/frame.ts",
    "src/core/pid.ts imports node:worker_threads",
  ]);
});

test("a long file is caught, and so is a reason that has outlived its file", () => {
  const long = sourcesOf({ "src/otp/long.ts": "\n".repeat(401), "src/otp/longer.ts": "\n".repeat(601) });
  const problems = lengthProblems(long, { "src/otp/longer.ts": "a state machine", "src/otp/short.ts": "none" });
  assert.deepEqual(problems, [
    "src/otp/long.ts has 401 lines",
    "src/otp/longer.ts has 601 lines",
    "src/otp/short.ts is listed as long, but is not",
  ]);
});

test("imports are read in every form, and not out of comments, strings, templates or regular expressions", () => {
  const text = [
    'import a, { b } from "a";\nimport * as c from \'c\';\nimport "d";\nimport {\n  type E,\n  e,\n} from "e";',
    'import type { F } from "f";\nexport type * from "g";\nexport * as h from "h";\nimport type, { i } from "i";',
    'const j = await import("j");\ntype K = import("k").K;\nlet l: typeof import("l");\nimport m from "m" with { type: "json" };',
    '// import "x1"\n/* import "x2" */\n/** import { x } from "x3" */\nconst s = "import \\"x4\\"";\nconst u = \'from "x5"\';',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a source that holds a template
    'const t = `import "x6" ${n.map((x) => { return `${x} from "x7"`; })} import "x8"`;',
    'const r = /[/"\'`]import "x9"/.test(t) ? a / b / c : `/`;\nexport const from = 1;',
    'import { n } from "n";',
  ].join("\n");
  const read = importsOf(text).map(({ specifier, value }) => (value ? specifier : `type ${specifier}`));
  assert.deepEqual(read.sort(), [
    ...["a", "c", "d", "e", "h", "i", "j", "m", "n"],
    ...["type f", "type g", "type k", "type l"],
  ]);
});

function layerProblems(files: Sources): readonly string[] {
  const problems: string[] = [];
  for (const [file, text] of files) {
    if (isDoor(file)) continue;
    const folder = folderOf(file);
    const allowed = folder === undefined ? undefined : folderMap[folder];
    if (folder === undefined || allowed === undefined) {
      problems.push(`${file} is in no folder of the folder map`);
      continue;
    }
    for (const { specifier } of importsOf(text)) {
      const doorHint = "a door for users of the package: import the file that defines the thing";
      if (/^joist(\/|$)/.test(specifier)) problems.push(`${file} imports "${specifier}", ${doorHint}`);
      if (!specifier.startsWith(".")) continue;
      const target = resolveImport(file, specifier);
      if (!files.has(target)) problems.push(`${file} imports ${target}, which does not exist`);
      else if (isDoor(target)) problems.push(`${file} imports ${target}, ${doorHint}`);
      else if (![folder, ...allowed].some((entry) => target === entry || target.startsWith(`${entry}/`))) {
        problems.push(`${file} may not import ${target}`);
      }
    }
  }
  return problems;
}

/** Each cycle once, from its first file. A type import is no edge: nothing of it is left when modules are evaluated. */
function cycleProblems(files: Sources): readonly string[] {
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start !== -1) problems.push([...path.slice(start), file].join(" → "));
    if (start !== -1 || done.has(file)) return;
    for (const { specifier, value } of importsOf(files.get(file) ?? "")) {
      if (value && specifier.startsWith(".")) visit(resolveImport(file, specifier), [...path, file]);
    }
    done.add(file);
  };
  for (const file of files.keys()) visit(file, []);
  return problems;
}

function browserProblems(files: Sources): readonly string[] {
  const problems: string[] = [];
  for (const entry of files.keys()) {
    if (!sharedWithBrowsers(entry)) continue;
    const seen = new Set([entry]);
    // A Set may grow while it is walked: what is added is visited too.
    for (const file of seen) {
      for (const { specifier, value } of importsOf(files.get(file) ?? "")) {
        if (threadsAndSockets.has(specifier)) {
          problems.push(
            file === entry ? `${entry} imports ${specifier}` : `${entry} reaches ${specifier} through ${file}`,
          );
        } else if (value && specifier.startsWith(".")) seen.add(resolveImport(file, specifier));
      }
    }
  }
  return problems;
}

function lengthProblems(files: Sources, reasons: Readonly<Record<string, string>>): readonly string[] {
  const lines = (file: string): number => (files.get(file) ?? "").split("\n").length - 1;
  const tooLong = [...files.keys()].filter((file) => lines(file) > (file in reasons ? 600 : maxLines));
  const outlived = Object.keys(reasons).filter((file) => lines(file) <= maxLines);
  return [
    ...tooLong.map((file) => `${file} has ${lines(file)} lines`),
    ...outlived.map((file) => `${file} is listed as long, but is not`),
  ];
}

function isDoor(file: string): boolean {
  return /^src\/(.*\/)?index\.ts$/.test(file);
}

function folderOf(file: string): string | undefined {
  return Object.keys(folderMap).find((folder) => file.startsWith(`${folder}/`));
}

function sourcesOf(files: Readonly<Record<string, string>>): Sources {
  return new Map(Object.entries(files));
}

function assertNone(problems: readonly string[]): void {
  assert.equal(problems.length, 0, `\n  ${problems.join("\n  ")}`);
}
