import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { systemCode } from '../errors.ts';

/**
 * Moves what nobody wants any more into the cache's directory `trash`, by one rename; returns where it is now, or undefined if it was gone. There
 * it is deleted at the next sweep, unless the caller does it. Throws the system's error.
 */
export function moveToTrash(trash: string, path: string): string | undefined {
  mkdirSync(trash, { recursive: true });
  const aside = join(trash, randomBytes(8).toString('hex'));
  try {
    renameSync(path, aside);
    return aside;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
