import { lstatSync, mkdirSync, rmdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { PkgCacheError } from '../errors.ts';
import { sha256File } from '../hash.ts';
import { copyTree, deviceOf, modesFor } from './copy.ts';
import type { EntryFile } from './entry.ts';
import type { LocalCache, LocalEntry } from './local.ts';
import { Shelf, type Ownership } from './shelf.ts';

/** Ready copies of entries (shelf.ts), verified file by file when they are made. */
export class ReadyCopies {
  readonly #cache: LocalCache;
  readonly #owner: Ownership;

  constructor(cache: LocalCache, owner: Ownership) {
    this.#cache = cache;
    this.#owner = owner;
  }

  /** Moves one ready copy of the entry to `destination`, if there is one that is whole, and that nobody has been at. */
  take(local: LocalEntry, destination: string): boolean {
    return this.#shelf(local).take(destination, (directory) => isWhole(directory, this.#cache.files(local))) === 'taken';
  }

  /** Whether there is no ready copy of the entry, one may be made, and one could be renamed to where `target` is. */
  isWanted(local: LocalEntry, target: string): boolean {
    const shelf = this.#shelf(local);
    return shelf.isEmpty && deviceOf(this.#cache.root) === deviceOf(target) && shelf.mayHold(local.entry.size);
  }

  /**
   * Makes ready copies until there are `count`. Returns false when none may be made (`Shelf.mayHold`).
   * Throws ENTRY_INVALID when the entry's bytes are not what its manifest says; the caller quarantines it.
   */
  prepare(local: LocalEntry, count = 1): boolean {
    return this.#shelf(local).put(local.entry.size, (directory) => {
      const files = this.#cache.files(local);
      copyTree({ from: join(local.dir, 'tree'), to: directory, files, mode: 'private', modes: modesFor(this.#owner.umask) });
      verifyTree(directory, files);
      seal(directory);
    }, count);
  }

  #shelf({ id }: LocalEntry): Shelf {
    return new Shelf(this.#cache, this.#owner, id);
  }
}

/** Moves the time of a copy itself past those of all that is in it; by the file system's clock, which need not be ours. */
function seal(root: string): void {
  const path = join(root, '.sealed');
  mkdirSync(path);
  rmdirSync(path);
}

/**
 * Files have the sizes and times that they should have, and nothing was changed after the copy was sealed: whatever is done to a file or a
 * directory, its modes and owner included, moves the time of its inode. A machine that lost power may have kept that and lost bytes.
 */
function isWhole(root: string, files: readonly EntryFile[]): boolean {
  const sealed = lstatSync(root).mtimeMs;
  // Paths of entries are in normal form already.
  const statOf = (path: string): Stats | undefined => lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
  const areWhole = files.every(({ path, size, mtime }) => {
    const stat = statOf(path);
    return stat?.size === size && stat.ctimeMs <= sealed && (mtime === undefined || Math.trunc(stat.mtimeMs / 1000) === mtime);
  });
  return areWhole && [...directoriesOf(files)].every((path) => (statOf(path)?.ctimeMs ?? Infinity) <= sealed);
}

/** The directories that files lie in, and those above them. */
function directoriesOf(files: readonly EntryFile[]): Set<string> {
  const found = new Set<string>();
  for (const { path } of files) {
    for (let end = path.lastIndexOf('/'); end > 0 && !found.has(path.slice(0, end)); end = path.lastIndexOf('/', end - 1)) found.add(path.slice(0, end));
  }
  return found;
}

/** Compares the bytes of files with their list. Throws ENTRY_INVALID. */
export function verifyTree(root: string, files: readonly EntryFile[]): void {
  for (const file of files) {
    const path = join(root, file.path);
    if (sha256File(path) !== file.sha256) throw new PkgCacheError('ENTRY_INVALID', `${file.path} does not match its manifest`);
  }
}
