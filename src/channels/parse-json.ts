/**
 * JSON of a client, no deeper than what everything behind it can take: `JSON.parse` reads any depth, but `JSON.stringify`,
 * structured clone and the code of an application are recursive, and overflow the stack at a few thousand levels. One such
 * frame must cost the connection it came over, not the thread that compares its refs or passes its payload on.
 */
import { fromJson } from "../core/json.js";
import type { Json } from "./protocol.js";

/** Levels of arrays and objects within each other, the array or object of the frame being the first. In MessagePack, too. */
export const MAX_DEPTH = 256;

const quote = 0x22;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** @throws SyntaxError if it is not JSON, or nested deeper than {@link MAX_DEPTH} levels. */
export function parseJson(text: string): Json {
  // Each level takes two characters at least: the usual frame is too short to be too deep, and is not looked at.
  if (text.length > 2 * MAX_DEPTH && isTooDeep(text)) {
    throw new SyntaxError(`JSON nested deeper than ${MAX_DEPTH} levels`);
  }
  return fromJson(text) as Json;
}

/** What it says of text that is not JSON does not matter: that will not be parsed either. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === quote) at = endOfString(text, at + 1);
    else if (unit === openBracket || unit === openBrace) {
      if (++depth > MAX_DEPTH) return true;
    } else if (unit === closeBracket || unit === closeBrace) depth--;
  }
  return false;
}

/** Where the closing quote is. Looked for by `indexOf`, as long texts are what makes frames large. */
function endOfString(text: string, start: number): number {
  for (let from = start; ; ) {
    const end = text.indexOf('"', from);
    if (end === -1) return text.length;
    let before = end - 1;
    while (before >= start && text.charCodeAt(before) === backslash) before--;
    if ((end - before) % 2 === 1) return end; // an even number of backslashes escapes themselves only
    from = end + 1;
  }
}
