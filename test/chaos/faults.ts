/** The faults of the soak, each as what a client does; weights say how often. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Seat } from "./client.js";
import { until } from "./crowd.js";
import type { Random } from "./random.js";

/** What the soak lends a fault. */
export interface Stage {
  readonly random: Random;
  /** A seat that is joined and nobody else uses. */
  readonly seat: Seat;
  /** A fresh connection in the place of this one, joined anew. */
  reconnect(client: Client): Promise<void>;
  /** Tries to connect and is refused. */
  refusedConnect(how: string): Promise<void>;
}

/** Tells a channel to do a deed that ends it, and waits until it is back. */
const deed =
  (...names: readonly string[]) =>
  async ({ seat, random }: Stage): Promise<void> => {
    const before = seat.joinRef;
    seat.tell("deed", { name: random.of(names) });
    await backAfter(seat, before);
  };

/** Waits until a seat has joined again; whether it ever does is checked elsewhere. */
async function backAfter(seat: Seat, joinRef: string): Promise<void> {
  await until(() => seat.client.isClosed || (seat.joinRef !== joinRef && seat.state === "joined"), 20_000);
}

export const faults = {
  crash: {
    weight: 30,
    run: deed(
      "throw_in_handle_in",
      "reject_in_handle_in",
      "throw_in_handle_info",
      "throw_in_handle_out",
      "throw_in_terminate",
    ),
  },
  stray: {
    weight: 20,
    run: deed(
      "throw_in_a_timer",
      "throw_in_an_immediate",
      "rejection_nobody_awaits",
      "throw_in_a_microtask",
      "throw_in_an_fs_callback",
    ),
  },
  stop: {
    weight: 5,
    run: async ({ seat }: Stage): Promise<void> => {
      const before = seat.joinRef;
      seat.tell("stop");
      await backAfter(seat, before);
    },
  },
  leave: {
    weight: 10,
    run: async ({ seat }: Stage): Promise<void> => {
      const before = seat.joinRef;
      seat.leave();
      await backAfter(seat, before);
    },
  },
  /** Several joins right behind each other: each takes the place of the one before. */
  duplicate_joins: {
    weight: 10,
    run: async ({ seat, random }: Stage): Promise<void> => {
      const before = seat.joinRef;
      for (let n = Math.ceil(random.next() * 4); n > 0; n--) seat.join();
      await backAfter(seat, before);
    },
  },
  join_that_throws: {
    weight: 5,
    run: async ({ seat, random }: Stage): Promise<void> => {
      const { params } = seat;
      const before = seat.joinRef;
      seat.params = { ...(params as object), how: random.of(["throw", "reject"]) };
      seat.join();
      seat.params = params;
      await backAfter(seat, before);
    },
  },
  slow_join_replaced: {
    weight: 5,
    run: async ({ seat }: Stage): Promise<void> => {
      const { params } = seat;
      seat.params = { ...(params as object), slowMs: 300 };
      seat.join();
      seat.params = params;
      await sleep(50);
      const before = seat.joinRef;
      seat.join();
      await backAfter(seat, before);
    },
  },
  hang: {
    weight: 5,
    run: async ({ seat }: Stage): Promise<void> => {
      seat.tell("deed", { name: "hang_in_handle_in" });
      await sleep(200);
      const before = seat.joinRef;
      seat.join(); // what a client does when its pushes time out
      await backAfter(seat, before);
    },
  },
  disconnect: { weight: 10, run: async ({ seat, reconnect }: Stage): Promise<void> => reconnect(seat.client) },
  refused_connect: {
    weight: 3,
    run: async ({ refusedConnect, random }: Stage): Promise<void> => refusedConnect(random.of(["throw", "bad_id"])),
  },
  flood: {
    weight: 3,
    run: async ({ seat }: Stage): Promise<void> => {
      for (let n = 0; n < 2000; n++) seat.tell("shrug");
    },
  },
  thread_exit: { weight: 1.5, run: deed("process_exit", "process_exit_0") },
  thread_loop: { weight: 1.5, run: deed("endless_loop", "microtask_loop", "loop_after_await", "catastrophic_regex") },
  thread_leak: { weight: 1, run: deed("buffers", "growing_array", "small_objects") },
} satisfies Record<string, { readonly weight: number; readonly run: (stage: Stage) => Promise<void> }>;

export type Fault = keyof typeof faults;
