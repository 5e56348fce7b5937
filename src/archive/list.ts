import { fileOf, type EntryFile, type FileRow } from '../cache/entry.ts';
import { PkgCacheError, type ErrorCode } from '../errors.ts';
import { MAX_OCTAL } from './format.ts';
import { assertDistinctPaths, assertSafePaths } from './paths.ts';

/** The longest `files.json` that is read, in bytes: room for some 400,000 files. */
export const MAX_LIST = 64 * 2 ** 20;

/**
 * Reads the text of a `files.json` that nobody has looked at yet, and checks it as a whole: it is exactly what
 * `serialiseFiles` writes, its numbers are in range, its paths are safe and do not collide.
 * Throws a PkgCacheError with `code`: ARCHIVE_INVALID for a list from a store, ENTRY_INVALID for one of our own.
 */
export function readFileList(text: string, code: ErrorCode): EntryFile[] {
  const rows = readRows(text, code);
  assertNormal(rows, [rowsText(rows)], text, code);
  return rows.map(fileOf);
}

/** The first half of `readFileList`: rows of well-formed values and safe paths, which may collide. */
export function readRows(text: string, code: ErrorCode): FileRow[] {
  const rows = parseRows(text, code);
  const paths = rows.map((row) => row[0]);
  if (!paths.every((path) => typeof path === 'string')) throw new PkgCacheError(code, 'the file list has a row without a path');
  assertSafePaths(paths, code);
  const areHashes = areSha256(rows.map((row) => row[2]));
  const malformed = rows.find((row) => !isWellFormed(row) || (!areHashes && !areSha256([row[2]])));
  if (malformed) throw new PkgCacheError(code, `the file list has a malformed row for ${JSON.stringify(malformed[0])}`);
  return rows;
}

/** The other half: the list is exactly what `serialiseFiles` writes, and its paths do not collide. `texts`: `rowsText` of the rows, stretch by stretch. */
export function assertNormal(rows: readonly FileRow[], texts: readonly string[], text: string, code: ErrorCode): void {
  const paths = rows.map((row) => row[0]);
  // With every value known to be of its type, this and the order say that `serialiseFiles` would write the same.
  if (`[${texts.join()}]` !== text || !isSorted(paths)) throw new PkgCacheError(code, 'the file list is not in its normal form');
  assertDistinctPaths(paths, code);
}

/** Rows as they are written between the brackets of the list. */
export function rowsText(rows: readonly FileRow[]): string {
  return JSON.stringify(rows).slice(1, -1);
}

/** The rows of a `rowsText`. */
export function rowsOf(text: string): FileRow[] {
  return JSON.parse(`[${text}]`) as FileRow[];
}

/** Rows of the right number of values, which may be anything. */
function parseRows(text: string, code: ErrorCode): FileRow[] {
  try {
    const rows: unknown = JSON.parse(text);
    if (Array.isArray(rows) && rows.every((row) => Array.isArray(row) && row.length === 5)) return rows as FileRow[];
  } catch (cause) {
    throw new PkgCacheError(code, 'the file list cannot be read', { cause });
  }
  throw new PkgCacheError(code, 'the file list has something other than rows');
}

/** But for the hash. By index: to take an array apart by its iterator takes several times as long, before the code has been optimised. */
function isWellFormed(row: FileRow): boolean {
  const mtime = row[4];
  return isCount(row[1]) && (row[3] === 0 || row[3] === 1) && (mtime === null || isTime(mtime));
}

/** Whether the paths ascend, by code unit. Equal ones are for `assertDistinctPaths` to find. */
function isSorted(paths: readonly string[]): boolean {
  let last = '';
  return paths.every((path) => {
    const ascends = last <= path;
    last = path;
    return ascends;
  });
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTime(value: unknown): boolean {
  return isCount(value) && (value as number) <= MAX_OCTAL;
}

/** Whether each is 64 lower-case hexadecimal digits. At once: one long text is looked through faster than many short ones. */
function areSha256(values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string' && value.length === 64) && !/[^0-9a-f]/.test(values.join(''));
}
