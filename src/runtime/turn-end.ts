/** What waits for the end of a turn: the writes of connections, gathered so that each makes one. */
import { formatReason, toExitReason } from "../core/exit-reason.js";
import type { ReportBody } from "./report.js";

export class TurnEnd {
  readonly #actions: (() => void)[] = [];

  add(action: () => void): void {
    this.#actions.push(action);
  }

  /** Runs and forgets all actions. A fault of one must not keep the others from theirs, nor the thread from its next turn. */
  run(report: (body: ReportBody) => void): void {
    for (let i = 0; i < this.#actions.length; i++) {
      try {
        (this.#actions[i] as () => void)(); // actions may add others: they run as well
      } catch (error) {
        report({ tag: "notice", message: `at the end of a turn: ${formatReason(toExitReason(error))}` });
      }
    }
    if (this.#actions.length > 0) this.#actions.length = 0; // a setter that costs even when there is nothing to do
  }
}
