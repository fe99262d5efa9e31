/**
 * Dispatchers: how a message gets from a broadcast to its subscribers, if not by just sending it. Phoenix.PubSub's
 * dispatcher module, as a definition, since a function cannot cross threads.
 *
 * ```ts
 * export const ToAdmins = dispatcher((entries, from, message) => {
 *   for (const { pid, metadata } of entries) if (pid !== from && metadata === "admin") send(pid, message);
 * });
 *
 * PubSub.subscribe("alerts", { metadata: "admin" });
 * PubSub.broadcast("alerts", { disk: "full" }, ToAdmins);
 * ```
 *
 * It runs once on each thread that has subscribers of the topic, with those of that thread, in a process of its own there:
 * a throw ends that process, which the next broadcast finds replaced, and nobody else. In Phoenix it runs in the publisher.
 *
 * @see https://hexdocs.pm/phoenix_pubsub/Phoenix.PubSub.html#module-custom-dispatching
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import { type Behaviour, type Definition, definitionOf } from "../runtime/process.js";

/** One subscription of a process. */
export interface DispatchEntry {
  readonly pid: Pid;
  /** What it subscribed with; `null` if nothing. */
  readonly metadata: unknown;
}

/** @param from - Who published it, for it to be left out; `null` if nobody is to be left out. */
export type Dispatch = (entries: readonly DispatchEntry[], from: Pid | null, message: unknown) => void;

/** What a dispatch process is sent. */
export type DispatchRequest = readonly [
  key: string,
  entries: readonly DispatchEntry[],
  from: Pid | null,
  message: unknown,
];

export class Dispatcher implements Definition {
  // A definition, so that it is named in other threads as processes are; it is none.
  readonly kind = "dispatcher";
  readonly dispatch: Dispatch;

  constructor(dispatch: Dispatch) {
    this.dispatch = dispatch;
  }

  boot(): never {
    throw new RuntimeError(ErrorCode.badArgument, "a dispatcher is no process: give it to PubSub.broadcast");
  }
}

/** Defines a dispatcher. Export it from the application module. */
export function dispatcher(dispatch: Dispatch): Dispatcher {
  return new Dispatcher(dispatch);
}

/** The process that runs the dispatchers of one thread, one message after the other. */
export const dispatchProcess: Definition = {
  kind: "pubsub dispatch",
  boot: (): Behaviour => ({
    handle(request) {
      const [key, entries, from, message] = request as DispatchRequest; // only the service knows this process
      const found = definitionOf(key);
      if (!(found instanceof Dispatcher)) {
        throw new RuntimeError(ErrorCode.badArgument, `"${key}" is a ${found.kind}, not a dispatcher`);
      }
      found.dispatch(entries, from, message);
    },
  }),
};
