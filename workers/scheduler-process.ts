/** Entry point of an OS process that is the home of one scheduler. */
import { runBridge } from "../src/runtime/hosts/bridge.js";

runBridge();
