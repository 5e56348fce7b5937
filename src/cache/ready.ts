import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { PkgCacheError } from '../errors.ts';
import { sha256File } from '../hash.ts';
import { copyTree, modesFor } from './copy.ts';
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

  /** Moves one ready copy of the entry to `destination`, if there is one whose files have the sizes and times that they should have. */
  take(local: LocalEntry, destination: string): boolean {
    return this.#shelf(local).take(destination, (directory) => isWhole(directory, this.#cache.files(local))) === 'taken';
  }

  /** Whether there is no ready copy of the entry. */
  isOut(local: LocalEntry): boolean {
    return this.#shelf(local).isEmpty;
  }

  /**
   * Makes ready copies until there are `count`. Returns false when the disk has no room to spare for one.
   * Throws ENTRY_INVALID when the entry's bytes are not what its manifest says; the caller quarantines it.
   */
  prepare(local: LocalEntry, count = 1): boolean {
    return this.#shelf(local).put(local.entry.size, (directory) => {
      const files = this.#cache.files(local);
      copyTree({ from: join(local.dir, 'tree'), to: directory, files, mode: 'private', modes: modesFor(this.#owner.umask) });
      verifyTree(directory, files);
    }, count);
  }

  #shelf({ id }: LocalEntry): Shelf {
    return new Shelf(this.#cache, this.#owner, id);
  }
}

function isWhole(root: string, files: readonly EntryFile[]): boolean {
  // Paths of entries are in normal form already.
  return files.every(({ path, size, mtime }) => {
    const stat = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    return stat?.size === size && (mtime === undefined || Math.trunc(stat.mtimeMs / 1000) === mtime);
  });
}

/** Compares the bytes of files with their list. Throws ENTRY_INVALID. */
export function verifyTree(root: string, files: readonly EntryFile[]): void {
  for (const file of files) {
    const path = join(root, file.path);
    if (sha256File(path) !== file.sha256) throw new PkgCacheError('ENTRY_INVALID', `${file.path} does not match its manifest`);
  }
}
