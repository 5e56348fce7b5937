import { LAYOUT, entryId } from '../../cache/entry.ts';
import { PkgCacheError } from '../../errors.ts';
import type { Listed } from '../../store/store.ts';
import type { Fleet } from '../fleet.ts';
import { readRecords, type Record } from '../journal.ts';
import { MAX_POINTER, archiveKey, decodePointer } from '../objects.ts';
import { listAll, readSmall } from '../small.ts';
import type { Remove } from './remove.ts';
import { RENEW } from '../sync-up.ts';
import { entryKeyOf } from './reconcile.ts';

/**
 * Removes what no worker of any group has used for `storeWindow`, if that is set: it is not in the journal, and was stored before that. A pointer
 * goes before its archive, so that who finds the pointer still finds the archive, mostly; who does not has a miss, and whoever then
 * brings the package stores it anew (push.ts). Returns how many entries were removed.
 */
export async function removeUnused(fleet: Fleet, now: number, remove: Remove): Promise<number> {
  const { store, settings, log } = fleet;
  if (settings.storeWindow === 0) return 0;
  // An entry in use is mentioned once a day at most, and what is still brought down must be there.
  const age = Math.max(settings.storeWindow + RENEW, settings.syncWindow);
  const records = await readRecords(store, (await listAll(store, `v${LAYOUT}/journal/`)).map(({ key }) => key), (problem) => log(`journal: ${problem.message}`));
  const { entries, originals } = inUse(records.filter(({ time }) => now - time < age));
  let removed = 0;
  for (const ecosystem of ['pip', 'npm']) {
    for (const object of await listAll(store, `v${LAYOUT}/${ecosystem}/`)) {
      const key = entryKeyOf(object.key);
      if (!key || now - object.modified < age || entries.has(entryId(key))) continue;
      await fleet.pace.between();
      removed += Number(await removeEntry(fleet, object, remove));
    }
  }
  for (const { key, modified } of await listAll(store, `v${LAYOUT}/originals/`)) {
    if (now - modified < age || originals.has(key.split('/').at(-1) ?? '')) continue;
    removed += Number(await remove(key));
  }
  return removed;
}

function inUse(records: readonly Record[]): { entries: Set<string>; originals: Set<string> } {
  const refs = records.flatMap((record) => record.refs);
  return { entries: new Set(refs.map(({ key }) => entryId(key))), originals: new Set(refs.flatMap(({ original }) => original?.sha512 ?? [])) };
}

async function removeEntry({ store, log }: Fleet, { key }: Listed, remove: Remove): Promise<boolean> {
  const entryKey = entryKeyOf(key);
  let archive: string | undefined;
  try {
    const bytes = await readSmall(store, key, MAX_POINTER);
    archive = bytes && entryKey && decodePointer(bytes, entryKey).archive.sha256;
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    log(`unused: ${error.message}`);
  }
  if (!(await remove(key))) return false;
  return archive === undefined || (await remove(archiveKey(archive)));
}
