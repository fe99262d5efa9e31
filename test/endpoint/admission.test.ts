import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission, networkOf, resolveConnectionLimits } from "../../src/endpoint/admission.js";

test("there is room again when somebody has gone, in all and from his address", () => {
  const admission = new Admission({ maxConnections: 3, maxConnectionsPerAddress: 2 });
  const first = admission.enter("10.0.0.1");
  const second = admission.enter("::ffff:10.0.0.1");
  assert.equal(admission.enter("10.0.0.1"), "max_connections_per_address");
  assert.equal(typeof admission.enter("10.0.0.2"), "function");
  assert.equal(admission.enter("10.0.0.3"), "max_connections");
  for (const leave of [first, second]) (leave as () => void)(); // both were let in
  assert.equal(typeof admission.enter("10.0.0.1"), "function");
});

test("an IPv6 address counts by its /64, an IPv4 address by itself", () => {
  const same = ["2001:db8:0:7::1", "2001:DB8:0:7:ffff::2", "2001:db8:0:7:1:2:3:4", "2001:0db8::7:0:0:0:1%eth0"];
  assert.deepEqual(
    same.map((address) => networkOf(address)),
    ["2001:db8:0:7", "2001:db8:0:7", "2001:db8:0:7", "2001:db8:0:7"],
  );
  assert.equal(networkOf("::1"), "0:0:0:0");
  assert.equal(networkOf("::ffff:10.1.2.3"), "10.1.2.3");
  assert.equal(networkOf("10.1.2.3"), "10.1.2.3");
  assert.equal(networkOf(""), "");
});

test("a limit of connections is a whole number or Infinity", () => {
  for (const options of [{ maxConnections: 0 }, { maxConnectionsPerAddress: 1.5 }, { maxConnections: Number.NaN }]) {
    assert.throws(() => resolveConnectionLimits(options), { code: "JOIST_BAD_OPTION" });
  }
  assert.deepEqual(resolveConnectionLimits({ maxConnections: Number.POSITIVE_INFINITY }), {
    maxConnections: Number.POSITIVE_INFINITY,
    maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
    maxTotalBufferedBytes: 268_435_456,
  });
});
