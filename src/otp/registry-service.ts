/**
 * The service behind registries: a port on every thread, which tells the other threads what the processes of its own have
 * registered, and ends their registrations in a registry that ends.
 *
 * ```
 *   lookup(key) ──► the own thread's entries, read at once
 *        └────────► services of the threads that may have entries under it (an interest, as for topics) ──► theirs
 * ```
 *
 * Nothing is replicated: an entry, with its value, is on its owner's thread only, and whoever asks there gets what is true
 * there now. Why: `docs/decisions/0011-registry.md`.
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type From, isDown } from "../core/messages.js";
import { type Pid, threadOf } from "../core/pid.js";
import {
  awaitReply,
  openRequest,
  type Port,
  type PortHandler,
  peers,
  type Registration,
  registrations,
  type Service,
  self,
  send,
  topicOf,
} from "../runtime/process.js";
import { DEFAULT_CALL_TIMEOUT_MS } from "./gen-server-calls.js";

/** The name of the service. */
export const REGISTRY = "registry";

/** Which entries of a registry: those under a key (its canonical form), those of a process, both, or all. */
export interface Selection {
  readonly registry: Pid;
  readonly form?: string;
  readonly pid?: Pid;
}

/** An entry as it travels. */
export type Row = readonly [key: unknown, pid: Pid, value: unknown];

type RegistryServiceMessage =
  | readonly ["opened"]
  | readonly ["rows", From, Selection]
  | readonly ["count", From, Selection];

export class RegistryService implements PortHandler {
  readonly #port: () => Port;

  constructor(port: () => Port) {
    this.#port = port;
  }

  message(received: unknown): void {
    const port = this.#port();
    if (isDown(received)) return port.forgetRegistry(received.from as Pid); // a pid: we monitor nothing by name
    const message = received as RegistryServiceMessage; // only this file sends here
    switch (message[0]) {
      case "opened":
        port.registrations.onRegistry = (registry) => void port.monitor(registry);
        return;
      case "rows":
        return port.reply(message[1], rowsOf(selected(port.registrations, message[2])));
      case "count":
        return port.reply(message[1], countOf(selected(port.registrations, message[2])));
    }
  }
}

/** The service that every thread runs. */
export const registryService: Service = { name: REGISTRY, open: (port) => new RegistryService(port) };

/**
 * The entries on all threads.
 *
 * @param owner - A process on whose thread all of them are, if that is known.
 * @throws RuntimeError `callTimeout` if another thread, stuck in a loop for one, does not answer within 5 s.
 */
export async function rows(selection: Selection, owner?: Pid): Promise<Row[]> {
  const own = isElsewhere(owner) ? [] : rowsOf(selected(registrations(), selection));
  const others = await askOthers("rows", selection, owner);
  return [...own, ...(others as Row[][]).flat()];
}

/** How many entries there are on all threads. @throws RuntimeError `callTimeout`, as {@link rows} */
export async function count(selection: Selection): Promise<number> {
  const others = await askOthers("count", selection, undefined);
  return (others as number[]).reduce((sum, more) => sum + more, countOf(selected(registrations(), selection)));
}

/** What the services that may know something answer, all asked at once. */
function askOthers(what: "rows" | "count", selection: Selection, owner: Pid | undefined): Promise<unknown[]> {
  const there = peers(REGISTRY, topicOf(selection.registry, owner === undefined ? selection.form : ""));
  const asked = owner === undefined ? there : there.filter((pid) => threadOf(pid) === threadOf(owner));
  return Promise.all(asked.map((pid) => ask(pid, what, selection)));
}

async function ask(to: Pid, what: "rows" | "count", selection: Selection): Promise<unknown> {
  const request = openRequest(to);
  send(to, [what, request.from, selection] satisfies RegistryServiceMessage);
  try {
    return await awaitReply(request, DEFAULT_CALL_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof RuntimeError) || error.code !== ErrorCode.callFailed) throw error;
    return what === "rows" ? [] : 0; // the thread is gone, and all that was registered there
  }
}

function isElsewhere(owner: Pid | undefined): boolean {
  return owner !== undefined && threadOf(owner) !== threadOf(self());
}

function* selected(table: Port["registrations"], { registry, form, pid }: Selection): Generator<Registration> {
  if (pid !== undefined) {
    for (const entry of table.ofProcess(pid, registry)) if (form === undefined || entry.form === form) yield entry;
  } else yield* form === undefined ? table.all(registry) : table.of(registry, form);
}

function rowsOf(entries: Iterable<Registration>): Row[] {
  return Array.from(entries, ({ key, pid, value }) => [key, pid, value] as const);
}

function countOf(entries: Iterable<Registration>): number {
  let count = 0;
  for (const _ of entries) count++;
  return count;
}
