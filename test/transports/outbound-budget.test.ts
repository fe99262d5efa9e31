import assert from "node:assert/strict";
import { test } from "node:test";
import { type Debtor, OutboundBudget } from "../../src/transports/outbound-budget.js";

/** A budget whose turns end when the test says so. */
function bench(maxBytes: number) {
  const actions: (() => void)[] = [];
  const budget = new OutboundBudget(maxBytes, (action) => actions.push(action));
  const closed: string[] = [];
  const debtor = (name: string, bytes: number): Debtor => {
    const made: Debtor = { bytes, overTotal: () => closed.push(name) };
    budget.enter(made);
    return made;
  };
  const endTurn = (): void => {
    for (const action of actions.splice(0)) action();
  };
  return { budget, closed, debtor, endTurn };
}

test("beyond the total the largest is closed, and no more than needed, when the turn is over", () => {
  const { budget, closed, debtor, endTurn } = bench(100);
  debtor("small", 20);
  debtor("large", 50);
  debtor("middle", 40);
  assert.deepEqual(closed, [], "not in the middle of the turn");
  endTurn();
  assert.deepEqual(closed, ["large"]);
  assert.equal(budget.bytes, 60);
  endTurn();
  assert.deepEqual(closed, ["large"]);
});

test("as many are closed as it takes", () => {
  const { budget, closed, debtor, endTurn } = bench(30);
  for (const name of ["a", "b", "c", "d"]) debtor(name, 20);
  endTurn();
  assert.equal(closed.length, 3);
  assert.equal(budget.bytes, 20);
});

test("who goes before the turn is over saves the others", () => {
  const { closed, debtor, budget, endTurn } = bench(100);
  debtor("a", 80);
  const gone = debtor("b", 40);
  budget.leave(gone);
  budget.leave(gone);
  endTurn();
  assert.deepEqual(closed, []);
  assert.equal(budget.bytes, 80);
});

test("one that grows is charged for it, and one that shrinks pays back", () => {
  const { closed, budget, endTurn } = bench(100);
  const grows = { bytes: 60, overTotal: () => closed.push("grows") };
  budget.enter(grows);
  grows.bytes = 110;
  budget.charge(50);
  grows.bytes = 90;
  budget.charge(-20);
  endTurn();
  assert.deepEqual(closed, []);
  grows.bytes = 101;
  budget.charge(11);
  endTurn();
  assert.deepEqual(closed, ["grows"]);
  assert.equal(budget.bytes, 0);
});
