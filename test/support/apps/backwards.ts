/** A serializer of an application: text frames that are arrays with the payload first. It fails on demand. */
import { type Message, serializer } from "joist";

/** What it has encoded, on this thread. */
export const encoded: Message[] = [];

export default serializer({
  url: import.meta.url,
  decode: (raw) => {
    const [payload, event, topic, ref, joinRef] = JSON.parse(String(raw));
    return { joinRef, ref, topic, event, payload };
  },
  encode: (message) => {
    const { joinRef, ref, topic, event, payload } = message;
    encoded.push(message);
    if (event === "unencodable" || ref === "unencodable") throw new Error("backwards has no frame for this");
    return JSON.stringify([payload, event, topic, ref, joinRef]);
  },
});
