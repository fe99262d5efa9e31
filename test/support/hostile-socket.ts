/** A TCP connection whose bytes are the test's own, and what a WebSocket server says on it. */
import { connect, type Socket } from "node:net";

/** The first byte of a frame: FIN and an opcode. */
export const Fin = { continuation: 0x80, text: 0x81, binary: 0x82, close: 0x88, ping: 0x89, pong: 0x8a } as const;

/** The bytes of a client's frame: masked, with a mask of zeros, so that its payload can be read. */
export function clientFrame(first: number, payload: string | Uint8Array = "", length?: bigint): Buffer {
  const data = Buffer.from(payload as string); // or bytes: both have a `from`
  const claimed = length ?? BigInt(data.length);
  const mask = Buffer.alloc(4);
  if (claimed < 126n) return Buffer.concat([Buffer.of(first, 0x80 | Number(claimed)), mask, data]);
  const long = Buffer.alloc(claimed <= 0xffffn ? 2 : 8);
  if (long.length === 2) long.writeUInt16BE(Number(claimed));
  else long.writeBigUInt64BE(claimed);
  return Buffer.concat([Buffer.of(first, 0x80 | (long.length === 2 ? 126 : 127)), long, mask, data]);
}

/** An upgrade request that is fine, but for what is added. */
export function upgradeRequest(headers = "", target = "/socket/websocket?vsn=2.0.0"): string {
  const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  return `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}${headers}\r\n`;
}

export class HostileSocket {
  readonly socket: Socket;
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);
  #told: () => void = () => {};

  constructor(port: number | undefined) {
    this.socket = connect(port ?? 0, "127.0.0.1");
    this.socket.on("error", () => {}); // close follows
    this.socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#told();
    });
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve()));
    void this.closed.then(() => this.#told());
  }

  /** One whose handshake is done. */
  static async upgraded(port: number | undefined, target?: string): Promise<HostileSocket> {
    const client = new HostileSocket(port);
    client.write(upgradeRequest("", target));
    const status = await client.status();
    if (status !== 101) throw new Error(`the upgrade was answered with ${status}`);
    return client;
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** The HTTP status of the next answer, which is taken off with its head; 0 if the connection closes without one. */
  async status(): Promise<number> {
    while (!this.#received.includes("\r\n\r\n")) {
      if (this.socket.closed) return 0;
      await this.#more();
    }
    const head = this.#received.subarray(0, this.#received.indexOf("\r\n\r\n") + 4);
    this.#received = this.#received.subarray(head.length);
    return Number(head.toString("latin1", 9, 12));
  }

  /** The code of the server's close frame; 1005 if it has none, 1006 if the connection is gone without such a frame. */
  async closeCode(): Promise<number> {
    for (;;) {
      const [first, length = 0] = this.#received;
      if (first !== undefined && this.#received.length >= 2 + (length < 126 ? length : 2)) {
        if (first === Fin.close) return length === 0 ? 1005 : this.#received.readUInt16BE(2);
        const size = length < 126 ? 2 + length : 4 + this.#received.readUInt16BE(2);
        if (this.#received.length >= size) {
          this.#received = this.#received.subarray(size);
          continue;
        }
      }
      if (this.socket.closed) return 1006;
      await this.#more();
    }
  }

  drop(): void {
    this.socket.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#told = resolve;
    });
  }
}
