/**
 * Plays many scenarios against one server, side by side, and sorts them: passed, failed, and what is counted apart.
 *
 * - *different*: `channels-differences.json` says what Joist does instead, and why. That is what is then expected.
 * - *pending*: `channels-pending.json` says what is not built yet. Not played.
 * - *optional*: the transcript shows an accident of the original, and Joist does otherwise.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Failure, formatFailure, play } from "./play.js";
import type { Expectations, HttpBody, Json, Scenario, Step } from "./scenario.js";

/** Scenarios are mostly waiting: many at a time, and the timers in them still are on time. */
const CONCURRENCY = 24;

/** Scenarios that cannot pass yet. All that is given must fit: the area, the name, the path of one of its steps. */
export interface Pending {
  readonly area?: string;
  /** `*` stands for any characters. */
  readonly name?: string;
  /** The path of any step, `*` as in names. */
  readonly path?: string;
  /** The topic of any frame that is sent, `*` as in names. */
  readonly topic?: string;
  readonly reason: string;
}

/** A scenario in which Joist does otherwise on purpose. */
export interface Difference {
  readonly name: string;
  readonly reason: string;
  /** What is expected instead, by step, counted from 1. */
  readonly instead?: Readonly<Record<string, Expectations>>;
  /** Steps in which what a client gets may come in any order, counted from 1. */
  readonly unordered?: readonly number[];
}

export interface Exceptions {
  readonly pending: readonly Pending[];
  readonly differences: readonly Difference[];
}

export type Outcome = "passed" | "failed" | "different" | "pending" | "optional";

export interface Played {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
  /** Why: the failure, or the reason it is counted apart. */
  readonly detail: string;
  /** It did so only when it was played again. */
  readonly again?: boolean;
}

/** The lists of exceptions in a folder. */
export function readExceptions(folder: string): Exceptions {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));
  return {
    pending: read("channels-pending.json") as readonly Pending[],
    differences: read("channels-differences.json") as readonly Difference[],
  };
}

/**
 * Plays all scenarios and answers in their order.
 *
 * Which step a frame belongs to is a matter of milliseconds, and on a machine with other work they pass without us. So what
 * failed is played once more at the end, with nothing beside it: what is wrong fails again.
 */
export async function playAll(
  scenarios: readonly Scenario[],
  port: number,
  exceptions: Exceptions,
  concurrency: number = CONCURRENCY,
): Promise<readonly Played[]> {
  const played: Played[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < scenarios.length; index = next++) {
      played[index] = await playOne(scenarios[index] as Scenario, port, exceptions);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  for (const [index, { scenario, outcome }] of played.entries()) {
    if (outcome !== "failed") continue;
    const again = await playOne(scenario, port, exceptions);
    played[index] = again.outcome === "passed" ? { ...again, again: true } : again;
  }
  return played;
}

async function playOne(scenario: Scenario, port: number, { pending, differences }: Exceptions): Promise<Played> {
  const waiting = pending.find((entry) => isPending(scenario, entry));
  if (waiting !== undefined) return { scenario, outcome: "pending", detail: waiting.reason };
  const difference = differences.find(({ name }) => name === scenario.name);
  let failure: Failure | undefined;
  try {
    failure = await play(scenario, port, difference === undefined ? {} : insteadOf(scenario, difference));
  } catch (error) {
    return { scenario, outcome: "failed", detail: String(error) };
  }
  if (failure !== undefined) {
    return { scenario, outcome: scenario.optional ? "optional" : "failed", detail: formatFailure(failure) };
  }
  return { scenario, outcome: difference ? "different" : "passed", detail: difference?.reason ?? "" };
}

function isPending({ area, name, steps }: Scenario, entry: Pending): boolean {
  if (entry.area !== undefined && entry.area !== area) return false;
  if (entry.name !== undefined && !fits(entry.name, name)) return false;
  const { path, topic } = entry;
  if (topic !== undefined && !topicsOf(steps).some((sent) => fits(topic, sent))) return false;
  return path === undefined || steps.some((step) => step.path !== undefined && fits(path, step.path));
}

/** The topics that are sent, in either version of the wire protocol. */
function topicsOf(steps: readonly Step[]): readonly string[] {
  const frames = steps.flatMap(({ frames = [], body }) => [...frames.map(({ json }) => json), ...postedIn(body)]);
  return frames.flatMap((json) => {
    const topic = Array.isArray(json)
      ? (json[2] as unknown)
      : (json as { readonly topic?: unknown } | undefined)?.topic;
    return typeof topic === "string" ? [topic] : [];
  });
}

function postedIn(body: HttpBody | undefined): readonly Json[] {
  if (body === undefined || typeof body === "string") return [];
  return "json" in body ? [body.json] : body.lines;
}

function insteadOf({ steps }: Scenario, { instead = {}, unordered = [] }: Difference): Record<string, Expectations> {
  const anyOrder = unordered.map((number) => {
    const lists = Object.entries(steps[number - 1]?.expect ?? {});
    return [
      String(number),
      Object.fromEntries(lists.map(([client, events]) => [client, [{ unordered: events }]])),
    ] as const;
  });
  return { ...Object.fromEntries(anyOrder), ...instead };
}

function fits(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}

/** How many of each outcome. */
export function count(played: readonly Played[]): Readonly<Record<Outcome, number>> {
  const counts = { passed: 0, failed: 0, different: 0, pending: 0, optional: 0 };
  for (const { outcome } of played) counts[outcome]++;
  return counts;
}
