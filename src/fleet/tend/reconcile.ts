import { LAYOUT, entryId, type EntryKey } from '../../cache/entry.ts';
import { PkgCacheError } from '../../errors.ts';
import type { Listed } from '../../store/store.ts';
import type { Fleet } from '../fleet.ts';
import { AHEAD, writeRecords, type Record, type Ref } from '../journal.ts';
import { isA } from '../../shape.ts';
import { MAX_POINTER, decodePointer, STORED_KEY } from '../objects.ts';
import { inParallel } from '../parallel.ts';
import { listAll, readSmall } from '../small.ts';

/** How many pointers are read at once. */
const AT_ONCE = 16;

/**
 * Compares what the store has with what the journal says, for the platforms that this worker has entries of, and mentions what was stored
 * within the window and is not in the journal: its record was lost, or its writer died before it could write one. Originals have no pointer;
 * whoever uses one mentions it. Returns how many were missing.
 */
export async function reconcile(fleet: Fleet, records: readonly Record[], now: number): Promise<number> {
  const { cache, store, group, settings } = fleet;
  const read = records.filter(({ time }) => time <= now + AHEAD); // nobody reads the others before their time
  const named = new Set(read.flatMap(({ refs }) => refs.map(({ key }) => entryId(key))));
  const platforms = new Set<string>();
  for (const { key } of cache.list()) if (key && key.platform !== 'any') platforms.add(`${key.ecosystem}/${key.platform}`);
  const lost: Ref[] = [];
  for (const platform of platforms) {
    await fleet.pace.between();
    const listed = await listAll(store, `v${LAYOUT}/${platform}/`);
    const unnamed = listed.filter(({ modified, key }) => now - modified < settings.syncWindow && !isNamed(key, named));
    await inParallel(unnamed, AT_ONCE, async (object) => void lost.push(...(await refTo(fleet, object))));
  }
  await writeRecords(store, group, lost, now);
  return lost.length;
}

/** The key of the entry whose pointer has this key in the store; undefined for whatever else lies there. */
export function entryKeyOf(key: string): EntryKey | undefined {
  const [, ecosystem, platform, origin, ...rest] = key.split('/');
  const version = rest.pop()?.replace('~', '!');
  const found = { ecosystem, platform, origin, name: rest.join('/'), version };
  return isA(STORED_KEY, found) ? found : undefined;
}

function isNamed(key: string, named: ReadonlySet<string>): boolean {
  const found = entryKeyOf(key);
  return !found || named.has(entryId(found));
}

async function refTo({ store, log }: Fleet, { key }: Listed): Promise<Ref[]> {
  const entryKey = entryKeyOf(key);
  try {
    const bytes = await readSmall(store, key, MAX_POINTER);
    return bytes && entryKey ? [{ key: entryKey, size: decodePointer(bytes, entryKey).entry.size }] : [];
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    log(`reconcile: ${error.message}`);
    return [];
  }
}
