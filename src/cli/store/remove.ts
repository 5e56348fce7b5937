import { archiveKey } from '../../fleet/objects.ts';
import { inParallel } from '../../fleet/parallel.ts';
import type { Store } from '../../store/store.ts';
import { readPointers, type Item, type Pointers } from './inventory.ts';

/** How many objects are removed at once. */
const AT_ONCE = 8;

/** What is to be removed: items, and the archives that only they lead to. */
export interface Removal {
  readonly items: readonly Item[];
  readonly archives: readonly string[];
  readonly bytes: number;
}

/**
 * Finds out what goes with `items`. Equal trees share an archive, and only entries of one package and version have equal trees, so that
 * `related` must have all of those. Throws STORE_*.
 */
export async function planRemoval(pointers: Pointers, items: readonly Item[], related: readonly Item[]): Promise<Removal> {
  const going = new Set(items.map(({ object }) => object.key));
  const kept = new Set<string>();
  const archives = new Map<string, number>();
  let isComplete = true;
  await readPointers(pointers, related, (read) => {
    if ('damaged' in read && read.isUnreadable) isComplete = false; // what it leads to is not known
    if (!('archive' in read) || read.item.isOriginal) return;
    if (going.has(read.item.object.key)) archives.set(read.archive.sha256, read.archive.size);
    else kept.add(read.archive.sha256);
  });
  const alone = [...archives].filter(([hash]) => isComplete && !kept.has(hash));
  const bytes = alone.reduce((sum, [, size]) => sum + size, 0) + items.reduce((sum, { object }) => sum + object.size, 0);
  return { items, archives: alone.map(([hash]) => archiveKey(hash)), bytes };
}

/** Removes pointers before what they lead to, so that nobody finds the way to something that is gone. Throws STORE_*. */
export async function removeItems(store: Store, { items, archives }: Removal, tell: (count: number) => void): Promise<void> {
  let count = 0;
  await inParallel(items, AT_ONCE, async ({ object }) => {
    await store.remove(object.key);
    tell(++count);
  });
  await inParallel(archives, AT_ONCE, (key) => store.remove(key));
}
