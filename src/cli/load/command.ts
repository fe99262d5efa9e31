/** `joist load`: reads the options, runs, and says what came of it. */
import { writeFileSync } from "node:fs";
import type { CommandIo } from "../io.js";
import { LOAD_HELP, parseLoadOptions } from "./options.js";
import { reportLines } from "./report.js";
import { hasFailed } from "./result.js";
import { runLoad } from "./run.js";

/** @returns The exit code: 0; 1 if anything failed; 2 for wrong options. */
export async function loadCommand(args: readonly string[], { out, problem, signal }: CommandIo): Promise<number> {
  const options = parseLoadOptions(args);
  if (options === "help") {
    out(LOAD_HELP);
    return 0;
  }
  if ("problem" in options) {
    problem(`joist load: ${options.problem}`);
    return 2;
  }
  const { json, quiet } = options;
  // Before the run: its result should not be lost for a folder that is not there.
  if (json !== null && json !== "-") {
    try {
      writeFileSync(json, "");
    } catch (error) {
      problem(`joist load: --json can't write "${json}": ${(error as Error).message}`); // node:fs throws nothing else
      return 2;
    }
  }
  const result = await runLoad(options, { signal, ...(quiet ? {} : { progress: problem }) });
  const text = JSON.stringify(result, null, 2);
  if (json === "-") out(text);
  else {
    if (json !== null) writeFileSync(json, `${text}\n`);
    out(reportLines(result, options).join("\n"));
  }
  return hasFailed(result) ? 1 : 0;
}
