/** The commands of `joist`, by name. */
import { readFileSync } from "node:fs";
import type { CommandIo } from "./io.js";
import { loadCommand } from "./load/command.js";

export const HELP = `joist COMMAND [OPTIONS]

  load URL     puts load on a server that speaks Phoenix Channels: joist load --help

  --version    which version this is
  --help       this text`;

/** Runs the command that the arguments name. @returns The exit code. */
export async function runCommand(args: readonly string[], io: CommandIo): Promise<number> {
  const [command, ...rest] = args;
  if (command === "load") return await loadCommand(rest, io);
  if (command === "--help") io.out(HELP);
  else if (command === "--version") io.out(version());
  else {
    io.problem(
      command === undefined ? HELP : `joist: there is no command "${command}", only: load; joist --help tells more.`,
    );
    return 2;
  }
  return 0;
}

function version(): string {
  // From dist/src/cli, in this repository as in the installed package.
  const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
