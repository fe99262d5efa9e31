/** The rows as one HTML page that needs nothing else: the table, and two plots a scenario as inline SVG. */
import { PERCENTILES, type Row } from "./results.js";
import type { Scenario } from "./scenarios.js";
import { notes } from "./table.js";

const COLORS: Readonly<Record<string, string>> = {
  joist: "#b4531a",
  ws: "#4a6fa5",
  "ws-prebuilt": "#7aa5d8",
  "socket-io": "#6b6b6b",
};
const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
h2{margin-top:2.5rem}table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child,td:last-child{text-align:left}svg{max-width:100%;height:auto}text{font:12px system-ui,sans-serif}`;

export function htmlReport(rows: readonly Row[], scenarios: readonly Scenario[], machine: string): string {
  const sections = scenarios.map((scenario) => {
    const own = rows.filter((row) => row.scenario === scenario.name);
    const bars = scenario.kind === "idle" ? memoryBars(own) : cpuBars(own);
    return `<h2>${escapeHtml(scenario.title)}</h2>${tableOf(own)}${bars}${latencyPlot(own)}`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Joist under load</title><style>${STYLE}</style></head>
<body><h1>Joist under load</h1><p>${escapeHtml(machine)}</p>${sections.join("\n")}</body></html>\n`;
}

function tableOf(rows: readonly Row[]): string {
  const head = [
    "server",
    "CPU µs a message",
    "lowest to highest",
    "messages/s",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "PSS",
    "notes",
  ];
  const lines = rows.map((row) => {
    const latency = (percentile: string): string => {
      const micros = row.latency?.[percentile];
      return micros === undefined ? "" : (micros / 1000).toFixed(2);
    };
    return [
      row.server,
      row.cpuMicros?.toFixed(1) ?? "",
      row.cpuRange?.map((micros) => micros.toFixed(1)).join(" to ") ?? "",
      row.perSecond === null ? "" : Math.round(row.perSecond).toLocaleString("en"),
      ...[latency("50"), latency("99"), latency("99.9")],
      `${(row.pssBytes / 1_048_576).toFixed(0)} MiB`,
      notes(row),
    ];
  });
  const cells = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join("")}</tr>`;
  return `<table>${cells("th", head)}${lines.map((line) => cells("td", line)).join("")}</table>`;
}

function cpuBars(rows: readonly Row[]): string {
  return bars("CPU µs a message", rows, ({ cpuMicros }) => cpuMicros ?? 0);
}

function memoryBars(rows: readonly Row[]): string {
  return bars("KiB a connection", rows, ({ bytesEach }) => (bytesEach ?? 0) / 1024);
}

function bars(title: string, rows: readonly Row[], read: (row: Row) => number): string {
  const highest = Math.max(...rows.map(read), Number.MIN_VALUE);
  const lines = rows.map((row, i) => {
    const [y, width] = [28 + i * 26, (read(row) / highest) * 430];
    return `<text x="95" y="${y + 14}" text-anchor="end">${escapeHtml(row.server)}</text><rect x="100" y="${y}" width="${width.toFixed(1)}" height="18" fill="${COLORS[row.server]}"/><text x="${(106 + width).toFixed(1)}" y="${y + 14}">${read(row).toFixed(1)}</text>`;
  });
  return svg(620, 36 + rows.length * 26, `<text x="100" y="16">${escapeHtml(title)}</text>${lines.join("")}`);
}

/** Latency over percentiles: to the right by how rare (one in 1, 10, 100 …), upwards by powers of ten of milliseconds. */
function latencyPlot(rows: readonly Row[]): string {
  const plotted = rows.filter((row) => row.latency !== null);
  const values = plotted.flatMap((row) => Object.values(row.latency ?? {})).map((micros) => Math.max(1, micros));
  if (values.length === 0) return "";
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const x = (percentile: number): number =>
    70 + (Math.min(5, -Math.log10(1 - Math.min(percentile, 99.999) / 100)) / 5) * 480;
  const y = (micros: number): number => 230 - ((Math.log10(Math.max(1, micros)) - low) / (high - low)) * 200;
  const grid = Array.from({ length: high - low + 1 }, (_, i) => {
    const micros = 10 ** (low + i);
    return `<line x1="70" x2="550" y1="${y(micros)}" y2="${y(micros)}" stroke="#ddd"/><text x="64" y="${y(micros) + 4}" text-anchor="end">${micros / 1000} ms</text>`;
  });
  const marks = [50, 90, 99, 99.9, 99.99].map(
    (percentile) => `<text x="${x(percentile).toFixed(1)}" y="248" text-anchor="middle">p${percentile}</text>`,
  );
  const lines = plotted.map((row, i) => {
    const points = PERCENTILES.map((p) => `${x(p).toFixed(1)},${y(row.latency?.[p] ?? 1).toFixed(1)}`).join(" ");
    const color = COLORS[row.server];
    return `<polyline points="${points}" fill="none" stroke="${color}" stroke-width="2"/><text x="${80 + i * 110}" y="18" fill="${color}">${escapeHtml(row.server)}</text>`;
  });
  return svg(620, 256, [...grid, ...marks, ...lines].join(""));
}

function svg(width: number, height: number, content: string): string {
  return `<p><svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">${content}</svg></p>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
