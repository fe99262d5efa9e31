/** The rows as one table of text, for the terminal and for Markdown pages alike. */
import type { Row } from "./results.js";

/** Processors used by other programs from which on a row's rate and latency are not to be trusted. */
const DISTURBED = 0.2;
const HEAD = [
  "scenario",
  "server",
  "CPU µs a message",
  "messages/s",
  "p50 ms",
  "p99 ms",
  "memory",
  "CPU to ws",
  "rate to ws",
  "notes",
] as const;
/** Columns of words; numbers are set to the right. */
const WORDS: readonly number[] = [0, 1, 9];

export function table(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.scenario,
    row.server,
    row.cpuMicros === null ? "" : row.cpuMicros.toFixed(1),
    row.perSecond === null ? "" : Math.round(row.perSecond).toLocaleString("en"),
    milliseconds(row.latency?.["50"]),
    milliseconds(row.latency?.["99"]),
    row.bytesEach === null
      ? `${(row.pssBytes / 1_048_576).toFixed(0)} MiB`
      : `${(row.bytesEach / 1024).toFixed(1)} KiB each`,
    row.toWs?.cpu == null ? "" : `${row.toWs.cpu.toFixed(2)}x`,
    row.toWs?.rate == null ? "" : `${row.toWs.rate.toFixed(2)}x`,
    notes(row),
  ]);
  const widths = HEAD.map((head, i) => Math.max(head.length, ...cells.map((line) => (line[i] as string).length)));
  const line = (columns: readonly string[]): string =>
    `| ${columns.map((text, i) => (WORDS.includes(i) ? text.padEnd(widths[i] as number) : text.padStart(widths[i] as number))).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (WORDS.includes(i) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(HEAD), rule, ...cells.map(line)].join("\n");
}

/** What a reader has to know before he believes the row. */
export function notes(row: Row): string {
  const said: string[] = [];
  if (row.generatorBound) said.push("generator at its limit");
  if (row.othersProcessors >= DISTURBED) said.push(`others used ${row.othersProcessors.toFixed(1)} processors`);
  if (row.crashesPerSecond !== null)
    said.push(`${Math.round(row.crashesPerSecond).toLocaleString("en")} crashes a second`);
  if (row.failures > 0) said.push(`${row.failures} failures`);
  if (row.toWs?.memory != null) said.push(`memory ${row.toWs.memory.toFixed(2)}x ws`);
  return [...said, ...row.problems].join("; ");
}

function milliseconds(micros: number | undefined): string {
  return micros === undefined ? "" : (micros / 1000).toFixed(2);
}
