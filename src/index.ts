/**
 * Joist: a small BEAM for Node.js. Processes on worker threads, OTP supervision, Phoenix Channels.
 */

// Channels
export { type Channel, type ChannelOptions, channel } from "./channels/channel.js";
export {
  broadcast,
  broadcastFrom,
  disconnect,
  drain,
  type Socket,
  type SocketRef,
  socketReply,
} from "./channels/socket.js";
export type { ConnectInfo, Refusal } from "./channels/transport.js";
export {
  type ChannelRoute,
  type ConnectParams,
  type SocketOptions,
  socket,
  type UserSocket,
} from "./channels/user-socket.js";
// The vocabulary
export { ErrorCode, RuntimeError } from "./core/errors.js";
export { type ErrorReason, type ExitReason, formatReason, isErrorReason, isNormalExit } from "./core/exit-reason.js";
export { type DownMessage, type ExitMessage, type From, isDown, isExit } from "./core/messages.js";
export type { Pid } from "./core/pid.js";
export type { Ref } from "./core/ref.js";
// The application
export {
  type Application,
  type ApplicationOptions,
  application,
  type Dependency,
  type Mount,
} from "./endpoint/application.js";
export type { ApplicationCallbacks } from "./endpoint/callbacks.js";
export { type App, type StartOptions, start } from "./endpoint/start.js";
// OTP
export { type ChildSpec, type ChildSpecInput, RestartType } from "./otp/child-spec.js";
export { type DynamicSupervisor, dynamicSupervisor } from "./otp/dynamic-supervisor.js";
export { type GenServer, genServer } from "./otp/gen-server.js";
export { call, cast, stopServer } from "./otp/gen-server-calls.js";
export { type OffloadOptions, offload } from "./otp/offload.js";
export type { OffloadPoolOptions } from "./otp/offload-options.js";
export { pg } from "./otp/pg.js";
export type { GroupMessage } from "./otp/pg-service.js";
export { type Proc, proc } from "./otp/proc.js";
export { error, ignore, noreply, ok, reply, stop } from "./otp/results.js";
export type { StartResult } from "./otp/start.js";
export { type Supervisor, supervisor } from "./otp/supervisor.js";
export {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from "./otp/supervisor-api.js";
// PubSub
export { type BroadcastMessage, isBroadcast } from "./pubsub/broadcast.js";
export { publish, publishFrom, subscribe, unsubscribe } from "./pubsub/pubsub.js";
// Processes
export {
  cancelTimer,
  type Definition,
  demonitor,
  dictionary,
  exit,
  exitSignal,
  isPid,
  kill,
  link,
  monitor,
  type Placement,
  type ProcessInfo,
  parent,
  processInfo,
  readTimer,
  receive,
  register,
  replyTo,
  type StartOptions as SpawnOptions,
  self,
  send,
  sendAfter,
  setLabel,
  spawn,
  spawnLink,
  spawnMonitor,
  timeout,
  trapExit,
  unlink,
  unregister,
  whereis,
} from "./runtime/process.js";
export type { Report, Reporter } from "./runtime/report.js";
