/**
 * Puts the endpoint before the handlers of a server that is the user's. A listener can't keep an event from the others,
 * whoever was first, so it is the server's own `emit` that asks here before it tells them: handlers added before and after
 * are the same to it, and those of other paths see no difference.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";

type Emit = (this: Server, event: string | symbol, ...args: unknown[]) => boolean;

/**
 * @param take - Handles a request, or answers `false`: then the server's handlers get it.
 * @returns Takes it back.
 */
export function interceptRequests(
  server: Server,
  take: (request: IncomingMessage, response: ServerResponse) => boolean,
): () => void {
  const own = Object.getOwnPropertyDescriptor(server, "emit");
  const emit = server.emit as Emit;
  let active = true;
  const asking: Emit = function (event, ...args) {
    // What Node.js emits with it.
    if (active && event === "request" && take(args[0] as IncomingMessage, args[1] as ServerResponse)) return true;
    return emit.call(this, event, ...args);
  };
  Object.defineProperty(server, "emit", { value: asking, configurable: true, writable: true });
  return () => {
    active = false;
    // If somebody else has put himself before us since, his way to the others leads through here.
    if ((server.emit as Emit) !== asking) return;
    if (own === undefined) Reflect.deleteProperty(server, "emit");
    else Object.defineProperty(server, "emit", own);
  };
}
