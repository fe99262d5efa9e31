/** The public test kit, on a test's own thread and on schedulers of their own. */

import { AssertionError } from "node:assert";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  broadcast,
  ErrorCode,
  isDown,
  kill,
  monitor,
  type Pid,
  proc,
  receive,
  self,
  send,
  spawn,
  spawnLink,
} from "joist";
import { startTest, type TestApp, type TestOptions } from "joist/testing";
import { channelsApp } from "../support/app.js";
import Backwards from "../support/apps/backwards.js";
import { Counter, UserSocket } from "../support/apps/channels.js";

const serializersApp = new URL("../support/apps/serializers.js", import.meta.url);

/** Long enough never to be over on a slow machine: what is awaited comes. */
const patient: TestOptions = { assertTimeoutMs: 10_000 };

async function failureOf(assertion: Promise<unknown>): Promise<string> {
  try {
    await assertion;
  } catch (error) {
    assert.ok(error instanceof AssertionError, `${error} is no AssertionError`);
    return error.message;
  }
  return assert.fail("the assertion held");
}

for (const schedulers of [0, 2]) {
  const where = schedulers === 0 ? "on the test's own thread" : "on scheduler threads";

  test(`a client joins, pushes, and sees answers, pushes and broadcasts, ${where}`, async () => {
    await using t = await startTest(channelsApp, { ...patient, schedulers });
    const socket = await t.connect(UserSocket, { user_id: 7 });
    const channel = await t.subscribeAndJoin(socket, "room:1");
    assert.deepEqual(channel.response, { userId: "7" }, "params are strings, as in a query");
    const ref = t.push(channel, "echo", { a: 1, gone: undefined, when: new Date(0) });
    const response = await t.assertReply(ref, "ok", { a: 1 });
    assert.deepEqual(response, { a: 1, when: "1970-01-01T00:00:00.000Z" }, "payloads go through JSON");
    t.push(channel, "push", { n: 2 });
    const push = await t.assertPush("pushed", { n: (n: number) => n > 1 });
    assert.deepEqual([push.topic, push.payload, push.joinRef], ["room:1", { n: 2 }, channel.joinRef]);
    await t.assertReply(t.push(channel, "shout", { loud: true }), "ok");
    await t.assertBroadcast("shout", { loud: true });
    await t.assertPush("shout", { loud: true }, { to: channel });
    assert.deepEqual(t.messages, []);
  });

  test(`a process that was started for the test is stopped with it, in reverse order, ${where}`, async () => {
    await using t = await startTest(channelsApp, { ...patient, schedulers });
    const first = await t.startSupervised(Counter, 1);
    const second = await t.startSupervised(Counter.child(2, { name: "second" }));
    assert.equal(await t.run(() => Counter.call("second", "add", 1)), 3);
    const refs = t.run(() => [monitor(first), monitor(second)]);
    // The test's mailbox outlives the application: what ended last is told last.
    await t.stop();
    const downs = t.messages.filter(isDown).map(({ ref }) => refs.indexOf(ref));
    assert.deepEqual(downs, [1, 0]);
  });
}

test("connect is refused with what the socket says, and refuteConnect hands that out", async () => {
  await using t = await startTest(channelsApp);
  assert.deepEqual(await t.refuteConnect(UserSocket, { reject: "true" }), { status: 403, body: "" });
  assert.deepEqual(await t.refuteConnect("/socket", { raise: "true" }), { status: 500, body: "" });
  assert.match(await failureOf(t.connect("/socket", { reject: "true" })), /^the client was refused: 403$/m);
  assert.match(await failureOf(t.refuteConnect("/socket")), /should be refused, but was let in/);
  await assert.rejects(t.connect("/nowhere"), {
    code: ErrorCode.badArgument,
    message: /"\/nowhere"; there is \/socket/,
  });
});

test("a refused join is a failure with its reason, and refuteJoin hands that out", async () => {
  await using t = await startTest(channelsApp);
  const socket = await t.connect(UserSocket);
  const params = { refuse: { reason: "full" } };
  assert.match(
    await failureOf(t.join(socket, "room:1", params)),
    /join of topic "room:1" was refused: {"reason":"full"}/,
  );
  assert.deepEqual(await t.refuteJoin(socket, "room:1", params, { reason: /^f/ }), { reason: "full" });
  assert.match(await failureOf(t.refuteJoin(socket, "room:1", params, { reason: "mad" })), /answered "error"/);
  assert.match(await failureOf(t.refuteJoin(socket, "room:1")), /answered "ok"/);
});

test("a failed assertion shows what did arrive, and which processes crashed", async () => {
  await using t = await startTest(channelsApp, patient);
  const socket = await t.connect(UserSocket);
  const channel = await t.join(socket, "room:1");
  t.push(channel, "push", { n: 1 });
  const crashed = t.push(channel, "throw");
  await t.assertPush("phx_error", {}, { to: channel });
  const message = await failureOf(t.assertReply(crashed, "ok", { n: 2 }, 0));
  assert.match(message, /^no reply "ok" to "throw" on topic "room:1" within 0 ms$/m);
  assert.match(message, /response: { n: 2 }/);
  assert.match(message, /the mailbox holds 1 message:\n {2}{\n? *tag: 'push'/);
  assert.match(message, /event: 'pushed'/);
  assert.match(message, /1 process crashed meanwhile:\n {2}<.*> \(channel room:1\): Error: boom/);
});

test("what should not come and does fails at once, and stays in the mailbox", async () => {
  await using t = await startTest(channelsApp, patient);
  const socket = await t.connect(UserSocket);
  const channel = await t.subscribeAndJoin(socket, "room:1");
  const ref = t.push(channel, "shout", { n: 1 });
  assert.match(await failureOf(t.refuteReply(ref, "ok")), /there should be no reply "ok" to "shout"/);
  assert.match(await failureOf(t.refuteBroadcast("shout", { n: 1 })), /there should be no broadcast "shout"/);
  assert.match(await failureOf(t.refutePush("shout")), /there should be no push "shout"/);
  await t.assertReply(ref, "ok", undefined, 0);
  await t.refutePush("shout", { n: 2 }, 0);
  await t.refuteReply(ref, "ok", undefined, 0);
  await t.refuteReceive((message) => message === "nothing of the kind", 0);
});

test("a push is told apart by its client and by its channel", async () => {
  await using t = await startTest(channelsApp, patient);
  const [one, other] = [await t.connect(UserSocket), await t.connect(UserSocket)];
  const channel = await t.join(one, "room:1");
  const elsewhere = await t.join(other, "room:2");
  t.push(elsewhere, "push");
  await t.assertPush("pushed", undefined, { to: other });
  t.push(elsewhere, "push");
  await t.assertPush("pushed", {}, { to: elsewhere });
  t.push(elsewhere, "push");
  await t.assertReply(t.push(elsewhere, "echo"), "ok");
  await t.refutePush("pushed", undefined, { to: channel, timeoutMs: 0 });
  await t.refutePush("pushed", undefined, { to: one, timeoutMs: 0 });
  await t.assertPush("pushed", undefined, 0);
});

test("a client that leaves is answered and told; one that goes away ends its channels", async () => {
  await using t = await startTest(channelsApp, patient);
  const socket = await t.connect(UserSocket);
  const channel = await t.join(socket, "room:1");
  await t.assertReply(t.leave(channel), "ok");
  await t.assertPush("phx_close", {}, { to: channel });
  const { pid } = await t.join(socket, "room:2");
  const ref = t.run(() => monitor(pid));
  await t.close(socket);
  await t.assertReceive({ tag: "DOWN", ref, reason: ["shutdown", "closed"] }, 0);
  assert.throws(() => t.push(channel, "echo"), { code: ErrorCode.badArgument });
  assert.equal(socket.isOpen, false);
});

test("a client sees that the server closes its connection", async () => {
  await using t = await startTest(channelsApp, patient);
  const socket = await t.connect(UserSocket, { user_id: "9" });
  t.app.disconnect("user:9");
  assert.equal((await t.assertClosed(socket, 1001)).code, 1001);
});

for (const vsn of ["1.0.0", "2.0.0"]) {
  test(`a client may speak vsn ${vsn}`, async () => {
    await using t = await startTest(channelsApp, patient);
    const channel = await t.join(await t.connect(UserSocket, {}, { vsn }), "room:1");
    await t.assertReply(t.push(channel, "echo", { n: 1 }), "ok", { n: 1 });
  });
}

test("bytes travel in binary frames, both ways", async () => {
  await using t = await startTest(channelsApp, patient);
  const channel = await t.join(await t.connect(UserSocket), "room:1");
  await t.assertReply(t.push(channel, "bytes", Uint8Array.of(1, 255)), "ok", { hex: "01ff" });
  await t.assertReply(t.push(channel, "echo", Uint8Array.of(7)), "ok", Uint8Array.of(7));
  t.push(channel, "bytes_back", { hex: "0a0b" });
  await t.assertPush("bytes", Uint8Array.of(10, 11), { to: channel });
  t.push(channel, "shout", Uint8Array.of(3));
  await t.assertPush("shout", Uint8Array.of(3), { to: channel });
});

test("a client may speak MessagePack, and a serializer of the application by its codec", async () => {
  await using t = await startTest(serializersApp, patient);
  for (const options of [{ vsn: "2.0.0+msgpack" }, { vsn: "3.0.0", codec: Backwards.codec }]) {
    const channel = await t.join(await t.connect("/socket", {}, options), "room:1", { a: 1 });
    assert.deepEqual(channel.response, { params: { a: 1 } });
    await t.assertReply(t.push(channel, "echo", { n: [1] }), "ok", { n: [1] });
  }
  await assert.rejects(t.connect("/socket", {}, { vsn: "3.0.0" }), { code: ErrorCode.badOption });
});

const Echo = proc(async (to: Pid) => {
  for (;;) send(to, { echo: await receive(() => true) });
});

test("a test has a pid: messages, links and subscriptions of its code reach its mailbox", async () => {
  await using t = await startTest(channelsApp, patient);
  assert.equal(t.run(self), t.pid);
  const echo = t.run(() => spawn(Echo, [self()]));
  t.run(() => send(echo, "hello"));
  const heard = await t.assertReceive({ echo: /^hel/ });
  assert.equal(heard.echo satisfies string, "hello");
  const linked = t.run(() => spawnLink(Echo, [self()]));
  t.run(() => kill(linked));
  await t.assertReceive({ tag: "EXIT", from: linked, reason: "killed" });
  t.subscribe("news");
  t.run(() => broadcast("news", "one", { n: 1 }));
  const { payload } = await t.assertBroadcast("one", (value: unknown): value is { n: number } => value !== null);
  assert.equal(payload.n satisfies number, 1);
  t.unsubscribe("news");
  t.run(() => broadcast("news", "two"));
  await t.assertReply(t.push(await t.join(await t.connect(UserSocket), "room:1"), "echo"), "ok");
  await t.refuteBroadcast("two", undefined, 0);
});

test("a supervised process that crashes is restarted, and can be stopped by its pid or id", async () => {
  await using t: TestApp = await startTest(channelsApp, patient);
  const one = await t.startSupervised(Counter, 1, { id: "one", name: "one" });
  const ref = t.run(() => monitor(one));
  t.run(() => kill(one));
  await t.assertReceive({ tag: "DOWN", ref });
  const other = await t.startSupervised(Counter, 5); // the supervisor handles one thing after another
  assert.equal(await t.run(() => Counter.call("one", "add", 1)), 2);
  await t.stopSupervised("one");
  assert.equal(t.app.whereis("one"), undefined);
  await t.stopSupervised(other);
  await assert.rejects(t.stopSupervised(other), { code: ErrorCode.noProcess });
  await assert.rejects(t.startSupervised(Counter, 1, { name: "counter" }), { code: ErrorCode.startFailed });
});

test("a test whose application has stopped already ends all the same", async () => {
  const t = await startTest(channelsApp, patient);
  await t.join(await t.connect(UserSocket), "room:1");
  await t.startSupervised(Counter, 1);
  await t.app.stop();
  await t.stop();
  assert.throws(() => t.run(self), { code: ErrorCode.processExited });
});

test("a join that nobody answers in time is a failure, and so is one whose connection is closed", async () => {
  await using t = await startTest(channelsApp, patient);
  const socket = await t.connect(UserSocket, { user_id: 3 });
  assert.match(await failureOf(t.join(socket, "room:1", { slowMs: 500 }, 1)), /was not answered within 1 ms/);
  const join = failureOf(t.join(socket, "room:2", { slowMs: 500 }));
  t.app.disconnect("user:3");
  assert.match(await join, /was not answered: the connection was closed/);
});
