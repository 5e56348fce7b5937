import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyTree } from '../cache/ready.ts';
import { Shelf, type Ownership } from '../cache/shelf.ts';
import { entryId, type EntryKey } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import { ENTRY_KEY } from '../manifest.ts';
import { anyText, anything, count, finite, flag, hash256, list, maybe, object, oneOf, readA, text, tuple, type Shape } from '../shape.ts';
import type { BuiltEntry } from './built/find.ts';
import type { BuiltMeta, Ingredients } from './built/key.ts';
import type { TreeEntry, TreeMeta } from './entry.ts';
import { parseLock, type Lock } from './lockfile.ts';
import type { Summary } from './output.ts';
import { findPackages, packagesOfTree } from './packages.ts';
import { ReadyPackages } from './ready-packages.ts';
import { areUntouched, bootId, DIRECTORIES, directoriesOf, readDirectories, type Directories } from './seal.ts';
import { assemble } from './stage.ts';

/** A tree that is to be put together in advance. */
export interface PrepareDetails {
  readonly key: EntryKey;
  readonly known: Known;
  /** It was put together from its packages, which may be wanted for other trees: there are to be copies of those, too. */
  readonly packages?: boolean;
}

/** What was found out about a tree when it was served: a copy of it can be served without finding that out again. */
export interface Known {
  /** The hash of the tree's manifest, which was compared with the project's lockfile. */
  readonly manifest: string;
  /** Its packages with install scripts by location: of what each is built, and the entry. */
  readonly built: readonly (readonly [location: string, ingredients: Ingredients, id: string])[];
  /** Those of them that are as their tarballs have them, and whose scripts have to be run. */
  readonly runs: readonly string[];
  readonly summary: Summary;
  /** How many entries it is put together from. */
  readonly entries: number;
  /** Of their files. */
  readonly bytes: number;
}

const KNOWN = object<Known>({
  manifest: hash256,
  built: list(tuple<Known['built'][number]>(text, object<Ingredients>({ name: text, version: text, integrity: text, closure: list(text) }), hash256)),
  runs: list(text),
  summary: object<Summary>({
    added: count,
    funded: count,
    deprecated: list(tuple<readonly [string, string]>(text, anyText)),
    unsupported: list(tuple<readonly [string, unknown]>(text, anything)),
    unreviewed: list(tuple<readonly [string, string]>(text, anyText)),
  }),
  entries: count,
  bytes: count,
});

/** Of `details` in a job that waits. */
export const PREPARE_DETAILS: Shape<PrepareDetails> = object<PrepareDetails>({ key: ENTRY_KEY, known: KNOWN, packages: maybe(flag) });

/** Trees of fewer packages than this are put together as fast as a process starts. */
export const MANY_PACKAGES = 20;

/** Whether there may be a copy of a tree. */
export function isPrepared(cache: LocalCache, owner: Ownership, key: EntryKey): boolean {
  return !new Shelf(cache, owner, entryId(key)).isEmpty;
}

/** What is known of a tree of which there is a copy. */
export function peekPrepared(cache: LocalCache, owner: Ownership, id: string): Known | undefined {
  const { first } = new Shelf(cache, owner, id);
  return first === undefined ? undefined : readA(SHAPE, join(first, SEAL))?.known;
}

/** Moves a copy of the whole tree to `destination`, if there is one that nobody has touched, and of which is known what is `wanted`; what is known. */
export function takePrepared(cache: LocalCache, owner: Ownership, id: string, destination: string, wanted: (known: Known) => boolean): Known | undefined {
  let sealed: Seal | undefined;
  const taken = new Shelf(cache, owner, id).take(destination, (copy) => {
    sealed = readA(SHAPE, join(copy, SEAL));
    return sealed !== undefined && wanted(sealed.known) && isUntouched(copy, sealed);
  });
  return taken === 'taken' ? sealed?.known : undefined;
}

/**
 * Makes a copy of a whole tree, unless there is one, or something of it is missing by now; then those of its packages, as many of each as there
 * are in the tree. Every file is compared with its manifest.
 */
export function prepareTree(cache: LocalCache, { key, known, packages }: PrepareDetails, owner: Ownership): void {
  const tree = cache.lookup<TreeMeta>(key);
  const hidden = tree && readHidden(tree);
  if (!hidden || tree?.hash !== known.manifest) return;
  const replaced = known.built.filter(([location]) => !known.runs.includes(location));
  const { found, missing } = findPackages(cache, packagesOfTree(tree, hidden, new Set(replaced.map(([location]) => location))));
  const builtEntries = new Map(replaced.flatMap(([location, , id]): [string, BuiltEntry][] => [cache.byId<BuiltMeta>(id)].flatMap((entry) => (entry ? [[location, entry]] : []))));
  if (missing.length > 0 || builtEntries.size < replaced.length) return;
  const parts = { cache, linkMode: 'private', umask: owner.umask, meta: tree.entry.meta, hidden, packages: found, built: builtEntries } as const;
  const bytes = [...found.values(), ...builtEntries.values()].reduce((sum, { entry }) => sum + entry.size, 0);
  for (const entry of [tree, ...found.values(), ...builtEntries.values()]) cache.touch(entry); // whoever takes the copy uses them
  const hadRoom = new Shelf(cache, owner, tree.id).put(bytes, (directory) => {
    assemble(directory, parts);
    for (const [location, integrity] of tree.entry.meta.packages) {
      const entry = builtEntries.get(location) ?? found.get(integrity);
      if (entry) verifyTree(join(directory, location), cache.files(entry));
    }
    // Counted here: who asked for the copy may be of an older version, which knew less.
    seal(directory, { ...known, entries: found.size + builtEntries.size, bytes });
  });
  // The same project is installed again more often than another one with the same packages.
  if (packages === true && hadRoom) new ReadyPackages(cache, owner).prepare(tree.entry.meta.packages.flatMap(([location, integrity]) => builtEntries.get(location) ?? found.get(integrity) ?? []));
}

/** The hidden lockfile of a tree; undefined for one that is damaged. */
export function readHidden({ dir, entry }: TreeEntry): Lock | undefined {
  try {
    const text = readFileSync(join(dir, 'tree/package-lock.json'), 'utf8');
    return sha256(text) === entry.archive.sha256 ? parseLock(text) : undefined;
  } catch {
    return undefined;
  }
}

/** Lie in a copy. They say what each directory's time was, the second for those inside of packages: that changes when something comes into it or goes. */
const SEAL = 'seal.json';
const INNER = 'directories.json';

/** Of a seal; those of other versions have others. */
const FORM = 6;

interface Seal {
  readonly form: typeof FORM;
  readonly boot: string;
  /** When the copy was made, in epoch milliseconds. */
  readonly made: number;
  readonly directories: Directories;
  readonly known: Known;
}

const SHAPE: Shape<Seal> = object<Seal>({ form: oneOf(FORM), boot: anyText, made: finite, directories: DIRECTORIES, known: KNOWN });

/** Nobody cleans up by age what is younger than this (milliseconds): then it is enough to look at packages' own directories. */
const YOUNG = 3_600_000;

function seal(root: string, known: Known): void {
  const all = directoriesOf(root).filter(([path]) => path !== '');
  const directories = all.filter(([path]) => PACKAGES.test(path));
  const inner = all.filter(([path]) => !PACKAGES.test(path));
  writeFileSync(join(root, INNER), JSON.stringify(inner));
  writeFileSync(join(root, SEAL), JSON.stringify({ form: FORM, boot: bootId(), made: Date.now(), directories, known } satisfies Seal));
}

/** A directory of packages, or of one of them. */
const PACKAGES = /(?:^|\/)node_modules(?:\/@[^/]+)?(?:\/[^/]+)?$/;

/** Tens of thousands of files cannot be looked at one by one without losing what a copy gains; nor thousands of directories, as long as there is no reason to. */
function isUntouched(root: string, { boot, made, directories }: Seal): boolean {
  if (boot !== bootId() || !areUntouched(root, directories)) return false;
  const age = Date.now() - made;
  return (age >= 0 && age < YOUNG) || areUntouched(root, readDirectories(join(root, INNER)));
}
