import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Connection } from "../../bench/load/connection.js";
import { run } from "../../bench/load/run.js";
import { SCENARIOS, type Scenario } from "../../bench/load/scenarios.js";

const linuxOnly = process.platform === "linux" ? {} : { skip: "the load benchmark reads /proc" };
const setup = { processors: null, times: { warmUpMs: 50, windowMs: 300, minMessages: 1 }, profiles: null };
/** Crashed and joined again counts if both are within it: on a busy machine that takes its time. */
const longer = { ...setup, times: { ...setup.times, windowMs: 3000 } };

/** No more topics than connections, so that each has somebody. */
function fewTopics(scenario: Scenario): object {
  return scenario.kind === "fan-out" ? { topics: Math.min(2, scenario.topics) } : {};
}

/** Between them, everything that the peers have to understand. */
const forPeers = ["fan-out-topics", "connect", "compress"];

/** The same code as a smaller one. */
const larger = ["rate-12k", "echo-64k"];

for (const { name } of SCENARIOS.filter(({ kind, name }) => kind !== "idle" && !larger.includes(name))) {
  const scenario = SCENARIOS.find((one) => one.name === name) as Scenario;
  const servers = forPeers.includes(name) ? scenario.servers : scenario.servers.slice(0, 1);
  test(`in the scenario ${name}, ${servers.join(", ")} answer all they are asked`, linuxOnly, async () => {
    for (const server of servers) {
      const measured = await run(
        { ...scenario, connections: 4, ...fewTopics(scenario) },
        server,
        name === "crash-storm" ? longer : setup,
      );
      assert.ok(measured.messages > 0, `${server}: nothing came`);
      assert.equal(measured.failures, 0, server);
      assert.ok(measured.pssBytes > 1_000_000, server);
      if (name === "crash-storm") assert.ok((measured.crashes ?? 0) > 0, "nothing crashed");
    }
  });
}

test("a server that does not upgrade ends the load with what it said", async () => {
  const server = createServer().on("upgrade", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/socket`);
  const nobody = { message: () => {}, closed: () => {} };
  await assert.rejects(Connection.open(url, 0, nobody), /answered HTTP\/1\.1 403 Forbidden/);
  server.close();
});
