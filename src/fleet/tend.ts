import type { Fleet } from './fleet.ts';
import { compactJournal } from './tend/compact.ts';
import { removeDeserted } from './tend/deserted.ts';
import { reconcile, reconcileOriginals } from './tend/reconcile.ts';
import { removeUnused } from './tend/unused.ts';
import { removeSuperseded } from './tend/superseded.ts';
import { LAYOUT } from '../cache/entry.ts';
import { ifAllowed, remover } from './tend/remove.ts';
import { journalOf, readRecords, type Record } from './journal.ts';
import { listAll } from './small.ts';
import { isFull } from '../store/failure.ts';
import { seal } from './seal.ts';
import { periodName } from './snapshot/format.ts';
import { mayWrite } from './may-write.ts';

/** The store is looked after once in so many milliseconds, by one worker of each group. */
const EVERY = 86_400_000;

/**
 * Looks after the store if that falls to this worker today: entries that the journal has lost are mentioned again, old records are put
 * together, and what nobody can need any more is removed. Who claims the day first does it; if that one dies, the next day will do. Two at once do
 * no harm. Whether it was done. Throws STORE_*, and what `pace` throws.
 */
export async function tend(fleet: Fleet): Promise<boolean> {
  const { store, group, everywhere, state, log, pace } = fleet;
  if (!mayWrite(fleet)) return false;
  const now = await store.now();
  const day = periodName(Math.floor(now / EVERY) * EVERY);
  if (state.read().tended === day) return false;
  state.update({ tended: day });
  if (!(await isFirst(fleet, group, day, now))) return false;
  const remove = remover(fleet);
  // What makes room comes first: in a store that is full nothing else will work.
  const superseded = (await removeSuperseded(fleet, now, remove)) + (await removeDeserted(fleet, now, remove));
  const { storeWindow, useIsUnknown } = fleet.settings;
  if (storeWindow > 0 && useIsUnknown) log('store_days removes nothing: all_record_use is off, so what read-only workers use is not known');
  const unused = useIsUnknown ? 0 : await removeUnused(fleet, now, remove);
  const uploads = (await ifAllowed(() => store.tidy(), (why) => log(`abandoned uploads stay in the store: ${why}`))) ?? 0;
  const records = await allRecords(fleet, group);
  await pace.between();
  let compacted = await compactJournal(fleet, group, records, now, remove);
  let lost = 0;
  if (await isFirst(fleet, everywhere, day, now)) {
    const ofAll = await allRecords(fleet, everywhere);
    compacted += await compactJournal(fleet, everywhere, ofAll, now, remove);
    lost += await reconcileOriginals(fleet, ofAll, now);
  }
  const reconciled = await reconcile(fleet, records, now);
  if ((lost += reconciled.lost) > 0) log(`${lost} entries are in use and not in the store any more; whoever has them stores them again`);
  log(`looked after the store: ${reconciled.mentioned} entries mentioned again, ${compacted} records put together, ${superseded} old objects, ${unused} unused entries and ${uploads} abandoned uploads removed`);
  return true;
}

/** Claims the day for what concerns a journal, and whether nobody else has. A store that is full has no room for a claim either: then all do it. */
async function isFirst({ store }: Fleet, of: string, day: string, now: number): Promise<boolean> {
  try {
    return (await store.create(`v${LAYOUT}/tending/${of}/${day}`, seal({ time: Math.round(now) }))) === 'created';
  } catch (error) {
    if (!isFull(error)) throw error;
    return true;
  }
}

async function allRecords({ store, log }: Fleet, group: string): Promise<Record[]> {
  const keys = (await listAll(store, journalOf(group))).map(({ key }) => key);
  return await readRecords(store, keys, (problem) => log(`journal: ${problem.message}`));
}
