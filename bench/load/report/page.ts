/** The rows as one HTML page that needs nothing else: tables, plots and flame graphs as inline SVG, no script. */
import type { Row } from "../results.js";
import type { Scenario, ServerName } from "../scenarios.js";
import { notes } from "../table.js";
import { flameGraph } from "./flame.js";
import { bars, latencyPlot, memoryPlot, throughputPlot } from "./plots.js";
import type { ThreadProfile } from "./profile.js";
import { FLAME_KEYS, STYLE } from "./style.js";
import { escapeHtml } from "./svg.js";

/** The CPU profiles of one server in one scenario. */
export interface ServerProfiles {
  readonly scenario: string;
  readonly server: ServerName;
  readonly threads: readonly ThreadProfile[];
}

export interface Report {
  readonly rows: readonly Row[];
  readonly scenarios: readonly Scenario[];
  readonly machine: string;
  readonly profiles: readonly ServerProfiles[];
}

export function htmlReport({ rows, scenarios, machine, profiles }: Report): string {
  const sections = scenarios.map((scenario) => {
    const own = rows.filter((row) => row.scenario === scenario.name);
    const flames = profiles.filter((one) => one.scenario === scenario.name).map(flameSection);
    return `<section id="${scenario.name}"><h2>${escapeHtml(scenario.title)}</h2>${tableOf(own)}
<div class="plots">${plotsOf(scenario, own)}</div>${flames.join("")}</section>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Joist under load</title><style>${STYLE}</style></head>
<body><h1>Joist under load</h1><p>${escapeHtml(machine)}</p>${overview(rows, scenarios)}${sections.join("\n")}</body></html>\n`;
}

/** Joist's cost as a multiple of that of `ws`, scenario by scenario. */
function overview(rows: readonly Row[], scenarios: readonly Scenario[]): string {
  const times = (value: number | null | undefined): string => (value == null ? "" : `${value.toFixed(2)}x`);
  const lines = scenarios.flatMap(({ name, title }) => {
    const row = rows.find(({ scenario, server }) => scenario === name && server === "joist");
    if (row === undefined) return [];
    const { toWs } = row;
    const cells = [times(toWs?.cpu), times(toWs?.rate), times(toWs?.memory)].map((cell) => `<td>${cell}</td>`);
    return [`<tr><td class="left"><a href="#${name}">${escapeHtml(title)}</a></td>${cells.join("")}</tr>`];
  });
  const head = ["CPU a message", "messages/s", "memory each"].map((said) => `<th>${said}</th>`).join("");
  return `<div class="scroll"><table><tr><th class="left">Joist, as a multiple of ws</th>${head}</tr>${lines.join("")}</table></div>`;
}

function plotsOf({ kind }: Scenario, rows: readonly Row[]): string {
  const each = rows.some(({ bytesEach }) => bytesEach !== null)
    ? bars("KiB of memory each", rows, ({ bytesEach }) => (bytesEach ?? 0) / 1024)
    : "";
  const cpu = kind === "idle" ? "" : bars("CPU µs a message", rows, ({ cpuMicros }) => cpuMicros ?? 0);
  return cpu + each + latencyPlot(rows) + throughputPlot(rows) + memoryPlot(rows);
}

function tableOf(rows: readonly Row[]): string {
  const head = [
    ...["server", "CPU µs a message", "lowest to highest", "messages/s"],
    ...["p50 ms", "p99 ms", "p99.9 ms", "PSS", "notes"],
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
    `<tr>${texts.map((said, i) => `<${tag}${i === 0 || i === texts.length - 1 ? ' class="left"' : ""}>${escapeHtml(said)}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table>${cells("th", head)}${lines.map((line) => cells("td", line)).join("")}</table></div>`;
}

function flameSection({ server, threads }: ServerProfiles): string {
  if (threads.length === 0) return "";
  const keys = FLAME_KEYS.map(([color, said]) => `<span style="background:var(${color})">${said}</span>`).join("");
  const open = server === "joist" ? " open" : "";
  return `<details${open}><summary>Where ${server} spends its time</summary><p class="keys">${keys}</p>${threads.map(flameGraph).join("")}</details>`;
}
