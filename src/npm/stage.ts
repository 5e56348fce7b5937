import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LinkMode } from '../cache/copy.ts';
import type { LocalCache, LocalEntry } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { exists } from '../place/undo.ts';
import type { BuiltEntry } from './built/find.ts';
import type { BuiltMeta } from './built/key.ts';
import { copyPackage, modesOf } from './copy-package.ts';
import type { PackageEntry, PackageMeta, TreeMeta } from './entry.ts';
import type { Lock } from './lockfile.ts';

/** How packages are placed. */
export interface Manner {
  readonly cache: LocalCache;
  readonly linkMode: LinkMode;
  /** Of the process and of npm's settings together. */
  readonly umask: number;
  /** See CopyContext. */
  readonly reflink?: boolean | undefined;
}

/** What a tree is. */
export interface Outline {
  readonly meta: TreeMeta;
  /** The hidden lockfile. */
  readonly hidden: Lock;
}

/** Of what a tree is put together. */
export interface Parts extends Manner, Outline {
  /** By integrity. */
  readonly packages: ReadonlyMap<string, PackageEntry>;
  /** By location. */
  readonly built: ReadonlyMap<string, BuiltEntry>;
}

/** Where the hidden lockfile lies in a stage: it comes last. */
export const STAGED_HIDDEN = 'hidden.json';

/**
 * Puts a whole tree together in the new directory `stage`, as it is to lie below the project, but for the hidden lockfile, which lies beside it.
 * Throws ENTRY_INVALID for a damaged entry, which is put aside, or the system's error.
 */
export function assemble(stage: string, parts: Parts): void {
  mkdirSync(stage);
  for (const [location, integrity] of parts.meta.packages) placePackage(stage, location, entryAt(location, integrity, parts), parts);
  complete(stage, parts, parts.umask);
}

/** Makes the directories that the packages at these locations lie in. */
export function makeParents(stage: string, locations: readonly string[], umask: number): void {
  for (const parent of new Set(locations.map((location) => dirname(location)))) makeDirectory(join(stage, parent), umask);
}

/** Puts one package into a stage, in which those that lie around it are already. Throws as `assemble` does. */
export function placePackage(stage: string, location: string, entry: LocalEntry<PackageMeta | BuiltMeta>, { cache, linkMode, umask, reflink }: Manner): void {
  const to = `${stage}/${location}`;
  makeDirectory(dirname(to), umask);
  copyPackage({ cache, linkMode, modes: modesOf(umask), reflink }, entry, to);
}

/** Adds to a stage with all packages what else is in the tree. Throws the system's error. */
export function complete(stage: string, { meta, hidden }: Outline, umask: number): void {
  for (const path of meta.empty ?? []) makeDirectory(join(stage, path), umask);
  for (const [location, target] of [...meta.links, ...meta.bins]) {
    makeDirectory(dirname(join(stage, location)), umask);
    symlinkSync(target, join(stage, location));
  }
  for (const [path, target] of meta.bins) makeExecutable(join(stage, dirname(path), target), umask);
  makeManifestBinsExecutable(stage, { meta, hidden }, umask);
  const file = join(stage, STAGED_HIDDEN);
  writeFileSync(file, hidden.text, { flag: 'wx' });
  chmodSync(file, modesOf(umask).file);
}

/** npm does that with all bins (bin-links, fix-bin.js); one that is not there it leaves out. */
export function makeExecutable(file: string, umask: number): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  const mode = 0o777 & ~umask;
  if (stat?.isFile() !== true || (stat.mode & 0o777) === mode) return;
  if (stat.nlink > 1) giveOwnInode(file); // else the cache's file would change as well
  chmodSync(file, mode);
}

function entryAt(location: string, integrity: string, { packages, built }: Parts): PackageEntry | BuiltEntry {
  const entry = built.get(location) ?? packages.get(integrity);
  if (!entry) throw new PkgCacheError('ENTRY_INVALID', `${location} is gone from the cache`);
  return entry;
}

/** Where the lockfile does not say where a tarball is, npm reads the package's manifest first, and pacote then knows its bins. */
function makeManifestBinsExecutable(stage: string, { meta, hidden }: Outline, umask: number): void {
  for (const [location] of meta.packages) {
    const { resolved, bin } = hidden.packages.get(location) ?? {};
    if (resolved === undefined) for (const path of Object.values(bin ?? {})) makeExecutable(join(stage, location, path), umask);
  }
}

function makeDirectory(path: string, umask: number): void {
  if (exists(path)) return;
  makeDirectory(dirname(path), umask);
  mkdirSync(path);
  chmodSync(path, modesOf(umask).directory);
}

function giveOwnInode(file: string): void {
  const bytes = readFileSync(file);
  unlinkSync(file);
  writeFileSync(file, bytes, { flag: 'wx' });
}
