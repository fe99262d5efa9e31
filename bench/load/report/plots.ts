/** The plots of one scenario. */
import { PERCENTILES, type Row } from "../results.js";
import { SERVER_COLORS, svg, text } from "./svg.js";

/** Of every plot, in pixels; two of them stand beside each other on a wide page. */
const [WIDTH, HEIGHT] = [540, 250];
const [LEFT, RIGHT, TOP, BOTTOM] = [72, 522, 46, 222];

export function bars(title: string, rows: readonly Row[], read: (row: Row) => number): string {
  const highest = Math.max(...rows.map(read), Number.MIN_VALUE);
  const lines = rows.map((row, i) => {
    const [y, width] = [30 + i * 26, (read(row) / highest) * 350];
    const bar = `<rect x="92" y="${y}" width="${width.toFixed(1)}" height="18" fill="${SERVER_COLORS[row.server]}"/>`;
    return text(86, y + 14, row.server, "end") + bar + text(98 + width, y + 14, read(row).toFixed(1));
  });
  return svg(WIDTH, 38 + rows.length * 26, heading(title) + lines.join(""));
}

/** Latency over percentiles: to the right by how rare (one in 1, 10, 100 …), upwards by powers of ten of milliseconds. */
export function latencyPlot(rows: readonly Row[]): string {
  const plotted = rows.filter((row) => row.latency !== null);
  const values = plotted.flatMap((row) => Object.values(row.latency ?? {})).map((micros) => Math.max(1, micros));
  if (values.length === 0) return "";
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const x = (percentile: number): number =>
    LEFT + (Math.min(5, -Math.log10(1 - Math.min(percentile, 99.999) / 100)) / 5) * (RIGHT - LEFT);
  const y = (micros: number): number =>
    BOTTOM - ((Math.log10(Math.max(1, micros)) - low) / (high - low)) * (BOTTOM - TOP);
  const grid = Array.from({ length: high - low + 1 }, (_, i) =>
    gridLine(y(10 ** (low + i)), `${10 ** (low + i) / 1000} ms`),
  );
  const marks = [50, 90, 99, 99.9, 99.99].map((p) => text(x(p), BOTTOM + 16, `p${p}`, "middle"));
  const lines = plotted.map((row) =>
    line(
      row,
      PERCENTILES.map((p) => [x(p), y(row.latency?.[p] ?? 1)]),
    ),
  );
  return svg(WIDTH, HEIGHT, [heading("Latency"), legend(plotted), ...grid, ...marks, ...lines].join(""));
}

/** Messages a second over the time of the last round. */
export function throughputPlot(rows: readonly Row[]): string {
  const plotted = rows.filter(({ samples, perSecond }) => samples.length > 1 && perSecond !== null);
  return overTime("Messages a second", plotted, ({ samples }) =>
    samples.slice(1).map(({ ms, messages }, i) => {
      const before = samples[i] ?? { ms: 0, messages: 0 };
      return [(before.ms + ms) / 2, ((messages - before.messages) * 1000) / Math.max(1, ms - before.ms)];
    }),
  );
}

/** The server's memory over the time of the last round. */
export function memoryPlot(rows: readonly Row[]): string {
  const plotted = rows.filter(({ samples }) => samples.length > 1);
  return overTime("Memory (PSS), MiB", plotted, ({ samples }) =>
    samples.map(({ ms, pssBytes }) => [ms, pssBytes / 2 ** 20]),
  );
}

function overTime(title: string, rows: readonly Row[], read: (row: Row) => [number, number][]): string {
  const series = rows.map((row) => ({ row, points: read(row) }));
  const all = series.flatMap(({ points }) => points);
  if (all.length === 0) return "";
  const lastMs = Math.max(...all.map(([ms]) => ms), 1);
  const top = niceTop(Math.max(...all.map(([, value]) => value), Number.MIN_VALUE));
  const x = (ms: number): number => LEFT + (ms / lastMs) * (RIGHT - LEFT);
  const y = (value: number): number => BOTTOM - (value / top) * (BOTTOM - TOP);
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => gridLine(y(top * part), (top * part).toLocaleString("en")));
  const marks = [0, 0.5, 1].map((part) =>
    text(x(lastMs * part), BOTTOM + 16, `${((lastMs * part) / 1000).toFixed(1)} s`, "middle"),
  );
  const lines = series.map(({ row, points }) =>
    line(
      row,
      points.map(([ms, value]) => [x(ms), y(value)]),
    ),
  );
  return svg(WIDTH, HEIGHT, [heading(title), legend(rows), ...grid, ...marks, ...lines].join(""));
}

/** The next of 1, 2, 4, 6, 8 and their tenfolds: a quarter of it is a number one likes to read. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8].find((step) => step * power >= value) ?? 10) * power;
}

function heading(title: string): string {
  return `<text class="heading" x="8" y="16">${title}</text>`;
}

function legend(rows: readonly Row[]): string {
  return rows
    .map(({ server }, i) => {
      const x = LEFT + i * 112;
      return `<rect x="${x}" y="26" width="10" height="10" fill="${SERVER_COLORS[server]}"/>${text(x + 15, 35, server)}`;
    })
    .join("");
}

function gridLine(y: number, label: string): string {
  return `<line x1="${LEFT}" x2="${RIGHT}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>${text(LEFT - 6, y + 4, label, "end")}`;
}

function line({ server }: Row, points: readonly (readonly number[])[]): string {
  const path = points.map((point) => point.map((value) => value.toFixed(1)).join(",")).join(" ");
  return `<polyline points="${path}" stroke="${SERVER_COLORS[server]}"/>`;
}
