/** The load generator, an OS process of its own: told once what to do, it does it, answers, and ends. */
import { type Dialect, phoenix, plain, socketIo } from "./dialects.js";
import { runLoad } from "./loads/run-load.js";
import type { Measured, Times } from "./measurement.js";
import { type Scenario, ServerName } from "./scenarios.js";

export interface LoadOrder {
  readonly scenario: Scenario;
  readonly server: ServerName;
  readonly port: number;
  /** The server's OS process. */
  readonly pid: number;
  readonly times: Times;
}

export type LoadAnswer = { readonly measured: Measured } | { readonly problem: string };

function dialectOf(server: ServerName, compress: boolean, origin: string): Dialect {
  switch (server) {
    case ServerName.joist:
      return phoenix(origin, compress ? { path: "/compressed/websocket" } : {});
    case ServerName.ws:
    case ServerName.wsPrebuilt:
      return plain(origin);
    case ServerName.socketIo:
      return socketIo(origin);
  }
}

async function carryOut({ scenario, server, port, pid, times }: LoadOrder): Promise<LoadAnswer> {
  try {
    const compress = scenario.kind === "echo" && scenario.compress === true;
    const dialect = dialectOf(server, compress, `ws://127.0.0.1:${port}`);
    return { measured: await runLoad(scenario, dialect, pid, times) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

process.on("disconnect", () => process.exit(1));
process.once("message", (order) => {
  void carryOut(order as LoadOrder).then((answer) => process.send?.(answer, () => process.exit(0)));
});
