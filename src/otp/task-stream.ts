/**
 * A stream of tasks: one for each item of a source, a bounded number at a time. The reader pulls; everything happens in its
 * process, between its calls of `next`, but for the tasks themselves and a guard:
 *
 * ```
 *   source ─── pulled when a task can be started and the reader waits ─► task ─┐
 *                                                                       task ─┼─► results ─► reader
 *   guard ── monitors the reader, kills the tasks when it is gone ─────► task ─┘
 * ```
 *
 * The guard is there because a link is not enough: the reader may end normally, which harms nobody linked to it, and tasks of
 * a supervisor need not be linked. Source: Elixir's `Task.Supervised.stream`, whose process between does the same and more.
 */
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import {
  type Behaviour,
  type Definition,
  exit,
  kill,
  monitor,
  type Runnable,
  schedulersOnline,
  self,
  send,
  spawn,
  timeout,
  unlinkFlush,
  within,
} from "../runtime/process.js";
import { endOf, runTask, Task, type TaskResult } from "./task-handle.js";

/** What a stream reads its items from. */
export type StreamItems<T> = Iterable<T> | AsyncIterable<T>;

/** What a stream yields; leave its loop with `break`, or call `return`, to end it early. */
export type TaskStream<R = unknown> = AsyncGenerator<TaskResult<R>, void, undefined>;

export interface StreamOptions {
  /** Tasks that run at a time. @defaultValue as many as there are schedulers */
  readonly maxConcurrency?: number;
  /**
   * Whether results come in the order of the items. A result then waits for those before it, and while the reader waits for a
   * slow one, all that come after it are kept: without order nothing is. @defaultValue `true`
   */
  readonly ordered?: boolean;
  /** Milliseconds each task may take. @defaultValue 5000 */
  readonly timeoutMs?: number;
  /** When one takes longer: the reader fails, or the task is killed and its result is `["exit", "timeout"]`. @defaultValue `"exit"` */
  readonly onTimeout?: "exit" | "kill_task";
  /** Whether an `["exit", reason]` is `["exit", [item, reason]]`. @defaultValue `false` */
  readonly zipInputOnExit?: boolean;
}

/** How the tasks of a stream come to be. */
export interface StreamTasks {
  /** What they run. */
  readonly what: Runnable;
  /** Starts the process of one; it waits for the caller to say what to run. */
  readonly begin: () => Pid | PromiseLike<Pid>;
  /** Whether such a process is linked to the reader. */
  readonly linked: boolean;
}

const DEFAULT_TIMEOUT_MS = 5000;
/** The longest delay Node.js timers take. */
const MAX_TIMEOUT_MS = 2_147_483_647;
/** How long the end of a stream waits for tasks that were killed: all but those that compute without end. */
const CLOSE_WAIT_MS = 5000;

/** @throws RuntimeError `badOption`, at once; whatever else fails, fails in the reader. */
export function streamTasks<T>(items: StreamItems<T>, options: StreamOptions, tasks: StreamTasks): TaskStream {
  const { maxConcurrency = schedulersOnline(), ordered = true, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const { onTimeout = "exit", zipInputOnExit = false } = options;
  checkInteger("maxConcurrency", maxConcurrency, 1, Number.MAX_SAFE_INTEGER);
  if (timeoutMs !== Number.POSITIVE_INFINITY) checkInteger("timeoutMs", timeoutMs, 0, MAX_TIMEOUT_MS);
  if (onTimeout !== "exit" && onTimeout !== "kill_task") {
    throw new RuntimeError(ErrorCode.badOption, `bad onTimeout "${String(onTimeout)}": allowed are exit, kill_task`);
  }
  return read(items, { maxConcurrency, ordered, timeoutMs, onTimeout, zipInputOnExit }, tasks);
}

async function* read<T>(items: StreamItems<T>, options: Required<StreamOptions>, tasks: StreamTasks): TaskStream {
  const stream = new Stream(items, options, tasks);
  try {
    for (;;) {
      stream.fill();
      let result = stream.take();
      while (result === undefined) {
        if (stream.isOver) return;
        await stream.changed();
        result = stream.take();
        if (result === undefined) stream.fill(); // with a result to give, the next items can wait until they are asked for
      }
      yield result;
    }
  } finally {
    await stream.close();
  }
}

class Stream<T> {
  readonly #options: Required<StreamOptions>;
  readonly #tasks: StreamTasks;
  readonly #source: Iterator<T> | AsyncIterator<T>;
  readonly #isAsync: boolean;
  readonly #guard: Pid = spawn(guard, [self()]);
  /** By the place of their items. */
  readonly #running = new Map<number, Pid>();
  readonly #results = new Map<number, TaskResult>();
  /** Starts under way. */
  readonly #starting = new Set<Promise<void>>();
  #pulling = false;
  #exhausted = false;
  #closed = false;
  /** What the reader fails with. */
  #failure: { readonly error: unknown } | null = null;
  #read = 0;
  #delivered = 0;
  #wake: (() => void) | null = null;

  constructor(items: StreamItems<T>, options: Required<StreamOptions>, tasks: StreamTasks) {
    this.#options = options;
    this.#tasks = tasks;
    this.#isAsync = Symbol.asyncIterator in items;
    this.#source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  }

  /** Every item was read, every result taken. */
  get isOver(): boolean {
    return this.#exhausted && this.#busy === 0 && this.#results.size === 0;
  }

  get #busy(): number {
    return this.#running.size + this.#starting.size;
  }

  /** Reads items and starts their tasks, as long as there may be more of them. */
  fill(): void {
    while (!this.#exhausted && !this.#pulling && this.#failure === null && this.#busy < this.#options.maxConcurrency) {
      if (this.#isAsync) this.#pull(this.#source as AsyncIterator<T>);
      else this.#begin(this.#source.next() as IteratorResult<T>);
    }
  }

  /** The next result, if it is there. */
  take(): TaskResult | undefined {
    if (this.#failure !== null) throw this.#failure.error;
    const place = this.#options.ordered ? this.#delivered : this.#results.keys().next().value;
    const result = place === undefined ? undefined : this.#results.get(place);
    if (place === undefined || result === undefined) return undefined;
    this.#results.delete(place);
    this.#delivered++;
    return result;
  }

  /** Settles when there may be something to do. Asked in one breath with `take`, so that nothing comes in between. */
  changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Ends what still runs, and waits until it is gone, though not for ever. */
  async close(): Promise<void> {
    this.#closed = true;
    send(this.#guard, STOP);
    const pids = [...this.#running.values()];
    const ends = pids.map(endOf);
    for (const pid of pids) this.#end(pid);
    await within(Promise.all([...this.#starting, ...ends]), CLOSE_WAIT_MS);
    if (this.#exhausted) return;
    const returned = Promise.resolve(this.#source.return?.());
    // A source that is asked for an item may never get to its `return`; then it is told, and not waited for.
    if (this.#pulling) returned.catch(() => {});
    else await returned;
  }

  #pull(source: AsyncIterator<T>): void {
    this.#pulling = true;
    source.next().then(
      (item) => {
        this.#pulling = false;
        if (this.#closed) return;
        try {
          this.#begin(item);
        } catch (error) {
          this.#fail(error);
        }
        this.#changed();
      },
      (error: unknown) => {
        this.#pulling = false;
        this.#exhausted = true;
        this.#fail(error);
      },
    );
  }

  #begin({ done, value }: IteratorResult<T>): void {
    if (done) {
      this.#exhausted = true;
      return;
    }
    const place = this.#read++;
    const pid = this.#tasks.begin();
    if (typeof pid === "string") return this.#run(place, value, pid);
    const start = Promise.resolve(pid)
      .then(
        (started) => {
          this.#starting.delete(start);
          if (this.#closed) this.#end(started);
          else this.#run(place, value, started);
        },
        (error: unknown) => {
          this.#starting.delete(start);
          this.#fail(error);
        },
      )
      .finally(() => this.#changed());
    this.#starting.add(start);
  }

  #run(place: number, item: T, pid: Pid): void {
    send(this.#guard, [ADD, pid]);
    this.#running.set(place, pid);
    void this.#follow(place, item, runTask(pid, this.#tasks.what, [item]), pid);
  }

  async #follow(place: number, item: T, of: Task, pid: Pid): Promise<void> {
    const { outcome } = Task.answerOf(of);
    const { timeoutMs, onTimeout, zipInputOnExit } = this.#options;
    const ended = endOf(pid);
    const answer = await within(outcome, timeoutMs);
    if (answer !== timeout) await ended; // so that no more than the limit are there, and none when the stream is over
    if (this.#closed) return;
    const result: TaskResult = answer === timeout ? ["exit", "timeout"] : answer;
    // Not waited for: one that computes without end on another thread cannot be stopped before that is replaced.
    if (answer === timeout) this.#end(pid);
    else if (this.#tasks.linked) unlinkFlush(pid); // a reader that traps exits is not told of each one's end
    send(this.#guard, [REMOVE, pid]);
    this.#running.delete(place);
    if (answer === timeout && onTimeout === "exit") return this.#fail(timedOut(pid, timeoutMs));
    this.#results.set(place, result[0] === "exit" && zipInputOnExit ? ["exit", [item, result[1]]] : result);
    this.#changed();
  }

  #end(pid: Pid): void {
    if (this.#tasks.linked) unlinkFlush(pid);
    kill(pid);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#changed();
  }

  #changed(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

function timedOut(pid: Pid, timeoutMs: number): RuntimeError {
  return new RuntimeError(ErrorCode.callTimeout, `task ${pid} of a stream took longer than ${timeoutMs} ms`, {
    exitReason: ["timeout", ["task", "asyncStream", timeoutMs]],
  });
}

// ---- the guard ----

const ADD = "add";
const REMOVE = "remove";
const STOP = "stop";

const guard: Definition<readonly [reader: Pid]> = {
  kind: "task stream guard",
  boot: (reader: Pid): Behaviour => {
    const tasks = new Set<Pid>();
    monitor(reader);
    return {
      handle: (message: unknown): void => {
        // Only its reader knows it, and sends what is written above.
        if (isDown(message)) for (const pid of tasks) kill(pid);
        else if (message !== STOP) {
          const [what, pid] = message as readonly [typeof ADD | typeof REMOVE, Pid];
          if (what === ADD) tasks.add(pid);
          else tasks.delete(pid);
          return;
        }
        exit("normal");
      },
    };
  },
};
