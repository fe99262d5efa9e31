/**
 * The reports of one thread on their way to whoever hears them: those that matter too little are dropped, a storm is
 * bounded, unknown values are made plain. A storm of crashes costs its own thread no descriptions and the I/O thread, which
 * all reports pass, no time.
 */
import type { Clock } from "../core/clock.js";
import { toPlain } from "../core/plain.js";
import { formattedStatus, type ShownStatus } from "../core/shown-status.js";
import type { Behaviour } from "./behaviour.js";
import { Data, type ProcessRecord } from "./process-record.js";
import {
  type CrashReport,
  levelOf,
  MAX_SHOWN_LINKS,
  REPORT_LEVELS,
  type Report,
  type ReportBody,
  type Reporter,
  type ReportLevel,
} from "./report.js";

/** What of reports can be chosen. Defaults in {@link DEFAULT_REPORTING}. */
export interface Reporting {
  /** Reports of this level and of more weight are heard. */
  readonly level: ReportLevel;
  /** Reports of one kind that one thread makes within a second; the number of others is told at its end. */
  readonly maxPerSecond: number;
}

export const DEFAULT_REPORTING: Reporting = { level: "notice", maxPerSecond: 100 };

/** Characters of an exit reason's strings: stacks are long. */
const MAX_REASON_STRING = 10_000;
const WINDOW_MS = 1000;
/** Parents are followed so far. */
const MAX_ANCESTORS = 10;

/** The reports of one kind within the current second. */
interface Window {
  startMs: number;
  count: number;
  leftOut: number;
}

export class Reports {
  readonly #reporter: Reporter;
  readonly #reporting: Reporting;
  readonly #clock: Clock;
  readonly #slot: number;
  readonly #windows = new Map<Report["tag"], Window>();

  constructor(reporter: Reporter, reporting: Reporting, clock: Clock, slot: number) {
    this.#reporter = reporter;
    this.#reporting = reporting;
    this.#clock = clock;
    this.#slot = slot;
  }

  send(body: ReportBody): void {
    if (this.#isWanted(body.tag, levelOf(body))) this.pass({ timeMs: Date.now(), ...bounded(body) } as Report); // a body and its time
  }

  /** Reports the end of a process; what describes it is gathered only if the report is wanted. */
  crash(record: ProcessRecord, reason: unknown): void {
    if (this.#isWanted("crash", "error"))
      this.pass({ timeMs: Date.now(), ...bounded(crashReport(record, reason)) } as Report);
  }

  /** Reports that a process does not keep up with what it is sent. */
  longMailbox(record: ProcessRecord): void {
    const { mailbox, handled } = record;
    this.send({ tag: "long_mailbox", ...identityOf(record), length: mailbox.size, handled });
  }

  /** Hands a finished report on. */
  pass(report: Report): void {
    try {
      this.#reporter(report);
    } catch (error) {
      console.error(error, report); // the user's own reporter failed: nothing else may for it
    }
  }

  /** Whether reports of this level are heard at all. */
  isHeard(level: ReportLevel): boolean {
    return REPORT_LEVELS.indexOf(level) <= REPORT_LEVELS.indexOf(this.#reporting.level);
  }

  #isWanted(tag: Report["tag"], level: ReportLevel): boolean {
    const { maxPerSecond } = this.#reporting;
    if (!this.isHeard(level)) return false;
    const nowMs = this.#clock.now();
    let window = this.#windows.get(tag);
    if (window === undefined) {
      window = { startMs: nowMs, count: 0, leftOut: 0 };
      this.#windows.set(tag, window);
    } else if (nowMs - window.startMs >= WINDOW_MS) {
      this.#tellLeftOut(tag, window);
      window.startMs = nowMs;
      window.count = 0;
    }
    if (window.count++ < maxPerSecond) return true;
    // A storm that is over has no next report to bring the number along: a timer does, and keeps no program alive for it.
    if (window.leftOut++ === 0) setTimeout(() => this.#tellLeftOut(tag, window), WINDOW_MS).unref();
    return false;
  }

  #tellLeftOut(of: Report["tag"], window: Window): void {
    const { leftOut: count } = window;
    window.leftOut = 0;
    if (count === 0 || of === "left_out") return;
    this.pass({ tag: "left_out", timeMs: Date.now(), of, count, scheduler: this.#slot });
  }
}

function crashReport(record: ProcessRecord, reason: unknown): Omit<CrashReport, "timeMs"> {
  const { mailbox, handled } = record;
  const { state, message, reason: shownReason } = shown(record, reason);
  return {
    tag: "crash",
    ...identityOf(record),
    reason: shownReason,
    ...(message === undefined ? {} : { message }),
    ...(state === undefined ? {} : { state }),
    mailboxLength: mailbox.size,
    handled,
    links: [...(record.links ?? [])].slice(0, MAX_SHOWN_LINKS),
    ancestors: ancestorsOf(record),
  };
}

/** Which process it is, as reports say it. */
function identityOf({
  pid,
  label,
  name,
  origin,
  scheduler,
}: ProcessRecord): Pick<CrashReport, "pid" | "label" | "name" | "kind" | "definition" | "scheduler"> {
  const definition = origin === null ? null : (scheduler.definitions.findKey(origin) ?? null);
  return { pid, label, name, kind: origin?.kind ?? "port", definition, scheduler: scheduler.slot };
}

/** Its state, the message it was handling and the reason, as its own `formatStatus` wants them seen. */
function shown(record: ProcessRecord, reason: unknown): ShownStatus {
  const { handling, behaviour } = record;
  const message = describedMessage(behaviour, handling);
  const status = { state: stateOf(record), ...(message === undefined ? {} : { message }), reason };
  const format = behaviour?.formatStatus;
  return format === undefined ? status : formattedStatus(format, status);
}

/** A message or data as its behaviour has it described. */
export function describedMessage(behaviour: Behaviour | null, handled: unknown): unknown {
  const message = handled instanceof Data ? handled.data : handled;
  if (message === undefined || behaviour?.showMessage === undefined) return message;
  try {
    return behaviour.showMessage(message);
  } catch {
    return "[withheld: it can't be described]"; // it must neither hide why its process died nor let secrets out
  }
}

function stateOf({ behaviour }: ProcessRecord): unknown {
  try {
    return behaviour?.state?.();
  } catch {
    return undefined; // a state that can't be shown must not hide why its process died
  }
}

function ancestorsOf(record: ProcessRecord): CrashReport["ancestors"] {
  const ancestors: CrashReport["ancestors"][number][] = [];
  let { parent } = record;
  while (parent !== null && ancestors.length < MAX_ANCESTORS) {
    ancestors.push(parent);
    parent = record.scheduler.processes.get(parent)?.parent ?? null;
  }
  return ancestors;
}

/** The same report with plain data of a bounded size wherever users' values can be. */
function bounded(body: ReportBody): ReportBody {
  switch (body.tag) {
    case "crash": {
      const { message, state } = body;
      return {
        ...body,
        reason: plainReason(body.reason),
        ...(message === undefined ? {} : { message: toPlain(message) }),
        ...(state === undefined ? {} : { state: toPlain(state) }),
      };
    }
    case "supervisor":
      return { ...body, reason: plainReason(body.reason) };
    default:
      return body; // a trace's event is made plain where it happens; the rest is numbers and our own words
  }
}

function plainReason(reason: unknown): unknown {
  return toPlain(reason, { maxDepth: 5, maxEntries: 50, maxStringLength: MAX_REASON_STRING, maxValues: 500 });
}
