/** A client that sends and receives frames as they are, over long poll; one POST at a time, as the stock client does it. */
import { setMaxListeners } from "node:events";
import { FrameClient } from "./frame-client.js";

/** What a request was answered with: the status in its body, or else its HTTP status. */
export interface PollAnswer {
  readonly status: number;
  readonly token?: string;
  readonly messages?: readonly string[];
}

export class PollClient extends FrameClient {
  /** Settles with the status that said so when its session is gone. */
  override readonly closed: Promise<number>;
  readonly #url: () => string;
  readonly #token: string;
  readonly #gone = new AbortController();
  #over: (status: number) => void = () => {};
  #unsent: string[] = [];
  #posting = false;

  private constructor(url: () => string, token: string) {
    super();
    this.#url = url;
    this.#token = token;
    setMaxListeners(0, this.#gone.signal); // `fetch` lets go of it with the garbage only
    this.closed = new Promise((resolve) => {
      this.#over = resolve;
    });
    void this.#poll();
  }

  /** @param ports - Of several, each request goes to the next one. */
  static async connect(
    ports: number | undefined | readonly number[],
    query = "vsn=2.0.0",
    path = "/socket/longpoll",
  ): Promise<PollClient> {
    let requests = 0;
    const url = (): string => {
      const port = typeof ports === "object" ? ports[requests++ % ports.length] : ports;
      return `http://127.0.0.1:${port}${path}?${query}`;
    };
    const { status, token } = await ask(url(), {});
    if (status !== 410 || token === undefined) throw new Error(`no session began, but ${status}`);
    return new PollClient(url, token);
  }

  /** The status a session is refused with. */
  static async refused(port: number | undefined, query: string, path = "/socket/longpoll"): Promise<number> {
    return (await ask(`http://127.0.0.1:${port}${path}?${query}`, {})).status;
  }

  override sendText(text: string): void {
    this.#unsent.push(text);
    if (!this.#posting) void this.#post();
  }

  override drop(): void {
    this.#gone.abort();
  }

  async #poll(): Promise<void> {
    for (;;) {
      const { status, messages = [] } = await this.#ask({});
      for (const message of messages) this.arrived(message);
      if (status !== 200 && status !== 204) return this.#over(status);
    }
  }

  async #post(): Promise<void> {
    this.#posting = true;
    const headers = { "content-type": "application/x-ndjson" };
    while (this.#unsent.length > 0) {
      const { status } = await this.#ask({ method: "POST", headers, body: this.#unsent.splice(0, 100).join("\n") });
      if (status !== 200) return this.#over(status);
    }
    this.#posting = false;
  }

  #ask(init: RequestInit): Promise<PollAnswer> {
    return ask(`${this.#url()}&token=${this.#token}`, { ...init, signal: this.#gone.signal });
  }
}

/** Status 0: there was no answer. */
async function ask(url: string, init: RequestInit): Promise<PollAnswer> {
  try {
    const response = await fetch(url, init);
    if (response.headers.get("content-type")?.startsWith("application/json")) {
      return (await response.json()) as PollAnswer; // what the server under test says
    }
    await response.arrayBuffer();
    return { status: response.status };
  } catch {
    return { status: 0 };
  }
}
