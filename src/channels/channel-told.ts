/**
 * A channel's callbacks, run for people who listen: with telemetry around them, and a line in the log where Phoenix has one.
 * The channel's process asks first whether anybody does, and else runs them itself.
 */
import type { ExitReason } from "../core/exit-reason.js";
import { Failure, NoReply, Ok, Reply, Stop } from "../otp/results.js";
import { type Definition, keyOf, type ReportLevel, self } from "../runtime/process.js";
import type { Channel, ChannelOptions } from "./channel.js";
import { type FilterParameters, filterParameters } from "./filter-parameters.js";
import { durationText, heardLevel, log } from "./log.js";
import type { Message } from "./protocol.js";
import type { Socket } from "./socket.js";
import { type HandleInMetadata, type JoinMetadata, sharedNowMs, spans } from "./telemetry.js";

type Handler<R> = (payload: unknown, socket: Socket) => R;

export class ChannelTold {
  readonly #definition: Channel;
  readonly #options: ChannelOptions<Record<string, unknown>>;
  readonly #socket: Socket;
  readonly #filter: FilterParameters;
  /** At which level the client's events are logged; `null`: nobody hears it. */
  readonly #logsIn: ReportLevel | null;

  constructor(definition: Channel, socket: Socket, filter: FilterParameters) {
    this.#definition = definition;
    this.#options = definition.options;
    this.#socket = socket;
    this.#filter = filter;
    this.#logsIn = heardLevel(definition.options.logHandleIn ?? "debug", socket.topic);
  }

  /** Runs `join`, whether anybody listens or not. @param sentMs - See `sharedNowMs`. */
  join(params: unknown, sentMs: number): ReturnType<ChannelOptions<Record<string, unknown>>["join"]> {
    const socket = this.#socket;
    const { topic } = socket;
    const work = () => this.#options.join(topic, params, socket);
    const level = heardLevel(this.#options.logJoin ?? "info", topic);
    if (!spans.join.isWatched && level === null) return work();
    const metadata: JoinMetadata = { ...this.#about(), params };
    return spans.join.run(metadata, { queueMs: sharedNowMs() - sentMs }, work, (result, durationMs) => {
      if (result instanceof Ok) metadata.result = "ok";
      else if (result instanceof Failure) metadata.result = "error";
      if (level === null || metadata.result === undefined) return;
      const how = metadata.result === "ok" ? "JOINED" : "REFUSED JOIN";
      log(level, `${how} ${topic} in ${durationText(durationMs)}`, this.#shown(params));
    });
  }

  /** Whether anybody listens to the client's events. */
  get tellsIn(): boolean {
    return this.#logsIn !== null || spans.handleIn.isWatched;
  }

  handleIn<R>(handler: Handler<R>, event: string, message: Message, queueMs: number | undefined): R {
    const { payload: params, ref } = message;
    const metadata: HandleInMetadata = { ...this.#about(), event, params, ref };
    const measured = queueMs === undefined ? {} : { queueMs };
    const work = (): R => handler(params, this.#socket);
    return spans.handleIn.run(metadata, measured, work, (settled, durationMs) => {
      const result: unknown = settled;
      const replied = result instanceof Stop ? (result.options as { reply?: unknown } | undefined)?.reply : result;
      if (replied instanceof Reply && typeof replied.first === "string") metadata.status = replied.first;
      if (result instanceof Stop) metadata.result = "stop";
      else if (result instanceof Reply) metadata.result = "reply";
      else if (result === undefined || result instanceof NoReply) metadata.result = "noreply";
      if (this.#logsIn === null || metadata.result === undefined) return;
      const where = `${this.#socket.topic} (${keyOf(this.#definition as Definition)})`;
      const text = `HANDLED ${event} INCOMING ON ${where} in ${durationText(durationMs)}`;
      log(this.#logsIn, text, this.#shown(params));
    });
  }

  handleOut<R>(handler: Handler<R>, event: string, payload: unknown): R {
    return spans.handleOut.run({ ...this.#about(), event, payload }, {}, () => handler(payload, this.#socket));
  }

  handleInfo(message: unknown): unknown {
    return spans.handleInfo.run({ ...this.#about(), message }, {}, () =>
      this.#options.handleInfo?.(message, this.#socket),
    );
  }

  /** Runs `terminate`, if there is one, whether anybody listens or not. */
  terminate(reason: ExitReason): unknown {
    const work = () => this.#options.terminate?.(reason, this.#socket);
    return spans.terminate.isWatched ? spans.terminate.run({ ...this.#about(), reason }, {}, work) : work();
  }

  #about() {
    const socket = this.#socket;
    const { topic, joinRef, transport } = socket;
    return { pid: self(), topic, joinRef, transport, socket };
  }

  /** What of a value people may see. */
  filtered(value: unknown): unknown {
    return filterParameters(value, this.#filter);
  }

  #shown(params: unknown): { readonly params: unknown } {
    return { params: this.filtered(params) };
  }
}
