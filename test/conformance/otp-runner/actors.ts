/** The processes of the scenarios: workers, supervisors, raw processes (3, 6). An application module, for any thread. */
import type { Pid } from "../../../src/core/pid.js";
import { dynamicSupervisor } from "../../../src/otp/dynamic-supervisor.js";
import { genServer } from "../../../src/otp/gen-server.js";
import { pgService } from "../../../src/otp/pg-service.js";
import { proc } from "../../../src/otp/proc.js";
import { type Ignore, ignore } from "../../../src/otp/results.js";
import { supervisor } from "../../../src/otp/supervisor.js";
import type { SupervisorOptions } from "../../../src/otp/supervisor-flags.js";
import { type Behaviour, type Definition, exit, trapExit } from "../../../src/runtime/process.js";
import { announceStart, RUN, run } from "./actions.js";
import { Actor, isActionMessage } from "./actor.js";
import type { Action } from "./scenario.js";
import { childSpec, type Role, type Script, type SupervisorScript, scaled } from "./specs.js";
import { Turn } from "./turn.js";

interface State {
  readonly actor: Actor;
  readonly script: Script;
}

const server = genServer({
  init: async ({ world, base, script }: Role<Script>) => {
    const actor = Actor.begin(world, base, "init");
    if (script.trap) trapExit(true);
    const turn = new Turn();
    await run(actor, script.init ?? [], turn);
    return turn.initResult<State>({ actor, script });
  },
  handleCall: {
    [RUN]: async (actions: readonly Action[], { actor }: State, from) => {
      const turn = new Turn(from);
      await run(actor, actions, turn);
      return turn.callResult<State>();
    },
  },
  handleCast: { [RUN]: execute },
  handleContinue: (actions, state) => execute(actions as readonly Action[], state), // what a turn said to continue with
  handleInfo: (message, state) => {
    if (isActionMessage(message)) return execute(message[1], state);
    const { actor, script } = state;
    actor.record("info", actor.show(message));
    return execute(script.on_info ?? [], state);
  },
  terminate: async (reason, { actor, script }: State) => {
    actor.record("terminate", actor.show(reason));
    await run(actor, script.terminate ?? []);
  },
});

async function execute(actions: readonly Action[], { actor }: State) {
  const turn = new Turn();
  await run(actor, actions, turn);
  return turn.castResult<State>();
}

/** A worker. `extra` are the extra arguments of a `start_child` with `simple_one_for_one`: fields of its script. */
export const worker: Definition<readonly [role: Role<Script>, extra?: Script]> = {
  kind: "worker",
  boot: (role, extra) => server.boot({ ...role, script: { ...role.script, ...extra } }),
};

/** A supervisor with children of its own, or with a template. Wrong flags are for it to find. */
export const fixed = supervisor({
  init: async ({ world, base, script }: Role<SupervisorScript>) => {
    const actor = Actor.begin(world, base, "init");
    const flags = {
      strategy: script.strategy ?? "one_for_one",
      maxRestarts: script.intensity ?? 1,
      maxSeconds: scaled(world, script.period ?? 5),
      autoShutdown: script.auto_shutdown ?? "never",
      children: (script.children ?? []).map((child) => childSpec(actor, child)),
    } as SupervisorOptions;
    return supervisorResult(actor, script, flags);
  },
});

/** Elixir's dynamic supervisor. */
export const dynamic = dynamicSupervisor({
  init: ({ world, base, script }: Role<SupervisorScript>) => {
    const flags = {
      ...(script.intensity === undefined ? {} : { maxRestarts: script.intensity }),
      maxSeconds: scaled(world, script.period ?? 5),
      ...(script.max_children === undefined ? {} : { maxChildren: script.max_children }),
    };
    return supervisorResult(Actor.begin(world, base, "init"), script, flags);
  },
});

/** Executes the actions of a supervisor's `init`. */
async function supervisorResult<T>(actor: Actor, script: SupervisorScript, flags: T): Promise<T | Ignore> {
  const turn = new Turn();
  await run(actor, script.init ?? [], turn);
  if (turn.badReturn !== undefined) return turn.badReturn.value as T; // it is the point that it is none
  return turn.ignore ? ignore() : flags;
}

/** A plain process. Whoever spawned it waits until it has recorded its start. */
export const raw = proc(async ({ world, base, script }: Role<readonly Action[]>, starter: Pid) => {
  const actor = Actor.begin(world, base, "start");
  announceStart(starter);
  await run(actor, script);
});

/** A plain process whose starter waits for its `init_ack`: its function is its boot. */
export const acknowledging: Definition<readonly [Role<readonly Action[]>]> = {
  kind: "acknowledging",
  boot: async ({ world, base, script }): Promise<Behaviour> => {
    await run(Actor.begin(world, base, "start"), script);
    return exit("normal"); // also for a starter that has heard nothing yet
  },
};

export default { services: [pgService()], describe: (): null => null };
