/** What came of the cells, as lines for the terminal and as the table of docs/isolation.md. */
import type { Cell } from "./cell.js";
import { rows } from "./rows.js";

const BEGIN = "<!-- matrix: written by `npm run chaos -- matrix --write` -->";
const END = "<!-- end of matrix -->";
const HEADS = [
  "What user code does",
  "Threads: costs",
  "phx_error, rejoined; others",
  "Processes: costs",
  "phx_error, rejoined; others",
];

/** One line for people who watch. */
export function describeCell(cell: Cell): string {
  const { row, isolation, cause, peakRssMib, zombies, problems } = cell;
  const more = [cause, `${peakRssMib} MiB`, zombies > 0 ? `${zombies} zombies` : ""].filter((text) => text !== "");
  const line = [row, isolation, costText(cell), timesText(cell), more.join(", ")].join(" | ");
  return problems.length === 0 ? line : `${line}\n    ! ${problems.join("\n    ! ")}`;
}

/** The page with these cells in its table; what was not run stays as it was. */
export function withCells(page: string, cells: readonly Cell[], machine: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`the page has no ${BEGIN} … ${END}`);
  const known = readRows(page.slice(begin, end));
  for (const cell of cells) {
    const line = known.get(cell.row) ?? ["", "", "", ""];
    const at = cell.isolation === "thread" ? 0 : 2;
    known.set(cell.row, line.with(at, costText(cell)).with(at + 1, timesText(cell)));
  }
  const lines = rows.flatMap(({ name, note }) => {
    const line = known.get(name);
    return line === undefined ? [] : [tableRow([note === undefined ? `\`${name}\`` : `\`${name}\`: ${note}`, ...line])];
  });
  const table = [BEGIN, `${machine}:`, "", tableRow(HEADS), tableRow(HEADS.map(() => "---")), ...lines, ""].join("\n");
  return `${page.slice(0, begin)}${table}${page.slice(end)}`;
}

function readRows(table: string): Map<string, readonly string[]> {
  const known = new Map<string, readonly string[]>();
  for (const line of table.split("\n")) {
    const [, name, ...cells] = line.split("|").map((text) => text.trim());
    const key = /^`(\w+)`/.exec(name ?? "")?.[1];
    if (key !== undefined) known.set(key, cells.slice(0, HEADS.length - 1));
  }
  return known;
}

function tableRow(texts: readonly string[]): string {
  return `| ${texts.join(" | ")} |`;
}

function costText({ cost, culprit, problems }: Cell): string {
  const named = culprit === "none" || culprit === "reported" ? "" : `, culprit ${culprit}`;
  const beside = problems.length === 0 ? "" : ` (${problems.join("; ").replaceAll("|", "\\|")})`;
  switch (cost.of) {
    case "nothing":
      return `nothing${beside}`;
    case "attempt":
      return `that attempt${beside}`;
    case "channel":
      return `its channel${beside}`;
    case "connection":
      return `its connection${beside}`;
    case "thread": {
      const threads = cost.threads === 1 ? "its thread" : `**${cost.threads} threads**`;
      return `${threads}, ${cost.siblings} channels${named}${beside}`;
    }
    case "others":
      return `**others**${beside}`;
    case "all":
      return `**everything**: ${cost.end}`;
  }
}

function timesText({ cost, errorMs, rejoinMs, othersMs }: Cell): string {
  if (cost.of === "all") return "–";
  if (cost.of === "nothing" || cost.of === "attempt" || cost.of === "connection") return `others ${othersMs} ms`;
  const told = errorMs === 0 ? "–" : `${errorMs} ms`;
  const back = errorMs === 0 ? "–" : `${rejoinMs} ms`;
  return `${told}, ${back}; others ${othersMs} ms`;
}
