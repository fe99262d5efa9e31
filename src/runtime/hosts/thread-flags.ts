/**
 * The command line flags a thread or process is started with. Not given, a thread has those of the main thread, whatever they are; but
 * given, even the same ones, it refuses flags of V8 such as `--max-old-space-size`. So they are given only if one must go.
 */

/** The `execArgv` option of a worker thread, or none. */
export function threadFlags(): { readonly execArgv?: string[] } {
  // Of a program given with `node --input-type=module -e`: a flag that is for that text, and no file may have.
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith("--input-type"));
  return execArgv.length === process.execArgv.length ? {} : { execArgv };
}

/**
 * The `execArgv` option of a scheduler's OS process: without what is for the main program's text alone, or for the one process that a
 * debugger can be attached to at a port.
 */
export function processFlags(): { readonly execArgv: string[] } {
  const execArgv: string[] = [];
  for (let at = 0; at < process.execArgv.length; at++) {
    const flag = process.execArgv[at] as string;
    if (/^(-e|-p|-pe|--eval|--print)$/.test(flag))
      at++; // and the text that follows it
    else if (!/^--(input-type|inspect|eval=|print=)/.test(flag)) execArgv.push(flag);
  }
  return { execArgv };
}
