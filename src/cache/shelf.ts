import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { listDir } from './sweep.ts';
import type { LocalCache } from './local.ts';
import { hasRoomFor } from './room.ts';

/** What decides owner and modes of the files that a process makes. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
}

/**
 * Where ready copies of one thing wait: whole private trees, made in advance in the background, so that an install is a rename of directories
 * instead of a copy of files. A copy is used up by the install that takes it.
 *
 *     <root>/v1/ready/<uid>-<gid>-<umask>/<id>/<random>.<bytes>/…
 */
export class Shelf {
  readonly #cache: LocalCache;
  readonly #directory: string;

  constructor(cache: LocalCache, { uid, gid, umask }: Ownership, id: string) {
    this.#cache = cache;
    this.#directory = cache.path('ready', `${uid}-${gid}-${umask.toString(8).padStart(3, '0')}`, id);
  }

  /**
   * Moves one copy to `destination` (same file system, must not exist). False when there is none. One that `isWhole` does not accept is
   * thrown away: a clean-up by age or a machine that lost power may have been at it.
   */
  take(destination: string, isWhole: (directory: string) => boolean): boolean {
    for (const name of this.#copies()) {
      try {
        renameSync(join(this.#directory, name), destination);
      } catch {
        continue; // Another install was faster, or it is on another file system.
      }
      if (isWhole(destination)) return true;
      rmSync(destination, { recursive: true, force: true });
    }
    return false;
  }

  /** Puts a copy of `bytes` there, which `make` makes as the new directory that it is given. False when the disk has no room to spare for it. */
  put(bytes: number, make: (directory: string) => void): boolean {
    if (!this.isEmpty) return true;
    if (!hasRoomFor(this.#cache.root, bytes)) return false;
    mkdirSync(this.#directory, { recursive: true });
    const name = `${randomBytes(6).toString('hex')}.${bytes}`;
    const hidden = join(this.#directory, `.${name}.${process.pid}`);
    try {
      make(hidden);
      renameSync(hidden, join(this.#directory, name));
    } catch (error) {
      rmSync(hidden, { recursive: true, force: true });
      throw error;
    }
    return true;
  }

  get isEmpty(): boolean {
    return this.#copies().length === 0;
  }

  #copies(): string[] {
    return listDir(this.#directory).filter((name) => !name.startsWith('.'));
  }
}
