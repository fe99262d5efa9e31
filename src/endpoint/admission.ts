/**
 * How many connections there may be, in all and from one address: asked before anything is done for a client, so that one too
 * many costs next to nothing. A WebSocket counts from its upgrade request until its TCP connection is gone, a session of long
 * poll from its first request until it ends.
 */
import { checkInteger } from "../core/check-integer.js";
import { DEFAULT_MAX_TOTAL_BUFFERED_BYTES } from "../transports/outbound-budget.js";
import { AddressCounts, type AddressLimit } from "./address-counts.js";
import { ConnectionTotal } from "./connection-total.js";

export interface ConnectionLimitOptions {
  /** Connections and long-poll sessions; one more is answered with 503. `Infinity`: no limit. @defaultValue 100000 */
  readonly maxConnections?: number;
  /**
   * Of these, from one address of the network; one more is answered with 429. Behind a proxy all clients have its address, and
   * behind one NAT thousands may share one: a limit is for servers that clients reach directly. IPv6 addresses count by their
   * /64, which is what one customer has. @defaultValue `Infinity`
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * Bytes that may wait for all WebSocket clients that are held up; beyond it those for whom the most waits are closed with 1013.
   * `Infinity`: no limit. @defaultValue 268435456
   */
  readonly maxTotalBufferedBytes?: number;
}

export const DEFAULT_MAX_CONNECTIONS = 100_000;

/** @throws RuntimeError `badOption` */
export function resolveConnectionLimits(options: ConnectionLimitOptions): Required<ConnectionLimitOptions> {
  const {
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    maxConnectionsPerAddress = Number.POSITIVE_INFINITY,
    maxTotalBufferedBytes = DEFAULT_MAX_TOTAL_BUFFERED_BYTES,
  } = options;
  const limits = { maxConnections, maxConnectionsPerAddress, maxTotalBufferedBytes };
  for (const [name, value] of Object.entries(limits)) {
    if (value !== Number.POSITIVE_INFINITY) checkInteger(name, value, 1, Number.MAX_SAFE_INTEGER);
  }
  return limits;
}

/** What of the limits for all I/O threads each one keeps by itself: what may wait is shared out evenly, as clients are. */
export function shareOf(limits: Required<ConnectionLimitOptions>, ioThreads: number): Required<ConnectionLimitOptions> {
  const maxTotalBufferedBytes = Math.max(1, Math.floor(limits.maxTotalBufferedBytes / ioThreads));
  return { ...limits, maxTotalBufferedBytes };
}

/** Why a client is not let in: also the body of the answer, and in `app.counts()` with `refused.` before it. */
export type Full = "max_connections" | "max_connections_per_address";

/** What is to be called, once, when a client is gone; or why it may not come in. */
export type Entered = (() => void) | Full;

type AdmissionLimits = Required<Omit<ConnectionLimitOptions, "maxTotalBufferedBytes">>;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #total: ConnectionTotal;
  readonly #addresses: AddressLimit;
  /** One for all that are counted as connections only. */
  readonly #left = (): void => this.#total.leave();

  /** @param addresses - Only asked if there is a limit for it. */
  constructor(
    limits: AdmissionLimits,
    total: ConnectionTotal = new ConnectionTotal(),
    addresses: AddressLimit = new AddressCounts(limits.maxConnectionsPerAddress),
  ) {
    this.#limits = limits;
    this.#total = total;
    this.#addresses = addresses;
  }

  /** Lets a client in, or not. It takes a while only where addresses are counted by another thread. */
  enter(address: string): Entered | Promise<Entered> {
    const { maxConnections, maxConnectionsPerAddress } = this.#limits;
    if (!this.#total.enter(maxConnections)) return "max_connections";
    if (maxConnectionsPerAddress === Number.POSITIVE_INFINITY) return this.#left;
    const from = networkOf(address);
    const isIn = this.#addresses.enter(from);
    return typeof isIn === "boolean" ? this.#answer(from, isIn) : isIn.then((late) => this.#answer(from, late));
  }

  #answer(from: string, isIn: boolean): Entered {
    if (!isIn) {
      this.#total.leave();
      return "max_connections_per_address";
    }
    return () => {
      this.#total.leave();
      this.#addresses.leave(from);
    };
  }
}

/** What counts as one address: of IPv6, the first four groups. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1] as string; // the pattern has one group
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%", 1)[0] as string).split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  while (tail !== undefined && groups.length + after.length < 8) groups.push("0");
  return [...groups, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
