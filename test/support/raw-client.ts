/** A client that sends and receives frames as they are. It keeps what arrives until somebody asks for it. */
import { once } from "node:events";
import { WebSocket } from "ws";

export type Frame = readonly [joinRef: unknown, ref: unknown, topic: string, event: string, payload: unknown];

export class RawClient {
  readonly #socket: WebSocket;
  readonly #arrived: Frame[] = [];
  readonly #waiting: { readonly match: (frame: Frame) => boolean; readonly resolve: (frame: Frame) => void }[] = [];
  /** Settles with the close code. */
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on("close", (code) => resolve(code)));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as Frame;
      const index = this.#waiting.findIndex(({ match }) => match(frame));
      if (index === -1) this.#arrived.push(frame);
      else this.#waiting.splice(index, 1)[0]?.resolve(frame);
    });
  }

  static async connect(port: number | undefined, query = "vsn=2.0.0", path = "/socket/websocket"): Promise<RawClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}?${query}`);
    const client = new RawClient(socket);
    await once(socket, "open");
    return client;
  }

  /** The HTTP status a connection is refused with. */
  static async refused(port: number | undefined, query: string, path = "/socket/websocket"): Promise<number> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}?${query}`);
    socket.on("error", () => {});
    const [, response] = await once(socket, "unexpected-response");
    socket.terminate();
    return response.statusCode;
  }

  send(...frame: Frame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  /** The next frame that has not been asked for, of those that match. */
  next(match: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const index = this.#arrived.findIndex(match);
    if (index !== -1) return Promise.resolve(this.#arrived.splice(index, 1)[0] as Frame);
    return new Promise((resolve) => this.#waiting.push({ match, resolve }));
  }

  /** The next `count` frames, in the order of their arrival. */
  async take(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) frames.push(await this.next());
    return frames;
  }

  /** Everything that arrives until the answer to a heartbeat sent now: what the server had for us is in there. */
  async settle(): Promise<Frame[]> {
    this.send(null, "settle", "phoenix", "heartbeat", {});
    const frames: Frame[] = [];
    for (;;) {
      const frame = await this.next();
      if (frame[1] === "settle") return frames;
      frames.push(frame);
    }
  }

  /** Joins a topic and waits for the answer. */
  async join(topic: string, params: unknown = {}, ref = "1"): Promise<Frame> {
    this.send(ref, ref, topic, "phx_join", params);
    return await this.next((frame) => frame[1] === ref && frame[2] === topic);
  }

  /** Sends an event and waits for its answer. */
  async ask(topic: string, event: string, payload: unknown = {}, ref = "2", joinRef = "1"): Promise<unknown> {
    this.send(joinRef, ref, topic, event, payload);
    return (await this.next((frame) => frame[1] === ref && frame[2] === topic))[4];
  }

  close(): void {
    this.#socket.close();
  }

  drop(): void {
    this.#socket.terminate();
  }
}
