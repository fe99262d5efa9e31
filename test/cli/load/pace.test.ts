import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { everySecond } from "../../../src/cli/load/pace.js";

/** Keeps the event loop from turning. */
function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test("what was missed comes as soon as it can, with the time it was meant for", async () => {
  const meant: number[] = [];
  const clock = everySecond(1000, (meantMs) => meant.push(meantMs));
  block(50);
  while (meant.length < 50) await turn();
  clearInterval(clock);
  meant.slice(1).forEach((ms, i) => {
    assert.ok(Math.abs(ms - (meant[i] as number) - 1) < 1e-6, `${meant[i]}, ${ms}`);
  });
});

test("ticks that take longer than they may leave the event loop its turns", async () => {
  let ticks = 0;
  const clock = everySecond(1_000_000, () => {
    ticks += 1;
    block(1);
  });
  const turns = new Set<number>();
  // Each turn that the clock got through with late ticks is one; without turns this never gets to look.
  while (turns.size < 5) {
    turns.add(ticks);
    await turn();
  }
  clearInterval(clock);
});
