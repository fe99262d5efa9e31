/**
 * What the runtime expects of an application module: its default export is a *program*, which says what services each
 * thread runs and describes itself to the main thread in plain data. `application()` makes one.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Definition } from "./behaviour.js";
import { Definitions, type ListedDefinition } from "./definitions.js";
import type { Service } from "./port.js";

export interface Program {
  readonly services: readonly Service[];
  /** The library's own definitions, by keys that no export has: every thread can start them. @defaultValue none */
  readonly definitions?: Readonly<Record<string, Definition>>;
  /** What other modules of it export, by the name that stands before the keys of their definitions. */
  readonly modules?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Plain data about the application, with definitions replaced by their keys. Runs once per thread, after loading. */
  describe(keyOf: Definitions["keyOf"]): unknown;
}

export interface LoadedProgram {
  readonly program: Program;
  readonly definitions: Definitions;
  readonly manifest: unknown;
  /** The definitions, for the main thread. */
  readonly listed: readonly ListedDefinition[];
}

/**
 * Loads an application module.
 *
 * @throws whatever its evaluation throws; RuntimeError `badArgument` if it has no program as its default export.
 */
export async function loadProgram(url: string): Promise<LoadedProgram> {
  const exports: Record<string, unknown> = await import(url);
  const program = exports.default;
  if (!isProgram(program)) {
    throw new RuntimeError(
      ErrorCode.badArgument,
      `${url} must have an application as its default export: export default application({ … })`,
    );
  }
  const definitions = new Definitions(program.definitions);
  definitions.collect(exports);
  for (const [name, more] of Object.entries(program.modules ?? {})) definitions.collect(more, `${name}/`);
  const manifest = program.describe((definition) => definitions.keyOf(definition));
  return { program, definitions, manifest, listed: definitions.list() };
}

/** Loads an application module into the calling thread. @throws RuntimeError `startFailed` with what it threw. */
export async function loadInline(url: string): Promise<LoadedProgram> {
  try {
    return await loadProgram(url);
  } catch (error) {
    throw new RuntimeError(ErrorCode.startFailed, `the application could not start: ${String(error)}`, {
      cause: error,
    });
  }
}

function isProgram(value: unknown): value is Program {
  return (
    typeof value === "object" && value !== null && typeof (value as { describe?: unknown }).describe === "function"
  );
}
