/** When a thread is asked whether it works, and when it is held for deaf. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { feel, type PulseSeen, type PulseState } from "../../src/runtime/watchdog/pulse.js";

const limits = { maxDeafMs: 500, watchdogIntervalMs: 100 };

/** What is done at each look, in short: `a` asks, `D` is deaf, `.` nothing. A look knows what was asked last. */
function looks(seen: readonly ((asked: number) => PulseSeen)[]): string {
  let state: PulseState = { asked: 0, looks: 0, beat: 0 };
  return seen
    .map((one) => {
      const [next, what] = feel(state, one(state.asked), limits);
      state = next;
      return what === "ask" ? "a" : what === "deaf" ? "D" : ".";
    })
    .join("");
}

type Look = (asked: number) => PulseSeen;
const times = (count: number, look: (index: number) => Look): Look[] =>
  Array.from({ length: count }, (_, i) => look(i));
const answering =
  (beat: number): Look =>
  (asked) => ({ answered: asked, beat });
const silent =
  (beat: number): Look =>
  () => ({ answered: 0, beat });

test("a thread that answers is asked once a second", () => {
  assert.equal(looks(times(30, answering)), ".........a".repeat(3));
});

test("a thread whose event loop turns, and that does not answer for maxDeafMs, is deaf", () => {
  assert.equal(looks(times(15, (n) => silent(n + 1))), ".........a....D");
});

test("one whose event loop stands still is not held for deaf, however long", () => {
  const standing = [...times(10, (n) => silent(n + 1)), ...times(99, () => silent(10))];
  assert.equal(looks(standing), `.........a${".".repeat(99)}`);
});

test("an answer that comes late is an answer, and the next question follows in its time", () => {
  const late = [...times(14, (n) => silent(n + 1)), ...times(10, (n) => answering(n + 15))];
  assert.equal(looks(late), `.........a${".".repeat(9)}a....`);
});
