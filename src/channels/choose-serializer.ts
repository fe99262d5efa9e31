/** Which serializer a connection gets: by its `vsn` parameter, for the life of the connection. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import type { Serializer } from "./serializer.js";
import { serializerV1 } from "./serializer-v1.js";
import { serializerV2 } from "./serializer-v2.js";

/** A serializer and the versions it is for, as an Elixir requirement: `~> 2.0.0` or `~> 2.0`. */
export interface SerializerChoice {
  readonly serializer: Serializer;
  readonly requirement: string;
}

/** The same, in plain data. */
export interface VersionChoice {
  /** The serializer, by the version it speaks. */
  readonly vsn: "1.0.0" | "2.0.0";
  /** Which versions a client may ask for to get it: `"~> 2.0.0"` is any patch level of 2.0, `"~> 2.0"` any 2.x. */
  readonly accepts: string;
}

/** What Phoenix accepts unless told otherwise: any patch level of 1.0 and of 2.0, but no 2.1. */
export const defaultSerializers: readonly SerializerChoice[] = [
  { serializer: serializerV1, requirement: "~> 1.0.0" },
  { serializer: serializerV2, requirement: "~> 2.0.0" },
];

/**
 * The first serializer whose requirement `vsn` meets. Undefined if there is none, or `vsn` is no version, or not even a
 * string (`vsn[x]=1`): the connection is then refused like one that `connect` refuses.
 *
 * @param vsn - The parameter as it came; without one, a client speaks 1.0.0.
 * @throws RuntimeError `badOption` for a requirement that cannot be read.
 */
export function chooseSerializer(
  vsn: unknown,
  serializers: readonly SerializerChoice[] = defaultSerializers,
): Serializer | undefined {
  const version = parseVersion(vsn ?? "1.0.0");
  if (version === undefined) return undefined;
  return serializers.find(({ requirement }) => meets(version, requirement))?.serializer;
}

/**
 * Looks up the serializers, once, where a socket is mounted.
 *
 * @throws RuntimeError `badOption` for a version nobody speaks, or a requirement that cannot be read.
 */
export function resolveVersions(versions: readonly VersionChoice[]): readonly SerializerChoice[] {
  return versions.map(({ vsn, accepts }) => {
    requirementOf(accepts);
    return { serializer: serializerFor(vsn), requirement: accepts };
  });
}

interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly preRelease: boolean;
}

/** Semantic Versioning 2.0.0; build metadata does not count. */
const versionSyntax =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?(?:\+[\dA-Za-z.-]+)?$/;

function parseVersion(text: unknown): Version | undefined {
  const match = typeof text === "string" ? versionSyntax.exec(text) : null;
  if (match === null) return undefined;
  const [, major, minor, patch, preRelease] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), preRelease: preRelease !== undefined };
}

/** `~> 2.0.3` is from 2.0.3 up to, without, 2.1; `~> 2.0` is from 2.0.0 up to, without, 3.0. */
function meets(version: Version, requirement: string): boolean {
  const [, major, minor, patch] = requirementOf(requirement);
  if (version.major !== Number(major)) return false;
  if (patch !== undefined && version.minor !== Number(minor)) return false;
  const above = version.minor - Number(minor) || version.patch - Number(patch ?? 0);
  // A pre-release comes before its release.
  return above > 0 || (above === 0 && !version.preRelease);
}

function requirementOf(requirement: string): RegExpExecArray {
  const match = /^~>\s*(\d+)\.(\d+)(?:\.(\d+))?$/.exec(requirement);
  if (match !== null) return match;
  const message = `the requirement ${JSON.stringify(requirement)} is not one like "~> 2.0.0" or "~> 2.0"`;
  throw new RuntimeError(ErrorCode.badOption, message);
}

/**
 * The serializer that speaks `vsn`: on every thread the same.
 *
 * @throws RuntimeError `badOption` if there is none.
 */
export function serializerFor(vsn: string): Serializer {
  for (const { serializer } of defaultSerializers) if (serializer.vsn === vsn) return serializer;
  throw new RuntimeError(ErrorCode.badOption, `no serializer speaks version ${JSON.stringify(vsn)}`);
}
