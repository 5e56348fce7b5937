import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { entryDirs, entryStatus, isAbandoned, type EntryStatus } from './listing.ts';
import type { LocalCache } from './local.ts';
import { discard } from './shelves.ts';
import { listDir } from './sweep.ts';
import { abandonedThrowaways } from './throwaway.ts';
import { Weights } from './weight.ts';

/** Why something goes. */
export type Reason = 'all' | 'removed' | 'stalled' | 'unused' | 'size' | 'left over';

export interface CleanRequest {
  readonly cache: LocalCache;
  /** Days after which an entry that nobody used goes; 0: never. */
  readonly maxDays: number;
  /** Bytes that the cache may take; 0: as many as there are. */
  readonly maxSize: number;
  /** Everything goes. */
  readonly all: boolean;
  /** Whether stalled entries go as well. */
  readonly stalled: boolean;
  /** Nothing is changed. */
  readonly dryRun: boolean;
  /** Whether an entry stays although it is unused: it is not in the store yet. */
  readonly isNeeded: (id: string) => boolean;
  /** Milliseconds that may be spent on deleting; looking is not counted. */
  readonly limit: number;
}

/** Something that went, or would have gone. */
export interface Cleaned {
  readonly reason: Reason;
  /** Undefined for left-overs. */
  readonly entry: EntryStatus | undefined;
  readonly path: string;
  readonly bytes: number;
  /** False: an install may still be reading it, so that it is invisible from now on, and deleted by a later clean. */
  readonly deleted: boolean;
}

const DAY_MS = 86_400_000;

/**
 * Deletes what was removed, what stalled, what was not used for `maxDays`, and then, the least recently used first, what is too much for
 * `maxSize`. Safe while installs, and other cleans, run. Yields what it has done, one by one; being stopped in between, or killed, is
 * harmless. What cannot be deleted (another user's) is left out.
 */
export function clean(request: CleanRequest): Generator<Cleaned> {
  return new Cleaner(request).run();
}

interface Candidate {
  readonly dir: string;
  readonly bytes: number;
  readonly lastUsed: number;
}

class Cleaner {
  readonly #request: CleanRequest;
  readonly #candidates: Candidate[] = [];
  readonly #weights: Weights;
  #spent = 0;

  constructor(request: CleanRequest) {
    this.#request = request;
    this.#weights = new Weights(request.cache);
  }

  *run(): Generator<Cleaned> {
    yield* this.#leftOvers();
    let total = 0;
    for (const dir of entryDirs(this.#request.cache.root)) {
      if (this.#isOver()) return;
      const entry = entryStatus(dir);
      const reason = this.#reasonFor(entry);
      if (reason !== undefined) yield* this.#take(entry, reason);
      else total += this.#count(entry);
    }
    yield* this.#evict(total);
  }

  /** The bytes of an entry that stays, if that matters. */
  #count(entry: EntryStatus): number {
    if (this.#request.maxSize === 0) return 0;
    const bytes = this.#weights.of(entry);
    this.#candidates.push({ dir: entry.path, bytes, lastUsed: entry.lastUsed });
    return bytes;
  }

  *#evict(bytes: number): Generator<Cleaned> {
    let total = bytes;
    this.#candidates.sort((a, b) => a.lastUsed - b.lastUsed);
    for (const { dir, bytes: size } of this.#candidates) {
      if (total <= this.#request.maxSize || this.#isOver()) return;
      if (this.#request.isNeeded(basename(dir))) continue;
      total -= size;
      yield* this.#take(entryStatus(dir), 'size');
    }
  }

  #reasonFor(entry: EntryStatus): Reason | undefined {
    const { all, maxDays, isNeeded, stalled } = this.#request;
    if (entry.status === 'removed') return 'removed';
    if (all) return 'all';
    if (entry.status === 'stalled') return stalled ? 'stalled' : undefined;
    const unused = maxDays > 0 && Date.now() - entry.lastUsed > maxDays * DAY_MS;
    return unused && !isNeeded(basename(entry.path)) ? 'unused' : undefined;
  }

  *#take(entry: EntryStatus, reason: Reason): Generator<Cleaned> {
    const { cache, dryRun } = this.#request;
    const { path } = entry;
    const began = Date.now();
    const cleaned = { reason, entry, path, bytes: this.#weights.of(entry) };
    if (dryRun) {
      yield { ...cleaned, deleted: true };
      return;
    }
    try {
      cache.remove(path);
      const outcome = cache.purge(path);
      if (outcome === 'gone') return;
      for (const shelf of this.#weights.shelvesOf(path)) discard(cache, shelf);
      yield { ...cleaned, deleted: outcome === 'purged' };
    } catch {
      // Not ours to delete.
    } finally {
      this.#spent += Date.now() - began;
    }
  }

  /** What killed processes have left; and, if asked for, what failed a check. */
  *#leftOvers(): Generator<Cleaned> {
    const { cache, stalled, all, dryRun } = this.#request;
    const below = (name: string): string[] => listDir(cache.path(name)).map((each) => cache.path(name, each));
    for (const path of [...below('trash'), ...below('staging').filter(isAbandoned), ...abandonedThrowaways(cache), ...(stalled || all ? below('stalled') : [])]) {
      if (this.#isOver()) return;
      const began = Date.now();
      const entry = path.startsWith(cache.path('stalled')) ? { ...entryStatus(path), status: 'stalled' as const } : undefined;
      try {
        if (!dryRun) rmSync(path, { recursive: true, force: true });
        yield { reason: entry ? 'stalled' : 'left over', entry, path, bytes: entry?.size ?? 0, deleted: true };
      } catch {
        // Not ours to delete, or somebody else is at it.
      }
      this.#spent += Date.now() - began;
    }
  }

  #isOver(): boolean {
    return this.#spent >= this.#request.limit;
  }
}
