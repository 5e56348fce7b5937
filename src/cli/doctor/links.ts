import { accessSync, constants, copyFileSync, linkSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { nearestExisting, type LinkMode } from '../../cache/copy.ts';
import type { LocalCache } from '../../cache/local.ts';
import { systemCode } from '../../errors.ts';
import { fileSystemOf } from './cache.ts';
import { checksOf, type Check } from './check.ts';

const { ok, note, problem } = checksOf('links');

/** A directory that installs go to. */
export interface Target {
  readonly name: string;
  readonly path: string;
}

/** How files get from the cache to where installs go to: tried out with one file in each. */
export function checkLinks(cache: LocalCache, mode: LinkMode, targets: readonly Target[]): Check[] {
  return targets.map(({ name, path }) => {
    const directory = nearestExisting(path);
    const where = `${name} ${path}, on ${fileSystemOf(directory)}`;
    try {
      accessSync(directory, constants.W_OK);
    } catch {
      return note(`${where}: not tried, it cannot be written`);
    }
    try {
      return judge(where, tryOut(cache, directory), mode);
    } catch (error) {
      return problem(`${where}: a file could not be made (${systemCode(error) ?? 'unknown error'})`, 'see whether the disk is full');
    }
  });
}

interface Means {
  readonly reflink: boolean;
  readonly hardlink: boolean;
  readonly rename: boolean;
}

function judge(where: string, { reflink, hardlink, rename }: Means, mode: LinkMode): Check {
  const means = [...(reflink ? ['reflinks'] : []), ...(hardlink ? ['hard links'] : []), 'copies', ...(rename ? ['renames of ready copies'] : [])].join(', ');
  if (mode === 'hardlink' && !hardlink) return problem(`${where}: ${means}; link_mode is hardlink, which is not possible`, 'put the cache on the same file system, or set link_mode = private');
  if (!rename) return note(`${where}: ${means}`, 'with the cache on the same file system installs are faster: ready copies are renamed into place');
  return ok(`${where}: ${means}`);
}

function tryOut(cache: LocalCache, directory: string): Means {
  const from = mkdtempSync(cache.path('state', '.probe-'));
  const to = mkdtempSync(join(directory, '.pkg-cache-probe-'));
  const succeeds = (attempt: () => void): boolean => {
    try {
      attempt();
      return true;
    } catch {
      return false;
    }
  };
  try {
    const file = join(from, 'file');
    writeFileSync(file, 'x');
    return {
      reflink: succeeds(() => copyFileSync(file, join(to, 'reflink'), constants.COPYFILE_FICLONE_FORCE)),
      hardlink: succeeds(() => linkSync(file, join(to, 'hardlink'))),
      rename: succeeds(() => renameSync(from, join(to, basename(from)))),
    };
  } finally {
    for (const path of [from, to]) rmSync(path, { recursive: true, force: true });
  }
}
