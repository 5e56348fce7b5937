import { lstatSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyTree } from '../cache/ready.ts';
import { Shelf, type Ownership } from '../cache/shelf.ts';
import type { EntryKey } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import type { BuiltEntry } from './built/find.ts';
import type { BuiltMeta } from './built/key.ts';
import type { TreeEntry, TreeMeta } from './entry.ts';
import { parseLock, type Lock } from './lockfile.ts';
import { findPackages, packagesOfTree } from './packages.ts';
import { assemble } from './stage.ts';

/** A tree that is to be put together in advance. */
export interface PrepareDetails {
  readonly key: EntryKey;
  /** Of the process and of npm's settings together. */
  readonly umask: number;
  /** Ids of its built packages, by location. */
  readonly built: readonly (readonly [location: string, id: string])[];
}

/** Trees of fewer packages than this are put together as fast as a process starts. */
export const MANY_PACKAGES = 20;

/** Moves a copy of the whole tree to `destination`, if there is one that nobody has touched. */
export function takePrepared(cache: LocalCache, owner: Ownership, tree: { readonly id: string }, built: PrepareDetails['built'], destination: string): boolean {
  return shelf(cache, owner, tree, built).take(destination, isSealed);
}

/** Makes a copy of a whole tree, unless there is one, or something of it is missing by now. Every file is compared with its manifest. */
export function prepareTree(cache: LocalCache, { key, umask, built }: PrepareDetails, owner: Ownership): void {
  const tree = cache.lookup<TreeMeta>(key);
  const hidden = tree && readHidden(tree);
  if (!tree || !hidden) return;
  const { found, missing } = findPackages(cache, packagesOfTree(tree, hidden, new Set(built.map(([location]) => location))));
  const builtEntries = new Map(built.flatMap(([location, id]): [string, BuiltEntry][] => [cache.byId<BuiltMeta>(id)].flatMap((entry) => (entry ? [[location, entry]] : []))));
  if (missing.length > 0 || builtEntries.size < built.length) return;
  const parts = { cache, linkMode: 'private', umask, meta: tree.entry.meta, hidden, packages: found, built: builtEntries } as const;
  const bytes = [...found.values(), ...builtEntries.values()].reduce((sum, { entry }) => sum + entry.size, 0);
  for (const entry of [tree, ...found.values(), ...builtEntries.values()]) cache.touch(entry); // whoever takes the copy uses them
  shelf(cache, owner, tree, built).put(bytes, (directory) => {
    assemble(directory, parts);
    for (const [location, integrity] of tree.entry.meta.packages) {
      const entry = builtEntries.get(location) ?? found.get(integrity);
      if (entry) verifyTree(join(directory, location), cache.files(entry));
    }
    seal(directory);
  });
}

function shelf(cache: LocalCache, owner: Ownership, { id }: { readonly id: string }, built: PrepareDetails['built']): Shelf {
  return new Shelf(cache, owner, built.length === 0 ? id : `${id}.${sha256(JSON.stringify(built)).slice(0, 16)}`);
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

/** Lies in a copy; says when it was made, and what each directory's time was: that changes when something comes into it or goes. */
const SEAL = 'seal.json';

interface Seal {
  readonly boot: string;
  readonly directories: readonly (readonly [path: string, mtimeMs: number])[];
}

function seal(root: string): void {
  const directories: [string, number][] = [];
  const visit = (path: string): void => {
    directories.push([path, lstatSync(`${root}/${path}`).mtimeMs]);
    for (const entry of readdirSync(`${root}/${path}`, { withFileTypes: true })) if (entry.isDirectory()) visit(`${path}/${entry.name}`);
  };
  for (const name of readdirSync(root)) visit(name);
  writeFileSync(join(root, SEAL), JSON.stringify({ boot: bootId(), directories } satisfies Seal));
}

/** Tens of thousands of files cannot be looked at one by one without losing what a copy gains. */
function isSealed(root: string): boolean {
  try {
    const { boot, directories } = JSON.parse(readFileSync(join(root, SEAL), 'utf8')) as Seal;
    // A machine that lost power may have kept names and lost bytes.
    return boot === bootId() && directories.every(([path, mtimeMs]) => lstatSync(`${root}/${path}`, { throwIfNoEntry: false })?.mtimeMs === mtimeMs);
  } catch {
    return false;
  }
}

/** Another one after each start of the machine; '' where there is none (macOS). */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
  } catch {
    return '';
  }
}
