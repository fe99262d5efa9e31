/** CPU profiles as Node.js's `--cpu-prof` writes them, one a thread, cut to the window of a measurement and made into trees. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Stretch } from "../measurement.js";

/** What is read of a .cpuprofile file. Times are microseconds of the system's monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Microseconds from one sample to the next. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

/** One function called from one place, with all it called. */
export interface Frame {
  readonly name: string;
  readonly where: string;
  /** Microseconds in it and in what it called. */
  micros: number;
  readonly children: Map<string, Frame>;
}

export interface ThreadProfile {
  readonly title: string;
  readonly root: Frame;
  /** How long it was looked at; what is not in `root.micros` of it, the thread was idle. */
  readonly lengthMicros: number;
}

/** Idle time is no work, and the root is everything. */
const LEFT_OUT: ReadonlySet<string> = new Set(["(idle)", "(root)"]);

/** The tree of what a thread did in the window; `null` if it was not there, or did nothing. */
export function threadProfile(title: string, profile: CpuProfile, window: Stretch): ThreadProfile | null {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children = [] } of profile.nodes) for (const child of children) parents.set(child, id);
  const root: Frame = { name: title, where: "", micros: 0, children: new Map() };
  let atMicros = profile.startTime;
  let lengthMicros = 0;
  profile.samples.forEach((id, i) => {
    atMicros += profile.timeDeltas[i] ?? 0;
    // A sample stands for the time until the next one.
    const micros = Math.max(0, profile.timeDeltas[i + 1] ?? 0);
    if (atMicros < window.from || atMicros >= window.to) return;
    lengthMicros += micros;
    const path: ProfileNode[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const node = byId.get(at);
      if (node !== undefined && !LEFT_OUT.has(node.callFrame.functionName)) path.push(node);
    }
    if (path.length === 0) return;
    root.micros += micros;
    let frame = root;
    for (const { callFrame } of path.reverse()) {
      frame = childOf(frame, callFrame);
      frame.micros += micros;
    }
  });
  return root.micros === 0 ? null : { title, root, lengthMicros };
}

function childOf(parent: Frame, { functionName, url, lineNumber }: ProfileNode["callFrame"]): Frame {
  const name = functionName === "" ? "(anonymous)" : functionName;
  const where = url === "" ? "" : `${shortPath(url)}:${lineNumber + 1}`;
  const key = `${name} ${where}`;
  const found = parent.children.get(key);
  if (found !== undefined) return found;
  const made: Frame = { name, where, micros: 0, children: new Map() };
  parent.children.set(key, made);
  return made;
}

/** The path from the repository, or from the package it belongs to: nobody's folders. */
export function shortPath(url: string): string {
  const path = url.replace(/^file:\/\//, "");
  const inPackage = path.lastIndexOf("/node_modules/");
  if (inPackage !== -1) return path.slice(inPackage + "/node_modules/".length);
  const inDist = path.lastIndexOf("/dist/");
  return inDist === -1 ? path : path.slice(inDist + "/dist/".length);
}

/** Profiles of a server's threads, as they lie in a folder: the main thread first, then those it started. */
export function readProfiles(folder: string, mainTitle: string, window: Stretch): ThreadProfile[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((file) => ({ file, thread: threadOf(file) }))
    .filter(({ thread }) => thread !== null)
    .sort((a, b) => (a.thread as number) - (b.thread as number))
    .flatMap(({ file, thread }) => {
      const profile = JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile;
      const found = threadProfile(thread === 0 ? mainTitle : `thread ${thread}`, profile, window);
      return found === null ? [] : [found];
    });
}

/** The number of the thread in `CPU.20260101.120000.PID.THREAD.001.cpuprofile`. */
function threadOf(file: string): number | null {
  const thread = /^CPU\.\d+\.\d+\.\d+\.(\d+)\.\d+\.cpuprofile$/.exec(file)?.[1];
  return thread === undefined ? null : Number(thread);
}
