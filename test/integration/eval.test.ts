import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { findRoot } from "../architecture/imports.js";
import { channelsApp } from "../support/app.js";

test("a program given on the command line can start an application", () => {
  const program = `
    import { start } from "joist";
    const app = await start(${JSON.stringify(channelsApp.href)}, { schedulers: 1 });
    if ((await app.call("counter", "add", 1)) !== 1) throw new Error("the counter does not count");
    await app.stop();
  `;
  const options = { cwd: findRoot(), stdio: "pipe", timeout: 60_000 } as const;
  execFileSync(process.execPath, ["--input-type=module", "-e", program], options); // throws unless it exits with 0
});
