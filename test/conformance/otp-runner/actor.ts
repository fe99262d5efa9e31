/** One process of a scenario as itself: its label, what it records, and terms as it writes and reads them (2, 3, 8). */
import { ErrorCode, RuntimeError } from "../../../src/core/errors.js";
import { Exit, isErrorReason, toExitReason } from "../../../src/core/exit-reason.js";
import { type From, isDown, isExit } from "../../../src/core/messages.js";
import type { Pid } from "../../../src/core/pid.js";
import type { Ref } from "../../../src/core/ref.js";
import { isGroupMessage } from "../../../src/otp/pg.js";
import { isPid, link, type Placement, self, send, whereis } from "../../../src/runtime/process.js";
import { openRoster, type Roster, type RosterData } from "./roster.js";
import { type Action, canonical, type Json } from "./scenario.js";

/** The scenario a process belongs to; plain data, given to each process at its start. */
export interface World {
  readonly roster: RosterData;
  readonly main: Pid;
  readonly recorder: Pid;
  /** All times are multiplied by it (10). A whole number, because periods have to stay whole seconds. */
  readonly factor: number;
  /** Schedulers the processes are spread over in turn; with 0 each runs where it is started. */
  readonly threads: number;
  /** Put before registered names and scopes, so that scenarios can share a runtime. */
  readonly prefix: string;
}

/** What the recorder gets. */
export type Recorded = readonly [stamp: number, event: Json];

/** A message that makes the receiver execute actions. */
export type ActionMessage = readonly ["$do", readonly Action[]];

export function isActionMessage(message: unknown): message is ActionMessage {
  return Array.isArray(message) && message[0] === "$do";
}

/** The message of a `start_timer`, which the runtime has not: it names its timer, as Erlang's does. */
export interface TimerMessage {
  readonly tag: "$timer";
  readonly owner: Pid;
  readonly name: string;
  readonly term: unknown;
}

function isTimerMessage(message: unknown): message is TimerMessage {
  return typeof message === "object" && message !== null && (message as { tag?: unknown }).tag === "$timer";
}

/** What the action `error` throws: its message is the term, which is how it gets into the reason and out again. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";

  constructor(term: unknown) {
    super(JSON.stringify(term));
  }
}

export class Actor {
  readonly world: World;
  readonly roster: Roster;
  readonly label: string;
  /** Which incarnation of its base it is. */
  readonly number: number;
  readonly monitors: Map<string, Ref> = new Map();
  readonly timers: Map<string, Ref> = new Map();
  readonly groupMonitors: Map<string, Ref> = new Map();
  readonly callers: Map<string, From> = new Map();
  /** The tags of monitors of all kinds; kept when a monitor is gone, because its message may still come. */
  readonly #tags = new Map<Ref, string>();
  readonly #pid: Pid = self();

  private constructor(world: World, roster: Roster, label: string, number: number) {
    this.world = world;
    this.roster = roster;
    this.label = label;
    this.number = number;
  }

  static main(world: World): Actor {
    return new Actor(world, openRoster(world.roster), "main", 0);
  }

  /** The calling process begins: it gets its label, and the recorder will learn of its end. */
  static begin(world: World, base: string, event: "init" | "start"): Actor {
    const roster = openRoster(world.roster);
    const number = roster.begin(base, self());
    // A link and not a monitor, because a process can set it itself: then no end, however early, comes before it.
    link(world.recorder);
    const actor = new Actor(world, roster, `${base}#${number}`, number);
    actor.record(event);
    return actor;
  }

  /** Where the next process this one starts is to run. */
  place(): Placement {
    const { threads } = this.world;
    return threads === 0 ? "here" : 1 + (this.roster.nextPlace() % threads);
  }

  ms(duration: Json | undefined): number {
    return duration === "infinity" ? Number.POSITIVE_INFINITY : (duration as number) * this.world.factor;
  }

  name(name: string): string {
    return this.world.prefix + name;
  }

  tag(ref: Ref, tag: string): Ref {
    this.#tags.set(ref, tag);
    return ref;
  }

  /** Records `[who, ..event]`. Code of a process that is gone, on its way back from an `await`, records nothing. */
  record(...event: readonly Json[]): void {
    self(); // throws in a process that is gone
    send(this.world.recorder, [this.roster.stamp(), [this.label, ...event]] satisfies Recorded);
  }

  // ---- processes ----

  /** A process as the runtime takes it: a pid, or a registered name (3). */
  target(process: Json | undefined): Pid | string {
    if (typeof process === "object" && process !== null) {
      const { name, pid } = process as { readonly name?: string; readonly pid?: string };
      if (name !== undefined) return this.name(name);
      return this.target(pid);
    }
    if (process === "self") return this.#pid;
    if (process === "main") return this.world.main;
    const pid = this.roster.pidOf(process as string);
    if (pid === undefined) throw new Error(`no process has had the label ${JSON.stringify(process)}`);
    return pid;
  }

  pid(process: Json | undefined): Pid {
    const target = this.target(process);
    const pid = isPid(target) ? target : whereis(target);
    if (pid === undefined) throw new Error(`no process is registered as ${target}`);
    return pid;
  }

  // ---- terms ----

  /** A term of the scenario as data of the runtime: with pids in the place of labels. */
  term(term: Json | undefined): unknown {
    if (Array.isArray(term)) return term.map((element: Json) => this.term(element));
    if (typeof term !== "object" || term === null) return term;
    if ("pid" in term) return this.target(term as Json);
    return Object.fromEntries(Object.entries(term).map(([key, value]) => [key, this.term(value as Json)]));
  }

  /** Data of the runtime as a term, in the way the traces show it (2, 8). */
  show(value: unknown): Json {
    if (value === undefined) return "undefined";
    if (isPid(value)) return { pid: value === this.world.main ? "main" : (this.roster.labelOf(value) ?? value) };
    if (typeof value !== "object" || value === null) return value as Json;
    if (isErrorReason(value)) return [this.#errorTerm(value), "$stack"];
    if (isExit(value)) return ["EXIT", this.show(value.from), this.show(value.reason)];
    if (isDown(value)) {
      const from = isPid(value.from)
        ? this.show(value.from)
        : { name: String(value.from).slice(this.world.prefix.length) };
      return ["DOWN", this.#tagOf(value.ref), from, this.show(value.reason)];
    }
    if (isGroupMessage(value)) {
      return [this.#tagOf(value.ref), value.event, groupTerm(value.group), this.showSet(value.pids)];
    }
    if (isTimerMessage(value)) {
      return ["timeout", value.owner === this.#pid ? value.name : "$ref", this.show(value.term)];
    }
    if (Array.isArray(value)) return this.#showTuple(value);
    if ("id" in value && "start" in value) return "$child";
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.show(inner)]));
  }

  showSet(values: readonly unknown[]): Json {
    return showSet(values.map((value) => this.show(value)));
  }

  /** An exception as it is recorded: `[class, reason without stack]`. */
  showThrown(thrown: unknown): readonly [string, Json] {
    const reason = toExitReason(thrown);
    if (thrown instanceof Exit || (thrown instanceof RuntimeError && callErrors.has(thrown.code))) {
      return ["exit", this.show(reason)];
    }
    if (!isErrorReason(reason)) return ["error", this.show(reason)];
    return thrown instanceof Error ? ["error", this.#errorTerm(reason)] : ["throw", this.show(thrown)];
  }

  #showTuple(tuple: readonly unknown[]): Json {
    const [first, second] = tuple;
    if (tuple.length === 2 && Array.isArray(second)) {
      if (second[0] === "call") return [this.show(first), "$call"];
      // Tuples and lists are both arrays here. This is the one place where the runtime has a list in a reason.
      if (first === "bad_combination") return [first, { list: this.show(second) }];
    }
    return tuple.map((element) => this.show(element));
  }

  #errorTerm(reason: object): Json {
    const { name, message, code, value } = reason as Record<string, unknown>;
    if (name === ScenarioError.name) return this.show(JSON.parse(message as string));
    if (value !== undefined) return ["nocatch", this.show(value)];
    if (code === ErrorCode.noProcess) return "noproc";
    return `${name}: ${message}`;
  }

  #tagOf(ref: Ref): string {
    return this.#tags.get(ref) ?? "$ref";
  }
}

/** Errors of calls are exits in Erlang. */
const callErrors: ReadonlySet<string> = new Set([ErrorCode.callFailed, ErrorCode.callTimeout]);

/** A list whose order has no meaning, of shown values. */
export function showSet(values: readonly Json[]): Json {
  return { set: [...values].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) };
}

/** Groups are named by strings here, and by terms in the scenarios. */
export function groupName(group: Json): string {
  return canonical(group);
}

export function groupTerm(name: string): Json {
  return JSON.parse(name) as Json;
}
