/** What a command is given besides its arguments. */
export interface CommandIo {
  /** What the command was asked for, to stdout. */
  readonly out: (text: string) => void;
  /** What is wrong, and progress, to stderr. */
  readonly problem: (text: string) => void;
  /** Aborted when the user wants it to end: the first Ctrl-C. */
  readonly signal: AbortSignal;
}
