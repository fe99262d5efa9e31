/**
 * The roster of processes that have no memory in common, because their schedulers are OS processes: a folder. A process is a symbolic
 * link in it, which is there as a whole or not at all, and only once.
 *
 * ```
 *   stamps      a byte an event
 *   place-N     one a process that was placed
 *   LABEL-N     ─► pid; LABEL is the label's number, N the process's
 * ```
 */
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pid } from "../../../src/core/pid.js";
import type { Entry, Roster } from "./roster.js";

export interface FolderData {
  readonly folder: string;
  readonly labels: readonly string[];
}

export function makeFolderRoster(labels: readonly string[]): FolderData {
  const folder = mkdtempSync(join(tmpdir(), "roster-"));
  writeFileSync(join(folder, "stamps"), "");
  return { folder, labels };
}

export class FolderRoster implements Roster {
  readonly #folder: string;
  readonly #labels: readonly string[];

  constructor({ folder, labels }: FolderData) {
    this.#folder = folder;
    this.#labels = labels;
  }

  /** The time, on the one clock that all processes of a machine have. */
  stamp(): number {
    const now = Number(process.hrtime.bigint());
    appendFileSync(join(this.#folder, "stamps"), ".");
    return now;
  }

  get stamps(): number {
    return statSync(join(this.#folder, "stamps")).size;
  }

  nextPlace(): number {
    return this.#next("place", "taken") - 1;
  }

  begin(base: string, pid: Pid): number {
    const label = this.#labels.indexOf(base);
    if (label === -1) throw new Error(`"${base}" is not among the strings of the scenario`);
    return this.#next(String(label), pid);
  }

  pidOf(label: string): Pid | undefined {
    const [base, number] = label.split("#");
    const entries = [...this.entries()].filter((entry) => entry.base === base);
    const latest = Math.max(...entries.map((entry) => entry.number));
    return entries.find((entry) => entry.number === (number === undefined ? latest : Number(number)))?.pid;
  }

  labelOf(pid: Pid): string | undefined {
    for (const entry of this.entries()) if (entry.pid === pid) return `${entry.base}#${entry.number}`;
    return undefined;
  }

  *entries(): Generator<Entry> {
    for (const file of readdirSync(this.#folder)) {
      const [label, number] = file.split("-");
      if (number === undefined || label === "place") continue;
      const pid = readlinkSync(join(this.#folder, file)) as Pid; // `begin` put it there
      yield { base: this.#labels[Number(label)] as string, number: Number(number), pid };
    }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  /** Takes the next free number after `prefix`. */
  #next(prefix: string, content: string): number {
    for (let number = 1; ; number++) {
      try {
        symlinkSync(content, join(this.#folder, `${prefix}-${number}`));
        return number;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
  }
}
