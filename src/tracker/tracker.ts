/**
 * A tracker: which processes are there, under which keys of which topics, with what data about each. `Phoenix.Tracker`, as
 * far as presence needs it: what it hears of changes is a {@link Listener}.
 */
import { randomBytes } from "node:crypto";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { hash53 } from "../core/hash.js";
import type { Pid } from "../core/pid.js";
import { type ChildOptions, type ChildSpec, childSpec } from "../otp/child-spec.js";
import { genServer } from "../otp/gen-server.js";
import { call, DEFAULT_CALL_TIMEOUT_MS } from "../otp/gen-server-calls.js";
import { reply } from "../otp/results.js";
import { awaitReply, type Definition, now, openRequest, service, whereis } from "../runtime/process.js";
import { askCopy, type CopyAnswers, type CopyRequest, TRACKER } from "./copies.js";
import { type ResolvedTrackerOptions, resolveTrackerOptions, type TrackerOptions } from "./options.js";
import { Refs } from "./refs.js";
import { type Listener, Shard, type TrackResult, type UpdateResult } from "./shard.js";
import type { Entry, Meta } from "./state-data.js";

type TrackArgument = readonly [copy: Pid, pid: Pid, topic: string, key: string, meta: Meta, ref: string];
type UntrackArgument = readonly [pid: Pid, topic: string, key: string];
type UpdateArgument = readonly [...TrackArgument, seen: string | null];

/** How often {@link Tracker.update} tries again when the meta it computed from has changed meanwhile. */
const UPDATE_TRIES = 10;

/** Milliseconds after which a shard that was not there is asked again. */
const RETRY_MS = 20;
/** How often a shard may die of being asked before the question is to blame. */
const MAX_DEATHS = 2;
/** Milliseconds a shard of an earlier life is waited for. */
const NAME_WAIT_MS = 5000;

export class Tracker {
  readonly options: ResolvedTrackerOptions;
  /** What a shard runs, started with its number. Other threads find it by its place in here. */
  readonly shard: Definition<readonly [number]>;
  readonly #refs = new Refs(randomBytes(6));

  /**
   * @param listen - Makes a shard's listener, in its process.
   * @throws RuntimeError `badOption`
   */
  constructor(options: TrackerOptions, listen: (shard: Shard) => Listener) {
    const resolved = resolveTrackerOptions(options);
    this.options = resolved;
    this.shard = genServer({
      init: (index: number) => Shard.start(shardName(resolved.name, index), resolved, listen),
      handleCall: {
        track: (argument: TrackArgument, shard) => reply(shard.track(...argument)),
        untrack: (argument: UntrackArgument, shard) => reply(shard.untrack(...argument)),
        update: (argument: UpdateArgument, shard) => reply(shard.update(...argument)),
        copy: (copy: Pid, shard) => reply(shard.copyTo(copy)),
      },
      handleInfo: (message, shard) => shard.handleInfo(message),
    });
  }

  /** The registered names of its shards. */
  get shardNames(): readonly string[] {
    return Array.from({ length: this.options.poolSize }, (_, index) => shardName(this.options.name, index));
  }

  /** The specification of one of its shards. */
  shardChild(index: number, options: ChildOptions = {}): ChildSpec {
    const name = shardName(this.options.name, index);
    return childSpec(this.shard, [index], { ...options, name });
  }

  /**
   * Waits until shards of an earlier life are gone. When the thread of their supervisor dies, those on other threads end by
   * its exit signal; the next supervisor may be faster than that.
   */
  async untilNamesAreFree(): Promise<void> {
    for (const name of this.shardNames) {
      const pid = whereis(name);
      if (pid === undefined) continue;
      try {
        await awaitReply(openRequest(pid), NAME_WAIT_MS); // nobody will answer
      } catch (error) {
        // Gone; or it does not belong to us, and the start of the shard will say so.
        if (!(error instanceof RuntimeError)) throw error;
      }
    }
  }

  /** Tracks a process until it ends or is untracked. */
  async track(pid: Pid, topic: string, key: string, meta: Meta): Promise<TrackResult> {
    const argument: TrackArgument = [service(TRACKER), pid, checkTopic(topic), key, meta, this.#refs.next()];
    return (await this.#ask(topic, "track", argument)) as TrackResult; // Shard.track's
  }

  /** Nothing happens if it is not tracked there. */
  async untrack(pid: Pid, topic: string, key: string): Promise<void> {
    await this.#ask(checkTopic(topic), "untrack", [pid, topic, key] satisfies UntrackArgument);
  }

  /**
   * Replaces a meta, by another or by what `change` makes of it. `change` runs in the calling process, again if the meta has
   * been changed meanwhile: no change is lost.
   */
  async update(pid: Pid, topic: string, key: string, change: Meta | ((meta: Meta) => Meta)): Promise<UpdateResult> {
    const shard = this.#shardOf(checkTopic(topic));
    for (let tries = 0; tries < UPDATE_TRIES; tries++) {
      let meta = change;
      let seen: string | null = null;
      if (typeof meta === "function") {
        const current = (await this.#read(topic, ["at", shard, topic, key, pid]))[0]?.meta;
        if (current === undefined) return ["error", "nopresence"];
        seen = current.phx_ref as string; // every meta has one
        meta = meta(current);
      }
      const argument: UpdateArgument = [service(TRACKER), pid, topic, key, meta, this.#refs.next(), seen];
      const result = (await this.#ask(topic, "update", argument)) as ReturnType<Shard["update"]>;
      if (result[1] !== "changed") return result as UpdateResult; // all else that it answers
    }
    throw new RuntimeError(
      ErrorCode.callFailed,
      `"${key}" on topic "${topic}" was changed ${UPDATE_TRIES} times during an update`,
    );
  }

  /** The metas of a topic by key. Reads the calling thread's copy. */
  async list(topic: string): Promise<NonNullable<CopyAnswers["list"]>> {
    return await this.#read(topic, ["list", this.#shardOf(checkTopic(topic)), topic]);
  }

  /** The entries of a topic under one key, in the order they came. */
  async at(topic: string, key: string): Promise<readonly Entry[]> {
    return await this.#read(topic, ["at", this.#shardOf(checkTopic(topic)), topic, key, null]);
  }

  async #read<R extends CopyRequest>(topic: string, request: R): Promise<NonNullable<CopyAnswers[R[0]]>> {
    const own = service(TRACKER);
    const answer = await askCopy(own, request);
    if (answer !== null) return answer;
    await this.#ask(topic, "copy", own);
    return (await askCopy(own, request)) as NonNullable<CopyAnswers[R[0]]>; // the copy has come before the reply
  }

  /**
   * Asks a topic's shard. One that has just died is on its way back, and knows what was told to the one before: to ask it
   * again does no harm, as refs are made here.
   */
  async #ask(topic: string, event: string, argument: unknown): Promise<unknown> {
    const shard = this.#shardOf(topic);
    const deadlineMs = now() + DEFAULT_CALL_TIMEOUT_MS;
    for (let deaths = 0; ; ) {
      try {
        return await call(shard, event, argument, Math.max(1, Math.ceil(deadlineMs - now())));
      } catch (error) {
        if (!(error instanceof RuntimeError) || error.code !== ErrorCode.callFailed || now() >= deadlineMs) throw error;
        if (error.cause !== "noproc" && ++deaths > MAX_DEATHS) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  #shardOf(topic: string): string {
    const { name, poolSize } = this.options;
    return shardName(name, poolSize === 1 ? 0 : hash53(topic, 0) % poolSize);
  }
}

function shardName(name: string, index: number): string {
  return `${name}_shard${index}`;
}

function checkTopic(topic: string): string {
  if (typeof topic === "string" && topic !== "") return topic;
  throw new RuntimeError(ErrorCode.badArgument, `bad topic ${String(topic)}: a topic is a non-empty string`);
}
