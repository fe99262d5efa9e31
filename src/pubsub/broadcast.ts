/**
 * An event broadcast on a topic, as it crosses threads: its payload is JSON text or bytes, made once by the publisher. The
 * I/O thread puts the text into frames as it is; only a process that wants the payload parses it.
 */
import { fromJson } from "../core/json.js";
import type { Pid } from "../core/pid.js";

/** What a process that subscribed to a topic gets for an event on it. Phoenix's `%Broadcast{}`. */
export interface BroadcastMessage {
  readonly tag: "broadcast";
  readonly topic: string;
  readonly event: string;
  readonly payload: unknown;
}

export class Broadcast {
  readonly topic: string;
  readonly event: string;
  /** JSON text of the payload, or bytes. */
  readonly payload: string | Uint8Array;
  /** Who published it. */
  readonly publisher: Pid;
  /** What it is about, if only the newest matters; for the connections of channels. */
  readonly latest: string | undefined;
  /** Whatever subscribers of this thread made of it for all of them: one frame a serializer, say. Gone with it. */
  readonly shared: Map<string, unknown> = new Map();
  #message: BroadcastMessage | null = null;

  constructor(topic: string, event: string, payload: string | Uint8Array, publisher: Pid, latest?: string) {
    this.topic = topic;
    this.event = event;
    this.payload = payload;
    this.publisher = publisher;
    this.latest = latest;
  }

  /** As a message for a process; made once a thread. Treat the payload as immutable: its readers share it. */
  get message(): BroadcastMessage {
    this.#message ??= {
      tag: "broadcast",
      topic: this.topic,
      event: this.event,
      payload: typeof this.payload === "string" ? fromJson(this.payload) : this.payload,
    };
    return this.#message;
  }
}

export function isBroadcast(message: unknown): message is BroadcastMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "broadcast";
}
