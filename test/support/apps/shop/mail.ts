/** An application that exports nothing but itself: its definitions are found through it. */
import { application, channel, genServer, ok, reply, socket } from "joist";
import { callbacks, plan, server } from "./journal.js";
import metrics from "./metrics.js";

const Outbox = genServer({ ...server("mail"), handleCall: { read: () => reply("mail") } });
const MailChannel = channel({ join: () => ok({ mail: true }) });

export default application({
  name: "mail",
  ...callbacks("mail"),
  dependencies: [metrics],
  sockets: { [plan.mailPath ?? "/mail"]: socket({ connect: () => ok(), channels: { "mail:*": MailChannel } }) },
  children: [Outbox.child(undefined, { name: "outbox" })],
});
