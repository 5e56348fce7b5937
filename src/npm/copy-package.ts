import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyTree, type LinkMode, type Modes } from '../cache/copy.ts';
import { describe, isDamage, type LocalCache, type LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import type { BuiltMeta } from './built/key.ts';
import { whyNotPlaced } from './built/links.ts';
import type { PackageMeta } from './entry.ts';

export interface CopyContext {
  readonly cache: LocalCache;
  readonly linkMode: LinkMode;
  readonly modes: PackageModes;
  /** What `canReflink` says about the cache's entries and where packages are to lie, where that is known. */
  readonly reflink?: boolean | undefined;
}

export interface PackageModes extends Modes {
  /** Of a file that only some may execute, by the bits that say who. */
  readonly some: (bits: number) => number;
}

/** Modes under a umask as pacote and bin-links compute them (`#entryMode` in pacote's fetcher.js, bin-links' fix-bin.js). */
export function modesOf(umask: number): PackageModes {
  const some = (bits: number): number => ((0o666 | bits) & ~umask) | 0o600;
  return { file: some(0), executable: some(0o111), directory: 0o777 & ~umask, some };
}

/**
 * Makes the new directory `to` of a package's entry, or of a built one. Throws ENTRY_INVALID for a damaged entry, which is put aside, or the
 * system's error.
 */
export function copyPackage({ cache, linkMode, modes, reflink }: CopyContext, entry: LocalEntry<PackageMeta | BuiltMeta>, to: string): void {
  const { meta } = entry.entry;
  const stray = 'links' in meta ? whyNotPlaced(meta) : undefined;
  if (stray !== undefined) {
    cache.quarantine(entry);
    throw new PkgCacheError('ENTRY_INVALID', `${describe(entry.entry)} has ${stray} outside of itself`);
  }
  try {
    copyTree({ from: join(entry.dir, 'tree'), to, files: cache.files(entry), mode: linkMode, modes, reflink });
  } catch (error) {
    if (!isDamage(error)) throw error;
    cache.quarantine(entry);
    throw new PkgCacheError('ENTRY_INVALID', `${describe(entry.entry)} is damaged in the cache`, { cause: error });
  }
  if ('modes' in meta) for (const [path, bits] of meta.modes ?? []) ownMode(join(to, path), modes.some(bits));
  if ('links' in meta) {
    for (const path of meta.directories) makeDirectories(to, path, modes.directory);
    for (const [path, target] of meta.links) {
      makeDirectories(to, path.slice(0, Math.max(0, path.lastIndexOf('/'))), modes.directory);
      symlinkSync(target, join(to, path));
    }
  }
  chmodSync(to, modes.directory);
}

/** A file that is linked to the cache becomes one of its own. */
function ownMode(path: string, mode: number): void {
  if (lstatSync(path).nlink > 1) {
    const bytes = readFileSync(path);
    rmSync(path);
    writeFileSync(path, bytes, { flag: 'wx' });
  }
  chmodSync(path, mode);
}

function makeDirectories(root: string, path: string, mode: number): void {
  if (path === '' || existsSync(join(root, path))) return;
  makeDirectories(root, path.slice(0, Math.max(0, path.lastIndexOf('/'))), mode);
  mkdirSync(join(root, path));
  chmodSync(join(root, path), mode);
}
