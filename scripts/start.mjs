/**
 * `npm start`: sets up whatever is missing, then runs the chat example with the arguments given after `--`.
 *
 * The server runs in this process rather than in a child, so signals, standard streams and the exit code are its own; with
 * a child, Ctrl-C at a terminal would reach it twice.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, fail, root } from "./setup.mjs";

ensureBuilt();
const server = join(root, "dist", "examples", "chat", "server.js");
if (!existsSync(server)) fail("examples/chat/server.ts is missing.");

process.argv[1] = server;
process.setSourceMapsEnabled(true);
await import(pathToFileURL(server).href);
