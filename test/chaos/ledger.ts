/**
 * What may arrive for one topic of one connection, and what must not: a pure checker, fed with what the client does and with
 * each frame it gets. Held are the rules that docs/channels promises:
 *
 * - the answer to a join is the first frame of its join ref; each join ref ends exactly once;
 * - after its end nothing comes of it, and a reply is for something that was asked of it, once;
 * - a subscriber that has seen a publisher's n sees n + 1 next, for as long as it stays joined.
 */

export type Frame = readonly [
  joinRef: string | null,
  ref: string | null,
  topic: string,
  event: string,
  payload: unknown,
];

/** What a frame turned out to be. */
export type Taken =
  | {
      readonly tag: "joined" | "refused" | "left" | "closed" | "errored";
      readonly joinRef: string;
      readonly response: unknown;
    }
  | { readonly tag: "answered"; readonly ref: string; readonly status: string; readonly response: unknown }
  | { readonly tag: "event" }
  /** It must not have come; `problem` says which rule it breaks. */
  | { readonly tag: "violation"; readonly problem: string };

interface JoinRef {
  state: "joining" | "joined" | "ended";
  /** It was left, or another join took its place: it may end before its answer. */
  dismissed: boolean;
  readonly asked: Set<string>;
  leaveRef: string | null;
  /** Publisher → the last number seen of it. */
  readonly seen: Map<string, number>;
}

/** Join refs that are remembered after their end, for what must not come of them. */
const REMEMBERED = 20;

export class Ledger {
  readonly topic: string;
  /** In the order they were made. */
  readonly #joins = new Map<string, JoinRef>();

  constructor(topic: string) {
    this.topic = topic;
  }

  /** Join refs that were made and have not ended. */
  get open(): readonly string[] {
    return [...this.#joins].filter(([, { state }]) => state !== "ended").map(([joinRef]) => joinRef);
  }

  /** The client has sent `phx_join`. */
  joining(joinRef: string): void {
    for (const join of this.#joins.values()) if (join.state !== "ended") join.dismissed = true;
    this.#joins.set(joinRef, {
      ...{ state: "joining", dismissed: false, leaveRef: null },
      ...{ asked: new Set(), seen: new Map() },
    });
    for (const [old, { state }] of this.#joins) {
      if (this.#joins.size <= REMEMBERED) break;
      if (state === "ended") this.#joins.delete(old);
    }
  }

  /** The client has asked something that is answered. */
  asking(joinRef: string, ref: string): void {
    this.#joins.get(joinRef)?.asked.add(ref);
  }

  /** The client has sent `phx_leave`. */
  leaving(joinRef: string, ref: string): void {
    const join = this.#joins.get(joinRef);
    if (join !== undefined) join.leaveRef = ref;
  }

  take(frame: Frame): Taken {
    const [joinRef, ref, , event, payload] = frame;
    const violation = (problem: string): Taken => ({ tag: "violation", problem: `${problem}: ${show(frame)}` });
    if (joinRef === null) {
      return event === "phx_reply" ? this.#unmatched(frame, violation) : this.#broadcast(frame, violation);
    }
    const join = this.#joins.get(joinRef);
    if (join === undefined) return violation("a frame of a join ref that was never made");
    if (event === "phx_reply") return ref === joinRef ? answer() : this.#reply(join, frame, violation);
    if (join.state === "ended") return violation("a frame after the end of its join ref");
    if (event === "phx_close" || event === "phx_error") {
      if (join.state === "joining" && !join.dismissed) return violation("an end before the answer to the join");
      join.state = "ended";
      return { tag: event === "phx_close" ? "closed" : "errored", joinRef, response: payload };
    }
    if (join.state === "joining") return violation("a push before the answer to the join");
    return follows(join, event, payload) ? { tag: "event" } : violation(`a gap after ${lastOf(join, event, payload)}`);

    function answer(): Taken {
      if (join?.state !== "joining") return violation("a second answer to a join");
      const { status, response } = payload as { status: string; response: unknown };
      join.state = status === "ok" ? "joined" : "ended";
      return { tag: status === "ok" ? "joined" : "refused", joinRef: joinRef as string, response };
    }
  }

  #reply(join: JoinRef, frame: Frame, violation: (problem: string) => Taken): Taken {
    const [joinRef, ref, , , payload] = frame as [
      string,
      string,
      string,
      string,
      { status: string; response: unknown },
    ];
    if (ref === join.leaveRef) {
      join.leaveRef = null;
      // What was left when it had ended already is answered too.
      return { tag: "left", joinRef, response: payload.response };
    }
    if (join.state === "ended") return violation("a reply after the end of its join ref");
    if (join.state === "joining") return violation("a reply before the answer to the join");
    if (!join.asked.delete(ref)) return violation("a reply to what was not asked, or twice");
    return { tag: "answered", ref, ...payload };
  }

  /** "unmatched topic": what was asked of a channel whose end was on its way to us. */
  #unmatched(frame: Frame, violation: (problem: string) => Taken): Taken {
    const [, ref, , , payload] = frame as [null, string | null, string, string, { status: string; response: unknown }];
    if (ref === null) return { tag: "answered", ref: "", ...payload }; // of what had no ref itself
    for (const { state, asked } of this.#joins.values()) {
      if (state === "ended" && asked.delete(ref)) return { tag: "answered", ref, ...payload };
    }
    return violation("an answer without a join ref to what nobody asked, or of a topic that is joined");
  }

  #broadcast(frame: Frame, violation: (problem: string) => Taken): Taken {
    const joined = [...this.#joins.values()].find(({ state }) => state === "joined");
    if (joined === undefined) return violation("a broadcast on a topic that is not joined");
    const [, , , event, payload] = frame;
    if (follows(joined, event, payload)) return { tag: "event" };
    return violation(`a gap after ${lastOf(joined, event, payload)}`);
  }
}

/** Whether a publisher's numbers go on without a gap; events without a publisher always do. */
function follows(join: JoinRef, event: string, payload: unknown): boolean {
  const { from, n } = payload as { from?: string; n?: number };
  if (from === undefined || n === undefined) return true;
  const key = `${event} ${from}`;
  const last = join.seen.get(key);
  if (last !== undefined && n !== last + 1) return false;
  join.seen.set(key, n);
  return true;
}

function lastOf(join: JoinRef, event: string, payload: unknown): string {
  return String(join.seen.get(`${event} ${(payload as { from?: string }).from}`));
}

function show(frame: Frame): string {
  const text = JSON.stringify(frame);
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
