/**
 * The vital signs of one thread, in memory it shares with the main thread, where `watchdog.ts` reads them. Each thread has a
 * buffer of its own, not a row of its slot: a terminated thread may live on for seconds in a native call, and what it still
 * writes must not be taken for its successor's.
 *
 * ```
 *   beat     counts up in a timer: the event loop turns
 *   heap     KiB of V8's heap and of buffers outside it, at that beat
 *   full     1 once the heap was over its limit although V8 had collected all garbage since it got there
 *   running  1 during a slice
 *   at       the row of this slice, or else of the last one
 *   rows     the last slices, a ring: serial and creator of the process, its label and above the label's
 *            bits its definition's number, messages in its mailbox at the slice's begin
 *   labels   texts the label numbers stand for
 * ```
 *
 * A slice writes plain numbers, no atomics: they are read by a thread that looks every 50 ms, and only when this one stands
 * still.
 */
import { getHeapStatistics } from "node:v8";
import { makePid, type Pid, pidParts } from "../../core/pid.js";
import type { ProcessRecord } from "../process-record.js";
import { pulse } from "./pulse.js";

const BEAT = 0;
const HEAP = 1;
const FULL = 2;
const RUNNING = 3;
const AT = 4;
const HEAD = 8;
/** Rows, a power of two, and what is in each. Slices in a row of the same process share one. */
const ROWS = 8;
const ROW = 4;
const SERIAL = 0;
const CREATOR = 1;
const LABEL = 2;
const WAITING = 3;
const SIGNS = HEAD + ROWS * ROW;
const HEAD_BYTES = SIGNS * Int32Array.BYTES_PER_ELEMENT;

/** Labels a thread can show, and how many of them processes have for themselves; the others are for kinds of processes. */
const MAX_LABELS = 256;
const MAX_OWN_LABELS = 224;
/** Bits of a label's number; those above are its definition's. */
const LABEL_BITS = 9;
/** UTF-8; longer ones are cut. */
const LABEL_BYTES = 64;

const VITALS_BYTES: number = HEAD_BYTES + (MAX_LABELS + 1) * LABEL_BYTES;

/** What the main thread sees. */
export interface Vitals {
  /** Counts up while the event loop turns. */
  readonly beat: number;
  readonly heapBytes: number;
  /** Over its limit, and no garbage. */
  readonly isFull: boolean;
  /** The process that is in its slice or had the last one; `null` if there was none yet. */
  readonly last: {
    readonly pid: Pid;
    readonly label: string | null;
    /** Its definition's number on that thread; 0 if it can't be kept apart from others. */
    readonly definition: number;
  } | null;
  /** Whether that process is in its slice. If not, whatever runs is code that came back from an `await`, or a timer. */
  readonly isRunning: boolean;
}

/** Of one that has not said anything yet. */
export const NO_VITALS: Vitals = { beat: 0, heapBytes: 0, isFull: false, isRunning: false, last: null };

export function allocateVitals(): SharedArrayBuffer {
  return new SharedArrayBuffer(VITALS_BYTES);
}

/** Reads the signs of `thread`. */
export function readVitals(buffer: SharedArrayBuffer, thread: number): Vitals {
  const signs = new Int32Array(buffer, 0, SIGNS);
  const at = (index: number): number => Atomics.load(signs, index);
  const last = readRow(buffer, thread, at(AT));
  return {
    beat: at(BEAT),
    heapBytes: at(HEAP) * 1024,
    isFull: at(FULL) === 1,
    isRunning: at(RUNNING) === 1,
    last: last === null ? null : { pid: last.pid, label: last.label, definition: last.definition },
  };
}

/** A process that had one of the last slices, and the messages in its mailbox when that began. */
export interface LastSlice {
  readonly pid: Pid;
  readonly label: string | null;
  /** Its definition's number on that thread; 0 if it can't be kept apart from others. */
  readonly definition: number;
  readonly mailboxLength: number;
}

/** The processes that had the last slices of `thread`, the newest first. */
export function readLastSlices(buffer: SharedArrayBuffer, thread: number): readonly LastSlice[] {
  const at = Atomics.load(new Int32Array(buffer, 0, SIGNS), AT);
  return Array.from({ length: ROWS }, (_, back) => readRow(buffer, thread, at - back)).filter((row) => row !== null);
}

function readRow(buffer: SharedArrayBuffer, thread: number, row: number): LastSlice | null {
  const signs = new Int32Array(buffer, 0, SIGNS);
  const at = (index: number): number => Atomics.load(signs, rowAt(row) + index);
  const serial = at(SERIAL);
  if (serial === 0) return null;
  const packed = at(LABEL);
  return {
    pid: makePid(thread, serial, at(CREATOR)),
    label: readLabel(buffer, packed & ((1 << LABEL_BITS) - 1)),
    definition: packed >>> LABEL_BITS,
    mailboxLength: at(WAITING),
  };
}

/** Where a row begins; rows wrap. */
function rowAt(row: number): number {
  return HEAD + (row & (ROWS - 1)) * ROW;
}

function readLabel(buffer: SharedArrayBuffer, number: number): string | null {
  if (number < 1 || number > MAX_LABELS) return null;
  const bytes = new Uint8Array(buffer, HEAD_BYTES + number * LABEL_BYTES, LABEL_BYTES).slice(); // decoders take no shared memory
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}

/** Writes the signs of this thread. */
export class VitalSigns {
  readonly #signs: Int32Array;
  readonly #labelBytes: Uint8Array;
  readonly #labels = new Map<string, number>();
  #timer: NodeJS.Timeout | null = null;
  /** Planted when the heap gets over its limit. A WeakRef is cleared by a full collection only, so it tells of one. */
  #canary: WeakRef<object> | null = null;

  /** @param buffer - Shared, if anybody is to see it. */
  constructor(buffer: ArrayBufferLike = new ArrayBuffer(VITALS_BYTES)) {
    this.#signs = new Int32Array(buffer, 0, SIGNS);
    this.#labelBytes = new Uint8Array(buffer, HEAD_BYTES);
  }

  /** A slice begins. Once per slice: `bench/vitals.bench.ts`. */
  begin(record: ProcessRecord): void {
    if (record.vitalSerial === 0 && !this.introduce(record)) return;
    const signs = this.#signs;
    const { vitalSerial } = record;
    let at = signs[AT] as number;
    if (signs[rowAt(at) + SERIAL] !== vitalSerial) signs[AT] = ++at;
    const row = rowAt(at);
    signs[row + SERIAL] = vitalSerial;
    signs[row + CREATOR] = record.vitalCreator;
    signs[row + LABEL] = record.vitalLabel;
    signs[row + WAITING] = record.mailbox.size;
    signs[RUNNING] = 1;
  }

  /** It is over. Who had it stays written: what runs outside of any slice is most likely the rest of its `await`. */
  end(): void {
    this.#signs[RUNNING] = 0;
  }

  /**
   * Makes numbers of what a process is called: before its first slice, and when its label changes. `false` for one that is not to
   * be seen: the pulse is asked between a leak's turns and when it is found, and nobody wants to know.
   */
  introduce(record: ProcessRecord): boolean {
    if (record.origin === pulse) return false;
    const isFirst = record.vitalSerial === 0;
    const { serial, creator } = pidParts(record.pid);
    record.vitalSerial = serial | 0;
    record.vitalCreator = creator | 0;
    // Labels with topics in them are without number: what finds no place is shown as what it is of, "channel".
    const label =
      this.#numberOf(record.label, MAX_OWN_LABELS) || this.#numberOf(record.origin?.kind ?? "port", MAX_LABELS);
    const definition = isFirst ? blamable(record) : record.vitalLabel >>> LABEL_BITS;
    record.vitalLabel = label | (definition << LABEL_BITS);
    return true;
  }

  /** Beats from now on; `maxHeapBytes` as in the options. */
  start(beatMs: number, maxHeapBytes: number): void {
    this.#beat(maxHeapBytes);
    this.#timer = setInterval(() => this.#beat(maxHeapBytes), beatMs);
    this.#timer.unref();
  }

  #beat(maxHeapBytes: number): void {
    const { used_heap_size, external_memory } = getHeapStatistics();
    const bytes = used_heap_size + external_memory;
    Atomics.store(this.#signs, HEAP, Math.min(Math.ceil(bytes / 1024), 2 ** 31 - 1));
    Atomics.add(this.#signs, BEAT, 1);
    // V8 lets garbage lie while there is room. Only what is left after a full collection counts as used.
    if (bytes <= maxHeapBytes) this.#canary = null;
    else if (this.#canary === null) this.#canary = new WeakRef({});
    else if (this.#canary.deref() === undefined) Atomics.store(this.#signs, FULL, 1);
  }

  #numberOf(label: string, most: number): number {
    const known = this.#labels.get(label);
    if (known !== undefined) return known;
    if (this.#labels.size >= most) return 0;
    const number = this.#labels.size + 1;
    this.#labels.set(label, number);
    const bytes = Buffer.from(label).subarray(0, LABEL_BYTES);
    this.#labelBytes.set(bytes, number * LABEL_BYTES);
    return number;
  }
}

/**
 * The number of the definition that is to blame for what a process does. None for a process that runs here although a thread is
 * kept for its definition: nothing more can be done about those, so what they do counts as nobody's.
 */
function blamable({ origin, scheduler }: ProcessRecord): number {
  if (origin === null) return 0;
  const { definitions, placements, slot } = scheduler;
  const number = definitions.numberOf(origin);
  if (number === 0) return 0;
  const kept = placements.slotOf(definitions.keyOf(origin));
  return kept === 0 || kept === slot ? number : 0;
}
