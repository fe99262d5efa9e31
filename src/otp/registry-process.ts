/**
 * The process of a registry. Entries do not go through it: it is there to be found under the registry's name, to be linked to
 * by those who are registered, to keep the registry's metadata, and to tell listeners.
 *
 * ```
 *   registered process ── linked ──► this one: its EXIT ends its entries for the listeners, whatever it died of
 *                      └─ REGISTERED, UNREGISTERED (if there are listeners) ──► a RegistryMessage to each
 * ```
 *
 * All that listeners hear of comes from here, so the end of an entry is never told before its beginning.
 */
import { canonicalKey } from "../core/canonical-key.js";
import { isExit } from "../core/messages.js";
import { isPid, type Pid } from "../core/pid.js";
import { openRegistry, REGISTERED, send, trapExit, UNREGISTERED, whereis } from "../runtime/process.js";
import { type GenServer, genServer } from "./gen-server.js";
import type { CallResult } from "./gen-server-results.js";
import { reply } from "./results.js";

/** What listeners get. A process that ends has each of its entries unregistered. */
export interface RegistryMessage {
  readonly tag: "register" | "unregister";
  /** The registry's name. */
  readonly registry: string;
  readonly key: unknown;
  readonly pid: Pid;
  /** With `"register"` only. */
  readonly value?: unknown;
}

export function isRegistryMessage(message: unknown): message is RegistryMessage {
  if (typeof message !== "object" || message === null) return false;
  const { tag, registry, pid } = message as Partial<RegistryMessage>;
  return (tag === "register" || tag === "unregister") && typeof registry === "string" && isPid(pid);
}

export interface RegistryProcessOptions {
  readonly name: string;
  readonly duplicate: boolean;
  readonly listeners: readonly string[];
  readonly meta: Readonly<Record<string, unknown>>;
}

/** What is stored under a key beside the entries. */
export type MetaResult = readonly ["ok", unknown] | readonly ["error", "not_found"];

interface State {
  readonly meta: Map<string, unknown>;
  /** Who is registered under which keys, the first one first. Empty without listeners. */
  readonly keys: Map<Pid, unknown[]>;
}

type MetaCalls = {
  meta: (key: string, state: State) => CallResult<State>;
  putMeta: (entry: readonly [key: string, value: unknown], state: State) => CallResult<State>;
  deleteMeta: (key: string, state: State) => CallResult<State>;
};

export function registryProcess(options: RegistryProcessOptions): GenServer<undefined, State, MetaCalls, unknown> {
  const { name, duplicate, listeners } = options;
  const tell = (message: RegistryMessage): void => {
    for (const listener of listeners) {
      const pid = whereis(listener);
      if (pid !== undefined) send(pid, message);
    }
  };
  return genServer<undefined, State, MetaCalls, unknown>({
    init: () => {
      trapExit(true); // a registered process that crashes is no harm to the others
      openRegistry({ duplicate, listens: listeners.length > 0 });
      return { meta: new Map(Object.entries(options.meta)), keys: new Map() };
    },
    handleCall: {
      meta: (key, { meta }) =>
        reply((meta.has(key) ? ["ok", meta.get(key)] : ["error", "not_found"]) satisfies MetaResult),
      putMeta: ([key, value], { meta }) => {
        meta.set(key, value);
        return reply("ok");
      },
      deleteMeta: (key, { meta }) => {
        meta.delete(key);
        return reply("ok");
      },
    },
    handleInfo: (message, { keys }) => {
      if (isExit(message)) {
        const { from: pid } = message;
        for (const key of keys.get(pid) ?? []) tell({ tag: "unregister", registry: name, key, pid });
        keys.delete(pid);
      } else if (Array.isArray(message)) {
        // From registering.ts, which has the layouts; anything else is a stranger's.
        const [tag, pid, key, value] = message as unknown as readonly [unknown, Pid, unknown, unknown];
        if (tag === REGISTERED) {
          keys.set(pid, [...(keys.get(pid) ?? []), key]);
          tell({ tag: "register", registry: name, key, pid, value });
        } else if (tag === UNREGISTERED) {
          keys.set(pid, without(keys.get(pid) ?? [], key));
          if (keys.get(pid)?.length === 0) keys.delete(pid);
          tell({ tag: "unregister", registry: name, key, pid });
        }
      }
    },
  });
}

/** Takes one key like `key` out. */
function without(keys: readonly unknown[], key: unknown): unknown[] {
  const form = canonicalKey(key);
  const at = keys.findIndex((other) => canonicalKey(other) === form);
  return keys.filter((_, index) => index !== at);
}
