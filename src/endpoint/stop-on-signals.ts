/** SIGTERM and SIGINT stop an application in good order, as they stop the BEAM. */

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Listens until the application has stopped. The first signal stops it; after that, and at a second one at once, the signal
 * does what it does without us: it ends the program, unless somebody else listens to it.
 */
export function stopOnSignals(app: { stop(): Promise<void>; readonly stopped: Promise<unknown> }): void {
  let got: NodeJS.Signals | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (got !== null) return again(signal);
    got = signal;
    void app.stop().then(() => again(signal));
  };
  const again = (signal: NodeJS.Signals): void => {
    forget();
    // Others that listen have heard it already, and it is theirs to decide how the program ends.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const forget = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  void app.stopped.then(() => {
    if (got === null) forget();
  });
}
