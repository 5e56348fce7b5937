import { entryId } from '../../cache/entry.ts';
import type { Fleet } from '../fleet.ts';
import type { Store } from '../../store/store.ts';
import { encodeRecord, readRecords, recordKey, type Record, type Ref } from '../journal.ts';
import type { Remove } from './remove.ts';

const DAY = 86_400_000;

/** Records of the last days stay as they are: somebody may be reading them one by one. */
const SETTLED = 2 * DAY;

/**
 * Puts the records of a day together into one, and removes those, and all that are older than the window. The one is created under the last
 * moment of its day, so that whoever has read a part of the day reads it again; they are removed once it can be read and has all that they
 * had. Returns how many were removed.
 */
export async function compactJournal({ store, settings }: Fleet, group: string, records: readonly Record[], now: number, remove: Remove): Promise<number> {
  const days = new Map<number, Record[]>();
  // What says that an entry was used must be there as long as that counts.
  const window = Math.max(settings.syncWindow, settings.storeWindow);
  let removed = 0;
  const removeAll = async (old: readonly Record[]): Promise<void> => {
    for (const { key } of old) removed += Number(await remove(key));
  };
  await removeAll(records.filter(({ time }) => now - time > window + DAY));
  for (const record of records) {
    const day = Math.floor(record.time / DAY);
    if (now - record.time <= window) days.set(day, [...(days.get(day) ?? []), record]);
  }
  for (const [day, of] of days) {
    if (of.length < 2 || now - (day + 1) * DAY < SETTLED) continue;
    const key = recordKey(group, (day + 1) * DAY - 1, 'day');
    if (of.every((record) => record.key !== key)) await store.create(key, encodeRecord(newest(of)));
    const has = new Set((await storedAt(store, key)).map((ref) => entryId(ref.key)));
    await removeAll(of.filter((record) => record.key !== key && record.refs.every((ref) => has.has(entryId(ref.key)))));
  }
  return removed;
}

/** What the record of a day has; nothing where it cannot be read, so that the others stay. */
async function storedAt(store: Store, key: string): Promise<Ref[]> {
  const [record] = await readRecords(store, [key], () => undefined);
  return [...(record?.refs ?? [])];
}

/** Each entry once. */
function newest(records: readonly Record[]): Ref[] {
  return [...new Map(records.flatMap(({ refs }) => refs.map((ref) => [entryId(ref.key), ref] as const))).values()];
}
