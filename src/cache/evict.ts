import { basename } from 'node:path';
import { hasRoom, type Floor } from './floor.ts';
import { entryDirs, entryStatus } from './listing.ts';
import type { LocalCache } from './local.ts';
import { discard, readyShelves } from './shelves.ts';

/** What must not go: an entry that is not in the store yet, or that was used a moment ago. */
export interface Evicting {
  readonly floor: Floor;
  readonly isNeeded: (id: string) => boolean;
  /** Entries that were used since (epoch milliseconds) stay. */
  readonly usedSince: number;
}

/**
 * Makes room for so many bytes more, and says whether there is: while there is not, entries are deleted with their ready copies, the least recently used first. One that
 * an install is reading becomes invisible and is deleted later.
 */
export function makeRoom(cache: LocalCache, bytes: number, { floor, isNeeded, usedSince }: Evicting): boolean {
  if (hasRoom(cache.root, bytes, floor)) return true;
  const candidates = [...entryDirs(cache.root)].map(entryStatus).filter(({ status, lastUsed, path }) => status === 'cached' && lastUsed < usedSince && !isNeeded(basename(path)));
  candidates.sort((a, b) => a.lastUsed - b.lastUsed);
  const shelves = readyShelves(cache);
  for (const { path } of candidates) {
    try {
      cache.remove(path);
      cache.purge(path);
      for (const shelf of shelves.get(basename(path)) ?? []) discard(cache, shelf);
    } catch {
      continue; // Another user's.
    }
    if (hasRoom(cache.root, bytes, floor)) return true;
  }
  return false;
}
