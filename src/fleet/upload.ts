import { randomBytes } from 'node:crypto';
import { LAYOUT } from '../cache/entry.ts';
import { describe, isDamage, type LocalCache, type LocalEntry } from '../cache/local.ts';
import { PkgCacheError, systemCode } from '../errors.ts';
import { isRefusal } from '../store/failure.ts';
import type { Store } from '../store/store.ts';
import { push } from './push.ts';
import type { Refusals } from './refusals.ts';
import { mayRead } from './small.ts';

export interface Uploading {
  readonly cache: LocalCache;
  readonly store: Store;
  readonly refusals: Refusals | undefined;
  readonly log: (message: string) => void;
}

/** `refused`: the store, or this machine, does not do that with this entry; others may do. `damaged`: it is not what it was, and was put aside. */
export type Outcome = 'created' | 'exists' | 'refused' | 'damaged';

/** Uploads an entry. Throws STORE_* for what concerns all of them: a store that is down, full or may not be written. */
export async function upload(uploading: Uploading, local: LocalEntry): Promise<Outcome> {
  const { cache, store, refusals, log } = uploading;
  const what = describe(local.entry);
  try {
    return await push(cache, store, local);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (isDamage(error)) {
      log(`not uploaded: ${what}: ${message}`);
      if (cache.byId(local.id)) cache.quarantine(local);
      return 'damaged';
    }
    if (!(await isOfEntry(store, error))) {
      refusals?.noteFailure(local.id, what, message);
      throw error;
    }
    log(`not uploaded: ${what}: ${message}`);
    refusals?.note(local.id, what, message);
    return 'refused';
  }
}

/** Whether an upload failed for its own sake: nothing is wrong with the store as a whole. */
async function isOfEntry(store: Store, error: unknown): Promise<boolean> {
  if (!(error instanceof PkgCacheError)) return systemCode(error) !== 'ABORT_ERR';
  if (error.code === 'STORE_DENIED') return await isWritable(store);
  return !error.code.startsWith('STORE_') || isRefusal(error);
}

/** What was found out of a store that was opened for a run. */
const writable = new WeakMap<Store, Promise<boolean>>();

/** Several are denied at once; one of them finds out. */
async function isWritable(store: Store): Promise<boolean> {
  const asked = writable.get(store) ?? mayRead(store).then((read) => read && mayWriteAtAll(store));
  writable.set(store, asked);
  return await asked;
}

/** Whether something can be written at all, by writing it. What may be written and not removed is removed by `pkg-cache store gc`. */
async function mayWriteAtAll(store: Store): Promise<boolean> {
  const key = `v${LAYOUT}/doctor/${randomBytes(8).toString('hex')}`;
  try {
    await store.create(key, Buffer.alloc(0));
  } catch {
    return false;
  }
  await store.remove(key).catch(() => undefined);
  return true;
}
