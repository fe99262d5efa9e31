/** `npm run fixture -- --port P [--schedulers N]`: sets up whatever is missing, then serves the fixture application. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, root } from "./setup.mjs";

ensureBuilt();
const server = join(root, "dist", "test", "conformance", "fixture", "server.js");
const { serve } = await import(pathToFileURL(server).href);
await serve(process.argv.slice(2));
