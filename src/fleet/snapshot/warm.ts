import { entryId } from '../../cache/entry.ts';
import type { PkgCacheError } from '../../errors.ts';
import type { Fleet } from '../fleet.ts';
import { refOf } from '../journal.ts';
import { listSnapshots, newestSnapshots, notAhead, readIndex } from './find.ts';
import type { Member, SnapshotIndex } from './format.ts';
import { unpackSnapshot, type Progress, type Unpacked } from './unpack.ts';

/** What came of warming up; without `unpacked` there was no snapshot that could be read. */
export interface Warmed {
  readonly period: string | undefined;
  readonly unpacked: Unpacked | undefined;
  /** What was wrong with the snapshot, or with entries in it. */
  readonly problems: readonly PkgCacheError[];
}

/**
 * Brings the newest snapshot of the group into the local cache; an older one where that is broken. Remembers from where on the journal has
 * more. Throws STORE_* when the store fails, and what `pace` throws; what has arrived stays.
 */
export async function warm(fleet: Fleet, progress: (progress: Progress) => void): Promise<Warmed> {
  const { store, group, everywhere, state, known } = fleet;
  const problems: PkgCacheError[] = [];
  const report = (problem: PkgCacheError): void => void problems.push(problem);
  const now = await store.now();
  const ahead = now - Date.now();
  const listed = notAhead(await listSnapshots(store, group), now);
  for await (const found of newestSnapshots(store, listed, report)) {
    const packed = await readIndex(store, found, report);
    if (!packed) continue;
    const index = notFromTheFuture(packed, now);
    const unpacked = await unpackSnapshot({ ...fleet, ahead, report, progress }, index);
    for (const { entry, mentioned } of index.members) if (mentioned !== undefined) known.mention(entryId(entry.key), mentioned);
    known.save(Date.now() + ahead);
    if (unpacked.failed > 0 && unpacked.full !== 'max_size') noteMissing(fleet, index.members);
    const useless = unpacked.made + unpacked.present === 0 && unpacked.failed > 0 && !unpacked.full;
    if (useless) continue;
    state.update({ snapshot: found.period, live: found.period, warmedAt: Date.now() });
    for (const [of, journal] of [[group, index.journal], [everywhere, index.everywhere]] as const) {
      if (journal !== undefined && state.position(of).journal === undefined) state.moveTo(of, { journal, recent: [] });
    }
    return { period: found.period, unpacked, problems };
  }
  if (problems.length === 0) state.update({ live: undefined });
  return { period: undefined, unpacked: undefined, problems };
}

/** A builder's clock that was wrong once must not keep entries in every cache, and unmentioned, until its time has come. */
function notFromTheFuture(index: SnapshotIndex, now: number): SnapshotIndex {
  const members = index.members.map(({ used, mentioned, ...rest }) => ({ ...rest, used: Math.min(used, now), ...(mentioned === undefined ? {} : { mentioned: Math.min(mentioned, now) }) }));
  return { ...index, members };
}

/** What did not come of a snapshot may come by itself, or when there is room. */
function noteMissing({ cache, allowed, leftOut }: Fleet, members: readonly Member[]): void {
  for (const { entry, used, mentioned = used } of members) {
    if (allowed(entry.key) && !cache.lookup(entry.key)) leftOut.note(refOf({ entry }), Math.max(used, mentioned));
  }
  leftOut.save();
}
