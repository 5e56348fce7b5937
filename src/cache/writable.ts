import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';
import type { LocalCache } from './local.ts';

/** Makes a directory in the cache and removes it again. Throws CACHE_UNUSABLE for another user's cache, a read-only disk and the like. */
export function assertWritable(cache: LocalCache): void {
  const staging = cache.path('staging');
  try {
    mkdirSync(staging, { recursive: true });
    rmdirSync(mkdtempSync(`${staging}/probe-`));
  } catch (error) {
    throw new PkgCacheError('CACHE_UNUSABLE', `the cache cannot be written (${whyNotWritable(staging) ?? systemCode(error) ?? 'unknown'})`, { cause: error });
  }
}

/** What the system says about the nearest directory that is there: a recursive mkdir says ENOENT on a read-only disk. */
function whyNotWritable(path: string): string | undefined {
  if (!existsSync(path)) return path === dirname(path) ? undefined : whyNotWritable(dirname(path));
  try {
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return systemCode(error);
  }
}
