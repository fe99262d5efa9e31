/**
 * `joist/testing`: what tests of applications need. Works with any test framework.
 */
export type { ConnectParameters } from "./door.js";
export type { Matched, Pattern, Predicate } from "./pattern.js";
export type { Supervisable } from "./supervised.js";
export { type RefusedConnect, startTest, TestApp, type TestConnectOptions, type TestOptions } from "./test-app.js";
export type { AssertOptions, TestMailbox, WithPayload } from "./test-mailbox.js";
export type {
  ClosedMessage,
  PushMessage,
  PushRef,
  ReplyMessage,
  TestChannel,
  TestSocket,
} from "./test-socket.js";
