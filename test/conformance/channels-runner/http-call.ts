/** One HTTP request on a connection of its own, and its response as an event of the transcripts. */
import { type IncomingMessage, request } from "node:http";
import type { Event, Json } from "./scenario.js";
import { bodyOf } from "./websocket-client.js";

export interface HttpCall {
  readonly port: number;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Headers that are part of the event. */
  readonly showHeaders: readonly string[] | undefined;
}

/** Settles with the event when the response is complete. */
export function httpCall({ port, method, target, headers, body, showHeaders }: HttpCall): Promise<Event> {
  return new Promise((resolve) => {
    const asked = request({ host: "127.0.0.1", port, method, path: target, headers, agent: false });
    const answered = (response: IncomingMessage, text: string | undefined): void =>
      resolve({ http: responseOf(response, text, showHeaders) });
    asked.on("response", (response) => void bodyOf(response).then((text) => answered(response, text)));
    asked.on("upgrade", (response, socket) => {
      answered(response, undefined);
      socket.destroy();
    });
    asked.on("error", (error) => resolve({ http: { status: 0, body: error.message } }));
    asked.end(body);
  });
}

function responseOf(
  { statusCode, headers }: IncomingMessage,
  text: string | undefined,
  showHeaders: readonly string[] | undefined,
): Json {
  const shown = showHeaders?.map((name) => [name, asText(headers[name.toLowerCase()])] as const);
  return {
    status: statusCode ?? 0,
    ...(shown === undefined ? {} : { headers: Object.fromEntries(shown) }),
    ...(text === undefined ? {} : bodyAs(text)),
  };
}

function asText(header: string | readonly string[] | undefined): string | null {
  return typeof header === "string" ? header : (header?.join(", ") ?? null);
}

/** JSON objects are shown parsed, and so are the messages in a long-poll response. Anything else is text. */
function bodyAs(text: string): { readonly json: Json } | { readonly body: string } {
  const json = parsed(text);
  if (typeof json !== "object" || json === null) return { body: text };
  const { messages } = json as { readonly messages?: Json };
  if (!Array.isArray(messages)) return { json };
  return { json: { ...(json as { readonly [key: string]: Json }), messages: messages.map(messageAs) } };
}

function messageAs(message: Json): Json {
  if (typeof message !== "string") return { not_a_string: message };
  const json = parsed(message);
  return json === undefined ? { text: message } : { json };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
