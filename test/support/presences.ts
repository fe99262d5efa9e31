/** A presence on a scheduler of the test's own thread, and what a client of its topics would see. */

import type { Pid } from "../../src/core/pid.js";
import { proc } from "../../src/otp/proc.js";
import { supervisor } from "../../src/otp/supervisor.js";
import type { Presence } from "../../src/presence/presence.js";
import type { AnyDiff, PresenceOf } from "../../src/presence/presences.js";
import { type BroadcastMessage, isBroadcast } from "../../src/pubsub/broadcast.js";
import { subscribe } from "../../src/pubsub/pubsub.js";
import { pubsubService } from "../../src/pubsub/topics.js";
import { openServices } from "../../src/runtime/port.js";
import { receive, spawn } from "../../src/runtime/process.js";
import type { Report } from "../../src/runtime/report.js";
import { trackerService } from "../../src/tracker/copies.js";
import { inline } from "./inline.js";

/** Runs `body` beside a running presence. */
export async function withPresence<M extends object, P extends PresenceOf<M>>(
  presence: Presence<M, P>,
  body: () => Promise<void>,
): Promise<readonly Report[]> {
  const { scheduler, run, reports } = inline();
  openServices(scheduler, [pubsubService, trackerService]);
  await run(async () => {
    const [result] = await supervisor({ children: [presence.child()], maxRestarts: 10 }).startLink();
    if (result !== "ok") throw new Error("the presence did not start");
    await body();
  });
  return reports;
}

const Idle = proc(async () => {
  await receive(() => false);
});

/** A process that is there until it is killed. */
export function somebody(): Pid {
  return spawn(Idle, []);
}

/** Hears of a topic as a client does, in the calling process. */
export class Watcher {
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
    subscribe(topic);
  }

  /** The next diff. */
  async diff(): Promise<AnyDiff> {
    const isDiff = (message: unknown): message is BroadcastMessage =>
      isBroadcast(message) && message.topic === this.#topic && message.event === "presence_diff";
    return (await receive(isDiff)).payload as AnyDiff;
  }

  /** The next diff, without refs: key → metas. */
  async seen(): Promise<{ joins: object; leaves: object }> {
    const { joins, leaves } = await this.diff();
    return { joins: withoutRefs(joins), leaves: withoutRefs(leaves) };
  }
}

/** Presences with their metas as they were given to `track`. */
export function withoutRefs(presences: Readonly<Record<string, { readonly metas: readonly object[] }>>): object {
  return Object.fromEntries(
    Object.entries(presences).map(([key, { metas, ...fetched }]) => [
      key,
      [...metas.map(({ phx_ref, phx_ref_prev, ...meta }: { phx_ref?: string; phx_ref_prev?: string }) => meta)].concat(
        Object.keys(fetched).length > 0 ? [fetched] : [],
      ),
    ]),
  );
}
