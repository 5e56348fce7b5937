import { basename } from 'node:path';
import { entryDirs, entryStatus } from './listing.ts';
import type { LocalCache } from './local.ts';
import { discard, readyShelves, shelfUsage } from './shelves.ts';

/** What must not go: an entry that is not in the store yet, or that was used a moment ago. */
export interface Evicting {
  /** Whether the disk has room to spare for so many bytes more. */
  readonly hasRoom: (bytes: number) => boolean;
  readonly isNeeded: (id: string) => boolean;
  /** Entries that were used since (epoch milliseconds) stay. */
  readonly usedSince: number;
}

/**
 * Makes room for so many bytes more, and says whether there is: while there is not, entries are deleted with their ready copies, the least recently used first. One that
 * an install is reading becomes invisible and is deleted later. Nothing goes where that would not be enough.
 */
export function makeRoom(cache: LocalCache, bytes: number, { hasRoom, isNeeded, usedSince }: Evicting): boolean {
  if (hasRoom(bytes)) return true;
  const candidates = [...entryDirs(cache.root)].map(entryStatus).filter(({ status, lastUsed, path }) => status === 'cached' && lastUsed < usedSince && !isNeeded(basename(path)));
  const shelves = readyShelves(cache);
  const shelvesOf = (path: string): string[] => shelves.get(basename(path)) ?? [];
  const freed = candidates.reduce((sum, { path, size }) => sum + shelvesOf(path).reduce((all, shelf) => all + shelfUsage(shelf, () => size).bytes, size), 0);
  if (!hasRoom(bytes - freed)) return false;
  candidates.sort((a, b) => a.lastUsed - b.lastUsed);
  for (const { path } of candidates) {
    try {
      cache.remove(path);
      cache.purge(path);
      for (const shelf of shelvesOf(path)) discard(cache, shelf);
    } catch {
      continue; // Another user's.
    }
    if (hasRoom(bytes)) return true;
  }
  return false;
}
