import { application, genServer, isDown, monitor, type Pid, proc, receive, registry, reply, stopServer } from "joist";

/** Which process is which room. Keys are plain data; of a unique one there is one process at a time, over all threads. */
export const Rooms = registry<string, undefined>({ name: "rooms", keys: "unique" });

export const Room = genServer({
  init: (topic: string) => ({ topic, said: [] as string[] }),
  handleCall: {
    say: (text: string, room) => {
      room.said.push(text);
      return reply(`${room.topic} has heard ${room.said.length}`);
    },
  },
});

/** The room of a topic, started if it isn't there. Who comes second, at the same instant even, gets the first one's. */
async function open(topic: string): Promise<Pid> {
  const started = await Room.start(topic, { name: Rooms.via(topic) });
  if (started[0] === "ok") return started[1];
  const reason = started[1] as readonly ["already_started", Pid]; // Room's init can't fail
  return reason[1];
}

export const Main = proc(async () => {
  const [first, second] = await Promise.all([open("lobby"), open("lobby")]);
  console.log("one process:", first === second);

  // A via is accepted wherever a pid or a name is.
  console.log(await Room.call(Rooms.via("lobby"), "say", "hello"));
  console.log(await Room.call(Rooms.via("lobby"), "say", "anyone?"));

  await open("kitchen");
  console.log("rooms:", await Rooms.count());

  // When a process ends its key is free, before anybody hears of its end.
  monitor(Rooms.via("lobby"));
  await stopServer(Rooms.via("lobby"));
  await receive(isDown);
  console.log("lobby:", Rooms.whereis("lobby"), "rooms:", await Rooms.count());
});

export default application({ children: [Rooms.child()] });
