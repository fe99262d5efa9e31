/**
 * The `Sec-WebSocket-Protocol` header: subprotocols a client offers, and the token that the stock client's `authToken`
 * hides among them, because browsers let a page set no other header. Rules are Phoenix's.
 *
 * ```
 * Sec-WebSocket-Protocol: phoenix, base64url.bearer.phx.c2VjcmV0        the token is "secret", "phoenix" is echoed
 * ```
 */

/** A token's entry begins so. What follows is plain base64 all the same: it is what the stock client writes. */
const tokenPrefix = "base64url.bearer.phx.";

/** What the server knows, in its order of preference; undefined: it knows nothing of subprotocols, and ignores them. */
export type Subprotocols = readonly string[] | undefined;

export type Negotiated =
  /** `protocol` is echoed; `null`: none is. */
  | { readonly tag: "ok"; readonly protocol: string | null; readonly authToken: string | null }
  /** The client offered only what the server does not know: 403. */
  | { readonly tag: "unknown" }
  /** A token that is not base64: 500, as Phoenix, which does not catch its decoder's exception. */
  | { readonly tag: "bad_token" };

/** @param withToken - Whether a token is looked for; `phoenix` is then known, too. */
export function negotiate(header: string | undefined, known: Subprotocols, withToken: boolean): Negotiated {
  const entries = (header ?? "").split(",").map((entry) => entry.trim());
  let offered = entries.filter((entry) => entry !== "");
  let authToken: string | null = null;
  if (withToken) {
    const tokens = offered.filter((entry) => entry.startsWith(tokenPrefix));
    // Of two tokens none is taken, and they stay what they look like: subprotocols that nobody knows.
    if (tokens.length === 1) {
      const decoded = decodeToken((tokens[0] as string).slice(tokenPrefix.length));
      if (decoded === undefined) return { tag: "bad_token" };
      authToken = decoded;
      offered = offered.filter((entry) => !entry.startsWith(tokenPrefix));
    }
  }
  const accepted = withToken ? ["phoenix", ...(known ?? [])] : known;
  if (accepted === undefined || offered.length === 0) return { tag: "ok", protocol: null, authToken };
  const protocol = accepted.find((name) => offered.includes(name));
  return protocol === undefined ? { tag: "unknown" } : { tag: "ok", protocol, authToken };
}

function decodeToken(text: string): string | undefined {
  // Not `/=+$/`, which tries anew at each of a thousand of them that are not at the end: a second for a header of 16 KB.
  let end = text.length;
  while (end > 0 && text[end - 1] === "=") end--;
  const digits = text.slice(0, end);
  // Padding may be left out; if it is there, it must be all of it.
  const whole = text === digits || text.length % 4 === 0;
  if (!whole || digits.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(digits)) return undefined;
  return Buffer.from(digits, "base64").toString();
}
