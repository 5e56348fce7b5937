import { DayFiles } from '../cache/day-files.ts';
import type { LocalCache } from '../cache/local.ts';

/** Why an install, or a part of it, was the real tool's, in a few words that can be counted. */
export type MissReason =
  | 'not cached' // the first time, or gone again
  | 'not closed' // something would have to be resolved
  | 'options' // an option, a setting or an environment that is not served
  | 'not recognised' // something that only the real tool may interpret
  | 'busy'; // another install was at work in the same place

/** What became of an install. No name, no path, no URL: nothing that could be a secret. */
export interface InstallEvent {
  readonly ecosystem: 'pip' | 'npm';
  /** Packages from the local cache, and from the store. */
  readonly local: number;
  readonly store: number;
  /** Packages that were left to the real tool, as far as they are known. */
  readonly missed: number;
  /** Undefined: nothing was left to it. */
  readonly why?: MissReason;
  /** Of what was placed. */
  readonly bytes: number;
  /** Entries (for npm: of the tree) by which to tell how long the real tool took for the same. */
  readonly ids: readonly string[];
}

/** A line of the statistics: an install, or (`took`) how long a real one took that brought `ids`. Times in milliseconds. */
export interface StatRecord {
  readonly t: number;
  readonly e: 'pip' | 'npm';
  readonly ms: number;
  readonly ids: readonly string[];
  readonly took?: true;
  readonly local?: number;
  readonly store?: number;
  readonly missed?: number;
  readonly why?: MissReason;
  readonly bytes?: number;
}

/** Where statistics lie. */
export function statFiles(cache: LocalCache): DayFiles {
  return new DayFiles(cache.path('state', 'stats'));
}

/** Notes an install that took `ms` of our time. Never throws: no install fails for its statistics. */
export function noteInstall(cache: LocalCache, { ecosystem: e, ids, ...counts }: InstallEvent, ms: number): void {
  append(cache, { t: Date.now(), e, ms, ids: ids.map(short), ...counts });
}

/** Notes how long the real tool took for an install that brought these entries. Never throws. */
export function noteRealInstall(cache: LocalCache, e: 'pip' | 'npm', ids: readonly string[], ms: number): void {
  append(cache, { t: Date.now(), e, ms, ids: ids.map(short), took: true });
}

/** Enough of an entry's id to tell entries of one cache apart. */
function short(id: string): string {
  return id.slice(0, 10);
}

function append(cache: LocalCache, record: StatRecord): void {
  try {
    statFiles(cache).append(record);
  } catch {
    // A full disk, or somebody else's cache.
  }
}
