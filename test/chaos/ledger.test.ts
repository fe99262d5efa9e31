/** The checker itself: that it lets pass what the rules of order allow, and that it can fail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Frame, Ledger } from "./ledger.js";

const T = "room:a";
const reply = (joinRef: string | null, ref: string, status = "ok"): Frame => [
  ...([joinRef, ref, T, "phx_reply"] as const),
  { status, response: {} },
];
const end = (joinRef: string, event = "phx_error"): Frame => [joinRef, joinRef, T, event, {}];
const shout = (n: number, from = "p"): Frame => [null, null, T, "shout", { from, n }];

/** Feeds a ledger: texts are what the client does, frames what it gets. Answers the tags of the frames. */
function tagsOf(...steps: readonly (Frame | string)[]): readonly string[] {
  const ledger = new Ledger(T);
  return steps.flatMap((step) => {
    if (typeof step !== "string") return [ledger.take(step).tag];
    const [what, joinRef = "", ref = ""] = step.split(" ");
    if (what === "join") ledger.joining(joinRef);
    else if (what === "ask") ledger.asking(joinRef, ref);
    else ledger.leaving(joinRef, ref);
    return [];
  });
}

const allowed: Readonly<Record<string, readonly [steps: readonly (Frame | string)[], tags: readonly string[]]>> = {
  "a join, an answer, a crash and a rejoin": [
    ["join 1", reply("1", "1"), "ask 1 2", reply("1", "2"), end("1"), "join 3", reply("3", "3")],
    ["joined", "answered", "errored", "joined"],
  ],
  "what was asked of a channel that has just ended is answered without its join ref": [
    ["join 1", reply("1", "1"), "ask 1 2", end("1"), reply(null, "2", "error")],
    ["joined", "errored", "answered"],
  ],
  "a leave that meets a crash is answered after the end": [
    ["join 1", reply("1", "1"), "leave 1 2", end("1"), reply("1", "2")],
    ["joined", "errored", "left"],
  ],
  "a join that takes another one's place": [
    ["join 1", reply("1", "1"), "join 2", reply("2", "2"), end("1", "phx_close"), shout(1)],
    ["joined", "joined", "closed", "event"],
  ],
  "a join that was replaced before it was answered": [
    ["join 1", "join 2", reply("2", "2"), end("1", "phx_close")],
    ["joined", "closed"],
  ],
  "a publisher's numbers begin anywhere, and anew after a rejoin": [
    ["join 1", reply("1", "1"), shout(4), shout(5), end("1"), "join 2", reply("2", "2"), shout(9), shout(10)],
    ["joined", "event", "event", "errored", "joined", "event", "event"],
  ],
};
for (const [name, [steps, tags]] of Object.entries(allowed)) {
  test(`allowed: ${name}`, () => assert.deepEqual(tagsOf(...steps), tags));
}

const forbidden: Readonly<Record<string, readonly (Frame | string)[]>> = {
  "a second end of a join ref": ["join 1", reply("1", "1"), end("1"), end("1", "phx_close")],
  "an end before the answer": ["join 1", end("1")],
  "a second answer to a join": ["join 1", reply("1", "1"), reply("1", "1")],
  "a push before the answer": ["join 1", ["1", null, T, "relay", { from: "p", n: 1 }]],
  "a push after the end": ["join 1", reply("1", "1"), end("1"), ["1", null, T, "relay", { from: "p", n: 1 }]],
  "a broadcast before the answer": ["join 1", shout(1)],
  "a broadcast after the end": ["join 1", reply("1", "1"), end("1"), shout(1)],
  "a reply after the end": ["join 1", reply("1", "1"), "ask 1 2", end("1"), reply("1", "2")],
  "a reply to what nobody asked": ["join 1", reply("1", "1"), reply("1", "7")],
  "a reply given twice": ["join 1", reply("1", "1"), "ask 1 2", reply("1", "2"), reply("1", "2")],
  "a reply with another join ref": ["join 1", reply("1", "1"), "ask 1 2", "join 3", reply("3", "3"), reply("3", "2")],
  "a gap in a publisher's numbers": ["join 1", reply("1", "1"), shout(1), shout(3)],
  "a number of a publisher that comes twice": ["join 1", reply("1", "1"), shout(1), shout(1)],
  "a frame of a join ref that was never made": [reply("5", "6")],
};
for (const [name, steps] of Object.entries(forbidden)) {
  test(`found: ${name}`, () => assert.equal(tagsOf(...steps).at(-1), "violation"));
}
