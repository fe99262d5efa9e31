/**
 * What all processes of one scenario share at once, on whatever threads they are: the order of events, and who has which
 * label. In shared memory, because both must be true at the instant somebody asks: an event is stamped where it happens,
 * so that what one process causes in another always has the later stamp, and a label is known to all before its process
 * does anything that could make others ask for it. (Between OS processes there is none: `folder-roster.ts`.)
 *
 * ```
 *   0        1        2       3 …                  then, 5 words a process, in the order they began
 *   stamps   entries  places  processes per label  label + 1 (0: not written yet), number, thread, serial, creator
 * ```
 */
import { makePid, type Pid, pidParts } from "../../../src/core/pid.js";
import { type FolderData, FolderRoster, makeFolderRoster } from "./folder-roster.js";

const STAMPS = 0;
const ENTRIES = 1;
const PLACES = 2;
const COUNTS = 3;
const ENTRY = 5;
/** Processes one scenario can have. */
const MAX_ENTRIES = 1000;

export interface Entry {
  readonly base: string;
  readonly number: number;
  readonly pid: Pid;
}

export interface Roster {
  /** The place of an event in the order of all of them. */
  stamp(): number;
  /** How many events there are. */
  readonly stamps: number;
  /** Counts the processes that are placed. */
  nextPlace(): number;
  /** Gives `pid` the next number of `base`. */
  begin(base: string, pid: Pid): number;
  /** The process with a label: `a#2` is exactly that one, `a` the latest of its base. */
  pidOf(label: string): Pid | undefined;
  labelOf(pid: Pid): string | undefined;
  entries(): Iterable<Entry>;
  /** Nobody asks any more. */
  close(): void;
}

/** A roster as it is sent to other threads. `labels` are all strings that can be one. */
export type RosterData = SharedData | FolderData;

interface SharedData {
  readonly words: SharedArrayBuffer;
  readonly labels: readonly string[];
}

/** @param isShared - Whether all processes of the scenario are in one OS process. */
export function makeRoster(labels: readonly string[], isShared: boolean): RosterData {
  if (!isShared) return makeFolderRoster(labels);
  const words = COUNTS + labels.length + ENTRY * MAX_ENTRIES;
  return { words: new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT), labels };
}

export function openRoster(data: RosterData): Roster {
  return "folder" in data ? new FolderRoster(data) : new SharedRoster(data);
}

class SharedRoster implements Roster {
  readonly #words: Int32Array;
  readonly #labels: readonly string[];
  readonly #first: number;

  constructor({ words, labels }: SharedData) {
    this.#words = new Int32Array(words);
    this.#labels = labels;
    this.#first = COUNTS + labels.length;
  }

  stamp(): number {
    return Atomics.add(this.#words, STAMPS, 1);
  }

  get stamps(): number {
    return Atomics.load(this.#words, STAMPS);
  }

  nextPlace(): number {
    return Atomics.add(this.#words, PLACES, 1);
  }

  begin(base: string, pid: Pid): number {
    const label = this.#labels.indexOf(base);
    if (label === -1) throw new Error(`"${base}" is not among the strings of the scenario`);
    const number = Atomics.add(this.#words, COUNTS + label, 1) + 1;
    const entry = Atomics.add(this.#words, ENTRIES, 1);
    if (entry >= MAX_ENTRIES) throw new Error(`a scenario can have ${MAX_ENTRIES} processes`);
    const { thread, serial, creator } = pidParts(pid);
    const at = this.#first + entry * ENTRY;
    for (const [index, word] of [number, thread, serial, creator].entries()) {
      Atomics.store(this.#words, at + 1 + index, word);
    }
    Atomics.store(this.#words, at, label + 1); // last: from now on the entry is there
    return number;
  }

  pidOf(label: string): Pid | undefined {
    const [base, number] = label.split("#");
    let found: { readonly number: number; readonly pid: Pid } | undefined;
    for (const entry of this.entries()) {
      if (entry.base !== base || (number !== undefined && entry.number !== Number(number))) continue;
      if (found === undefined || entry.number > found.number) found = entry;
    }
    return found?.pid;
  }

  labelOf(pid: Pid): string | undefined {
    for (const entry of this.entries()) if (entry.pid === pid) return `${entry.base}#${entry.number}`;
    return undefined;
  }

  close(): void {}

  *entries(): Generator<Entry> {
    const count = Atomics.load(this.#words, ENTRIES);
    for (let entry = 0; entry < count; entry++) {
      const at = this.#first + entry * ENTRY;
      const label = Atomics.load(this.#words, at);
      if (label === 0) continue;
      const word = (index: number): number => Atomics.load(this.#words, at + index);
      const pid = makePid(word(2), word(3), word(4));
      yield { base: this.#labels[label - 1] as string, number: word(1), pid };
    }
  }
}
