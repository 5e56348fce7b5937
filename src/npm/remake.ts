import { entryId, type EntryKey } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { packageKey, type PackageEntry, type PackageMeta } from './entry.ts';
import { makePackage } from './package.ts';

/**
 * Makes the entry of a package of the registry's tarball, as another worker has made it; all that is taken from that one's manifest is the
 * integrity, and the key must be the one that follows from it. Throws ARCHIVE_INVALID; the system's error when it cannot be written.
 */
export function remakePackage(cache: LocalCache, key: EntryKey, meta: unknown, tarball: Buffer): PackageEntry {
  const { integrity } = (meta ?? {}) as Partial<PackageMeta>;
  if (typeof integrity !== 'string' || entryId(packageKey(key.name, key.version, integrity)) !== entryId(key)) {
    throw new PkgCacheError('ARCHIVE_INVALID', `${key.name}@${key.version} is stored under the key of something else`);
  }
  return makePackage(cache, key, integrity, tarball);
}
