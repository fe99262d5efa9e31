import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { findRoot } from "../architecture/imports.js";
import { channelsApp } from "../support/app.js";

const entry = new URL("../../src/index.js", import.meta.url).href;

const program = `
  import { start } from "joist";
  const app = await start(${JSON.stringify(channelsApp.href)}, { schedulers: 1 });
  if ((await app.call("counter", "add", 1)) !== 1) throw new Error("the counter does not count");
  await app.stop();
`;

/** Runs it in an OS process of its own; throws unless that exits with 0. */
function run(flags: readonly string[], input?: string): void {
  const options = { cwd: findRoot(), timeout: 60_000, ...(input === undefined ? {} : { input }) };
  execFileSync(process.execPath, flags, { ...options, stdio: "pipe" });
}

test("a program given on the command line can start an application", () => {
  run(["--input-type=module", "-e", program]);
});

test("a program run with flags of V8 can start an application", () => {
  const source = `data:text/javascript,${encodeURIComponent(program.replace('"joist"', JSON.stringify(entry)))}`;
  run(["--expose-gc", "--max-old-space-size=200", "-e", `import(${JSON.stringify(source)})`]);
});
