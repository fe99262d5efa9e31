/** A definition that asks for an OS process of its own. */
import { application, genServer } from "joist";

export const Parser = genServer({ init: () => ({}), isolation: "process" });

export default application({});
