/**
 * An application: what an application module has as its default export. Definitions only: its sockets, and the children of
 * its supervision tree. Every scheduler thread loads the module; the I/O thread gets a description in plain data.
 */

import type { VersionChoice } from "../channels/choose-serializer.js";
import type { SocketManifest } from "../channels/requests.js";
import type { UserSocket } from "../channels/user-socket.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type ChildSpec, type ChildSpecInput, resolveChildSpec } from "../otp/child-spec.js";
import { offloadService } from "../otp/offload-service.js";
import { pgService } from "../otp/pg-service.js";
import type { SupervisorOptions } from "../otp/supervisor-flags.js";
import { pubsubService } from "../pubsub/topics.js";
import type { Definition, Service } from "../runtime/process.js";
import type { WebSocketOptions } from "../transports/websocket.js";

/** The services every thread runs, in this order. */
export const services: readonly Service[] = [pubsubService, pgService(), offloadService()];

/** How a socket is mounted. */
export interface Mount {
  readonly socket: UserSocket;
  /** Options of its WebSocket transport; `false`: it has none. */
  readonly websocket?: false | WebSocketMountOptions;
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
  /** Versions of the wire protocol, the first that fits wins. @defaultValue 1.0.0 for `~> 1.0.0`, 2.0.0 for `~> 2.0.0` */
  readonly versions?: readonly VersionChoice[];
  /** Subprotocols it knows, the best first. A client that offers only others gets 403. @defaultValue ignores them */
  readonly subprotocols?: readonly string[];
}

export interface ApplicationOptions extends Omit<SupervisorOptions, "children"> {
  /** Mount path → socket, or socket with options. */
  readonly sockets?: Readonly<Record<string, UserSocket | Mount>>;
  /** Children of the application's supervisor, started in this order before the first client is let in. */
  readonly children?: readonly ChildSpecInput[];
}

/** A mounted socket in plain data. */
export interface MountManifest {
  readonly path: string;
  readonly socket: SocketManifest;
  readonly websocket: NonNullable<Mount["websocket"]>;
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
  readonly sockets: Readonly<Record<string, Mount>>;
  readonly children: readonly ChildSpec[];
  readonly #options: ApplicationOptions;

  constructor(options: ApplicationOptions) {
    this.#options = options;
    const sockets = Object.entries(options.sockets ?? {});
    this.sockets = Object.fromEntries(
      sockets.map(([path, mounted]) => [path, "socket" in mounted ? mounted : { socket: mounted }]),
    );
    this.children = (options.children ?? []).map(resolveChildSpec);
  }

  describe(keyOf: (definition: Definition) => string): ApplicationManifest {
    const mounts = Object.entries(this.sockets).map(([path, mount]) => {
      const { socket, websocket = {}, checkOrigin = true, authToken = false, connectInfo = {} } = mount;
      if (!path.startsWith("/")) {
        throw new RuntimeError(ErrorCode.badOption, `bad socket path "${path}": it must begin with a slash`);
      }
      return { path, socket: socket.describe(keyOf), websocket, checkOrigin, authToken, connectInfo };
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

/** Defines an application: the default export of an application module. */
export function application(options: ApplicationOptions): Application {
  return new Application(options);
}
