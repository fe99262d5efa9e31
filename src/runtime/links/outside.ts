/** What a scheduler thread sees of the world: the main thread, whom it tells its news and who orders, and links to other threads. */
import type { MessagePort } from "node:worker_threads";
import type { News, Order, Peer } from "../hosts/thread-protocol.js";
import type { Mirror } from "../shared/mirror.js";
import { BytesLink } from "./bytes-link.js";
import type { Link } from "./link.js";
import { PortLink } from "./port-link.js";

export interface Outside {
  /** Keeps the tables in step with the main process's; `null` if they are the same ones. */
  readonly mirror: Mirror | null;
  /** Settles when the tables are complete. */
  readonly complete: Promise<void>;
  tell(news: News): void;
  linkTo(peer: Peer): Link;
  /** `obey` is called with each order, in the stream of the batches. Set once, when the links are in place. */
  open(obey: (order: Order) => void): void;
}

/** The world of a thread of the main process. */
export class PortsOutside implements Outside {
  readonly mirror = null;
  readonly complete: Promise<void> = Promise.resolve();
  readonly #control: MessagePort;
  readonly #thread: number;

  constructor(control: MessagePort, thread: number) {
    this.#control = control;
    this.#thread = thread;
  }

  tell(news: News): void {
    this.#control.postMessage(news);
  }

  linkTo(peer: Peer): Link {
    const port = peer.port as MessagePort; // threads of the main process have one for each
    return peer.isRelayed ? new BytesLink(this.#thread, port) : new PortLink(port);
  }

  open(obey: (order: Order) => void): void {
    this.#control.on("message", obey);
  }
}
