/**
 * The endpoint: an HTTP server whose upgrade requests go to the mounted sockets. On the I/O thread; nothing of the user's
 * runs here but what he put into a server of his own.
 *
 * An upgrade goes through: path, query, origin, `connect` (on a scheduler), handshake. Each failure has its status.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { SocketAcceptor } from "../channels/acceptor.js";
import type { ConnectInfo } from "../channels/transport.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Topics } from "../pubsub/topics.js";
import type { Port, PortHandler } from "../runtime/process.js";
import { checkOrigin, type OriginPolicy, requestAddress, resolveCheckOrigin } from "../transports/check-origin.js";
import { matchPath, type PathPattern, pathPattern, splitTarget } from "../transports/path.js";
import { decodeQuery, type Params } from "../transports/query.js";
import { WebSocketMount } from "../transports/websocket.js";
import type { MountManifest } from "./application.js";

export interface EndpointSetup {
  readonly mounts: readonly MountManifest[];
  readonly topics: Topics;
  readonly openPort: (handler: PortHandler, label: string) => Port;
  /** The host its visitors know it by; see `checkOrigin`. */
  readonly host: string;
}

interface Mounted {
  readonly pattern: PathPattern;
  readonly origin: OriginPolicy;
  readonly acceptor: SocketAcceptor;
  readonly websockets: WebSocketMount;
}

export class Endpoint {
  readonly #mounted: readonly Mounted[];
  readonly #host: string;
  #server: Server | null = null;
  #ownsServer = false;

  constructor({ mounts, topics, openPort, host }: EndpointSetup) {
    this.#host = host;
    // One port for what belongs to no connection: here, the end of the turn.
    const port = openPort({}, "endpoint");
    this.#mounted = mounts.map((mount) => ({
      pattern: pathPattern(mount.path, mount.websocket.path ?? "/websocket"),
      origin: resolveCheckOrigin(mount.checkOrigin),
      acceptor: new SocketAcceptor({ manifest: mount.socket, topics, openPort }),
      websockets: new WebSocketMount(mount.websocket, (action) => port.afterTurn(action)),
    }));
  }

  /** Open connections of all sockets. */
  get connections(): number {
    return this.#mounted.reduce((sum, { websockets }) => sum + websockets.size, 0);
  }

  /** Takes the upgrades of a server of the user's. Paths that are not ours are left to its other listeners. */
  attach(server: Server): void {
    this.#server = server;
    server.on("upgrade", this.#onUpgrade);
  }

  /**
   * Listens on a server of its own.
   *
   * @returns The port, also when 0 asked for any.
   * @throws RuntimeError `portTaken`
   */
  listen(port: number, address: string | undefined): Promise<number> {
    const server = createServer((_request, response) => {
      response.writeHead(404, { "content-type": "text/plain" }).end("Not Found");
    });
    this.#ownsServer = true;
    this.attach(server);
    return new Promise((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        const taken = error.code === "EADDRINUSE";
        const message = taken ? `port ${port} is taken by another program; choose another one` : error.message;
        reject(taken ? new RuntimeError(ErrorCode.portTaken, message, { cause: error }) : error);
      });
      server.listen({ port, host: address }, () => {
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? bound.port : port);
      });
    });
  }

  /** Takes no more clients, and closes the connections it has with 1012: the stock client reconnects elsewhere. */
  async stop(): Promise<void> {
    const server = this.#server;
    server?.off("upgrade", this.#onUpgrade);
    for (const { websockets } of this.#mounted) websockets.closeAll(1012);
    if (server === null || !this.#ownsServer || !server.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Until `ws` has the socket its errors are ours to hear: a client that goes away must not be a stray error.
    socket.on("error", () => socket.destroy());
    const { path, query } = splitTarget(request.url ?? "/");
    for (const mounted of this.#mounted) {
      const pathParams = matchPath(mounted.pattern, path);
      if (pathParams === undefined) continue;
      const params = decodeQuery(query);
      if (params === undefined) return refuse(socket, 400, "Bad Request");
      void this.#connect(mounted, request, socket, head, { ...params, ...pathParams }, path, query);
      return;
    }
    const others = (this.#server?.listenerCount("upgrade") ?? 0) > 1;
    if (!others) refuse(socket, 404, "Not Found");
  };

  async #connect(
    { origin, acceptor, websockets }: Mounted,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    params: Params,
    path: string,
    query: string,
  ): Promise<void> {
    const secure = (request.socket as { encrypted?: boolean }).encrypted === true; // only TLS sockets have it
    const address = requestAddress(request.headers.host, secure);
    if (!checkOrigin(origin, request.headers.origin, address, this.#host)) return refuse(socket, 403, "");
    const info: ConnectInfo = {
      peer: { address: request.socket.remoteAddress ?? "", port: request.socket.remotePort ?? 0 },
      uri: { scheme: secure ? "https" : "http", host: address.host, path, query },
      userAgent: request.headers["user-agent"] ?? null,
      xHeaders: xHeaders(request),
    };
    const { vsn } = params;
    // A vsn that is no string (`vsn[x]=1`) is a version nobody speaks.
    const version = vsn === undefined || typeof vsn === "string" ? vsn : "";
    const outcome = await acceptor.connect({ params, info }, version);
    switch (outcome.tag) {
      case "accepted":
        return websockets.upgrade(request, socket, head, outcome.open);
      case "refused":
        return refuse(socket, 403, "");
      case "failed":
        return refuse(socket, 500, "Internal Server Error");
      case "unavailable":
        return refuse(socket, 503, "Service Unavailable");
    }
  }
}

function xHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith("x-") && value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Answers an upgrade with an ordinary response, and closes. */
function refuse(socket: Duplex, status: number, body: string): void {
  if (socket.destroyed) return;
  const head = `HTTP/1.1 ${status} ${reasons[status]}\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
  socket.end(head + body);
}
