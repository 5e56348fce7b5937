import { readFileSync } from 'node:fs';
import { PkgCacheError } from '../errors.ts';
import { assertSafePath } from '../archive/paths.ts';

/** A package of a lockfile, or of the hidden one in node_modules (docs.npmjs.com, package-lock.json, `packages`). */
export interface LockPackage {
  readonly name?: string;
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly inBundle?: boolean;
  readonly extraneous?: boolean;
  readonly hasInstallScript?: boolean;
  readonly deprecated?: string;
  readonly engines?: unknown;
  readonly funding?: unknown;
  readonly os?: string | readonly string[];
  readonly cpu?: string | readonly string[];
  readonly libc?: string | readonly string[];
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: unknown } | undefined>>;
}

/** The hidden lockfile of a project. */
export const HIDDEN_LOCKFILE = 'node_modules/.package-lock.json';

/** Packages by location: `node_modules/a/node_modules/b`, or a workspace's directory; '' is the project itself. */
export interface Lock {
  readonly text: string;
  readonly packages: ReadonlyMap<string, LockPackage>;
}

/**
 * Reads the text of a lockfile of version 2 or 3 (also of a hidden one, which is 3). Throws UNRECOGNISED for any other, and for one that a
 * careful npm would not have written.
 */
export function parseLock(text: string): Lock {
  const { lockfileVersion, packages } = parse(text);
  if (lockfileVersion !== 2 && lockfileVersion !== 3) throw refused('is not of version 2 or 3');
  if (typeof packages !== 'object' || packages === null || Array.isArray(packages)) throw refused('has no packages');
  const found = new Map<string, LockPackage>();
  for (const [location, value] of Object.entries(packages)) {
    if (typeof value !== 'object' || value === null) throw refused(`says nothing about ${location}`);
    if (location !== '') assertSafePath(location, 'UNRECOGNISED');
    found.set(location, value as LockPackage);
  }
  return { text, packages: found };
}

/** A lockfile that is only decoded and parsed if something asks for what is in it; asking for its packages throws as `parseLock` does. */
export function unreadLock(bytes: Buffer): Lock {
  let text: string | undefined;
  let packages: Lock['packages'] | undefined;
  return {
    get text() {
      return (text ??= bytes.toString());
    },
    get packages() {
      return (packages ??= parseLock(this.text).packages);
    },
  };
}

/** The lockfile at `path`; undefined where there is none. Throws as `parseLock` does. */
export function readLock(path: string): Lock | undefined {
  const bytes = readBytes(path);
  return bytes && parseLock(bytes.toString());
}

/** A file's bytes; undefined where there is none. */
export function readBytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** The text of a lockfile without what its URLs may say that is nobody's business: users, passwords, queries. For what is kept of it. */
export function withoutCredentials(text: string): string {
  return text.replace(USER, '//').replace(/("(?:git\+)?(?:https?|ssh|git):\/\/[^"?]*)\?[^"]*"/g, '$1"');
}

/** Whether a URL in the text of a lockfile names a user. */
export function hasCredentials(text: string): boolean {
  return text.search(USER) !== -1;
}

const USER = /\/\/[^/@\s"]+@/g;

/**
 * Whether a package comes in the tarball of another one. What the project itself bundles when it is published is marked in the same way, and
 * comes out of a tarball of its own all the same: its outermost package is marked, too (arborist's node.js, `getBundler`).
 */
export function comesInBundle(location: string, packages: Lock['packages']): boolean {
  return packages.get(location)?.inBundle === true && packages.get(outermost(location))?.inBundle !== true;
}

/** The location of the package that lies around all others in which this one lies; its own, if there is none. */
export function outermost(location: string): string {
  return /^(?:.*?\/)??node_modules\/(?:@[^/]+\/)?[^/]+/.exec(location)?.[0] ?? location;
}

/** The directories that packages of a lockfile which are not in the hidden one would have lain in. */
export function leftOutOf({ packages }: Lock, hidden: Lock): Set<string> {
  const absent = [...packages.keys()].filter((location) => isInstalled(location) && !hidden.packages.has(location));
  return new Set(absent.flatMap((location) => [...location.matchAll(/\//g)].map(({ index }) => location.slice(0, index))).filter(isInstalled));
}

/** The name under which a package is installed: the last part of its location, with its scope. */
export function nameAt(location: string): string {
  return location.slice(location.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Whether a package may be a registry's: also where the lockfile does not say where from, because it leaves that out for registries. Not what is in a file, or in git. */
export function mayBeFromRegistry({ resolved }: LockPackage): boolean {
  return resolved === undefined || /^https?:\/\//.test(resolved);
}

/** Whether a location is one that npm fills: below a node_modules directory. */
export function isInstalled(location: string): boolean {
  return location.startsWith('node_modules/') || location.includes('/node_modules/');
}

function parse(text: string): { lockfileVersion?: unknown; packages?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as { lockfileVersion?: unknown; packages?: unknown };
  } catch {
    throw refused('is no JSON');
  }
}

function refused(why: string): PkgCacheError {
  return new PkgCacheError('UNRECOGNISED', `the lockfile ${why}`);
}
