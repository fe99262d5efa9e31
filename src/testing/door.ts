/**
 * The doors of an application for the clients of a test: its sockets, by their definition or the path of a mount. What HTTP
 * would do is done here: the query, `connect`'s information. Origins are not checked; there are none.
 */
import { SocketAcceptor } from "../channels/acceptor.js";
import type { SerializerChoice } from "../channels/choose-serializer.js";
import { DEFAULT_FILTER_PARAMETERS } from "../channels/filter-parameters.js";
import type { SocketManifest } from "../channels/requests.js";
import { Throttle } from "../channels/throttle.js";
import type { ConnectInfo, ConnectOutcome } from "../channels/transport.js";
import { UserSocket } from "../channels/user-socket.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { ApplicationManifest } from "../endpoint/application.js";
import { type LoadedMount, loadMounts } from "../endpoint/endpoint.js";
import type { Topics } from "../pubsub/topics.js";
import type { Definitions } from "../runtime/definitions.js";
import type { Definition, Port, PortHandler } from "../runtime/process.js";
import { loadProgram } from "../runtime/program.js";
import { matchPath, pathPattern } from "../transports/path.js";
import { decodeQuery } from "../transports/query.js";

/** What a client says of itself when it connects. Values become strings on the way, as in a query. */
export type ConnectParameters = { readonly [key: string]: unknown };

interface Found {
  readonly manifest: SocketManifest;
  readonly serializers: readonly SerializerChoice[] | null;
  readonly path: string;
  readonly pathParams: Readonly<Record<string, string>>;
  readonly custom: Readonly<Record<string, unknown>>;
}

export class Doors {
  readonly #mounts: readonly LoadedMount[];
  readonly #definitions: Definitions;
  readonly #throttle = new Throttle((action) => void setImmediate(action));

  private constructor(mounts: readonly LoadedMount[], definitions: Definitions) {
    this.#mounts = mounts;
    this.#definitions = definitions;
  }

  /** Reads the application module here, on the test's thread. */
  static async open(url: URL | string): Promise<Doors> {
    const { manifest, definitions } = await loadProgram(String(url));
    const manifests = manifest as readonly ApplicationManifest[]; // what Application.describe made
    const mounts = await loadMounts(manifests.toReversed().flatMap(({ mounts }) => mounts));
    return new Doors(mounts, definitions);
  }

  /** The key of a definition, if the application module exports it. */
  findKey(definition: Definition): string | undefined {
    return this.#definitions.findKey(definition);
  }

  /** Asks the socket's `connect`. @throws RuntimeError `badArgument` for a path nothing is mounted at, `unknownDefinition`. */
  connect(
    to: UserSocket | string,
    params: ConnectParameters,
    vsn: string,
    info: Partial<ConnectInfo>,
    setup: {
      readonly topics: Topics;
      readonly openPort: (handler: PortHandler, label: string) => Port;
      /** The name of the transport it pretends to be. */
      readonly transport: string;
    },
  ): Promise<ConnectOutcome> {
    const { manifest, serializers, path, pathParams, custom } =
      to instanceof UserSocket ? this.#bySocket(to) : this.#byPath(to);
    const query = encodeQuery({ ...params, vsn });
    const decoded = decodeQuery(query);
    if (decoded === undefined) {
      throw new RuntimeError(ErrorCode.badArgument, "bad params: more than 1000 of them, or nested deeper than 32");
    }
    const chosen = serializers === null ? {} : { serializers };
    const acceptor = new SocketAcceptor({ manifest, throttle: this.#throttle, ...setup, ...chosen });
    const all: ConnectInfo = {
      peer: { address: "127.0.0.1", port: 0 },
      uri: { scheme: "http", host: "localhost", path, query },
      ...{ userAgent: null, xHeaders: {}, traceContextHeaders: {}, secWebSocketHeaders: {}, authToken: null },
      ...{ custom, ...info },
    };
    return acceptor.connect({ params: { ...decoded, ...pathParams }, info: all }, vsn);
  }

  /** Where it is mounted first; one that only the module exports is there, too, with the defaults of a mount. */
  #bySocket(socket: UserSocket): Found {
    const keyOf = this.#definitions.keyOf.bind(this.#definitions);
    const key = keyOf(socket);
    const mount = this.#mounts.find((mount) => mount.socket.socket === key);
    if (mount !== undefined) return found(mount, mount.path, {});
    return {
      manifest: socket.describe(keyOf, DEFAULT_FILTER_PARAMETERS),
      serializers: null,
      path: "/",
      pathParams: {},
      custom: {},
    };
  }

  #byPath(path: string): Found {
    for (const mount of this.#mounts) {
      const params = matchPath(pathPattern(mount.path, "/"), path);
      if (params !== undefined) return found(mount, path, params);
    }
    const paths = this.#mounts.map((mount) => mount.path).join(", ");
    throw new RuntimeError(ErrorCode.badArgument, `no socket is mounted at "${path}"; there is ${paths || "none"}`);
  }
}

function found(mount: LoadedMount, path: string, pathParams: Readonly<Record<string, string>>): Found {
  const { websocket, longpoll } = mount.serializers;
  const serializers = mount.websocket === false ? longpoll : websocket;
  return { manifest: mount.socket, serializers, path, pathParams, custom: mount.connectInfo };
}

/** As the stock client does it: `{ a: { b: 1 } }` is `a[b]=1`, and a list has its indices for keys. */
function encodeQuery(params: ConnectParameters, parent = ""): string {
  return Object.entries(params)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const key = parent === "" ? name : `${parent}[${name}]`;
      if (typeof value === "object" && value !== null) return encodeQuery(value as ConnectParameters, key);
      return `${encodeURIComponent(key)}=${encodeURIComponent(String(value))}`;
    })
    .join("&");
}
