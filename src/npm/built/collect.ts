import { join } from 'node:path';
import { entryId, type EntryFile, type EntryKey } from '../../cache/entry.ts';
import type { LocalCache } from '../../cache/local.ts';
import { binsOf, workspaceBins } from '../bins.ts';
import type { Collected, PackageEntry } from '../entry.ts';
import type { LockPackage } from '../lockfile.ts';
import { nameAt } from '../lockfile.ts';
import { evidenceOf, type Evidence } from './evidence.ts';
import type { BuiltEntry } from './find.ts';
import { isInUse } from './in-use.ts';
import type { BuiltMeta } from './key.ts';
import { makeBuilt, makeRunning, type Built } from './make.ts';
import { writtenOutside, type Surroundings, type Trace } from './outside.ts';
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
  /** What is to be compared with variables that scripts read: see `BuiltMeta`. */
  readonly values: readonly (readonly [name: string, value: string])[];
  /** Where it is kept that scripts write elsewhere, by location. */
  readonly outside: readonly (readonly [location: string, key: EntryKey])[];
}

interface Packages {
  readonly packages: ReadonlyMap<string, LockPackage>;
  /** Entries by integrity. */
  readonly made: ReadonlyMap<string, PackageEntry | undefined>;
}

/**
 * Makes entries of packages as their install scripts have left them. One stands for a run of the scripts if they have made something of the package,
 * wrote nothing anywhere else, and do not look at the project; else it says that they have to run every time.
 */
export function* collectBuilt(cache: LocalCache, details: BuiltDetails, packages: Packages, willCreate: (id: string) => void): Generator<Collected> {
  const { window, made } = details;
  const missing = details.keys.filter(([location, key]) => made.includes(location) && !cache.lookup(key));
  if (!window || missing.length === 0) return;
  const entryAt = (location: string): PackageEntry | undefined => packages.made.get(packages.packages.get(location)?.integrity ?? '');
  const filesAt = (location: string): ReadonlyMap<string, EntryFile> | undefined => {
    const entry = entryAt(location);
    return entry && new Map(cache.files(entry).map((file) => [file.path, file]));
  };
  const traces = writtenOutside({ ...details, own: new Set(details.keys.map(([location]) => location)), filesAt, window, bins: binsOf(packages), workspaceBins: workspaceBins(packages) });
  for (const [location, key] of missing) {
    const plain = entryAt(location);
    if (plain) yield* collectOne(cache, details, { location, key, plain, window, traces: tracesOf(location, traces, details) }, willCreate);
    else yield { outcome: 'skipped', what: location, why: 'its tarball is not cached' };
  }
}

/** What may be the work of one package's scripts. */
interface Traces {
  /** Somebody else may have left it: another package's scripts, which ran at the same time, or what has nothing to do with the install. */
  readonly possible: string | undefined;
  readonly certain: string | undefined;
}

/** By the times at which the scripts of each ran. In the home directory others write as well: there a trace has to name the package. */
function tracesOf(location: string, traces: readonly Trace[], { windows, home, directory }: BuiltDetails): Traces {
  const running = ({ at = NaN }: Trace): string[] => windows.filter(([, own]) => own.some(({ from, to }) => at >= from && at <= to)).map(([each]) => each);
  const words = nameAt(location).toLowerCase().split(/[^a-z0-9]+/).filter((word) => word.length >= 4);
  const isOthers = (path: string): boolean => path.startsWith(`${home}/`) && !path.startsWith(`${directory}/`) && !words.some((word) => path.slice(home.length).toLowerCase().includes(word));
  const possible = traces.find((trace) => {
    const by = running(trace);
    return by.length === 0 || by.includes(location);
  });
  const certain = traces.find((trace) => running(trace).join() === location && !isOthers(trace.path));
  return { possible: possible?.path, certain: certain?.path };
}

interface Made {
  readonly location: string;
  readonly key: EntryKey;
  readonly plain: PackageEntry;
  /** From the first script of any package to the end of the last. */
  readonly window: Window;
  readonly traces: Traces;
}

function* collectOne(cache: LocalCache, details: BuiltDetails, made: Made, willCreate: (id: string) => void): Generator<Collected> {
  const { location, key, plain, traces } = made;
  const create = (at: EntryKey, make: () => BuiltEntry): Collected => {
    try {
      willCreate(entryId(at));
      return { outcome: 'created', local: make() };
    } catch (error) {
      return { outcome: 'skipped', what: location, why: error instanceof Error ? error.message : String(error) };
    }
  };
  const evidence = evidenceOf({ directory: join(plain.dir, 'tree'), files: new Map(cache.files(plain).map((file) => [file.path, file])) });
  if (traces.certain !== undefined) {
    yield { outcome: 'skipped', what: location, why: writtenWhile(traces.certain) };
    const outside = new Map(details.outside).get(location);
    if (outside && !cache.lookup(outside)) yield create(outside, () => makeRunning(cache, { key: outside, plain }, 'outside'));
  }
  const runs = evidence.looksAround ? 'around' : traces.certain === undefined ? undefined : 'outside';
  if (runs) yield create(key, () => makeRunning(cache, made, runs));
  else if (isInUse(join(details.directory, location))) yield { outcome: 'skipped', what: location, why: 'a process is still at work in it' };
  else {
    const collected = create(key, () => makeBuilt(cache, builtOf(details, made, evidence)));
    yield collected;
    const isRun = collected.outcome === 'created' && (collected.local.entry.meta as BuiltMeta).runs !== undefined;
    if (isRun && traces.possible !== undefined) yield { outcome: 'skipped', what: location, why: writtenWhile(traces.possible) };
  }
}

function writtenWhile(path: string): string {
  return `while install scripts ran, ${path} was written`;
}

function builtOf({ directory, umask, windows, values }: BuiltDetails, { location, key, plain, window, traces }: Made, { variables, buildsOnly }: Evidence): Built {
  const known = new Map(values);
  return {
    key,
    path: join(directory, location),
    plain,
    window,
    own: new Map(windows).get(location) ?? [],
    umask,
    variables: variables.map((name) => [name, known.get(name) ?? '']),
    mayBeSame: buildsOnly || HARMLESS.has(key.name),
    doubt: traces.possible === undefined ? undefined : writtenWhile(traces.possible),
  };
}

/**
 * Well-known packages whose scripts were read, and do nothing outside of the package that anybody could miss: they print something, or look whether
 * what the tarball and its dependencies bring fits the machine, by what the key holds.
 */
const HARMLESS = new Set(['core-js', 'core-js-pure', 'core-js-bundle', 'es5-ext', 'sharp', '@parcel/watcher', '@swc/core', '@nestjs/core']);
