/** An application for the tests of tasks and agents across threads: most of it is plain functions. */
import { ownDefinitions } from "../../src/endpoint/application.js";
import { agent } from "../../src/otp/agent.js";
import { genServer } from "../../src/otp/gen-server.js";
import { proc } from "../../src/otp/proc.js";
import { type Reply, reply } from "../../src/otp/results.js";
import { task } from "../../src/otp/task.js";
import { taskSupervisor } from "../../src/otp/task-supervisor.js";
import { exit, processInfo, receive, self, send } from "../../src/runtime/process.js";

export const square = (n: number): number => n * n;
export const where = async (): Promise<number | undefined> => (await processInfo(self()))?.scheduler;
export const crash = (reason: unknown): never => exit(reason);
export const unsendable = (): unknown => () => 1;
export const forever = async (): Promise<unknown> => receive(() => false);
export const stray = async (): Promise<void> => {
  setImmediate(() => {
    throw new Error("stray");
  });
  await receive(() => false);
};

/** Says to the process named `test` who runs it, and waits: item 0 for a message, the others for their end. */
export const announced = async (item: unknown): Promise<unknown> => {
  send("test", { item, pid: self() });
  await receive(() => item === 0);
  return item;
};

export const endThread = (): never => process.exit(1);

/** Functions in an object are known by their place in it. */
export const math = { double: (n: number): number => n * 2 };

export const Adder = proc(async (a: number, b: number) => a + b);

export const Jobs = taskSupervisor({ maxChildren: 4 });

export const Prices = agent((currency: string): Prices => ({ currency, byItem: {} }));
export interface Prices {
  readonly currency: string;
  readonly byItem: Record<string, number>;
}
export const setPrice = (state: Prices, item: string, price: number): void => {
  state.byItem[item] = price;
};
export const priceOf = (state: Prices, item: string): number | undefined => state.byItem[item];

/** What of a task runs on the thread of a process that is not the main one. */
export const Asker = genServer({
  init: () => ({}),
  handleCall: {
    squares: async (numbers: readonly number[]): Promise<Reply<unknown, undefined>> => {
      const results: unknown[] = [];
      const options = { scheduler: "least_loaded", maxConcurrency: 4 } as const;
      for await (const result of task.asyncStream(numbers, square, options)) results.push(result);
      return reply(results);
    },
    supervised: async (supervisor: string): Promise<Reply<unknown, undefined>> => {
      const here = self();
      const t = await taskSupervisor.async(supervisor, async () => [here, (await processInfo(self()))?.scheduler]);
      return reply(await task.await(t));
    },
    price: async (item: string): Promise<Reply<unknown, undefined>> => {
      await agent.update("prices", setPrice, [item, 5]);
      return reply(await agent.get("prices", priceOf, [item]));
    },
  },
});

export default { services: [], definitions: ownDefinitions, describe: (): null => null };
