/**
 * The process of an adapter. It knows from the services of all threads (`topics.ts`) who wants which topic, and tells the
 * adapter about the first and the last of them.
 *
 * ```
 *   start    "adapter" to every service; each answers "wanted" with its topics, and from then on with what changes
 *   publish  the service of the publisher's thread, when it has handed the message out there, sends it here, too
 *   death    a service that is gone (its thread is) wants nothing any more; when this process goes, the services see that
 *            and send nothing, until its successor says "adapter" again
 * ```
 */
import { AsyncResource } from "node:async_hooks";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { Exit, type ExitReason } from "../core/exit-reason.js";
import { isDown, isExit } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import { isThenable } from "../core/thenable.js";
import { type ChildOptions, type ChildSpec, childSpec } from "../otp/child-spec.js";
import {
  type Behaviour,
  type Definition,
  monitor,
  parent,
  peers,
  self,
  send,
  service,
  trapExit,
} from "../runtime/process.js";
import type { Adapter, AdapterInit, AdapterNode } from "./adapter.js";
import type { AdapterMessage } from "./adapter-link.js";
import { checkEnvelope } from "./envelope.js";
import { checkTopic, deliverHere } from "./pubsub.js";
import { PUBSUB, type PubSubRequest } from "./topics.js";

export class PubSubAdapter<Options> implements Definition<readonly [Options]> {
  readonly kind = "pubsub adapter";
  readonly #init: AdapterInit<Options>;

  constructor(init: AdapterInit<Options>) {
    this.#init = init;
  }

  async boot(options: Options): Promise<Behaviour> {
    trapExit(true); // so that it can take leave of its broker when its supervisor stops it
    const adapter = await this.#init(options, nodeOf());
    if (typeof adapter?.nodeName !== "string" || adapter.nodeName === "") {
      const name = String(adapter?.nodeName);
      throw new RuntimeError(ErrorCode.badReturn, `an adapter needs a nodeName, a non-empty string; it has ${name}`);
    }
    return new AdapterProcess(adapter);
  }

  /** The specification of the adapter as a supervisor's child. A runtime has one adapter; of two, the last counts. */
  child(options: Options, childOptions: ChildOptions = {}): ChildSpec {
    return childSpec(this, [options], childOptions);
  }
}

/** Defines an adapter. Export it from the application module, and put `.child(options)` among the children. */
export function pubsubAdapter<Options>(init: AdapterInit<Options>): PubSubAdapter<Options> {
  return new PubSubAdapter(init);
}

/** Drivers call back from anywhere: what they call is bound to this process. */
function nodeOf(): AdapterNode {
  const deliver = AsyncResource.bind((topic: string, envelope: unknown): void => {
    const checked = checkEnvelope(envelope);
    checkTopic(topic);
    try {
      deliverHere(topic, checked);
    } catch (error) {
      // A driver may not know yet that its process is gone.
      if (!(error instanceof RuntimeError) || error.code !== ErrorCode.processExited) throw error;
    }
  });
  return { deliver: (topic, envelope) => deliver(topic, envelope) };
}

class AdapterProcess implements Behaviour {
  readonly #adapter: Adapter;
  /** Topic → services whose threads have subscribers. */
  readonly #wanted = new Map<string, Set<Pid>>();
  readonly #services = new Set<Pid>();

  constructor(adapter: Adapter) {
    this.#adapter = adapter;
    const hello: PubSubRequest = ["adapter", self(), adapter.nodeName];
    send(service(PUBSUB), hello);
    for (const pid of peers(PUBSUB)) send(pid, hello);
  }

  handle(received: unknown): void {
    if (isDown(received) && this.#services.has(received.from as Pid)) return this.#down(received.from as Pid);
    if (isExit(received) && received.from === parent()) throw new Exit(received.reason);
    if (!isAdapterMessage(received)) return void this.#adapter.handleInfo?.(received);
    switch (received[1]) {
      case "wanted":
        return this.#want(received[2], received[3]);
      case "unwanted":
        return this.#unwant(received[2], received[3]);
      case "broadcast":
        return void this.#adapter.broadcast(received[2], received[3]);
      case "direct":
        return this.#direct(received[2], received[3], received[4]);
    }
  }

  terminate(reason: ExitReason): ExitReason | PromiseLike<ExitReason> {
    const ended = this.#adapter.terminate?.(reason);
    return isThenable(ended) ? ended.then(() => reason) : reason;
  }

  #want(by: Pid, topics: readonly string[]): void {
    if (!this.#services.has(by)) {
      this.#services.add(by);
      monitor(by);
    }
    for (const topic of topics) {
      const services = this.#wanted.get(topic);
      if (services !== undefined) services.add(by);
      else {
        this.#wanted.set(topic, new Set([by]));
        this.#adapter.subscribe(topic);
      }
    }
  }

  #unwant(by: Pid, topic: string): void {
    const services = this.#wanted.get(topic);
    if (!services?.delete(by) || services.size > 0) return;
    this.#wanted.delete(topic);
    this.#adapter.unsubscribe(topic);
  }

  #direct(node: string, topic: string, envelope: Parameters<Adapter["broadcast"]>[1]): void {
    if (node === this.#adapter.nodeName) deliverHere(topic, envelope);
    else this.#adapter.directBroadcast(node, topic, envelope);
  }

  #down(by: Pid): void {
    this.#services.delete(by);
    for (const topic of [...this.#wanted.keys()]) this.#unwant(by, topic);
  }
}

function isAdapterMessage(message: unknown): message is AdapterMessage {
  return Array.isArray(message) && message[0] === "$pubsub";
}
