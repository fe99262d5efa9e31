/** What the clients of the tests have in common: it keeps the frames that arrive until somebody asks for them. */
export type Frame = readonly [joinRef: unknown, ref: unknown, topic: string, event: string, payload: unknown];

export abstract class FrameClient {
  /** Settles when its connection is gone, with a code or status of its transport. */
  abstract readonly closed: Promise<number>;

  readonly #arrived: Frame[] = [];
  readonly #waiting: { readonly match: (frame: Frame) => boolean; readonly resolve: (frame: Frame) => void }[] = [];

  /** Sends a message as it is. */
  abstract sendText(text: string): void;

  /** Goes away without a word. */
  abstract drop(): void;

  /** Takes a message that arrived. */
  protected arrived(text: string): void {
    const frame = JSON.parse(text) as Frame;
    const index = this.#waiting.findIndex(({ match }) => match(frame));
    if (index === -1) this.#arrived.push(frame);
    else this.#waiting.splice(index, 1)[0]?.resolve(frame);
  }

  send(...frame: Frame): void {
    this.sendText(JSON.stringify(frame));
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
}
