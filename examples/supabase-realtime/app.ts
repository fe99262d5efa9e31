/**
 * A small Realtime for `@supabase/realtime-js`, the client of Supabase, unmodified: broadcast with `self` and `ack`, presence,
 * changes of one table, access tokens. Every scheduler thread loads this file, so it holds definitions only.
 *
 * ```
 *   application ─┬─ presence   who is on which topic
 *                └─ todos      stands for a database: says what changes in its one table
 *   connections ─── realtime:*    one channel process per client and topic
 * ```
 */
import { randomUUID } from "node:crypto";
import {
  application,
  channel,
  error,
  genServer,
  ok,
  presence,
  publish,
  reply,
  type Socket,
  self,
  send,
  socket,
  stop,
  subscribe,
} from "joist";
import Supabase, { packBytes, type UserBroadcast } from "./serializer.js";

const MAX_EVENT_BYTES = 255;
const CHANGES = "changes:public:todos";

/** Stands for what your project has: an API key anybody may know, and tokens that say who somebody is. */
const API_KEY = "public-anon-key";
const TOKENS: ReadonlySet<unknown> = new Set(["token-of-ada", "token-of-grace"]);

// ---- servers ----

export interface Todo {
  readonly id: number;
  readonly title: string;
}

/** A table of the database. Whoever listens to its changes is told of each. */
export const Todos = genServer({
  init: (): Todo[] => [],
  handleCall: {
    insert: (title: string, todos) => {
      const record: Todo = { id: todos.length + 1, title };
      todos.push(record);
      publish(CHANGES, record);
      return reply(record);
    },
  },
});

export const RealtimePresence = presence();

// ---- the channel ----

/** What a client wants of a topic: the `config` it joins with. */
interface Config {
  readonly broadcast?: { readonly self?: boolean; readonly ack?: boolean };
  readonly presence?: { readonly key?: string; readonly enabled?: boolean };
  readonly postgres_changes?: readonly { readonly event: string; readonly schema: string; readonly table?: string }[];
  readonly private?: boolean;
}

interface JoinParams {
  readonly config?: Config;
  readonly access_token?: string;
}

interface Assigns {
  echo: boolean;
  ack: boolean;
  key: string;
  showPresence: boolean;
  /** Ids of what it listens to in the table. */
  changes: number[];
}

export const RealtimeChannel = channel<Assigns>({
  join: (_topic, params, socket) => {
    const { config = {}, access_token: token } = params as JoinParams;
    if (config.private && !TOKENS.has(token)) return error({ reason: "Unauthorized: a private channel wants a token" });
    // The client compares this list with its own, entry by entry.
    const changes = (config.postgres_changes ?? []).map((change, index) => ({ ...change, id: index + 1 }));
    if (changes.some(({ schema, table }) => schema !== "public" || table !== "todos")) {
      return error({ reason: "there is one table: public.todos" });
    }
    socket.assign({
      echo: config.broadcast?.self === true,
      ack: config.broadcast?.ack === true,
      key: config.presence?.key || randomUUID(),
      showPresence: config.presence?.enabled === true,
      changes: changes.filter(({ event }) => event === "*" || event === "INSERT").map(({ id }) => id),
    });
    if (socket.assigns.changes.length > 0) subscribe(CHANGES);
    send(self(), "after_join"); // comes once the client has its answer; before that, nothing may be sent
    return ok({ postgres_changes: changes });
  },
  handleIn: {
    broadcast: (payload, socket) => {
      shout(payload as UserBroadcast, socket);
      return socket.assigns.ack ? reply("ok") : undefined;
    },
    presence: async (payload, socket) => {
      const { event, payload: meta = {} } = payload as { event: string; payload?: Record<string, unknown> };
      const { key } = socket.assigns;
      // Not `update`: this client forgets the refs of a presence that changes in one diff, and shows the old one for ever.
      await RealtimePresence.untrack(socket, key);
      if (event !== "untrack") await RealtimePresence.track(socket, key, meta);
      return reply("ok");
    },
    /** A new token for a channel that is joined: the client sends one before the old one expires. */
    access_token: (payload, socket) => {
      if (TOKENS.has((payload as { access_token?: unknown }).access_token)) return reply("ok");
      system(socket, "error", "the access token is not valid");
      return stop("shutdown", { reply: reply("error", { reason: "the access token is not valid" }) });
    },
  },
  handleInfo: async (message, socket) => {
    const { changes, showPresence } = socket.assigns;
    if (message !== "after_join") return socket.push("postgres_changes", inserted(message as Todo, changes)); // of CHANGES
    if (showPresence) socket.push("presence_state", await RealtimePresence.list(socket));
    if (changes.length > 0) system(socket, "ok", "Subscribed to the changes of public.todos");
  },
});

/** To everybody on the topic, or to everybody else, as the client has it configured. */
function shout({ event, payload }: UserBroadcast, socket: Socket<Assigns>): void {
  if (typeof event !== "string" || Buffer.byteLength(event) > MAX_EVENT_BYTES) throw new TypeError("bad event");
  const message = payload instanceof Uint8Array ? packBytes(event, payload) : { type: "broadcast", event, payload };
  if (socket.assigns.echo) socket.broadcast("broadcast", message);
  else socket.broadcastFrom("broadcast", message);
}

function system(socket: Socket<Assigns>, status: "ok" | "error", message: string): void {
  const channel = socket.topic.replace(/^realtime:/, "");
  socket.push("system", { channel, extension: status === "ok" ? "postgres_changes" : "system", status, message });
}

/** A new row, as the client takes it: values as text, and the types of the columns to read them by. */
function inserted(record: Todo, ids: readonly number[]): object {
  const columns = [
    { name: "id", type: "int4" },
    { name: "title", type: "text" },
  ];
  const commit_timestamp = new Date().toISOString();
  return {
    ids,
    data: { schema: "public", table: "todos", type: "INSERT", commit_timestamp, columns, record, errors: null },
  };
}

// ---- the application ----

export const RealtimeSocket = socket({
  connect: (params) => (params.apikey === API_KEY ? ok() : error()),
  channels: { "realtime:*": RealtimeChannel },
});

export default application({
  sockets: {
    "/realtime/v1": {
      socket: RealtimeSocket,
      websocket: { versions: [{ serializer: Supabase, accepts: "~> 2.0.0" }] },
      longpoll: false,
    },
  },
  children: [RealtimePresence.child(), Todos.child(undefined, { name: "todos" })],
});
