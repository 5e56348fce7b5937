import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { LocalCache } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { isUnreadable } from '../store/failure.ts';
import type { Digest, Store } from '../store/store.ts';

/** For how long what was found to be damaged is not asked for again, in milliseconds: somebody may have replaced it by then. */
const LEFT_ALONE = 3_600_000;

/**
 * Objects of a store that this worker has found to be damaged: who meets with one says so, asks for it no more for a while, and replaces it as soon as it has
 * a good one. An empty file for each, in the cache. Losing it costs a download.
 */
export class DamagedObjects {
  readonly #cache: LocalCache;
  readonly #store: Store;

  constructor(cache: LocalCache, store: Store) {
    this.#cache = cache;
    this.#store = store;
  }

  /** Whether an object need not be asked for. */
  isNoted(key: string): boolean {
    const age = Date.now() - (statSync(this.#path(key), { throwIfNoEntry: false })?.mtimeMs ?? -Infinity);
    return age >= 0 && age < LEFT_ALONE;
  }

  /** Runs what reads an object; if its bytes are wrong that is noted, and thrown as before. */
  async noting<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDamage(error)) this.#note(key);
      throw error;
    }
  }

  /**
   * Whether an object was removed because its bytes, read now, are not those of `digest`, which its key states: nothing else is ever removed. Only one that
   * was noted is looked at. That it may not be removed is no failure; then it stays. Throws STORE_* when it cannot be read.
   */
  async wasRemoved(key: string, digest: Digest): Promise<boolean> {
    if (statSync(this.#path(key), { throwIfNoEntry: false }) === undefined) return false;
    const isWrong = (await hashOf(this.#store, key, digest.algorithm)) !== digest.hex;
    try {
      if (isWrong) await this.#store.remove(key);
    } catch (error) {
      if (error instanceof PkgCacheError && error.code === 'STORE_DENIED') return false;
      throw error;
    }
    rmSync(this.#path(key), { force: true });
    return isWrong;
  }

  /** That it cannot be noted is no error. */
  #note(key: string): void {
    try {
      mkdirSync(dirname(this.#path(key)), { recursive: true });
      writeFileSync(this.#path(key), '');
    } catch {
      // A full disk, or somebody else's cache.
    }
  }

  #path(key: string): string {
    return this.#cache.path('state', 'damaged', sha256(JSON.stringify([this.#store.label, key])).slice(0, 32));
  }
}

/** Whether what an object says, or its bytes, are wrong: that is noted, and nobody here meets with it again for a while. */
export function isDamage(error: unknown): boolean {
  return error instanceof PkgCacheError && error.code === 'ARCHIVE_INVALID' && !isUnreadable(error);
}

/** Undefined for one that is gone. Throws STORE_*. */
async function hashOf(store: Store, key: string, algorithm: Digest['algorithm']): Promise<string | undefined> {
  const object = await store.get(key);
  if (!object) return undefined;
  const hash = createHash(algorithm);
  for await (const piece of object.body) hash.update(piece as Buffer);
  return hash.digest('hex');
}
