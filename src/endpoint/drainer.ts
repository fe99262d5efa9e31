/**
 * Closing many connections in good order when the endpoint stops: in batches, so that the other servers are not run over by
 * all clients at once. Phoenix's socket drainer, except that it counts connections instead of channels, takes nobody in
 * meanwhile, and waits until the channels of those it closed are gone, their `terminate` included.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Endpoint.html#socket/3-common-configuration (drainer)
 */
import { checkLogLevel, type LogLevel } from "../channels/log.js";
import { spans } from "../channels/telemetry.js";
import type { Drainable } from "../channels/transport.js";
import { checkInteger } from "../core/check-integer.js";
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { isDown } from "../core/messages.js";
import type { Port, PortHandler } from "../runtime/process.js";

export interface DrainerOptions {
  /** Connections closed together. @defaultValue 10000 */
  readonly batchSize?: number;
  /** Milliseconds between two batches. @defaultValue 2000 */
  readonly batchIntervalMs?: number;
  /** Share of the interval by which each is shorter or longer at random, 0 to 1: servers that stop together don't beat together. @defaultValue 0.25 */
  readonly jitter?: number;
  /** Milliseconds all of it may take; what is left then is closed at once, and not waited for. @defaultValue 30000 */
  readonly timeoutMs?: number;
  /** Level at which each batch is logged, `false`: never. Heard if `reportLevel` lets it through. @defaultValue `"info"` */
  readonly log?: LogLevel;
}

/** The longest delay Node.js timers take. */
const MAX_DELAY_MS = 2_147_483_647;

/** @throws RuntimeError `badOption` */
export function resolveDrainerOptions(options: DrainerOptions): Required<DrainerOptions> {
  const { batchSize = 10_000, batchIntervalMs = 2000, jitter = 0.25, timeoutMs = 30_000, log = "info" } = options;
  checkInteger("drainer.batchSize", batchSize, 1, Number.MAX_SAFE_INTEGER);
  checkInteger("drainer.batchIntervalMs", batchIntervalMs, 0, MAX_DELAY_MS);
  checkInteger("drainer.timeoutMs", timeoutMs, 0, MAX_DELAY_MS);
  if (!(jitter >= 0 && jitter <= 1)) {
    throw new RuntimeError(
      ErrorCode.badOption,
      `bad drainer.jitter ${String(jitter)}: allowed are numbers from 0 to 1`,
    );
  }
  return { batchSize, batchIntervalMs, jitter, timeoutMs, log: checkLogLevel("drainer.log", log) };
}

/** Connections that are closed together, so many milliseconds after the drain began. */
export interface Batch {
  readonly atMs: number;
  readonly from: number;
  readonly to: number;
}

/** When which of `total` connections are closed. `random` gives numbers from 0 up to 1. */
export function planBatches(total: number, options: Required<DrainerOptions>, random: () => number): readonly Batch[] {
  const { batchSize, batchIntervalMs, jitter, timeoutMs } = options;
  const batches: Batch[] = [];
  let atMs = 0;
  for (let from = 0; from < total; from += batchSize) {
    batches.push({ atMs, from, to: Math.min(from + batchSize, total) });
    // Beyond its time the rest goes at once.
    atMs = Math.min(timeoutMs, atMs + batchIntervalMs * (1 + jitter * (2 * random() - 1)));
  }
  return batches;
}

export interface DrainSetup {
  readonly connections: readonly Drainable[];
  readonly options: Required<DrainerOptions>;
  readonly openPort: (handler: PortHandler, label: string) => Port;
}

/** Closes the connections with 1012, and settles when their channels are gone or the time is over. */
export async function drain({ connections, options, openPort }: DrainSetup): Promise<void> {
  const batches = planBatches(connections.length, options, Math.random);
  let waitingFor = 0;
  let nobody = (): void => {};
  const watch = openPort(
    {
      message: (message) => {
        if (isDown(message) && --waitingFor === 0) nobody();
      },
    },
    "drainer",
  );
  const beganMs = performance.now();
  const leftMs = (untilMs: number): number => Math.max(0, untilMs - (performance.now() - beganMs));
  const close = ({ from, to }: Batch): void => {
    for (const connection of connections.slice(from, to)) {
      for (const channel of connection.drain()) {
        watch.monitor(channel);
        waitingFor++;
      }
    }
  };
  const total = connections.length;
  const { batchIntervalMs: intervalMs, log } = options;
  for (const [at, batch] of batches.entries()) {
    if (at > 0) await new Promise((resolve) => setTimeout(resolve, leftMs(batch.atMs)));
    const count = batch.to - batch.from;
    const [index, rounds] = [at + 1, batches.length];
    if (log !== false) {
      watch.log(log, `DRAINING ${count} of ${total} connections every ${intervalMs}ms - round ${index} of ${rounds}`);
    }
    if (spans.drain.isWatched) spans.drain.run({ intervalMs }, { count, total, index, rounds }, () => close(batch));
    else close(batch);
  }
  if (waitingFor > 0) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs(options.timeoutMs));
      nobody = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  watch.close("normal");
}
