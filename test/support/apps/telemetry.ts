/** An application whose threads collect their telemetry in one server, and which says what it likes to the log. */
import {
  application,
  attachTelemetry,
  cast,
  channel,
  error,
  genServer,
  ok,
  reply,
  self,
  send,
  socket,
  stop,
  type TelemetryEventName,
  type TelemetryMeasurements,
} from "joist";
import { telemetryFields } from "../../../src/channels/telemetry.js";

export interface Told {
  readonly name: string;
  readonly phase: string;
  readonly measurements: TelemetryMeasurements;
  /** Without the socket, which is no plain data. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly fields: readonly string[];
  /** Whether it was the process of the event that ran the handler. */
  readonly isOwn: boolean;
  /** The assigns of the socket, if there is one. */
  readonly assigns?: unknown;
}

export const Collector = genServer({
  init: () => [] as Told[],
  handleCall: { take: (_: undefined, told) => reply(told.splice(0)) },
  handleCast: { told: (event: Told, told) => void told.push(event) },
});

const events = Object.keys(telemetryFields).flatMap((name) =>
  ["start", "stop", "exception"].map((phase) => `${name}:${phase}` as TelemetryEventName),
);

if (process.env.JOIST_TEST_TELEMETRY === "1") {
  attachTelemetry(events, ({ name, phase, measurements, metadata }) => {
    const { socket, ...rest } = metadata as object as {
      readonly [key: string]: unknown;
      readonly socket?: { readonly assigns: unknown };
    };
    const isOwn = rest.pid === self();
    const fields = Object.keys(metadata);
    const told = { name, phase, measurements, metadata: rest, fields, isOwn, assigns: socket?.assigns };
    cast("collector", "told", told satisfies Told);
  });
}

export const Room = channel({
  join: (_topic, params) => {
    const { refuse, crash } = params as { refuse?: boolean; crash?: boolean };
    if (crash) throw new Error("no");
    return refuse ? error({ reason: "full" }) : ok();
  },
  handleIn: {
    ping: () => reply("ok", { pong: 1 }),
    later: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
    // Two messages: the second one waits for the first in the mailbox.
    slow: () => {
      const untilMs = performance.now() + 30;
      while (performance.now() < untilMs);
    },
    push: (payload, socket) => socket.push("pushed", payload),
    bad: (_payload, socket) => socket.push("pushed", 12n),
    shout: (payload, socket) => socket.broadcast("shout", payload),
    info: () => send(self(), "hello"),
    crash: () => {
      throw new RangeError("in handleIn");
    },
    stop: () => stop("normal", { reply: reply("done") }),
  },
  handleOut: { shout: (payload, socket) => socket.push("shouted", payload) },
  handleInfo: () => {},
  terminate: () => {},
});

export const Quiet = channel({
  join: () => ok(),
  handleIn: { ping: () => reply("ok") },
  logJoin: false,
  logHandleIn: "warning",
});

export const RoomSocket = socket({
  connect: ({ who }) => (who === "nobody" ? error() : ok({ assigns: { who } })),
  channels: { "room:*": Room, "quiet:*": Quiet, "phoenix:*": Room },
});

export default application({
  sockets: { "/socket": { socket: RoomSocket, longpoll: true } },
  filterParameters: ["secret"],
  children: [Collector.child(undefined, { name: "collector" })],
});
