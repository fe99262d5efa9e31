/**
 * What `connect` is told about a request, on its way to the thread where that runs: its values without their keys, and empty
 * objects as `null`. As it is it would have 18 keys to copy, or twice what all else costs that a connect is started with.
 */
import type { ConnectInfo, Headers } from "./transport.js";

/** Names and values in turns; `null`: none. */
type PackedHeaders = readonly string[] | null;

export type PackedInfo = readonly [
  address: string,
  port: number,
  scheme: string,
  host: string,
  path: string,
  query: string,
  userAgent: string | null,
  xHeaders: PackedHeaders,
  traceContextHeaders: PackedHeaders,
  secWebSocketHeaders: PackedHeaders,
  authToken: string | null,
  custom: ConnectInfo["custom"] | null,
];

export function packInfo(info: ConnectInfo): PackedInfo {
  const { peer, uri, userAgent, xHeaders, traceContextHeaders, secWebSocketHeaders, authToken, custom } = info;
  return [
    peer.address,
    peer.port,
    uri.scheme,
    uri.host,
    uri.path,
    uri.query,
    userAgent,
    packHeaders(xHeaders),
    packHeaders(traceContextHeaders),
    packHeaders(secWebSocketHeaders),
    authToken,
    isEmpty(custom) ? null : custom,
  ];
}

export function unpackInfo(packed: PackedInfo): ConnectInfo {
  const [address, port, scheme, host, path, query, userAgent, x, traceContext, secWebSocket, authToken, custom] =
    packed;
  return {
    peer: { address, port },
    uri: { scheme, host, path, query },
    userAgent,
    xHeaders: unpackHeaders(x),
    traceContextHeaders: unpackHeaders(traceContext),
    secWebSocketHeaders: unpackHeaders(secWebSocket),
    authToken,
    custom: custom ?? {},
  };
}

function packHeaders(headers: Headers): PackedHeaders {
  if (isEmpty(headers)) return null;
  const packed: string[] = [];
  for (const [name, value] of Object.entries(headers)) packed.push(name, value);
  return packed;
}

function unpackHeaders(packed: PackedHeaders): Headers {
  const headers: Record<string, string> = {};
  if (packed === null) return headers;
  for (let at = 0; at < packed.length; at += 2) headers[packed[at] as string] = packed[at + 1] as string; // in turns
  return headers;
}

function isEmpty(object: object): boolean {
  for (const _ in object) return false;
  return true;
}
