import { application, genServer, isExit, proc, receive, register, reply, send, supervisor, trapExit } from "joist";

/** Takes orders as JSON. It checks nothing: what it can't read, it crashes of. */
export const Orders = genServer({
  init: () => {
    send("main", "ready");
    return { taken: 0 };
  },
  handleCall: {
    take: (text: string, state) => {
      const { item } = JSON.parse(text) as { item: string };
      state.taken++;
      return reply(`${item.toUpperCase()} is order ${state.taken}`);
    },
  },
});

export const Kitchen = supervisor({
  children: [Orders.child(undefined, { name: "orders" })],
  maxRestarts: 2,
  maxSeconds: 60,
});

export const Main = proc(async () => {
  register("main");
  trapExit(true); // to see the supervisor give up, and live
  await Kitchen.startLink();
  await receive(); // the first "ready"
  for (const text of ['{"item":"tea"}', '{"item":"milk"}', "tea?", '{"item":"tea"}', '{"itme":"tea"}', "{}"]) {
    try {
      console.log(await Orders.call("orders", "take", text));
    } catch {
      console.log(`${text} crashed it`);
      const next = await receive();
      console.log(isExit(next) ? `the supervisor gives up: ${next.reason}` : `it is ${next}, with a fresh state`);
    }
  }
});

export default application({});
