/**
 * Runs a line of JavaScript on another thread in the middle of whatever it does, by Node.js's inspector: its messages are taken
 * in at the next point where V8 lets itself be interrupted. What was tried on Node.js 20: loops, microtasks, regular expressions
 * and `Atomics.wait` answer within 10 to 70 ms; a synchronous native call does not, and neither does a tight loop of
 * `JSON.parse`. A profiler needs the same interruption, so it would see nothing more.
 *
 * Evaluated, not paused: a debugger that is turned on sends a message for each script of the thread, which would hold up the I/O
 * thread for tens of milliseconds; and a thread that is left paused takes seconds to terminate.
 */

/** Threads are known to the inspector by their titles: `[worker 3] joist scheduler 1`. */
const TITLE = /^\[worker (\d+)\]/;

/**
 * Evaluates `expression` on the worker thread `threadId`, for `timeoutMs` at most, on both sides.
 *
 * @returns Its value, if it is plain data; `undefined` if it did not answer, failed, or there is no inspector.
 */
export async function interrupt(threadId: number, expression: string, timeoutMs: number): Promise<unknown> {
  if (!process.features.inspector) return undefined;
  const { Session } = await import("node:inspector");
  const session = new Session();
  session.connect();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<unknown>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs);
      session.on("NodeWorker.attachedToWorker", ({ params: { sessionId, workerInfo } }) => {
        if (TITLE.exec(workerInfo.title)?.[1] !== String(threadId)) return;
        const params = { expression, returnByValue: true, silent: true, timeout: timeoutMs };
        const message = JSON.stringify({ id: 1, method: "Runtime.evaluate", params });
        session.post("NodeWorker.sendMessageToWorker", { sessionId, message });
      });
      // Only the evaluation was asked for anything, so this is its answer.
      session.on("NodeWorker.receivedMessageFromWorker", ({ params: { message } }) => resolve(evaluated(message)));
      session.post("NodeWorker.enable", { waitForDebuggerOnStart: false });
    });
  } finally {
    clearTimeout(timer);
    session.post("NodeWorker.disable");
    session.disconnect();
  }
}

/** The value in an answer of `Runtime.evaluate`; `undefined` if it threw. */
function evaluated(message: string): unknown {
  const { result } = JSON.parse(message) as {
    readonly result?: { readonly result?: { readonly value?: unknown }; readonly exceptionDetails?: unknown };
  };
  return result?.exceptionDetails === undefined ? result?.result?.value : undefined;
}
