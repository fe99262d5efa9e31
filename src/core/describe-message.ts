/**
 * A message in words, for traces and reports: requests of behaviours are arrays whose layouts (`otp/gen-server-calls.ts`)
 * say little to people.
 */

/** @param show - Makes text of any other value. */
export function describeMessage(message: unknown, show: (value: unknown) => string): string {
  if (!Array.isArray(message)) return show(message);
  const argument = (value: unknown): string => (value === undefined ? "" : ` ${show(value)}`);
  switch (message[0]) {
    case "$call":
      return `call ${message[3]}${argument(message[4])} from ${message[1]}`;
    case "$cast":
      return `cast ${message[1]}${argument(message[2])}`;
    case "$stop":
      return `stop ${show(message[1])}`;
    default:
      return show(message);
  }
}
