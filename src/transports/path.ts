/**
 * Where a socket is mounted. Paths are compared by segment, as Phoenix does: empty segments do not count (so a trailing
 * slash is fine), case does, and nothing is percent-decoded, neither to match nor in the parameters.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** Segments of a mounted path, in order. One that starts with a colon is a variable. */
export type PathPattern = readonly string[];

/**
 * The pattern of one transport of a socket.
 *
 * @param mount - The path of the socket, `/socket` or `/rooms/:room`.
 * @param suffix - The path of the transport below it: `/websocket`, `/live/:part/ws`, or `/` for none.
 * @throws RuntimeError `badOption` for a variable without a name, or the same name twice.
 */
export function pathPattern(mount: string, suffix: string): PathPattern {
  const pattern = [...segmentsOf(mount), ...segmentsOf(suffix)];
  const variables = pattern.filter((segment) => segment.startsWith(":"));
  for (const [index, variable] of variables.entries()) {
    if (variable === ":" || variables.indexOf(variable) !== index) {
      const problem = variable === ":" ? "has a variable without a name" : `has ${variable} twice`;
      throw new RuntimeError(ErrorCode.badOption, `the path "${mount}" with "${suffix}" ${problem}`);
    }
  }
  return pattern;
}

/**
 * The parameters in `path`, or undefined if it does not match. Variables that start with an underscore are matched, and
 * not passed on. A path parameter goes before a query parameter of the same name.
 */
export function matchPath(pattern: PathPattern, path: string): Readonly<Record<string, string>> | undefined {
  const segments = segmentsOf(path);
  if (segments.length !== pattern.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, wanted] of pattern.entries()) {
    const found = segments[index] as string;
    if (!wanted.startsWith(":")) {
      if (found !== wanted) return undefined;
    } else if (!wanted.startsWith(":_")) {
      params[wanted.slice(1)] = found;
    }
  }
  return params;
}

/** The request target (`request.url`), taken apart at its question mark. */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf("?");
  return mark === -1 ? { path: target, query: "" } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

function segmentsOf(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}
