/**
 * The recordings of a real Phoenix server, played against the fixture application over real sockets and threads. What the
 * two lists beside this file name is counted apart: what Joist does otherwise on purpose is expected to be just that, what
 * is not built yet is not played. `npm run conformance -- channels` shows all of it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { App } from "joist";
import { findRoot } from "../architecture/imports.js";
import { play } from "./channels-runner/play.js";
import { type Json, readScenarios, type Scenario } from "./channels-runner/scenario.js";
import { type Played, playAll, readExceptions } from "./channels-runner/suite.js";
import { startFixture } from "./fixture/server.js";

const folder = join(findRoot(), "test/conformance");
const scenarios = readScenarios(join(folder, "channels"));
const exceptions = readExceptions(folder);

describe("the channel transcripts of a real Phoenix server, on two schedulers", () => {
  let app: App;
  let played: readonly Played[];

  before(async () => {
    app = await startFixture({ port: 0, schedulers: 2 });
    played = await playAll(scenarios, app.port as number, exceptions);
  });
  after(() => app.stop());

  for (const area of new Set(scenarios.map((scenario) => scenario.area))) {
    test(`every scenario of ${area} that is built goes as recorded, or differs as it is said to`, () => {
      const failed = played.filter(({ scenario, outcome }) => scenario.area === area && outcome === "failed");
      assert.equal(failed.map(({ scenario, detail }) => `${scenario.name}, ${detail}`).join("\n"), "");
    });
  }

  test("messages are compressed where mount and client want it, and stay in order", async () => {
    const words = "compressible ".repeat(500);
    const echo = (ref: string) => ({ json: ["1", ref, "room:compressed", "echo", { words, ref }] });
    const answer = (ref: string, response: Json) => ({
      json: ["1", ref, "room:compressed", "phx_reply", { status: "ok", response }],
    });
    const scenario: Scenario = {
      ...{ area: "connect", name: "compressed", shows: "" },
      steps: [
        {
          ...{ do: "connect", client: "a", path: "/compress_socket/websocket", query: "vsn=2.0.0", deflate: true },
          expect: { a: [{ open: { protocol: "", extensions: "permessage-deflate" } }] },
        },
        {
          ...{ do: "send", client: "a", frames: [{ json: ["1", "1", "room:compressed", "phx_join", {}] }] },
          expect: { a: [answer("1", {})] },
        },
        {
          ...{ do: "send", client: "a", frames: [echo("2"), echo("3")] },
          expect: { a: [answer("2", { words, ref: "2" }), answer("3", { words, ref: "3" })] },
        },
      ],
    };
    assert.equal(await play(scenario, app.port as number), undefined);
  });

  test("each difference names a scenario, and each pending entry fits one", () => {
    const names = new Set(scenarios.map(({ name }) => name));
    assert.deepEqual(
      exceptions.differences.filter(({ name }) => !names.has(name)),
      [],
    );
    const used = new Set(played.flatMap(({ outcome, detail }) => (outcome === "pending" ? [detail] : [])));
    assert.deepEqual(
      exceptions.pending.filter(({ reason }) => !used.has(reason)),
      [],
    );
  });
});
