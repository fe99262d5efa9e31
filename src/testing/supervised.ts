/** Processes that live as long as their test: ExUnit's `start_supervised`. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { formatReason } from "../core/exit-reason.js";
import { isPid, type Pid } from "../core/pid.js";
import { type ChildSpecInput, resolveChildSpec } from "../otp/child-spec.js";
import { stopServer } from "../otp/gen-server-calls.js";
import { startProcess } from "../otp/start.js";
import { supervisor } from "../otp/supervisor.js";
import { deleteChild, startChild, terminateChild, whichChildren } from "../otp/supervisor-api.js";
import type { Definition } from "../runtime/process.js";

/** What `child(…)` of a definition makes: every kind has it. */
export interface Supervisable<Args extends readonly unknown[]> {
  child(...args: Args): ChildSpecInput;
}

/** The test supervisor of ExUnit gives up as late: a test that wants to see a crash should see it. */
const MAX_RESTARTS = 1_000_000;
const MAX_SECONDS = 1;

export class Supervised {
  readonly #run: <T>(action: () => T) => T;
  readonly #findKey: (definition: Definition) => string | undefined;
  readonly #ids = new Set<string>();
  #supervisor: Promise<Pid> | null = null;

  /**
   * @param run - Runs an action as the test.
   * @param findKey - The key of a definition in the application module: other threads know it by that only.
   */
  constructor(run: <T>(action: () => T) => T, findKey: (definition: Definition) => string | undefined) {
    this.#run = run;
    this.#findKey = findKey;
  }

  async start(input: ChildSpecInput): Promise<Pid> {
    const spec = resolveChildSpec(input);
    let { id } = spec;
    for (let n = 2; this.#ids.has(id); n++) id = `${spec.id} ${n}`;
    this.#ids.add(id);
    this.#supervisor ??= this.#startSupervisor();
    const parent = await this.#supervisor;
    const { definition } = spec.start;
    const key = typeof definition === "string" ? definition : this.#findKey(definition as Definition); // only looked up
    const start = { ...spec.start, definition: key ?? definition };
    const result = await this.#run(() => startChild(parent, { ...spec, id, start }));
    if (result[0] === "ok" && result[1] !== undefined) return result[1];
    this.#ids.delete(id);
    if (result[0] === "ok") await this.#run(() => deleteChild(parent, id)); // it ignored its start
    const why = result[0] === "error" ? formatReason(result[1]) : "it ignored its start";
    throw new RuntimeError(ErrorCode.startFailed, `child "${id}" could not be started: ${why}`, {
      cause: result[0] === "error" ? result[1] : "ignore",
    });
  }

  /** @throws RuntimeError `noProcess` if there is no such child. */
  async stop(child: Pid | string): Promise<void> {
    const parent = await this.#supervisor;
    const children = parent === null ? [] : await this.#run(() => whichChildren(parent));
    const found = children.find(({ id, pid }) => (isPid(child) ? pid === child : id === child));
    if (parent === null || found?.id === undefined) {
      throw new RuntimeError(ErrorCode.noProcess, `the test supervises no "${child}"`);
    }
    const { id } = found;
    await this.#run(() => terminateChild(parent, id));
    await this.#run(() => deleteChild(parent, id));
    this.#ids.delete(id);
  }

  /** Stops them in reverse order of their start, each as its `shutdown` says. */
  async stopAll(): Promise<void> {
    const parent = await this.#supervisor;
    if (parent !== null) await this.#run(() => stopServer(parent, "shutdown", Number.POSITIVE_INFINITY));
  }

  async #startSupervisor(): Promise<Pid> {
    const definition = supervisor({ children: [], maxRestarts: MAX_RESTARTS, maxSeconds: MAX_SECONDS });
    const starting = { link: false, label: "test supervisor" };
    const result = await this.#run(() => startProcess(definition, [undefined], starting));
    if (result[0] === "ok") return result[1];
    throw new RuntimeError(ErrorCode.startFailed, "the test supervisor could not be started", { cause: result });
  }
}
