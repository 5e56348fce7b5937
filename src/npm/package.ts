import { mkdirSync, writeFileSync } from 'node:fs';
import type { EntryKey } from '../cache/entry.ts';
import { archiveIn, type LocalCache } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import type { PackageEntry, PackageMeta } from './entry.ts';
import { fittingSha512 } from './integrity.ts';
import { unpackTarball } from './tarball.ts';

/**
 * Makes an entry of a tarball. Throws ARCHIVE_INVALID for one that has not the integrity, or that npm might unpack in another way; the
 * system's error when it cannot be written.
 */
export function makePackage(cache: LocalCache, key: EntryKey, integrity: string, tarball: Buffer): PackageEntry {
  const sha512 = fittingSha512(tarball, integrity);
  if (sha512 === undefined) throw new PkgCacheError('ARCHIVE_INVALID', `the tarball of ${key.name}@${key.version} has not the integrity of the lockfile`);
  const staging = cache.stage(key, { verified: true });
  try {
    mkdirSync(staging.dir, { recursive: true });
    const { files, crlf, modes } = unpackTarball(tarball, staging.tree);
    writeFileSync(archiveIn(staging.dir), tarball, { mode: 0o644 });
    const meta: PackageMeta = { integrity, crlf, ...(modes.length > 0 && { modes }) };
    return staging.publish(key, { version: key.version, archive: { filename: `${key.name}-${key.version}.tgz`, sha256: sha256(tarball), sha512 }, meta }, files);
  } finally {
    staging.discard();
  }
}
