import { constants, copyFileSync, linkSync, mkdirSync, rmSync, statSync, utimesSync, chmodSync, writeFileSync, unlinkSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { PkgCacheError, systemCode } from '../errors.ts';
import type { EntryFile } from './entry.ts';

/**
 * How files come out of the cache.
 *
 * `private`: every file becomes an inode of its own, as a reflink where the file system has them, else as a copy.
 * `hardlink`: files share the cache's inodes. Saves disk and time, but what a job writes into an installed file in place it then writes
 * into every environment that was linked, and into the cache. The cache notices (size and time differ from the manifest) and drops the entry.
 */
export type LinkMode = 'private' | 'hardlink';

/** The modes that files and directories get, as pip computes them from the umask. */
export interface Modes {
  readonly file: number;
  readonly executable: number;
  readonly directory: number;
}

/** pip's modes under a umask: `0666 & ~umask`, executables `(0777 & ~umask) | 0111` (pip/_internal/utils/unpacking.py). */
export function modesFor(umask: number): Modes {
  return { file: 0o666 & ~umask, executable: (0o777 & ~umask) | 0o111, directory: 0o777 & ~umask };
}

/** Modes of what lies in an entry, whatever the umask of its maker. */
export const ENTRY_MODES: Modes = modesFor(0o022);

export interface CopyRequest {
  readonly from: string;
  readonly to: string;
  readonly files: readonly EntryFile[];
  readonly mode: LinkMode;
  readonly modes: Modes;
  /** What `canReflink` says about `from` and `to`, where that is known. */
  readonly reflink?: boolean | undefined;
}

/**
 * Copies an entry's files into the new directory `to`, which is removed again when anything fails.
 * Throws ENTRY_INVALID when a file is not as the manifest says, PLACE_FAILED when something is there already, otherwise the system error (ENOSPC, EACCES, …).
 */
export function copyTree(request: CopyRequest): void {
  const { from, to, files, modes } = request;
  const copy = copierFor(request);
  const made = new Set<string>();
  if (mkdirSync(to, { recursive: true }) === undefined) throw new PkgCacheError('PLACE_FAILED', `${to} is there already`);
  try {
    let last = '';
    for (const file of files) {
      // The paths of a list are in normal form; join() would look for that again, 50,000 times.
      const directory = file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')));
      if (directory !== last && directory !== '') makeDirectory(`${to}/${directory}`, to, made, modes.directory);
      last = directory;
      copy(`${from}/${file.path}`, `${to}/${file.path}`, file);
    }
  } catch (error) {
    rmSync(to, { recursive: true, force: true });
    throw error;
  }
}

type Copier = (source: string, target: string, file: EntryFile) => void;

function copierFor(request: CopyRequest): Copier {
  if (request.mode === 'private') return privateCopier(request);
  const { modes } = request;
  let copy: Copier | undefined;
  const published = statSync(join(dirname(request.from), 'files.json')).mtimeMs;
  return (source, target, file) => {
    const { mode } = assertUnchanged(source, file, published);
    const isShared = (mode & ALL_BITS) === modeOf(file, modes) && tryLink(source, target);
    if (!isShared) (copy ??= privateCopier(request))(source, target, file);
  };
}

/** The mode of a file is what its list says: a cache that was restored or chmodded has files of any mode. */
function modeOf(file: EntryFile, modes: Modes): number {
  return file.executable ? modes.executable : modes.file;
}

const ALL_BITS = 0o7777;

function privateCopier({ from, to, modes, reflink }: CopyRequest): Copier {
  // Asking for a reflink that cannot be had costs a system call per file, so ask once.
  const flags = constants.COPYFILE_EXCL | ((reflink ?? canReflink(from, to)) ? constants.COPYFILE_FICLONE : 0);
  return (source, target, file) => {
    copyFileSync(source, target, flags);
    const { size, mode } = statSync(target);
    // A machine that lost power may have kept a file's name and lost its bytes.
    assertSize(size, source, file);
    const wanted = modeOf(file, modes);
    if ((mode & ALL_BITS) !== wanted) chmodSync(target, wanted);
    if (file.mtime !== undefined) utimesSync(target, file.mtime, file.mtime);
  };
}

/** Link failures that only mean "copy this one": another file system, forbidden, or too many links (ext4 allows 65,000). */
const LINK_FALLBACK = new Set(['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

function tryLink(source: string, target: string): boolean {
  try {
    linkSync(source, target);
    return true;
  } catch (error) {
    if (LINK_FALLBACK.has(systemCode(error) ?? '')) return false;
    throw error;
  }
}

/** Hardlinked files may have been written to through another name; a changed size or time shows it. `published` is in ms. */
function assertUnchanged(source: string, file: EntryFile, published: number): Stats {
  const stat = statSync(source);
  const sameTime = file.mtime === undefined ? stat.mtimeMs <= published : Math.trunc(stat.mtimeMs / 1000) === file.mtime;
  if (!sameTime) throw changed(source);
  assertSize(stat.size, source, file);
  return stat;
}

function assertSize(size: number, source: string, file: EntryFile): void {
  if (size !== file.size) throw changed(source);
}

function changed(source: string): PkgCacheError {
  return new PkgCacheError('ENTRY_INVALID', `${source} was changed after it was cached`);
}

const reflinks = new Map<string, boolean>();

/** Whether files can be copied between two directories by sharing their blocks. */
export function canReflink(from: string, to: string): boolean {
  const toDevice = deviceOf(to);
  const fromDevice = deviceOf(from);
  if (fromDevice !== toDevice || fromDevice === undefined) return false;
  const pair = String(fromDevice);
  let answer = reflinks.get(pair);
  if (answer === undefined) {
    answer = probeReflink(nearestExisting(to));
    reflinks.set(pair, answer);
  }
  return answer;
}

function probeReflink(directory: string): boolean {
  const source = join(directory, `.pkg-cache-probe-${process.pid}`);
  const target = `${source}-clone`;
  try {
    writeFileSync(source, 'x', { flag: 'wx' });
    copyFileSync(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  } finally {
    for (const path of [source, target]) {
      try {
        unlinkSync(path);
      } catch {
        // Was never made.
      }
    }
  }
}

/** The device number of a path, or of the nearest directory above it that exists. */
export function deviceOf(path: string): number | undefined {
  try {
    return statSync(nearestExisting(path)).dev;
  } catch {
    return undefined;
  }
}

/** The path, or the nearest directory above it that exists. */
export function nearestExisting(path: string): string {
  let current = path;
  while (current !== dirname(current) && !statSync(current, { throwIfNoEntry: false })) current = dirname(current);
  return current;
}

function makeDirectory(directory: string, root: string, made: Set<string>, mode: number): void {
  if (directory === root || made.has(directory)) return;
  makeDirectory(dirname(directory), root, made, mode);
  mkdirSync(directory);
  if (mode !== ENTRY_MODES.directory) chmodSync(directory, mode);
  made.add(directory);
}
