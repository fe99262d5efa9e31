/** Channels that throw by the clock, and are joined again as soon as the server has told of it: on connections of their own. */
import { everySecond } from "../../../src/cli/load/pace.js";
import { joinAll } from "../clients.js";
import type { Connection } from "../connection.js";
import { JOIN_REF } from "../dialects.js";
import type { EchoScenario } from "../scenarios.js";
import type { Load } from "./load.js";

/** Connections that crash in turns, one channel each: a thousand a second are kept up if a crash and its join take 250 ms. */
const CONNECTIONS = 250;
/** The topic they are on, one that nobody measures. */
const TOPIC = 1;

export class CrashStorm {
  readonly #connections: readonly Connection[];
  readonly #clock: NodeJS.Timeout;
  readonly #rejoined: () => number;

  private constructor(connections: readonly Connection[], clock: NodeJS.Timeout, rejoined: () => number) {
    this.#connections = connections;
    this.#clock = clock;
    this.#rejoined = rejoined;
  }

  static async begin({ dialect, measurement }: Load<EchoScenario>, perSecond: number): Promise<CrashStorm> {
    const topic = dialect.on(TOPIC);
    const joinRefs = new Uint32Array(CONNECTIONS).fill(JOIN_REF);
    /** Connections whose channel is alive, and crashes that wait for one: none is left out because others were slow. */
    const ready: Connection[] = [];
    let waiting = 0;
    let rejoined = 0;
    const crash = (connection: Connection): void => {
      const joinRef = joinRefs[connection.index] as number;
      connection.send(topic.crash(joinRef, joinRef));
    };
    const connections = await joinAll({
      ...{ dialect, count: CONNECTIONS, topics: () => [topic] },
      handler: {
        message: (connection, data, start, end) => {
          const text = data.toString("utf8", start, end);
          if (dialect.isCrash(text)) {
            const joinRef = (joinRefs[connection.index] as number) + 1;
            joinRefs[connection.index] = joinRef;
            connection.send(topic.join(joinRef));
          } else if (dialect.refOf(data, start, end) === joinRefs[connection.index] && dialect.refusal(text) === null) {
            if (measurement.measuring) rejoined += 1;
            if (waiting > 0) {
              waiting -= 1;
              crash(connection);
            } else ready.push(connection);
          } else measurement.failures += 1;
        },
        closed: () => {
          measurement.failures += 1;
        },
      },
    });
    ready.push(...connections);
    const clock = everySecond(perSecond, () => {
      const connection = ready.shift();
      if (connection === undefined) waiting += 1;
      else crash(connection);
    });
    return new CrashStorm(connections, clock, () => rejoined);
  }

  /** Ends it. @returns How many channels crashed and were joined again within the window. */
  end(): number {
    clearInterval(this.#clock);
    for (const connection of this.#connections) connection.drop();
    return this.#rejoined();
  }
}
