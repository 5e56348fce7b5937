import { LAYOUT } from '../../cache/entry.ts';
import type { Listed } from '../../store/store.ts';
import type { Fleet } from '../fleet.ts';
import { listAll } from '../small.ts';
import type { Remove } from './remove.ts';
import { pointersFirst } from './superseded.ts';

const DAY = 86_400_000;

/** Where nothing was written for so long, nobody is at work: a group that is makes a snapshot a day, and mentions what it uses. */
const DESERTED = 30 * DAY;

/**
 * Removes the snapshots and the journals of groups that have no workers any more: each group looks after its own, so those of a libc, or of a
 * PKG_CACHE_FLEET_GROUP, that nobody has now would stay for ever. Their entries stay. Returns how many objects were removed.
 */
export async function removeDeserted({ store, group, everywhere, settings }: Fleet, now: number, remove: Remove): Promise<number> {
  const age = Math.max(DESERTED, settings.syncWindow, settings.storeWindow) + DAY;
  let removed = 0;
  for (const kind of ['snapshots', 'journal']) {
    for (const [name, listed] of byGroup(await listAll(store, `v${LAYOUT}/${kind}/`))) {
      if (name === group || name === everywhere || listed.some(({ modified }) => now - modified <= age)) continue;
      for (const { key } of [...listed].sort(pointersFirst)) removed += Number(await remove(key));
    }
  }
  return removed;
}

function byGroup(objects: readonly Listed[]): Map<string, Listed[]> {
  const found = new Map<string, Listed[]>();
  for (const object of objects) {
    const name = object.key.split('/')[2] ?? '';
    const of = found.get(name);
    if (of) of.push(object);
    else found.set(name, [object]);
  }
  return found;
}
