/** Slots kept for definitions: who gets which, and what deaths there mean. The decisions, as tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  assign,
  type DedicatedSlot,
  dedicatedSlots,
  type Kept,
  MAX_ZOMBIES,
  onDedicatedDeath,
  reopened,
  slotAt,
} from "../../src/runtime/hosts/dedicated.js";

/** Where definitions go that ask one after the other: `slot`, `slot new`, or `none`. */
function places(most: number, quarantines: boolean, asked: readonly Kept[]): string[] {
  let slots = dedicatedSlots(3, most, quarantines);
  return asked.map((kept, index) => {
    const [next, assigned] = assign(slots, `d${index}`, kept);
    slots = next;
    return assigned === undefined ? "none" : `${assigned.slot}${assigned.isNew ? " new" : ` with ${assigned.with}`}`;
  });
}

const [D, P, Q] = ["dedicated", "process", "quarantine"] as const;

for (const [name, most, quarantines, asked, expected] of [
  ["each has a slot, from the first on", 2, false, [D, D], ["3 new", "4 new"]],
  [
    "beyond that they share, those with the fewest first",
    2,
    false,
    [D, D, D, D],
    ["3 new", "4 new", "3 with d0", "4 with d1"],
  ],
  ["the last slot is for quarantine, if there may be one", 2, true, [D, D, Q], ["3 new", "3 with d0", "4 new"]],
  [
    "quarantine takes what is free, then shares with its own kind",
    3,
    true,
    [D, Q, Q, Q],
    ["3 new", "4 new", "5 new", "4 with d1"],
  ],
  ["a single slot is for whoever comes first, then for all", 1, true, [D, Q], ["3 new", "3 with d0"]],
  [
    "OS processes are shared among those that ask for one, and with nobody else",
    3,
    true,
    [P, P, P, D, Q, Q],
    ["3 new", "4 new", "3 with d0", "none", "5 new", "5 with d4"],
  ],
  ["where all are taken by others, there is no OS process", 1, false, [D, P], ["3 new", "none"]],
  ["there may be none at all", 0, true, [D, P, Q], ["none", "none", "none"]],
] as const) {
  test(name, () => assert.deepEqual(places(most, quarantines, asked), expected));
}

test("a slot whose thread died too often is refused, then opened with a clean record", () => {
  const limits = { maxThreadRestarts: 2, threadRestartWindowMs: 1000 };
  let [slots] = assign(dedicatedSlots(3, 2, false), "a", D);
  [slots] = assign(slots, "b", D);
  const die = (slot: number, nowMs: number): string => {
    const [next, then] = onDedicatedDeath(slots, slotAt(slots, slot) as DedicatedSlot, nowMs, 0, limits);
    slots = next;
    return then;
  };
  assert.deepEqual([die(3, 0), die(3, 500), die(4, 600), die(3, 1000)], ["start", "start", "start", "deaths"]);
  assert.deepEqual([slotAt(slots, 3)?.isRefused, slotAt(slots, 4)?.isRefused], [true, false]);
  slots = reopened(slots, slotAt(slots, 3) as DedicatedSlot, 0) ?? slots;
  assert.equal(slotAt(slots, 3)?.isRefused, false);
  assert.deepEqual([die(3, 1001), die(3, 1002), die(4, 1700), die(3, 2100)], ["start", "start", "start", "start"]);
});

test("a slot that is not in use is none", () => {
  assert.equal(slotAt(dedicatedSlots(3, 4, true), 3), undefined);
});

test("one whose threads do not come to an end is refused until there are few enough of them", () => {
  const limits = { maxThreadRestarts: 10, threadRestartWindowMs: 1000 };
  let [slots] = assign(dedicatedSlots(3, 1, false), "a", D);
  for (const [zombies, expected] of [
    [1, "start"],
    [MAX_ZOMBIES, "start"],
    [MAX_ZOMBIES + 1, "zombies"],
  ] as const) {
    const [next, then] = onDedicatedDeath(slots, slotAt(slots, 3) as DedicatedSlot, 0, zombies, limits);
    slots = next;
    assert.equal(then, expected);
  }
  const refused = slotAt(slots, 3) as DedicatedSlot;
  assert.equal(reopened(slots, refused, MAX_ZOMBIES + 1), undefined);
  assert.equal(slotAt(reopened(slots, refused, MAX_ZOMBIES) ?? slots, 3)?.isRefused, false);
});
