import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Pid } from "../../src/core/pid.js";
import { State } from "../../src/tracker/state.js";
import type { Entry, StateData } from "../../src/tracker/state-data.js";

const pid = (n: number): Pid => `<0.1.${n}>` as Pid;
const TOPIC = "room:a";

/** A state that knows the others. */
function replica(name: string, ...others: string[]): State {
  const state = new State(name);
  for (const other of others) state.replicaUp(other);
  return state;
}

/** What a state says, in one order. */
function content(state: State): unknown {
  const { context, clouds, entries } = state.extract();
  return { context, clouds, entries: sorted(entries) };
}

function sorted(entries: Iterable<Entry>): Entry[] {
  return [...entries].sort((a, b) => (a.replica < b.replica ? -1 : a.replica > b.replica ? 1 : a.clock - b.clock));
}

function takeDelta(state: State): StateData {
  const delta = state.delta();
  assert.ok(delta !== undefined);
  state.resetDelta();
  return structuredClone(delta);
}

const keys = (state: State): string[] =>
  state
    .list(TOPIC)
    .map(([key]) => key)
    .sort();

// ---- one by one ----

test("a process is tracked once under a key of a topic, under several keys, and with others under one key", () => {
  const a = new State("a");
  assert.equal(a.join(pid(1), TOPIC, "u", { n: 1 })?.clock, 1);
  assert.equal(a.join(pid(1), TOPIC, "u", { n: 2 }), undefined);
  a.join(pid(1), TOPIC, "v", { n: 3 });
  a.join(pid(2), TOPIC, "u", { n: 4 });
  a.join(pid(1), "room:b", "u", { n: 5 });
  assert.deepEqual(a.list(TOPIC), [
    ["u", [{ n: 1 }, { n: 4 }]],
    ["v", [{ n: 3 }]],
  ]);
  assert.deepEqual(
    a.at(TOPIC, "u").map((entry) => entry.pid),
    [pid(1), pid(2)],
  );
  assert.deepEqual(a.at(TOPIC, "nobody"), []);
  assert.deepEqual(a.list("room:c"), []);
});

test("topics and keys that are the same text together are different places", () => {
  const a = new State("a");
  assert.ok(a.join(pid(1), "ab", "c", {}));
  assert.ok(a.join(pid(1), "a", "bc", {}));
  assert.ok(a.join(pid(1), "__proto__", "constructor", {}));
  assert.equal(a.leave(pid(1), "abc", ""), undefined);
  assert.equal(a.size, 3);
});

test("a leave takes one's own entry away and no other; leaveAll takes all of a process", () => {
  const a = new State("a");
  a.join(pid(1), TOPIC, "u", { n: 1 });
  a.join(pid(2), TOPIC, "u", { n: 2 });
  a.join(pid(2), "room:b", "v", { n: 3 });
  assert.equal(a.leave(pid(3), TOPIC, "u"), undefined);
  assert.deepEqual(a.leave(pid(1), TOPIC, "u")?.meta, { n: 1 });
  assert.equal(a.isTracked(pid(1)), false);
  assert.deepEqual(
    a.leaveAll(pid(2)).map(({ topic, meta }) => [topic, meta]),
    [
      [TOPIC, { n: 2 }],
      ["room:b", { n: 3 }],
    ],
  );
  assert.equal(a.size, 0);
  assert.deepEqual(a.leaveAll(pid(2)), []);
});

test("an update is a leave and a join; without an entry it is nothing", () => {
  const a = new State("a");
  a.join(pid(1), TOPIC, "u", { n: 1 });
  const diff = a.update(pid(1), TOPIC, "u", { n: 2 });
  assert.deepEqual([diff?.leaves[0]?.meta, diff?.joins[0]?.meta], [{ n: 1 }, { n: 2 }]);
  assert.deepEqual(a.list(TOPIC), [["u", [{ n: 2 }]]]);
  assert.equal(a.update(pid(1), TOPIC, "v", { n: 3 }), undefined);
});

// ---- between replicas ----

test("a delta brings what happened since the last one, and only that is told as joins and leaves", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", {});
  a.join(pid(2), TOPIC, "v", {});
  assert.deepEqual(
    b.merge(takeDelta(a)).joins.map(({ key }) => key),
    ["u", "v"],
  );
  assert.equal(a.delta(), undefined);
  a.leave(pid(1), TOPIC, "u");
  const diff = b.merge(takeDelta(a));
  assert.deepEqual([diff.joins.length, diff.leaves.map(({ key }) => key)], [0, ["u"]]);
  assert.deepEqual(content(b), content(a));
});

test("who came and went within one delta is never seen elsewhere", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", {});
  a.leave(pid(1), TOPIC, "u");
  assert.deepEqual(b.merge(takeDelta(a)), { joins: [], leaves: [] });
  assert.deepEqual(content(b), content(a));
});

test("a leave that overtook its join: the join finds that it is over", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", {});
  const joined = takeDelta(a);
  a.leave(pid(1), TOPIC, "u");
  const left = takeDelta(a);
  b.merge(left);
  assert.deepEqual(b.merge(joined), { joins: [], leaves: [] });
  assert.deepEqual(content(b), content(a));
});

test("a stale state does not bring back who has left, nor does a replica that has not heard of the leave", () => {
  const [a, b, c] = [replica("a", "b", "c"), replica("b", "a", "c"), replica("c", "a", "b")];
  a.join(pid(1), TOPIC, "u", {});
  const stale = structuredClone(a.extract());
  c.merge(stale);
  b.merge(stale);
  a.leave(pid(1), TOPIC, "u");
  b.merge(a.extract());
  assert.deepEqual(b.merge(stale), { joins: [], leaves: [] });
  assert.deepEqual(b.merge(c.extract()), { joins: [], leaves: [] });
  a.merge(c.extract());
  assert.deepEqual(keys(a), []);
  c.merge(b.extract());
  assert.deepEqual(keys(c), []);
});

test("what is missing between two deltas is found by a state: it is neither taken for seen nor for gone", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", {});
  takeDelta(a); // lost
  a.join(pid(2), TOPIC, "v", {});
  b.merge(takeDelta(a));
  assert.deepEqual(keys(b), ["v"]);
  assert.deepEqual(
    b.merge(a.extract()).joins.map(({ key }) => key),
    ["u"],
  );
  assert.deepEqual(content(b), content(a));
});

test("one pid on two replicas is two entries: pids are those of their own machine", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", { from: "a" });
  b.join(pid(1), TOPIC, "u", { from: "b" });
  b.merge(a.extract());
  assert.deepEqual(b.list(TOPIC), [["u", [{ from: "b" }, { from: "a" }]]]);
  b.leaveAll(pid(1));
  assert.deepEqual(b.list(TOPIC), [["u", [{ from: "a" }]]]);
});

// ---- replicas ----

test("a replica that is down is hidden, goes on being merged, and is shown again as it then is", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", {});
  a.join(pid(2), TOPIC, "v", {});
  b.merge(takeDelta(a));
  assert.deepEqual(
    b.replicaDown("a").leaves.map(({ key }) => key),
    ["u", "v"],
  );
  assert.deepEqual(b.replicaDown("a").leaves, []);
  assert.deepEqual([keys(b), b.at(TOPIC, "u"), b.online()], [[], [], []]);
  a.leave(pid(1), TOPIC, "u");
  a.join(pid(3), TOPIC, "w", {});
  assert.deepEqual(b.merge(takeDelta(a)), { joins: [], leaves: [] });
  assert.deepEqual(
    b.replicaUp("a").joins.map(({ key }) => key),
    ["v", "w"],
  );
  assert.deepEqual(b.replicaUp("a").joins, []);
  assert.deepEqual(keys(b), ["v", "w"]);
});

test("a replica that is removed is forgotten, and third parties can't bring it back", () => {
  const [a, b, c] = [replica("a@1", "b", "c"), replica("b", "a@1", "c"), replica("c", "a@1", "b")];
  a.join(pid(1), TOPIC, "u", {});
  b.merge(a.extract());
  c.merge(a.extract());
  assert.equal(b.removeReplica("a@1").leaves.length, 1);
  assert.deepEqual(b.merge(c.extract()), { joins: [], leaves: [] });
  assert.equal(b.size, 0);
  assert.equal(JSON.stringify(b.extract()).includes("a@1"), false);
  assert.deepEqual(b.removeReplica("a@1").leaves, []);
  // Its next life is another replica.
  const next = replica("a@2", "b", "c");
  next.join(pid(1), TOPIC, "u", {});
  b.replicaUp("a@2");
  assert.equal(b.merge(next.extract()).joins.length, 1);
});

test("a replica that was down when it is removed has left already", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", {});
  b.merge(a.extract());
  b.replicaDown("a");
  assert.deepEqual(b.removeReplica("a").leaves, []);
  assert.equal(b.size, 0);
});

test("nobody is believed about oneself, and a replica never takes itself for down", () => {
  const [a, b] = [replica("a", "b"), replica("b", "a")];
  a.join(pid(1), TOPIC, "u", {});
  b.merge(a.extract());
  a.leave(pid(1), TOPIC, "u");
  assert.deepEqual(a.merge(b.extract()), { joins: [], leaves: [] });
  a.join(pid(1), TOPIC, "v", {});
  assert.deepEqual(a.replicaDown("a").leaves, []);
  assert.deepEqual(keys(a), ["v"]);
});

// ---- properties ----

const NAMES = ["a", "b", "c"];

/** All that can happen: something to a replica, a delta or state that it posts, and the delivery of anything posted. */
type Step =
  | { readonly do: "join" | "leave" | "update"; readonly at: number; readonly pid: number; readonly key: string }
  | { readonly do: "die"; readonly at: number; readonly pid: number }
  | { readonly do: "delta" | "state"; readonly at: number }
  | { readonly do: "deliver"; readonly to: number; readonly post: number };

const at = fc.nat({ max: NAMES.length - 1 });
const process = fc.integer({ min: 1, max: 4 });
const event = fc.record({
  do: fc.constantFrom("join", "leave", "update"),
  at,
  pid: process,
  key: fc.constantFrom("u", "v"),
});
const step = fc.oneof(
  { weight: 5, arbitrary: event },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("die"), at, pid: process }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("delta", "state"), at }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("deliver"), to: at, post: fc.nat({ max: 40 }) }) },
) as fc.Arbitrary<Step>;
const history = fc.array(step, { maxLength: 60, size: "max" });

/** The naive model: all that was ever added and removed, never forgotten; a merge is a union. */
class Model {
  readonly added = new Map<string, Entry>();
  readonly removed = new Set<string>();

  add(entry: Entry): void {
    this.added.set(`${entry.replica} ${entry.clock}`, entry);
  }

  remove(entry: Entry): void {
    this.removed.add(`${entry.replica} ${entry.clock}`);
  }

  merge(other: Model): void {
    for (const [dot, entry] of other.added) this.added.set(dot, entry);
    for (const dot of other.removed) this.removed.add(dot);
  }

  copy(): Model {
    const copy = new Model();
    copy.merge(this);
    return copy;
  }

  get entries(): Entry[] {
    return sorted([...this.added].filter(([dot]) => !this.removed.has(dot)).map(([, entry]) => entry));
  }
}

interface Node {
  readonly state: State;
  readonly model: Model;
  /** What the model of its next delta is. */
  recent: Model;
}

interface Post {
  readonly data: StateData;
  readonly model: Model;
}

class World {
  readonly nodes: readonly Node[] = NAMES.map((name) => ({
    state: replica(name, ...NAMES.filter((other) => other !== name)),
    model: new Model(),
    recent: new Model(),
  }));
  readonly posts: Post[] = [];

  play(steps: readonly Step[]): this {
    for (const step of steps) this.#step(step);
    return this;
  }

  #step(step: Step): void {
    if (step.do === "deliver") {
      const post = this.posts[step.post % Math.max(1, this.posts.length)];
      return post && this.deliver(post, this.nodes[step.to] as Node);
    }
    const node = this.nodes[step.at] as Node;
    const { state } = node;
    switch (step.do) {
      case "join":
        return this.#happened(node, state.join(pid(step.pid), TOPIC, step.key, {}), undefined);
      case "leave":
        return this.#happened(node, undefined, state.leave(pid(step.pid), TOPIC, step.key));
      case "update": {
        const diff = state.update(pid(step.pid), TOPIC, step.key, { updated: true });
        return this.#happened(node, diff?.joins[0], diff?.leaves[0]);
      }
      case "die":
        for (const entry of state.leaveAll(pid(step.pid))) this.#happened(node, undefined, entry);
        return;
      case "delta": {
        const data = state.delta();
        if (data === undefined) return;
        state.resetDelta();
        this.posts.push({ data: structuredClone(data), model: node.recent });
        node.recent = new Model();
        return;
      }
      case "state":
        this.posts.push(this.stateOf(node));
    }
  }

  stateOf({ state, model }: Node): Post {
    return { data: structuredClone(state.extract()), model: model.copy() };
  }

  deliver({ data, model }: Post, to: Node): void {
    const before = sorted(to.state.online());
    const { joins, leaves } = to.state.merge(data);
    to.model.merge(model);
    // What it says has changed is what has.
    const after = [...before.filter((entry) => !leaves.includes(entry)), ...joins];
    assert.deepEqual(sorted(after), sorted(to.state.online()));
  }

  #happened({ model, recent }: Node, joined: Entry | undefined, left: Entry | undefined): void {
    for (const seen of [model, recent]) {
      if (joined !== undefined) seen.add(joined);
      if (left !== undefined) seen.remove(left);
    }
  }

  check(): void {
    for (const { state, model } of this.nodes) assert.deepEqual(sorted(state.online()), model.entries);
  }
}

const runs = { numRuns: 300 };

test("any history, with deliveries late, twice and out of order: each replica sees what a model that forgets nothing sees", () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = new World();
      for (const step of steps) {
        world.play([step]);
        world.check();
      }
    }),
    runs,
  );
});

test("whatever was delivered, once each has every other's state all agree, and no history is left in clouds", () => {
  fc.assert(
    fc.property(history, (steps) => {
      const { nodes } = new World().play(steps);
      for (let round = 0; round < 2; round++) {
        for (const from of nodes) for (const to of nodes) if (from !== to) to.state.merge(from.state.extract());
      }
      const [first, ...others] = nodes.map(({ state }) => content(state));
      for (const other of others) assert.deepEqual(other, first);
      for (const { state } of nodes) assert.deepEqual(state.extract().clouds, []);
    }),
    runs,
  );
});

test("all deltas, in any order and any number of times, do what the state does", () => {
  fc.assert(
    fc.property(history, fc.infiniteStream(fc.nat()), (steps, numbers) => {
      const world = new World().play(steps.filter((step) => step.do !== "deliver" && step.do !== "state"));
      world.play(NAMES.map((_, at) => ({ do: "delta", at })));
      const order: Post[] = [];
      for (const post of [...world.posts, ...world.posts]) {
        order.splice((numbers.next().value as number) % (order.length + 1), 0, post);
      }
      const byDeltas = replica("d", ...NAMES);
      for (const { data } of order) byDeltas.merge(data);
      const byStates = replica("d", ...NAMES);
      for (const { state } of world.nodes) byStates.merge(state.extract());
      assert.deepEqual(content(byDeltas), content(byStates));
    }),
    runs,
  );
});

/** Three pieces of news, of any kind, and somebody to merge them. */
const news = history.map((steps) => {
  const world = new World().play(steps);
  return [...world.nodes.map((node) => world.stateOf(node)), ...world.posts].map(({ data }) => data);
});

const merged = (...all: readonly StateData[]): State => {
  const state = replica("observer", ...NAMES);
  for (const data of all) state.merge(data);
  return state;
};

test("merging is commutative, associative and idempotent", () => {
  fc.assert(
    fc.property(news, fc.nat(), fc.nat(), fc.nat(), (all, i, j, k) => {
      const [x, y, z] = [i, j, k].map((index) => all[index % all.length] as StateData) as [
        StateData,
        StateData,
        StateData,
      ];
      assert.deepEqual(content(merged(x, y)), content(merged(y, x)));
      assert.deepEqual(content(merged(x, x)), content(merged(x)));
      // (x · y) · z and x · (y · z): what was merged before it is passed on is the same news.
      assert.deepEqual(content(merged(merged(x, y).extract(), z)), content(merged(x, merged(y, z).extract())));
      const twice = merged(x, y);
      assert.deepEqual(twice.merge(y), { joins: [], leaves: [] });
      assert.deepEqual(twice.merge(x), { joins: [], leaves: [] });
    }),
    runs,
  );
});
