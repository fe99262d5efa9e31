/**
 * The service behind pg: a port on every thread, each with the whole table.
 *
 * ```
 *   join(pid) ──► service of pid's thread ──► its table, its monitors of groups, the reply
 *                        └──► ["joined", …] to the services of the other threads: the same there
 * ```
 *
 * Only the service of its own thread decides about a member and watches it. So a table is the sum of what each thread says
 * about itself: a thread that is new says `hello` and gets from each other one its whole share (`share`), which stands for
 * all that was said before; when a thread is gone, so is its share.
 */
import { type From, isDown } from "../core/messages.js";
import { type Pid, threadOf } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Port, PortHandler, Service } from "../runtime/process.js";
import { Groups } from "./groups.js";

/** The name of the service. */
export const PG = "pg";
export const DEFAULT_SCOPE = "pg";

/** What a process that monitors a group, or all groups of a scope, gets. OTP's `{Ref, join | leave, Group, Pids}`. */
export interface GroupMessage {
  readonly tag: "pg";
  readonly ref: Ref;
  readonly event: "join" | "leave";
  readonly group: string;
  /** Who joined or left together. */
  readonly pids: readonly Pid[];
}

export type PgRequest =
  | readonly ["join" | "leave", scope: string, group: string, pids: readonly Pid[]]
  | readonly ["members", scope: string, group: string, local: boolean]
  | readonly ["groups", scope: string]
  | readonly ["monitor", scope: string, group: string]
  | readonly ["monitor_scope", scope: string]
  | readonly ["demonitor", ref: Ref];

type Share = readonly (readonly [scope: string, group: string, pids: readonly Pid[]])[];
type PgMessage =
  | readonly ["opened"]
  | readonly ["request", From, PgRequest]
  | readonly ["joined" | "left", scope: string, group: string, pids: readonly Pid[]]
  | readonly ["hello", Pid]
  | readonly ["share", Pid, Share];

interface Observer {
  readonly pid: Pid;
  readonly scope: string;
  /** `null`: all groups of the scope. */
  readonly group: string | null;
}

/** The service, for the boot code of a thread to open. */
export function pgService(): Service {
  return { name: PG, open: (port) => new PgService(port) };
}

export class PgService implements PortHandler {
  readonly #port: () => Port;
  readonly #scopes = new Map<string, Groups<Pid>>();
  readonly #observers = new Map<Ref, Observer>();
  /** Whoever this service watches: members of its thread, processes that monitor a group, and its peers. */
  readonly #watched = new Map<Pid, Ref>();
  /** Peers that have our share, and are told what changes. */
  readonly #peers = new Set<Pid>();

  constructor(port: () => Port) {
    this.#port = port;
  }

  message(received: unknown): void {
    if (isDown(received)) return this.#down(received.from as Pid); // a pid: we monitor nothing by name
    const message = received as PgMessage; // only pg.ts and this file send here
    switch (message[0]) {
      case "opened":
        for (const peer of this.#port().peers()) this.#port().send(peer, ["hello", this.#port().pid]);
        return;
      case "request":
        return this.#request(message[1], message[2]);
      case "joined":
        return this.#joined(message[1], message[2], message[3]);
      case "left":
        return this.#left(message[1], message[2], message[3]);
      case "hello":
        return this.#welcome(message[1]);
      case "share":
        return this.#takeShare(message[1], message[2]);
    }
  }

  #request(from: From, request: PgRequest): void {
    switch (request[0]) {
      case "join": {
        const [, scope, group, pids] = request;
        this.#joined(scope, group, pids);
        this.#tellPeers(["joined", scope, group, pids]);
        this.#port().reply(from, true);
        for (const pid of pids) this.#watch(pid); // last: a dead one leaves at once, and its join was seen before
        return;
      }
      case "leave": {
        const [, scope, group, pids] = request;
        const left = pids.filter((pid) => this.#scopes.get(scope)?.leave(group, pid));
        this.#port().reply(from, left.length > 0);
        if (left.length === 0) return;
        this.#tellPeers(["left", scope, group, left]);
        this.#notify(scope, group, "leave", left);
        for (const pid of left) this.#unwatch(pid);
        return;
      }
      case "members": {
        const [, scope, group, local] = request;
        const members = this.#scopes.get(scope)?.members(group) ?? [];
        return this.#port().reply(from, local ? members.filter((pid) => this.#isOwn(pid)) : members);
      }
      case "groups":
        return this.#port().reply(from, this.#scopes.get(request[1])?.names() ?? []);
      case "monitor": {
        const [, scope, group] = request;
        this.#observers.set(from.ref, { pid: from.pid, scope, group });
        this.#port().reply(from, [from.ref, this.#scopes.get(scope)?.members(group) ?? []]);
        return this.#watch(from.pid);
      }
      case "monitor_scope": {
        const [, scope] = request;
        const groups = this.#scopes.get(scope);
        this.#observers.set(from.ref, { pid: from.pid, scope, group: null });
        const table = new Map(groups?.names().map((group) => [group, groups.members(group)]));
        this.#port().reply(from, [from.ref, table]);
        return this.#watch(from.pid);
      }
      case "demonitor":
        this.#port().reply(from, this.#observers.delete(request[1]));
        return this.#unwatch(from.pid);
    }
  }

  // ---- the table ----

  #joined(scope: string, group: string, pids: readonly Pid[]): void {
    let groups = this.#scopes.get(scope);
    if (groups === undefined) {
      groups = new Groups();
      this.#scopes.set(scope, groups);
    }
    for (const pid of pids) groups.join(group, pid);
    this.#notify(scope, group, "join", pids);
  }

  #left(scope: string, group: string, pids: readonly Pid[]): void {
    for (const pid of pids) this.#scopes.get(scope)?.leave(group, pid);
    this.#notify(scope, group, "leave", pids);
  }

  /** A process is gone: for each of its joins one leave, as in OTP. */
  #remove(pid: Pid, tellPeers: boolean): void {
    for (const [scope, groups] of this.#scopes) {
      for (const [group, count] of groups.remove(pid)) {
        for (let i = 0; i < count; i++) {
          if (tellPeers) this.#tellPeers(["left", scope, group, [pid]]);
          this.#notify(scope, group, "leave", [pid]);
        }
      }
    }
  }

  #notify(scope: string, group: string, event: "join" | "leave", pids: readonly Pid[]): void {
    for (const [ref, observer] of this.#observers) {
      if (observer.scope !== scope || (observer.group !== null && observer.group !== group)) continue;
      this.#port().send(observer.pid, { tag: "pg", ref, event, group, pids } satisfies GroupMessage);
    }
  }

  // ---- other threads ----

  #isOwn(pid: Pid): boolean {
    return threadOf(pid) === threadOf(this.#port().pid);
  }

  /** A peer that is told of a change for the first time gets our share, which has the change in it. */
  #tellPeers(message: PgMessage): void {
    for (const peer of this.#port().peers()) {
      if (this.#peers.has(peer)) this.#port().send(peer, message);
      else this.#welcome(peer);
    }
  }

  #welcome(peer: Pid): void {
    this.#peers.add(peer);
    const share: Share = [...this.#scopes].flatMap(([scope, groups]) =>
      groups.names().map((group) => [scope, group, groups.members(group).filter((pid) => this.#isOwn(pid))] as const),
    );
    this.#port().send(peer, ["share", this.#port().pid, share]);
    this.#watch(peer);
  }

  #takeShare(peer: Pid, share: Share): void {
    if (!this.#peers.has(peer)) this.#welcome(peer);
    this.#dropShare(peer);
    for (const [scope, group, pids] of share) if (pids.length > 0) this.#joined(scope, group, pids);
  }

  #dropShare(peer: Pid): void {
    const thread = threadOf(peer);
    for (const groups of this.#scopes.values()) {
      for (const pid of groups.everyone()) if (threadOf(pid) === thread) this.#remove(pid, false);
    }
  }

  // ---- watching ----

  #watch(pid: Pid): void {
    if (this.#watched.has(pid)) return;
    // The DOWN of a dead process comes before `monitor` returns, so the ref cannot be what it is known by.
    this.#watched.set(pid, 0 as Ref);
    const ref = this.#port().monitor(pid);
    if (this.#watched.has(pid)) this.#watched.set(pid, ref);
  }

  #unwatch(pid: Pid): void {
    const ref = this.#watched.get(pid);
    if (ref === undefined || this.#peers.has(pid)) return;
    for (const groups of this.#scopes.values()) if (groups.has(pid)) return;
    for (const observer of this.#observers.values()) if (observer.pid === pid) return;
    this.#watched.delete(pid);
    this.#port().demonitor(ref);
  }

  #down(pid: Pid): void {
    this.#watched.delete(pid);
    for (const [ref, observer] of this.#observers) if (observer.pid === pid) this.#observers.delete(ref);
    if (this.#peers.delete(pid)) this.#dropShare(pid);
    else this.#remove(pid, true);
  }
}
