/**
 * Whether what the clients got in a step is what was expected. Order within a client's list counts, but for what is
 * `unordered`; a `maybe` may have come at any place, or not at all. Names (`<phx_ref#1>`) are bound across all clients, so
 * this is a search: where one way to read the events leads nowhere, another is tried.
 */
import type { Event, Expectations, Expected, Json } from "./scenario.js";
import { type Bindings, matchValue } from "./values.js";

type Found = Bindings | undefined;
type Next = (bindings: Bindings) => Found;

/** The bindings after the step; undefined if the events are not the expected ones. */
export function matchStep(
  expected: Expectations,
  actual: ReadonlyMap<string, readonly Event[]>,
  ignored: readonly string[],
  bindings: Bindings,
): Found {
  const clients = [...new Set([...Object.keys(expected), ...actual.keys()])].filter((name) => !ignored.includes(name));
  const from = (index: number, bound: Bindings): Found => {
    const client = clients[index];
    if (client === undefined) return bound;
    return matchList(expected[client] ?? [], actual.get(client) ?? [], bound, (next) => from(index + 1, next));
  };
  return from(0, bindings);
}

function matchList(expected: readonly Expected[], actual: readonly Event[], bindings: Bindings, next: Next): Found {
  const groups: (readonly Expected[])[] = [];
  const maybes: Expected[] = [];
  for (const event of expected) {
    if ("maybe" in event)
      maybes.push(event.maybe as Event); // an event, in the format
    else if ("unordered" in event) {
      const members = event.unordered as readonly Event[]; // a list of events, in the format
      groups.push(members.filter((member) => !("maybe" in member)));
      maybes.push(...members.flatMap((member) => ("maybe" in member ? [member.maybe as Event] : [])));
    } else groups.push([event]);
  }
  return matchFrom(actual, 0, groups, 0, groups[0] ?? [], maybes, bindings, next);
}

/** `open` is what is left of the group at `group`. */
function matchFrom(
  actual: readonly Event[],
  at: number,
  groups: readonly (readonly Expected[])[],
  group: number,
  open: readonly Expected[],
  maybes: readonly Expected[],
  bindings: Bindings,
  next: Next,
): Found {
  if (open.length === 0 && group < groups.length) {
    return matchFrom(actual, at, groups, group + 1, groups[group + 1] ?? [], maybes, bindings, next);
  }
  const event = actual[at];
  if (event === undefined) return group >= groups.length ? next(bindings) : undefined;
  for (const [index, candidate] of open.entries()) {
    const bound = matchValue(candidate as Json, event as Json, bindings);
    const left = open.toSpliced(index, 1);
    const found = bound && matchFrom(actual, at + 1, groups, group, left, maybes, bound, next);
    if (found !== undefined) return found;
  }
  for (const [index, candidate] of maybes.entries()) {
    const bound = matchValue(candidate as Json, event as Json, bindings);
    const left = maybes.toSpliced(index, 1);
    const found = bound && matchFrom(actual, at + 1, groups, group, open, left, bound, next);
    if (found !== undefined) return found;
  }
  return undefined;
}
