import assert from "node:assert/strict";
import { test } from "node:test";
import { isDown } from "../../src/core/messages.js";
import type { Ref } from "../../src/core/ref.js";
import { Deadline, Port, type PortHandler, processFunction, type Spawned } from "../../src/runtime/process.js";
import { inline } from "../support/inline.js";

const brief = { kind: "brief", boot: () => processFunction(async () => {}, []) };

test("the end of a process that a port has forgotten is not told to it; that of others is", async () => {
  const { scheduler } = inline();
  const told: Ref[] = [];
  let all = (): void => {};
  const done = new Promise<void>((resolve) => {
    all = resolve;
  });
  const handler: PortHandler = {
    message: (message) => {
      if (isDown(message) && told.push(message.ref) === 2) all();
    },
  };
  const port = new Port(scheduler, handler, "test");
  const start = (): Spawned => port.spawn(brief, [], "brief") as Spawned;
  const [first, forgotten, last] = [start(), start(), start()];
  port.forget(forgotten.ref);
  await done;
  assert.deepEqual(told, [first.ref, last.ref]);
  assert.equal(scheduler.processes.size, 1); // the port
  scheduler.stop();
});

test("a limit that a port has set is reached, unless it was lifted", async () => {
  const { scheduler } = inline();
  const port = new Port(scheduler, {}, "test");
  class Limit extends Deadline {
    readonly #reached: () => void;

    constructor(reached: () => void) {
      super();
      this.#reached = reached;
    }

    override onTimeout(): void {
      this.#reached();
    }
  }
  await new Promise<void>((resolve) => {
    const lifted = new Limit(() => assert.fail("it was lifted"));
    port.limit(lifted, 1);
    port.limit(new Limit(resolve), 5);
    port.unlimit(lifted);
  });
  scheduler.stop();
});
