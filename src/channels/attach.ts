/**
 * Listening to telemetry, as with Erlang's `telemetry` library: a handler runs in the process that the event is about, and
 * one that throws is detached and reported, where a bare subscriber of `node:diagnostics_channel` would end that process.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { formatReason, toExitReason } from "../core/exit-reason.js";
import { type TelemetryEvent, type TelemetryEventName, type TelemetryName, telemetryFields } from "./telemetry.js";

type NameOf<E> = E extends `${infer N extends TelemetryName}:${string}` ? N : never;

/**
 * Calls `handler` for each of these events on the calling thread. In the application module, which every scheduler thread
 * loads, that is for all processes of the application; for `joist.socket.drain`, call it where `start` is called.
 *
 * ```ts
 * attachTelemetry("joist.channel.handle_in:stop", ({ measurements, metadata }) => {
 *   Metrics.cast("metrics", "handled", [metadata.event, measurements.durationMs]);
 * });
 * ```
 *
 * The handler runs in the process of the event, so it can send and cast; it holds that process up, so it should be short. If
 * it throws it is detached, with a line on standard error.
 *
 * @returns Detaches it.
 * @throws RuntimeError `badArgument` if there is no such event.
 * @see https://hexdocs.pm/telemetry/telemetry.html#attach/4
 */
export function attachTelemetry<E extends TelemetryEventName>(
  events: E | readonly E[],
  handler: (event: TelemetryEvent<NameOf<E>>) => void,
): () => void {
  const names: readonly string[] = typeof events === "string" ? [events] : events;
  for (const name of names) checkName(name);
  const detach = (): void => {
    for (const name of names) unsubscribe(name, listener);
  };
  const listener = (event: unknown, name: string | symbol): void => {
    try {
      handler(event as TelemetryEvent<NameOf<E>>); // only spans publish there
    } catch (error) {
      detach();
      console.error(
        `a telemetry handler of ${String(name)} threw and is detached: ${formatReason(toExitReason(error))}`,
      );
    }
  };
  for (const name of names) subscribe(name, listener);
  return detach;
}

function checkName(name: string): void {
  const [event = "", phase = "", ...more] = name.split(":");
  if (Object.hasOwn(telemetryFields, event) && /^(start|stop|exception)$/.test(phase) && more.length === 0) return;
  const allowed = `${Object.keys(telemetryFields).join(", ")}, each followed by :start, :stop or :exception`;
  throw new RuntimeError(ErrorCode.badArgument, `no telemetry event "${name}"; there are: ${allowed}`);
}
