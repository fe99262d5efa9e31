/**
 * Lets clients of one socket in: runs the user's `connect` in a process on a scheduler, and opens a connection with what it
 * answered. On the I/O thread; it knows the socket by its manifest only.
 */
import type { LimitCode } from "../core/limit-codes.js";
import { isDown } from "../core/messages.js";
import type { Pid } from "../core/pid.js";
import type { Topics } from "../pubsub/topics.js";
import type { Port, PortHandler } from "../runtime/process.js";
import { chooseSerializer, type SerializerChoice } from "./choose-serializer.js";
import { Connection } from "./connection.js";
import type { ConnectAnswer, ConnectCall, RouteManifest, SocketManifest } from "./requests.js";
import { type Route, resolveRoutes } from "./route.js";
import type { Serializer } from "./serializer.js";
import { sharedNowMs } from "./telemetry.js";
import type { Throttle } from "./throttle.js";
import type { Acceptor, ConnectOutcome, ConnectRequest } from "./transport.js";

/** While every scheduler thread is being replaced, milliseconds between two tries to start that process. */
const RETRY_MS = 50;

/** What connections hold that were assigned nothing. */
const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({});

export interface AcceptorSetup {
  readonly manifest: SocketManifest;
  /** Its name, for user code and telemetry. */
  readonly transport: string;
  readonly topics: Topics;
  readonly openPort: (handler: PortHandler, label: string) => Port;
  readonly throttle: Throttle;
  /** @defaultValue versions 1 and 2, as Phoenix has it */
  readonly serializers?: readonly SerializerChoice[];
}

export class SocketAcceptor implements Acceptor {
  readonly #setup: AcceptorSetup;
  readonly #routes: readonly Route<RouteManifest>[];

  constructor(setup: AcceptorSetup) {
    this.#setup = setup;
    this.#routes = resolveRoutes(setup.manifest.routes.map((route) => [route.pattern, route] as const));
  }

  connect(request: ConnectRequest, vsn: string | undefined): Promise<ConnectOutcome> {
    const serializer = chooseSerializer(vsn, this.#setup.serializers);
    const { manifest, transport, throttle } = this.#setup;
    const hit = (code: LimitCode): void => throttle.hit(code, { transport, id: null, topic: null });
    if (serializer === undefined) {
      hit("refused.version");
      return Promise.resolve({ tag: "refused", refusal: null });
    }
    const { params, info } = request;
    const { filter } = manifest;
    const call: ConnectCall = { params, info, transport, vsn: serializer.vsn, sentMs: sharedNowMs(), filter };
    return new Promise((resolve) => {
      let asked: Pid | null = null;
      let retry: NodeJS.Timeout | undefined;
      const decide = (outcome: ConnectOutcome): void => {
        clearTimeout(timer);
        clearTimeout(retry);
        port.close("normal");
        if (outcome.tag === "refused") hit("refused.connect");
        if (outcome.tag === "failed") hit("refused.connect_failed");
        resolve(outcome);
      };
      const ask = (): void => {
        // Plain data: what the user's connect gets is a copy on another thread.
        asked = port.spawn(manifest.socket, [call], "connect")?.pid ?? null;
        if (asked === null) retry = setTimeout(ask, RETRY_MS);
      };
      const port = this.#setup.openPort(
        {
          message: (message) => {
            if (!isDown(message)) decide(this.#outcome(message, serializer));
            else if (message.reason === "scheduler_down") ask();
            else decide({ tag: "failed" });
          },
        },
        "connect",
      );
      const timer = setTimeout(() => {
        if (asked !== null) port.exit(asked, "kill");
        hit("refused.connect_timeout");
        decide({ tag: "unavailable" });
      }, manifest.connectTimeoutMs);
      ask();
    });
  }

  #outcome(message: unknown, serializer: Serializer): ConnectOutcome {
    const answer = message as ConnectAnswer; // the process just started is the only one that knows the port
    if (answer[0] === "refused") return { tag: "refused", refusal: answer[1] };
    const [, id, assigns] = answer;
    const { manifest, topics, openPort, throttle } = this.#setup;
    const setup = {
      ...{ manifest, routes: this.#routes, serializer, id, topics, openPort, throttle },
      assigns: Object.keys(assigns).length === 0 ? NOTHING : assigns,
    };
    return { tag: "accepted", open: (transport) => new Connection(setup, transport) };
  }
}
