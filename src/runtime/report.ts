/** What a scheduler tells people: crashes of processes and of threads, as plain records. */
import { type ExitReason, formatReason, isErrorReason } from "../core/exit-reason.js";
import type { Pid } from "../core/pid.js";

/** A process ended by something thrown that is no normal end. OTP's crash report. */
export interface CrashReport {
  readonly tag: "crash";
  readonly pid: Pid;
  readonly label: string;
  readonly reason: ExitReason;
  /** Messages that waited in its mailbox, now lost. */
  readonly mailboxLength: number;
}

/** A scheduler thread ended. */
export interface ThreadReport {
  readonly tag: "thread_down";
  readonly scheduler: number;
  readonly thread: number;
  readonly reason: string;
}

/** Something else worth a line. */
export interface NoticeReport {
  readonly tag: "notice";
  readonly message: string;
}

export type Report = CrashReport | ThreadReport | NoticeReport;

/** Takes reports; must not throw. The default prints them to standard error. */
export type Reporter = (report: Report) => void;

/** A report as text for a terminal. */
export function formatReport(report: Report): string {
  switch (report.tag) {
    case "crash": {
      const { reason } = report;
      const detail = isErrorReason(reason) ? reason.stack : formatReason(reason);
      const waiting = report.mailboxLength === 0 ? "" : `, ${report.mailboxLength} messages were waiting`;
      return `[joist] process ${report.pid} (${report.label}) crashed${waiting}\n  ${detail.replaceAll("\n", "\n  ")}`;
    }
    case "thread_down":
      return `[joist] scheduler ${report.scheduler} (thread ${report.thread}) is down: ${report.reason}`;
    case "notice":
      return `[joist] ${report.message}`;
  }
}

export function printReport(report: Report): void {
  console.error(formatReport(report));
}
