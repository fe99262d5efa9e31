/**
 * A port as its owner sees it: an address on this thread that acts the instant something arrives, and what it can do in
 * its own name. The runtime's own code only (connections, services); see {@link PortHandler}.
 */
import type { ExitReason } from "../core/exit-reason.js";
import type { From } from "../core/messages.js";
import { makePid, type Pid, threadOf } from "../core/pid.js";
import type { Ref } from "../core/ref.js";
import type { Definition, PortHandler } from "./behaviour.js";
import type { Deadline } from "./deadlines.js";
import { keptSlot, slotForBrief } from "./placing.js";
import type { ProcessRecord } from "./process-record.js";
import { forgetRegistry } from "./registering.js";
import type { Registrations } from "./registrations.js";
import type { ReportLevel } from "./report.js";
import type { Scheduler } from "./scheduler.js";

/** A process that a port has started. */
export interface Spawned {
  readonly pid: Pid;
  /** Of the monitor. */
  readonly ref: Ref;
  /** Its definition has a thread kept for it: nothing else should run beside it. */
  readonly isApart: boolean;
}

export class Port {
  readonly #record: ProcessRecord;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, handler: PortHandler, label: string, pid?: Pid) {
    this.#scheduler = scheduler;
    this.#record = scheduler.openPort(handler, label, pid);
  }

  get pid(): Pid {
    return this.#record.pid;
  }

  get isOpen(): boolean {
    return !this.#record.exited;
  }

  send(to: Pid, message: unknown): void {
    this.#scheduler.send(this.pid, to, message);
  }

  sendData(to: Pid, data: string | Uint8Array): void {
    this.#scheduler.sendData(this.pid, to, data);
  }

  reply(to: From, value: unknown): void {
    this.#scheduler.reply(this.pid, to.pid, to.ref, value);
  }

  /** A DOWN message comes to the port's handler. */
  monitor(target: Pid): Ref {
    const ref = this.#scheduler.refs.next();
    this.#scheduler.signals.monitor(this.#record, ref, target, target);
    return ref;
  }

  demonitor(ref: Ref): void {
    this.#scheduler.signals.demonitor(this.#record, ref);
  }

  /** As {@link demonitor}, of a process that is known to end by itself right now: it need not be told. Its DOWN is dropped. */
  forget(ref: Ref): void {
    this.#record.monitors?.delete(ref);
  }

  /** Calls `deadline.onTimeout` after so many milliseconds, unless it is {@link unlimit}ed; also when this port is closed. */
  limit(deadline: Deadline, timeoutMs: number): void {
    this.#scheduler.deadlines.add(deadline, timeoutMs);
  }

  unlimit(deadline: Deadline): void {
    this.#scheduler.deadlines.delete(deadline);
  }

  /**
   * Starts a process on a scheduler, monitored; `undefined` if no scheduler can take one now.
   *
   * @param definition - By its key in the application module; or itself, to run on this thread.
   * @param where - A process on whose thread the new one shall run, if that thread lives, else on the least loaded one; or that the
   *   new one is over soon (`slotForBrief`). Not asked if the definition has a thread kept for it.
   */
  spawn(
    definition: Definition | string,
    args: readonly unknown[],
    label: string,
    where: Pid | "brief" | null = null,
  ): Spawned | undefined {
    const slot = keptSlot(this.#scheduler, definition);
    const thread = slot === 0 ? this.#threadFor(where) : this.#scheduler.cells.threadOf(slot);
    if (thread === undefined) return undefined;
    const ref = this.#scheduler.refs.next();
    const options = { link: false, monitor: ref, label, name: null, acknowledge: false };
    const pid = this.#scheduler.signals.spawn(this.#record, thread, definition, args, options);
    return { pid, ref, isApart: slot !== 0 };
  }

  /** Whether a definition can't be started for a while, as the thread kept for it has died too often. */
  isRefused(definition: Definition | string): boolean {
    const slot = keptSlot(this.#scheduler, definition);
    return slot !== 0 && this.#scheduler.cells.threadOf(slot) === undefined;
  }

  #threadFor(where: Pid | "brief" | null): number | undefined {
    const { cells } = this.#scheduler;
    if (where !== null && where !== "brief" && cells.isAlive(threadOf(where))) return threadOf(where);
    const ready = where === "brief" ? slotForBrief(this.#scheduler) : cells.leastLoaded();
    const slot = ready ?? (cells.slots === 1 ? 0 : undefined);
    return slot === undefined ? undefined : cells.threadOf(slot);
  }

  exit(to: Pid, reason: ExitReason): void {
    this.#scheduler.signals.exit(this.pid, to, reason);
  }

  /** Ends the port: whoever monitors it learns `reason`. */
  close(reason: ExitReason): void {
    this.#scheduler.signals.die(this.#record, reason);
  }

  /** Tells people something that is worth a line. */
  notice(message: string): void {
    this.#scheduler.report({ tag: "notice", message });
  }

  /** Writes a line to the log, if `level` is heard. */
  log(level: ReportLevel, text: string): void {
    const { pid, label } = this.#record;
    this.#scheduler.report({ tag: "log", level, text, details: {}, pid, label, name: null });
  }

  /** Runs `action` once when what the event loop does now is over. */
  afterTurn(action: () => void): void {
    this.#scheduler.afterTurn(action);
  }

  // ---- for services: the same port on every thread ----

  /** What the processes of this thread have registered in registries. */
  get registrations(): Registrations {
    return this.#scheduler.names.registrations;
  }

  /** Ends all registrations of this thread in a registry that has ended. */
  forgetRegistry(registry: Pid): void {
    forgetRegistry(this.#scheduler, registry);
  }

  /** The ports of this service on the other living threads. */
  peers(): Pid[] {
    return servicePeers(this.#scheduler, this.#record.label);
  }

  /** From now on messages about `topic` are wanted on this thread; see `interest.ts`. Once per topic. */
  addInterest(topic: string): void {
    this.#scheduler.interest.add(topic);
  }

  removeInterest(topic: string): void {
    this.#scheduler.interest.remove(topic);
  }
}

/** A service: one port on every thread, open before anything else happens there. */
export interface Service {
  readonly name: string;
  /** Makes its handler; `port` may be used once the thread runs. */
  open(port: () => Port): PortHandler;
}

/** Opens the services of a thread. Their pids have the same serials everywhere: peers find each other without asking. */
export function openServices(scheduler: Scheduler, services: readonly Service[]): void {
  for (const service of services) {
    let port: Port | undefined;
    const handler = service.open(() => port as Port); // handlers act on messages, and none comes before this returns
    port = new Port(scheduler, handler, service.name, scheduler.nextPid(scheduler.thread));
    scheduler.services.set(service.name, port.pid);
  }
  for (const name of scheduler.services.keys()) {
    const pid = scheduler.services.get(name);
    if (pid !== undefined) scheduler.send(null, pid, ["opened"]);
  }
}

/** The handler of a service of this thread. */
export function handlerOf(scheduler: Scheduler, name: string): PortHandler | null {
  const pid = scheduler.services.get(name);
  return pid === undefined ? null : (scheduler.processes.get(pid)?.port ?? null);
}

/** The port of a service on the main I/O thread. */
export function mainService(scheduler: Scheduler, name: string): Pid | undefined {
  const index = [...scheduler.services.keys()].indexOf(name);
  const main = scheduler.cells.threadOf(0);
  return index === -1 || main === undefined ? undefined : makePid(main, index + 1, main);
}

/** The ports of all services of a thread. */
export function servicePids(scheduler: Scheduler, thread: number): Pid[] {
  return [...scheduler.services.keys()].map((_, index) => makePid(thread, index + 1, thread));
}

/** The ports of a service on the other living threads; with `topic`, only where that may be wanted. */
export function servicePeers(scheduler: Scheduler, name: string, topic?: string): Pid[] {
  const serial = [...scheduler.services.keys()].indexOf(name) + 1;
  const { cells } = scheduler;
  const slots = topic === undefined ? -1 : scheduler.interest.slotsFor(topic);
  const pids: Pid[] = [];
  for (let slot = 0; slot < cells.slots; slot++) {
    if (slot === scheduler.slot || (slots & (1 << slot)) === 0) continue;
    const thread = cells.threadOf(slot);
    if (thread !== undefined) pids.push(makePid(thread, serial, thread));
  }
  return pids;
}
