/**
 * Joist: a small BEAM for Node.js. Processes on worker threads, OTP supervision, Phoenix Channels.
 */

// Channels
export { attachTelemetry } from "./channels/attach.js";
export { type Channel, type ChannelOptions, channel } from "./channels/channel.js";
export type { VersionChoice } from "./channels/choose-serializer.js";
export type { Codec } from "./channels/codec.js";
export { type CustomSerializer, type SerializerOptions, serializer } from "./channels/custom-serializer.js";
export { type Atom, atom, type Tuple, tuple } from "./channels/external-term.js";
export type { FilterParameters } from "./channels/filter-parameters.js";
export type { EventOptions } from "./channels/latest.js";
export type { ChannelLimits, SocketLimits } from "./channels/limits.js";
export type { LogLevel } from "./channels/log.js";
export type { Encoded, Head, Json, Message } from "./channels/protocol.js";
export {
  broadcast,
  broadcastFrom,
  disconnect,
  drain,
  localBroadcast,
  localBroadcastFrom,
  type Socket,
  type SocketRef,
  socketReply,
} from "./channels/socket.js";
export type {
  TelemetryEvent,
  TelemetryEventName,
  TelemetryMeasurements,
  TelemetryMetadata,
  TelemetryName,
  TelemetryPhase,
} from "./channels/telemetry.js";
export {
  Token,
  type TokenContext,
  type TokenKeyOptions,
  type TokenResult,
  type TokenSignOptions,
  type TokenVerifyOptions,
} from "./channels/token.js";
export type { RateLimit } from "./channels/token-bucket.js";
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
export {
  type DownMessage,
  type ExitMessage,
  type From,
  isDown,
  isExit,
  isTimeout,
  type TimeoutMessage,
} from "./core/messages.js";
export type { Pid } from "./core/pid.js";
export type { Ref } from "./core/ref.js";
export type { ShownStatus } from "./core/shown-status.js";
export type { Destination, Name, Via } from "./core/via.js";
// The application
export {
  type Application,
  type ApplicationOptions,
  application,
  type Dependency,
  type LongPollMountOptions,
  type Mount,
  type WebSocketMountOptions,
} from "./endpoint/application.js";
export type { ApplicationCallbacks } from "./endpoint/callbacks.js";
export type { DrainerOptions } from "./endpoint/drainer.js";
export type { HttpOptions } from "./endpoint/http-options.js";
export { type App, type StartOptions, start } from "./endpoint/start.js";
// OTP
export { type Agent, type AgentFunction, agent } from "./otp/agent.js";
export { type ChildSpec, type ChildSpecInput, RestartType } from "./otp/child-spec.js";
export { type DynamicSupervisor, dynamicSupervisor } from "./otp/dynamic-supervisor.js";
export { type GenServer, genServer } from "./otp/gen-server.js";
export { call, cast, stopServer } from "./otp/gen-server-calls.js";
export { abcast, type MultiCallResult, multiCall } from "./otp/gen-server-many.js";
export type { ServerStatus } from "./otp/gen-server-results.js";
export { type OffloadOptions, offload } from "./otp/offload.js";
export type { OffloadPoolOptions } from "./otp/offload-options.js";
export { type PartitionSupervisor, partition, partitionSupervisor, partitions } from "./otp/partition-supervisor.js";
export { pg } from "./otp/pg.js";
export type { GroupMessage } from "./otp/pg-service.js";
export { type Proc, proc } from "./otp/proc.js";
export { type RegisterResult, type Registry, type RegistryEntry, registry, type UpdateResult } from "./otp/registry.js";
export { isRegistryMessage, type MetaResult, type RegistryMessage } from "./otp/registry-process.js";
export { error, ignore, noreply, ok, reply, stop } from "./otp/results.js";
export type { StartResult } from "./otp/start.js";
export { type StateMachine, stateMachine } from "./otp/state-machine.js";
export {
  eventTimeout,
  genericTimeout,
  type MachineAction,
  nextEvent,
  postpone,
  stateTimeout,
} from "./otp/state-machine-actions.js";
export type { MachineEvent, StateEvent } from "./otp/state-machine-events.js";
export {
  keepState,
  keepStateAndData,
  type MachineInit,
  type MachineStatus,
  nextState,
  repeatState,
  repeatStateAndData,
  type StateResult,
  stopAndReply,
} from "./otp/state-machine-results.js";
export { type Supervisor, supervisor } from "./otp/supervisor.js";
export {
  countChildren,
  deleteChild,
  restartChild,
  startChild,
  terminateChild,
  whichChildren,
} from "./otp/supervisor-api.js";
export { sys } from "./otp/sys.js";
export type { Statistics, TraceSink } from "./otp/sys-debug.js";
export type { SystemEvent, TraceMessage } from "./otp/sys-events.js";
export type { Status } from "./otp/system.js";
export { isTaskMessage, type TaskMessage, type TaskShutdown, task, type YieldManyOptions } from "./otp/task.js";
export type { Task, TaskFunction, TaskOptions, TaskResult } from "./otp/task-handle.js";
export type { StreamOptions, TaskStream } from "./otp/task-stream.js";
export {
  type SupervisedTaskOptions,
  type TaskChildOptions,
  type TaskSupervisor,
  type TaskSupervisorOptions,
  taskSupervisor,
} from "./otp/task-supervisor.js";
// Presence
export type { PresenceOptions } from "./presence/options.js";
export { type Presence, presence } from "./presence/presence.js";
export type { MetaRefs, PresenceDiff, PresenceOf, Presences } from "./presence/presences.js";
// PubSub
export type { Adapter, AdapterInit, AdapterNode, Envelope } from "./pubsub/adapter.js";
export { type PubSubAdapter, pubsubAdapter } from "./pubsub/adapter-process.js";
export { type BroadcastMessage, isBroadcast } from "./pubsub/broadcast.js";
export { type Dispatch, type DispatchEntry, type Dispatcher, dispatcher } from "./pubsub/dispatcher.js";
export { PubSub, publish, publishFrom, type SubscribeOptions, subscribe, unsubscribe } from "./pubsub/pubsub.js";
export { type FormatOptions, formatReport, printReport } from "./runtime/format-report.js";
// Processes
export {
  cancelTimer,
  type Definition,
  demonitor,
  dictionary,
  exit,
  exitSignal,
  hibernate,
  type Isolation,
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
  schedulersOnline,
  self,
  send,
  sendAfter,
  setLabel,
  setMaxMailbox,
  spawn,
  spawnLink,
  spawnMonitor,
  startTimer,
  timeout,
  trapExit,
  unlink,
  unregister,
  whereis,
} from "./runtime/process.js";
export {
  type BlackBoxReport,
  type CrashReport,
  type LeftOutReport,
  type LogReport,
  type LongMailboxReport,
  levelOf,
  type NoticeReport,
  type ProgressReport,
  type QuarantineReport,
  type Report,
  type ReportedChild,
  type Reporter,
  type ReportLevel,
  type SupervisorDecision,
  type SupervisorReport,
  type ThreadDownCause,
  type ThreadReport,
  type TraceReport,
} from "./runtime/report.js";
export type { TrackResult as PresenceTrackResult, UpdateResult as PresenceUpdateResult } from "./tracker/shard.js";
export { type OutboundOptions, OutboundPolicy } from "./transports/outbound.js";
