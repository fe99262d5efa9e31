import {
  application,
  exit,
  isDown,
  isExit,
  kill,
  proc,
  receive,
  setLabel,
  spawn,
  spawnLink,
  spawnMonitor,
  trapExit,
} from "joist";

/** Does nothing wrong, but is linked to a process that ends badly. */
async function partner(): Promise<void> {
  setLabel("partner");
  spawnLink(async () => exit("out of milk"), []);
  await receive(); // for ever
}

export const Main = proc(async () => {
  // Neither: it is gone, and nobody is told.
  spawn(async () => exit("unseen"), []);

  // A monitor: one message when the other ends, for whatever reason. It changes nothing for either.
  spawnMonitor(async () => "done", []);
  console.log("monitor:", (await receive(isDown)).reason);
  spawnMonitor(async () => exit("out of tea"), []);
  console.log("monitor:", (await receive(isDown)).reason);

  // A link: who is linked ends together, unless the end was "normal".
  spawnMonitor(partner, []);
  console.log("linked:", (await receive(isDown)).reason);

  // Trapping exits: the signal becomes a message. This is what makes a supervisor.
  trapExit(true);
  const child = spawnLink(async () => exit("out of sugar"), []);
  const message = await receive(isExit);
  console.log("trapped:", message.reason, message.from === child);

  // kill cannot be trapped, and others see it as "killed".
  const { pid } = spawnMonitor(async () => receive(), []);
  kill(pid);
  console.log("killed:", (await receive(isDown)).reason);
});

export default application({});
