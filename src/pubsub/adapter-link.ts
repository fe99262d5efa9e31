/** A service's side of the adapter: whether there is one, and what it is told. See `adapter-process.ts`. */
import type { Pid } from "../core/pid.js";
import type { Port } from "../runtime/process.js";
import type { Envelope } from "./envelope.js";

/** What the adapter's process is sent. */
export type AdapterMessage =
  | readonly ["$pubsub", "wanted", by: Pid, topics: readonly string[]]
  | readonly ["$pubsub", "unwanted", by: Pid, topic: string]
  | readonly ["$pubsub", "broadcast", topic: string, envelope: Envelope]
  | readonly ["$pubsub", "direct", node: string, topic: string, envelope: Envelope];

export class AdapterLink {
  readonly #port: () => Port;
  /** Services of threads that came up before the adapter was known here, and asked for it. */
  readonly #askers = new Set<Pid>();
  #pid: Pid | null = null;
  #nodeName: string | null = null;

  constructor(port: () => Port) {
    this.#port = port;
  }

  /** Whether there is an adapter. */
  get isUp(): boolean {
    return this.#pid !== null;
  }

  get nodeName(): string | null {
    return this.#nodeName;
  }

  /** A new thread asks its peers for the adapter: the adapter may have said hello before that thread could be seen. */
  ask(): void {
    for (const peer of this.#port().peers()) this.#port().send(peer, ["adapter?", this.#port().pid]);
  }

  asked(by: Pid): void {
    if (this.#pid === null) this.#askers.add(by);
    else this.#port().send(by, ["adapter", this.#pid, this.#nodeName]);
  }

  /** There is an adapter: it gets to know what is wanted here. */
  up(pid: Pid, nodeName: string, topics: readonly string[]): void {
    if (this.#pid === pid) return; // told twice
    this.#pid = pid;
    this.#nodeName = nodeName;
    this.#port().monitor(pid);
    for (const asker of this.#askers) this.#port().send(asker, ["adapter", pid, nodeName]);
    this.#askers.clear();
    this.#tell(["$pubsub", "wanted", this.#port().pid, topics]);
  }

  /** `true` if that was the adapter. */
  down(pid: Pid): boolean {
    if (this.#pid !== pid) return false;
    this.#pid = null;
    this.#nodeName = null;
    return true;
  }

  wanted(topic: string): void {
    if (this.#pid !== null) this.#tell(["$pubsub", "wanted", this.#port().pid, [topic]]);
  }

  unwanted(topic: string): void {
    if (this.#pid !== null) this.#tell(["$pubsub", "unwanted", this.#port().pid, topic]);
  }

  broadcast(topic: string, envelope: Envelope): void {
    this.#tell(["$pubsub", "broadcast", topic, envelope]);
  }

  direct(node: string, topic: string, envelope: Envelope): void {
    this.#tell(["$pubsub", "direct", node, topic, envelope]);
  }

  #tell(message: AdapterMessage): void {
    if (this.#pid !== null) this.#port().send(this.#pid, message);
  }
}
