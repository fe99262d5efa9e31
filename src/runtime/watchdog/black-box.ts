/**
 * What a scheduler thread says of itself in its last moment, for the watchdog's report `black_box`: who is running and the
 * message it is handling, the stack, the fullest mailboxes, who ran before. Two ways to ask:
 *
 * ```
 *   it stands still   the main thread runs blackBox() in the middle of whatever runs there (interrupt.ts)
 *   it still beats    an order by the control port; it answers in its next turn
 * ```
 *
 * All of it is plain data of a bounded size. Messages are shown as their process wants them seen: secrets stay in.
 */
import { toPlain } from "../../core/plain.js";
import { formattedStatus } from "../../core/shown-status.js";
import { context } from "../context.js";
import type { ProcessRecord } from "../process-record.js";
import type { BlackBoxReport } from "../report.js";
import { describedMessage } from "../reports.js";
import type { Scheduler } from "../scheduler.js";

/** Mailboxes that are shown, the fullest ones. */
const SHOWN_MAILBOXES = 10;
const STACK_FRAMES = 50;

/** A process that is running, and what with. */
type Running = NonNullable<BlackBoxReport["running"]>;

/** What only the thread itself can tell. */
export type BlackBoxContents = Pick<BlackBoxReport, "running" | "stack" | "processes" | "waiting" | "mailboxes">;

/** Under this symbol each scheduler thread has its {@link BlackBoxContents} as a function that makes JSON of them. */
export const BLACK_BOX: unique symbol = Symbol.for("joist.blackBox");

/** What the main thread runs on a thread that stands still; the name keeps it out of the stack. */
export const OPEN_BLACK_BOX = `globalThis[Symbol.for("joist.blackBox")]()\n//# sourceURL=joist-black-box`;

/** Lets the calling thread be asked. A property of the global object, for what an inspector runs sees nothing else. */
export function offerBlackBox(scheduler: Scheduler): void {
  const open = (): string => JSON.stringify({ ...openBlackBox(scheduler), stack: stackBelow(open) });
  Object.defineProperty(globalThis, BLACK_BOX, { value: open, configurable: true });
}

export function openBlackBox(scheduler: Scheduler): BlackBoxContents {
  const record = context.getStore();
  let waiting = 0;
  const mailboxes: ProcessRecord[] = [];
  for (const other of scheduler.processes.values()) {
    const { size } = other.mailbox;
    if (size === 0) continue;
    waiting += size;
    if (mailboxes.length === SHOWN_MAILBOXES && size <= (mailboxes.at(-1)?.mailbox.size ?? 0)) continue;
    mailboxes.push(other);
    mailboxes.sort((a, b) => b.mailbox.size - a.mailbox.size);
    mailboxes.length = Math.min(mailboxes.length, SHOWN_MAILBOXES);
  }
  return {
    ...(record === undefined ? {} : { running: running(record) }),
    processes: scheduler.processes.size,
    waiting,
    mailboxes: mailboxes.map(({ pid, label, mailbox }) => ({ pid, label, length: mailbox.size })),
  };
}

function running(record: ProcessRecord): Running {
  const { pid, label, name, origin, mailbox, handled, scheduler } = record;
  const message = shownMessage(record);
  return {
    pid,
    label,
    isCertain: true,
    mailboxLength: mailbox.size,
    name,
    kind: origin?.kind ?? "port",
    definition: origin === null ? null : (scheduler.definitions.findKey(origin) ?? null),
    handled,
    ...(message === undefined ? {} : { message: toPlain(message) }),
  };
}

/** The message a process is handling, as it wants it seen: while its callback awaits something, or in its slice. */
function shownMessage(record: ProcessRecord): unknown {
  const { handling, mailbox, behaviour } = record;
  const message = describedMessage(behaviour, handling === undefined ? mailbox.taken : handling);
  const format = behaviour?.formatStatus;
  if (format === undefined || message === undefined) return message;
  return formattedStatus(format, { state: behaviour?.state?.(), message }).message;
}

/** The stack of what was interrupted: from below `top`, and without the line that called it. */
function stackBelow(top: () => string): string {
  const { stackTraceLimit, prepareStackTrace } = Error;
  Error.stackTraceLimit = STACK_FRAMES;
  Error.prepareStackTrace = undefined as never; // the user's, if any: it may be what loops
  const trace = { stack: "" };
  Error.captureStackTrace(trace, top);
  const lines = trace.stack.split("\n").slice(1);
  Object.assign(Error, { stackTraceLimit, prepareStackTrace });
  return lines.filter((line) => !line.includes("joist-black-box")).join("\n");
}
