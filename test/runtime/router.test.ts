import assert from "node:assert/strict";
import { test } from "node:test";
import { makePid } from "../../src/core/pid.js";
import type { Arrived, Link } from "../../src/runtime/links/link.js";
import { Router } from "../../src/runtime/links/router.js";
import { Op } from "../../src/runtime/links/wire.js";

/** A link whose batches wait, as in a port, until the event loop delivers one or the other side takes it. */
class WaitingLink implements Link {
  readonly waiting: Arrived[] = [];
  onPost: () => void = () => {};
  onTake: () => void = () => {};
  #receive: (arrived: Arrived) => void = () => {};

  arrives(postedNs: number, ...batch: readonly unknown[]): void {
    this.waiting.push({ postedNs, batch });
  }

  deliver(): void {
    const arrived = this.waiting.shift();
    if (arrived !== undefined) this.#receive(arrived);
  }

  post(): void {
    this.onPost();
  }

  onBatch(receive: (arrived: Arrived) => void): void {
    this.#receive = receive;
  }

  take(): Arrived | undefined {
    const taken = this.waiting.shift();
    this.onTake();
    return taken;
  }

  close(): void {}
}

function router(): {
  readonly router: Router;
  readonly links: readonly [WaitingLink, WaitingLink, WaitingLink];
  readonly taken: unknown[];
} {
  const router = new Router();
  const links = [new WaitingLink(), new WaitingLink(), new WaitingLink()] as const;
  const taken: unknown[] = [];
  links.forEach((link, index) => void router.connect(index + 1, link, (batch) => taken.push(...batch), lost));
  return { router, links, taken };
}

const lost = (error: unknown): void => assert.fail(String(error));

test("what a message caused on a third thread does not overtake it, whichever link the event loop looks at first", () => {
  const { links, taken } = router();
  links[0].arrives(10, "cause");
  links[1].arrives(30, "effect of the effect");
  links[2].arrives(20, "effect");
  links[1].deliver();
  assert.deepEqual(taken, ["cause", "effect", "effect of the effect"]);
});

test("a cause that is posted while the links are looked at comes first all the same", () => {
  const { links, taken } = router();
  links[2].arrives(50, "something else");
  links[1].onTake = () => {
    links[1].onTake = () => {};
    links[0].arrives(10, "cause"); // the first link has been looked at, the second is next
    links[1].arrives(20, "effect");
  };
  links[2].deliver();
  links[1].deliver();
  assert.deepEqual(
    taken.filter((what) => what !== "something else"),
    ["cause", "effect"],
  );
});

test("a link keeps its own order, and a flood leaves timers and I/O their turn", async () => {
  const { links, taken } = router();
  for (let i = 0; i < 100; i++) links[0].arrives(i, i);
  links[1].arrives(1000, "a");
  links[1].arrives(1001, "b");
  links[1].deliver();
  assert.ok(taken.length < 100, `${taken.length} were taken in at once`);
  while (taken.length < 102) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(taken, [...Array.from({ length: 100 }, (_, i) => i), "a", "b"]);
});

test("all that a dead thread had posted is taken in, what was looked at already first", () => {
  const { router: of, links, taken } = router();
  for (let i = 0; i < 100; i++) links[0].arrives(i, i);
  links[1].arrives(1000, "a");
  links[1].deliver();
  of.disconnect(1);
  assert.deepEqual(
    taken,
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test("the I/O thread is told first, then the others in the order in which there was something for them", () => {
  const router = new Router();
  const told: number[] = [];
  for (const thread of [0, 1, 2]) {
    const link = new WaitingLink();
    router.connect(thread, link, () => {}, lost);
    link.onPost = () => void told.push(thread);
  }
  router.flush(() => assert.fail());
  for (const thread of [2, 1, 0, 2]) {
    router
      .outbox(thread)
      ?.begin(Op.message, null)
      .push(makePid(thread, 1, thread), "hello");
  }
  router.flush(() => assert.fail());
  assert.deepEqual(told, [0, 2, 1]);
  assert.equal(router.isDirty, false);
});

test("the I/O thread is told of the end of one who sent another thread what can't be copied", () => {
  const router = new Router();
  const toldMain: unknown[] = [];
  const main = new WaitingLink();
  main.onPost = () => void toldMain.push("told");
  const other = new WaitingLink();
  other.onPost = () => {
    throw new Error("can't be copied");
  };
  router.connect(0, main, () => {}, lost);
  router.connect(1, other, () => {}, lost);
  const pid = makePid(1, 1, 1);
  router.flush(() => assert.fail());
  router
    .outbox(1)
    ?.begin(Op.message, null)
    .push(pid, () => {});
  router.flush(() => void router.outbox(0)?.begin(Op.message, null).push(pid, "it has ended"));
  while (router.isDirty) router.flush(() => assert.fail());
  assert.deepEqual(toldMain, ["told"]);
  assert.equal(router.outbox(0)?.isEmpty, true);
});

test("a thread with an older number that is not connected at the start is gone; a younger one may be on its way", () => {
  const router = new Router();
  router.connect(1, new WaitingLink(), () => {}, lost);
  router.complete(3);
  assert.equal(router.outbox(2), null);
  assert.notEqual(router.outbox(1), null);
  assert.notEqual(router.outbox(4), null);
});

test("a batch without a time, of a thread whose clock is gone, waits no longer than others", () => {
  const { links, taken } = router();
  links[0].arrives(Number.NaN, "no time");
  links[1].arrives(20, "second");
  links[2].arrives(10, "first");
  links[0].arrives(Number.NaN, "no time either");
  links[1].deliver();
  assert.deepEqual(new Set(taken), new Set(["no time", "no time either", "first", "second"]));
  assert.ok(taken.indexOf("first") < taken.indexOf("second"));
});
