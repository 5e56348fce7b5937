import { basename } from 'node:path';
import { entryStatus } from './listing.ts';
import type { LocalCache } from './local.ts';
import { listDir } from './sweep.ts';

/** Where the ready copies of each entry are, by its id. */
export function readyShelves(cache: LocalCache): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const owner of listDir(cache.path('ready'))) {
    for (const name of listDir(cache.path('ready', owner))) {
      const id = idOf(name);
      found.set(id, [...(found.get(id) ?? []), cache.path('ready', owner, name)]);
    }
  }
  return found;
}

/** A shelf of npm's has more in its name than the id of the tree (npm/prepared.ts). */
function idOf(shelf: string): string {
  return basename(shelf).replace(/\..*/, '');
}

/** How many ready copies a shelf has, and what they take; `fallback`: bytes of one whose name does not say that. */
export function shelfUsage(shelf: string, fallback: number): { copies: number; bytes: number } {
  const copies = listDir(shelf).filter((name) => !name.startsWith('.'));
  return { copies: copies.length, bytes: copies.reduce((sum, name) => sum + Number(/\.(\d+)$/.exec(name)?.[1] ?? fallback), 0) };
}

/** All ready copies together. */
export function readyUsage(cache: LocalCache): { copies: number; bytes: number } {
  let [copies, bytes] = [0, 0];
  for (const [id, shelves] of readyShelves(cache)) {
    for (const shelf of shelves) {
      const usage = shelfUsage(shelf, entryStatus(cache.entryDir(id)).size);
      copies += usage.copies;
      bytes += usage.bytes;
    }
  }
  return { copies, bytes };
}
