/** Which serializer a connection gets: by its `vsn` parameter, for the life of the connection. */
import { ErrorCode, RuntimeError } from "../core/errors.js";
import { type CustomSerializer, customSerializer, loadSerializer } from "./custom-serializer.js";
import type { Serializer } from "./serializer.js";
import { serializerMsgpack } from "./serializer-msgpack.js";
import { serializerV1 } from "./serializer-v1.js";
import { serializerV2 } from "./serializer-v2.js";

/** A serializer and the versions it is for, as an Elixir requirement: `~> 2.0.0` or `~> 2.0`. */
export interface SerializerChoice {
  readonly serializer: Serializer;
  readonly requirement: string;
}

/** The versions of the wire protocol that a mount speaks, as users write it. */
export type VersionChoice = {
  /**
   * Which versions a client may ask for to get it: `"~> 2.0.0"` is any patch level of 2.0, `"~> 2.0"` any 2.x;
   * `"~> 2.0.0+msgpack"` is any patch level of 2.0 with just this build metadata, and such choices are looked at first.
   */
  readonly accepts: string;
} & (
  | {
      /** One of our own, by the version it speaks. */
      readonly vsn: "1.0.0" | "2.0.0" | "2.0.0+msgpack";
    }
  | {
      /** One of the application's. */
      readonly serializer: CustomSerializer;
    }
);

/** The same, in plain data. */
export interface VersionManifest {
  /** What the serializer is named by: the version it speaks, or its key in the application module. */
  readonly vsn: string;
  readonly accepts: string;
  /** Its module, if it is the application's. */
  readonly url: string | null;
}

/** What Phoenix accepts unless told otherwise: any patch level of 1.0 and of 2.0, but no 2.1. */
export const defaultSerializers: readonly SerializerChoice[] = [
  { serializer: serializerV1, requirement: "~> 1.0.0" },
  { serializer: serializerV2, requirement: "~> 2.0.0" },
];

/** All of our own, chosen or not. */
const ownSerializers: readonly Serializer[] = [serializerV1, serializerV2, serializerMsgpack];

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
  const fits = ({ requirement }: SerializerChoice): boolean => meets(version, requirement);
  // Those that name a build are for it alone; any other takes every build, so it would take theirs.
  return (serializers.find((choice) => choice.requirement.includes("+") && fits(choice)) ?? serializers.find(fits))
    ?.serializer;
}

/**
 * The versions of a mount in plain data.
 *
 * @throws RuntimeError `badOption` for a version nobody speaks, or a requirement that cannot be read; `unknownDefinition`.
 */
export function describeVersions(
  versions: readonly VersionChoice[],
  keyOf: (definition: CustomSerializer) => string,
): readonly VersionManifest[] {
  return versions.map((choice) => {
    const { accepts } = choice;
    requirementOf(accepts);
    if ("serializer" in choice) return { vsn: keyOf(choice.serializer), accepts, url: choice.serializer.url };
    return { vsn: ownSerializer(choice.vsn).vsn, accepts, url: null };
  });
}

/** Looks up the serializers of a mount on the I/O thread, once; those of the application are loaded. */
export function loadSerializers(versions: readonly VersionManifest[]): Promise<readonly SerializerChoice[]> {
  return Promise.all(
    versions.map(async ({ vsn, accepts, url }) => ({
      serializer: url === null ? ownSerializer(vsn) : await loadSerializer(vsn, url),
      requirement: accepts,
    })),
  );
}

interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly preRelease: boolean;
  /** Build metadata: what follows the plus sign. */
  readonly build: string | undefined;
}

/** Semantic Versioning 2.0.0. */
const versionSyntax =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?(?:\+([\dA-Za-z.-]+))?$/;

function parseVersion(text: unknown): Version | undefined {
  const match = typeof text === "string" ? versionSyntax.exec(text) : null;
  if (match === null) return undefined;
  const [, major, minor, patch, preRelease, build] = match;
  const numbers = { major: Number(major), minor: Number(minor), patch: Number(patch) };
  return { ...numbers, preRelease: preRelease !== undefined, build };
}

/** `~> 2.0.3` is from 2.0.3 up to, without, 2.1; `~> 2.0` is from 2.0.0 up to, without, 3.0. */
function meets(version: Version, requirement: string): boolean {
  const [, major, minor, patch, build] = requirementOf(requirement);
  if (build !== undefined && build !== version.build) return false;
  if (version.major !== Number(major)) return false;
  if (patch !== undefined && version.minor !== Number(minor)) return false;
  const above = version.minor - Number(minor) || version.patch - Number(patch ?? 0);
  // A pre-release comes before its release.
  return above > 0 || (above === 0 && !version.preRelease);
}

function requirementOf(requirement: string): RegExpExecArray {
  const match = /^~>\s*(\d+)\.(\d+)(?:\.(\d+))?(?:\+([\dA-Za-z.-]+))?$/.exec(requirement);
  if (match !== null) return match;
  const message = `the requirement ${JSON.stringify(requirement)} is not one like "~> 2.0.0", "~> 2.0" or "~> 2.0.0+msgpack"`;
  throw new RuntimeError(ErrorCode.badOption, message);
}

/**
 * The serializer that `vsn` names: on every scheduler the same.
 *
 * @throws RuntimeError `badOption`, `unknownDefinition` if there is none.
 */
export function serializerFor(vsn: string): Serializer {
  return ownSerializers.find((own) => own.vsn === vsn) ?? customSerializer(vsn);
}

function ownSerializer(vsn: string): Serializer {
  const found = ownSerializers.find((own) => own.vsn === vsn);
  if (found !== undefined) return found;
  throw new RuntimeError(ErrorCode.badOption, `no serializer speaks version ${JSON.stringify(vsn)}`);
}
