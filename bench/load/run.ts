/**
 * One run: a fresh server, a fresh generator, one scenario. Both are OS processes of ours, end in any case before this
 * resolves, and end by themselves if we are gone.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { LoadAnswer, LoadOrder } from "./generator.js";
import { type Measured, STRETCH, type Times } from "./measurement.js";
import type { Scenario, ServerName } from "./scenarios.js";

/** Beyond the times of the measurement: starting, connecting, joining. */
const RUN_EXTRA_MS = 60_000;
/** And for each connection: a hundred a second are joined in any case. */
const JOIN_MS = 10;
/** What a server has to end by itself, and to write its profile. */
const STOP_MS = 10_000;

/** Which processors are whose; `null` where they can't be parted. */
export interface Processors {
  readonly servers: string;
  readonly generator: string;
}

/** The last processor for the generator, the others for the servers, if there is more than one, and `taskset`. */
export function partProcessors(): Processors | null {
  const count = availableParallelism();
  if (count < 2 || spawnSync("taskset", ["-c", `${count - 1}`, "true"]).status !== 0) return null;
  return { servers: count === 2 ? "0" : `0-${count - 2}`, generator: `${count - 1}` };
}

export interface RunSetup {
  readonly processors: Processors | null;
  readonly times: Times;
  /** Where the server's CPU profiles go; `null`: none are made. */
  readonly profiles: string | null;
}

/** Measures one server in one scenario. Rejects with what went wrong. */
export async function run(scenario: Scenario, server: ServerName, setup: RunSetup): Promise<Measured> {
  const { processors, times, profiles } = setup;
  const flags = profiles === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profiles}`];
  const crashing = scenario.kind === "echo" && scenario.crashesPerSecond !== undefined;
  const serving = start({
    ...{ file: `servers/${server}.js`, flags, processors: processors?.servers },
    args: [`${scenario.schedulers ?? ""}`, `${scenario.ioThreads ?? 1}`],
    // What crashes is reported, as ever; only nobody has to read it.
    stderr: crashing ? "ignore" : "inherit",
  });
  const generating = start({ file: "generator.js", processors: processors?.generator });
  try {
    const { port } = (await nextMessage(serving, RUN_EXTRA_MS, `the server ${server}`)) as { port: number };
    const order: LoadOrder = { scenario, server, port, pid: serving.pid as number, times };
    generating.send(order);
    const limitMs = (times.warmUpMs + times.windowMs) * STRETCH + RUN_EXTRA_MS + scenario.connections * JOIN_MS;
    const answer = (await nextMessage(generating, limitMs, "the load generator")) as LoadAnswer;
    if ("problem" in answer) throw new Error(answer.problem);
    return answer.measured;
  } finally {
    generating.kill("SIGKILL");
    await stop(serving);
  }
}

interface Start {
  readonly file: string;
  /** Of Node.js. */
  readonly flags?: readonly string[];
  readonly args?: readonly string[];
  readonly processors: string | undefined;
  readonly stderr?: "inherit" | "ignore";
}

function start({ file, flags = [], args: own = [], processors, stderr = "inherit" }: Start): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const command = [process.execPath, ...flags, path, ...own];
  // taskset becomes the program it starts, so the pid is that of Node.js.
  const [program = "", ...args] = processors === undefined ? command : ["taskset", "-c", processors, ...command];
  return spawn(program, args, { stdio: ["ignore", "ignore", stderr, "ipc"] });
}

function nextMessage(child: ChildProcess, timeoutMs: number, who: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${who} said nothing for ${timeoutMs} ms`)), timeoutMs);
    const gone = (code: number | null, signal: string | null): void => {
      clearTimeout(timer);
      reject(new Error(`${who} ended with ${code ?? signal}`));
    };
    child.once("exit", gone);
    child.once("message", (message) => {
      clearTimeout(timer);
      child.off("exit", gone);
      resolve(message);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  if (child.connected) child.send("stop");
  await ended;
  clearTimeout(timer);
}
