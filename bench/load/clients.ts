/** Opens connections that have joined, so many at a time that no listen queue overflows. */
import { Connection, type ConnectionHandler } from "./connection.js";
import { type Dialect, KEEP_ALIVE } from "./dialects.js";

/** Upgrades in progress at a time. */
const CONCURRENT_UPGRADES = 50;

/** Connects and joins. Rejects if the server refuses either or goes away meanwhile. */
export async function join(dialect: Dialect, index: number): Promise<Connection> {
  const { promise, resolve, reject } = withResolvers<void>();
  const connection = await Connection.open(dialect.url, index, {
    message: (connection, data, start, end) => {
      try {
        const said = dialect.greet(data.toString("utf8", start, end));
        if (said === true) resolve();
        else if (said !== null) connection.send(said);
      } catch (error) {
        reject(error);
      }
    },
    closed: (_, reason) => reject(new Error(`a connection could not join: ${reason}`)),
  });
  const first = dialect.greet(null);
  if (typeof first === "string") connection.send(first);
  await promise;
  return connection;
}

/** As many joined connections, all with this handler. */
export async function joinAll(dialect: Dialect, count: number, handler: ConnectionHandler): Promise<Connection[]> {
  const connections: Connection[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const connection = await join(dialect, next++);
      connection.handle(handler);
      connections.push(connection);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, CONCURRENT_UPGRADES) }, worker));
  return connections;
}

/** The place of a message that only keeps the connection: answered, and `true`. */
export function answeredKeepAlive(dialect: Dialect, connection: Connection, ref: number): boolean {
  if (ref !== KEEP_ALIVE) return false;
  if (dialect.keepAlive !== undefined) connection.send(dialect.keepAlive);
  return true;
}

interface Resolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/** `Promise.withResolvers`, which Node.js 20 does not have. */
export function withResolvers<T>(): Resolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
