/** What `connect` is told about the request that wants to connect. */
import type { IncomingMessage } from "node:http";
import type { ConnectInfo, Headers } from "../channels/transport.js";

export interface Connecting {
  readonly request: IncomingMessage;
  readonly secure: boolean;
  /** Of the `Host` header, without the port. */
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly authToken: string | null;
  readonly custom: Readonly<Record<string, unknown>>;
}

export function connectInfoOf({ request, secure, host, path, query, authToken, custom }: Connecting): ConnectInfo {
  return {
    peer: { address: request.socket.remoteAddress ?? "", port: request.socket.remotePort ?? 0 },
    uri: { scheme: secure ? "https" : "http", host, path, query },
    userAgent: request.headers["user-agent"] ?? null,
    xHeaders: headersOf(request, (name) => name.startsWith("x-")),
    traceContextHeaders: headersOf(request, (name) => name === "traceparent" || name === "tracestate"),
    secWebSocketHeaders: headersOf(request, (name) => name.startsWith("sec-websocket-")),
    authToken,
    custom,
  };
}

/** Whether a request came over TLS. */
export function isSecure(request: IncomingMessage): boolean {
  return (request.socket as { encrypted?: boolean }).encrypted === true; // only TLS sockets have it
}

/** The version a client asks for. One that is no string (`vsn[x]=1`) is a version nobody speaks. */
export function versionOf(vsn: unknown): string | undefined {
  return vsn === undefined || typeof vsn === "string" ? vsn : "";
}

function headersOf(request: IncomingMessage, wanted: (name: string) => boolean): Headers {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (wanted(name) && value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}
