/**
 * Answers to long-poll requests. What could be handled is answered with HTTP status 200 and says how it went in its body,
 * as `{"status": …}`: that is what the stock client looks at. What could not has an HTTP status of its own.
 */
import { STATUS_CODES } from "node:http";

/** What a request is answered with: Node.js's `ServerResponse`, or one on another thread. */
export interface PollResponse {
  readonly destroyed: boolean;
  readonly headersSent: boolean;
  /** Whether its connection stays open for further requests. */
  shouldKeepAlive: boolean;
  setHeader(name: string, value: number): unknown;
  writeHead(status: number, headers: Readonly<Record<string, string>>): { end(body: string): unknown };
  on(event: "close", listener: () => void): unknown;
  once(event: "close", listener: () => void): unknown;
  off(event: "close", listener: () => void): unknown;
  destroy(): unknown;
}

/** Statuses in bodies, as the stock client knows them. */
export const PollStatus = {
  ok: 200,
  /** Nothing came within the window. */
  noContent: 204,
  forbidden: 403,
  /** A message of the batch ended the session. */
  timeout: 408,
  /** A new session has begun; to a POST: there is none. */
  gone: 410,
  /** The session ended while it was polled. */
  ended: 500,
} as const;
export type PollStatus = (typeof PollStatus)[keyof typeof PollStatus];

/** Any page may read the answers: who may ask is decided by `checkOrigin`. */
const anyOrigin = { "access-control-allow-origin": "*" };
const json = { ...anyOrigin, "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };

export function answerStatus(response: PollResponse, status: PollStatus): void {
  answer(response, 200, json, `{"status":${status}}`);
}

/** @param messages - JSON strings, separated by commas. */
export function answerPoll(response: PollResponse, status: PollStatus, token: string, messages: string): void {
  answer(response, 200, json, `{"messages":[${messages}],"status":${status},"token":"${token}"}`);
}

/** A preflight: what a page of another origin may send. */
export function answerPreflight(response: PollResponse, requestedHeaders: string): void {
  const allowed = {
    "access-control-allow-headers": requestedHeaders,
    "access-control-allow-methods": "get, post, options",
    "access-control-max-age": "3600",
  };
  answer(response, 200, { ...anyOrigin, ...allowed }, "");
}

/** What could not be handled. */
export function answerHttp(response: PollResponse, status: number, body: string = STATUS_CODES[status] ?? ""): void {
  answer(response, status, { ...anyOrigin, "content-type": "text/plain" }, body);
}

function answer(response: PollResponse, status: number, headers: Readonly<Record<string, string>>, body: string): void {
  // A client that is gone is no error: writing to it would make one.
  if (!response.destroyed && !response.headersSent) response.writeHead(status, headers).end(body);
}
