/** Entry point of a scheduler thread. */
import { runThread } from "../src/runtime/thread.js";

await runThread();
