/** `npm run chaos -- matrix`: every row, under threads and in OS processes, one after the other. */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { resolveRuntimeOptions } from "../../src/runtime/options.js";
import { type Cell, type Isolation, runCell } from "./cell.js";
import { chosenRows } from "./rows.js";
import { describeCell, withCells } from "./table.js";

const USAGE = `npm run chaos -- matrix [FILTER…] [options]

  FILTER…            rows with that in their name, or of that group
  --isolation KIND   thread or process; both unless it is given
  --connections N    300
  --channels N       of each connection, 3
  --schedulers N     2
  --echoes N         a second, 2000
  --write            puts what came of it into the table of docs/isolation.md
`;

export async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      isolation: { type: "string" },
      connections: { type: "string", default: "300" },
      channels: { type: "string", default: "3" },
      schedulers: { type: "string", default: "2" },
      echoes: { type: "string", default: "2000" },
      write: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const chosen = chosenRows(positionals);
  if (values.help || chosen.length === 0) {
    console.log(values.help ? USAGE : `no row has ${positionals.join(" or ")} in its name`);
    return values.help ? 0 : 1;
  }
  const { connections, channels, schedulers, echoes } = values;
  const scale = {
    ...{ connections: Number(connections), channels: Number(channels), schedulers: Number(schedulers) },
    echoesPerSecond: Number(echoes),
  };
  const machine = `Node.js ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model.trim()}`;
  console.log(`${machine}; ${connections} connections with ${channels} channels each, ${schedulers} schedulers\n`);
  const cells: Cell[] = [];
  for (const row of chosen) {
    for (const isolation of isolationsOf(values.isolation)) {
      const cell = await runCell(row, isolation, scale);
      cells.push(cell);
      console.log(describeCell(cell));
    }
  }
  if (values.write) {
    const page = new URL("../../../docs/isolation.md", import.meta.url);
    writeFileSync(page, withCells(readFileSync(page, "utf8"), cells, machine));
  }
  const bad = cells.filter(({ problems }) => problems.length > 0);
  console.log(`\n${cells.length} cells, ${bad.length} with problems`);
  return 0;
}

/** Those asked for, of those there are: process isolation is not in every version. */
function isolationsOf(asked: string | undefined): readonly Isolation[] {
  const known: readonly Isolation[] = "isolation" in resolveRuntimeOptions({}) ? ["thread", "process"] : ["thread"];
  return known.filter((isolation) => asked === undefined || asked === isolation);
}
