/**
 * What of all that a client gets it can do without, if it reads too slowly: pushes and broadcasts. Not replies, which somebody waits
 * for, nor the events of the protocol, and not presence: who misses one change of that sees others who have long gone.
 */
import { ControlEvent, type Encoded } from "./protocol.js";
import type { Serializer } from "./serializer.js";

const NEVER: ReadonlySet<unknown> = new Set([...Object.values(ControlEvent), "presence_state", "presence_diff"]);

export function mayDropEvent(event: unknown): boolean {
  return !NEVER.has(event);
}

/** Of a frame that a channel has made. Asked while its client is held up only: it takes reading it. */
export function mayDropFrame(serializer: Serializer, frame: Encoded): boolean {
  const event = serializer.eventOf(frame);
  return event !== undefined && mayDropEvent(event);
}
