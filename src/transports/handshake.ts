/** Whether a request asks for a WebSocket as RFC 6455, section 4.2.1, wants it. */
import type { IncomingMessage } from "node:http";

/** What is wrong with it, in a line for the response with status 400; undefined if it is fine. */
export function handshakeProblem({ method, headers }: IncomingMessage): string | undefined {
  if (method !== "GET") return ""; // as Phoenix, which says something to GETs only
  if (!lists(headers.connection, "upgrade")) return "'connection' header must contain 'upgrade'";
  if (!lists(headers.upgrade, "websocket")) return "'upgrade' header must contain 'websocket'";
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers["sec-websocket-key"] ?? ""))
    return "'sec-websocket-key' header is missing or bad";
  if (headers["sec-websocket-version"] !== "13") return "'sec-websocket-version' header must be '13'";
  return undefined;
}

function lists(header: string | undefined, word: string): boolean {
  return (header ?? "").split(",").some((entry) => entry.trim().toLowerCase() === word);
}
