import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { findRoot } from "../architecture/imports.js";
import { channelsApp } from "../support/app.js";

/** Throws unless the program exits with 0. */
function run(program: string, ...flags: string[]): void {
  const options = { cwd: findRoot(), stdio: "pipe", timeout: 60_000 } as const;
  execFileSync(process.execPath, [...flags, "-e", program], options);
}

test("a program given on the command line can start an application", () => {
  run(
    `
      import { start } from "joist";
      const app = await start(${JSON.stringify(channelsApp.href)}, { schedulers: 1 });
      if ((await app.call("counter", "add", 1)) !== 1) throw new Error("the counter does not count");
      await app.stop();
    `,
    "--input-type=module",
  );
});

test("a program that runs with flags of V8 can start an application", () => {
  run(
    `import("joist").then(async ({ start }) => {
      await (await start(${JSON.stringify(channelsApp.href)}, { schedulers: 1 })).stop();
    })`,
    "--max-old-space-size=512",
    "--expose-gc",
  );
});
