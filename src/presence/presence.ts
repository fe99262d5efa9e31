/**
 * Presence: who is on a topic, shown live to everybody there. `Phoenix.Presence`, and what the `Presence` of the stock
 * `phoenix` client takes.
 *
 * ```ts
 * export const RoomPresence = presence({
 *   fetch: async (topic, presences: Presences<PresenceOf<{ typing: boolean }>>) => withUsers(presences),
 * });
 *
 * export const RoomChannel = channel({
 *   join: () => { send(self(), "after_join"); return ok(); },
 *   handleInfo: async (_message, socket) => {
 *     socket.push("presence_state", await RoomPresence.list(socket));
 *     await RoomPresence.track(socket, socket.assigns.userId, { typing: false });
 *   },
 * });
 *
 * export default application({ children: [RoomPresence.child()], … });
 * ```
 *
 * A definition must be exported from the application module, and is running where its `child()` is among the children.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Presence.html
 */
import { objectJson } from "../channels/payload.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Pid } from "../core/pid.js";
import { type ChildOptions, type ChildSpec, ChildType, childSpec } from "../otp/child-spec.js";
import { type Supervisor, supervisor } from "../otp/supervisor.js";
import { type Definition, isPid, self } from "../runtime/process.js";
import type { TrackResult, UpdateResult } from "../tracker/shard.js";
import type { Meta } from "../tracker/state-data.js";
import { Tracker } from "../tracker/tracker.js";
import { type AnyFetch, fetchOrKeep } from "./fetch.js";
import { type MetasHandlerOptions, metasHandler } from "./metas-handler.js";
import { DEFAULT_NAME, type PresenceOptions, resolveFetchTimeout } from "./options.js";
import { type AnyPresences, type MetaRefs, type PresenceOf, type Presences, presencesOf } from "./presences.js";
import { DIFF_EVENT, Teller } from "./teller.js";

/** A socket, or anything with a topic. */
export interface HasTopic {
  readonly topic: string;
}

/** What names somebody. Numbers become text. */
export type Key = string | number;

/** The new meta, or what it is made of the one before, in the calling process. */
export type MetaChange<M extends object> = M | ((meta: M & MetaRefs) => M);

export class Presence<M extends object, P extends PresenceOf<M>> {
  readonly name: string;
  /** Its processes, in places where other threads find them: shards, `handleMetas`, one of each together, all of them. */
  readonly tracker: Tracker;
  readonly handler: Definition<readonly [string]> | null;
  readonly pair: Supervisor<number>;
  readonly supervisor: Supervisor<undefined>;
  readonly #fetch: AnyFetch | undefined;
  readonly #fetchTimeoutMs: number;

  constructor(options: PresenceOptions<M, P, unknown>) {
    const { name = DEFAULT_NAME, init = () => undefined, handleMetas, fetch, fetchTimeoutMs, ...tracking } = options;
    // Erased: the types have done their work where the presence was written.
    const teller = {
      fetch: fetch as unknown as AnyFetch | undefined,
      fetchTimeoutMs: resolveFetchTimeout(fetchTimeoutMs),
    };
    const tracker = new Tracker({ ...tracking, name }, (shard) => new Teller(shard, teller));
    this.name = name;
    this.tracker = tracker;
    this.#fetch = teller.fetch;
    this.#fetchTimeoutMs = teller.fetchTimeoutMs;
    const handler = handleMetas && metasHandler({ ...teller, init, handleMetas } as unknown as MetasHandlerOptions); // erased, too
    this.handler = handler ?? null;
    this.pair = supervisor<number>({
      // A handler whose shard is gone must greet the next one.
      init: (index) => ({
        strategy: "rest_for_one",
        children: [
          tracker.shardChild(index, { scheduler: "here" }),
          ...(handler ? [childSpec(handler, [tracker.shardNames[index]], { id: "handler", scheduler: "here" })] : []),
        ],
      }),
    });
    this.supervisor = supervisor<undefined>({
      init: async () => {
        await tracker.untilNamesAreFree();
        return {
          maxRestarts: 2 * tracker.options.poolSize,
          maxSeconds: 1,
          children: tracker.shardNames.map((id, index) =>
            handler ? this.pair.child(index, { id }) : tracker.shardChild(index),
          ),
        };
      },
    });
  }

  /** The specification of its processes as a supervisor's child. */
  child(options: Omit<ChildOptions, "name"> = {}): ChildSpec {
    return childSpec(this.supervisor, [undefined], { ...options, name: this.name }, ChildType.supervisor);
  }

  /**
   * Says that the calling channel, or another process, is there, until it ends or {@link untrack}s itself. Everybody on the
   * topic gets a `presence_diff`.
   *
   * @param key - What it is known under: a user's id. Several processes may have one key, each adds a meta to it.
   * @param meta - JSON. Its `phx_ref` is added.
   * @returns `["ok", phxRef]`, or `["error", "already_tracked"]` if that process has that key on that topic: use {@link update}.
   * @throws RuntimeError `badPayload` if the meta is no object or has no JSON; `callFailed` if the presence is not running.
   */
  track(socket: HasTopic, key: Key, meta: M): Promise<TrackResult>;
  track(pid: Pid, topic: string, key: Key, meta: M): Promise<TrackResult>;
  async track(...args: readonly [HasTopic, Key, M] | readonly [Pid, string, Key, M]): Promise<TrackResult> {
    const [pid, topic, key, meta] = placed(args);
    return await this.tracker.track(pid, topic, keyText(key), plainMeta(topic, meta));
  }

  /** Says that it is not there any more. Nothing happens if it was not. */
  untrack(socket: HasTopic, key: Key): Promise<void>;
  untrack(pid: Pid, topic: string, key: Key): Promise<void>;
  async untrack(...args: readonly [HasTopic, Key] | readonly [Pid, string, Key]): Promise<void> {
    const [pid, topic, key] = placed(args);
    await this.tracker.untrack(pid, topic, keyText(key));
  }

  /**
   * Replaces a meta. Its diff has the new one, with the old one's ref as `phx_ref_prev`, in `joins`, and the old one in `leaves`.
   *
   * @param change - The new meta, or a function that makes it of the current one; that may run again, if the meta was changed
   *   by others meanwhile.
   * @returns `["ok", phxRef]`, or `["error", "nopresence"]` if the process is not tracked there.
   * @throws RuntimeError as {@link track}
   */
  update(socket: HasTopic, key: Key, change: MetaChange<M>): Promise<UpdateResult>;
  update(pid: Pid, topic: string, key: Key, change: MetaChange<M>): Promise<UpdateResult>;
  async update(
    ...args: readonly [HasTopic, Key, MetaChange<M>] | readonly [Pid, string, Key, MetaChange<M>]
  ): Promise<UpdateResult> {
    const [pid, topic, key, change] = placed(args);
    if (typeof change !== "function") {
      return await this.tracker.update(pid, topic, keyText(key), plainMeta(topic, change as M));
    }
    const make = change as (meta: Meta) => M; // the current meta is an M with refs: track has taken nothing else
    return await this.tracker.update(pid, topic, keyText(key), (meta) => plainMeta(topic, make(meta)));
  }

  /** Everybody on a topic by key, as a `presence_state` shows it. What the calling process has tracked is in it. */
  async list(of: HasTopic | string): Promise<Presences<P>> {
    const topic = typeof of === "string" ? of : of.topic;
    return await this.#fetched(topic, presencesOf(await this.tracker.list(topic)));
  }

  /** What {@link list} has of one key. */
  async getByKey(of: HasTopic | string, key: Key): Promise<P | undefined> {
    const topic = typeof of === "string" ? of : of.topic;
    const text = keyText(key);
    const metas = (await this.tracker.at(topic, text)).map(({ meta }) => meta);
    if (metas.length === 0) return undefined;
    return (await this.#fetched(topic, presencesOf([[text, metas]])))[text];
  }

  async #fetched(topic: string, presences: AnyPresences): Promise<Presences<P>> {
    const fetch = this.#fetch;
    const fetched = fetch ? await fetchOrKeep(fetch, topic, presences, this.#fetchTimeoutMs) : presences;
    return fetched as unknown as Presences<P>; // what fetch returned; without it, or when it fails, what was tracked
  }
}

/** Defines a presence. */
export function presence<
  M extends object = Record<string, unknown>,
  P extends PresenceOf<M> = PresenceOf<M>,
  S = undefined,
>(options: PresenceOptions<M, P, S> = {}): Presence<M, P> {
  return new Presence(options as unknown as PresenceOptions<M, P, unknown>); // S meets only itself
}

/** A socket stands for the calling process, its channel, and its topic. */
function placed<Rest extends readonly unknown[]>(
  args: readonly [HasTopic, ...Rest] | readonly [Pid, string, ...Rest],
): readonly [Pid, string, ...Rest] {
  if (isPid(args[0])) return args as readonly [Pid, string, ...Rest];
  const [socket, ...rest] = args as readonly [HasTopic, ...Rest];
  return [self(), socket.topic, ...rest];
}

function keyText(key: Key): string {
  if (typeof key === "string" || typeof key === "number") return String(key);
  throw new RuntimeError(ErrorCode.badArgument, `bad key ${String(key)}: a presence's is a string or a number`);
}

/** A meta as its JSON says it: the same on every thread, and nobody can change it any more. Costs who made it, if it has none. */
function plainMeta(topic: string, meta: object): Meta {
  return JSON.parse(objectJson("broadcast", topic, DIFF_EVENT, meta)) as Meta;
}
