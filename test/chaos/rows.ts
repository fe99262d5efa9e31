/** The rows of the matrix: what user code does, how it is made to do it, and what is known of it that no number shows. */
import { deeds } from "./app.js";
import { callbacks } from "./deeds/callbacks.js";
import { ends } from "./deeds/ends.js";
import { globals } from "./deeds/globals.js";
import { leaks } from "./deeds/leaks.js";
import { loops } from "./deeds/loops.js";
import { strays } from "./deeds/strays.js";

/** How a client brings it about. */
export type Way =
  /** By an event to one of the 900 channels: the culprit. */
  | "event"
  /** By the parameters of a connection, or of a join, of its own. */
  | "connect"
  | "join"
  /** By an event nobody has a clause for. */
  | "unknown"
  /** By sending, or not reading, as a client of its own. */
  | "flood"
  | "not_reading";

export interface Row {
  readonly name: string;
  readonly group: string;
  readonly way: Way;
  /** For ways other than events: how the callback goes. */
  readonly how?: string;
  /** It is to be found by its memory, however long it stands still. */
  readonly isLeak: boolean;
  /**
   * It need not end anything by itself: after so long it is seen whether its channel can still join and crash. 0: that it ends
   * something is what is waited for.
   */
  readonly quietMs: number;
  readonly note?: string;
}

const NOTES: Readonly<Record<string, string>> = {
  hang_in_handle_in: "it is deaf until its client joins again; the thread doesn't notice",
  hang_in_terminate: "its client is told when 30 s are over",
  hang_in_connect: "refused after 10 s",
  hang_in_join: "refused after `joinTimeoutMs`",
  native_call: "the old thread ends when the call does",
  blocking_child: "the old thread ends when the call does",
};

/** What ends nothing has so long to do harm. */
const QUIET_MS = 1000;
/** And what only the pulse finds. */
const DEAF_MS = 6000;

const QUIET: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    [
      ...["hang_in_handle_in", "flood_of_a_mailbox", "storm_of_broadcasts"],
      ...["nonsense_to_parent_port", "nonsense_to_other_threads", "nonsense_in_worker_data", ...Object.keys(globals)],
    ].map((name) => [name, QUIET_MS]),
  ),
  ...{ close_parent_port: DEAF_MS, deaf_to_parent_port: DEAF_MS },
};

const ofTable = (group: string, table: Readonly<Record<string, unknown>>): Row[] =>
  Object.keys(table).map((name) => ({
    ...{ name, group, way: "event", isLeak: group === "leaks", quietMs: QUIET[name] ?? 0 },
    ...noteOf(name),
  }));

const by = (way: Way, name: string, how?: string): Row => ({
  ...{ name, group: "callbacks", way, isLeak: false, quietMs: 0 },
  ...(how === undefined ? {} : { how }),
  ...noteOf(name),
});

function noteOf(name: string): { readonly note?: string } {
  const note = NOTES[name];
  return note === undefined ? {} : { note };
}

export const rows: readonly Row[] = [
  ...["throw", "reject", "hang"].flatMap((how) => [
    by("connect", `${how}_in_connect`, how),
    by("join", `${how}_in_join`, how),
  ]),
  by("connect", "bad_id_of_connect", "bad_id"),
  by("connect", "loop_in_connect", "loop"),
  by("join", "loop_in_join", "loop"),
  by("unknown", "event_without_a_clause"),
  ...ofTable("callbacks", callbacks).filter(({ name }) => name !== "unread_pushes"),
  by("flood", "flood_of_a_client"),
  by("not_reading", "client_that_never_reads"),
  ...ofTable("strays", strays),
  ...ofTable("loops", loops),
  ...ofTable("leaks", leaks),
  ...ofTable("ends", ends),
  ...ofTable("globals", globals),
];

/** Those with one of the filters in their name or group; all of them without a filter. */
export function chosenRows(filters: readonly string[]): readonly Row[] {
  return rows.filter(
    ({ name, group }) => filters.length === 0 || filters.some((part) => name.includes(part) || group === part),
  );
}

/** Deeds that are in no row: there should be none. */
export function forgottenDeeds(): readonly string[] {
  const names = new Set(rows.map(({ name }) => name));
  return Object.keys(deeds).filter((name) => !names.has(name) && name !== "unread_pushes");
}
