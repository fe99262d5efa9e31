/** A running application with real threads and sockets for a test. */
import { type App, type Report, type StartOptions, start } from "joist";
import { isolation } from "./isolation.js";

export const channelsApp: URL = new URL("./apps/channels.js", import.meta.url);

export interface Running {
  readonly app: App;
  readonly reports: readonly Report[];
}

export async function withApp(
  use: (running: Running) => Promise<void>,
  options: StartOptions = {},
  url: URL = channelsApp,
): Promise<void> {
  const reports: Report[] = [];
  const app = await start(url, {
    ...(options.server === undefined ? { port: 0, address: "127.0.0.1" } : {}),
    schedulers: 2,
    ...(options.schedulers === 0 ? {} : { isolation }),
    report: (report) => reports.push(report),
    ...options,
  });
  try {
    await use({ app, reports });
  } finally {
    await app.stop();
  }
}
