/**
 * `joist/client/msgpack`: MessagePack for the stock `phoenix` client. Loads in browsers: no Node.js in it.
 */
export { type ClientMessage, decode, encode, vsn } from "../../channels/msgpack-client.js";
