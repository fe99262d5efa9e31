/**
 * The ways between a thread of the main process and a scheduler in an OS process of its own: a port to the main thread for each such
 * pair, which passes on, unread, what is in the frames.
 *
 * ```
 *   thread ══ port ══► main thread ══ pipe ══► OS process        the ports are looked at with all other links, the oldest first:
 *   thread ◄══ port ══ main thread ◄══ pipe ══ OS process        so causes come before effects this way, too (`arrivals.ts`)
 * ```
 */
import type { MessagePort } from "node:worker_threads";
import { PortLink } from "./port-link.js";
import type { Router } from "./router.js";

export class Relays {
  /** By thread, then by the scheduler in the OS process. */
  readonly #links = new Map<number, Map<number, PortLink>>();
  readonly #write: (frame: Uint8Array, process: number) => void;

  /** @param write - Writes a frame to a scheduler's process, if that is there. */
  constructor(write: (frame: Uint8Array, process: number) => void) {
    this.#write = write;
  }

  open(router: Router, thread: number, process: number, port: MessagePort): void {
    const link = new PortLink(port);
    const links = this.#links.get(thread) ?? new Map<number, PortLink>();
    this.#links.set(thread, links.set(process, link));
    router.relay(link, ([frame]) => this.#write(frame as Uint8Array, process)); // as `BytesLink` posts it
    port.unref(); // a thread that does not end shall not keep the main thread from it
  }

  /** A batch of a scheduler's process for a thread; dropped if that is gone. */
  toThread(thread: number, process: number, body: Uint8Array): void {
    const bytes = new Uint8Array(body); // a part of what was read from the pipe: all of that would be copied
    this.#links.get(thread)?.get(process)?.post([bytes], [bytes.buffer]);
  }

  /** A scheduler of either kind is gone: what it had still sent is passed on. */
  close(router: Router, gone: number): void {
    for (const [thread, links] of this.#links) {
      for (const [process, link] of links) {
        if (thread !== gone && process !== gone) continue;
        router.endRelay(link);
        links.delete(process);
      }
    }
    this.#links.delete(gone);
  }
}
