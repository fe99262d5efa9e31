import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { makePid } from "../../src/core/pid.js";
import type { Batch, Link } from "../../src/runtime/links/link.js";
import { Outbox } from "../../src/runtime/links/outbox.js";
import { PortLink } from "../../src/runtime/links/port-link.js";
import { Op } from "../../src/runtime/links/wire.js";

/** A link that keeps what was posted, and copies it as a port would. */
function keepingLink(): Link & { readonly posted: Batch[] } {
  const posted: Batch[] = [];
  return {
    posted,
    post: (batch) => void posted.push(structuredClone(batch)),
    onBatch() {},
    take: () => undefined,
    close() {},
  };
}

const pid = makePid(1, 1, 1);
const send = (outbox: Outbox, message: unknown): void => void outbox.begin(Op.message, pid).push(pid, message);

/** The messages in what was posted, in order. */
function messages(posted: readonly Batch[]): unknown[] {
  return posted.flatMap((batch) => {
    const operations = batch[0] === Op.full ? batch.slice(1) : batch;
    return operations.filter((_, index) => index % 3 === 2);
  });
}

test("what is collected over a turn is one batch", () => {
  const link = keepingLink();
  const outbox = new Outbox();
  outbox.connect(link);
  for (let i = 0; i < 3; i++) send(outbox, i);
  assert.deepEqual(outbox.flush(), []);
  assert.deepEqual(link.posted, [[Op.message, pid, 0, Op.message, pid, 1, Op.message, pid, 2]]);
  assert.ok(outbox.isEmpty);
});

test("a flood goes in full batches, four at a time; the next follows when one was taken in; order and number stay", () => {
  const link = keepingLink();
  const outbox = new Outbox();
  outbox.connect(link);
  for (let i = 0; i < 6500; i++) send(outbox, i);
  outbox.flush();
  assert.equal(link.posted.length, 4);
  outbox.flush();
  assert.equal(link.posted.length, 4, "nothing more before an acknowledgement");
  for (let i = 0; i < 3; i++) {
    outbox.acknowledged();
    outbox.flush();
  }
  assert.ok(outbox.isEmpty);
  assert.deepEqual(
    link.posted.map((batch) => batch[0] === Op.full),
    [true, true, true, true, true, true, false],
  );
  assert.deepEqual(
    messages(link.posted),
    Array.from({ length: 6500 }, (_, i) => i),
  );
});

test("what cannot be copied is answered with its sender, also in a full batch, and all else goes", () => {
  const link = keepingLink();
  const outbox = new Outbox();
  outbox.connect(link);
  for (let i = 0; i < 1500; i++) send(outbox, i === 700 ? () => {} : i);
  const refused = outbox.flush();
  assert.deepEqual(
    refused.map(({ sender }) => sender),
    [pid],
  );
  assert.deepEqual(
    messages(link.posted),
    Array.from({ length: 1500 }, (_, i) => i).filter((i) => i !== 700),
  );
  assert.ok(outbox.isEmpty);
});

test("what an operation hands over goes with it, also when something else in the batch cannot be copied", () => {
  const { port1, port2 } = new MessageChannel();
  const outbox = new Outbox();
  outbox.connect(new PortLink(port1));
  const [first, second] = [new Uint8Array([1, 2]), new Uint8Array([3])];
  const handOver = (bytes: Uint8Array<ArrayBuffer>): void => {
    send(outbox, bytes);
    outbox.handOver([bytes.buffer]);
  };
  handOver(first);
  assert.deepEqual(outbox.flush(), []);
  send(outbox, "before");
  handOver(second);
  send(outbox, () => {});
  assert.equal(outbox.flush().length, 1);
  assert.deepEqual([first.byteLength, second.byteLength], [0, 0]);
  const posted: Batch[] = [];
  for (let got = receiveMessageOnPort(port2); got !== undefined; got = receiveMessageOnPort(port2)) {
    const [, batch] = got.message; // what it was posted at comes first
    posted.push(batch);
  }
  assert.deepEqual(messages(posted), [new Uint8Array([1, 2]), "before", new Uint8Array([3])]);
  port1.close();
});

test("what is sent before the link is there waits for it", () => {
  const link = keepingLink();
  const outbox = new Outbox();
  send(outbox, "early");
  assert.deepEqual(outbox.flush(), []);
  outbox.connect(link);
  outbox.flush();
  assert.deepEqual(messages(link.posted), ["early"]);
});
