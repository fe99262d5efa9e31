/** An application whose serializer is not the default export of the module it says it is in. */
import { application, serializer, socket } from "joist";

export const Misplaced = serializer({
  url: import.meta.url,
  decode: () => {
    throw new Error("never asked");
  },
  encode: () => "",
});

export default application({
  sockets: {
    "/socket": {
      socket: socket({ channels: {} }),
      websocket: { versions: [{ serializer: Misplaced, accepts: "~> 3.0" }] },
    },
  },
});
