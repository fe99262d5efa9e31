/** Checks options that are numbers, once, where they are given. */
import { ErrorCode, RuntimeError } from "./errors.js";

/** @throws RuntimeError `badOption`, naming the value and what is allowed. */
export function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RuntimeError(
    ErrorCode.badOption,
    `bad ${name} ${String(value)}: allowed are whole numbers from ${least} to ${most}`,
  );
}
