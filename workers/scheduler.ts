/** Entry point of a scheduler thread. */
import { runThread } from "../src/runtime/hosts/thread.js";

await runThread();
