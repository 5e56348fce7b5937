import { PkgCacheError, systemCode } from '../errors.ts';

/** The error for an archive that is not what it claims to be. */
export function invalid(message: string, cause?: unknown): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', message, { cause });
}

/** Errors of ours as they are; those of the system, which happened while unpacking into `destDir`, with our code. */
export function asUnpackError(error: unknown, destDir: string): unknown {
  const code = systemCode(error);
  if (error instanceof PkgCacheError || code === undefined) return error;
  return new PkgCacheError('CACHE_UNUSABLE', `cannot unpack into ${destDir}: ${code}`, { cause: error });
}
