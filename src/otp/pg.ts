/**
 * Process groups: OTP's pg. A group is there while it has members; any process may put any other into one, several times.
 *
 * ```ts
 * await pg.join("workers", self());
 * for (const worker of await pg.members("workers")) send(worker, "wake up");
 * ```
 *
 * Each thread has the whole table (`pg-service.ts`). A member's own thread decides about it and tells the others, so what
 * one process joined is in what it reads next, while other threads see it a moment later. Departures from OTP: a scope need
 * not be started, group names are strings, and since reading is asking a service, it is a promise here.
 *
 * @see https://www.erlang.org/doc/apps/kernel/pg.html
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type Pid, threadOf } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import { isPid, openRequest, peers, send, service } from "../runtime/process.js";
import { DEFAULT_SCOPE, type GroupMessage, PG, type PgRequest } from "./pg-service.js";

/** Puts processes into a group; one that is dead leaves it at once. */
export async function join(group: string, pids: Pid | readonly Pid[], scope: string = DEFAULT_SCOPE): Promise<void> {
  for (const [owner, owned] of byOwner(pids)) await ask(owner, ["join", scope, group, owned]);
}

/** Takes processes out of a group, once each; `"not_joined"` if none of them was in it. */
export async function leave(
  group: string,
  pids: Pid | readonly Pid[],
  scope: string = DEFAULT_SCOPE,
): Promise<"ok" | "not_joined"> {
  let left = false;
  for (const [owner, owned] of byOwner(pids)) {
    if (await ask(owner, ["leave", scope, group, owned])) left = true;
  }
  return left ? "ok" : "not_joined";
}

/** The members of a group on all threads, each as often as it joined. */
export function members(group: string, scope: string = DEFAULT_SCOPE): Promise<Pid[]> {
  return ask(service(PG), ["members", scope, group, false]) as Promise<Pid[]>;
}

/** Those of {@link members} that run on the caller's thread: a message to them is not copied. */
export function localMembers(group: string, scope: string = DEFAULT_SCOPE): Promise<Pid[]> {
  return ask(service(PG), ["members", scope, group, true]) as Promise<Pid[]>;
}

/** The groups that have members. */
export function whichGroups(scope: string = DEFAULT_SCOPE): Promise<string[]> {
  return ask(service(PG), ["groups", scope]) as Promise<string[]>;
}

/** Who is in the group now; from then on the caller gets a {@link GroupMessage} for each change. */
export function monitorGroup(
  group: string,
  scope: string = DEFAULT_SCOPE,
): Promise<readonly [ref: Ref, members: readonly Pid[]]> {
  return ask(service(PG), ["monitor", scope, group]) as Promise<readonly [Ref, readonly Pid[]]>;
}

/** The groups of a scope with their members; from then on the caller gets a {@link GroupMessage} for each change of any. */
export function monitorScope(
  scope: string = DEFAULT_SCOPE,
): Promise<readonly [ref: Ref, groups: ReadonlyMap<string, readonly Pid[]>]> {
  return ask(service(PG), ["monitor_scope", scope]) as Promise<readonly [Ref, ReadonlyMap<string, readonly Pid[]>]>;
}

/** Ends a {@link monitorGroup} or {@link monitorScope}; `false` if there is none under that ref. */
export function demonitorGroup(ref: Ref): Promise<boolean> {
  return ask(service(PG), ["demonitor", ref]) as Promise<boolean>;
}

export function isGroupMessage(message: unknown): message is GroupMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "pg";
}

/** The functions of this file, to be read as OTP's: `pg.join(…)`. */
export const pg: {
  readonly join: typeof join;
  readonly leave: typeof leave;
  readonly members: typeof members;
  readonly localMembers: typeof localMembers;
  readonly whichGroups: typeof whichGroups;
  readonly monitor: typeof monitorGroup;
  readonly monitorScope: typeof monitorScope;
  readonly demonitor: typeof demonitorGroup;
} = { join, leave, members, localMembers, whichGroups, monitor: monitorGroup, monitorScope, demonitor: demonitorGroup };

function ask(to: Pid, request: PgRequest): Promise<unknown> {
  const { from, answered } = openRequest(to);
  send(to, ["request", from, request]);
  return answered;
}

/** The pids by the service of their thread; those of a thread that is gone by our own, which finds them dead. */
function byOwner(pids: Pid | readonly Pid[]): Map<Pid, Pid[]> {
  const own = service(PG);
  const services = new Map([own, ...peers(PG)].map((pid) => [threadOf(pid), pid]));
  const owners = new Map<Pid, Pid[]>();
  for (const pid of typeof pids === "string" ? [pids] : pids) {
    if (!isPid(pid)) throw new RuntimeError(ErrorCode.badArgument, `${String(pid)} is no pid; groups have pids only`);
    const owner = services.get(threadOf(pid)) ?? own;
    const owned = owners.get(owner);
    if (owned === undefined) owners.set(owner, [pid]);
    else owned.push(pid);
  }
  return owners;
}
