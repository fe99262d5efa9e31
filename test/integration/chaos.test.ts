/**
 * A few rows of `npm run chaos -- matrix`, each with a fresh server under the load of a small crowd: what the fault costs, and that
 * it costs nobody else anything. Loops and leaks are in `watchdog.test.ts`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cost, runCell, type Scale } from "../chaos/cell.js";
import { forgottenDeeds, rows } from "../chaos/rows.js";
import { measureSiblings } from "../chaos/siblings.js";

const scale: Scale = { connections: 20, channels: 3, schedulers: 2, echoesPerSecond: 300 };
/** How long the slowest machine may take to notice and to come back. */
const SLOW_MS = 20_000;

const cases: readonly (readonly [row: string, costs: Cost["of"], cause?: string, isolation?: "process"])[] = [
  ["reject_in_connect", "attempt"],
  ["hang_in_join", "attempt"],
  ["event_without_a_clause", "channel"],
  ["reject_in_handle_out", "channel"],
  ["throw_in_handle_call", "channel"],
  ["throw_in_terminate", "channel"],
  ["hang_in_handle_in", "nothing"],
  ["flood_of_a_mailbox", "nothing"],
  ["client_that_never_reads", "connection"],
  ["socket_error_nobody_hears", "channel"],
  ["throw_of_a_trap", "channel"],
  ["loop_in_terminate", "thread", "stuck"],
  ["loop_in_join", "thread", "stuck"],
  ["process_really_exit", "thread", "exit"],
  ["no_listeners_and_a_stray", "thread", "exit"],
  ["nonsense_to_parent_port", "nothing"],
  ["nonsense_to_other_threads", "thread", "deaf"],
  ["json_parse_replaced", "nothing"],
  ["object_prototype_then", "thread", "deaf"],
  ["promise_removed", "thread", "deaf"],
  ["close_parent_port", "thread", "deaf"],
  // Its pipe says all twice, if it is allowed to.
  ["object_prototype_data", "thread", "exit", "process"],
];

for (const [name, costs, cause = "", isolation = "thread"] of cases) {
  const what = costs === "thread" ? `its thread, as ${cause}` : `${costs === "nothing" ? "" : "its "}${costs}`;
  test(`${name} costs ${what}, and nobody else notices${isolation === "process" ? " (processes)" : ""}`, async (t) => {
    const row = rows.find((one) => one.name === name);
    assert.ok(row !== undefined);
    const cell = await runCell(row, isolation, scale);
    t.diagnostic(JSON.stringify(cell));
    assert.deepEqual(cell.problems, []);
    assert.deepEqual([cell.cost.of, cell.cause], [costs, cause]);
    assert.ok(cell.rejoinMs < SLOW_MS);
  });
}

test("every deed is in a row, and no two rows have one name", () => {
  assert.deepEqual(forgottenDeeds(), []);
  assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length);
});

test("with a channel in an endless loop the channels of other threads answer on, and its own soon again", async (t) => {
  const load = { connections: 20, channels: 3, echoesPerSecond: 300, rounds: 3 };
  const { p50, ratio, answeredAgainMs, problems, samples } = await measureSiblings("thread", load);
  t.diagnostic(JSON.stringify({ p50, ratio, answeredAgainMs, samples }));
  assert.deepEqual(problems, []);
  assert.ok(samples > 100);
  // With one processor less for everybody else, and whatever else the machine does. A stuck sibling would take a second.
  assert.ok(p50[1] < 200, `${p50[1]} ms`);
  assert.ok(answeredAgainMs[1] < SLOW_MS);
});
