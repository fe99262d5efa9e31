/** The messages the runtime itself puts into mailboxes, as plain tagged data. */
import type { ExitReason } from "./exit-reason.js";
import type { Pid } from "./pid.js";
import type { Ref } from "./ref.js";
import type { Destination } from "./via.js";

/** A monitored process ended, or was not there (`reason` is then `"noproc"`). Erlang's `{'DOWN', Ref, process, From, Reason}`. */
export interface DownMessage {
  readonly tag: "DOWN";
  readonly ref: Ref;
  /** What was given to `monitor`: a pid, a registered name, or a key of a registry. */
  readonly from: Destination;
  readonly reason: ExitReason;
}

/** An exit signal that reached a process which traps exits. Erlang's `{'EXIT', From, Reason}`. */
export interface ExitMessage {
  readonly tag: "EXIT";
  readonly from: Pid;
  readonly reason: ExitReason;
}

export function isDown(message: unknown): message is DownMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "DOWN";
}

export function isExit(message: unknown): message is ExitMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "EXIT";
}

/** A timer of `startTimer` fired. Erlang's `{timeout, TimerRef, Msg}`. */
export interface TimeoutMessage {
  readonly tag: "timeout";
  readonly ref: Ref;
  readonly message: unknown;
}

export function isTimeout(message: unknown): message is TimeoutMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "timeout";
}

/** Whom a late answer goes to: plain data, may be kept and sent on. OTP's `From`. */
export interface From {
  readonly pid: Pid;
  readonly ref: Ref;
}
