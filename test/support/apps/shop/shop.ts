/** An application that depends on two others, which both depend on a third. */
import { application, channel, genServer, ok, socket } from "joist";
import * as accounts from "./accounts.js";
import { callbacks, server } from "./journal.js";
import mail from "./mail.js";

export const Till = genServer(server("shop"));

/** Of the same name as one of accounts: neither is taken for the other. */
export const Session = genServer({ init: () => "the shop's own" });

export default application({
  name: "shop",
  ...callbacks("shop"),
  dependencies: [accounts, mail],
  sockets: { "/shop": socket({ connect: () => ok(), channels: { "*": channel({ join: () => ok({ shop: true }) }) } }) },
  children: [Till.child(undefined, { name: "till" })],
});
