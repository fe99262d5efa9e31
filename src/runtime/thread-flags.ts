/**
 * The command line flags a thread is started with. Not given, a thread has those of the main thread, whatever they are; but
 * given, even the same ones, it refuses flags of V8 such as `--max-old-space-size`. So they are given only if one must go.
 */

/** The `execArgv` option of a worker thread, or none. */
export function threadFlags(): { readonly execArgv?: string[] } {
  // Of a program given with `node --input-type=module -e`: a flag that is for that text, and no file may have.
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith("--input-type"));
  return execArgv.length === process.execArgv.length ? {} : { execArgv };
}
