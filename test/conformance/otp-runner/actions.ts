/** The actions of the scenario language (5), each by the function of the library that it is about. */
import { RuntimeError } from "../../../src/core/errors.js";
import type { Pid } from "../../../src/core/pid.js";
import { call, cast, stopServer } from "../../../src/otp/gen-server-calls.js";
import { pg } from "../../../src/otp/pg.js";
import { initAck, type StartResult, startProcess } from "../../../src/otp/start.js";
import {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from "../../../src/otp/supervisor-api.js";
import {
  cancelTimer,
  demonitor,
  exit,
  link,
  monitor,
  processInfo,
  readTimer,
  receive,
  register,
  replyTo,
  self,
  send,
  sendAfter,
  spawn,
  spawnLink,
  spawnMonitor,
  timeout,
  trapExit,
  unlink,
  unregister,
  whereis,
} from "../../../src/runtime/process.js";
import {
  type ActionMessage,
  type Actor,
  groupName,
  groupTerm,
  isActionMessage,
  ScenarioError,
  showSet,
} from "./actor.js";
import type { Action, Json } from "./scenario.js";
import {
  type ChildScript,
  childSpec,
  type Script,
  type SupervisorScript,
  startOptions,
  supervisorDefinition,
} from "./specs.js";
import { Turn } from "./turn.js";

/** The events of a worker's calls and casts. */
export const RUN = "run";

type Operation = (actor: Actor, args: readonly Json[], turn: Turn) => unknown;

/** Executes actions in order. What they say about the return value of the callback is added to `turn`. */
export async function run(actor: Actor, actions: readonly Action[], turn: Turn = new Turn()): Promise<void> {
  for (const action of actions) await execute(actor, action, turn);
}

/** Executes one action, and records its result if it has one. An action whose function answers `undefined` has none. */
export async function execute(actor: Actor, [name, ...args]: Action, turn: Turn = new Turn()): Promise<void> {
  const operation = operations[name];
  if (operation === undefined) throw new Error(`unknown action "${name}"`);
  const result = await operation(actor, args, turn);
  if (result instanceof Returned) actor.record("ret", name, result.shown);
}

/** What an action marked **ret** answers, as it is shown. */
class Returned {
  readonly shown: Json;

  constructor(shown: Json) {
    this.shown = shown;
  }
}

/** The message of a raw process that has recorded its start. */
type Started = readonly ["$started", Pid];

export function announceStart(to: Pid): void {
  send(to, ["$started", self()] satisfies Started);
}

/** What a raw process does with a message in `loop`, and main between steps. */
export async function handlePlain(actor: Actor, message: unknown): Promise<void> {
  if (isActionMessage(message)) await run(actor, message[1]);
  else actor.record("info", actor.show(message));
}

const operations: Readonly<Record<string, Operation>> = {
  // ---- leaving ----
  exit: (actor, [reason]) => exit(actor.term(reason)),
  error: (actor, [term]) => {
    throw new ScenarioError(actor.term(term));
  },
  throw: (actor, [term]) => {
    throw actor.term(term);
  },

  // ---- control ----
  note: (actor, [term]) => actor.record("note", actor.show(actor.term(term))),
  sleep: (actor, [ms]) => receive(() => false, actor.ms(ms)),
  if_inc: async (actor, [numbers, actions], turn) => {
    if ((numbers as readonly number[]).includes(actor.number)) await run(actor, actions as unknown as Action[], turn);
  },
  try: async (actor, [actions], turn) => {
    try {
      await run(actor, actions as unknown as Action[], turn);
    } catch (thrown) {
      actor.record("raise", ...actor.showThrown(thrown));
    }
  },
  trap_exit: (_actor, [trap]) => {
    trapExit(trap as boolean);
  },
  loop: async (actor) => {
    for (;;) await handlePlain(actor, await receive());
  },

  // ---- messages ----
  send: (actor, [to, term]) => send(actor.target(to), actor.term(term)),
  tell: (actor, [to, actions]) => send(actor.target(to), actionMessage(actions)),
  cast: (actor, [to, actions]) => cast(actor.target(to), RUN, actions),
  call: async (actor, [to, actions, ms]) => {
    const reply = await call(actor.target(to), RUN, actions, actor.ms(ms ?? 5000));
    return new Returned(actor.show(reply));
  },
  stop_server: async (actor, [to, reason = "normal", ms = "infinity"]) => {
    await stopServer(actor.target(to), actor.term(reason), actor.ms(ms));
    return new Returned("ok");
  },
  receive: async (actor, [patterns, ms]) => {
    const match = (message: unknown): boolean => {
      if (isActionMessage(message)) return false;
      const shown = actor.show(message);
      return (patterns as readonly Json[]).some((pattern) => matches(pattern, shown));
    };
    const message = await receive(match, actor.ms(ms));
    actor.record("received", message === timeout ? "$timeout" : actor.show(message));
  },
  exit_signal: (actor, [to, reason]) => exit(actor.pid(to), actor.term(reason)),

  // ---- links and monitors ----
  link: (actor, [to]) => link(actor.pid(to)),
  unlink: (actor, [to]) => unlink(actor.pid(to)),
  monitor: (actor, [to, tag]) => {
    const name = tag as string;
    const target = actor.target(to);
    // The message cannot be read before this returns, so the tag is known in time.
    actor.monitors.set(name, actor.tag(monitor(target), name));
  },
  demonitor: (actor, [tag, options = []]) => {
    const ref = actor.monitors.get(tag as string);
    if (ref === undefined) throw new ScenarioError("badarg");
    const chosen = options as readonly Json[];
    const was = demonitor(ref, { flush: chosen.includes("flush") });
    return chosen.includes("info") ? new Returned(was) : undefined;
  },
  is_alive: async (actor, [who]) => new Returned((await processInfo(actor.pid(who))) !== undefined),

  // ---- starting ----
  spawn: async (actor, [label, mode, actions]) => {
    const args = [{ world: actor.world, base: label as string, script: actions }, self()] as const;
    const options = { scheduler: actor.place() };
    let pid: Pid;
    if (mode === "monitor" || mode === "link_monitor") {
      const spawned = spawnMonitor("raw", args, options);
      pid = spawned.pid;
      actor.monitors.set(label as string, actor.tag(spawned.ref, label as string));
      if (mode === "link_monitor") link(pid); // it has not begun: nothing is lost by the second step
    } else pid = (mode === "link" ? spawnLink : spawn)("raw", args, options);
    await receive((message) => Array.isArray(message) && message[0] === "$started" && message[1] === pid);
  },
  start_worker: async (actor, [mode, label, script]) => {
    const worker = script as unknown as Script;
    const args = [{ world: actor.world, base: label as string, script: worker }];
    const options = { link: mode === "link", scheduler: actor.place(), ...startOptions(actor, worker) };
    const result = await startProcess("worker", args, options);
    if (mode === "monitor" && result[0] === "ok") {
      actor.monitors.set(label as string, actor.tag(monitor(result[1]), label as string));
    }
    return started(actor, result);
  },
  start_sup: async (actor, [supervisor]) => {
    const script = supervisor as unknown as SupervisorScript;
    const args = [{ world: actor.world, base: script.id as string, script }];
    const options = { link: true, scheduler: actor.place(), ...startOptions(actor, script) };
    return started(actor, await startProcess(supervisorDefinition(script), args, options));
  },
  proc_start: async (actor, [mode, label, actions, ms]) => {
    const args = [{ world: actor.world, base: label as string, script: actions }];
    const options = { link: mode === "link", scheduler: actor.place(), timeoutMs: actor.ms(ms) };
    return started(actor, await startProcess("acknowledging", args, options));
  },
  init_ack: (actor, [term]) => initAck(actor.term(term) as StartResult), // any term: it is only handed on

  // ---- the API of supervisors ----
  start_child: async (actor, [supervisor, child]) => {
    const extra = (child as { readonly args?: Json }).args;
    const what = extra === undefined ? childSpec(actor, child as unknown as ChildScript) : [extra];
    return started(actor, await startChild(actor.target(supervisor), what));
  },
  terminate_child: async (actor, [supervisor, child]) =>
    started(actor, await terminateChild(actor.target(supervisor), actor.term(child) as string)),
  restart_child: async (actor, [supervisor, id]) =>
    started(actor, await restartChild(actor.target(supervisor), id as string)),
  delete_child: async (actor, [supervisor, id]) =>
    started(actor, await deleteChild(actor.target(supervisor), id as string)),
  which_children: async (actor, [supervisor]) => {
    const children = await whichChildren(actor.target(supervisor));
    return new Returned(actor.showSet(children.map(({ id, pid, type }) => [id, pid, type])));
  },
  count_children: async (actor, [supervisor]) =>
    new Returned(actor.show(await countChildren(actor.target(supervisor)))),

  // ---- names ----
  register: (actor, [name, who]) => {
    try {
      register(actor.name(name as string), actor.pid(who));
    } catch (error) {
      throw error instanceof RuntimeError ? new ScenarioError("badarg") : error;
    }
    return new Returned(true);
  },
  unregister: (actor, [name]) => {
    if (!unregister(actor.name(name as string))) throw new ScenarioError("badarg"); // ours answers `false`
    return new Returned(true);
  },
  whereis: (actor, [name]) => new Returned(actor.show(whereis(actor.name(name as string)))),

  // ---- timers ----
  send_after: (actor, [ms, to, term, tag]) => startTimer(actor, ms, to, actor.term(term), tag),
  tell_after: (actor, [ms, to, actions, tag]) => startTimer(actor, ms, to, actionMessage(actions), tag),
  start_timer: (actor, [ms, to, term, tag]) =>
    startTimer(actor, ms, to, { tag: "$timer", owner: self(), name: tag, term: actor.term(term) }, tag),
  cancel_timer: (actor, [tag]) => timeLeft(actor, tag, cancelTimer),
  read_timer: (actor, [tag]) => timeLeft(actor, tag, readTimer),

  // ---- process groups ----
  pg_start: () => {}, // a scope need not be started
  pg_join: async (actor, [scope, group, who]) => {
    await pg.join(groupName(group as Json), pids(actor, who), actor.name(scope as string));
    return new Returned("ok");
  },
  pg_leave: async (actor, [scope, group, who]) =>
    new Returned(await pg.leave(groupName(group as Json), pids(actor, who), actor.name(scope as string))),
  pg_members: async (actor, [scope, group]) =>
    new Returned(actor.showSet(await pg.members(groupName(group as Json), actor.name(scope as string)))),
  pg_local_members: async (actor, [scope, group]) =>
    new Returned(actor.showSet(await pg.localMembers(groupName(group as Json), actor.name(scope as string)))),
  pg_groups: async (actor, [scope]) =>
    new Returned(showSet((await pg.whichGroups(actor.name(scope as string))).map(groupTerm))),
  pg_monitor: async (actor, [scope, group, tag]) => {
    const [ref, members] = await pg.monitor(groupName(group as Json), actor.name(scope as string));
    actor.groupMonitors.set(tag as string, actor.tag(ref, tag as string));
    return new Returned(actor.showSet(members));
  },
  pg_monitor_scope: async (actor, [scope, tag]) => {
    const [ref, groups] = await pg.monitorScope(actor.name(scope as string));
    actor.groupMonitors.set(tag as string, actor.tag(ref, tag as string));
    return new Returned(showSet([...groups].map(([group, members]) => [groupTerm(group), actor.showSet(members)])));
  },
  pg_demonitor: async (actor, [, tag]) => {
    const ref = actor.groupMonitors.get(tag as string);
    return new Returned(ref !== undefined && (await pg.demonitor(ref)) ? "ok" : false);
  },

  // ---- results of callbacks ----
  reply: (actor, [term], turn) => {
    turn.reply = { value: actor.term(term) };
  },
  noreply: (_actor, _args, turn) => {
    turn.noreply = true;
  },
  stop: (actor, [reason], turn) => {
    turn.stop = { reason: actor.term(reason) };
  },
  ignore: (_actor, _args, turn) => {
    turn.ignore = true;
  },
  continue: (_actor, [actions], turn) => {
    turn.continue = actions as unknown as Action[];
  },
  timeout: (actor, [ms], turn) => {
    turn.timeoutMs = actor.ms(ms);
  },
  bad_return: (actor, [term], turn) => {
    turn.badReturn = { value: actor.term(term) };
  },
  save_from: (actor, [key], turn) => {
    if (turn.from === undefined) throw new Error("save_from outside of a call");
    actor.callers.set(key as string, turn.from);
  },
  reply_to: (actor, [key, term]) => {
    const from = actor.callers.get(key as string);
    if (from === undefined) throw new Error(`no caller was saved as ${JSON.stringify(key)}`);
    replyTo(from, actor.term(term));
  },
};

function actionMessage(actions: Json | undefined): ActionMessage {
  return ["$do", actions as unknown as Action[]];
}

/** Results of starts and of the API of supervisors: a tuple of one is the bare atom in Erlang. */
function started(actor: Actor, result: readonly unknown[] | unknown): Returned {
  const bare = Array.isArray(result) && result.length === 1 ? result[0] : result;
  return new Returned(actor.show(bare));
}

/** Whether a shown message matches a pattern, in which `"_"` is anything. */
function matches(pattern: Json, shown: Json): boolean {
  if (pattern === "_") return true;
  if (typeof pattern !== "object" || pattern === null) return pattern === shown;
  if (typeof shown !== "object" || shown === null || Array.isArray(pattern) !== Array.isArray(shown)) return false;
  const [wanted, found] = [Object.entries(pattern), Object.entries(shown)];
  return (
    wanted.length === found.length &&
    wanted.every(
      ([key, inner]) => Object.hasOwn(shown, key) && matches(inner, (shown as Record<string, Json>)[key] as Json),
    )
  );
}

function startTimer(
  actor: Actor,
  ms: Json | undefined,
  to: Json | undefined,
  message: unknown,
  tag: Json | undefined,
): void {
  actor.timers.set(tag as string, sendAfter(actor.target(to), message, actor.ms(ms)));
}

function timeLeft(actor: Actor, tag: Json | undefined, ask: typeof readTimer): Returned {
  const ref = actor.timers.get(tag as string);
  return new Returned(ref !== undefined && ask(ref) !== false ? "$int" : false);
}

/** A process or a list of processes. */
function pids(actor: Actor, who: Json | undefined): readonly Pid[] {
  return (Array.isArray(who) ? (who as readonly Json[]) : [who]).map((one) => actor.pid(one));
}
