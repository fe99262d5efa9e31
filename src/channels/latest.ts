/**
 * Events of which only the newest matters: positions, prices, progress. The sender names what such an event is about, and while a
 * client reads more slowly than it is sent to, one that waits for it is replaced by the next about the same thing. Not in Phoenix.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** How an event goes out. */
export interface EventOptions {
  /**
   * What the event is about, among those of its name on its topic: a user, an order. While a client is held up, of the pushes and
   * broadcasts that wait for it with the same topic, event and this only the newest is kept. So each must be whole, not a change of
   * the one before. `""` if it is all about one thing. At most 255 characters. @defaultValue all are kept
   */
  readonly latest?: string;
}

export const MAX_LATEST_LENGTH = 255;

/** @throws RuntimeError `badArgument` */
export function checkLatest(event: string, { latest }: EventOptions): string | undefined {
  if (latest === undefined || (typeof latest === "string" && latest.length <= MAX_LATEST_LENGTH)) return latest;
  const given = typeof latest === "string" ? `a string of ${latest.length} characters` : `a ${typeof latest}`;
  const allowed = `a string of at most ${MAX_LATEST_LENGTH}`;
  throw new RuntimeError(
    ErrorCode.badArgument,
    `bad latest of event "${event}": it is ${given}; allowed is ${allowed}`,
  );
}

/** The place of such an event in what waits for a client. Neither a push nor a broadcast can take that of another topic's. */
export function slotOf(topic: string, event: string, latest: string): string {
  return `${topic.length} ${event.length} ${topic}${event}${latest}`;
}
