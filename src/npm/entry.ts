import type { Entry, EntryKey } from '../cache/entry.ts';
import type { LocalEntry } from '../cache/local.ts';
import { sha256 } from '../hash.ts';

/** What an entry of a registry package knows beyond its files. */
export interface PackageMeta {
  /** Subresource Integrity of the tarball, as the lockfile has it. */
  readonly integrity: string;
  /** Files whose first line begins with `#!` and ends with CR LF: as a bin, npm would change them. */
  readonly crlf: readonly string[];
  /** Files that neither everybody nor nobody may execute, and the bits of their modes that say who. */
  readonly modes?: readonly (readonly [path: string, bits: number])[];
}

/**
 * What npm made of a project: an entry as well, whose one file is the hidden lockfile. Its version is the fingerprint of all that npm went
 * by (project.ts).
 */
export interface TreeMeta {
  /** Location and integrity of each package that comes out of a tarball of its own, parents before children. */
  readonly packages: readonly (readonly [location: string, integrity: string])[];
  /** Symbolic links to workspaces and directories. */
  readonly links: readonly (readonly [location: string, target: string])[];
  /** Locations of packages that do not support this Node or npm: npm warns about each. '' is the project itself. */
  readonly unsupported: readonly string[];
  /** Locations of packages that are as their install scripts have left them: each is an entry of its own (built/key.ts). */
  readonly built: readonly string[];
  /** What npm says about install scripts that nobody has reviewed. */
  readonly unreviewed: readonly (readonly [title: string, text: string])[];
  /** Empty directories above packages that npm has left out, if there are any: npm 10 leaves those of scopes. */
  readonly empty?: readonly string[];
  /** Symbolic links in `.bin` directories. */
  readonly bins: readonly (readonly [path: string, target: string])[];
}

/** What became of something that was to be cached. */
export type Collected =
  | { readonly outcome: 'created'; readonly local: LocalEntry }
  | { readonly outcome: 'exists' }
  | { readonly outcome: 'skipped'; readonly what: string; readonly why: string };

export type PackageEntry = LocalEntry<PackageMeta>;
export type TreeEntry = LocalEntry<TreeMeta>;
export type TreeManifest = Entry<TreeMeta>;

/** The key of a registry package. It is the same whatever registry it came from: its bytes are what the integrity says. */
export function packageKey(name: string, version: string, integrity: string): EntryKey {
  return { ecosystem: 'npm', name, version, platform: 'any', origin: sha256(integrity).slice(0, 32) };
}

/** The name of no package can be this (validate-npm-package-name). */
const TREE = 'node_modules';

/** Whether a key is that of a tree. */
export function isTreeKey(key: EntryKey | undefined): boolean {
  return key?.ecosystem === 'npm' && key.name === TREE;
}

export function treeKey(fingerprint: string, platform: string): EntryKey {
  return { ecosystem: 'npm', name: TREE, version: fingerprint, platform, origin: 'project' };
}
