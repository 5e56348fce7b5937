import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entryId, type EntryKey } from '../cache/entry.ts';
import type { LocalCache, LocalEntry } from '../cache/local.ts';
import { sha256 } from '../hash.ts';
import { supports } from './absent.ts';
import type { Captured } from './capture.ts';
import { collectBuilt, type BuiltDetails } from './built/collect.ts';
import { packageKey, type Collected, type PackageMeta, type TreeMeta } from './entry.ts';
import { mayBeFromRegistry, nameAt, parseLock, type LockPackage } from './lockfile.ts';
import type { Policy } from '../policy.ts';
import { contentPath } from './feed.ts';
import { makePackage } from './package.ts';
import { sourceOf } from './packages.ts';

/** What has to be known to collect what an npm brought, after it has ended. */
export interface CollectDetails {
  /** Of npm's own cache; the tarballs are in its `_cacache`. */
  readonly npmCache: string;
  /** The text of the project's lockfile, without credentials. */
  readonly lock: string;
  /** Where packages come from, if the lockfile does not say. */
  readonly registries?: { readonly registry?: string; readonly scopes: readonly (readonly [scope: string, url: string])[] };
  readonly npmVersion: string;
  readonly nodeVersion: string;
  /** What npm made of the project, if that can be served. */
  readonly tree: { readonly key: EntryKey; readonly captured: Captured } | undefined;
  /** Why a tree that might have been served is not one that may be shared. */
  readonly treeSkipped?: string;
  /** Packages whose install scripts have succeeded. */
  readonly built: BuiltDetails | undefined;
}

/** Makes entries of the packages of a lockfile whose tarballs npm has, and of the tree that it made of them, one at a time. */
export function* collect(cache: LocalCache, details: CollectDetails, willCreate: (id: string) => void, policy: Policy): Generator<Collected> {
  const { packages } = parseLock(details.lock);
  const made = new Map<string, LocalEntry<PackageMeta> | undefined>();
  const registries = { ...details.registries, scopes: new Map(details.registries?.scopes) };
  for (const [location, entry] of packages) {
    const { integrity, version } = entry;
    if (integrity === undefined || version === undefined || entry.link === true || made.has(integrity) || !mayBeFromRegistry(entry)) continue;
    const name = entry.name ?? nameAt(location);
    const why = policy.whyNot({ ecosystem: 'npm', name, version }, [sourceOf(name, entry, registries)]);
    const collected: Collected | undefined = why === undefined ? collectPackage(cache, details, name, version, integrity, willCreate) : { outcome: 'skipped', what: `${name}@${version}`, why };
    if (collected === undefined) continue; // npm had no need of it here
    made.set(integrity, cache.lookup(packageKey(name, version, integrity)));
    yield collected;
  }
  if (details.built) yield* collectBuilt(cache, details.built, { packages, made }, willCreate);
  if (details.treeSkipped !== undefined) yield { outcome: 'skipped', what: 'the tree', why: details.treeSkipped };
  if (details.tree) yield collectTree(cache, details, { key: details.tree.key, tree: details.tree.captured, packages, made }, willCreate);
}

function collectPackage(cache: LocalCache, { npmCache }: CollectDetails, name: string, version: string, integrity: string, willCreate: (id: string) => void): Collected | undefined {
  const key = packageKey(name, version, integrity);
  if (cache.lookup(key)) return { outcome: 'exists' };
  const tarball = findTarball(npmCache, integrity);
  if (!tarball) return undefined;
  const what = `${name}@${version}`;
  const claim = cache.claimEntry(key, 'background');
  if (!claim) return { outcome: 'skipped', what, why: 'another process is at it' };
  try {
    willCreate(entryId(key));
    return { outcome: 'created', local: makePackage(cache, key, integrity, tarball) };
  } catch (error) {
    return { outcome: 'skipped', what, why: error instanceof Error ? error.message : String(error) };
  } finally {
    claim.release();
  }
}

/** A tarball as npm keeps it; not checked yet. */
function findTarball(npmCache: string, integrity: string): Buffer | undefined {
  const path = contentPath(npmCache, integrity);
  try {
    return path === undefined ? undefined : readFileSync(path);
  } catch {
    return undefined;
  }
}

interface Seen {
  readonly key: EntryKey;
  readonly tree: Captured;
  readonly packages: ReadonlyMap<string, LockPackage>;
  /** Entries by integrity. */
  readonly made: ReadonlyMap<string, LocalEntry<PackageMeta> | undefined>;
}

function collectTree(cache: LocalCache, details: CollectDetails, seen: Seen, willCreate: (id: string) => void): Collected {
  const { key, tree } = seen;
  if (cache.lookup(key)) return { outcome: 'exists' };
  const why = whyNotServed(seen) ?? whyNotBuilt(cache, details);
  if (why !== undefined) return { outcome: 'skipped', what: 'the tree', why };
  const staging = cache.stage(key);
  try {
    mkdirSync(staging.tree, { recursive: true });
    const { hidden, ...captured } = tree;
    writeFileSync(join(staging.tree, 'package-lock.json'), hidden);
    const file = { path: 'package-lock.json', size: Buffer.byteLength(hidden), sha256: sha256(hidden), executable: false };
    const installed = parseLock(hidden).packages;
    const checked = [...seen.packages].filter(([location, entry]) => entry.optional !== true && (location === '' || installed.has(location)));
    const unsupported = checked.filter(([, entry]) => !supports(entry, details)).map(([location]) => location);
    const meta: TreeMeta = { ...captured, unsupported };
    willCreate(entryId(key));
    return { outcome: 'created', local: staging.publish(key, { version: key.version.slice(0, 12), archive: { filename: file.path, sha256: file.sha256 }, meta }, [file]) };
  } finally {
    staging.discard();
  }
}

/** What would make a served tree, or what npm says about it, another one. */
function whyNotServed({ tree, made }: Seen): string | undefined {
  const absent = tree.packages.find(([, integrity]) => made.get(integrity) === undefined);
  if (absent) return `${absent[0]} is not cached`;
  const crlf = tree.bins.find(([path, target]) => isCrlf(path, target, tree, made));
  return crlf && `npm changes the line ends of ${crlf[0]}`;
}

function whyNotBuilt(cache: LocalCache, { tree, built }: CollectDetails): string | undefined {
  const keys = new Map(built?.keys);
  const absent = tree?.captured.built.find((location) => {
    const key = keys.get(location);
    return key === undefined || cache.lookup(key) === undefined;
  });
  return absent && `what the install scripts of ${absent} have made is not cached`;
}

function isCrlf(bin: string, target: string, { packages }: Captured, made: Seen['made']): boolean {
  const path = join(dirname(bin), target);
  const holder = packages.filter(([location]) => path.startsWith(`${location}/`)).at(-1);
  return holder !== undefined && (made.get(holder[1])?.entry.meta.crlf.includes(path.slice(holder[0].length + 1)) ?? false);
}
