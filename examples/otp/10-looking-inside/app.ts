import {
  application,
  genServer,
  proc,
  processInfo,
  receive,
  reply,
  self,
  sys,
  type TraceMessage,
  whereis,
} from "joist";

export const Counter = genServer({
  init: () => ({ count: 0 }),
  handleCall: {
    add: (by: number, state) => {
      state.count += by;
      return reply(state.count);
    },
  },
  handleCast: {
    reset: (_: undefined, state) => {
      state.count = 0;
    },
  },
});

export const Main = proc(async () => {
  await Counter.call("counter", "add", 2);
  console.log("state:", await sys.getState("counter"));

  // Every event of the process comes as a message to us.
  await sys.trace("counter", self());
  await Counter.call("counter", "add", 3);
  for (let i = 0; i < 2; i++) {
    const { event } = (await receive()) as TraceMessage;
    console.log("traced:", event.tag, event.tag === "out" ? [event.message, event.state] : "");
  }
  await sys.trace("counter", false);

  // Suspended it handles nothing; what is sent waits.
  await sys.suspend("counter");
  const answer = Counter.call("counter", "add", 1);
  const pid = whereis("counter");
  const info = pid && (await processInfo(pid));
  console.log("waiting:", info?.mailboxLength, (await sys.getStatus("counter")).status);
  await sys.replaceState("counter", { count: 100 });
  await sys.resume("counter");
  console.log("answer:", await answer);

  // Counting, and the last events.
  await sys.statistics("counter", true);
  await sys.log("counter", true);
  Counter.cast("counter", "reset");
  await Counter.call("counter", "add", 1);
  const counted = await sys.statistics("counter", "get");
  console.log("in:", counted?.messagesIn, "out:", counted?.messagesOut);
  console.log("log:", (await sys.log("counter", "get")).map(({ tag }) => tag).join(" "));
});

export default application({ children: [Counter.child(undefined, { name: "counter" })] });
