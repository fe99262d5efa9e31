/**
 * What the runtime tells people, as plain records: they can be copied to another thread, are JSON, and bounded in size. What
 * OTP's logger calls crash, supervisor and progress reports. `format-report.ts` makes text of them, `reports.ts` bounds
 * their number.
 *
 * @see https://www.erlang.org/doc/apps/sasl/error_logging.html
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";

/** How much a report matters, the most first. A progress report is `info`, as in OTP, and so not heard by default. */
export const REPORT_LEVELS = ["error", "warning", "notice", "info", "debug"] as const;
export type ReportLevel = (typeof REPORT_LEVELS)[number];

export function isReportLevel(value: unknown): value is ReportLevel {
  return (REPORT_LEVELS as readonly unknown[]).includes(value);
}

/** A process ended by something thrown that is no normal end. */
export interface CrashReport {
  readonly tag: "crash";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly pid: Pid;
  /** What it calls itself: `setLabel`, the `label` it was started with, or its definition's kind. */
  readonly label: string;
  /** What it was registered as. */
  readonly name: string | null;
  /** What it ran: `"genServer"`, `"channel"`, a function's name; `"port"` for a part of the runtime itself. */
  readonly kind: string;
  /** Its definition's place in the application module's exports; `null` if it is not among them. */
  readonly definition: string | null;
  /** The scheduler it ran on; 0 is the I/O thread. */
  readonly scheduler: number;
  /** An {@link ErrorReason} with its stack, if something was thrown. Bounded; what has no plain form is described. */
  readonly reason: ExitReason;
  /** The message it was handling, described likewise; not there if it was handling none. */
  readonly message?: unknown;
  /** Its state after its last word, described likewise; not there if its definition shows none. */
  readonly state?: unknown;
  /** Messages that waited in its mailbox, now lost. */
  readonly mailboxLength: number;
  /** Messages it had taken in its life. */
  readonly handled: number;
  /** Who dies with it, unless they trap exits. At most {@link MAX_SHOWN_LINKS}. */
  readonly links: readonly Pid[];
  /** Who started it, who started that one, and so on, as far as the thread it ran on knows them. */
  readonly ancestors: readonly Pid[];
}

/** Links that a crash report lists. */
export const MAX_SHOWN_LINKS = 20;

/** A child of a supervisor, as its reports show it. */
export interface ReportedChild {
  /** The id of its specification: children of a dynamic supervisor may share one. */
  readonly id: string;
  /** The process it had; not there if none was started. */
  readonly pid?: Pid;
  readonly restart: "permanent" | "transient" | "temporary";
  readonly type: "worker" | "supervisor";
  /** Milliseconds, or how else it is stopped. */
  readonly shutdown: number | "brutal_kill" | "infinity";
}

/** What a supervisor does about what it reports. */
export type SupervisorDecision =
  /** Starts the child again. */
  | "restart"
  /** Stops other children too, and starts them again together. */
  | "restart_group"
  /** Tries the start again in a moment. */
  | "retry"
  /** Ends itself: more restarts than allowed, or the first start failed. */
  | "give_up"
  /** Ends itself: a significant child has ended. */
  | "auto_shutdown"
  /** Nothing: the child stays down. */
  | "none";

/**
 * A supervisor saw something go wrong with a child: `child_terminated` it ended by itself; `start_error` it could not be
 * started; `shutdown_error` it was told to stop and ended otherwise; `shutdown` its end is the supervisor's own.
 */
export interface SupervisorReport {
  readonly tag: "supervisor";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly pid: Pid;
  readonly label: string;
  readonly name: string | null;
  readonly context: "child_terminated" | "start_error" | "shutdown_error" | "shutdown";
  readonly reason: ExitReason;
  readonly child: ReportedChild;
  readonly decision: SupervisorDecision;
  /**
   * Restarts that count at this moment, this one included unless the child only shared a thread with the one it died of, against
   * what is allowed; not there where none was in question.
   */
  readonly restarts?: { readonly count: number; readonly maxRestarts: number; readonly maxSeconds: number };
}

/** A supervisor has started a child. Heard with `reportLevel: "info"`. */
export interface ProgressReport {
  readonly tag: "progress";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly pid: Pid;
  readonly label: string;
  readonly name: string | null;
  readonly child: ReportedChild;
}

/** Why a scheduler thread is down; see {@link ThreadReport}. */
export type ThreadDownCause = "exit" | "stuck" | "swollen" | "deaf";

/** A scheduler thread ended. */
export interface ThreadReport {
  readonly tag: "thread_down";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** Its slot: schedulers come first, then I/O threads, then what is kept for definitions. */
  readonly scheduler: number;
  /** It was an I/O thread: its connections are gone, too. */
  readonly isIo?: boolean;
  readonly thread: number;
  readonly reason: string;
  /** `exit`: it ended by itself; `stuck`, `swollen`, `deaf`: the watchdog ended it. */
  readonly cause: ThreadDownCause;
  /** The process that was running when it ended, or, if the watchdog ended it, the last one that was. */
  readonly culprit?: {
    readonly pid: Pid;
    readonly label: string | null;
    /** Its definition's place in the application module's exports; `null` if it is not among them. */
    readonly definition: string | null;
    /** Whether it was running. If not, something else may have been, code after an `await`, a timer: see the `black_box`. */
    readonly isCertain: boolean;
  };
  /** Milliseconds its event loop had stood still. */
  readonly blockedMs?: number;
  /** Its heap and buffers, as far as known. */
  readonly heapBytes?: number;
}

/**
 * What a thread was doing that the watchdog ended: taken when its replacement has been started, before it is terminated. Follows
 * its `thread_down` within `blackBoxMs`. Bounded, with secrets left out as crash reports and the log leave them out.
 */
export interface BlackBoxReport {
  readonly tag: "black_box";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly scheduler: number;
  readonly thread: number;
  readonly cause: Exclude<ThreadDownCause, "exit">;
  /** Milliseconds its event loop had stood still, when it was given up. */
  readonly blockedMs: number;
  /** Its heap and buffers, as far as known. */
  readonly heapBytes: number;
  /**
   * `interrupted`: told by the thread in the middle of what it did. `answered`: it still took orders, and was between two
   * messages. `memory`: it could not say anything; this is what it had shown before.
   */
  readonly source: "interrupted" | "answered" | "memory";
  /** Milliseconds it took. */
  readonly tookMs: number;
  /** The process that was running, or if that is not certain, the one that had run last. */
  readonly running?: {
    readonly pid: Pid;
    readonly label: string | null;
    readonly isCertain: boolean;
    /** Messages in its mailbox; of a thread that said nothing, when the slice began. */
    readonly mailboxLength: number;
    /** As in a {@link CrashReport}, and only if the thread told it itself. */
    readonly name?: string | null;
    readonly kind?: string;
    readonly definition?: string | null;
    readonly handled?: number;
    /** The message it was handling, described; not there if it was handling none, or is a function that takes its own. */
    readonly message?: unknown;
  };
  /** Where the code was that was running. */
  readonly stack?: string;
  /** Processes of the thread, and messages in all of their mailboxes. */
  readonly processes?: number;
  readonly waiting?: number;
  /** The fullest mailboxes, at most ten. */
  readonly mailboxes?: readonly { readonly pid: Pid; readonly label: string; readonly length: number }[];
  /** The processes that had the last slices, the newest first: at most eight. */
  readonly recent: readonly { readonly pid: Pid; readonly label: string | null }[];
}

/**
 * A definition's processes were to blame for the death of `count` scheduler threads within `windowMs`: from now on they run on
 * the one thread of that scheduler, which takes no others.
 */
export interface QuarantineReport {
  readonly tag: "quarantined";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  /** Its place in the application module's exports. */
  readonly definition: string;
  readonly count: number;
  readonly windowMs: number;
  readonly scheduler: number;
  /** Definitions that run there already, as there are not more threads for any. */
  readonly with: readonly string[];
}

/**
 * A mailbox has grown above `longMailbox`: others send this process more than it handles. Told once, until its mailbox has been
 * down to half of that.
 */
export interface LongMailboxReport {
  readonly tag: "long_mailbox";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly pid: Pid;
  readonly label: string;
  readonly name: string | null;
  /** As in a {@link CrashReport}. */
  readonly kind: string;
  readonly definition: string | null;
  readonly scheduler: number;
  /** Messages in its mailbox. */
  readonly length: number;
  /** Messages it had taken in its life. */
  readonly handled: number;
}

/** What a process does, because somebody asked with `sys.trace`. `text` is one line. */
export interface TraceReport {
  readonly tag: "trace";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly pid: Pid;
  readonly label: string;
  readonly name: string | null;
  /** The event, described: see `SystemEvent`. */
  readonly event: unknown;
  readonly text: string;
}

/** What channels and sockets log: a client connects, joins, sends a message. Each has its own level. */
export interface LogReport {
  readonly tag: "log";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly pid: Pid;
  readonly label: string;
  readonly name: string | null;
  readonly level: ReportLevel;
  /** One line, in Phoenix's words: `JOINED room:lobby in 5ms`. */
  readonly text: string;
  /** What belongs to it, by name: bounded plain data, with secrets filtered out. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Something else worth a line. */
export interface NoticeReport {
  readonly tag: "notice";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly message: string;
}

/** A thread had more reports of one kind within a second than `maxReportsPerSecond`: so many were left out. */
export interface LeftOutReport {
  readonly tag: "left_out";
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly of: Exclude<Report["tag"], "left_out">;
  readonly count: number;
  readonly scheduler: number;
}

export type Report =
  | CrashReport
  | SupervisorReport
  | ProgressReport
  | ThreadReport
  | BlackBoxReport
  | QuarantineReport
  | LongMailboxReport
  | TraceReport
  | LogReport
  | NoticeReport
  | LeftOutReport;

type WithoutTime<R> = R extends Report ? Omit<R, "timeMs"> : never;
/** A report before it was told: without its time. */
export type ReportBody = WithoutTime<Report>;

type WithoutProcess<R> = R extends Report ? Omit<R, "timeMs" | "pid" | "label" | "name"> : never;
/** What a process reports about itself or its children: who it is is added. */
export type OwnReport = WithoutProcess<SupervisorReport | ProgressReport | TraceReport | LogReport>;

/** Takes reports; must not throw. The default prints them to standard error. */
export type Reporter = (report: Report) => void;

/** How much a report matters; by this it is heard or not, see `reportLevel`. */
export function levelOf(report: Pick<Report, "tag"> & { readonly level?: ReportLevel }): ReportLevel {
  switch (report.tag) {
    case "crash":
    case "supervisor":
    case "thread_down":
    case "black_box":
    case "quarantined":
      return "error";
    case "long_mailbox":
      return "warning";
    case "progress":
      return "info";
    case "log":
      return report.level ?? "info";
    case "trace":
    case "notice":
    case "left_out":
      return "notice";
  }
}
