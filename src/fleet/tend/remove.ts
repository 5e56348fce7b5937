import { PkgCacheError } from '../../errors.ts';
import { isUnsupported } from '../../store/failure.ts';
import type { Fleet } from '../fleet.ts';

/** Removes an object, and says whether it may be gone now. Resolves to false where this worker may not remove anything. Throws STORE_UNAVAILABLE. */
export type Remove = (key: string) => Promise<boolean>;

/** Credentials that may not remove are said to be so once; all that does not need it goes on. */
export function remover({ store, log }: Pick<Fleet, 'store' | 'log'>): Remove {
  let denied = false;
  return async (key) => {
    if (denied) return false;
    const removed = await ifAllowed(async () => {
      await store.remove(key);
      return true;
    }, (why) => log(`nothing old is removed from the store: ${why}`));
    denied = removed === undefined;
    return removed ?? false;
  };
}

/** What `work` results in; undefined, and `tell` hears why, where these credentials may not do that, or the store cannot. Throws whatever else goes wrong. */
export async function ifAllowed<T>(work: () => Promise<T>, tell: (why: string) => void): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PkgCacheError) || (error.code !== 'STORE_DENIED' && !isUnsupported(error))) throw error;
    tell(error.message);
    return undefined;
  }
}
