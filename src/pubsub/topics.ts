/**
 * One thread's half of PubSub: topic → subscribers of this thread. A service: every thread has one. Others post to it only
 * what somebody here may want (`interest.ts`), so a message crosses to a thread once, however many listen there.
 *
 * Each subscriber decides what delivery means: a process gets a message, a channel's connection writes a frame. That is
 * Phoenix's dispatcher, as an object of the receiving thread instead of a module that all must have.
 */
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Port, PortHandler, Service } from "../runtime/process.js";
import { Broadcast } from "./broadcast.js";

/** The name of the service. */
export const PUBSUB = "pubsub";

export interface Subscriber {
  /** Whom `broadcastFrom` of this process leaves out. */
  readonly pid: Pid;
  /** Takes a broadcast event, or any other published message. */
  deliver(published: Broadcast | Plain): void;
}

/** A published message that is no event: any term. */
export class Plain {
  readonly message: unknown;

  constructor(message: unknown) {
    this.message = message;
  }
}

/** What `pubsub.ts` sends to the service. */
export type PubSubRequest =
  | readonly ["subscribe", topic: string, pid: Pid, events: readonly string[] | null]
  | readonly ["unsubscribe", topic: string, pid: Pid]
  | readonly ["event", topic: string, publisher: Pid, except: boolean, event: string, payload: string | Uint8Array]
  | readonly ["message", topic: string, publisher: Pid, except: boolean, message: unknown];

export class Topics implements PortHandler {
  readonly #port: () => Port;
  readonly #topics = new Map<string, Set<Subscriber>>();
  /** Subscribed processes: their subscriptions go when they do. */
  readonly #processes = new Map<Pid, { readonly ref: Ref; readonly subscriptions: Map<string, Set<Subscriber>> }>();

  constructor(port: () => Port) {
    this.#port = port;
  }

  /** Adds a subscriber of this thread. Added twice under two objects, it gets everything twice, as in Phoenix. */
  add(topic: string, subscriber: Subscriber): void {
    let subscribers = this.#topics.get(topic);
    if (subscribers === undefined) {
      subscribers = new Set();
      this.#topics.set(topic, subscribers);
      this.#port().addInterest(topic);
    }
    subscribers.add(subscriber);
  }

  remove(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#topics.get(topic);
    if (!subscribers?.delete(subscriber) || subscribers.size > 0) return;
    this.#topics.delete(topic);
    this.#port().removeInterest(topic);
  }

  /** Subscribers of a topic on this thread. */
  count(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0;
  }

  message(message: unknown): void {
    if (isDown(message)) return this.#forget(message.from as Pid); // monitors here are set on pids
    const request = message as PubSubRequest | readonly ["opened"]; // only pubsub.ts sends here
    switch (request[0]) {
      case "opened":
        return;
      case "subscribe":
        return this.#subscribe(request[1], request[2], request[3]);
      case "unsubscribe":
        return this.#unsubscribe(request[1], request[2]);
      case "event": {
        const [, topic, publisher, except, event, payload] = request;
        return this.#dispatch(topic, publisher, except, new Broadcast(topic, event, payload, publisher));
      }
      case "message": {
        const [, topic, publisher, except, plain] = request;
        return this.#dispatch(topic, publisher, except, new Plain(plain));
      }
    }
  }

  #dispatch(topic: string, publisher: Pid, except: boolean, published: Broadcast | Plain): void {
    const subscribers = this.#topics.get(topic);
    if (subscribers === undefined) return; // the filter's false alarm, or they have just left
    let fault: unknown;
    for (const subscriber of subscribers) {
      if (except && subscriber.pid === publisher) continue;
      try {
        subscriber.deliver(published);
      } catch (error) {
        fault ??= error; // a fault of our own; the others must not miss a message for it
      }
    }
    if (fault !== undefined) throw fault;
  }

  #subscribe(topic: string, pid: Pid, events: readonly string[] | null): void {
    let process = this.#processes.get(pid);
    if (process === undefined) {
      process = { ref: this.#port().monitor(pid), subscriptions: new Map() };
      this.#processes.set(pid, process);
    }
    const port = this.#port();
    const subscriber: Subscriber = {
      pid,
      deliver(published) {
        if (published instanceof Plain) port.send(pid, published.message);
        else if (events === null || events.includes(published.event)) port.send(pid, published.message);
      },
    };
    const own = process.subscriptions.get(topic);
    if (own === undefined) process.subscriptions.set(topic, new Set([subscriber]));
    else own.add(subscriber);
    this.add(topic, subscriber);
  }

  #unsubscribe(topic: string, pid: Pid): void {
    const process = this.#processes.get(pid);
    for (const subscriber of process?.subscriptions.get(topic) ?? []) this.remove(topic, subscriber);
    process?.subscriptions.delete(topic);
    if (process === undefined || process.subscriptions.size > 0) return;
    this.#port().demonitor(process.ref);
    this.#processes.delete(pid);
  }

  #forget(pid: Pid): void {
    for (const [topic, subscribers] of this.#processes.get(pid)?.subscriptions ?? []) {
      for (const subscriber of subscribers) this.remove(topic, subscriber);
    }
    this.#processes.delete(pid);
  }
}

/** The service that every thread runs. */
export const pubsubService: Service = { name: PUBSUB, open: (port) => new Topics(port) };
