/** The applications that one consists of: in which order they start, and what must not meet. Pure. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { pathPattern } from "../transports/path.js";

/** An application, with what is found in its module. */
export interface Part<A> {
  readonly application: A;
  readonly exports: Readonly<Record<string, unknown>>;
}

interface HasDependencies<A> {
  readonly name: string;
  readonly dependencies: readonly Part<A>[];
}

/**
 * All applications that `main` consists of: depth first, each once and after all it depends on, `main` last. OTP starts
 * applications in this order.
 *
 * @throws RuntimeError `badOption` if two have one name, or one depends on itself.
 */
export function startOrder<A extends HasDependencies<A>>(main: A): readonly Part<A>[] {
  const ordered = new Map<A, Part<A>>();
  const named = new Map<string, A>();
  const add = (part: Part<A>, path: readonly A[]): void => {
    const { application, exports } = part;
    const way = [...path, application];
    if (path.includes(application)) {
      throw bad(`application "${application.name}" depends on itself: ${way.map(({ name }) => name).join(" → ")}`);
    }
    if ((named.get(application.name) ?? application) !== application) {
      throw bad(`two applications are called "${application.name}": give each a name of its own`);
    }
    named.set(application.name, application);
    for (const dependency of application.dependencies) add(dependency, way);
    // Named twice, as itself and as its module, more is found in the module.
    if (!ordered.has(application) || "default" in exports) ordered.set(application, part);
  };
  add({ application: main, exports: {} }, []);
  return [...ordered.values()];
}

/** @throws RuntimeError `badOption` if two applications mount a socket at one path. */
export function checkPaths(
  applications: readonly { readonly name: string; readonly mounts: readonly { readonly path: string }[] }[],
): void {
  const taken = new Map<string, { readonly name: string; readonly path: string }>();
  for (const { name, mounts } of applications) {
    for (const { path } of mounts) {
      const shape = pathPattern(path, "/").map((segment) => (segment.startsWith(":") ? ":" : segment));
      const key = shape.join("/");
      const other = taken.get(key);
      if (other !== undefined && other.name !== name) {
        const where = other.path === path ? `"${path}"` : `"${path}", which is "${other.path}" again`;
        throw bad(`applications "${other.name}" and "${name}" both mount a socket at ${where}`);
      }
      taken.set(key, { name, path });
    }
  }
}

function bad(message: string): RuntimeError {
  return new RuntimeError(ErrorCode.badOption, message);
}
