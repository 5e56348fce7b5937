import { constants, copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { archiveIn, type LocalCache, type LocalEntry } from '../cache/local.ts';
import { packageKey } from './entry.ts';
import { sha512Of } from './integrity.ts';
import { mayBeFromRegistry, nameAt, type Lock } from './lockfile.ts';

/**
 * Puts tarballs of ours into npm's own cache, so that it only downloads the others. npm finds content there by its integrity alone, and
 * verifies it (pacote, fetcher.js; cacache, lib/content/). What cannot be put there npm downloads.
 */
export function feed(cache: LocalCache, { packages }: Lock, npmCache: string): void {
  for (const [location, entry] of packages) {
    const { name, version, integrity, link } = entry;
    if (integrity === undefined || version === undefined || link === true || !mayBeFromRegistry(entry)) continue;
    try {
      const found = cache.lookup(packageKey(name ?? nameAt(location), version, integrity));
      if (found) feedOne(found, integrity, npmCache);
    } catch {
      return; // A cache that cannot be written: npm has the same trouble, and copes.
    }
  }
}

/** Puts the tarball of one package there. Throws the system's error. */
export function feedOne(entry: LocalEntry, integrity: string, npmCache: string): void {
  const path = contentPath(npmCache, integrity);
  if (path === undefined || existsSync(path)) return;
  const draft = join(npmCache, '_cacache/tmp', `pkg-cache-${randomBytes(6).toString('hex')}`);
  for (const directory of [dirname(draft), dirname(path)]) mkdirSync(directory, { recursive: true });
  copyFileSync(archiveIn(entry.dir), draft, constants.COPYFILE_EXCL);
  renameSync(draft, path);
}

/** Where cacache keeps content with this integrity (cacache, lib/content/path.js). */
export function contentPath(npmCache: string, integrity: string): string | undefined {
  const hex = sha512Of(integrity);
  return hex && join(npmCache, '_cacache/content-v2/sha512', hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
}
