import { join } from 'node:path';
import { entryId, type EntryFile, type EntryKey } from '../../cache/entry.ts';
import type { LocalCache } from '../../cache/local.ts';
import { binsOf, workspaceBins } from '../bins.ts';
import type { Collected, PackageEntry } from '../entry.ts';
import type { LockPackage } from '../lockfile.ts';
import { makeBuilt } from './make.ts';
import { isInUse } from './in-use.ts';
import { writtenOutside, type Surroundings } from './outside.ts';
import type { Window } from './window.ts';

/** What has to be known to collect what install scripts have made, after npm has ended. */
export interface BuiltDetails extends Pick<Surroundings, 'directory' | 'roots' | 'home' | 'caches'> {
  /** Keys of all packages whose scripts were to run, by location. */
  readonly keys: readonly (readonly [location: string, key: EntryKey])[];
  /** Those whose scripts did run. */
  readonly made: readonly string[];
  /** Undefined if none did. */
  readonly window: Window | undefined;
  /** When the scripts of each ran. */
  readonly windows: readonly (readonly [location: string, windows: readonly Window[]])[];
  readonly umask: number;
}

interface Packages {
  readonly packages: ReadonlyMap<string, LockPackage>;
  /** Entries by integrity. */
  readonly made: ReadonlyMap<string, PackageEntry | undefined>;
}

/** Makes entries of packages as their install scripts have left them, if these wrote nothing anywhere else. */
export function* collectBuilt(cache: LocalCache, details: BuiltDetails, packages: Packages, willCreate: (id: string) => void): Generator<Collected> {
  const { window, made } = details;
  const missing = details.keys.filter(([location, key]) => made.includes(location) && !cache.lookup(key));
  if (!window || missing.length === 0) return;
  const entryAt = (location: string): PackageEntry | undefined => packages.made.get(packages.packages.get(location)?.integrity ?? '');
  const filesAt = (location: string): ReadonlyMap<string, EntryFile> | undefined => {
    const entry = entryAt(location);
    return entry && new Map(cache.files(entry).map((file) => [file.path, file]));
  };
  const outside = writtenOutside({ ...details, own: new Set(details.keys.map(([location]) => location)), filesAt, window, bins: binsOf(packages), workspaceBins: workspaceBins(packages) });
  for (const [location, key] of missing) {
    const plain = entryAt(location);
    if (outside !== undefined) yield { outcome: 'skipped', what: location, why: `while install scripts ran, ${outside} was written` };
    else if (plain) yield collectOne(cache, details, { location, key, plain, window }, willCreate);
    else yield { outcome: 'skipped', what: location, why: 'its tarball is not cached' };
  }
}

interface Made {
  readonly location: string;
  readonly key: EntryKey;
  readonly plain: PackageEntry;
  /** From the first script of any package to the end of the last. */
  readonly window: Window;
}

function collectOne(cache: LocalCache, { directory, umask, windows }: BuiltDetails, { location, key, plain, window }: Made, willCreate: (id: string) => void): Collected {
  const path = join(directory, location);
  if (isInUse(path)) return { outcome: 'skipped', what: location, why: 'a process is still at work in it' };
  try {
    willCreate(entryId(key));
    return { outcome: 'created', local: makeBuilt(cache, { key, path, plain, window, own: new Map(windows).get(location) ?? [], umask }) };
  } catch (error) {
    return { outcome: 'skipped', what: location, why: error instanceof Error ? error.message : String(error) };
  }
}
