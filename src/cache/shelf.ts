import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { systemCode } from '../errors.ts';
import { isAlive } from './claim.ts';
import { nearestExisting } from './copy.ts';
import { listDir } from './sweep.ts';
import type { LocalCache } from './local.ts';
import { whatIsPassedOn } from './passed-on.ts';
import { hasRoomFor } from './room.ts';
import { moveToTrash } from './trash.ts';

/** What decides owner and modes of the files that a process makes. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
}

/** What came of wanting a copy. `elsewhere`: none can be renamed to where it is wanted, which is on another file system. */
export type Taken = 'taken' | 'none' | 'elsewhere';

/**
 * Where ready copies of one thing wait: whole private trees, made in advance in the background, so that an install is a rename of directories
 * instead of a copy of files. A copy is used up by the install that takes it.
 *
 *     <root>/v1/ready/<uid>-<gid>-<umask>/<id>/<random>.<bytes>/…
 */
export class Shelf {
  readonly #cache: LocalCache;
  readonly #level: readonly string[];
  readonly #directory: string;

  constructor(cache: LocalCache, owner: Ownership, id: string) {
    this.#cache = cache;
    this.#level = ['ready', shelvesOf(owner)];
    this.#directory = cache.path(...this.#level, id);
  }

  /** Of what there are shelves, which may be empty. */
  static ids(cache: LocalCache, owner: Ownership): string[] {
    return cache.isOurLevel('ready', shelvesOf(owner)) ? listDir(cache.path('ready', shelvesOf(owner))) : [];
  }

  /**
   * Moves one copy to `destination`, which must not exist. One that `isWhole` does not accept is thrown away: a clean-up by age or a machine
   * that lost power may have been at it.
   */
  take(destination: string, isWhole: (directory: string) => boolean): Taken {
    for (const name of this.#copies()) {
      try {
        renameSync(join(this.#directory, name), destination);
      } catch (error) {
        if (systemCode(error) === 'EXDEV') return 'elsewhere';
        continue; // Another install was faster.
      }
      if (isWhole(destination)) return 'taken';
      this.#throwAway(destination);
    }
    return 'none';
  }

  /** Where a copy lies, if there is one: to be looked at. Somebody may take it at any moment. */
  get first(): string | undefined {
    const [name] = this.#copies();
    return name === undefined ? undefined : join(this.#directory, name);
  }

  /** Sees to it that there are `count` copies of `bytes` each, which `make` makes as the new directory that it is given. False when the shelf may not hold them. */
  put(bytes: number, make: (directory: string) => void, count = 1): boolean {
    for (let missing = count - this.#copies().length; missing > 0; missing--) {
      if (!this.mayHold(bytes)) return false;
      mkdirSync(this.#directory, { recursive: true });
      this.#add(bytes, make);
    }
    return true;
  }

  /** Whether the disk has room to spare for a copy of so many bytes, and the copy would not get from the cache's directories what an install does not get from where it goes. */
  mayHold(bytes: number): boolean {
    return hasRoomFor(this.#cache.root, bytes) && whatIsPassedOn(nearestExisting(this.#directory)) === undefined;
  }

  #add(bytes: number, make: (directory: string) => void): void {
    this.#removeHalves();
    const name = `${randomBytes(6).toString('hex')}.${bytes}`;
    const hidden = join(this.#directory, `.${name}.${process.pid}`);
    try {
      make(hidden);
      renameSync(hidden, join(this.#directory, name));
    } catch (error) {
      rmSync(hidden, { recursive: true, force: true });
      throw error;
    }
  }

  /** What processes that were killed have left. One in another container may be at work; then it has been so in vain. */
  #removeHalves(): void {
    for (const name of listDir(this.#directory)) {
      const pid = /^\..*\.(\d+)$/.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  /** An install has no time for that: what is in the trash goes in the background. */
  #throwAway(directory: string): void {
    try {
      moveToTrash(this.#cache.path('trash'), directory);
    } catch {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  get isEmpty(): boolean {
    return this.#copies().length === 0;
  }

  #copies(): string[] {
    return this.#cache.isOurLevel(...this.#level) ? listDir(this.#directory).filter((name) => !name.startsWith('.')) : [];
  }
}

/** The name of the directory of all shelves of an owner. */
function shelvesOf({ uid, gid, umask }: Ownership): string {
  return `${uid}-${gid}-${umask.toString(8).padStart(3, '0')}`;
}
