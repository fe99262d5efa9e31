/** What an I/O thread beside the main one loads instead of an application: the services that all threads have, and its endpoint. */
import type { Definition, Service } from "../runtime/process.js";
import { services } from "./application.js";
import { IO_ENDPOINT_KEY, ioEndpoint } from "./io-endpoint.js";

interface IoProgram {
  readonly services: readonly Service[];
  readonly definitions: Readonly<Record<string, Definition>>;
  describe(): null;
}

const program: IoProgram = {
  services,
  // It is only looked up by its key, and booted with what io-threads.ts gives it.
  definitions: { [IO_ENDPOINT_KEY]: ioEndpoint as unknown as Definition },
  describe: () => null,
};

// biome-ignore lint/style/noDefaultExport: what a thread loads is the default export of a module.
export default program;
