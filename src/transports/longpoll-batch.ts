/**
 * What a client posts: with content type `application/x-ndjson` one message a line, at most so many; with any other, or with
 * parameters behind it, the whole body is one message, as clients before Phoenix 1.7 send it. A line that begins with a
 * bracket is text; any other is the base64 of a binary message.
 */

/** The messages of a body, in order; undefined if a line is neither text nor base64. */
export function messagesOf(
  contentType: string | undefined,
  body: string,
  maxMessages: number,
): readonly (string | Uint8Array)[] | undefined {
  if (contentType !== "application/x-ndjson") return [body];
  const messages: (string | Uint8Array)[] = [];
  // Line by line, not `split`: a body of nothing but line ends must not become millions of strings first.
  for (let start = 0; start <= body.length && messages.length < maxMessages; ) {
    const newline = body.indexOf("\n", start);
    const end = newline === -1 ? body.length : newline;
    const line = body.slice(start, newline !== -1 && body[end - 1] === "\r" && end > start ? end - 1 : end);
    const message = line.startsWith("[") ? line : bytesOf(line);
    if (message === undefined) return undefined;
    messages.push(message);
    start = end + 1;
  }
  return messages;
}

/** Standard base64 with its padding, as the stock client writes it. */
function bytesOf(line: string): Uint8Array | undefined {
  if (line.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(line)) return undefined;
  // With a buffer of its own: what crosses threads takes its whole buffer along.
  return new Uint8Array(Buffer.from(line, "base64"));
}
