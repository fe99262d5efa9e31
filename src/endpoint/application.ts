/**
 * An application: what an application module has as its default export. Definitions only: its sockets, the children of its
 * supervision tree, the applications it depends on. Every scheduler thread loads the module; the I/O thread gets a description in plain data.
 */

import { describeVersions, type VersionChoice, type VersionManifest } from "../channels/choose-serializer.js";
import type { CustomSerializer } from "../channels/custom-serializer.js";
import {
  checkFilterParameters,
  DEFAULT_FILTER_PARAMETERS,
  type FilterParameters,
} from "../channels/filter-parameters.js";
import type { SocketManifest } from "../channels/requests.js";
import type { UserSocket } from "../channels/user-socket.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { AGENT_KEY, agentServer } from "../otp/agent.js";
import { type ChildSpec, type ChildSpecInput, RestartType, resolveChildSpec } from "../otp/child-spec.js";
import { offloadService } from "../otp/offload-service.js";
import { pgService } from "../otp/pg-service.js";
import { registryService } from "../otp/registry-service.js";
import type { SupervisorOptions } from "../otp/supervisor-flags.js";
import { TASK_KEY, taskRunner } from "../otp/task-runner.js";
import { pubsubService } from "../pubsub/topics.js";
import type { Definition, Service } from "../runtime/process.js";
import { trackerService } from "../tracker/copies.js";
import type { LongPollOptions } from "../transports/longpoll-options.js";
import type { WebSocketOptions } from "../transports/websocket-options.js";
import { type ApplicationCallbacks, type CallbackName, CallbackProcess } from "./callbacks.js";
import { checkPaths, type Part, startOrder } from "./parts.js";

/** The services every thread runs, in this order. */
export const services: readonly Service[] = [
  pubsubService,
  pgService(),
  registryService,
  trackerService,
  offloadService(),
];

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

/** An application, or a module that has one as its default export: `import * as accounts from "accounts"`. */
export type Dependency = Application | { readonly default: Application };

export interface ApplicationOptions<S = undefined>
  extends Omit<SupervisorOptions, "children">,
    ApplicationCallbacks<S> {
  /**
   * What it is called in reports, and by those that depend on it: they need its name, with no slash in it, to find its
   * definitions. @defaultValue `"application"`
   */
  readonly name?: string;
  /**
   * Applications that are started before this one, in this order, after their own dependencies, and stopped after it. Each
   * is started once, however many depend on it. Given as a module, all that it exports can be started on other threads;
   * given as an application, its children and sockets can.
   */
  readonly dependencies?: readonly Dependency[];
  /**
   * What it means when its supervisor gives up or is ended. `"permanent"`: everything stops. `"transient"`: the same, unless
   * the reason is `normal`. `"temporary"`: it is reported, and the others live on. OTP's `restart_type`; like there, nothing
   * is restarted. @defaultValue `"permanent"`, as in a release
   */
  readonly restart?: RestartType;
  /** Mount path → socket, or socket with options. */
  readonly sockets?: Readonly<Record<string, UserSocket | Mount>>;
  /**
   * What of the clients' messages is kept out of the log, for all its sockets: values whose key contains one of these terms,
   * at any depth. `{ keep: ["id"] }`: all values but those of these keys. Phoenix's `filter_parameters`.
   * @defaultValue `["password", "token"]`
   */
  readonly filterParameters?: FilterParameters;
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
  readonly name: string;
  readonly restart: RestartType;
  readonly mounts: readonly MountManifest[];
  readonly supervisor: SupervisorOptions;
  readonly callbacks: Readonly<Partial<Record<CallbackName, string>>>;
}

type KeyOf = (definition: Definition) => string;

function bad(message: string): RuntimeError {
  return new RuntimeError(ErrorCode.badOption, message);
}

export class Application {
  readonly services: readonly Service[] = services;
  readonly definitions: Readonly<Record<string, Definition>> = ownDefinitions;
  readonly name: string;
  readonly sockets: Readonly<Record<string, Mount>>;
  readonly children: readonly ChildSpec[];
  /** The serializers of its mounts: here they are found by name, as definitions are. */
  readonly serializers: readonly CustomSerializer[];
  readonly callbacks: Readonly<Partial<Record<CallbackName, CallbackProcess>>>;
  readonly #filter: FilterParameters;
  readonly #restart: RestartType;
  readonly #flags: Omit<SupervisorOptions, "children">;
  readonly #dependencies: readonly Dependency[];

  constructor(options: ApplicationOptions<unknown>) {
    const {
      name = "application",
      restart = RestartType.permanent,
      dependencies = [],
      sockets,
      children,
      filterParameters = DEFAULT_FILTER_PARAMETERS,
      ...rest
    } = options;
    const { start, prepStop, stop, ...flags } = rest;
    if (typeof name !== "string" || name === "" || name.includes("/")) {
      throw bad(`bad application name "${String(name)}": allowed is a non-empty string without a slash`);
    }
    if (!Object.hasOwn(RestartType, restart)) {
      throw bad(
        `bad restart "${String(restart)}" of application "${name}": allowed are ${Object.keys(RestartType).join(", ")}`,
      );
    }
    this.name = name;
    this.sockets = Object.fromEntries(
      Object.entries(sockets ?? {}).map(([path, mounted]) => [
        path,
        "socket" in mounted ? mounted : { socket: mounted },
      ]),
    );
    this.serializers = Object.values(this.sockets).flatMap(({ websocket, longpoll }) =>
      [...versionsOf(websocket), ...versionsOf(longpoll)].flatMap((choice) =>
        "serializer" in choice ? [choice.serializer] : [],
      ),
    );
    this.children = (children ?? []).map(resolveChildSpec);
    const given = Object.entries({ start, prepStop, stop } satisfies Record<CallbackName, unknown>);
    this.callbacks = Object.fromEntries(
      given.flatMap(([callback, run]) => {
        if (run === undefined) return [];
        if (typeof run !== "function") throw bad(`${callback} of application "${name}" is no function`);
        return [[callback, new CallbackProcess(run as (state: unknown) => unknown)]]; // each takes the state or nothing
      }),
    );
    this.#filter = checkFilterParameters(filterParameters);
    this.#restart = restart;
    this.#flags = flags;
    this.#dependencies = dependencies;
  }

  /** What the modules of its dependencies export, by their names. */
  get modules(): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
    const dependencies = startOrder<Application>(this).filter(({ application }) => application !== this);
    return Object.fromEntries(dependencies.map(({ application, exports }) => [application.name, exports]));
  }

  /** The applications it consists of, in the order they start. */
  describe(keyOf: KeyOf): readonly ApplicationManifest[] {
    const manifests = startOrder<Application>(this).map(({ application }) =>
      application.#describe(keyOf, application === this),
    );
    checkPaths(manifests);
    return manifests;
  }

  #describe(keyOf: KeyOf, isMain: boolean): ApplicationManifest {
    const mounts = Object.entries(this.sockets).map(([path, mount]) => {
      const { socket, websocket = {}, checkOrigin = true, authToken = false, connectInfo = {} } = mount;
      const longpoll = mount.longpoll === true ? {} : (mount.longpoll ?? false);
      if (!path.startsWith("/")) throw bad(`bad socket path "${path}": it must begin with a slash`);
      const described = { websocket: describe(websocket, keyOf), longpoll: describe(longpoll, keyOf) };
      return { path, socket: socket.describe(keyOf, this.#filter), ...described, checkOrigin, authToken, connectInfo };
    });
    const children = this.children.map((child) => {
      const { definition } = child.start;
      // A key names an export of the application's own module. Of a definition only its key is taken.
      const own = isMain ? "" : `${this.name}/`;
      const key = typeof definition === "string" ? own + definition : keyOf(definition as unknown as Definition);
      return { ...child, start: { ...child.start, definition: key } };
    });
    const callbacks = Object.fromEntries(
      Object.entries(this.callbacks).map(([callback, definition]) => [callback, keyOf(definition as Definition)]),
    );
    return { name: this.name, restart: this.#restart, mounts, supervisor: { ...this.#flags, children }, callbacks };
  }

  /** Its dependencies as applications, with what there is to find of them. */
  get dependencies(): readonly Part<Application>[] {
    return this.#dependencies.map((dependency) => {
      const application = dependency instanceof Application ? dependency : dependency?.default;
      if (!(application instanceof Application)) {
        const hint =
          "an application, or a module that has one as its default export (modules that import each other have none yet)";
        throw bad(`bad dependency ${String(dependency)} of application "${this.name}": allowed is ${hint}`);
      }
      if (dependency !== application) return { application, exports: dependency as unknown as Record<string, unknown> };
      const { children, sockets, serializers, callbacks } = application;
      const byId = Object.fromEntries(children.map(({ id, start }) => [id, start.definition]));
      return { application, exports: { children: byId, sockets, serializers, callbacks } };
    });
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
export function application<S = undefined>(options: ApplicationOptions<S>): Application {
  return new Application(options as ApplicationOptions<unknown>); // prepStop and stop get what start returned, an S
}
