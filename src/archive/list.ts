import { fileOf, type EntryFile, type FileRow } from '../cache/entry.ts';
import { PkgCacheError, type ErrorCode } from '../errors.ts';
import { MAX_OCTAL } from './format.ts';
import { assertDistinctPaths, assertSafePath } from './paths.ts';

/** The longest `files.json` that is read, in bytes: room for some 400,000 files. */
export const MAX_LIST = 64 * 2 ** 20;

/**
 * Reads the text of a `files.json` that nobody has looked at yet, and checks it as a whole: it is exactly what
 * `serialiseFiles` writes, its numbers are in range, its paths are safe and do not collide.
 * Throws a PkgCacheError with `code`: ARCHIVE_INVALID for a list from a store, ENTRY_INVALID for one of our own.
 */
export function readFileList(text: string, code: ErrorCode): EntryFile[] {
  const rows = parseRows(text, code);
  const files = rows.map((row) => {
    checkRow(row, code);
    return fileOf(row);
  });
  // With every value known to be of its type, this and the order say that `serialiseFiles` would write the same.
  if (JSON.stringify(rows) !== text || !isSorted(rows)) throw new PkgCacheError(code, 'the file list is not in its normal form');
  assertDistinctPaths(files.map((file) => file.path), code);
  return files;
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

function checkRow([path, size, sha256, executable, mtime]: FileRow, code: ErrorCode): void {
  if (typeof path !== 'string') throw new PkgCacheError(code, 'the file list has a row without a path');
  assertSafePath(path, code);
  const wellFormed = isCount(size) && isSha256(sha256) && (executable === 0 || executable === 1) && (mtime === null || isTime(mtime));
  if (!wellFormed) throw new PkgCacheError(code, `the file list has a malformed row for ${JSON.stringify(path)}`);
}

/** Whether the paths ascend, by code unit. Equal ones are for `assertDistinctPaths` to find. */
function isSorted(rows: readonly FileRow[]): boolean {
  let last = '';
  return rows.every(([path]) => {
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

function isSha256(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
