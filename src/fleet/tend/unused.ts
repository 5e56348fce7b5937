import { LAYOUT, entryId } from '../../cache/entry.ts';
import { PkgCacheError } from '../../errors.ts';
import { isUnreadable } from '../../store/failure.ts';
import type { Listed } from '../../store/store.ts';
import type { Fleet } from '../fleet.ts';
import { readRecords, type Record } from '../journal.ts';
import { archiveKey } from '../objects.ts';
import { targetOf } from '../pointers.ts';
import { listAll } from '../small.ts';
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
    const listed = await listAll(store, `v${LAYOUT}/${ecosystem}/`);
    const isUnused = ({ key, modified }: Listed): boolean => {
      const entryKey = entryKeyOf(key);
      return entryKey !== undefined && now - modified >= age && !entries.has(entryId(entryKey));
    };
    const kept = byPackage(listed.filter((object) => !isUnused(object)));
    for (const object of listed.filter(isUnused)) {
      await fleet.pace.between();
      removed += Number(await removeEntry(fleet, object, kept.get(packageOf(object.key)) ?? [], remove));
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

/** Name and version. Where another platform or origin has the same, the archive may be the same, too. */
function packageOf(key: string): string {
  return key.split('/').slice(4).join('/');
}

function byPackage(objects: readonly Listed[]): Map<string, Listed[]> {
  const found = new Map<string, Listed[]>();
  for (const object of objects) found.set(packageOf(object.key), [...(found.get(packageOf(object.key)) ?? []), object]);
  return found;
}

/** `kept`: pointers that stay, and may lead to the same archive. */
async function removeEntry(fleet: Fleet, object: Listed, kept: readonly Listed[], remove: Remove): Promise<boolean> {
  const archive = await archiveAt(fleet, object);
  if (!(await remove(object.key))) return false;
  if (archive === undefined || archive === UNKNOWN) return true;
  for (const other of kept) if ([archive, UNKNOWN].includes((await archiveAt(fleet, other)) ?? '')) return true;
  return await remove(archiveKey(archive));
}

/** In the place of a hash: others may be able to read it. */
const UNKNOWN = 'unknown';

/** The hash of the archive that a pointer leads to, if it is whole. */
async function archiveAt({ store, log, pointers }: Fleet, object: Listed): Promise<string | undefined> {
  const key = entryKeyOf(object.key);
  try {
    return key && (await targetOf(store, object, key, pointers))?.archive.sha256;
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    log(`unused: ${error.message}`);
    return isUnreadable(error) ? UNKNOWN : undefined;
  }
}
