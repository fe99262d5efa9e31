/** The options of `joist load`: what there is, what each may be, and what is wrong with those that were given. */
import { parseArgs } from "node:util";
import { payloadOf } from "./payload.js";
import { Template } from "./template.js";

export interface LoadOptions {
  /** Of the WebSocket, with `vsn`, without the parameters of `connect`. */
  readonly url: URL;
  readonly connections: number;
  /** Of each connection. */
  readonly channels: number;
  /** JSON, as are the next three. */
  readonly topic: Template;
  readonly joinParams: Template;
  /** An object of plain values. */
  readonly params: Template;
  readonly payload: Template;
  readonly event: string;
  /** The answer is what is broadcast, with the mark of the message (`%i`) in it, rather than a reply. */
  readonly awaitsBroadcast: boolean;
  /** Messages a second of all connections together; 0: a closed loop. */
  readonly rate: number;
  /** Closed loop: messages of each connection that wait for their answers. */
  readonly inFlight: number;
  readonly durationMs: number;
  readonly warmUpMs: number;
  /** Connections a second. */
  readonly connectRate: number;
  readonly replyTimeoutMs: number;
  /** Messages that may be under way, whatever the rest asks for; no option of the command. */
  readonly maxOutstanding: number;
  /** Where the result goes as JSON; `"-"` is stdout, in place of the text. */
  readonly json: string | null;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly quiet: boolean;
}

/** What a number may be. `whole: false` allows decimals. */
interface Range {
  readonly min: number;
  readonly max: number;
  readonly whole?: false;
}

const ranges = {
  connections: { min: 1, max: 50_000 },
  channels: { min: 1, max: 1000 },
  "payload-bytes": { min: 2, max: 16_777_216 },
  rate: { min: 1, max: 1_000_000 },
  "in-flight": { min: 1, max: 10_000 },
  duration: { min: 0.1, max: 86_400, whole: false },
  warmup: { min: 0, max: 3600, whole: false },
  "connect-rate": { min: 1, max: 100_000 },
  "reply-timeout": { min: 1, max: 300_000 },
} as const satisfies Readonly<Record<string, Range>>;
type NumberName = keyof typeof ranges;

/** Joins kept in memory, and messages under way, whatever the options ask for. */
const MAX_CHANNELS = 1_000_000;
const MAX_OUTSTANDING = 1_000_000;
/** And the most bytes that such messages have together. */
const MAX_OUTSTANDING_BYTES: number = 256 * 2 ** 20;

export const LOAD_HELP = `joist load URL [OPTIONS]: puts load on a server that speaks Phoenix Channels (version 2 of the protocol)

  URL                  ws:// or wss://, with the path of the socket: ws://localhost:4000/socket
                       ("/websocket" is added where it is missing)

Who connects
  --connections N      connections, 1 to 50,000 (default 100)
  --connect-rate N     connections begun a second, 1 to 100,000 (default 500)
  --params JSON        parameters of the connection, an object of strings, numbers and booleans (default {})
  --header "NAME: VALUE"  a header of the upgrade, such as Origin; may be repeated (default none)
  --channels N         channels each connection joins, one after the other, 1 to 1,000 (default 1)
  --topic TOPIC        what they join (default room:lobby)
  --join-params JSON   payload of the join (default {})

What they send
  --event NAME         the event (default ping)
  --answer KIND        what it is answered with: "reply", or "broadcast" for a channel that does not reply but broadcasts what
                       it got, also to the sender; then --payload has %i in it, by which a message is known again (default reply)
  --payload JSON       its payload (default {})
  --payload-bytes N    a payload of so many bytes instead, 2 to 16,777,216
  --rate N             messages a second of all connections together, 1 to 1,000,000 (default 1,000): sent by the clock, whether
                       or not answers come; latency counts from the time a message was meant to be sent
  --in-flight N        instead: each connection has so many messages under way, 1 to 10,000, and sends the next when one
                       is answered; latency counts from the time of sending
  --reply-timeout MS   milliseconds that an upgrade, a join and a message may take, 1 to 300,000 (default 5,000)

How long
  --warmup S           seconds that are not measured, 0 to 3,600 (default 2)
  --duration S         seconds that are, 0.1 to 86,400 (default 10); Ctrl-C ends them early, with the result so far

What comes of it
  --json FILE          also writes the result there, as JSON; with "-" to stdout, in place of the text
  --quiet              no progress on stderr
  --help               this text

In --topic, --params, --join-params and --payload, %n becomes the number of the connection and %c that of the channel on its
connection, both from 0: --connections 100 --channels 3 --topic "room:%n-%c" joins room:0-0 to room:99-2. In --payload, %i becomes a word of
each message's own.

Exit code: 0 if nothing failed, 1 if anything did, 2 for wrong options.`;

/** Thrown and caught in this file only. */
class Wrong extends Error {}

/** What the arguments ask for; `"help"`; or, as `problem`, what is wrong with them. */
export function parseLoadOptions(args: readonly string[]): LoadOptions | "help" | { readonly problem: string } {
  try {
    const { values, positionals } = parse(args);
    if (values.help === true) return "help";
    return resolveLoadOptions(values, positionals);
  } catch (error) {
    if (error instanceof Wrong) return { problem: `${error.message}; joist load --help tells the options.` };
    throw error;
  }
}

interface Values {
  readonly connections?: string;
  readonly "connect-rate"?: string;
  readonly params?: string;
  readonly header?: string[];
  readonly channels?: string;
  readonly topic?: string;
  readonly "join-params"?: string;
  readonly event?: string;
  readonly answer?: string;
  readonly payload?: string;
  readonly "payload-bytes"?: string;
  readonly rate?: string;
  readonly "in-flight"?: string;
  readonly "reply-timeout"?: string;
  readonly warmup?: string;
  readonly duration?: string;
  readonly json?: string;
  readonly quiet?: boolean;
  readonly help?: boolean;
}

function parse(args: readonly string[]): { readonly values: Values; readonly positionals: readonly string[] } {
  const value = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...{ connections: value, "connect-rate": value, params: value, header: { ...value, multiple: true } },
        ...{ channels: value, topic: value, "join-params": value, event: value, answer: value, payload: value },
        ...{ "payload-bytes": value, rate: value, "in-flight": value, "reply-timeout": value },
        ...{ warmup: value, duration: value, json: value, quiet: flag, help: flag },
      },
    });
  } catch (error) {
    // Strict mode names the option in its first sentence; the second one is about positional arguments, which ours are not.
    if (error instanceof Error && "code" in error) throw new Wrong(error.message.split(/[.\n]/)[0]);
    throw error;
  }
}

function resolveLoadOptions(values: Values, positionals: readonly string[]): LoadOptions {
  const number = (name: NumberName, fallback: number): number => toNumber(name, values[name], fallback);
  const [url, ...more] = positionals;
  if (url === undefined) throw new Wrong("which server? The URL is missing");
  if (more.length > 0) throw new Wrong(`"${more[0]}" is one argument too many: there is one URL`);
  for (const [one, other] of [
    ["payload", "payload-bytes"],
    ["rate", "in-flight"],
  ] as const) {
    if (values[one] !== undefined && values[other] !== undefined) throw new Wrong(`--${one} goes not with --${other}`);
  }
  const [connections, channels] = [number("connections", 100), number("channels", 1)];
  if (connections * channels > MAX_CHANNELS) {
    throw new Wrong(
      `${connections} connections with ${channels} channels are more than ${MAX_CHANNELS} channels in all`,
    );
  }
  const topic = new Template(JSON.stringify(named("topic", values.topic ?? "room:lobby")));
  if (channels > 1 && !topic.differsByChannel) {
    throw new Wrong(`--channels ${channels} needs a --topic with %c, as a topic is joined once on a connection`);
  }
  const payload =
    values["payload-bytes"] === undefined
      ? json("payload", values.payload ?? "{}")
      : new Template(payloadOf(number("payload-bytes", 0), 0));
  const awaitsBroadcast = oneOf("answer", values.answer, ["reply", "broadcast"]) === "broadcast";
  if (awaitsBroadcast && !payload.differsByMessage) {
    throw new Wrong('--answer broadcast needs a --payload with %i in it, such as {"body":"%i"}');
  }
  const inFlight = number("in-flight", 0);
  const most = maxOutstandingOf(payload);
  if (connections * inFlight > most) {
    throw new Wrong(
      `${connections} connections with ${inFlight} messages in flight are more than ${most} messages in all`,
    );
  }
  return {
    ...{ url: toUrl(url), connections, channels, topic, payload, awaitsBroadcast, inFlight, maxOutstanding: most },
    params: plainObject(json("params", values.params ?? "{}")),
    joinParams: json("join-params", values["join-params"] ?? "{}"),
    event: named("event", values.event ?? "ping"),
    rate: inFlight > 0 ? 0 : number("rate", 1000),
    durationMs: number("duration", 10) * 1000,
    warmUpMs: number("warmup", 2) * 1000,
    connectRate: number("connect-rate", 500),
    replyTimeoutMs: number("reply-timeout", 5000),
    json: values.json === undefined ? null : named("json", values.json),
    headers: toHeaders(values.header ?? []),
    quiet: values.quiet ?? false,
  };
}

function maxOutstandingOf(payload: Template): number {
  const bytes = Buffer.byteLength(payload.at(0, 0));
  return Math.min(MAX_OUTSTANDING, Math.floor(MAX_OUTSTANDING_BYTES / bytes));
}

function toNumber(name: NumberName, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const range: Range = ranges[name];
  const { min, max, whole = true } = range;
  const value = (whole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new Wrong(`--${name} takes ${whole ? "a whole number" : "a number"} from ${min} to ${max}, not "${text}"`);
}

/** The first is the default. */
function oneOf(name: string, text: string | undefined, allowed: readonly [string, ...string[]]): string {
  if (text === undefined) return allowed[0];
  if (allowed.includes(text)) return text;
  throw new Wrong(`--${name} takes ${allowed.map((one) => `"${one}"`).join(" or ")}, not "${text}"`);
}

function named(name: string, text: string): string {
  if (text === "") throw new Wrong(`--${name} must not be empty`);
  return text;
}

function json(name: string, text: string): Template {
  const template = new Template(text);
  try {
    JSON.parse(template.at(0, 0));
  } catch {
    throw new Wrong(`--${name} takes JSON, such as {"id":"%n"}, not "${text}"`);
  }
  return template;
}

function plainObject(params: Template): Template {
  const value: unknown = JSON.parse(params.at(0, 0));
  const isPlain = (one: unknown): boolean => ["string", "number", "boolean"].includes(typeof one);
  if (typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isPlain)) {
    return params;
  }
  throw new Wrong(`--params takes a JSON object of strings, numbers and booleans, not "${params.at(0, 0)}"`);
}

function toUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["ws:", "wss:"].includes(url.protocol)) {
    throw new Wrong(`a URL begins with ws:// or wss://, as ws://localhost:4000/socket does, not "${text}"`);
  }
  if (!url.pathname.endsWith("/websocket")) url.pathname = `${url.pathname.replace(/\/$/, "")}/websocket`;
  url.hash = "";
  if (!url.searchParams.has("vsn")) url.searchParams.set("vsn", "2.0.0");
  if (!/^2\.\d+\.\d+$/.test(url.searchParams.get("vsn") ?? "")) {
    throw new Wrong(`vsn is 2.x.x, the version that this speaks, not "${url.searchParams.get("vsn")}"`);
  }
  return url;
}

/** As `http.request` takes them: a name that is there several times has a list. */
function toHeaders(lines: readonly string[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Wrong(`--header takes "NAME: VALUE", not "${line}"`);
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}
