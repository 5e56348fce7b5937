import type { Fleet } from './fleet.ts';
import { compactJournal } from './tend/compact.ts';
import { reconcile } from './tend/reconcile.ts';
import { removeUnused } from './tend/unused.ts';
import { removeSuperseded } from './tend/superseded.ts';
import { LAYOUT } from '../cache/entry.ts';
import { journalOf, readRecords, type Record } from './journal.ts';
import { listAll } from './small.ts';
import { seal } from './seal.ts';
import { periodName } from './snapshot/format.ts';
import { mayWrite } from './sync.ts';

/** The store is looked after once in so many milliseconds, by one worker of each group. */
const EVERY = 86_400_000;

/**
 * Looks after the store if that falls to this worker today: entries that the journal has lost are mentioned again, old records are put
 * together, and what nobody can need any more is removed. Who claims the day first does it; if that one dies, the next day will do. Two at once do
 * no harm. Whether it was done. Throws STORE_*, and what `pace` throws.
 */
export async function tend(fleet: Fleet): Promise<boolean> {
  const { store, group, state, log, pace } = fleet;
  if (!mayWrite(fleet)) return false;
  const now = await store.now();
  const day = periodName(Math.floor(now / EVERY) * EVERY);
  if ((state.read().tended ?? '') >= day) return false;
  state.update({ tended: day });
  if ((await store.create(`v${LAYOUT}/tending/${group}/${day}`, seal({ time: Math.round(now) }))) === 'exists') return false;
  const records = await allRecords(fleet);
  await pace.between();
  const mentioned = await reconcile(fleet, records, now);
  const compacted = await compactJournal(fleet, records, now);
  const superseded = await removeSuperseded(fleet, now);
  const unused = await removeUnused(fleet, now);
  const uploads = await store.tidy();
  log(`looked after the store: ${mentioned} entries mentioned again, ${compacted} records put together, ${superseded} old objects, ${unused} unused entries and ${uploads} abandoned uploads removed`);
  return true;
}

async function allRecords({ store, group, log }: Fleet): Promise<Record[]> {
  const keys = (await listAll(store, journalOf(group))).map(({ key }) => key);
  return await readRecords(store, keys, (problem) => log(`journal: ${problem.message}`));
}
