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
  const list = new FileList(text, code);
  list.check();
  return list.rows.map(fileOf);
}

/** A list that is checked in two halves: the first is enough to begin with what it says, as long as nothing of that is used before the second. */
export class FileList {
  /** Of well-formed values, with safe paths. */
  readonly rows: readonly FileRow[];
  readonly #text: string;
  readonly #code: ErrorCode;
  /** Whether the text is known to be in its normal form, but for the order of the rows. */
  readonly #isPlain: boolean;

  /** The first half. Throws a PkgCacheError with `code`. */
  constructor(text: string, code: ErrorCode) {
    this.#text = text;
    this.#code = code;
    this.rows = parseRows(text, code);
    this.#isPlain = isPlain(text, this.rows);
    if (!this.#isPlain) assertWellFormed(this.rows, code);
  }

  /** The other half: the text is exactly what `serialiseFiles` writes, and paths do not collide. Throws a PkgCacheError. */
  check(): void {
    const paths = this.rows.map((row) => row[0]);
    // With every value known to be of its type, this and the order say that `serialiseFiles` would write the same.
    if (!(this.#isPlain || JSON.stringify(this.rows) === this.#text) || !isSorted(paths)) throw this.#notNormal();
    assertDistinctPaths(paths, this.#code);
  }

  /** The text of the rows from `start` to before `end`, which `rowsOf` reads. Throws a PkgCacheError when the text is not in its normal form. */
  textOf(start: number, end: number): string {
    return this.#text.slice(this.#find(start), end < this.rows.length ? this.#find(end) - 1 : -1);
  }

  /** Where in the text a row begins. The text of one is in no other: there, its quotation marks would have a backslash before them. */
  #find(index: number): number {
    if (index === 0) return 1;
    const at = this.#text.indexOf(JSON.stringify(this.rows[index]));
    if (at < 0) throw this.#notNormal();
    return at;
  }

  #notNormal(): PkgCacheError {
    return new PkgCacheError(this.#code, 'the file list is not in its normal form');
  }
}

/** The rows of a text of `FileList.textOf`. */
export function rowsOf(text: string): FileRow[] {
  return JSON.parse(`[${text}]`) as FileRow[];
}

/** As `serialiseFiles` writes a row, if its path needs no escapes. Spelled out: to count to 64 takes twice the time. */
const ROW = new RegExp(`\\["[^"\\\\]+",(?:0|[1-9]\\d{0,9}),"${'[0-9a-f]'.repeat(64)}",[01],(?:null|0|[1-9]\\d{0,9})\\],?`, 'g');

/** What is not printable ASCII, or begins an escape; an empty segment of a path, or one that begins with a dot. */
const SUSPECT = /[^\x20-\x7e]|\\|\["[./]|\/[./"]/;

/**
 * Whether a text of rows is in its normal form, but for their order, with well-formed values and safe paths: found out in one go, as nearly
 * always. What is no longer than this cannot be too deep, either.
 */
function isPlain(text: string, rows: readonly FileRow[]): boolean {
  return !SUSPECT.test(text) && text.replace(ROW, '') === '[]' && rows.every((row) => row[0].length <= 200 && (row[4] ?? 0) <= MAX_OCTAL);
}

/** Row by row. */
function assertWellFormed(rows: readonly FileRow[], code: ErrorCode): void {
  for (const row of rows) {
    if (typeof row[0] !== 'string') throw new PkgCacheError(code, 'the file list has a row without a path');
    assertSafePath(row[0], code);
    if (!isWellFormed(row)) throw new PkgCacheError(code, `the file list has a malformed row for ${JSON.stringify(row[0])}`);
  }
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

function isSha256(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}
