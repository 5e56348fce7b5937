import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { PkgCacheError } from '../errors.ts';
import { sha256File } from '../hash.ts';
import type { EntryFile } from './entry.ts';
import { copyTree, modesFor, type Modes } from './copy.ts';
import type { LocalCache, LocalEntry } from './local.ts';
import { hasRoomFor } from './room.ts';

/**
 * Ready copies: whole private trees of an entry, made in advance in the background, so that an install is a rename of directories
 * instead of a copy of files. A copy is used up by the install that takes it.
 *
 *     <root>/v1/ready/<owner>/<id>/<random>/…     one copy, verified file by file when it was made
 *
 * `owner` is made of all that decides ownership and modes of new files: uid, gid and umask.
 */
export class ReadyCopies {
  readonly #cache: LocalCache;
  readonly #owner: string;
  readonly #modes: Modes;

  constructor(cache: LocalCache, owner: Ownership) {
    this.#cache = cache;
    this.#owner = `${owner.uid}-${owner.gid}-${owner.umask.toString(8).padStart(3, '0')}`;
    this.#modes = modesFor(owner.umask);
  }

  /**
   * Moves one ready copy of the entry to `destination` (same file system, must not exist). False when there is none. A copy that was
   * changed since it was made (by a clean-up by age, a machine that lost power), as far as sizes and times tell, is thrown away.
   */
  take(local: LocalEntry, destination: string): boolean {
    const shelf = this.#shelf(local.id);
    for (const name of listDir(shelf)) {
      if (name.startsWith('.')) continue;
      try {
        renameSync(join(shelf, name), destination);
      } catch {
        continue; // Another install was faster; try the next.
      }
      if (isWhole(destination, this.#cache.files(local))) return true;
      rmSync(destination, { recursive: true, force: true });
    }
    return false;
  }

  /**
   * Makes a ready copy unless there is one. Returns false when the disk has no room to spare for it.
   * Throws ENTRY_INVALID when the entry's bytes are not what its manifest says; the caller quarantines it.
   */
  prepare(local: LocalEntry): boolean {
    const shelf = this.#shelf(local.id);
    if (listDir(shelf).some((name) => !name.startsWith('.'))) return true;
    if (!hasRoomFor(this.#cache.root, local.entry.size)) return false;
    mkdirSync(shelf, { recursive: true });
    const name = randomBytes(6).toString('hex');
    const hidden = join(shelf, `.${name}.${process.pid}`);
    const files = this.#cache.files(local);
    copyTree({ from: join(local.dir, 'tree'), to: hidden, files, mode: 'private', modes: this.#modes });
    try {
      verifyTree(hidden, files);
      renameSync(hidden, join(shelf, name));
    } catch (error) {
      rmSync(hidden, { recursive: true, force: true });
      throw error;
    }
    return true;
  }

  #shelf(id: string): string {
    return this.#cache.path('ready', this.#owner, id);
  }
}

/** What decides owner and modes of the files that a process makes. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
}

function isWhole(root: string, files: readonly EntryFile[]): boolean {
  // Paths of entries are in normal form already.
  return files.every(({ path, size, mtime }) => {
    const stat = lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    return stat?.size === size && (mtime === undefined || Math.trunc(stat.mtimeMs / 1000) === mtime);
  });
}

function verifyTree(root: string, files: readonly EntryFile[]): void {
  for (const file of files) {
    const path = join(root, file.path);
    if (sha256File(path) !== file.sha256) throw new PkgCacheError('ENTRY_INVALID', `${file.path} does not match its manifest`);
  }
}

function listDir(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
