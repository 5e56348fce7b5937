import { PkgCacheError } from '../../errors.ts';

/** Leaves the command to npm. `reason` must not hold a value from the configuration: it could be a credential. */
export function refuse(reason: string): never {
  throw new PkgCacheError('UNRECOGNISED', reason.slice(0, 200));
}
