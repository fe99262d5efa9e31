/**
 * The program: an HTTP server with a few files, and Joist attached to it. `npm start -- --help` shows its options.
 *
 * The page and the stock `phoenix` client are served by plain Node.js; Joist takes the upgrades to `/socket`.
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { type App, type StartOptions, start } from "joist";

const USAGE = `Usage: npm start -- [options]

  --port N        port to listen on, 0 to 65535; 0 takes a free one (default: 4000)
  --schedulers N  scheduler threads, 1 to 31 (default: one less than the cores, at least 2)
  --help          shows this`;

const MAX_HEAP_BYTES = 256 * 2 ** 20;

const { port, options } = parseFlags(process.argv.slice(2));
const files = await loadFiles();
const server = createServer(serveFile);
// A server whose threads die more than 10 times in 10 s gives up. That is what one wants, but not with a button for it.
// And less memory than by default, so that "eat memory" is a matter of a moment.
const app = await startApp({ ...options, server, maxThreadRestarts: 100, maxHeapBytes: MAX_HEAP_BYTES });
server.on("error", (error) => void listenFailed(error));
server.listen(port, () => greet((server.address() as AddressInfo).port));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void shutDown(0));
void app.stopped.then((reason) => {
  if (reason === "stopped") return;
  console.error(`chat: Joist has stopped: ${reason}`);
  void shutDown(1);
});

// ---- files ----

interface ServedFile {
  readonly type: string;
  readonly body: Buffer;
}

/** The only files there are, read once: no path of a request ever reaches the file system. */
async function loadFiles(): Promise<ReadonlyMap<string, ServedFile>> {
  const page = new URL("../../../examples/chat/public/", import.meta.url); // this runs compiled, in dist/examples/chat
  const html = "text/html; charset=utf-8";
  const css = "text/css; charset=utf-8";
  const script = "text/javascript; charset=utf-8";
  const sources: readonly (readonly [path: string, type: string, url: URL])[] = [
    ["/", html, new URL("index.html", page)],
    ["/style.css", css, new URL("style.css", page)],
    ["/client.js", script, new URL("client.js", page)],
    ["/phoenix.mjs", script, new URL(import.meta.resolve("phoenix"))], // the npm package, as it is
  ];
  return new Map(
    await Promise.all(sources.map(async ([path, type, url]) => [path, { type, body: await readFile(url) }] as const)),
  );
}

function serveFile(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("x-content-type-options", "nosniff");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD", "content-type": "text/plain" }).end("Method Not Allowed\n");
    return;
  }
  const [path = ""] = (request.url ?? "").split("?");
  const file = files.get(path);
  if (file === undefined) {
    response.writeHead(404, { "content-type": "text/plain" }).end("Not Found\n");
    return;
  }
  response.writeHead(200, {
    "content-type": file.type,
    "content-length": file.body.length,
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'self'; img-src data:",
  });
  response.end(file.body); // to a HEAD, Node.js sends the headers only
}

// ---- start and stop ----

async function startApp(options: StartOptions): Promise<App> {
  try {
    return await start(new URL("./app.js", import.meta.url), options);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function greet(boundPort: number): void {
  const url = `http://localhost:${boundPort}/`;
  console.log(`Joist chat: ${url}

  1. Open it in two tabs and chat.
  2. Press "throw" on a channel: that one crashes, and rejoins as a new process. The socket stays open.
  3. Press "endless loop" or "eat memory": the watchdog replaces that thread. Everybody on the others chats on.
  4. Kill a scheduler thread: its channels crash, another thread takes its place.

Ctrl-C stops it.`);
}

async function listenFailed(error: NodeJS.ErrnoException): Promise<void> {
  const taken = error.code === "EADDRINUSE";
  const next = port < 65_535 ? port + 1 : 4000;
  console.error(`chat: ${taken ? `port ${port} is taken; try: npm start -- --port ${next}` : error.message}`);
  await shutDown(1);
}

/** Nothing is left open after this, so the program ends by itself. A second Ctrl-C does not wait for that. */
async function shutDown(exitCode: number): Promise<void> {
  process.exitCode = exitCode;
  server.close(); // takes no more requests, and closes idle connections
  await app.stop();
}

// ---- flags ----

function parseFlags(args: string[]): { readonly port: number; readonly options: StartOptions } {
  const options = { port: { type: "string" }, schedulers: { type: "string" }, help: { type: "boolean" } } as const;
  // Not strict: that would throw, and with messages that do not say what is allowed.
  const { values, positionals } = parseArgs({ args, options, strict: false, allowPositionals: true });
  const unknownFlags = Object.keys(values).filter((name) => !Object.hasOwn(options, name));
  const [unknown] = [...unknownFlags.map((name) => (name.length === 1 ? `-${name}` : `--${name}`)), ...positionals];
  if (unknown !== undefined) fail(`unknown option "${unknown}"; allowed are --port N, --schedulers N, --help`);
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { port = "4000", schedulers } = values;
  return {
    port: wholeNumber("--port", port, 0, 65_535),
    options: schedulers === undefined ? {} : { schedulers: wholeNumber("--schedulers", schedulers, 1, 31) },
  };
}

function wholeNumber(flag: string, value: string | boolean, least: number, most: number): number {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  const given = typeof value === "string" ? `is "${value}"` : "has no value";
  return fail(`${flag} ${given}; allowed are whole numbers from ${least} to ${most}`);
}

function fail(message: string): never {
  console.error(`chat: ${message}`);
  process.exit(1);
}
