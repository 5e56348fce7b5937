import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import type { Lock, LockPackage } from './lockfile.ts';

/** The links that npm makes in a `.bin` directory: targets by name. Of packages that have bins of one name, any may have won. */
export type Bins = ReadonlyMap<string, ReadonlySet<string>>;

/** The links that npm may make in the `.bin` directories of a lockfile's packages, by the path of that directory (bin-links, bin-target.js). */
export function binsOf({ packages }: Pick<Lock, 'packages'>): ReadonlyMap<string, Bins> {
  const found = new Map<string, Map<string, Set<string>>>();
  for (const [location, entry] of packages) {
    const holder = holderOf(location);
    if (holder === undefined) continue;
    const bins = found.get(holder) ?? new Map<string, Set<string>>();
    found.set(holder, bins);
    for (const [name, path] of binsAt(packages, entry)) {
      const target = posix.relative(holder, posix.join(location, posix.join('/', path)));
      bins.set(name, (bins.get(name) ?? new Set()).add(target));
    }
  }
  return found;
}

/** Whether npm may have made this link. */
export function isBin(bins: ReadonlyMap<string, Bins>, path: string, target: string): boolean {
  return bins.get(dirname(path))?.get(posix.basename(path))?.has(target) === true;
}

/** The files that are bins of workspaces, and of other directories that are linked to. */
export function workspaceBins({ packages }: Pick<Lock, 'packages'>): Set<string> {
  const linked = [...packages].filter(([location]) => holderOf(location) === undefined);
  return new Set(linked.flatMap(([location, entry]) => binsAt(packages, entry).map(([, path]) => posix.join(location, posix.join('/', path)))));
}

/** Whether a file begins with `#!` and its first line ends with CR LF, which npm makes an LF where it is a bin (bin-links, fix-bin.js). */
export function hasCrlf(bytes: Buffer): boolean {
  if (bytes.length < 2 || bytes.readUInt16BE() !== SHEBANG) return false;
  return /^#![^\n]+\r\n/.test(bytes.toString('utf8', 0, FIRST_BYTES));
}

/** The same of the file at a path; false if it is not there, or is none. */
export function isCrlfFile(path: string): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const bytes = Buffer.alloc(FIRST_BYTES);
    return hasCrlf(bytes.subarray(0, readSync(fd, bytes)));
  } catch {
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** `#!` */
const SHEBANG = 0x2321;

/** npm looks at as many. */
const FIRST_BYTES = 2048;

/** A link to a workspace or a directory has that one's bins. */
function binsAt(packages: Lock['packages'], entry: LockPackage): [name: string, path: string][] {
  const { bin } = entry.link === true ? (packages.get(entry.resolved ?? '') ?? {}) : entry;
  return Object.entries(bin ?? {}).filter(([, path]) => typeof path === 'string');
}

/** The `.bin` directory that belongs to a location; undefined for what is not installed. */
function holderOf(location: string): string | undefined {
  const end = location.lastIndexOf('node_modules/');
  return end < 0 ? undefined : `${location.slice(0, end)}node_modules/.bin`;
}
