/**
 * The words of the Phoenix Channels wire protocol, as the stock `phoenix` client speaks it: messages, control events,
 * statuses. No sockets and no threads in here, so that a browser client can share this file.
 *
 * @see https://hexdocs.pm/phoenix/writing_a_channels_client.html
 */

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/**
 * What a text frame says before its payload; enough to route it. Join ref and ref are opaque: the stock client sends
 * decimal strings, others send numbers or null, and whatever came is echoed as the same JSON value. A client may put any
 * JSON value where the topic and the event belong, too: such a topic matches no route, such an event has no clause.
 */
export interface Head {
  readonly joinRef: Json;
  readonly ref: Json;
  readonly topic: Json;
  readonly event: Json;
}

/** One message as it was received. The payload is any JSON value, or bytes; nothing has been checked about it. */
export interface Message extends Head {
  readonly payload: unknown;
}

/** One message as it goes over the connection: a string becomes a text frame, bytes become a binary frame. */
export type Encoded = string | Uint8Array;

/** How a reply went. Handlers may use words of their own; the client dispatches on them by name. */
export type Status = "ok" | "error" | (string & Record<never, never>);

/** Events that belong to the protocol. Only {@link heartbeat} is not about a channel. */
export const ControlEvent = {
  join: "phx_join",
  leave: "phx_leave",
  reply: "phx_reply",
  close: "phx_close",
  error: "phx_error",
} as const;
export type ControlEvent = (typeof ControlEvent)[keyof typeof ControlEvent];

/** The topic of the connection itself. It cannot be joined; a {@link heartbeat} on it is answered by the transport. */
export const phoenixTopic = "phoenix";
export const heartbeat = "heartbeat";
