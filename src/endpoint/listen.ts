/** Listening, also on a port that several threads share: the kernel gives each connection to one of them, by a hash of its two ends. */
import { createServer, type ListenOptions, type Server } from "node:net";
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** Not in the types of Node.js 20. */
export const REUSE_PORT: ListenOptions = { reusePort: true } as ListenOptions;

/**
 * Sees whether two sockets can share a port here, by trying.
 *
 * @throws RuntimeError `badOption` if they can't.
 */
export async function checkReusePort(ioThreads: number): Promise<void> {
  const servers: Server[] = [];
  try {
    let port = 0;
    for (let i = 0; i < 2; i++) {
      const server = createServer();
      servers.push(server);
      port = await listen(server, { port, host: "127.0.0.1", ...REUSE_PORT });
    }
  } catch (error) {
    throw new RuntimeError(
      ErrorCode.badOption,
      `bad ioThreads ${ioThreads}: Node.js ${process.version} can't share a port between threads on this system (${process.platform}); it takes 22.12 or newer, and a system with SO_REUSEPORT that shares connections out, as Linux and FreeBSD`,
      { cause: error },
    );
  } finally {
    for (const server of servers) server.close();
  }
}

/**
 * A port that nobody listens on: those who share one would also share it with another program of the same user, and never know.
 *
 * @param port - 0 takes a free one.
 * @throws RuntimeError `portTaken`
 */
export async function freePort(port: number, address: string | undefined): Promise<number> {
  const server = createServer();
  try {
    return await listen(server, { port, ...(address === undefined ? {} : { host: address }) });
  } catch (error) {
    throw listenError(port, error as NodeJS.ErrnoException);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Settles with the port. */
export function listen(server: Server, options: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      const bound = server.address();
      resolve(typeof bound === "object" && bound !== null ? bound.port : (options.port ?? 0));
    });
  });
}

/** What `listen` failed with, in our words. */
export function listenError(port: number, error: NodeJS.ErrnoException): Error {
  if (error.code !== "EADDRINUSE") return error;
  const message = `port ${port} is taken by another program; choose another one`;
  return new RuntimeError(ErrorCode.portTaken, message, { cause: error });
}
