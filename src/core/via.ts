/**
 * Names that a registry keeps: Elixir's `{:via, Registry, {registry, key}}`, as plain data, so that it can be sent and stand in
 * a child specification. Made by a registry's `via(key)` and by `partition(supervisor, key)`; accepted wherever a registered
 * name is.
 *
 * @see https://hexdocs.pm/elixir/Registry.html#module-using-in-via
 */
import { formatReason } from "./exit-reason.js";
import type { Pid } from "./pid.js";

export interface Via {
  readonly tag: "via";
  /** The registered name of the registry, or of the partition supervisor. */
  readonly registry: string;
  /** Any plain data. */
  readonly key: unknown;
  /** What a process that is started under this name registers as its value. @defaultValue `undefined` */
  readonly value?: unknown;
}

/** What a process may be started as. */
export type Name = string | Via;

/** Whom a message may be sent to. OTP's `server_ref()`. */
export type Destination = Pid | Name;

export function isVia(value: unknown): value is Via {
  return typeof value === "object" && value !== null && (value as { tag?: unknown }).tag === "via";
}

/** A destination in a line for people. */
export function showDestination(to: Destination): string {
  return isVia(to) ? `${formatReason(to.key)} of "${to.registry}"` : String(to);
}
