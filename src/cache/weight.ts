import { lstatSync } from 'node:fs';
import { basename } from 'node:path';
import type { EntryStatus } from './listing.ts';
import { archiveIn, type LocalCache } from './local.ts';
import { readyShelves, shelfUsage } from './shelves.ts';

/** What each entry takes: its files, the archive that one of npm keeps beside them, and its ready copies, as they are when this is made. */
export class Weights {
  readonly #shelves: ReadonlyMap<string, readonly string[]>;

  constructor(cache: LocalCache) {
    this.#shelves = readyShelves(cache);
  }

  /** In bytes. */
  of(entry: EntryStatus): number {
    const copies = this.shelvesOf(entry.path).reduce((sum, shelf) => sum + shelfUsage(shelf, () => entry.size).bytes, 0);
    return entry.size + copies + archiveSize(entry);
  }

  /** Where the ready copies of the entry in a directory are. */
  shelvesOf(dir: string): readonly string[] {
    return this.#shelves.get(basename(dir)) ?? [];
  }
}

function archiveSize({ path, key }: EntryStatus): number {
  return key?.ecosystem === 'npm' ? (lstatSync(archiveIn(path), { throwIfNoEntry: false })?.size ?? 0) : 0;
}
