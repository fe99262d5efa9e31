import {
  application,
  dynamicSupervisor,
  genServer,
  isDown,
  kill,
  monitor,
  type Pid,
  proc,
  type Ref,
  receive,
  registry,
  reply,
  self,
  send,
  spawn,
  startChild,
  supervisor,
  whichChildren,
} from "joist";

// ---- presence: who is where ----

/** Outlives rooms and visitors. Nobody has to say goodbye: it monitors who is there. */
export const Roster = genServer({
  init: () => new Map<Ref, { topic: string; name: string; pid: Pid }>(),
  handleCall: {
    enter: (visitor: { topic: string; name: string; pid: Pid }, roster) => {
      roster.set(monitor(visitor.pid), visitor);
      return reply("welcome");
    },
    here: (topic: string, roster) => reply([...roster.values()].filter((visitor) => visitor.topic === topic)),
  },
  handleInfo: (message, roster) => {
    if (isDown(message)) roster.delete(message.ref);
  },
});

// ---- the flaky upstream: somebody else's service ----

export const Translator = genServer({
  init: () => null,
  handleCall: {
    translate: (text: string) => {
      if (text.includes("fjord")) throw new Error("the upstream has sent nonsense");
      return reply(text.replace("hello", "bonjour"));
    },
  },
});

/** A supervisor of its own, so that its crashes are counted here and not above. */
export const Upstream = supervisor({
  children: [Translator.child(undefined, { name: "translator" })],
  maxRestarts: 100,
  maxSeconds: 1,
});

// ---- rooms: one process a topic, while somebody wants it ----

export const Rooms = registry<string, undefined>({ name: "rooms", keys: "unique" });
export const RoomSupervisor = dynamicSupervisor({ maxRestarts: 1000, maxSeconds: 1 });

export const Room = genServer({
  init: (topic: string) => ({ topic, said: 0 }),
  handleCall: {
    say: async (text: string, room) => {
      room.said++;
      // The one place where a failure is expected and there is something better to do than to crash.
      const translated = await Translator.call("translator", "translate", text).catch(() => `${text} (as it is)`);
      for (const { pid } of await Roster.call("roster", "here", room.topic)) send(pid, translated);
      return reply(room.said);
    },
  },
  handleCast: {
    crash: () => {
      throw new Error("a bug in a room");
    },
  },
});

// ---- the tree ----

export default application({
  strategy: "rest_for_one", // each needs those before it
  children: [
    Rooms.child(),
    Roster.child(undefined, { name: "roster" }),
    RoomSupervisor.child(undefined, { name: "room_supervisor" }),
    Upstream.child(undefined, { name: "upstream", restart: "transient" }), // last: nobody needs it
  ],
});

// ---- an evening ----

async function visitor(name: string, main: Pid): Promise<void> {
  await Roster.call("roster", "enter", { topic: "lobby", name, pid: self() });
  send(main, `${name} is in`);
  for (;;) send(main, `${name} hears: ${await receive()}`);
}

async function say(text: string, listeners: number): Promise<void> {
  console.log("message", await Room.call(Rooms.via("lobby"), "say", text));
  const heard = [];
  while (heard.length < listeners) heard.push(await receive((message) => typeof message === "string"));
  console.log(heard.sort().join("\n"));
}

/** Waits until a supervisor has dealt with what has happened: it answers when it is done. */
const settled = (name: string) => whichChildren(name);

export const Main = proc(async () => {
  await startChild("room_supervisor", Room.child("lobby", { name: Rooms.via("lobby"), restart: "transient" }));
  spawn(visitor, ["ann", self()]);
  console.log(await receive());
  const bob = spawn(visitor, ["bob", self()]);
  console.log(await receive());
  await say("hello all", 2);

  // The upstream crashes. The room has something else to say, and the upstream is back for the next message.
  await say("hello fjord", 2);
  await settled("upstream");
  await say("hello again", 2);

  // A room crashes. It counts from 1; who is in it was never its own to know, so nobody has to come in again.
  monitor(Rooms.via("lobby"));
  Room.cast(Rooms.via("lobby"), "crash");
  await receive(isDown);
  await settled("room_supervisor");
  await say("hello?", 2);

  // A visitor is gone without a word.
  monitor(bob);
  kill(bob);
  await receive(isDown);
  await say("hello bob?", 1);
});
