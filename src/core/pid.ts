/**
 * Process identifiers. A `Pid` is a short string such as `<0.12.3>`: it prints like Erlang's, is compared with `===`,
 * survives every copy between threads, and carries the number of its thread, so routing needs no table. Why a string and
 * not a number or an object: `docs/decisions/0002-pids-are-strings.md`, `bench/pid.bench.ts`.
 *
 * Layout: `<node.thread.serial>`; a process that another thread asked for has the asking thread as a fourth part, so that
 * each thread can name new processes anywhere without asking (`spawn` returns at once, as in Erlang).
 */

declare const brand: unique symbol;

/** Names one process for as long as it lives. Opaque: compare it, send it, never take it apart. */
export type Pid = string & { readonly [brand]: "Pid" };

/** Makes the pid of the `serial`-th process that `creator` made on `thread`. All three are non-negative integers. */
export function makePid(thread: number, serial: number, creator: number): Pid {
  // The only place where a plain string becomes a Pid; everything else passes them on.
  return (creator === thread ? `<0.${thread}.${serial}>` : `<0.${thread}.${serial}.${creator}>`) as Pid;
}

/** Whether `value` has the form of a pid. Registered names may not begin with `<`, so one character decides. */
export function isPid(value: unknown): value is Pid {
  return typeof value === "string" && value.charCodeAt(0) === 60;
}

/** The thread a pid lives on, read from its second part. */
export function threadOf(pid: Pid): number {
  let thread = 0;
  // "<0." is three characters long while there is one node; clustering will give this its own parse.
  for (let i = 3; ; i++) {
    const digit = pid.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return thread;
    thread = thread * 10 + digit;
  }
}

/** The parts of a pid, for tables that hold numbers and for printing. Read digit by digit: each new process goes through here. */
export function pidParts(pid: Pid): { readonly thread: number; readonly serial: number; readonly creator: number } {
  let thread = 0;
  let serial = 0;
  let creator = 0;
  let dots = 1; // "<0." is behind us, as in threadOf
  for (let i = 3; i < pid.length - 1; i++) {
    const digit = pid.charCodeAt(i) - 48;
    if (digit < 0) dots++;
    else if (dots === 1) thread = thread * 10 + digit;
    else if (dots === 2) serial = serial * 10 + digit;
    else creator = creator * 10 + digit;
  }
  return { thread, serial, creator: dots === 3 ? creator : thread };
}
