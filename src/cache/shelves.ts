import { rmSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { entryStatus } from './listing.ts';
import type { LocalCache } from './local.ts';
import { ageOf, listDir, removeTree } from './sweep.ts';
import { moveToTrash } from './trash.ts';

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
export function shelfUsage(shelf: string, fallback: () => number): { copies: number; bytes: number } {
  const copies = listDir(shelf).filter((name) => !name.startsWith('.'));
  return { copies: copies.length, bytes: copies.reduce((sum, name) => sum + Number(/\.(\d+)$/.exec(name)?.[1] ?? fallback()), 0) };
}

/** All ready copies together. */
export function readyUsage(cache: LocalCache): { copies: number; bytes: number } {
  let [copies, bytes] = [0, 0];
  for (const [id, shelves] of readyShelves(cache)) {
    for (const shelf of shelves) {
      const usage = shelfUsage(shelf, () => entryStatus(cache.entryDir(id)).size);
      copies += usage.copies;
      bytes += usage.bytes;
    }
  }
  return { copies, bytes };
}

/** Takes away the ready copies of entries: of a package, or of a whole tree. Installs that have taken one already keep it. */
export function discardReady(cache: LocalCache, ids: readonly string[]): void {
  const shelves = readyShelves(cache);
  for (const id of ids) for (const shelf of shelves.get(id) ?? []) discard(cache, shelf);
}

/** Takes a shelf away. An install takes a ready copy by one rename; so does this. */
export function discard(cache: LocalCache, path: string): void {
  try {
    const aside = moveToTrash(cache.path('trash'), path);
    if (aside !== undefined) rmSync(aside, { recursive: true, force: true });
  } catch {
    // Another user's.
  }
}

/** Removes ready copies that nobody took in a month, halves that killed processes left, and shelves that have long been empty. */
export function sweepShelves(cache: LocalCache): void {
  for (const owner of listDir(cache.path('ready'))) {
    for (const id of listDir(cache.path('ready', owner))) sweepShelf(cache.path('ready', owner, id));
  }
}

/** In milliseconds. */
const UNUSED_MS = 30 * 86_400_000;
const HALF_MS = 86_400_000;

function sweepShelf(shelf: string): void {
  const names = listDir(shelf);
  for (const name of names) if (ageOf(join(shelf, name)) > (name.startsWith('.') ? HALF_MS : UNUSED_MS)) removeTree(join(shelf, name));
  if (names.length > 0 || ageOf(shelf) <= UNUSED_MS) return;
  try {
    rmdirSync(shelf);
  } catch {
    // Something was put there.
  }
}
