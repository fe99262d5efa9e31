/**
 * An application: what an application module has as its default export. Definitions only: its sockets, and the children of
 * its supervision tree. Every scheduler thread loads the module; the I/O thread gets a description in plain data.
 */

import { describeVersions, type VersionChoice, type VersionManifest } from "../channels/choose-serializer.js";
import type { CustomSerializer } from "../channels/custom-serializer.js";
import type { SocketManifest } from "../channels/requests.js";
import type { UserSocket } from "../channels/user-socket.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { AGENT_KEY, agentServer } from "../otp/agent.js";
import { type ChildSpec, type ChildSpecInput, resolveChildSpec } from "../otp/child-spec.js";
import { pgService } from "../otp/pg-service.js";
import { registryService } from "../otp/registry-service.js";
import type { SupervisorOptions } from "../otp/supervisor-flags.js";
import { TASK_KEY, taskRunner } from "../otp/task-runner.js";
import { pubsubService } from "../pubsub/topics.js";
import type { Definition, Service } from "../runtime/process.js";
import { trackerService } from "../tracker/copies.js";
import type { LongPollOptions } from "../transports/longpoll.js";
import type { WebSocketOptions } from "../transports/websocket.js";

/** The services every thread runs, in this order. */
export const services: readonly Service[] = [pubsubService, pgService(), registryService, trackerService];

/** Definitions of the library that every thread can start without their being exported. */
export const ownDefinitions: Readonly<Record<string, Definition>> = {
  // Each is only looked up by its key, and booted with what its own functions give it.
  [TASK_KEY]: taskRunner as unknown as Definition,
  [AGENT_KEY]: agentServer as unknown as Definition,
};

/** How a socket is mounted. */
export interface Mount {
  readonly socket: UserSocket;
  /** Options of its WebSocket transport; `false`: it has none. */
  readonly websocket?: false | WebSocketMountOptions;
  /**
   * Options of its long-poll transport, `true` for the defaults; `false`: it has none. For clients behind something that lets
   * no WebSocket through: the stock client falls back to it by itself, with its option `longPollFallbackMs`. `connect` is told
   * the same as over a WebSocket, where `authToken` is the header `x-phoenix-authtoken`. Several runtimes behind one address
   * need sticky routing, as sessions live in one.
   * @defaultValue `false`
   */
  readonly longpoll?: boolean | LongPollMountOptions;
  /**
   * Which origins browsers may connect from: `true` the endpoint's own `host`, `"conn"` the host, scheme and port of the
   * request itself, a list like `["https://example.com", "//*.example.com"]`, `false` any.
   * @defaultValue `true`
   */
  readonly checkOrigin?: boolean | "conn" | readonly string[];
  /** Takes the token that the stock client sends as its `authToken`: `connect` gets it as `info.authToken`. */
  readonly authToken?: boolean;
  /** Plain data for `connect`, as `info.custom`: for a socket that is mounted several times. @defaultValue `{}` */
  readonly connectInfo?: Readonly<Record<string, unknown>>;
}

export interface WebSocketMountOptions extends WebSocketOptions {
  /** Path below the mount. @defaultValue `"/websocket"` */
  readonly path?: string;
  /**
   * Versions of the wire protocol and their formats, the first that fits wins. MessagePack is
   * `{ vsn: "2.0.0+msgpack", accepts: "~> 2.0.0+msgpack" }`, an application's own `{ serializer, accepts }`.
   * @defaultValue 1.0.0 for `~> 1.0.0`, 2.0.0 for `~> 2.0.0`
   */
  readonly versions?: readonly VersionChoice[];
  /** Subprotocols it knows, the best first. A client that offers only others gets 403. @defaultValue ignores them */
  readonly subprotocols?: readonly string[];
}

export interface LongPollMountOptions extends LongPollOptions {
  /** Path below the mount. @defaultValue `"/longpoll"` */
  readonly path?: string;
  /** Versions of the wire protocol, the first that fits wins. @defaultValue 1.0.0 for `~> 1.0.0`, 2.0.0 for `~> 2.0.0` */
  readonly versions?: readonly VersionChoice[];
  /** Which origins browsers may poll from; every request is checked. @defaultValue the mount's `checkOrigin` */
  readonly checkOrigin?: NonNullable<Mount["checkOrigin"]>;
}

export interface ApplicationOptions extends Omit<SupervisorOptions, "children"> {
  /** Mount path → socket, or socket with options. */
  readonly sockets?: Readonly<Record<string, UserSocket | Mount>>;
  /** Children of the application's supervisor, started in this order before the first client is let in. */
  readonly children?: readonly ChildSpecInput[];
}

/** Options of a transport in plain data: serializers are named. */
export type WithVersions<Options> = Omit<Options, "versions"> & { readonly versions?: readonly VersionManifest[] };

/** A mounted socket in plain data. */
export interface MountManifest {
  readonly path: string;
  readonly socket: SocketManifest;
  readonly websocket: false | WithVersions<WebSocketMountOptions>;
  readonly longpoll: false | WithVersions<LongPollMountOptions>;
  readonly checkOrigin: NonNullable<Mount["checkOrigin"]>;
  readonly authToken: boolean;
  readonly connectInfo: Readonly<Record<string, unknown>>;
}

/** An application in plain data: definitions are keys. */
export interface ApplicationManifest {
  readonly mounts: readonly MountManifest[];
  readonly supervisor: SupervisorOptions;
}

export class Application {
  readonly services: readonly Service[] = services;
  readonly definitions: Readonly<Record<string, Definition>> = ownDefinitions;
  readonly sockets: Readonly<Record<string, Mount>>;
  readonly children: readonly ChildSpec[];
  /** The serializers of its mounts: here they are found by name, as definitions are. */
  readonly serializers: readonly CustomSerializer[];
  readonly #options: ApplicationOptions;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    const sockets = Object.entries(options.sockets ?? {});
    this.sockets = Object.fromEntries(
      sockets.map(([path, mounted]) => [path, "socket" in mounted ? mounted : { socket: mounted }]),
    );
    this.serializers = Object.values(this.sockets).flatMap(({ websocket, longpoll }) =>
      [...versionsOf(websocket), ...versionsOf(longpoll)].flatMap((choice) =>
        "serializer" in choice ? [choice.serializer] : [],
      ),
    );
    this.children = (options.children ?? []).map(resolveChildSpec);
  }

  describe(keyOf: (definition: Definition) => string): ApplicationManifest {
    const mounts = Object.entries(this.sockets).map(([path, mount]) => {
      const { socket, websocket = {}, checkOrigin = true, authToken = false, connectInfo = {} } = mount;
      const longpoll = mount.longpoll === true ? {} : (mount.longpoll ?? false);
      if (!path.startsWith("/")) {
        throw new RuntimeError(ErrorCode.badOption, `bad socket path "${path}": it must begin with a slash`);
      }
      const described = { websocket: describe(websocket, keyOf), longpoll: describe(longpoll, keyOf) };
      return { path, socket: socket.describe(keyOf), ...described, checkOrigin, authToken, connectInfo };
    });
    const { sockets: _sockets, children: _children, ...flags } = this.#options;
    const children = this.children.map((child) => {
      const { definition } = child.start;
      const key = typeof definition === "string" ? definition : keyOf(definition as unknown as Definition); // a key is all that is taken of it
      return { ...child, start: { ...child.start, definition: key } };
    });
    return { mounts, supervisor: { ...flags, children } };
  }
}

function versionsOf(transport: Mount["websocket"] | Mount["longpoll"]): readonly VersionChoice[] {
  return (typeof transport === "object" ? transport.versions : undefined) ?? [];
}

/** The options of a transport with its serializers by name. */
function describe<Options extends { readonly versions?: readonly VersionChoice[] }>(
  transport: false | Options,
  keyOf: (definition: Definition) => string,
): false | WithVersions<Options> {
  if (transport === false) return false;
  const { versions, ...rest } = transport;
  if (versions === undefined) return rest;
  // A serializer is a definition as far as names go.
  return { ...rest, versions: describeVersions(versions, (serializer) => keyOf(serializer as unknown as Definition)) };
}

/** Defines an application: the default export of an application module. */
export function application(options: ApplicationOptions): Application {
  return new Application(options);
}
