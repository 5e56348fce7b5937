import { accessSync, constants } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Env } from './config.ts';
import { PkgCacheError } from './errors.ts';

/** The first program of a name on PATH, as `env` finds it; relative entries do not count. Throws UNRECOGNISED if there is none. */
export function findOnPath(name: string, env: Env): string {
  for (const directory of (env['PATH'] ?? '').split(':')) {
    if (!isAbsolute(directory)) continue;
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  throw new PkgCacheError('UNRECOGNISED', `${name} is not on PATH`);
}
