import { application, type GroupMessage, genServer, kill, pg, proc, receive, register, self, send } from "joist";

/** Joins the group by itself, when it starts: whoever starts it, and however often, it is in. */
export const Display = genServer({
  init: async (place: string) => {
    await pg.join("displays", self());
    return place;
  },
  handleInfo: (message, place) => send("main", `${place} shows ${message}`),
});

const isChange = (message: unknown): message is GroupMessage => (message as GroupMessage).tag === "pg";

export const Main = proc(async () => {
  register("main");
  await pg.monitor("displays"); // from here on it is told of every change
  const pids = [];
  for (const [index, place] of ["the hall", "the bar", "the door"].entries()) {
    const started = await Display.start(place, { scheduler: (index % 2) + 1 }); // on both threads
    if (started[0] === "ok") pids.push(started[1]);
    await receive(isChange);
  }
  console.log("members:", (await pg.members("displays")).length);

  for (const display of await pg.members("displays")) send(display, "platform 9");
  const heard = [await receive(), await receive(), await receive()];
  for (const line of heard.sort()) console.log(line); // from two threads, in any order

  // Who ends leaves the group.
  if (pids[1] !== undefined) kill(pids[1]);
  const change = await receive(isChange);
  console.log(change.event, change.pids[0] === pids[1]);
  console.log("members:", (await pg.members("displays")).length);
});

export default application({});
