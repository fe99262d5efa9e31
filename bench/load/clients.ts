/** Opens connections that have joined, so many at a time that no listen queue overflows. */
import { Connection, type ConnectionHandler } from "./connection.js";
import { type Dialect, JOIN_REF, KEEP_ALIVE, type TopicDialect } from "./dialects.js";

/** Upgrades in progress at a time. */
const CONCURRENT_UPGRADES = 50;

/** Connects and joins these topics, one after the other. Rejects if the server refuses any of it or goes away meanwhile. */
export async function join(
  dialect: Dialect,
  index: number,
  topics: readonly TopicDialect[],
  compress = false,
): Promise<Connection> {
  const { promise, resolve, reject } = withResolvers<void>();
  let greeted = false;
  let joining = -1;
  const joinNext = (connection: Connection): void => {
    joining += 1;
    const topic = topics[joining];
    if (topic === undefined) resolve();
    else connection.send(topic.join(JOIN_REF));
  };
  const greet = (connection: Connection, message: string | null): void => {
    const said = dialect.greet(message);
    greeted = said === true;
    if (greeted) joinNext(connection);
    else if (typeof said === "string") connection.send(said);
  };
  const connection = await Connection.open(
    dialect.url,
    index,
    {
      message: (connection, data, start, end) => {
        const text = data.toString("utf8", start, end);
        if (!greeted) return greet(connection, text);
        if (dialect.refOf(data, start, end) !== JOIN_REF) return; // of a topic that is joined already
        const refusal = dialect.refusal(text);
        if (refusal === null) joinNext(connection);
        else reject(new Error(`a join was refused: ${refusal}`));
      },
      closed: (_, reason) => reject(new Error(`a connection could not join: ${reason}`)),
    },
    compress,
  );
  greet(connection, null);
  await promise;
  return connection;
}

export interface JoinAll {
  readonly dialect: Dialect;
  readonly count: number;
  /** What the connection of that place joins. */
  readonly topics: (index: number) => readonly TopicDialect[];
  readonly handler: ConnectionHandler;
  readonly compress?: boolean;
}

/** As many joined connections in the order of their places, all with this handler. */
export async function joinAll({ dialect, count, topics, handler, compress }: JoinAll): Promise<Connection[]> {
  const connections: Connection[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const connection = await join(dialect, index, topics(index), compress);
      connection.handle(handler);
      connections[index] = connection;
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
