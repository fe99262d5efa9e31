import { agent, application, offload, proc, task, taskSupervisor } from "joist";
import type fibonacci from "./fibonacci.js";

const prices: Readonly<Record<string, number>> = { tea: 3, milk: 2 };

/** Exported, so that it can run on another thread: functions are sent by their names. */
export async function priceOf(item: string): Promise<number> {
  const price = prices[item];
  if (price === undefined) throw new Error(`nobody sells ${item}`);
  return price;
}

export const Jobs = taskSupervisor();
export const Ledger = agent(() => new Map<string, number>());
export const enter = (ledger: Map<string, number>, item: string, price: number): void => {
  ledger.set(item, price);
};
export const total = (ledger: Map<string, number>): number =>
  [...ledger.values()].reduce((sum, price) => sum + price, 0);

export const Main = proc(async () => {
  // A task is one computation in a process of its own. Linked: if it crashed, so would we.
  const both = ["tea", "milk"].map((item) => task.async(priceOf, [item], { scheduler: "least_loaded" }));
  console.log("prices:", await task.awaitMany(both));

  // Under a supervisor and not linked: its crash is told, and nobody else's.
  const job = await taskSupervisor.asyncNolink("jobs", priceOf, ["gold"], { scheduler: "least_loaded" });
  const result = await task.yield(job);
  console.log("gold:", result?.[0]);

  // Many, two at a time. Results come in the order of the items.
  for await (const outcome of task.asyncStream(["milk", "tea"], priceOf, { maxConcurrency: 2 })) {
    console.log("streamed:", outcome);
  }

  // An agent is a state in a process of its own. Functions go to the state.
  await agent.update("ledger", enter, ["tea", 3]);
  await agent.update("ledger", enter, ["milk", 2]);
  console.log("total:", await agent.get("ledger", total));

  // Long computations go to threads of their own: a scheduler would be stuck for as long.
  console.log("fibonacci:", await offload<typeof fibonacci>(new URL("./fibonacci.js", import.meta.url), 25));
});

export default application({
  children: [Jobs.child(undefined, { name: "jobs" }), Ledger.child([], { name: "ledger" })],
});
