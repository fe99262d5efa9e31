/**
 * What channels and sockets write to the log, as Phoenix does and in its words: reports of the tag `"log"`. Heard only if
 * `reportLevel` lets their level through; with the default, `"notice"`, that is nobody, and then nothing is measured or made.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Logger.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { isHeard, isReportLevel, REPORT_LEVELS, type ReportLevel, report } from "../runtime/process.js";

/** At which level something is logged; `false`: never. */
export type LogLevel = ReportLevel | false;

/** @throws RuntimeError `badOption` */
export function checkLogLevel(option: string, level: LogLevel): LogLevel {
  if (level === false || isReportLevel(level)) return level;
  const allowed = `${REPORT_LEVELS.join(", ")}, or false`;
  throw new RuntimeError(ErrorCode.badOption, `bad ${option} ${String(level)}: allowed are ${allowed}`);
}

/** The level if anybody hears it; `null`: nothing is to be done. Topics of the protocol itself are not logged. */
export function heardLevel(level: LogLevel, topic = ""): ReportLevel | null {
  return level !== false && isHeard(level) && !topic.startsWith("phoenix") ? level : null;
}

/** A line in the log, by the calling process. `details` are plain data, shown below it by their names. */
export function log(level: ReportLevel, text: string, details: Readonly<Record<string, unknown>>): void {
  report({ tag: "log", level, text, details });
}

/** As Phoenix writes durations: `5ms`, or `250µs` below one. */
export function durationText(durationMs: number): string {
  return durationMs > 1 ? `${Math.trunc(durationMs)}ms` : `${Math.trunc(durationMs * 1000)}µs`;
}
