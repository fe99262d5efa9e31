/** An application whose only child prints when it ends. */
import { application, genServer, trapExit } from "../../../src/index.js";

/** Prints so many lines as its last word, half of them to standard error. */
export const Printer = genServer({
  init: (lines: number) => {
    trapExit(true);
    return lines;
  },
  terminate: (_reason, lines) => {
    for (let i = 1; i <= lines; i++) (i % 2 === 0 ? console.log : console.error)(`line ${i}`);
  },
});

export default application({ children: [Printer.child(200)] });
