/**
 * The process that runs `handleMetas`: the user's state about who is there, kept by the diffs of one shard. It has a life
 * of its own: when it crashes it is started again, and begins with everybody who is there as a join.
 *
 * Departs from Phoenix, which runs the callback in the tracker's shard, so that its crash is the end of all tracked processes.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { genServer } from "../otp/gen-server.js";
import { Ok, ok } from "../otp/results.js";
import { type Definition, self, send } from "../runtime/process.js";
import { type AnyFetch, fetchOrKeep } from "./fetch.js";
import { type AnyDiff, type AnyPresences, type MetaRefs, TopicMetas } from "./presences.js";
import { HANDLER, type HandlerMessage } from "./teller.js";

export interface MetasHandlerOptions {
  readonly init: () => unknown;
  readonly handleMetas: (
    topic: string,
    diff: AnyDiff,
    presences: Readonly<Record<string, readonly (Record<string, unknown> & MetaRefs)[]>>,
    state: unknown,
  ) => unknown;
  readonly fetch: AnyFetch | undefined;
  readonly fetchTimeoutMs: number;
}

interface State {
  user: unknown;
  readonly topics: Map<string, TopicMetas>;
}

/** Started with the name of its shard. */
export function metasHandler(options: MetasHandlerOptions): Definition<readonly [string]> {
  const { init, handleMetas, fetch, fetchTimeoutMs } = options;

  const handle = async (state: State, topic: string, diff: AnyDiff): Promise<void> => {
    const metas = state.topics.get(topic) ?? new TopicMetas();
    if (metas.merge(diff)) state.topics.set(topic, metas);
    else state.topics.delete(topic);
    const result: unknown = await handleMetas(topic, diff, metas.metas, state.user);
    if (result instanceof Ok) state.user = result.value;
    else if (result !== undefined) {
      throw new RuntimeError(ErrorCode.badReturn, "handleMetas returned neither nothing nor ok(state)");
    }
  };

  return genServer({
    init: async (shard: string) => {
      const state: State = { user: await init(), topics: new Map() };
      return ok(state, { continue: shard });
    },
    handleContinue: (shard) => send(shard as string, [HANDLER, self()]),
    handleInfo: async (received, state) => {
      const message = received as HandlerMessage; // nobody else knows this process
      if (message[0] === "diff") return handle(state, message[1], message[2]);
      for (const [topic, { joins }] of message[1]) {
        const known: AnyPresences =
          fetch === undefined ? joins : await fetchOrKeep(fetch, topic, joins, fetchTimeoutMs);
        await handle(state, topic, { joins: known, leaves: Object.create(null) });
      }
    },
  });
}
