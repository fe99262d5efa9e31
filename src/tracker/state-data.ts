/**
 * What replicas of a tracker send each other, as plain data. A state and a delta have the same form: which entries there
 * are, and which events their sender has seen. What it has seen and does not list is gone.
 */
import type { Pid } from "../core/pid.js";

/** Names one life of one replica: a tracker that starts again is a new one. */
export type ReplicaId = string;

/** Plain data about a tracked process. Never changed in place: an update is another object. */
export type Meta = Readonly<Record<string, unknown>>;

/** Somebody is there. Its *dot*, replica and clock, names the event that brought it: no two entries have the same. */
export interface Entry {
  readonly topic: string;
  readonly pid: Pid;
  readonly key: string;
  readonly meta: Meta;
  /** Where the process was tracked. Only that replica adds and removes this entry. */
  readonly replica: ReplicaId;
  readonly clock: number;
}

/** What came and what went. An update is both. */
export interface Diff {
  readonly joins: readonly Entry[];
  readonly leaves: readonly Entry[];
}

export interface StateData {
  /** The sender. */
  readonly replica: ReplicaId;
  /** Replica → the clock up to which all its events were seen. Empty in a delta. */
  readonly context: readonly (readonly [ReplicaId, number])[];
  /** Events seen beyond that; in a delta, those it tells of. */
  readonly clouds: readonly (readonly [ReplicaId, readonly number[]])[];
  readonly entries: readonly Entry[];
}
