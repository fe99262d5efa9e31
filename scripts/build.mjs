/** `npm run build`: compiles what has changed. `npm run build -- --clean` starts from nothing. */
import { ensureBuilt, removeBuild } from "./setup.mjs";

if (process.argv.includes("--clean")) removeBuild();
ensureBuilt();
