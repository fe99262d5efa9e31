/** The result of `joist load` as text. */
import type { Failure } from "./failures.js";
import type { Percentiles } from "./latency.js";
import type { LoadOptions } from "./options.js";
import type { LoadResult } from "./result.js";

/** What is about to be done, in one line. */
function planLine(options: LoadOptions): string {
  const { url, connections, channels, event, topic, rate, inFlight, durationMs, warmUpMs, payload } = options;
  const pace = rate > 0 ? `${count(rate)} messages a second` : `${count(inFlight)} in flight each`;
  const bytes = Buffer.byteLength(payload.at(0, 0));
  return (
    `${url.origin}${url.pathname}: ${many(connections, "connection")}, ${many(channels, "channel")} each from ${topic.text}; ` +
    `"${event}" with ${many(bytes, "byte")}, ${pace}; ${durationMs / 1000} s after ${warmUpMs / 1000} s of warm-up`
  );
}

export function reportLines(result: LoadResult, options: LoadOptions): string[] {
  return [
    planLine(options),
    "",
    ...connectionLines(result),
    ...messageLines(result, options),
    ...failureLines(result),
    ...remarks(result),
  ];
}

function connectionLines({ connections, channels }: LoadResult): string[] {
  const { opened, wanted, seconds } = connections;
  const rate = seconds > 0 ? opened / seconds : 0;
  return [
    row("connections", `${count(opened)} of ${count(wanted)} opened in ${seconds.toFixed(1)} s (${perSecond(rate)})`),
    row("  connect", percentiles(connections.connectMs, ["p50", "p99", "max"])),
    row("channels", `${count(channels.joined)} of ${count(channels.wanted)} joined`),
    row("  join", percentiles(channels.joinMs, ["p50", "p99", "max"])),
  ];
}

function messageLines({ messages, latencyMs, bytes, generator }: LoadResult, { rate }: LoadOptions): string[] {
  const { sent, answered, failed, pushed, seconds, sentPerSecond, answeredPerSecond } = messages;
  if (sent === 0) return [row("messages", "none sent")];
  const late = `late by p99 ${ms(generator.lateP99Ms)}, max ${ms(generator.lateMaxMs)}`;
  return [
    row("messages", `${count(sent)} sent (${perSecond(sentPerSecond)}) in ${seconds.toFixed(1)} s`),
    row("", `${count(answered)} answered (${perSecond(answeredPerSecond)}), ${count(failed)} failed`),
    row("  latency", percentiles(latencyMs, ["p50", "p90", "p99", "p99.9", "max"])),
    row("", `since each was ${rate > 0 ? "meant to be sent" : "sent"}`),
    ...(pushed === 0
      ? []
      : [row("", `${count(pushed)} pushes and broadcasts came besides (${perSecond(pushed / seconds)})`)]),
    row("bytes", `${size(bytes.out)} out, ${size(bytes.in)} in`),
    row("generator", `${part(generator.processors)} of a processor; event loop ${part(generator.busy)} busy, ${late}`),
    ...(generator.behind === 0
      ? []
      : [row("", `${count(generator.behind)} more messages were due: no time to send them`)]),
  ];
}

function failureLines({ failures, warmUpFailures }: LoadResult): string[] {
  if (failures.length === 0 && warmUpFailures.length === 0) return [row("failures", "none")];
  const lines = (of: readonly Failure[], when: string): string[] =>
    of.flatMap(({ kind, count: times, examples }) => [
      `  ${count(times)} × ${kind}${when}`,
      ...examples.map((example) => `      ${printable(example)}`),
    ]);
  return ["failures", ...lines(failures, ""), ...lines(warmUpFailures, ", in the warm-up")];
}

function remarks({ ended, generator }: LoadResult): string[] {
  return [
    ...(ended === "interrupted" ? ["", "It was interrupted: these are the results so far."] : []),
    ...(ended === "nothing left to send to" ? ["", "It ended early: no joined channel was left to send to."] : []),
    ...(generator.wasLimit ? ["", LIMIT] : generator.wasLate ? ["", LATE] : []),
  ];
}

const LIMIT =
  "THE LOAD GENERATOR ITSELF WAS THE LIMIT: rates and latencies are its own, not the server's. Ask for less, give it a\n" +
  "machine that does nothing else, or run several.";
const LATE =
  "The load generator was late, as on a machine that is busy with other things: latencies are partly its own, not the\n" +
  "server's.";

function row(head: string, text: string): string {
  return `${head.padEnd(13)}${text}`.trimEnd();
}

function percentiles(of: Percentiles | null, which: readonly (keyof Percentiles)[]): string {
  return of === null ? "nothing to measure" : which.map((name) => `${name} ${ms(of[name])}`).join("   ");
}

/** Three digits are what is measured. */
function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : count(Math.round(value))} ms`;
}

function part(value: number): string {
  return `${(value * 100).toFixed(0)}%`;
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function many(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? "" : "s"}`;
}

function perSecond(value: number): string {
  return `${value < 99.95 ? value.toFixed(1) : count(Math.round(value))}/s`;
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/** What a server says is shown on a terminal: without what would command that. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
