/** An application for the tests of registries across threads. */
import { genServer } from "../../src/otp/gen-server.js";
import { partitionSupervisor } from "../../src/otp/partition-supervisor.js";
import { registry } from "../../src/otp/registry.js";
import { registryService } from "../../src/otp/registry-service.js";
import { type Reply, reply } from "../../src/otp/results.js";
import { self } from "../../src/runtime/process.js";

export const Rooms = registry<number, string>({ name: "rooms", keys: "unique" });
export const Tags = registry<number, string>({ name: "tags", keys: "duplicate", listeners: ["test"] });
const of = { rooms: Rooms, tags: Tags };
export type RegistryName = keyof typeof of;
export type Where = readonly [registry: RegistryName, key: number];

/** Does what it is told, on its own thread. */
export const Actor = genServer({
  init: () => ({}),
  handleCall: {
    register: ([name, key]: Where) => reply(of[name].register(key, `${self()} ${key}`)),
    unregister: ([name, key]: Where) => reply(of[name].unregister(key)),
    update: (key: number) => reply(Rooms.updateValue(key, (value) => `${value}!`)),
    whereis: (key: number) => reply(Rooms.whereis(key)),
    lookup: async ([name, key]: Where): Promise<Reply> => reply(await of[name].lookup(key)),
    counts: async (): Promise<Reply> => reply([await Rooms.count(), await Tags.count()]),
    startAt: async (key: number): Promise<Reply> =>
      reply(await Actor.start(undefined, { name: Rooms.via(key), scheduler: "least_loaded" })),
  },
  handleCast: {
    /** Starts another one and ends the thread before that can be sent anywhere. */
    startAndEndThread: (key: number) => {
      void Actor.start(undefined, { name: Rooms.via(key), scheduler: 2 });
      process.exit(1);
    },
    endThread: () => process.exit(1),
  },
});

/** Says which number it was given. */
export const Numbered = genServer({
  init: (number: string) => number,
  handleCall: { number: (_, state) => reply([state, self()]) },
  handleCast: { crash: () => Promise.reject(new Error("boom")), endThread: () => process.exit(1) },
});

export const Pool = partitionSupervisor({
  child: Numbered.child("n"),
  partitions: 5,
  withArguments: ([prefix], partition) => [`${prefix}${partition}`],
});

export default { services: [registryService], describe: (): null => null };
