/**
 * The callbacks of an application: what is done before its tree starts and around its end. Each runs in a process of its own
 * on a scheduler; what one makes goes to the next as plain data, so no thread has to live as long as the application.
 */
import { isThenable } from "../core/thenable.js";
import { acknowledge, type Behaviour, type Definition, exit } from "../runtime/process.js";

/**
 * OTP's callbacks of an application, where the tree itself is given as `children`. `S` is the application's state: plain
 * data, as it is copied between threads.
 *
 * @see https://www.erlang.org/doc/apps/kernel/application.html#callbacks
 */
export interface ApplicationCallbacks<S> {
  /** Runs before the children start, when all dependencies are up. What it returns is the state. A throw: the start fails. */
  readonly start?: () => S | PromiseLike<S>;
  /** Runs before the children are stopped, or when the supervisor gave up. It may return a new state. */
  readonly prepStop?: (state: S) => S | void | PromiseLike<S | void>;
  /** Runs when the children have stopped; also if they could not be started. */
  readonly stop?: (state: S) => unknown;
}

export type CallbackName = "start" | "prepStop" | "stop";

/** Runs a callback with the state it is booted with, acknowledges `["ok", newState]`, and is gone. */
export class CallbackProcess implements Definition<readonly [unknown]> {
  readonly kind = "applicationCallback";
  readonly #run: (state: unknown) => unknown;

  constructor(run: (state: unknown) => unknown) {
    this.#run = run;
  }

  async boot(state: unknown): Promise<Behaviour> {
    const returned = this.#run(state);
    const made = isThenable(returned) ? await returned : returned;
    const next = made === undefined ? state : made;
    structuredClone(next); // what cannot be copied is this callback's crash, and not lost on its way
    acknowledge(["ok", next]);
    return exit("normal");
  }
}
