import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { unsafePath } from '../../archive/paths.ts';
import { ENTRY_MODES } from '../../cache/copy.ts';
import type { EntryFile, EntryKey } from '../../cache/entry.ts';
import type { LocalCache } from '../../cache/local.ts';
import { PkgCacheError } from '../../errors.ts';
import { sha256File } from '../../hash.ts';
import type { PackageEntry } from '../entry.ts';
import type { BuiltEntry } from './find.ts';
import type { BuiltMeta } from './key.ts';

/** A package after its install scripts. */
export interface Built {
  readonly key: EntryKey;
  /** Its directory. */
  readonly path: string;
  /** As its tarball has it. */
  readonly plain: PackageEntry;
  /** When the last script ended, in epoch milliseconds: whatever is younger was made by somebody else. */
  readonly until: number;
  readonly umask: number;
}

/** Makes an entry of a package as its install scripts have left it. Throws UNRECOGNISED, saying why it cannot, or the system's error. */
export function makeBuilt(cache: LocalCache, { key, path, plain, until, umask }: Built): BuiltEntry {
  if (cache.files(plain).some((file) => file.path.startsWith('node_modules/'))) throw refused('it has packages bundled with it');
  const staging = cache.stage(key);
  try {
    mkdirSync(staging.tree, { recursive: true });
    const found = new Finder(path, until, umask);
    found.visit('');
    const files = found.files.map((file) => copyFile(path, staging.tree, file, until));
    const meta: BuiltMeta = { integrity: plain.entry.meta.integrity, links: found.links, directories: found.directories };
    return staging.publish(key, { version: key.version, archive: { filename: plain.entry.archive.filename, sha256: plain.entry.archive.sha256 }, meta }, files);
  } finally {
    staging.discard();
  }
}

interface Found {
  readonly path: string;
  readonly executable: boolean;
}

class Finder {
  readonly files: Found[] = [];
  readonly links: [string, string][] = [];
  readonly directories: string[] = [];
  readonly #root: string;
  readonly #until: number;
  readonly #umask: number;

  constructor(root: string, until: number, umask: number) {
    this.#root = root;
    this.#until = until;
    this.#umask = umask;
  }

  visit(directory: string): void {
    const names = readdirSync(join(this.#root, directory)).filter((name) => directory !== '' || name !== 'node_modules');
    if (names.length === 0 && directory !== '') this.directories.push(directory);
    for (const name of names.sort()) this.#take(directory === '' ? name : `${directory}/${name}`);
  }

  #take(path: string): void {
    const stat = lstatSync(join(this.#root, path));
    const unsafe = unsafePath(path);
    if (unsafe !== undefined) throw refused(`${path} ${unsafe}`);
    if (stat.isDirectory()) return this.visit(path);
    if (stat.ctimeMs > this.#until) throw refused(`${path} was changed afterwards`);
    if (stat.isSymbolicLink()) this.links.push([path, readlinkSync(join(this.#root, path))]);
    else if (stat.isFile()) this.files.push({ path, executable: this.#isExecutable(path, stat) });
    else throw refused(`${path} is neither file nor link`);
  }

  /** Only what the umask makes of a file, or of a program, can be made again. */
  #isExecutable(path: string, { mode }: Stats): boolean {
    const bits = mode & 0o7777;
    if (bits === ((0o666 & ~this.#umask) | 0o600)) return false;
    if (bits === ((0o777 & ~this.#umask) | 0o600)) return true;
    throw refused(`${path} has mode ${bits.toString(8)}`);
  }
}

/** Copies a file, and looks whether it is still the one that was found. */
function copyFile(from: string, to: string, { path, executable }: Found, until: number): EntryFile {
  const target = join(to, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(join(from, path), target);
  chmodSync(target, executable ? ENTRY_MODES.executable : ENTRY_MODES.file);
  if (lstatSync(join(from, path)).ctimeMs > until) throw refused(`${path} was changed afterwards`);
  return { path, size: lstatSync(target).size, sha256: sha256File(target), executable };
}

function refused(why: string): PkgCacheError {
  return new PkgCacheError('UNRECOGNISED', why);
}
