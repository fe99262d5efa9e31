/** Callbacks may be sync or async; only the async ones shall cost a promise. */

/** Whether `value` is a promise, of any make. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
