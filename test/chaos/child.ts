/** An OS process of ours: started with a file and an argument, asked by messages, ended in any case. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

export class Child {
  readonly #child: ChildProcess;
  readonly #errors: string[] = [];
  /** Settles with how it ended. */
  readonly exited: Promise<string>;
  /** How it ended, once it has. */
  end: string | null = null;

  constructor(file: string, argument: unknown, execArgv: readonly string[] = []) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    this.#child = fork(path, [JSON.stringify(argument)], {
      ...{ execArgv: [...execArgv], stdio: ["ignore", "ignore", "pipe", "ipc"] },
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (this.#errors.length < 100) this.#errors.push(text);
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        this.end = signal ?? `exit ${code}`;
        resolve(this.end);
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What it wrote to standard error, the beginning of it. */
  get errors(): string {
    return this.#errors.join("").slice(0, 4000);
  }

  send(message: object | string): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** Its next message. Rejects if it ends instead, or says nothing for so long. */
  next<T>(limitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing was said for ${limitMs} ms`)), limitMs);
      const said = (message: unknown): void => {
        clearTimeout(timer);
        resolve(message as T); // what its file says it sends
      };
      this.#child.once("message", said);
      void this.exited.then((end) => {
        clearTimeout(timer);
        this.#child.off("message", said);
        reject(new Error(`it ended with ${end}\n${this.errors}`));
      });
    });
  }

  /** Ends it, and settles when it is gone. */
  async kill(): Promise<void> {
    if (this.end === null) this.#child.kill("SIGKILL");
    await this.exited;
  }
}
