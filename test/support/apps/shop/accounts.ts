/** An application with dependencies of its own, a socket, and a server that no tree of it names. */
import { application, channel, genServer, ok, processInfo, reply, self, socket } from "joist";
import { callbacks, server } from "./journal.js";
import * as metrics from "./metrics.js";

export const Session = genServer({
  init: (user: string) => ({ user }),
  handleCall: { who: async (_: undefined, { user }) => reply([user, (await processInfo(self()))?.scheduler]) },
});

export const Ledger = genServer({
  ...server("accounts"),
  handleCall: {
    /** Starts a server of this application's on a thread, by its definition. */
    session: async ({ user, scheduler }: { user: string; scheduler: number }) => {
      const started = await Session.start(user, { scheduler });
      return reply(started[0] === "ok" ? await Session.call(started[1], "who") : started);
    },
  },
});

const AccountChannel = channel({ join: (topic) => ok({ topic }) });

export default application({
  name: "accounts",
  ...callbacks("accounts"),
  dependencies: [metrics],
  sockets: { "/accounts": socket({ connect: () => ok(), channels: { "account:*": AccountChannel } }) },
  children: [Ledger.child(undefined, { name: "ledger" })],
});
