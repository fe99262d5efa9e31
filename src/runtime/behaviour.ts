/**
 * What a process runs. A *definition* makes a *behaviour* when the process begins; the scheduler then gives it one message
 * at a time. `genServer`, `supervisor`, `channel` and `proc` are definitions; users meet only those.
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";
import type { ShownStatus } from "../core/shown-status.js";
import type { Isolation } from "./isolation.js";

/** The inside of one running process. Created by {@link Definition.boot} in the process itself. */
export interface Behaviour {
  /** Handles one message. A returned promise holds the process (not the thread) until it settles. */
  handle(message: unknown): void | PromiseLike<void>;
  /**
   * Runs once, after whoever waited for the start was told that it went well and before the first message. OTP's
   * `handle_continue` out of `init` runs here.
   */
  started?(): void | PromiseLike<void>;
  /**
   * Handles raw data from a port (see {@link PortHandler}): text or bytes, kept apart from messages so none is mistaken.
   *
   * @param arrivedMs - When it came into the mailbox, if {@link timesData} held then; else 0.
   */
  data?(data: string | Uint8Array, arrivedMs: number): void | PromiseLike<void>;
  /** Whether it wants to know when data arrived: a look at the clock for each. */
  readonly timesData?: boolean;
  /**
   * The process's last word, asked once when it ends by something thrown: an error, a rejection, a stray error, or
   * `exit(reason)`, which is how a behaviour stops itself. Answers the reason to end with. Not asked on exit signals:
   * those end a process without its consent.
   */
  terminate?(reason: ExitReason): ExitReason | PromiseLike<ExitReason>;
  /** Its state, for whoever looks at it: crash reports, `sys.getState`. */
  state?(): unknown;
  /** What to show people of its state, message and reason, where that is not all of it; see `core/shown-status.ts`. */
  readonly formatStatus?: ((status: ShownStatus) => Partial<ShownStatus>) | undefined;
  /** What to show people of a message or of data it handles, where that is not all of it; see `black-box.ts`. */
  showMessage?(message: unknown): unknown;
  /** A process that is one long function: it lives until this settles, and takes its messages with `receive`. */
  readonly done?: PromiseLike<unknown>;
}

/** Makes behaviours. Users name definitions in other threads by their place in the application module's exports. */
export interface Definition<Args extends readonly unknown[] = readonly unknown[]> {
  /** What it is, for labels and errors: `"genServer"`, `"channel"` … */
  readonly kind: string;
  /** How far apart from others its instances run. @defaultValue `"shared"` */
  readonly isolation?: Isolation | undefined;
  /** Runs as the first turn of the new process, so a throw in here is that process's crash. */
  boot(...args: Args): Behaviour | PromiseLike<Behaviour>;
}

/**
 * The inside of a *port*: an address owned by the runtime's own code (a connection, a service of a thread), which acts at
 * once when something arrives, with no mailbox and no turn. Never user code: it would run on the sender's time.
 * The idea is Erlang's ports, which are what its sockets are. https://www.erlang.org/doc/system/ports.html
 */
export interface PortHandler {
  message?(message: unknown): void;
  data?(data: string | Uint8Array): void;
  /** An exit signal; a port without this handler ends as a process would. */
  exit?(from: Pid, reason: ExitReason): void;
}

export function isDefinition(value: unknown): value is Definition {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { kind?: unknown }).kind === "string" &&
    typeof (value as { boot?: unknown }).boot === "function"
  );
}
