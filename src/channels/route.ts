/**
 * Which channel a topic belongs to. A pattern is a literal topic, or a literal prefix followed by `*`: `room:*` is every
 * topic that starts with `room:`, and `*` is all of them. The first match in the order of definition wins.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

export interface Route<T> {
  readonly pattern: string;
  readonly target: T;
  /** What the topic starts with, or is if {@link Route.splat} is false. */
  readonly prefix: string;
  readonly splat: boolean;
}

/**
 * Checks the patterns, once, where a socket is defined.
 *
 * @param channels - In order of definition. Of an object, give `Object.entries`; mind that JavaScript puts keys that are
 *   integers (`"7"`) before all others.
 * @throws RuntimeError `badOption` for a `*` anywhere but at the end.
 */
export function resolveRoutes<T>(channels: Iterable<readonly [pattern: string, target: T]>): readonly Route<T>[] {
  return Array.from(channels, ([pattern, target]) => {
    const star = pattern.indexOf("*");
    if (star !== -1 && star !== pattern.length - 1) {
      const message = `the topic pattern ${JSON.stringify(pattern)} has a * that is not its last character`;
      throw new RuntimeError(ErrorCode.badOption, message);
    }
    const splat = star !== -1;
    return { pattern, target, prefix: splat ? pattern.slice(0, -1) : pattern, splat };
  });
}

/** The first route that matches; a topic that is not a string matches none. */
export function findRoute<T>(routes: readonly Route<T>[], topic: unknown): Route<T> | undefined {
  if (typeof topic !== "string") return undefined;
  return routes.find(({ prefix, splat }) => (splat ? topic.startsWith(prefix) : topic === prefix));
}
