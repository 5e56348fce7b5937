import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { entryId, type EntryKey } from './entry.ts';
import type { LocalCache } from './local.ts';

/** Why the cache does not take an entry that is noted here. */
export const YANKED = 'its index has yanked it';

/**
 * Notes that an index has withdrawn a release (PEP 592), and takes its entry out of service. It is not taken again, wherever it comes from,
 * until the index is seen to offer it again. Throws nothing: where that cannot be noted, things stay as they were.
 */
export function noteYanked(cache: LocalCache, key: EntryKey): void {
  try {
    mkdirSync(directoryOf(cache.root), { recursive: true });
    writeFileSync(pathOf(cache.root, key), '');
    const dir = cache.entryDir(entryId(key));
    if (existsSync(dir)) cache.remove(dir);
  } catch {
    // A full disk, or somebody else's cache.
  }
}

/** Notes that an index offers a release (again). Throws nothing. */
export function forgetYanked(cache: LocalCache, key: EntryKey): void {
  try {
    rmSync(pathOf(cache.root, key), { force: true });
  } catch {
    // As above.
  }
}

/** Whether an index was last seen to have withdrawn a release. `root`: that of the cache. */
export function isYanked(root: string, key: EntryKey): boolean {
  return existsSync(pathOf(root, key));
}

function directoryOf(root: string): string {
  return `${root}/state/yanked`;
}

function pathOf(root: string, key: EntryKey): string {
  return `${directoryOf(root)}/${entryId(key)}`;
}
