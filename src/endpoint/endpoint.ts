/**
 * The endpoint: an HTTP server whose upgrade requests go to the mounted sockets, and whose long polls, too
 * (`longpoll-route.ts`). On the I/O thread; nothing of the user's runs here but what he put into a server of his own.
 *
 * An upgrade goes through: path, query, origin, subprotocols, handshake, `connect` (on a scheduler). Each failure has its
 * status.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Duplex } from "node:stream";
import { SocketAcceptor } from "../channels/acceptor.js";
import { loadSerializers, type SerializerChoice } from "../channels/choose-serializer.js";
import { Throttle } from "../channels/throttle.js";
import type { Counts } from "../core/counts.js";
import type { LimitCode } from "../core/limit-codes.js";
import type { Topics } from "../pubsub/topics.js";
import type { Port, PortHandler } from "../runtime/process.js";
import { checkOrigin, type OriginPolicy, requestAddress, resolveCheckOrigin } from "../transports/check-origin.js";
import { handshakeProblem } from "../transports/handshake.js";
import { OutboundBudget } from "../transports/outbound-budget.js";
import { matchPath, type PathPattern, pathPattern, splitTarget } from "../transports/path.js";
import { decodeQuery, type Params } from "../transports/query.js";
import { negotiate, type Subprotocols } from "../transports/subprotocols.js";
import { WebSocketMount } from "../transports/websocket.js";
import type { Admission, Entered } from "./admission.js";
import type { MountManifest } from "./application.js";
import { connectInfoOf, isSecure, versionOf } from "./connect-info.js";
import { type DrainerOptions, drain } from "./drainer.js";
import { interceptRequests } from "./intercept.js";
import { listen, listenError, REUSE_PORT } from "./listen.js";
import { LongPollRoute } from "./longpoll-route.js";

/** What a transport's clients may speak; `null`: the default. */
type Serializers = readonly SerializerChoice[] | null;

/** A mount with the serializers of its transports. */
export interface LoadedMount extends MountManifest {
  readonly serializers: { readonly websocket: Serializers; readonly longpoll: Serializers };
}

export interface EndpointSetup {
  readonly mounts: readonly LoadedMount[];
  readonly topics: Topics;
  readonly openPort: (handler: PortHandler, label: string) => Port;
  /** The host its visitors know it by; see `checkOrigin`. */
  readonly host: string;
  /** What its limits have done, by code. */
  readonly counts: Counts;
  readonly admission: Admission;
  /** Bytes that may wait for all its clients. */
  readonly maxTotalBufferedBytes: number;
  /** Known to the endpoints of all I/O threads, if there are several: they find each other's long-poll sessions by it. */
  readonly secret: string | null;
}

interface Mounted {
  readonly pattern: PathPattern;
  readonly origin: OriginPolicy;
  readonly authToken: boolean;
  readonly connectInfo: Readonly<Record<string, unknown>>;
  readonly subprotocols: Subprotocols;
  readonly acceptor: SocketAcceptor;
  readonly websockets: WebSocketMount;
}

/** What a client that comes at a bad time is told. */
const RETRY_AFTER_SECONDS = 5;
/** Milliseconds that requests in progress and silent connections have to end when the endpoint stops. */
const HTTP_CLOSE_WAIT_MS = 1000;

export class Endpoint {
  readonly #mounted: readonly Mounted[];
  readonly #longPolls: readonly LongPollRoute[];
  readonly #host: string;
  readonly #openPort: (handler: PortHandler, label: string) => Port;
  readonly #admission: Admission;
  readonly #throttle: Throttle;
  #server: Server | null = null;
  #ownsServer = false;
  #stopping = false;
  #stopped: Promise<void> | null = null;
  /** Gives the requests of a server of the user's back to it. */
  #release: () => void = () => {};
  /** Upgrades whose `connect` has not answered yet. */
  readonly #connecting = new Set<Duplex>();

  constructor(setup: EndpointSetup) {
    const { mounts, topics, openPort, host, counts, admission, maxTotalBufferedBytes, secret } = setup;
    this.#host = host;
    this.#admission = admission;
    this.#openPort = openPort;
    // One port for what belongs to no connection: here, the end of the turn.
    const port = openPort({}, "endpoint");
    const afterTurn = (action: () => void): void => port.afterTurn(action);
    const throttle = new Throttle(afterTurn, counts);
    this.#throttle = throttle;
    const budget = new OutboundBudget(maxTotalBufferedBytes, afterTurn);
    this.#mounted = mounts.flatMap(({ path, socket, websocket, checkOrigin, authToken, connectInfo, serializers }) => {
      if (websocket === false) return [];
      const chosen = serializers.websocket === null ? {} : { serializers: serializers.websocket };
      const accepting = { manifest: socket, transport: "websocket", topics, openPort, throttle, ...chosen };
      return {
        ...{ authToken, connectInfo, subprotocols: websocket.subprotocols },
        pattern: pathPattern(path, websocket.path ?? "/websocket"),
        origin: resolveCheckOrigin(checkOrigin),
        acceptor: new SocketAcceptor(accepting),
        websockets: new WebSocketMount(websocket, afterTurn, counts, budget),
      };
    });
    this.#longPolls = mounts.flatMap((manifest) => {
      const { longpoll } = manifest;
      const { longpoll: serializers } = manifest.serializers;
      const route = { manifest, serializers, topics, openPort, afterTurn, throttle, admission, secret, host };
      return longpoll === false ? [] : new LongPollRoute({ ...route, longpoll });
    });
  }

  /** Open connections of all sockets; a long-poll session is one. */
  get connections(): number {
    const websockets = this.#mounted.reduce((sum, { websockets }) => sum + websockets.connections.size, 0);
    return this.#longPolls.reduce((sum, { mount }) => sum + mount.sessions.size, websockets);
  }

  /**
   * Takes the upgrades and the long polls of a server of the user's. Paths that are not ours are left to its other listeners,
   * whether those were there first or not.
   */
  attach(server: Server): void {
    this.#takeUpgrades(server);
    if (this.#longPolls.length > 0) this.#release = interceptRequests(server, this.#takeLongPoll);
  }

  /**
   * Listens on a server of its own.
   *
   * @param shared - Whether others listen on the same port: other threads, that is. Each gets a share of the connections.
   * @returns The port, also when 0 asked for any.
   * @throws RuntimeError `portTaken`
   */
  listen(port: number, address: string | undefined, http: ServerOptions = {}, shared = false): Promise<number> {
    const server = createServer(http, this.#onRequest);
    this.#ownsServer = true;
    this.#takeUpgrades(server);
    const host = address === undefined ? {} : { host: address };
    return listen(server, { port, ...host, ...(shared ? REUSE_PORT : {}) }).catch((error: NodeJS.ErrnoException) => {
      throw listenError(port, error);
    });
  }

  /**
   * Takes no more clients, and closes the connections it has with 1012, batch by batch: the stock client reconnects elsewhere.
   * Settles when their channels are gone, or the drainer's time is over.
   */
  stop(drainer: Required<DrainerOptions>): Promise<void> {
    this.#stopped ??= this.#stop(drainer);
    return this.#stopped;
  }

  async #stop(options: Required<DrainerOptions>): Promise<void> {
    this.#stopping = true;
    const server = this.#server;
    for (const { mount } of this.#longPolls) mount.letNobodyIn();
    if (!this.#ownsServer) server?.off("upgrade", this.#onUpgrade);
    const closed = server !== null && this.#ownsServer && server.listening ? close(server) : undefined;
    for (const socket of this.#connecting) this.#turnAway("refused.upgrade.stopping", socket, 503);
    this.#connecting.clear();
    const websockets = this.#mounted.flatMap(({ websockets }) => [...websockets.connections]);
    const sessions = this.#longPolls.flatMap(({ mount }) => [...mount.sessions.values()]);
    await drain({ connections: [...websockets, ...sessions], options, openPort: this.#openPort });
    this.#release();
    for (const { websockets } of this.#mounted) websockets.stop();
    for (const { mount } of this.#longPolls) mount.stop();
    // One that has never sent a request is not idle to Node.js, which would wait for it for ever: browsers have such.
    const timer = setTimeout(() => server?.closeAllConnections(), HTTP_CLOSE_WAIT_MS);
    if (closed === undefined) clearTimeout(timer);
    await closed?.finally(() => clearTimeout(timer));
  }

  #takeUpgrades(server: Server): void {
    this.#server = server;
    server.on("upgrade", this.#onUpgrade);
  }

  readonly #takeLongPoll = (request: IncomingMessage, response: ServerResponse): boolean => {
    const { path, query } = splitTarget(request.url ?? "/");
    return this.#longPolls.some((route) => route.take(request, response, path, query));
  };

  /** Of our own server: requests that are no upgrades. */
  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    if (this.#takeLongPoll(request, response)) return;
    const { path } = splitTarget(request.url ?? "/");
    if (this.#mounted.some(({ pattern }) => matchPath(pattern, path) !== undefined)) {
      response.writeHead(400).end(handshakeProblem(request));
    } else {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not Found");
    }
  };

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Until `ws` has the socket its errors are ours to hear: a client that goes away must not be a stray error.
    socket.on("error", destroyIt);
    const { path, query } = splitTarget(request.url ?? "/");
    for (const mounted of this.#mounted) {
      const pathParams = matchPath(mounted.pattern, path);
      if (pathParams === undefined) continue;
      if (this.#stopping) return this.#turnAway("refused.upgrade.stopping", socket, 503);
      const connect = (entered: Entered): void => {
        if (!this.#letIn(socket, entered)) return;
        const params = decodeQuery(query);
        if (params === undefined) return this.#turnAway("refused.upgrade.query", socket, 400);
        void this.#connect(mounted, request, socket, head, { ...params, ...pathParams }, path, query);
      };
      const entered = this.#admission.enter(request.socket.remoteAddress ?? "");
      if (entered instanceof Promise) void entered.then(connect);
      else connect(entered);
      return;
    }
    const others = (this.#server?.listenerCount("upgrade") ?? 0) > 1;
    if (!others) this.#turnAway("refused.upgrade.path", socket, 404);
  };

  /** Refuses a client that is one too many, and counts on the end of others. */
  #letIn(socket: Duplex, entered: Entered): boolean {
    if (entered === "max_connections") this.#turnAway("refused.max_connections", socket, 503, entered);
    else if (entered === "max_connections_per_address") {
      this.#turnAway("refused.max_connections_per_address", socket, 429, entered);
    } else if (socket.destroyed)
      entered(); // while another thread was asked
    else {
      socket.on("close", entered); // which comes once
      if (!this.#stopping) return true;
      this.#turnAway("refused.upgrade.stopping", socket, 503); // meanwhile
    }
    return false;
  }

  /** Refuses an upgrade for a reason of ours; for those of `connect` the acceptor counts. */
  #turnAway(code: LimitCode, socket: Duplex, status: number, body: string = STATUS_CODES[status] ?? ""): void {
    this.#throttle.hit(code, { transport: "websocket", id: null, topic: null });
    refuse(socket, status, body);
  }

  async #connect(
    { origin, authToken: withToken, connectInfo, subprotocols, acceptor, websockets }: Mounted,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    params: Params,
    path: string,
    query: string,
  ): Promise<void> {
    const secure = isSecure(request);
    const address = requestAddress(request.headers.host, secure);
    if (!checkOrigin(origin, request.headers.origin, address, this.#host)) {
      return this.#turnAway("refused.upgrade.origin", socket, 403, "");
    }
    const negotiated = negotiate(request.headers["sec-websocket-protocol"], subprotocols, withToken);
    if (negotiated.tag === "unknown") return this.#turnAway("refused.upgrade.subprotocol", socket, 403, "");
    if (negotiated.tag === "bad_token") return this.#turnAway("refused.upgrade.auth_token", socket, 500);
    const problem = handshakeProblem(request);
    if (problem !== undefined) return this.#turnAway("refused.upgrade.handshake", socket, 400, problem);
    const info = connectInfoOf({
      ...{ request, secure, host: address.host, path, query, custom: connectInfo },
      authToken: negotiated.authToken,
    });
    this.#connecting.add(socket);
    const outcome = await acceptor.connect({ params, info }, versionOf(params.vsn));
    if (!this.#connecting.delete(socket)) return; // the endpoint has stopped meanwhile
    switch (outcome.tag) {
      case "accepted":
        socket.off("error", destroyIt);
        return websockets.upgrade(request, socket, head, negotiated.protocol, outcome.open);
      case "refused":
        return refuse(socket, outcome.refusal?.status ?? 403, outcome.refusal?.body);
      case "failed":
        return refuse(socket, 500, STATUS_CODES[500]);
      case "unavailable":
        return refuse(socket, 503, STATUS_CODES[503]);
    }
  }
}

/** Listens no more; settles when the last connection is closed. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/** Loads the serializers of all mounts: those of the application are modules, of which the I/O thread knows the URLs. */
export function loadMounts(mounts: readonly MountManifest[]): Promise<readonly LoadedMount[]> {
  return Promise.all(
    mounts.map(async (mount) => ({
      ...mount,
      serializers: { websocket: await serializersOf(mount.websocket), longpoll: await serializersOf(mount.longpoll) },
    })),
  );
}

async function serializersOf(transport: MountManifest["websocket"] | MountManifest["longpoll"]): Promise<Serializers> {
  return transport === false || transport.versions === undefined ? null : await loadSerializers(transport.versions);
}

/** The listener of all sockets; a closure each would stay with them. */
function destroyIt(this: Duplex): void {
  this.destroy();
}

/** Answers an upgrade with an ordinary response, and closes. */
function refuse(socket: Duplex, status: number, body = ""): void {
  if (socket.destroyed) return;
  // The server's sockets may be half open: without this, a client that never closes its side would stay.
  socket.once("finish", () => socket.destroy());
  const length = Buffer.byteLength(body);
  const later = status === 503 || status === 429 ? `retry-after: ${RETRY_AFTER_SECONDS}\r\n` : "";
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nconnection: close\r\n${later}content-length: ${length}\r\n\r\n`;
  socket.end(head + body);
}
