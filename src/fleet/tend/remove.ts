import { PkgCacheError } from '../../errors.ts';
import { isRefusal, isUnsupported } from '../../store/failure.ts';
import type { Fleet } from '../fleet.ts';

/** Removes an object, and says whether it may be gone now. Resolves to false where this worker may not remove anything. Throws STORE_UNAVAILABLE. */
export type Remove = (key: string) => Promise<boolean>;

/** After so many objects in a row that may not be removed no more is tried. */
const MOST_DENIED = 3;

/**
 * What may not be removed stays, and all that does not need it goes on. One object that is kept (by a lock, say) is no reason to leave the others;
 * credentials that may not remove anything are said to be so once.
 */
export function remover({ store, log }: Pick<Fleet, 'store' | 'log'>): Remove {
  let denied = 0;
  return async (key) => {
    if (denied >= MOST_DENIED) return false;
    try {
      await store.remove(key);
      denied = 0;
      return true;
    } catch (error) {
      if (!(error instanceof PkgCacheError) || (error.code !== 'STORE_DENIED' && !isRefusal(error) && !isUnsupported(error))) throw error;
      if (++denied === 1) log(`not removed from the store: ${key}: ${error.message}`);
      if (denied === MOST_DENIED) log('nothing old is removed from the store today');
      return false;
    }
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
