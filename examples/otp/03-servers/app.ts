import {
  application,
  genServer,
  type Pid,
  proc,
  type RuntimeError,
  receive,
  reply,
  self,
  send,
  stopServer,
} from "joist";

interface Shelf {
  readonly stock: Map<string, number>;
  readonly owner: Pid;
}

export const Shop = genServer({
  // Runs first, in the new process. What it returns is the state.
  init: (owner: Pid): Shelf => ({ stock: new Map([["tea", 1]]), owner }),

  // A call: the caller waits for the reply.
  handleCall: {
    buy: (item: string, { stock }) => {
      const left = stock.get(item) ?? 0;
      if (left === 0) return reply("sold out");
      stock.set(item, left - 1);
      return reply("here you are");
    },
  },

  // A cast: nobody waits.
  handleCast: {
    deliver: ({ item, count }: { item: string; count: number }, { stock }) => {
      stock.set(item, (stock.get(item) ?? 0) + count);
    },
  },

  // Everything else that arrives: what others send, DOWN of monitors, timers.
  handleInfo: (message, { owner }) => send(owner, `the shop heard: ${message}`),

  // The last thing that runs.
  terminate: (reason, { owner }) => send(owner, `the shop closes: ${reason}`),
});

export const Main = proc(async () => {
  await Shop.startLink(self(), { name: "shop" });
  console.log(await Shop.call("shop", "buy", "tea"));
  console.log(await Shop.call("shop", "buy", "tea"));
  Shop.cast("shop", "deliver", { item: "tea", count: 10 });
  console.log(await Shop.call("shop", "buy", "tea"));

  send("shop", "knock knock");
  console.log(await receive());

  await stopServer("shop");
  console.log(await receive());
  try {
    await Shop.call("shop", "buy", "tea");
  } catch (error) {
    console.log((error as RuntimeError).code); // to call nobody is an error of the caller
  }
});

export default application({});
