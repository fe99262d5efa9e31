/** Payloads of a given size. */

/** A payload of so many bytes of JSON; `n` is found again in what comes back. Those of a few bytes become a little larger. */
export function payloadOf(bytes: number, n: number): string {
  const head = `{"n":${n},"text":"`;
  return `${head}${"x".repeat(Math.max(0, bytes - head.length - 2))}"}`;
}
