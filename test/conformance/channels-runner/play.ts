/** Plays one scenario against a server, step by step, and tells the first step that went otherwise. */
import { setTimeout as sleep } from "node:timers/promises";
import { httpCall } from "./http-call.js";
import { matchStep } from "./match.js";
import type { Event, Expectations, Frame, HttpBody, Json, Scenario, Step } from "./scenario.js";
import { type Bindings, fill, hexBytes, matchValue, sentText, sentValue } from "./values.js";
import { WebSocketClient } from "./websocket-client.js";

/** Milliseconds after a step's action in which the server should be silent again, where the step does not say. */
const DEFAULT_SETTLE_MS = 150;
/** A step is over when nothing has arrived for so long. */
const QUIET_MS = 100;
/** How much longer than it took the original to wait for what is expected. */
const PATIENCE_MS = 2000;
/** How often the clock is looked at while nothing arrives. */
const TICK_MS = 10;

/** A step that went otherwise than expected. */
export interface Failure {
  /** Counted from 1. */
  readonly step: number;
  readonly action: string;
  readonly expected: Expectations;
  readonly got: Readonly<Record<string, readonly Event[]>>;
}

/**
 * @param overrides - What is expected instead of what was recorded, by step, counted from 1.
 * @returns Undefined if all went as expected.
 */
export async function play(
  { steps }: Scenario,
  port: number,
  overrides: Readonly<Record<string, Expectations>> = {},
): Promise<Failure | undefined> {
  const player = new Player(port);
  try {
    for (const [index, step] of steps.entries()) {
      const expected = overrides[index + 1] ?? step.expect ?? {};
      const got = await player.step(step, expected);
      if (got !== undefined) return { step: index + 1, action: describe(step), expected, got: Object.fromEntries(got) };
    }
    return undefined;
  } finally {
    player.end();
  }
}

class Player {
  readonly #port: number;
  readonly #clients = new Map<string, WebSocketClient>();
  #arrived = new Map<string, Event[]>();
  #lastAtMs = 0;
  #wake: () => void = () => {};
  #bindings: Bindings = new Map();

  constructor(port: number) {
    this.#port = port;
  }

  end(): void {
    for (const client of this.#clients.values()) client.drop();
  }

  /** What arrived, if that is not what was expected. */
  async step(step: Step, expected: Expectations): Promise<ReadonlyMap<string, readonly Event[]> | undefined> {
    this.#arrived = new Map();
    await this.#act(step);
    const doneAtMs = performance.now();
    const { settle: settleMs = DEFAULT_SETTLE_MS, ignore = [] } = step;
    const quietMs = Math.min(QUIET_MS, settleMs);
    for (;;) {
      const nowMs = performance.now();
      const found = matchStep(expected, this.#arrived, ignore, this.#bindings);
      const settled = nowMs - doneAtMs >= settleMs && nowMs - this.#lastAtMs >= quietMs;
      if (settled && found !== undefined) {
        this.#bindings = found;
        return undefined;
      }
      if (nowMs - doneAtMs >= settleMs + PATIENCE_MS && settled) return this.#arrived;
      await this.#somethingOr(TICK_MS);
    }
  }

  /** Waits for an event, though no longer than `ms`. */
  async #somethingOr(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #note(client: string, event: Event): void {
    const events = this.#arrived.get(client);
    if (events === undefined) this.#arrived.set(client, [event]);
    else events.push(event);
    this.#lastAtMs = performance.now();
    this.#wake();
  }

  async #act(step: Step): Promise<void> {
    switch (step.do) {
      case "connect":
        return await this.#connect(step);
      case "send":
        return await this.#send(step);
      case "close":
        return this.#client(step).close(step.code, step.reason);
      case "drop":
        return this.#client(step).drop();
      case "wait":
        return await sleep(step.ms ?? 0);
      case "http":
        return await this.#http(step);
      default:
        throw new Error(`unknown step ${JSON.stringify(step.do)}`);
    }
  }

  async #connect(step: Step): Promise<void> {
    const name = step.client ?? "";
    const client = new WebSocketClient((event) => this.#note(name, event));
    this.#clients.set(name, client);
    const { protocols = [], deflate = false } = step;
    const target = this.#target(step);
    await client.connect({ port: this.#port, target, headers: this.#headers(step), protocols, deflate });
  }

  async #http(step: Step): Promise<void> {
    const { client = "", method = "GET", show_headers: showHeaders, any_body: anyBody } = step;
    const body = step.body === undefined ? undefined : this.#body(step.body);
    const target = this.#target(step);
    const call = { port: this.#port, method, target, headers: this.#headers(step), body, showHeaders };
    const answered = httpCall(call).then((event) => this.#note(client, anyBody ? withBodyAsText(event) : event));
    if (step.await !== false) await answered;
  }

  async #send(step: Step): Promise<void> {
    const client = this.#client(step);
    if (step.cork) client.cork();
    let continued = false;
    for (const frame of step.frames ?? []) {
      if (frame.pause_ms !== undefined) await sleep(frame.pause_ms);
      else this.#sendFrame(client, frame, continued);
      // Control frames may come between the fragments of a message.
      if (frame.text !== undefined || frame.hex !== undefined || frame.json !== undefined)
        continued = frame.fin === false;
    }
    if (step.cork) client.uncork();
  }

  #sendFrame(client: WebSocketClient, frame: Frame, continued: boolean): void {
    const { json, text, hex, ping, pong, raw_hex: rawHex, fin = true } = frame;
    if (json !== undefined) client.send("text", Buffer.from(JSON.stringify(this.#sent(json))));
    else if (text !== undefined) client.send(continued ? "continuation" : "text", Buffer.from(this.#text(text)), fin);
    else if (hex !== undefined) client.send(continued ? "continuation" : "binary", hexBytes(hex), fin);
    else if (ping !== undefined) client.send("ping", Buffer.from(ping));
    else if (pong !== undefined) client.send("pong", Buffer.from(pong));
    else if (rawHex !== undefined) client.write(hexBytes(rawHex));
    else throw new Error(`unknown frame ${JSON.stringify(frame)}`);
  }

  #client({ client = "" }: Step): WebSocketClient {
    const found = this.#clients.get(client);
    if (found === undefined) throw new Error(`no client ${JSON.stringify(client)} has connected`);
    return found;
  }

  #target({ path = "/", query = "" }: Step): string {
    const target = query === "" ? this.#text(path) : `${this.#text(path)}?${this.#text(query)}`;
    return target.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
  }

  #headers({ headers = {} }: Step): Readonly<Record<string, string>> {
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, this.#text(value)]));
  }

  #body(body: HttpBody): string {
    if (typeof body === "string") return this.#text(body);
    if ("json" in body) return JSON.stringify(this.#sent(body.json));
    return body.lines
      .map((line) => (typeof line === "string" ? this.#text(line) : JSON.stringify(this.#sent(line))))
      .join("\n");
  }

  #text(text: string): string {
    return sentText(text, this.#port, this.#bindings);
  }

  #sent(value: Json): Json {
    return sentValue(value, this.#port, this.#bindings);
  }
}

/** Where the body does not count it is expected as text, also when it happens to be JSON. */
function withBodyAsText({ http }: Event): Event {
  const { json, ...rest } = http as { readonly json?: Json };
  return { http: json === undefined ? rest : { ...rest, body: JSON.stringify(json) } } as Event;
}

function describe(step: Step): string {
  const { do: action, client = "" } = step;
  switch (action) {
    case "connect":
      return `connect ${client} to ${step.path}?${step.query ?? ""}`;
    case "send":
      return `send ${client}: ${(step.frames ?? []).map((frame) => JSON.stringify(frame)).join(" ")}`;
    case "http":
      return `http ${client}: ${step.method} ${step.path}?${step.query ?? ""}`;
    case "wait":
      return `wait ${step.ms} ms`;
    default:
      return `${action} ${client} ${step.code ?? ""}`.trimEnd();
  }
}

const SHOWN_CHARACTERS = 600;
const SHOWN_EVENTS = 8;

/** A failure for people: what was expected and what came, client by client. */
export function formatFailure({ step, action, expected, got }: Failure): string {
  const lines = [`step ${step}: ${cut(action)}`];
  for (const client of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    const wanted = expected[client] ?? [];
    const came = got[client] ?? [];
    if (JSON.stringify(wanted) === JSON.stringify(came)) continue;
    // Where long lists begin in the same way, one looks for where they part.
    const differ = wanted.findIndex((event, index) => matchValue(event, came[index], new Map()) === undefined);
    const from = Math.max(0, (differ === -1 ? wanted.length : differ) - 1);
    const place = from === 0 ? "" : ` (from event ${from + 1} on)`;
    lines.push(
      `  ${client} expected${place} ${listed(wanted, from)}`,
      `  ${client} got${place}      ${listed(came, from)}`,
    );
  }
  return lines.join("\n");
}

function listed(events: readonly Event[], from: number): string {
  const shown = events.slice(from, from + SHOWN_EVENTS).map((event) => cut(fill(JSON.stringify(event))));
  if (shown.length === 0) return "nothing";
  const more = events.length - from - shown.length;
  return [...shown, ...(more > 0 ? [`… and ${more} more`] : [])].join("\n             ");
}

function cut(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}… (${text.length} characters)`;
}
