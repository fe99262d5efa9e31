/**
 * Cross-site WebSocket hijacking: a page of another site may open a socket here, with the visitor's cookies. Browsers say
 * which site by the `Origin` header; these are Phoenix's rules of whom to let in. Without the header it is no browser.
 *
 * @see https://hexdocs.pm/phoenix/Phoenix.Endpoint.html#socket/3-common-configuration (`:check_origin`)
 */
import { ErrorCode, RuntimeError } from "../core/errors.js";

/** A URI taken apart. What is not there is null; a port that is not there is the scheme's default, if it has one. */
export interface OriginUri {
  readonly scheme: string | null;
  readonly host: string | null;
  readonly port: number | null;
}

/**
 * Which origins may connect.
 *
 * - `true`: those whose host is the endpoint's public host; scheme and port do not count.
 * - `false`: all.
 * - `"conn"`: those with the scheme, host and port of the request itself.
 * - a list: those that match an entry, like `https://example.com`, `//example.com:8080` or `//*.example.com`. What an
 *   entry leaves out is any, but a scheme brings its default port: `http://a.com` does not allow `http://a.com:8080`.
 *   `*.example.com` is `example.com` and everything below it.
 * - a function: as it says, also about origins without a host (`null`, `file://`), which `true` and lists refuse.
 */
export type CheckOrigin = boolean | "conn" | readonly string[] | ((origin: OriginUri) => boolean);

/** A {@link CheckOrigin} whose entries have been parsed. */
export type OriginPolicy = boolean | "conn" | readonly OriginUri[] | ((origin: OriginUri) => boolean);

/** What the request says about where it was sent to; see {@link requestAddress}. */
export interface RequestAddress {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

/**
 * Checks the option, once, where a socket is mounted.
 *
 * @throws RuntimeError `badOption` for an entry without a host, or for what is no such option at all.
 */
export function resolveCheckOrigin(option: CheckOrigin): OriginPolicy {
  if (typeof option === "boolean" || typeof option === "function" || option === "conn") return option;
  if (!Array.isArray(option)) {
    const allowed = 'a boolean, "conn", a list of origins or a function';
    throw new RuntimeError(ErrorCode.badOption, `checkOrigin must be ${allowed}, not ${JSON.stringify(option)}`);
  }
  return option.map((entry: unknown) => {
    const uri = typeof entry === "string" ? parseOrigin(entry) : undefined;
    if (uri === undefined || uri.host === null) {
      const examples = '"https://example.com", "//another.com:888" or "//*.other.com"';
      const message = `the checkOrigin entry ${JSON.stringify(entry)} has no host; write it like ${examples}`;
      throw new RuntimeError(ErrorCode.badOption, message);
    }
    return uri;
  });
}

/**
 * Whether a request with this `Origin` header may go on. If not, the answer is 403, over long poll `{"status":403}`.
 *
 * @param publicHost - The host of the endpoint as its visitors know it.
 */
export function checkOrigin(
  policy: OriginPolicy,
  origin: string | undefined,
  request: RequestAddress,
  publicHost: string,
): boolean {
  if (origin === undefined || policy === false) return true;
  const uri = parseOrigin(origin);
  if (typeof policy === "function") return policy(uri) === true;
  if (policy === "conn") {
    return uri.host === request.host && uri.port === request.port && uri.scheme === (request.secure ? "https" : "http");
  }
  const { host } = uri;
  if (host === null) return false;
  if (policy === true) return host === publicHost;
  return policy.some(
    (allowed) =>
      (allowed.scheme === null || allowed.scheme === uri.scheme) &&
      (allowed.port === null || allowed.port === uri.port) &&
      hostMatches(host, allowed.host as string),
  );
}

/** The address in a `Host` header; a header that is missing or has no host gives an empty one, which equals no origin's. */
export function requestAddress(hostHeader: string | undefined, secure: boolean): RequestAddress {
  const { host, port } = parseOrigin(`${secure ? "https" : "http"}://${hostHeader ?? ""}`);
  return { secure, host: host ?? "", port: port ?? (secure ? 443 : 80) };
}

function hostMatches(host: string, pattern: string): boolean {
  if (!pattern.startsWith("*.")) return host === pattern;
  return host === pattern.slice(2) || host.endsWith(pattern.slice(1));
}

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443, ftp: 21 };

/** RFC 3986, appendix B. Not `URL`, which refuses entries without a scheme and folds the host's case; Phoenix does neither. */
function parseOrigin(text: string): OriginUri {
  const [, rawScheme, authority = ""] = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?/.exec(text) ?? [];
  const scheme = rawScheme?.toLowerCase() ?? null;
  const [, bracketed, plain, port] = /^(?:.*@)?(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?/.exec(authority) ?? [];
  const defaultPort = scheme !== null && Object.hasOwn(defaultPorts, scheme) ? defaultPorts[scheme] : undefined;
  return {
    scheme,
    host: bracketed || plain || null,
    port: port !== undefined ? Number(port) : (defaultPort ?? null),
  };
}
