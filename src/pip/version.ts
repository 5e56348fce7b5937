import { compareParsed, formatVersion, parseVersion, requireVersion, trimRelease } from './pep440.ts';

export { satisfies } from './specifiers.ts';

/** The PEP 440 normal form of a version, as `str(packaging.version.Version(v))`; undefined when it is none. */
export function normalVersion(version: string): string | undefined {
  const parsed = parseVersion(version);
  return parsed && formatVersion(parsed);
}

/**
 * The form in which equal versions are equal strings: normal, and without trailing zeros of the release, as
 * `packaging.utils.canonicalize_version`. Undefined when it is no PEP 440 version.
 */
export function canonicalVersion(version: string): string | undefined {
  const parsed = parseVersion(version);
  return parsed && formatVersion(parsed, trimRelease(parsed.release));
}

/** Orders two versions by PEP 440: negative, 0 or positive. Throws UNRECOGNISED when one of them is no version. */
export function compareVersions(a: string, b: string): number {
  return compareParsed(requireVersion(a), requireVersion(b));
}
