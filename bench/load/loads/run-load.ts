/** The load of a scenario. */
import type { Dialect } from "../dialects.js";
import { type Measured, Measurement, type Times } from "../measurement.js";
import type { Scenario } from "../scenarios.js";
import { connectAndJoin } from "./connect.js";
import { echo } from "./echo.js";
import { fanOut } from "./fan-out.js";
import { idle } from "./idle.js";

export function runLoad(scenario: Scenario, dialect: Dialect, server: number, times: Times): Promise<Measured> {
  const common = { dialect, measurement: new Measurement(server), times };
  switch (scenario.kind) {
    case "echo":
      return echo({ ...common, scenario });
    case "fan-out":
      return fanOut({ ...common, scenario });
    case "idle":
      return idle({ ...common, scenario });
    case "connect":
      return connectAndJoin({ ...common, scenario });
  }
}
