/** The long poll of one mounted socket: which requests are its own, and what `connect` is told about them. */
import { createHmac } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { SocketAcceptor } from "../channels/acceptor.js";
import type { SerializerChoice } from "../channels/choose-serializer.js";
import type { Throttle } from "../channels/throttle.js";
import type { Acceptor, ConnectOutcome } from "../channels/transport.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Topics } from "../pubsub/topics.js";
import type { Port, PortHandler } from "../runtime/process.js";
import { checkOrigin, type OriginPolicy, requestAddress, resolveCheckOrigin } from "../transports/check-origin.js";
import { LongPollMount } from "../transports/longpoll.js";
import { answerHttp, answerStatus, PollStatus } from "../transports/longpoll-answer.js";
import { matchPath, type PathPattern, pathPattern } from "../transports/path.js";
import { decodeQuery } from "../transports/query.js";
import type { Admission, Entered } from "./admission.js";
import type { LongPollMountOptions, MountManifest, WithVersions } from "./application.js";
import { connectInfoOf, isSecure, versionOf } from "./connect-info.js";

export interface LongPollRouteSetup {
  readonly manifest: MountManifest;
  readonly longpoll: WithVersions<LongPollMountOptions>;
  /** What its clients may speak; `null`: the default. */
  readonly serializers: readonly SerializerChoice[] | null;
  readonly topics: Topics;
  readonly openPort: (handler: PortHandler, label: string) => Port;
  readonly afterTurn: (action: () => void) => void;
  readonly throttle: Throttle;
  readonly admission: Admission;
  /** Known to all I/O threads, if there are several. */
  readonly secret: string | null;
  /** The host of the endpoint; see `checkOrigin`. */
  readonly host: string;
}

export class LongPollRoute {
  readonly mount: LongPollMount;
  readonly #pattern: PathPattern;
  readonly #origin: OriginPolicy;
  readonly #acceptor: Acceptor;
  readonly #manifest: MountManifest;
  readonly #publicHost: string;
  readonly #admission: Admission;
  readonly #hit: (code: LimitCode) => void;

  constructor({
    manifest,
    longpoll,
    serializers,
    topics,
    openPort,
    afterTurn,
    throttle,
    admission,
    secret,
    host,
  }: LongPollRouteSetup) {
    this.#admission = admission;
    this.#pattern = pathPattern(manifest.path, longpoll.path ?? "/longpoll");
    this.#origin = resolveCheckOrigin(longpoll.checkOrigin ?? manifest.checkOrigin);
    const chosen = serializers === null ? {} : { serializers };
    this.#acceptor = new SocketAcceptor({
      ...{ manifest: manifest.socket, transport: "longpoll", topics, openPort, throttle },
      ...chosen,
    });
    this.#hit = (code) => throttle.hit(code, { transport: "longpoll", id: null, topic: null });
    const of = `${manifest.path} ${longpoll.path ?? ""}`;
    const shared = secret === null ? null : { key: createHmac("sha256", secret).update(of).digest(), openPort };
    this.mount = new LongPollMount(longpoll, afterTurn, this.#hit, undefined, shared);
    this.#manifest = manifest;
    this.#publicHost = host;
  }

  /** Handles a request to its path; `false` if that is none of its own. */
  take(request: IncomingMessage, response: ServerResponse, path: string, query: string): boolean {
    const pathParams = matchPath(this.#pattern, path);
    if (pathParams === undefined) return false;
    const queryParams = decodeQuery(query);
    const secure = isSecure(request);
    const address = requestAddress(request.headers.host, secure);
    if (queryParams === undefined) {
      answerHttp(response, 400);
    } else if (!checkOrigin(this.#origin, request.headers.origin, address, this.#publicHost)) {
      this.#hit("refused.longpoll.origin");
      // Not only of who begins a session: a token does not open it to another page.
      answerStatus(response, PollStatus.forbidden);
    } else {
      const params = { ...queryParams, ...pathParams };
      const connect = (): Promise<ConnectOutcome> => {
        const info = connectInfoOf({
          ...{ request, secure, host: address.host, path, query, custom: this.#manifest.connectInfo },
          authToken: this.#manifest.authToken ? tokenIn(request) : null,
        });
        return this.#acceptor.connect({ params, info }, versionOf(params.vsn));
      };
      const told = (entered: Entered): Entered => {
        if (typeof entered === "string") this.#hit(`refused.${entered}`);
        return entered;
      };
      const enter = (): Entered | Promise<Entered> => {
        const entered = this.#admission.enter(request.socket.remoteAddress ?? "");
        return entered instanceof Promise ? entered.then(told) : told(entered);
      };
      this.mount.handle({ request, response, token: params.token, enter, connect });
    }
    return true;
  }
}

/** Here a page may set a header, so the stock client's `authToken` comes as it is. */
function tokenIn({ headers }: IncomingMessage): string | null {
  const token = headers["x-phoenix-authtoken"];
  return typeof token === "string" ? token : null;
}
