/**
 * What is shown of a process to people, in crash reports and by `sys.getStatus`, and what its own `formatStatus` makes of it:
 * the place to keep secrets out. OTP's `format_status/1`. Pure.
 *
 * @see https://www.erlang.org/doc/apps/stdlib/gen_server.html#c:format_status/1
 */
import { isThenable } from "./thenable.js";

export interface ShownStatus {
  /** Its state. */
  readonly state: unknown;
  /** In a crash report only: the message it was handling; not there if it was handling none. */
  readonly message?: unknown;
  /** In a crash report only: what it ended with. */
  readonly reason?: unknown;
}

/**
 * The status with what `format` changes in it; the rest is shown as it is. A `format` that fails must neither hide why a
 * process died nor let out what it is there to keep in: then state and message are withheld.
 */
export function formattedStatus<T extends ShownStatus>(
  format: (status: T) => Partial<ShownStatus>,
  status: T,
): ShownStatus {
  let changed: unknown;
  try {
    changed = format(status);
  } catch {
    return withheld(status, "[withheld: formatStatus threw]");
  }
  if (typeof changed === "object" && changed !== null && !isThenable(changed)) return { ...status, ...changed };
  return withheld(status, "[withheld: formatStatus returned no object]");
}

function withheld(status: ShownStatus, why: string): ShownStatus {
  return { ...status, state: why, ...("message" in status ? { message: why } : {}) };
}
