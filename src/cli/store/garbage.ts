import { LAYOUT } from '../../cache/entry.ts';
import { archiveKey } from '../../fleet/objects.ts';
import { objects } from '../../fleet/small.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { inventory, readPointers, type Item } from './inventory.ts';

const DAY = 86_400_000;

/** An object that is of no use to anybody, and why. */
export interface Garbage {
  readonly key: string;
  readonly size: number;
  readonly why: string;
}

/**
 * What lies in a store in vain: archives that no pointer leads to, pointers that are damaged or whose archive is gone, left probes. What is
 * younger than a day may be somebody's who is at work: an archive is stored before its pointer. Throws STORE_*.
 */
export async function findGarbage({ store, cache, pointers }: Pick<Fleet, 'store' | 'cache' | 'pointers'>, tell: (count: number) => void): Promise<Garbage[]> {
  const now = await store.now();
  const isOld = ({ modified }: { readonly modified: number }): boolean => now - modified > DAY;
  const archives = new Map<string, { size: number; old: boolean }>();
  for await (const object of objects(store, `v${LAYOUT}/archives/`)) archives.set(object.key, { size: object.size, old: isOld(object) });
  const items: Item[] = [];
  for await (const item of inventory(store, cache, { names: [], ecosystem: undefined, platform: undefined })) if (!item.isOriginal) items.push(item);
  const used = new Set<string>();
  const garbage: Garbage[] = [];
  let count = 0;
  let isComplete = true;
  await readPointers({ store, pointers }, items, (read) => {
    tell(++count);
    if ('damaged' in read && read.isUnreadable) return void (isComplete = false);
    const { key, size } = read.item.object;
    const archive = 'archive' in read ? archiveKey(read.archive.sha256) : undefined;
    if (archive !== undefined) used.add(archive);
    if (!isOld(read.item.object) || (archive !== undefined && archives.has(archive))) return;
    garbage.push({ key, size, why: archive === undefined ? 'damaged' : 'its archive is gone' });
  });
  // What a pointer that cannot be read leads to is not known.
  if (isComplete) for (const [key, { size, old }] of archives) if (old && !used.has(key)) garbage.push({ key, size, why: 'no pointer leads to it' });
  for await (const object of objects(store, `v${LAYOUT}/doctor/`)) if (isOld(object)) garbage.push({ ...object, why: 'left by doctor' });
  return garbage;
}
