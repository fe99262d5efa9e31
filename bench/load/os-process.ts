/** What Linux says about an OS process: processor time of all its threads, and the memory that is its own share. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Microseconds in one tick of the kernel's clock, the unit of /proc/PID/stat. */
export function tickMicros(): number {
  return 1_000_000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
}

/** `utime + stime` of a line of /proc/PID/stat, in ticks: the process's threads, those that have ended among them. */
export function cpuTicks(stat: string): number {
  // The name stands in brackets and may hold spaces and brackets of its own; fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Bytes of `Pss` in /proc/PID/smaps_rollup: pages shared with others count by their part. */
export function pssBytes(rollup: string): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
  if (kilobytes === undefined) throw new Error("there is no Pss line in smaps_rollup");
  return Number(kilobytes) * 1024;
}

/** Processor time of an OS process so far, in microseconds. */
export function readCpuMicros(pid: number, microsPerTick: number): number {
  return cpuTicks(readFileSync(`/proc/${pid}/stat`, "utf8")) * microsPerTick;
}

/** Memory of an OS process, in bytes. */
export function readPssBytes(pid: number): number {
  return pssBytes(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
}

/** Ticks all processors were busy so far, by the first line of /proc/stat: everything but idle and iowait. */
export function busyTicks(stat: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .slice(0, stat.indexOf("\n"))
    .replace(/^cpu +/, "")
    .split(" ")
    .map(Number);
  return user + nice + system + irq + softirq + steal;
}

/** Processor time of the whole machine so far, in microseconds. */
export function readBusyMicros(microsPerTick: number): number {
  return busyTicks(readFileSync("/proc/stat", "utf8")) * microsPerTick;
}
