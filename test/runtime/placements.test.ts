/** The table of definitions that have a slot of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { allocateShared } from "../../src/runtime/boot-scheduler.js";
import { MAX_PLACED, Placements } from "../../src/runtime/shared/placements.js";

test("what the main thread has placed is there for all that look from then on, under each of its keys", () => {
  const shared = allocateShared(4, 2);
  const [main, other] = [new Placements(shared), new Placements(shared)];
  assert.equal(other.slotOf("Counter"), 0);
  main.place(["Counter", "shop/Counter"], 2);
  assert.deepEqual([other.slotOf("Counter"), other.slotOf("shop/Counter"), other.slotOf("Cart")], [2, 2, 0]);
  main.place(["Cart"], 3);
  assert.deepEqual([other.slotOf("Counter"), other.slotOf("Cart")], [2, 3]);
});

test("there is room for so many keys, and all that were placed stay where they are", () => {
  const placements = new Placements(allocateShared(4, 2));
  for (let i = 0; i < MAX_PLACED - 1; i++) placements.place([`d${i}`], 2);
  assert.deepEqual([placements.hasRoom(2), placements.hasRoom(1)], [false, true]);
  placements.place(["last"], 3);
  assert.equal(placements.hasRoom(1), false);
  assert.deepEqual([placements.slotOf("last"), placements.slotOf("d0"), placements.slotOf("d254")], [3, 2, 2]);
});

test("answers about ever new keys do not pile up, and stay right", () => {
  const placements = new Placements(allocateShared(4, 2));
  placements.place(["Counter"], 2);
  for (let i = 0; i < 5000; i++) assert.equal(placements.slotOf(`none${i}`), 0);
  assert.equal(placements.slotOf("Counter"), 2);
});
