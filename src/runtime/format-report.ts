/**
 * Reports as text for a terminal: a headline, and what belongs to it in aligned lines below.
 *
 * ```
 *   [joist] 12:00:00.000 process <0.7.1> (genServer Counter) crashed
 *     name      counter
 *     reason    RangeError: too much
 *                   at add (file:///app.js:10:11)
 *     message   call add 1000 from <0.3.0>
 *     state     { count: 3 }
 * ```
 */
import { inspect } from "node:util";
import { describeMessage } from "../core/describe-message.js";
import { type ExitReason, formatReason, isErrorReason } from "../core/exit-reason.js";
import {
  type BlackBoxReport,
  type CrashReport,
  levelOf,
  type Report,
  type ReportedChild,
  type SupervisorReport,
  type ThreadReport,
} from "./report.js";

export interface FormatOptions {
  /** Whether to use the colours of a terminal. @defaultValue `false` */
  readonly colour?: boolean;
}

/** Lines of one value that are shown. */
const MAX_LINES = 20;
/** Characters of one string in it that are. */
const MAX_STRING = 200;
const WIDTH = 100;
/** Where values begin: behind the longest name of a line, and its indentation. */
const INDENT = 12;

/** A report as text, of several lines, without a line break at its end. */
export function formatReport(report: Report, options: FormatOptions = {}): string {
  const { colour = false } = options;
  const time = new Date(report.timeMs).toISOString().slice(11, 23);
  const [headline, lines] = content(report);
  const code = { error: 31, warning: 33, notice: 33, info: 32, debug: 36 }[levelOf(report)];
  const paint = (text: string, sgr: number): string => (colour ? `\u001b[${sgr}m${text}\u001b[39m` : text);
  return [
    `${paint(`[joist] ${time}`, 90)} ${paint(headline, code)}`,
    ...lines.map(([name, text]) => `  ${paint(name.padEnd(INDENT - 2), 90)}${indented(text)}`),
  ].join("\n");
}

function culpritOf({ pid, label, isCertain }: NonNullable<ThreadReport["culprit"]>): string {
  const who = label === null ? pid : `${pid} (${label})`;
  return isCertain ? `${who} was running` : `${who} was the last one to run`;
}

/** The default reporter: prints to standard error, in colour if that is a terminal and `NO_COLOR` is not set. */
export function printReport(report: Report): void {
  const colour = process.stderr.isTTY === true && !process.env.NO_COLOR;
  process.stderr.write(`${formatReport(report, { colour })}\n`);
}

type Line = readonly [name: string, text: string];
type Content = readonly [headline: string, lines: readonly Line[]];

function content(report: Report): Content {
  switch (report.tag) {
    case "crash":
      return [`process ${report.pid} (${whatOf(report)}) crashed`, crashLines(report)];
    case "supervisor":
      return [`supervisor ${whoOf(report)}: ${contextOf(report)}`, supervisorLines(report)];
    case "progress": {
      const { child } = report;
      return [`supervisor ${whoOf(report)} started child "${child.id}" ${child.pid ?? ""}`.trimEnd(), []];
    }
    case "thread_down": {
      const [first = "", ...more] = report.reason.split("\n");
      const headline = `${report.isIo ? "I/O thread" : "scheduler"} ${report.scheduler} (thread ${report.thread}) is down: ${first}`;
      const lines: Line[] = more.length === 0 ? [] : [["reason", report.reason]];
      if (report.culprit !== undefined) lines.push(["culprit", culpritOf(report.culprit)]);
      return [headline, lines];
    }
    case "black_box":
      return [
        `scheduler ${report.scheduler} (thread ${report.thread}) was ${report.cause}: its black box`,
        boxLines(report),
      ];
    case "quarantined": {
      const { definition, count, windowMs, scheduler } = report;
      const headline = `${definition} is in quarantine, on scheduler ${scheduler}: ${count} threads died of it within ${windowMs} ms`;
      return [headline, report.with.length === 0 ? [] : [["with", report.with.join(", ")]]];
    }
    case "long_mailbox": {
      const { pid, name, scheduler, length, handled } = report;
      const lines: Line[] = name === null ? [] : [["name", name]];
      lines.push(["handled", `${counted(handled, "message")}, on scheduler ${scheduler}`]);
      return [`process ${pid} (${whatOf(report)}) is sent more than it handles: ${length} messages wait`, lines];
    }
    case "trace":
      return [`*DBG* ${report.name ?? report.label} ${report.pid} ${report.text}`, []];
    case "log":
      return [report.text, Object.entries(report.details).map(([name, value]) => [name, show(value)] as const)];
    case "notice":
      return [report.message, []];
    case "left_out":
      return [`${report.count} more ${report.of} reports of scheduler ${report.scheduler} were left out`, []];
  }
}

function whatOf({ label, kind, definition }: Pick<CrashReport, "label" | "kind" | "definition">): string {
  const what = definition === null || definition === kind ? kind : `${kind} ${definition}`;
  return label === kind || label === definition ? what : `${label}, ${what}`;
}

function whoOf({
  pid,
  label,
  name,
}: {
  readonly pid: string;
  readonly label: string;
  readonly name: string | null;
}): string {
  return `${pid} (${name ?? label})`;
}

function crashLines(report: CrashReport): Line[] {
  const { mailboxLength: waiting, handled, links, ancestors } = report;
  const lines: Line[] = [];
  if (report.name !== null) lines.push(["name", report.name]);
  lines.push(["reason", reasonText(report.reason)]);
  if ("message" in report) lines.push(["message", describeMessage(report.message, show)]);
  if ("state" in report) lines.push(["state", show(report.state)]);
  if (waiting > 0) lines.push(["mailbox", `${waiting} ${waiting === 1 ? "message was" : "messages were"} waiting`]);
  lines.push(["handled", `${handled} ${handled === 1 ? "message" : "messages"}, on scheduler ${report.scheduler}`]);
  if (links.length > 0) lines.push(["links", links.join(" ")]);
  if (ancestors.length > 0) lines.push(["started", `by ${ancestors.join(", by ")}`]);
  return lines;
}

const SOURCES: Readonly<Record<BlackBoxReport["source"], string>> = {
  interrupted: "it was interrupted, and told this itself",
  answered: "it still took orders, and told this itself",
  memory: "it could not be asked: this is what it showed before",
};

function boxLines({ running, stack, source, tookMs, ...report }: BlackBoxReport): Line[] {
  const who = ({ pid, label }: { readonly pid: string; readonly label: string | null }): string =>
    label === null ? pid : `${pid} (${label})`;
  const lines: Line[] = [];
  if (running !== undefined) {
    const { kind, definition, isCertain, mailboxLength, handled } = running;
    const what =
      kind === undefined ? "" : `, ${definition == null || definition === kind ? kind : `${kind} ${definition}`}`;
    lines.push([isCertain ? "running" : "last ran", `${who(running)}${what}, stood still for ${report.blockedMs} ms`]);
    if ("message" in running) lines.push(["message", describeMessage(running.message, show)]);
    lines.push([
      "mailbox",
      `${counted(mailboxLength, "message")}${handled === undefined ? "" : `, after ${handled} handled`}`,
    ]);
  }
  if (stack) lines.push(["stack", shortStack(stack).replaceAll(/^ {4}/gm, "")]);
  if (report.mailboxes !== undefined) {
    const full = report.mailboxes.map((mailbox) => `${mailbox.length} in ${who(mailbox)}`);
    const all = `${counted(report.waiting ?? 0, "message")} waiting for ${counted(report.processes ?? 0, "process", "processes")}`;
    lines.push(["waiting", [all, ...full].join("\n")]);
  }
  if (report.recent.length > 0) lines.push(["before", report.recent.map(who).join("\n")]);
  lines.push(["source", `${SOURCES[source]} (${tookMs} ms)`]);
  return lines;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function contextOf({ context, child }: SupervisorReport): string {
  const who = `child "${child.id}"${child.pid === undefined ? "" : ` ${child.pid}`}`;
  switch (context) {
    case "child_terminated":
      return `${who} ended`;
    case "start_error":
      return `${who} could not be started`;
    case "shutdown_error":
      return `${who} did not stop as it should`;
    case "shutdown":
      return `ends itself because of ${who}`;
  }
}

const DECISIONS: Readonly<Record<SupervisorReport["decision"], string>> = {
  restart: "restarts it",
  restart_group: "restarts it, and its siblings with it",
  retry: "tries again",
  give_up: "gives up",
  auto_shutdown: "shuts down: the child was significant",
  none: "leaves it at that",
};

function supervisorLines({ reason, child, decision, restarts }: SupervisorReport): Line[] {
  const lines: Line[] = [
    ["reason", isErrorReason(reason) ? formatReason(reason) : show(reason)], // the stack is in the report of the crash
    ["child", describeChild(child)],
    ["decision", DECISIONS[decision]],
  ];
  if (restarts !== undefined) {
    const { count, maxRestarts, maxSeconds } = restarts;
    lines.push(["restarts", `${count} within ${maxSeconds} s; ${maxRestarts} are allowed`]);
  }
  return lines;
}

function describeChild({ restart, type, shutdown }: ReportedChild): string {
  return `${restart} ${type}, shutdown ${typeof shutdown === "number" ? `${shutdown} ms` : shutdown}`;
}

function reasonText(reason: ExitReason): string {
  return isErrorReason(reason) ? shortStack(reason.stack) : show(reason);
}

/** Where this library is: its frames are in every stack. */
const HOME = new URL("..", import.meta.url).href;

/** A stack without the frames below the user's own; whole if there are no others. The record has all of them. */
function shortStack(stack: string): string {
  const lines = stack.split("\n");
  const last = lines.findLastIndex((line) => !line.includes(HOME) && !line.includes("node:"));
  return (last <= 0 || !lines[last]?.startsWith("    at ") ? lines : lines.slice(0, last + 1)).join("\n");
}

/** Reports hold plain, bounded data: what is written here is what there is, at most {@link MAX_LINES} of it. */
function show(value: unknown): string {
  return inspect(value, {
    ...{ depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: MAX_STRING },
    breakLength: WIDTH - INDENT,
  });
}

function indented(text: string): string {
  const lines = text.split("\n");
  const shown =
    lines.length <= MAX_LINES
      ? lines
      : [...lines.slice(0, MAX_LINES - 1), `… ${lines.length - MAX_LINES + 1} more lines`];
  return shown.join(`\n${" ".repeat(INDENT)}`);
}
