import {
  application,
  genServer,
  proc,
  receive,
  register,
  send,
  stopServer,
  supervisor,
  timeout,
  whichChildren,
} from "joist";

/** A worker that says when it starts, and crashes when it is told to. */
export const Worker = genServer({
  init: (name: string) => {
    send("main", `${name} starts`);
    return name;
  },
  handleCast: {
    crash: (_: undefined, name) => {
      throw new Error(`${name} was told to crash`);
    },
  },
});

type Strategy = "one_for_one" | "rest_for_one" | "one_for_all";

export const Family = supervisor({
  init: (strategy: Strategy) => ({
    strategy,
    // Started in this order, stopped in reverse.
    children: ["a", "b", "c"].map((name) => Worker.child(name, { name })),
  }),
});

export const Main = proc(async () => {
  register("main");
  for (const strategy of ["one_for_one", "rest_for_one", "one_for_all"] as const) {
    await Family.startLink(strategy, { name: "family" });
    for (const _ of ["a", "b", "c"]) await receive(); // they are up, so they have said so
    const before = await whichChildren("family");

    console.log(`${strategy}: b crashes`);
    Worker.cast("b", "crash");
    const first = await receive(); // the supervisor is at it
    const after = await whichChildren("family"); // it answers when it is done
    const same = after.filter(({ pid }, index) => pid === before[index]?.pid).map(({ id }) => id);
    console.log(`  first ${first}, untouched: ${same.join(" ") || "none"}`);

    await stopServer("family");
    while ((await receive(() => true, 0)) !== timeout); // what else the children have said
  }
});

export default application({});
