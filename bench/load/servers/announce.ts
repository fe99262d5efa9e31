/** What every server of the load scenarios does: tells the runner its port, and ends when it is told to or left alone. */
export function announce(port: number, stop: () => Promise<void> | void): void {
  const end = async (): Promise<void> => {
    await stop();
    process.exit(0);
  };
  process.on("message", (message) => {
    if (message === "stop") void end();
  });
  // The runner is gone without a word: nobody is left to measure us.
  process.on("disconnect", () => process.exit(0));
  process.send?.({ port });
}
