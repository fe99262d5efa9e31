/** Reading the body of a request under limits: of size, of time, and of the memory all of them may take together. */
import type { IncomingMessage } from "node:http";

/** Memory that many share. */
export interface Budget {
  /** Takes so much of it; `false`, and nothing is taken, if that is not left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export type Body =
  | { readonly tag: "whole"; readonly text: string }
  | { readonly tag: "too_large" }
  | { readonly tag: "too_slow" }
  /** The budget is used up. */
  | { readonly tag: "no_room" }
  /** The client went away. */
  | { readonly tag: "gone" };

/**
 * Reads a body as UTF-8. What it takes of `budget` is given back when it settles.
 *
 * A body that is too large is read on for a while, and dropped: a client that is still writing doesn't see the answer.
 */
export function readBody(
  request: IncomingMessage,
  { maxBytes, timeoutMs, budget }: { readonly maxBytes: number; readonly timeoutMs: number; readonly budget: Budget },
): Promise<Body> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let received = 0;
    let taken = 0;
    let failure: "too_large" | "no_room" | null = null;
    const drop = (why: "too_large" | "no_room"): void => {
      failure = why;
      chunks = [];
      budget.give(taken);
      taken = 0;
    };
    const settle = (body: Body): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      request.resume();
      budget.give(taken);
      taken = 0;
      resolve(body);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.length;
      if (failure === null) {
        if (received > maxBytes) drop("too_large");
        else if (!budget.take(chunk.length)) drop("no_room");
        else {
          taken += chunk.length;
          chunks.push(chunk);
        }
      }
      if (failure !== null && received > 2 * maxBytes) settle({ tag: failure });
    };
    const onEnd = (): void =>
      settle(failure === null ? { tag: "whole", text: Buffer.concat(chunks).toString() } : { tag: failure });
    const onClose = (): void => settle({ tag: "gone" });
    const timer = setTimeout(() => settle({ tag: failure ?? "too_slow" }), timeoutMs);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
    request.on("error", ignore); // close follows
  });
}

function ignore(): void {}
