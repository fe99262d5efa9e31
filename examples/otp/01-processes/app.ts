import { application, type Pid, proc, receive, self, send, spawn } from "joist";

type Request = { readonly add: number } | { readonly get: Pid };

/** A process: an async function with a mailbox. What it knows, it keeps in its own variables. */
async function count(total: number): Promise<void> {
  for (;;) {
    const request = (await receive()) as Request; // nobody else sends to it
    if ("add" in request) total += request.add;
    else send(request.get, total);
  }
}

export const Main = proc(async () => {
  const counter = spawn(count, [0]);
  send(counter, { add: 2 }); // returns at once, and nobody waits for it
  send(counter, { add: 3 });
  send(counter, { get: self() });
  console.log("total:", await receive());

  // Selective receive: takes the first message that fits, and leaves the others in the mailbox, in order.
  for (const message of ["one", 2, "three"]) send(self(), message);
  console.log("a number:", await receive((message) => typeof message === "number"));
  console.log("then:", await receive());
  console.log("then:", await receive());
});

export default application({});
