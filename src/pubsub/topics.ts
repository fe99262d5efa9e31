/**
 * One thread's half of PubSub: topic → subscribers of this thread. A service: every thread has one. Others post to it only
 * what somebody here may want (`interest.ts`), so a message crosses to a thread once, however many listen there.
 *
 * Each subscriber decides what delivery means: a process gets a message, a channel's connection writes a frame. That is
 * Phoenix's dispatcher, as an object of the receiving thread instead of a module that all must have.
 */
import { type From, isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Port, PortHandler, Service } from "../runtime/process.js";
import { AdapterLink } from "./adapter-link.js";
import { Broadcast } from "./broadcast.js";
import { type DispatchEntry, type DispatchRequest, dispatchProcess } from "./dispatcher.js";
import { type Envelope, eventEnvelope } from "./envelope.js";

/** The name of the service. */
export const PUBSUB = "pubsub";

export interface Subscriber {
  /** Whom `broadcastFrom` of this process leaves out. */
  readonly pid: Pid;
  /** What custom dispatchers are told of it. Only subscribed processes have one: connections take events, and no user code. */
  readonly entry?: DispatchEntry;
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

/** A broadcast. `cluster`: other nodes are to get it as well; told to the service of the publisher's thread only. */
export type Publication =
  | readonly [
      tag: "event",
      topic: string,
      publisher: Pid,
      except: boolean,
      cluster: boolean,
      event: string,
      payload: string | Uint8Array,
      /** Not there, rather than `undefined`, where all matter: it would cross threads. */
      latest?: string,
    ]
  | readonly [
      tag: "message",
      topic: string,
      publisher: Pid,
      except: boolean,
      cluster: boolean,
      message: unknown,
      dispatcher: string | null,
    ];

/** What `pubsub.ts`, the adapter's process and the other services send to a service. */
export type PubSubRequest =
  | readonly ["subscribe", topic: string, pid: Pid, events: readonly string[] | null, metadata: unknown]
  | readonly ["unsubscribe", topic: string, pid: Pid]
  | Publication
  | readonly ["direct", node: string, topic: string, envelope: Envelope]
  | readonly ["node_name", from: From]
  | readonly ["adapter", pid: Pid, nodeName: string]
  | readonly ["adapter?", by: Pid]
  | readonly ["opened"];

export class Topics implements PortHandler {
  readonly #port: () => Port;
  readonly #topics = new Map<string, Set<Subscriber>>();
  /** Subscribed processes: their subscriptions go when they do. */
  readonly #processes = new Map<Pid, { readonly ref: Ref; readonly subscriptions: Map<string, Set<Subscriber>> }>();

  readonly #adapter: AdapterLink;
  /** Runs custom dispatchers; started when there is something to dispatch. */
  #dispatching: Pid | null = null;

  constructor(port: () => Port) {
    this.#port = port;
    this.#adapter = new AdapterLink(port);
  }

  /** Adds a subscriber of this thread. Added twice under two objects, it gets everything twice, as in Phoenix. */
  add(topic: string, subscriber: Subscriber): void {
    let subscribers = this.#topics.get(topic);
    if (subscribers === undefined) {
      subscribers = new Set();
      this.#topics.set(topic, subscribers);
      this.#port().addInterest(topic);
      this.#adapter.wanted(topic);
    }
    subscribers.add(subscriber);
  }

  remove(topic: string, subscriber: Subscriber): void {
    const subscribers = this.#topics.get(topic);
    if (!subscribers?.delete(subscriber) || subscribers.size > 0) return;
    this.#topics.delete(topic);
    this.#port().removeInterest(topic);
    this.#adapter.unwanted(topic);
  }

  /** Subscribers of a topic on this thread. */
  count(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0;
  }

  message(message: unknown): void {
    if (isDown(message)) return this.#down(message.from as Pid); // monitors here are set on pids
    const request = message as PubSubRequest; // only those it names send here
    switch (request[0]) {
      case "event": {
        const [, topic, publisher, except, cluster, event, payload, latest] = request;
        this.#dispatch(topic, publisher, except, new Broadcast(topic, event, payload, publisher, latest));
        if (cluster && this.#adapter.isUp) this.#adapter.broadcast(topic, eventEnvelope(event, payload, latest));
        return;
      }
      case "message": {
        const [, topic, publisher, except, cluster, plain, dispatcher] = request;
        if (dispatcher === null) this.#dispatch(topic, publisher, except, new Plain(plain));
        else this.#dispatchBy(dispatcher, topic, except ? publisher : null, plain);
        if (cluster && this.#adapter.isUp) this.#adapter.broadcast(topic, ["message", plain, dispatcher]);
        return;
      }
      case "subscribe":
        return this.#subscribe(request[1], request[2], request[3], request[4]);
      case "unsubscribe":
        return this.#unsubscribe(request[1], request[2]);
      case "direct":
        return this.#adapter.direct(request[1], request[2], request[3]);
      case "node_name":
        return this.#port().reply(request[1], this.#adapter.nodeName);
      case "adapter":
        return this.#adapter.up(request[1], request[2], [...this.#topics.keys()]);
      case "adapter?":
        return this.#adapter.asked(request[1]);
      case "opened":
        return this.#adapter.ask();
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

  /** Hands a message to the dispatcher that its publisher named, in the process that runs those of this thread. */
  #dispatchBy(dispatcher: string, topic: string, from: Pid | null, message: unknown): void {
    const entries: DispatchEntry[] = [];
    for (const { entry } of this.#topics.get(topic) ?? []) if (entry !== undefined) entries.push(entry);
    if (entries.length === 0) return;
    const port = this.#port();
    this.#dispatching ??= port.spawn(dispatchProcess, [], dispatchProcess.kind, port.pid)?.pid ?? null;
    if (this.#dispatching === null) return; // this thread is on its way out, with all who would get it
    port.send(this.#dispatching, [dispatcher, entries, from, message] satisfies DispatchRequest);
  }

  #subscribe(topic: string, pid: Pid, events: readonly string[] | null, metadata: unknown): void {
    let process = this.#processes.get(pid);
    if (process === undefined) {
      process = { ref: this.#port().monitor(pid), subscriptions: new Map() };
      this.#processes.set(pid, process);
    }
    const port = this.#port();
    const subscriber: Subscriber = {
      pid,
      entry: { pid, metadata },
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

  #down(pid: Pid): void {
    if (pid === this.#dispatching) this.#dispatching = null;
    else if (!this.#adapter.down(pid)) this.#forget(pid);
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
