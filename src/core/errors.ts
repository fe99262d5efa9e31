/**
 * Errors of misuse: wrong arguments, wrong place, impossible requests. They are thrown at once, carry a `code` to match on,
 * and name the value and what is allowed. Crashes are no errors in this sense: see `exit-reason.ts`.
 */

/** Every code a {@link RuntimeError} can carry. `docs/errors.md` explains each. */
export const ErrorCode = {
  badArgument: "JOIST_BAD_ARGUMENT",
  badOption: "JOIST_BAD_OPTION",
  badReturn: "JOIST_BAD_RETURN",
  badPayload: "JOIST_BAD_PAYLOAD",
  notInProcess: "JOIST_NOT_IN_PROCESS",
  processExited: "JOIST_PROCESS_EXITED",
  noProcess: "JOIST_NO_PROCESS",
  noScheduler: "JOIST_NO_SCHEDULER",
  nameTaken: "JOIST_NAME_TAKEN",
  tooManyNames: "JOIST_TOO_MANY_NAMES",
  callFailed: "JOIST_CALL_FAILED",
  callTimeout: "JOIST_CALL_TIMEOUT",
  maxChildren: "JOIST_MAX_CHILDREN",
  unknownEvent: "JOIST_UNKNOWN_EVENT",
  unknownDefinition: "JOIST_UNKNOWN_DEFINITION",
  notSendable: "JOIST_NOT_SENDABLE",
  offloadFailed: "JOIST_OFFLOAD_FAILED",
  offloadTimeout: "JOIST_OFFLOAD_TIMEOUT",
  offloadQueueFull: "JOIST_OFFLOAD_QUEUE_FULL",
  notJoined: "JOIST_NOT_JOINED",
  startFailed: "JOIST_START_FAILED",
  portTaken: "JOIST_PORT_TAKEN",
  runtimeStopped: "JOIST_RUNTIME_STOPPED",
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** A misuse of the runtime. Match on `code`, never on the message. */
export class RuntimeError extends Error {
  readonly code: ErrorCode;
  /** If it is not caught inside a process, the process exits with this reason instead of one made from the error. */
  readonly exitReason: unknown;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly exitReason?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RuntimeError";
    this.code = code;
    this.exitReason = options.exitReason;
  }
}

/** For the `default:` of a switch over a closed union: a new variant becomes a compile error there. */
export function assertNever(value: never): never {
  throw new RuntimeError(ErrorCode.badArgument, `unexpected value ${String(value)}`);
}
