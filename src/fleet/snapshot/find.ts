import { PkgCacheError } from '../../errors.ts';
import type { Listed, Store } from '../../store/store.ts';
import { AHEAD } from '../journal.ts';
import { listAll, readSmall } from '../small.ts';
import { MAX_PACKED_INDEX, decodeIndex, decodeSnapshotPointer, periodTime, snapshotsOf, type SnapshotIndex, type SnapshotPointer } from './format.ts';

/** A snapshot that can be read. */
export interface Found {
  readonly period: string;
  readonly pointer: SnapshotPointer;
}

/** How many snapshots are tried, the newest first, before there is none. */
const TRIES = 3;

const MAX_POINTER = 64 << 10;

/** Everything that belongs to a group's snapshots, in the order of time. Throws STORE_*. */
export async function listSnapshots(store: Store, group: string): Promise<Listed[]> {
  return await listAll(store, snapshotsOf(group));
}

/** The period in a key of a snapshot. */
export function periodOf(key: string): string {
  return key.split('/')[3] ?? '';
}

/** Those that are of a time which has come: a clock that was ahead must not hide what is made afterwards. */
export function notAhead(listed: readonly Listed[], now: number): Listed[] {
  return listed.filter(({ key }) => periodTime(periodOf(key)) <= now + AHEAD);
}

/** The newest snapshots of a group whose pointers can be read; what is wrong with others is told to `report`. Throws STORE_*. */
export async function* newestSnapshots(store: Store, listed: readonly Listed[], report: (problem: PkgCacheError) => void): AsyncGenerator<Found> {
  const keys = listed.map(({ key }) => key).filter((key) => key.endsWith('/pointer'));
  for (const key of keys.reverse().slice(0, TRIES)) {
    const found = await tolerant(async () => {
      const bytes = await readSmall(store, key, MAX_POINTER);
      return bytes && { period: periodOf(key), pointer: decodeSnapshotPointer(bytes, key) };
    }, report);
    if (found) yield found;
  }
}

/** The index of a snapshot; undefined when it is gone or damaged, which is told to `report`. Throws STORE_*. */
export async function readIndex(store: Store, { pointer }: Found, report: (problem: PkgCacheError) => void): Promise<SnapshotIndex | undefined> {
  return await tolerant(async () => {
    const bytes = await readSmall(store, pointer.index.key, MAX_PACKED_INDEX);
    if (!bytes) throw new PkgCacheError('ARCHIVE_INVALID', 'the snapshot is of no use: its index is gone');
    return decodeIndex(bytes, pointer);
  }, report);
}

/** What is wrong with one object is no reason to give up. */
async function tolerant<T>(work: () => Promise<T>, report: (problem: PkgCacheError) => void): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PkgCacheError) || error.code !== 'ARCHIVE_INVALID') throw error;
    report(error);
    return undefined;
  }
}
