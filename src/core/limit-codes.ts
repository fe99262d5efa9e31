/** What limits and refusals are counted and told by. docs/channels/limits.md has a row for each; a test holds that. */

export const limitCodes = [
  // Clients that are not let in.
  "refused.max_connections",
  "refused.max_connections_per_address",
  "refused.max_sessions",
  "refused.upgrade.path",
  "refused.upgrade.query",
  "refused.upgrade.origin",
  "refused.upgrade.subprotocol",
  "refused.upgrade.auth_token",
  "refused.upgrade.handshake",
  "refused.upgrade.stopping",
  "refused.longpoll.origin",
  "refused.version",
  "refused.connect",
  "refused.connect_failed",
  "refused.connect_timeout",
  // What clients send.
  "paused.rate.connection",
  "paused.rate.joins",
  "paused.unhandled.bytes",
  "paused.unhandled.messages",
  "refused.rate.connection",
  "refused.rate.joins",
  "refused.rate.channel",
  "refused.rate.event",
  "refused.max_channels",
  "refused.join_timeout",
  "refused.post",
  "closed.rate",
  "closed.held",
  // What they are sent.
  "dropped.held",
  "dropped.outbound.newest",
  "dropped.outbound.oldest",
  "dropped.outbound.latest",
  "closed.outbound",
  "closed.outbound.total",
] as const;
export type LimitCode = (typeof limitCodes)[number];
