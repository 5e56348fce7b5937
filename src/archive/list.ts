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
  return readRows(text, code).map(fileOf);
}

/** As `readFileList`; the files as the list has them. */
export function readRows(text: string, code: ErrorCode): FileRow[] {
  const rows = parseRows(text, code);
  const paths = rows.map((row) => row[0]);
  if (!paths.every((path) => typeof path === 'string')) throw new PkgCacheError(code, 'the file list has a row without a path');
  assertSafePaths(paths, code);
  const malformed = rows.find((row) => !isWellFormed(row));
  if (malformed) throw new PkgCacheError(code, `the file list has a malformed row for ${JSON.stringify(malformed[0])}`);
  // With every value known to be of its type, this and the order say that `serialiseFiles` would write the same.
  if (JSON.stringify(rows) !== text || !isSorted(paths)) throw new PkgCacheError(code, 'the file list is not in its normal form');
  assertDistinctPaths(paths, code);
  return rows;
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

/** By index: to take an array apart by its iterator takes several times as long, before the code has been optimised. */
function isWellFormed(row: FileRow): boolean {
  const mtime = row[4];
  return isCount(row[1]) && isSha256(row[2]) && (row[3] === 0 || row[3] === 1) && (mtime === null || isTime(mtime));
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

/** 64 lower-case hexadecimal digits. Not by a regular expression: that is interpreted before it has been used often. */
function isSha256(value: unknown): boolean {
  if (typeof value !== 'string' || value.length !== 64) return false;
  for (let i = 0; i < 64; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x30 || code > 0x66 || (code > 0x39 && code < 0x61)) return false;
  }
  return true;
}
