/**
 * Text that differs from connection to connection: `%n` is the number of the connection and `%c` that of the channel on it,
 * both from 0.
 */
export class Template {
  /** As it was given. */
  readonly text: string;
  readonly #varies: boolean;

  constructor(text: string) {
    this.text = text;
    this.#varies = /%[nc]/.test(text);
  }

  /** Whether two channels of one connection get different texts. */
  get differsByChannel(): boolean {
    return this.text.includes("%c");
  }

  at(connection: number, channel: number): string {
    if (!this.#varies) return this.text;
    return this.text.replace(/%[nc]/g, (mark) => `${mark === "%n" ? connection : channel}`);
  }
}
