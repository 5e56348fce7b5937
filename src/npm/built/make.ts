import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, readlinkSync, writeFileSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { unsafePath } from '../../archive/paths.ts';
import { ENTRY_MODES } from '../../cache/copy.ts';
import type { EntryFile, EntryKey } from '../../cache/entry.ts';
import type { LocalCache } from '../../cache/local.ts';
import { PkgCacheError } from '../../errors.ts';
import { sha256, sha256File } from '../../hash.ts';
import type { Window } from './window.ts';
import type { PackageEntry } from '../entry.ts';
import type { BuiltEntry } from './find.ts';
import { leadsInside } from './links.ts';
import type { BuiltMeta, Runs } from './key.ts';

/** A package after its install scripts. */
export interface Built {
  readonly key: EntryKey;
  /** Its directory. */
  readonly path: string;
  /** As its tarball has it. */
  readonly plain: PackageEntry;
  /** From the first script of any package to the end of the last: whatever is younger was made by somebody else. */
  readonly window: Window;
  /** When its own scripts ran. */
  readonly own: readonly Window[];
  readonly umask: number;
  readonly variables: BuiltMeta['variables'];
  /** Whether scripts that change nothing of the package are known to have nothing else to do (collect.ts). */
  readonly mayBeSame: boolean;
  /** Why it is not to be kept if the scripts have changed it; undefined if there is no reason. */
  readonly doubt: string | undefined;
}

/** Makes an entry of a package as its install scripts have left it; or one that says that they have to run every time. Throws UNRECOGNISED, saying why it cannot, or the system's error. */
export function makeBuilt(cache: LocalCache, built: Built): BuiltEntry {
  const { key, path, plain, window } = built;
  const packed = new Map(cache.files(plain).map((file) => [file.path, file.sha256]));
  if ([...packed.keys()].some((file) => file.startsWith('node_modules/'))) throw refused('it has packages bundled with it');
  const staging = cache.stage(key);
  try {
    mkdirSync(staging.tree, { recursive: true });
    const found = new Finder(built, packed);
    found.visit('');
    const files = found.files.map((file) => copyFile(path, staging.tree, file, window.to));
    const isSame = found.links.length + found.directories.length === 0 && files.length === packed.size && files.every((file) => packed.get(file.path) === file.sha256);
    if (isSame && !built.mayBeSame) return makeRunning(cache, built, 'same');
    if (!isSame && built.doubt !== undefined) throw refused(built.doubt);
    const meta: BuiltMeta = { integrity: plain.entry.meta.integrity, links: found.links, directories: found.directories, ...(built.variables && { variables: built.variables }) };
    return staging.publish(key, { version: key.version, archive: { filename: plain.entry.archive.filename, sha256: plain.entry.archive.sha256 }, meta }, files);
  } finally {
    staging.discard();
  }
}

/** Makes an entry which says that the scripts of a package have to run every time. It has one file, which nobody reads. */
export function makeRunning(cache: LocalCache, { key, plain }: Pick<Built, 'key' | 'plain'>, runs: Runs): BuiltEntry {
  const staging = cache.stage(key);
  try {
    mkdirSync(staging.tree, { recursive: true });
    const path = 'runs';
    writeFileSync(join(staging.tree, path), runs, { mode: ENTRY_MODES.file });
    const meta: BuiltMeta = { integrity: plain.entry.meta.integrity, links: [], directories: [], runs };
    const { filename, sha256: archive } = plain.entry.archive;
    return staging.publish(key, { version: key.version, archive: { filename, sha256: archive }, meta }, [{ path, size: runs.length, sha256: sha256(runs), executable: false }]);
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
  readonly #built: Built;
  /** Hashes of the tarball's files, by path. */
  readonly #packed: ReadonlyMap<string, string>;

  constructor(built: Built, packed: ReadonlyMap<string, string>) {
    this.#built = built;
    this.#packed = packed;
  }

  visit(directory: string): void {
    if (!this.#isOfItsScripts(lstatSync(join(this.#built.path, directory)))) throw refused(`${directory || 'the package'} was changed while none of its scripts ran`);
    const names = readdirSync(join(this.#built.path, directory)).filter((name) => directory !== '' || name !== 'node_modules');
    if (names.length === 0 && directory !== '') this.directories.push(directory);
    for (const name of names.sort()) this.#take(directory === '' ? name : `${directory}/${name}`);
  }

  #take(path: string): void {
    const full = join(this.#built.path, path);
    const stat = lstatSync(full);
    const unsafe = unsafePath(path);
    if (unsafe !== undefined) throw refused(`${path} ${unsafe}`);
    if (stat.isDirectory()) return this.visit(path);
    const isTheirs = this.#isOfItsScripts(stat) || (stat.isFile() && sha256File(full) === this.#packed.get(path));
    if (!isTheirs) throw refused(`${path} was changed while none of its scripts ran`);
    if (stat.ctimeMs > this.#built.window.to) throw refused(`${path} was changed afterwards`);
    if (stat.isSymbolicLink()) this.links.push([path, this.#linkAt(path)]);
    else if (stat.isFile()) this.files.push({ path, executable: this.#isExecutable(path, stat) });
    else throw refused(`${path} is neither file nor link`);
  }

  /** Whether something was last changed before there were scripts, or by the package's own. That npm makes bins executable does not count. */
  #isOfItsScripts({ mtimeMs, ctimeMs }: Stats): boolean {
    const { window, own } = this.#built;
    const wasWithin = (time: number): boolean => own.some(({ from, to }) => time >= from && time <= to);
    return Math.max(mtimeMs, ctimeMs) < window.from || wasWithin(mtimeMs) || wasWithin(ctimeMs);
  }

  /** A link that leads elsewhere leads to something else elsewhere. */
  #linkAt(path: string): string {
    const target = readlinkSync(join(this.#built.path, path));
    if (!leadsInside(path, target)) throw refused(`${path} is a link to ${target}`);
    return target;
  }

  /** Only what the umask makes of a file, or of a program, can be made again. */
  #isExecutable(path: string, { mode }: Stats): boolean {
    const bits = mode & 0o7777;
    const { umask } = this.#built;
    if (bits === ((0o666 & ~umask) | 0o600)) return false;
    if (bits === ((0o777 & ~umask) | 0o600)) return true;
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
