/** An application with a registry, a pool and processes that are known by keys. */
import { application, dynamicSupervisor, genServer, partitionSupervisor, registry, reply } from "joist";

export const Rooms = registry<string, { readonly seats: number }>({ name: "rooms", keys: "unique" });

export const Room = genServer({
  init: (topic: string) => ({ topic }),
  handleCall: {
    topic: (_, state) => reply(state.topic),
    grow: () => reply(Rooms.updateValue("lobby", ({ seats }) => ({ seats: seats + 1 }))),
  },
});

export const Counter = genServer({
  init: (start: number) => ({ count: start }),
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
  },
});

export const Counters = partitionSupervisor({ child: Counter.child(100) });
export const Guests = dynamicSupervisor();

export default application({
  children: [
    Rooms.child(),
    Room.child("tea", { name: Rooms.via("lobby", { seats: 2 }) }),
    Counters.child({ name: "counters" }),
    Guests.child(undefined, { name: "guests" }),
  ],
});
