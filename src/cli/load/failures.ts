/** What went wrong, by kind, each with the first few different things that were said about it. */

/** The first four are of connections and channels; {@link MESSAGE_FAILURES} are of messages, at most one for each. */
export const FailureKind = {
  notConnected: "could not connect",
  joinRefused: "join refused",
  joinTimeout: "join not answered in time",
  connectionLost: "connection closed by the server",
  channelLost: "channel closed by the server",
  unreadable: "not a message of the protocol",
  errorReply: "answered with an error",
  timeout: "not answered in time",
  lost: "lost with its connection or channel",
  unsent: "not sent, as too much was under way",
} as const;
export type FailureKind = (typeof FailureKind)[keyof typeof FailureKind];

export interface Failure {
  readonly kind: FailureKind;
  readonly count: number;
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 3;

export class Failures {
  readonly #counts = new Map<FailureKind, number>();
  readonly #examples = new Map<FailureKind, Set<string>>();

  add(kind: FailureKind, example: string): void {
    this.#counts.set(kind, this.count(kind) + 1);
    const examples = this.#examples.get(kind);
    if (examples === undefined) this.#examples.set(kind, new Set([example]));
    else if (examples.size < MAX_EXAMPLES) examples.add(example);
  }

  count(kind: FailureKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** In the order of {@link FailureKind}, without those that there were none of. */
  list(): Failure[] {
    return Object.values(FailureKind)
      .filter((kind) => this.count(kind) > 0)
      .map((kind) => ({ kind, count: this.count(kind), examples: [...(this.#examples.get(kind) ?? [])] }));
  }
}
