/**
 * Text that differs from connection to connection: `%n` is the number of the connection and `%c` that of the channel on it,
 * both from 0. In a payload `%i` is a word of the message's own.
 */
export class Template {
  /** As it was given. */
  readonly text: string;
  readonly #varies: boolean;

  constructor(text: string) {
    this.text = text;
    this.#varies = /%[nci]/.test(text);
  }

  /** Whether two channels of one connection get different texts. */
  get differsByChannel(): boolean {
    return this.text.includes("%c");
  }

  /** Whether no two messages are the same. */
  get differsByMessage(): boolean {
    return this.text.includes("%i");
  }

  at(connection: number, channel: number, message = "%i"): string {
    if (!this.#varies) return this.text;
    return this.text.replace(/%[nci]/g, (mark) =>
      mark === "%i" ? message : `${mark === "%n" ? connection : channel}`,
    );
  }
}
