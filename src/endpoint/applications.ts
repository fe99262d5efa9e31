/**
 * The running applications: OTP's application controller. On the I/O thread; each application's root supervisor runs there
 * too, its callbacks and children on schedulers.
 *
 * ```
 *   start, in order:   start callback ──► tree        (a failure: what has started is stopped)
 *   stop, in reverse:  prepStop ──► tree ──► stop callback
 *   a root ends:       prepStop, stop callback, and what its restart type says about the others
 * ```
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ExitReason, formatReason } from "../core/exit-reason.js";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import { RestartType } from "../otp/child-spec.js";
import { startProcess } from "../otp/start.js";
import { supervisor } from "../otp/supervisor.js";
import type { Port } from "../runtime/process.js";
import type { Runtime } from "../runtime/runtime.js";
import type { ApplicationManifest } from "./application.js";
import type { CallbackName } from "./callbacks.js";

/** Whether the end of an application is the end of all. OTP's rule: a supervisor that gave up ends with `shutdown`. */
export function endsAll(restart: RestartType, reason: ExitReason): boolean {
  return restart === RestartType.permanent || (restart === RestartType.transient && reason !== "normal");
}

interface Running {
  readonly manifest: ApplicationManifest;
  readonly root: Pid;
  readonly rootGone: Promise<void>;
  readonly onRootGone: () => void;
  state: unknown;
  /** Set once its end has begun, whoever began it. */
  ended: Promise<void> | null;
}

export class Applications {
  /** Settles with the reason when an application's end is to end all. */
  readonly mustStop: Promise<string>;
  readonly #runtime: Runtime;
  readonly #watch: Port;
  readonly #started: Running[] = [];
  #fault: string | null = null;
  #settleMustStop: (message: string) => void = () => {};

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.mustStop = new Promise((resolve) => {
      this.#settleMustStop = resolve;
    });
    const message = (received: unknown): void => {
      if (isDown(received)) this.#rootDown(received.from as Pid, received.reason); // a pid: roots are watched by theirs
    };
    this.#watch = runtime.openPort({ message }, "application watch");
  }

  /** Those that run, in the order they were started. */
  get names(): readonly string[] {
    return this.#started.filter(({ ended }) => ended === null).map(({ manifest }) => manifest.name);
  }

  /**
   * Starts applications one after the other.
   *
   * @throws RuntimeError `startFailed` if one of them cannot be started, or ends already; those before it are still to stop.
   */
  async start(manifests: readonly ApplicationManifest[]): Promise<void> {
    for (const manifest of manifests) {
      await this.#start(manifest);
      if (this.#fault !== null) throw new RuntimeError(ErrorCode.startFailed, this.#fault);
    }
  }

  /** Stops all, in reverse order of their start. */
  async stop(): Promise<void> {
    for (const running of this.#started.toReversed()) await this.#end(running);
  }

  async #start(manifest: ApplicationManifest): Promise<void> {
    const { name } = manifest;
    const begun = await this.#call(manifest, "start", undefined);
    if (begun[0] === "error") throw notStarted(`application "${name}" could not be started`, begun[1]);
    const [, state] = begun;
    const root = await this.#startRoot(manifest);
    if (root[0] === "error") {
      await this.#call(manifest, "stop", state); // what its start made, its stop takes away
      throw notStarted(`the children of application "${name}" could not be started`, root[1]);
    }
    let onRootGone = (): void => {};
    const rootGone = new Promise<void>((resolve) => {
      onRootGone = resolve;
    });
    this.#started.push({ manifest, root: root[1], rootGone, onRootGone, state, ended: null });
    this.#watch.monitor(root[1]); // last: the DOWN of a dead one comes at once
  }

  async #startRoot({ name, supervisor: options }: ApplicationManifest): Promise<["ok", Pid] | ["error", ExitReason]> {
    const starting = { link: false, label: name };
    const result = await this.#runtime.asHost(() => startProcess(supervisor(options), [undefined], starting));
    switch (result[0]) {
      case "ok":
        return ["ok", result[1]];
      case "ignore":
        return ["error", "ignored"];
      case "error":
        return ["error", result[1]];
    }
  }

  #rootDown(root: Pid, reason: ExitReason): void {
    const running = this.#started.find((started) => started.root === root);
    if (running === undefined) return;
    running.onRootGone();
    if (running.ended !== null) return;
    const { name, restart } = running.manifest;
    const message = `the supervisor of application "${name}" gave up: ${formatReason(reason)}`;
    const all = endsAll(restart, reason);
    this.#watch.notice(all ? `stopping: ${message}` : `${message}; it is ${restart}, the others live on`);
    void this.#end(running);
    if (!all) return;
    this.#fault ??= message;
    this.#settleMustStop(message);
  }

  /** Ends an application, or waits for its end if that has begun. */
  #end(running: Running): Promise<void> {
    running.ended ??= this.#stopOne(running);
    return running.ended;
  }

  async #stopOne(running: Running): Promise<void> {
    const { manifest, root, rootGone } = running;
    const prepared = await this.#call(manifest, "prepStop", running.state);
    // Sent by its parent: a supervisor obeys nobody else.
    this.#runtime.exitAsHost(root, "shutdown");
    await rootGone;
    // A callback that crashed has been reported; the state is then what it was.
    await this.#call(manifest, "stop", prepared[0] === "ok" ? prepared[1] : running.state);
  }

  /** Runs a callback in a process of its own on a scheduler; one that is not there changes nothing. */
  async #call(
    { callbacks, name }: ApplicationManifest,
    callback: CallbackName,
    state: unknown,
  ): Promise<readonly ["ok", unknown] | readonly ["error", ExitReason]> {
    const key = callbacks[callback];
    if (key === undefined) return ["ok", state];
    const options = { link: false, scheduler: "least_loaded", label: `${name}: ${callback}` } as const;
    if (this.#runtime.isStopping) return ["error", "shutdown"];
    const result = await this.#runtime.asHost(() => startProcess(key, [state], options));
    return result as readonly ["ok", unknown] | readonly ["error", ExitReason]; // what CallbackProcess acknowledges
  }
}

function notStarted(what: string, reason: ExitReason): RuntimeError {
  return new RuntimeError(ErrorCode.startFailed, `${what}: ${formatReason(reason)}`, { cause: reason });
}
