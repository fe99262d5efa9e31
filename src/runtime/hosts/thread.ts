/**
 * A scheduler thread from the inside, or an I/O thread's beside the main one, which is a scheduler that loads another program: opens
 * its links, loads the application module, says it is ready, and from then on only takes turns. It ends with the whole thread: by order, by an error nobody owns, by `process.exit` in user code.
 */
import { parentPort, workerData } from "node:worker_threads";
import { toExitReason } from "../../core/exit-reason.js";
import { allocateShared, bootScheduler } from "../boot-scheduler.js";
import { type Outside, PortsOutside } from "../links/outside.js";
import { Uplink } from "../links/uplink.js";
import { openServices } from "../port.js";
import { type LoadedProgram, loadProgram } from "../program.js";
import { Marks } from "../shared/marks.js";
import { hearStrays } from "../strays.js";
import { offerBlackBox, openBlackBox } from "../watchdog/black-box.js";
import { pulse } from "../watchdog/pulse.js";
import type { Order, Peer, ThreadData } from "./thread-protocol.js";

/** Runs the calling worker thread as a scheduler. */
export async function runThread(): Promise<void> {
  const control = parentPort;
  if (control === null) throw new Error("this file is the entry point of a scheduler thread; start() runs it");
  const data = workerData as ThreadData; // what runtime.ts gave it
  const { slots, dedicated, seed, io } = data.tables;
  const shared = data.shared ?? allocateShared(slots, dedicated, seed, io);
  const outside: Outside = data.shared === null ? new Uplink(shared) : new PortsOutside(control, data.thread);

  hearStrays((error) => {
    // Nobody's error: nothing on this thread can be trusted. The main thread takes its end as the death of all on it.
    const message = `${data.isIo ? "I/O thread" : "scheduler"} ${data.slot}: ${describe(error)}`;
    outside.tell({ tag: "report", report: { tag: "notice", timeMs: Date.now(), message } });
    process.exit(1);
  });

  let loaded: LoadedProgram;
  try {
    loaded = await loadProgram(data.application);
  } catch (error) {
    outside.tell({ tag: "failed", message: describe(error) });
    return;
  }

  await outside.complete;
  // An I/O thread does not know the application's definitions.
  const hasCopies = data.isIo || loaded.listed.some(({ isolation }) => isolation === "process");
  const scheduler = bootScheduler({
    ...data,
    shared,
    mirror: outside.mirror ?? (hasCopies ? new Marks(shared, data.slot) : null),
    definitions: loaded.definitions,
    runsUserCode: !data.isIo,
    report: (report) => outside.tell({ tag: "report", report }), // plain data: it can be copied
  });
  openServices(scheduler, loaded.program.services);
  const connect = (peer: Peer): void => {
    scheduler.connect(peer.thread, outside.linkTo(peer));
    if (peer.isIo) scheduler.router.putFirst(peer.thread);
  };
  data.peers.forEach(connect);
  scheduler.router.complete(data.thread);
  const { pid } = scheduler.start(scheduler.nextPid(data.thread), null, pulse, [], pulse.kind);
  outside.open((order: Order) => {
    switch (order.tag) {
      case "pulse":
        return scheduler.send(null, pid, order.n);
      case "peer":
        return connect(order);
      case "down":
        scheduler.router.disconnect(order.thread);
        return scheduler.signals.threadDown(order.thread, order.culprit);
      case "black_box":
        return outside.tell({ tag: "black_box", contents: openBlackBox(scheduler) });
      case "exit":
        process.stdout.write("", () => process.stderr.write("", () => process.exit()));
        return;
    }
  });
  offerBlackBox(scheduler);
  scheduler.vitals.start(data.beatMs, data.maxHeapBytes);
  outside.tell({ tag: "ready", manifest: loaded.manifest, definitions: loaded.listed, pulse: pid });
}

function describe(error: unknown): string {
  const reason = toExitReason(error) as { stack?: string };
  return reason.stack ?? String(error);
}
