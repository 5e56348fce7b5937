import { LAYOUT } from '../../cache/entry.ts';
import type { Listed } from '../../store/store.ts';
import type { Fleet } from '../fleet.ts';
import { listSnapshots, newestSnapshots, notAhead } from '../snapshot/find.ts';
import { FLIGHTS } from '../flights.ts';
import { listAll } from '../small.ts';
import type { Remove } from './remove.ts';

const DAY = 86_400_000;

/** The newest snapshot, and the one before it, which somebody may still be unpacking. */
const KEPT = 2;

/** Removes snapshots that were replaced, what leaders that got nowhere have left, old claims and flights. Returns how many objects were removed. */
export async function removeSuperseded({ store, group }: Fleet, now: number, remove: Remove): Promise<number> {
  const listed = await listSnapshots(store, group);
  const keep = new Set<string>();
  for await (const { pointer } of newestSnapshots(store, notAhead(listed, now), () => undefined)) {
    if (keep.size >= 3 * KEPT) break;
    const { key } = pointer.index;
    for (const each of [key, key.replace(/index$/, 'pack'), key.replace(/[^/]+$/, 'pointer')]) keep.add(each);
  }
  // What is from the future was made by a clock that was wrong.
  const isOld = ({ key, modified }: Listed): boolean => Math.abs(now - modified) > DAY && !keep.has(key);
  const claims = (await listAll(store, `v${LAYOUT}/tending/`)).filter(({ modified }) => now - modified > 7 * DAY);
  const flights = (await listAll(store, FLIGHTS)).filter(({ modified }) => now - modified > DAY);
  const old = [...listed.filter(isOld).sort(pointersFirst), ...claims, ...flights];
  let removed = 0;
  for (const { key } of old) removed += Number(await remove(key));
  return removed;
}

/** Nobody must find the way to something that is being removed. */
export function pointersFirst(a: Listed, b: Listed): number {
  return Number(b.key.endsWith('/pointer')) - Number(a.key.endsWith('/pointer'));
}
