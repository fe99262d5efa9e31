/** Limits and budgets of the runtime, with their defaults, checked once at the edge. */
import { availableParallelism, totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { printReport } from "./format-report.js";
import { NO_LIMIT } from "./process-record.js";
import { REPORT_LEVELS, type Reporter, type ReportLevel } from "./report.js";
import { DEFAULT_REPORTING, type Reporting } from "./reports.js";
import type { Budgets } from "./scheduler-setup.js";
import { MAX_SLOTS } from "./shared/shared.js";

const ISOLATIONS = ["thread", "process"] as const;
export type Isolation = (typeof ISOLATIONS)[number];

export interface RuntimeOptions {
  /**
   * Scheduler threads, 0 to 31, further I/O threads counted. With 0 everything runs on the calling thread: for debugging and tests; isolation is off.
   * @defaultValue as many as I/O threads leave of the cores, but at least 2, so that the death of one never leaves nobody
   */
  readonly schedulers?: number;
  /**
   * Where schedulers run: `"thread"`, in worker threads; `"process"`, each in an OS process of its own, so that not even an abort of V8
   * or a fault in native code costs more than one of them. See `docs/isolation.md` for what that costs. Not on Windows.
   * @defaultValue `"thread"`
   */
  readonly isolation?: Isolation;
  /** Messages one process handles before the next one has its turn. @defaultValue 64 */
  readonly messageBudget?: number;
  /** Milliseconds a scheduler works before timers and I/O of its thread are served. @defaultValue 4 */
  readonly turnBudgetMs?: number;
  /**
   * Messages in a process's mailbox above which it is reported, once, until it has been down to half of that: others send it more
   * than it handles, which nothing slows down. Erlang's `long_message_queue`. 0: never. @defaultValue 10000
   */
  readonly longMailbox?: number;
  /** Deaths of scheduler threads within {@link threadRestartWindowMs} before the runtime stops. @defaultValue 10 */
  readonly maxThreadRestarts?: number;
  /** Milliseconds. @defaultValue 10000 */
  readonly threadRestartWindowMs?: number;
  /**
   * Most threads and OS processes that are kept for definitions: for those with `isolation: "dedicated"` or `"process"`, and those in
   * quarantine. They are not counted in `schedulers`, but all together are 31 at most. Where there are more such definitions, some
   * share one, `"process"` only with its like. 0: they run on the schedulers like all others; `"process"` is refused.
   * @defaultValue 4, or what `schedulers` leaves of 31
   */
  readonly maxDedicatedThreads?: number;
  /**
   * How many milliseconds a definition is refused whose own thread has died more than `maxThreadRestarts` times within
   * `threadRestartWindowMs`: nothing of it can be started meanwhile. @defaultValue 5000
   */
  readonly dedicatedRetryMs?: number;
  /**
   * Deaths of scheduler threads within {@link quarantineWindowMs} that processes of one definition are to blame for, for certain,
   * before those run on a thread of their own. Such deaths don't count in `maxThreadRestarts`. 0: never. @defaultValue 3
   */
  readonly quarantineAfter?: number;
  /** Milliseconds. @defaultValue 60000 */
  readonly quarantineWindowMs?: number;
  /** Milliseconds a scheduler thread may take to load the application module. @defaultValue 30000 */
  readonly threadStartTimeoutMs?: number;
  /**
   * Milliseconds the event loop of a scheduler thread may stand still before the thread is replaced: an endless loop, a regular
   * expression without end, a long call that does not return. 0: for ever, as for a thread that is stopped in a debugger.
   * @defaultValue 2000
   */
  readonly maxBlockMs?: number;
  /**
   * Milliseconds a scheduler thread whose event loop turns may handle no message before it is replaced: code that changed
   * `Promise` or `Array.prototype` may have made it deaf. 0: for ever. @defaultValue 10000
   */
  readonly maxDeafMs?: number;
  /**
   * Bytes of heap and buffers one scheduler thread may hold, garbage not counted, before it is replaced. V8 ends the whole OS
   * process at its own limit in many cases, so this one should be well below it. `Infinity`: no limit.
   * @defaultValue half of V8's limit (2 GiB, if `--max-old-space-size` is not given and the machine has 16 GiB or more)
   */
  readonly maxHeapBytes?: number;
  /**
   * Bytes the whole OS process may have resident before the largest scheduler thread is replaced. `Infinity`: no limit.
   * @defaultValue 75 % of what the container or the machine has
   */
  readonly maxRssBytes?: number;
  /** Milliseconds between two looks of the watchdog. @defaultValue 50 */
  readonly watchdogIntervalMs?: number;
  /**
   * Milliseconds a thread that the watchdog has replaced may still have to say what it was doing, before it is terminated: the
   * report `black_box`. Nobody waits for it. 0: it is terminated at once. @defaultValue 200
   */
  readonly blackBoxMs?: number;
  /** A file that each `black_box` report is appended to as a line of JSON. @defaultValue `null`: none */
  readonly blackBoxFile?: string | URL | null;
  /** Takes reports of crashes, supervisors and threads: plain data. @defaultValue prints them to standard error */
  readonly report?: Reporter;
  /**
   * Which reports are made: `"error"` crashes, supervisors' and threads'; `"notice"` also what is worth a line; `"info"` also
   * each start of a supervised child, OTP's progress reports. @defaultValue `"notice"`
   */
  readonly reportLevel?: ReportLevel;
  /**
   * Reports of one kind (crashes, traces …) that one thread makes within a second, so that a storm neither floods a terminal
   * nor the thread all sockets are on. How many more there were is told a second later. `Infinity`: all. @defaultValue 100
   */
  readonly maxReportsPerSecond?: number;
}

const MIB = 2 ** 20;
const MAX_BYTES = 2 ** 44;

export const DEFAULT_BUDGETS: Budgets = { messageBudget: 64, turnBudgetMs: 4, longMailbox: 10_000 };

/** The main I/O thread has one of the slots. */
const MAX_THREADS = MAX_SLOTS - 1;
const DEFAULT_DEDICATED_THREADS = 4;

/** @param io - I/O threads beside the main one. */
export function resolveRuntimeOptions(options: RuntimeOptions, io = 0): Required<RuntimeOptions> {
  const most = MAX_THREADS - io;
  const schedulers = options.schedulers ?? Math.max(2, Math.min(availableParallelism() - 1 - io, most));
  const resolved: Required<RuntimeOptions> = {
    schedulers,
    isolation: options.isolation ?? "thread",
    messageBudget: options.messageBudget ?? DEFAULT_BUDGETS.messageBudget,
    turnBudgetMs: options.turnBudgetMs ?? DEFAULT_BUDGETS.turnBudgetMs,
    longMailbox: options.longMailbox ?? DEFAULT_BUDGETS.longMailbox,
    maxThreadRestarts: options.maxThreadRestarts ?? 10,
    threadRestartWindowMs: options.threadRestartWindowMs ?? 10_000,
    maxDedicatedThreads:
      options.maxDedicatedThreads ?? Math.max(0, Math.min(DEFAULT_DEDICATED_THREADS, most - schedulers)),
    dedicatedRetryMs: options.dedicatedRetryMs ?? 5000,
    quarantineAfter: options.quarantineAfter ?? 3,
    quarantineWindowMs: options.quarantineWindowMs ?? 60_000,
    threadStartTimeoutMs: options.threadStartTimeoutMs ?? 30_000,
    maxBlockMs: options.maxBlockMs ?? 2000,
    maxDeafMs: options.maxDeafMs ?? 10_000,
    maxHeapBytes: options.maxHeapBytes ?? Math.floor(getHeapStatistics().heap_size_limit / 2),
    maxRssBytes: options.maxRssBytes ?? Math.floor(memoryBytes() * 0.75),
    watchdogIntervalMs: options.watchdogIntervalMs ?? 50,
    blackBoxMs: options.blackBoxMs ?? 200,
    blackBoxFile: options.blackBoxFile ?? null,
    report: options.report ?? printReport,
    reportLevel: options.reportLevel ?? DEFAULT_REPORTING.level,
    maxReportsPerSecond: options.maxReportsPerSecond ?? DEFAULT_REPORTING.maxPerSecond,
  };
  checkInteger("schedulers", resolved.schedulers, 0, most);
  checkIsolation(resolved);
  checkInteger("maxDedicatedThreads", resolved.maxDedicatedThreads, 0, most - resolved.schedulers);
  checkInteger("dedicatedRetryMs", resolved.dedicatedRetryMs, 1, 2 ** 31 - 1);
  checkInteger("quarantineAfter", resolved.quarantineAfter, 0, 1_000_000);
  checkInteger("quarantineWindowMs", resolved.quarantineWindowMs, 1, 2 ** 31 - 1);
  checkInteger("messageBudget", resolved.messageBudget, 1, 1_000_000);
  checkInteger("turnBudgetMs", resolved.turnBudgetMs, 1, 1000);
  checkInteger("longMailbox", resolved.longMailbox, 0, NO_LIMIT);
  checkInteger("maxThreadRestarts", resolved.maxThreadRestarts, 0, 1_000_000);
  checkInteger("threadRestartWindowMs", resolved.threadRestartWindowMs, 1, 2 ** 31 - 1);
  checkInteger("threadStartTimeoutMs", resolved.threadStartTimeoutMs, 1, 2 ** 31 - 1);
  checkInteger("maxBlockMs", resolved.maxBlockMs, 0, 2 ** 31 - 1);
  checkInteger("maxDeafMs", resolved.maxDeafMs, 0, 2 ** 31 - 1);
  checkInteger("watchdogIntervalMs", resolved.watchdogIntervalMs, 1, 10_000);
  checkInteger("blackBoxMs", resolved.blackBoxMs, 0, 10_000);
  for (const name of ["maxHeapBytes", "maxRssBytes"] as const) {
    if (resolved[name] !== Number.POSITIVE_INFINITY) checkInteger(name, resolved[name], 16 * MIB, MAX_BYTES);
  }
  const { blackBoxFile: file } = resolved;
  if (file !== null && !(file instanceof URL) && (typeof file !== "string" || file === "")) {
    throw new RuntimeError(
      ErrorCode.badOption,
      `bad blackBoxFile ${String(file)}: allowed are a path, a file URL, null`,
    );
  }
  if (resolved.maxReportsPerSecond !== Number.POSITIVE_INFINITY) {
    checkInteger("maxReportsPerSecond", resolved.maxReportsPerSecond, 0, 1_000_000);
  }
  if (!REPORT_LEVELS.includes(resolved.reportLevel)) {
    const allowed = REPORT_LEVELS.join(", ");
    throw new RuntimeError(
      ErrorCode.badOption,
      `bad reportLevel ${String(resolved.reportLevel)}: allowed are ${allowed}`,
    );
  }
  return resolved;
}

function checkIsolation({ isolation, schedulers }: Required<RuntimeOptions>): void {
  const bad = (why: string): RuntimeError =>
    new RuntimeError(ErrorCode.badOption, `bad isolation ${isolation}: ${why}`);
  if (!ISOLATIONS.includes(isolation)) throw bad(`allowed are ${ISOLATIONS.join(", ")}`);
  if (isolation !== "process") return;
  if (schedulers === 0) throw bad("with schedulers: 0 everything runs on the calling thread");
  if (process.platform === "win32") throw bad("it needs pipes that Windows does not have; there it is thread only");
}

/** What this OS process may have: of its container if that has a limit, else of the machine. */
function memoryBytes(): number {
  const constrained = process.constrainedMemory() ?? 0; // 0 or more than there is: no limit
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** What the options say of how a scheduler shares its thread out. */
export function budgetsOf({ messageBudget, turnBudgetMs, longMailbox }: Required<RuntimeOptions>): Budgets {
  return { messageBudget, turnBudgetMs, longMailbox };
}

/** What the options say of reports, in the words of `reports.ts`. */
export function reportingOf(options: Required<RuntimeOptions>): Reporting {
  return { level: options.reportLevel, maxPerSecond: options.maxReportsPerSecond };
}
