import { PkgCacheError, type ErrorCode } from '../errors.ts';

/** Limits of the file systems that we know: NAME_MAX and PATH_MAX, in bytes. */
const MAX_SEGMENT = 255;
const MAX_PATH = 4096;
/** No package nests this deep; a bomb does. */
const MAX_DEPTH = 128;

/**
 * What is wrong with a path from an archive, a manifest or RECORD, or undefined. A safe path is relative, stays below
 * the directory it is joined to, and names the same file everywhere. Control characters are refused as well, because
 * paths end up in messages and line-based files. A backslash is a character like any other on Linux and macOS.
 */
export function unsafePath(path: string): string | undefined {
  return PLAIN.test(path) && path.length <= 200 ? undefined : unsafeAtSecondSight(path);
}

/** Segments of ASCII that do not begin with a dot: nearly all paths, recognised in one go. */
const PLAIN = /^[\x20-\x2d\x30-\x7e][\x20-\x2e\x30-\x7e]*(?:\/[\x20-\x2d\x30-\x7e][\x20-\x2e\x30-\x7e]*){0,9}$/;

function unsafeAtSecondSight(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (path.startsWith('/')) return 'is absolute';
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f]/.test(path)) return 'holds a control character';
  if (/\p{Surrogate}/u.test(path)) return 'is not Unicode text';
  if (byteLength(path) > MAX_PATH) return `is longer than ${MAX_PATH} bytes`;
  const segments = path.split('/');
  if (segments.length > MAX_DEPTH) return `is deeper than ${MAX_DEPTH} directories`;
  return segments.map(unsafeSegment).find((reason) => reason !== undefined);
}

function unsafeSegment(segment: string): string | undefined {
  if (segment === '') return 'has an empty segment';
  if (segment === '.' || segment === '..') return `has the segment ${segment}`;
  return byteLength(segment) > MAX_SEGMENT ? `has a name longer than ${MAX_SEGMENT} bytes` : undefined;
}

/** Throws a PkgCacheError with `code` when `unsafePath` has something to say. */
export function assertSafePath(path: string, code: ErrorCode = 'ARCHIVE_INVALID'): void {
  const reason = unsafePath(path);
  if (reason !== undefined) throw new PkgCacheError(code, `unsafe path ${JSON.stringify(path.slice(0, 200))}: it ${reason}`);
}

/**
 * Throws a PkgCacheError with `code` when the files of one tree would be in each other's way on some file system: a path
 * given twice, a file where another needs a directory, or names that differ only by case or Unicode normalisation.
 */
export function assertDistinctPaths(paths: readonly string[], code: ErrorCode = 'ARCHIVE_INVALID'): void {
  const names = isAscii(paths.join('')) ? paths.map((path) => path.toLowerCase()) : paths.map(folded);
  const files = new Set(names);
  if (files.size < names.length) {
    const twice = paths.find((_, i) => !files.delete(names[i] ?? ''));
    throw new PkgCacheError(code, `two files are called ${JSON.stringify(twice)}, but for case or normalisation`);
  }
  const directories = new Map<string, string>();
  let last = '/'; // the directory of the path before, with its slash: neighbours mostly share it
  for (const path of paths) {
    if (path.startsWith(last) && !path.includes('/', last.length)) continue;
    addParents(path, directories, code);
    last = path.slice(0, path.lastIndexOf('/') + 1);
  }
  if (directories.size > 1024 + 4 * files.size) throw new PkgCacheError(code, 'there are far more directories than files');
  for (const name of directories.keys()) {
    if (files.has(name)) throw new PkgCacheError(code, `${JSON.stringify(name)} is both a file and a directory`);
  }
}

/** Notes the directories above `path`, by folded name; each must be spelled as before. */
function addParents(path: string, directories: Map<string, string>, code: ErrorCode): void {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const directory = path.slice(0, end);
    const name = folded(directory);
    const known = directories.get(name);
    if (known === directory) return;
    if (known !== undefined) throw new PkgCacheError(code, `two directories are called ${JSON.stringify(directory)}, but for case`);
    directories.set(name, directory);
  }
}

/** Equal for names that a case-insensitive or normalising file system takes for one. */
function folded(path: string): string {
  if (isAscii(path)) return path.toLowerCase();
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');
}

function byteLength(text: string): number {
  return isAscii(text) ? text.length : Buffer.byteLength(text);
}

function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}
