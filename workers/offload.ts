/** Entry point of a thread of the offload pool: Piscina calls `run` for each task. */
export { runOffloaded as run } from "../src/runtime/pool-thread.js";
