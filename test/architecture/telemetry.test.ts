import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { spans, telemetryFields } from "../../src/channels/telemetry.js";
import { findRoot } from "./imports.js";

const fieldsIn = (cell: string | undefined): string[] =>
  [...(cell ?? "").matchAll(/`(\w+)`/g)].map(([, name = ""]) => name);

test("docs/telemetry.md lists every event with its measurements and metadata, and no other", () => {
  const page = readFileSync(join(findRoot(), "docs", "telemetry.md"), "utf8");
  const rows = [...page.matchAll(/^\| `(joist\.[\w.]+)` \|[^|]*\|([^|]*)\|([^|]*)\|$/gm)];
  assert.deepEqual(
    rows.map(([, name, measurements, metadata]) => [name, fieldsIn(measurements), fieldsIn(metadata)]),
    Object.entries(telemetryFields).map(([name, fields]) => [name, fields.measurements, fields.metadata]),
  );
});

test("every event that can be listened to is told by something", () => {
  const told = Object.values(spans).map(({ name }) => name);
  assert.deepEqual(told.toSorted(), Object.keys(telemetryFields).toSorted());
});
