import { parseFiles, serialiseFiles, type EntryFile } from '../cache/entry.ts';
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
  const files = parseList(text, code);
  for (const file of files) checkFile(file, code);
  if (serialiseFiles(files) !== text) throw new PkgCacheError(code, 'the file list is not in its normal form');
  assertDistinctPaths(files.map((file) => file.path), code);
  return files;
}

function parseList(text: string, code: ErrorCode): EntryFile[] {
  try {
    return parseFiles(text);
  } catch (cause) {
    throw new PkgCacheError(code, 'the file list cannot be read', { cause });
  }
}

function checkFile(file: EntryFile, code: ErrorCode): void {
  if (typeof file.path !== 'string') throw new PkgCacheError(code, 'the file list has a row without a path');
  assertSafePath(file.path, code);
  const wellFormed = isCount(file.size) && isSha256(file.sha256) && (file.mtime === undefined || isTime(file.mtime));
  if (!wellFormed) throw new PkgCacheError(code, `the file list has a malformed row for ${JSON.stringify(file.path)}`);
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
