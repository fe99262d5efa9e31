/** Sees the polls that wait at servers of this thread, so that a test can act while a client is being waited for. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";

const requestStart = "http.server.request.start";

export class Polls {
  readonly #waiting = new Map<ServerResponse, string>();
  #told: () => void = () => {};

  constructor() {
    subscribe(requestStart, this.#started);
  }

  /** Settles when so many polls wait whose target has `part` in it. */
  async waiting(part: string, count: number): Promise<void> {
    const isWaiting = ([response, target]: readonly [ServerResponse, string]): boolean =>
      target.includes(part) && !response.writableEnded;
    while ([...this.#waiting].filter(isWaiting).length < count) {
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
  }

  stop(): void {
    unsubscribe(requestStart, this.#started);
  }

  readonly #started = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse }; // as Node.js has it
    const { method, url = "" } = request;
    if (method !== "GET" || !url.includes("token=SFMyNTY")) return;
    this.#waiting.set(response, url);
    response.once("close", () => this.#waiting.delete(response));
    // Told before the server is: when that has had its turn.
    setImmediate(() => this.#told());
  };
}
